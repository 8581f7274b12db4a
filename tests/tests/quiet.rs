//! What the agent says of itself: with `-q` nothing but what goes wrong, else each order that it gets once.

use anyhow::{Result, ensure};
use tests::rig::{Rig, succeed};

/// Orders a recording to go on, as two calls, and to end; gives what it has said since it was ready.
fn ordered(rig: &Rig, options: &[&str], meanwhile: impl FnOnce(u32) -> Result<()>) -> Result<String> {
    let recording = rig.begin("some.reel", options, &[])?;
    let orders = "evt.type=kill and evt.arg.sig=SIGCONT and evt.failed=false";
    recording.signal(libc::SIGCONT);
    recording.signal(libc::SIGCONT);
    meanwhile(recording.pid())?;
    recording.signal(libc::SIGINT);
    let said = recording.end_and_tell()?;
    ensure!(rig.count("some.reel", orders)? >= 2, "the orders were not recorded: {said}");
    Ok(said)
}

#[test]
fn an_order_is_said_once() -> Result<()> {
    let Some(rig) = Rig::new("orders")? else { return Ok(()) };
    let said = ordered(&rig, &[], |_| Ok(()))?;
    for signal in [libc::SIGCONT, libc::SIGINT] {
        let line = format!("sysreel-agent: signal {signal} by ");
        ensure!(said.lines().filter(|said| said.starts_with(&line)).count() == 1, "{said}");
    }
    ensure!(said.contains(" events, "), "{said}");
    rig.done();
    Ok(())
}

#[test]
fn whoever_asks_for_quiet_hears_of_no_order_but_of_attempts() -> Result<()> {
    let Some(rig) = Rig::new("quiet")? else { return Ok(()) };
    let said = ordered(&rig, &["-q"], |_| Ok(()))?;
    ensure!(!said.contains("signal"), "{said}");
    // Without losses there is nothing to say.
    ensure!(said.is_empty() || rig.info("some.reel")?.number("lost")? > 0, "{said}");
    let attempt = |pid: u32| {
        let kill = format!("! kill -KILL {pid}");
        let options = ["--reuid=65534", "--clear-groups", "--inh-caps=-all"];
        succeed(rig.program("setpriv").args(options).args(["sh", "-c", &kill])).map(drop)
    };
    let said = ordered(&rig, &["-q"], attempt)?;
    ensure!(said.contains("tampering: signalled agent with signal 9 by "), "{said}");
    ensure!(said.contains("1 attempt on this recording"), "{said}");
    ensure!(!said.contains("signal 2 by "), "{said}");
    rig.done();
    Ok(())
}
