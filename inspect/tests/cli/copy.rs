//! `sysreel read -w`: new captures out of old ones.

use crate::support::{Scratch, capture, capture_with_loss, run, run_with};

#[test]
fn a_copy_holds_what_matched_and_all_it_refers_to() {
    let scratch = Scratch::new();
    let file = scratch.file("a.reel", &capture(4000, 100));
    let copy = scratch.path("b.reel").display().to_string();
    let made = run(&["read", &file, "proc.name=sh", "-w", &copy]);
    assert_eq!((made.stdout.as_str(), made.stderr.as_str(), made.code), ("", "", 0));
    assert_eq!(run(&["verify", &copy]).code, 0);
    let format = "*%evt.time %evt.cpu %proc.name %proc.exepath %container.name %user.name %fd.name %evt.args";
    let of = |file: &str| run(&["read", file, "proc.name=sh", "-p", format]).stdout;
    assert_eq!(of(&copy).lines().count(), 1000);
    assert_eq!(of(&copy), of(&file));
    assert_eq!(run(&["read", &copy, "proc.name=curl", "--count"]).stdout, "0\n");
    let info: serde_json::Value =
        serde_json::from_str(&run(&["info", &copy, "-j"]).stdout).expect("an object");
    assert_eq!((&info["events"], &info["produced"], &info["lost"]), (&1000.into(), &1000.into(), &0.into()));
    assert_eq!(info["processes"].as_array().map(Vec::len), Some(1), "nothing else is copied");
}

#[test]
fn a_copy_of_a_pipe_is_the_same() {
    let bytes = capture(400, 100);
    let scratch = Scratch::new();
    let file = scratch.file("a.reel", &bytes);
    let copy = scratch.path("b.reel").display().to_string();
    assert_eq!(run_with(&["read", "-", "-w", &copy], &bytes).code, 0);
    let shown = run(&["read", &copy]).stdout;
    assert_eq!(shown.lines().count(), 400);
    assert_eq!(shown, run(&["read", &file]).stdout);
}

#[test]
fn losses_go_along() {
    let scratch = Scratch::new();
    let file = scratch.file("a.reel", &capture_with_loss());
    let copy = scratch.path("b.reel").display().to_string();
    let told = || -> Vec<u64> {
        let info: serde_json::Value =
            serde_json::from_str(&run(&["info", &copy, "-j"]).stdout).expect("an object");
        ["events", "produced", "lost", "left_out"].map(|name| info[name].as_u64().expect(name)).to_vec()
    };
    run(&["read", &file, "evt.type=close", "-w", &copy]);
    assert_eq!(told(), [2, 9, 7, 3]);
    run_with(&["read", "-", "evt.type=close", "-w", &copy], &capture_with_loss());
    assert_eq!(told(), [2, 9, 7, 3]);
    // In several files they are told once.
    run(&["read", &file, "-w", &copy, "-e", "3"]);
    let left_out = (0..3).map(|n| {
        let info = run(&["info", &format!("{copy}{n}"), "-j"]).stdout;
        serde_json::from_str::<serde_json::Value>(&info).expect("an object")["left_out"].as_u64()
    });
    assert_eq!(left_out.map(|count| count.expect("a number")).sum::<u64>(), 3);
}

#[test]
fn rotation_loses_and_doubles_nothing() {
    let scratch = Scratch::new();
    let file = scratch.file("a.reel", &capture(4000, 100));
    let whole = run(&["read", &file, "-p", "%evt.time %evt.args"]).stdout;
    let base = scratch.path("r.reel").display().to_string();
    for flags in [&["-e", "700"][..], &["-G", "1"]] {
        assert_eq!(run(&[&["read", &file, "-w", &base], flags].concat()).code, 0);
        assert_eq!(whole.lines().count(), 4000);
        let mut joined = String::new();
        let mut files = 0;
        while std::fs::exists(format!("{base}{files}")).expect("readable") {
            let name = format!("{base}{files}");
            assert_eq!(run(&["verify", &name]).code, 0);
            joined += &run(&["read", &name, "-p", "%evt.time %evt.args"]).stdout;
            std::fs::remove_file(name).expect("it is ours");
            files += 1;
        }
        assert!(files > 3, "{flags:?}: {files} files");
        assert!(joined == whole, "{flags:?}");
    }
}

#[test]
fn a_limited_rotation_keeps_the_newest() {
    let scratch = Scratch::new();
    let file = scratch.file("a.reel", &capture(1000, 100));
    let base = scratch.path("r.reel").display().to_string();
    assert_eq!(run(&["read", &file, "-w", &base, "-e", "100", "-W", "3"]).code, 0);
    let counts: Vec<String> =
        (6..10).map(|n| run(&["read", &format!("{base}{n}"), "--count"]).stdout).collect();
    assert_eq!(counts, ["", "100\n", "100\n", "100\n"]);
}

#[test]
fn buffers_are_cut_and_paths_are_not() {
    let scratch = Scratch::new();
    let file = scratch.file("a.reel", &capture(4, 4));
    let copy = scratch.path("b.reel").display().to_string();
    run(&["read", &file, "-s", "4", "-w", &copy]);
    let shown = run(&["read", &copy, "-p", "%evt.args"]).stdout;
    assert!(shown.contains("line") && !shown.contains("line 1") && shown.contains("/etc/passwd"), "{shown}");
}
