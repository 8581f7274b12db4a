//! Programs that do not want to be understood: what was seen of them is right.

use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use tests::rig::{self, Rig};

/// A folder for what the program makes, and its name.
fn folder(rig: &Rig) -> Result<(PathBuf, String)> {
    let folder = rig.file("work");
    std::fs::create_dir_all(&folder)?;
    let name = folder.to_str().context("the folder's name is no text")?.to_owned();
    Ok((folder, name))
}

/// Records `hostile` in one of its modes; gives what it says it did.
fn record(rig: &Rig, words: &[&str]) -> Result<Vec<String>> {
    record_with(rig, &["-q"], words)
}

/// The same, with these options.
fn record_with(rig: &Rig, options: &[&str], words: &[&str]) -> Result<Vec<String>> {
    let program = rig::helper("hostile")?;
    let command: Vec<&str> = [&[program.as_str()], words].concat();
    let output = rig.record("hostile.reel", options, &command)?;
    rig.info("hostile.reel")?.is_complete()?;
    Ok(String::from_utf8(output.stdout)?.lines().map(str::to_owned).collect())
}

/// The calls that carry a number.
const MARKS: &str = "evt.type=lseek and fd.num=-1";

#[test]
fn a_path_that_changes_while_it_is_opened_deceives_nobody() -> Result<()> {
    let Some(rig) = Rig::new("hostile-race")? else { return Ok(()) };
    let (_, folder) = folder(&rig)?;
    let done = record(&rig, &["race", &folder])?;
    // Before it has threads the program makes the two files.
    let opened = "evt.type in (open, openat) and evt.arg.flags=O_RDONLY and evt.rawres>=0";
    let within = format!("{opened} and fd.name startswith {folder}/");
    let mut seen = rig.lines("hostile.reel", &within, "%fd.name")?;
    for path in &mut seen {
        path.drain(..=folder.len());
    }
    ensure!(seen.len() == done.len(), "{} opens succeeded, {} are seen", done.len(), seen.len());
    if let Some(at) = (0..seen.len()).find(|&at| seen[at] != done[at]) {
        anyhow::bail!("open {at} got {}, and is shown as {}", done[at], seen[at]);
    }
    let deceived = rig.lines("hostile.reel", &within, "%fd.nameraw %fd.name")?;
    let is_deceived =
        |line: &&String| line.split_once(' ').is_some_and(|(raw, name)| raw != name && raw != "<NA>");
    ensure!(
        deceived.iter().any(|line| is_deceived(&line)),
        "a path that was changed in time is shown as the one that was asked for"
    );
    rig.done();
    Ok(())
}

#[test]
fn whoever_changes_a_path_it_is_told_what_the_kernel_opened() -> Result<()> {
    for options in [["-q"].as_slice(), &["-q", "--no-latency"]] {
        let Some(rig) = Rig::new("hostile-lies")? else { return Ok(()) };
        let (_, folder) = folder(&rig)?;
        let done = record_with(&rig, options, &["lies", &folder])?;
        let opened = format!(
            "evt.type in (open, openat) and evt.arg.flags contains O_RDONLY and fd.nameopened startswith {folder}/ and \
             evt.rawres>=0"
        );
        let seen = rig.lines("hostile.reel", &opened, "%fd.nameopened")?;
        let done: Vec<String> = done.iter().map(|name| format!("{folder}/{name}")).collect();
        ensure!(done.len() == 11 && seen == done, "{options:?}: {seen:#?} instead of {done:#?}");
        let names = rig.lines("hostile.reel", &opened, "%fd.name")?;
        let lies = names.iter().filter(|name| name.ends_with("/lied")).count();
        ensure!(lies >= 6, "{options:?}: nothing is shown by {names:#?}");
        let honest: Vec<_> = names[7..].iter().filter_map(|name| name.rsplit('/').next()).collect();
        ensure!(honest == ["link", "plain", "plain", "plain"], "{options:?}: {names:#?}");
        rig.done();
    }
    Ok(())
}

#[test]
fn what_it_is_called_later_does_not_depend_on_whether_the_opening_is_wanted() -> Result<()> {
    let mut counts = Vec::new();
    for is_selected in [false, true] {
        let Some(rig) = Rig::new("hostile-lies-closed")? else { return Ok(()) };
        let (_, folder) = folder(&rig)?;
        let close = format!("evt.type=close and proc.name=hostile and fd.name={folder}/true");
        let options = if is_selected { vec!["-q", &close] } else { vec!["-q"] };
        record_with(&rig, &options, &["lies", &folder])?;
        counts.push(rig.count("hostile.reel", &close)?);
        rig.done();
    }
    ensure!(counts[0] > 0 && counts[0] == counts[1], "{counts:?}");
    Ok(())
}

#[test]
fn each_new_name_counts_from_the_call_that_gave_it() -> Result<()> {
    let Some(rig) = Rig::new("hostile-rename")? else { return Ok(()) };
    let done = record(&rig, &["rename"])?;
    ensure!(done.len() == 500 && rig.lines("hostile.reel", MARKS, "%evt.rawarg.offset %proc.name")? == done);
    rig.done();
    Ok(())
}

#[test]
fn ten_thousand_descriptors_keep_their_names() -> Result<()> {
    let Some(rig) = Rig::new("hostile-descriptors")? else { return Ok(()) };
    let (_, folder) = folder(&rig)?;
    let done = record(&rig, &["descriptors", &folder])?;
    let used = rig.lines(
        "hostile.reel",
        &format!("evt.type=lseek and fd.name startswith {folder}/"),
        "%fd.num %fd.name",
    )?;
    ensure!(
        done.len() == 10_000 && used == done,
        "{} are right",
        used.iter().filter(|line| done.contains(line)).count()
    );
    rig.done();
    Ok(())
}

#[test]
fn paths_longer_than_any_may_be() -> Result<()> {
    let Some(rig) = Rig::new("hostile-paths")? else { return Ok(()) };
    let (_, folder) = folder(&rig)?;
    record(&rig, &["paths", &folder])?;
    ensure!(rig.count("hostile.reel", "evt.res=ENAMETOOLONG and evt.arg.name startswith aaaa")? == 1);
    let deep = rig.lines("hostile.reel", "evt.type=openat and fd.filename=deep", "%fd.name")?;
    let whole = format!("{folder}/{}deep", format!("{}/", "d".repeat(200)).repeat(70));
    ensure!(deep == [whole.clone()], "{deep:?}");
    let deeper = rig.lines("hostile.reel", "evt.type=openat and fd.filename=deeper", "%fd.name")?;
    ensure!(deeper == [format!("{whole}er")], "{deeper:?}");
    rig.done();
    Ok(())
}

#[test]
fn a_process_id_that_is_used_again_at_once_is_another_process() -> Result<()> {
    let Some(rig) = Rig::new("hostile-pids")? else { return Ok(()) };
    let done = record(&rig, &["pids"])?;
    let id = |line: &String| line.split(' ').nth(1).map(str::to_owned);
    // Other programs may take the id in between.
    let same = done.windows(2).filter(|pair| id(&pair[0]) == id(&pair[1])).count();
    ensure!(same > 20, "only {same} had the id of the one before: nothing is shown");
    let expected: Vec<String> = done
        .iter()
        .map(|line| line.split_once(' ').map(|(number, pid)| format!("{number} {pid} same-{number}")))
        .collect::<Option<_>>()
        .context("a number and an id")?;
    ensure!(rig.lines("hostile.reel", MARKS, "%evt.rawarg.offset %proc.pid %proc.name")? == expected);
    rig.done();
    Ok(())
}

#[test]
fn children_made_in_odd_ways_have_their_ids_and_parents() -> Result<()> {
    let Some(rig) = Rig::new("hostile-clones")? else { return Ok(()) };
    let mut done = record(&rig, &["clones"])?;
    let mut seen = rig.lines("hostile.reel", MARKS, "%evt.rawarg.offset %proc.pid %proc.ppid")?;
    done.sort();
    seen.sort();
    ensure!(done.len() == 9 && seen == done, "done {done:?}, seen {seen:?}");
    rig.done();
    Ok(())
}

#[test]
fn programs_without_a_file_are_told_apart() -> Result<()> {
    let Some(rig) = Rig::new("hostile-programs")? else { return Ok(()) };
    let (_, folder) = folder(&rig)?;
    record(&rig, &["programs", &folder])?;
    let executed = "evt.type=execve and evt.rawres=0 and proc.pname=hostile";
    let seen = rig.lines("hostile.reel", executed, "%proc.is_exe_from_memfd %proc.exepath")?;
    let [memory, removed] = &seen[..] else { anyhow::bail!("{seen:?}") };
    ensure!(memory.starts_with("true ") && memory.contains("memfd:hidden"), "{memory}");
    ensure!(removed.starts_with("false ") && removed.contains(&format!("{folder}/removed")), "{removed}");
    rig.done();
    Ok(())
}
