//! Operations of `io_uring`: each one that a program makes is one event, with all that the program knows of it.

use std::collections::BTreeMap;

use anyhow::{Context, Result, ensure};
use tests::rig::{Rig, helper, succeed};

/// What a line of the generator says, and the same of an event.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Operation {
    user_data: u64,
    name: String,
    result: Option<i64>,
    about: String,
    thread: u32,
}

/// What is asked of an event: the operation, the two things it may be about, and how long it took.
const FORMAT: &str =
    "*%evt.rawarg.user_data\t%evt.type\t%evt.rawres\t%fd.name\t%thread.tid\t%evt.abspath\t%evt.latency";

fn printed(text: &str) -> Result<Vec<Operation>> {
    text.lines()
        .map(|line| {
            let columns: Vec<&str> = line.split('\t').collect();
            let [user_data, name, result, about, thread] = columns[..] else {
                anyhow::bail!("the generator printed {line}");
            };
            Ok(Operation {
                user_data: user_data.parse()?,
                name: name.to_owned(),
                result: result.parse().ok(),
                about: about.to_owned(),
                thread: thread.parse()?,
            })
        })
        .collect()
}

/// An operation, the path it was given, and its latency.
type Seen = (Operation, String, Option<u64>);

fn seen(rig: &Rig, capture: &str) -> Result<Vec<Seen>> {
    let output = succeed(rig.sysreel().args(["read", capture, "evt.source=io_uring", "-p", FORMAT]))?;
    let text = String::from_utf8(output.stdout)?;
    text.lines()
        .map(|line| {
            let columns: Vec<&str> = line.split('\t').collect();
            let [user_data, name, result, about, thread, path, latency] = columns[..] else {
                anyhow::bail!("an event is {line}");
            };
            let operation = Operation {
                user_data: user_data.parse().with_context(|| line.to_owned())?,
                name: name.to_owned(),
                result: result.parse().ok(),
                about: about.to_owned(),
                thread: thread.parse().with_context(|| line.to_owned())?,
            };
            Ok((operation, path.to_owned(), latency.parse().ok()))
        })
        .collect()
}

/// Whether an event is the operation that was printed.
fn is_same(printed: &Operation, (event, path, latency): &Seen) -> bool {
    let about = [&event.about, path].contains(&&printed.about) || printed.about == "-";
    let took = match printed.result {
        Some(_) => latency.is_some_and(|ns| ns > 0 && ns < 10_000_000_000),
        None => latency.is_none(),
    };
    about
        && took
        && Operation { about: String::new(), ..printed.clone() }
            == Operation { about: String::new(), ..event.clone() }
}

#[test]
fn every_operation_is_there_once() -> Result<()> {
    let Some(rig) = Rig::new("io-uring")? else { return Ok(()) };
    let output = rig.record("ring.reel", &[], &[&helper("ringgen")?])?;
    rig.info("ring.reel")?.is_complete()?;
    let printed = printed(&String::from_utf8(output.stdout)?)?;
    ensure!(printed.len() >= 140, "the generator made only {} operations", printed.len());
    let mut events: BTreeMap<u64, Vec<Seen>> = BTreeMap::new();
    for event in seen(&rig, "ring.reel")? {
        events.entry(event.0.user_data).or_default().push(event);
    }
    for operation in &printed {
        let candidates = events.get_mut(&operation.user_data).map(Vec::as_mut_slice).unwrap_or_default();
        let found = candidates.iter().position(|event| is_same(operation, event));
        let Some(found) = found else { anyhow::bail!("{operation:?} is not among {candidates:?}") };
        events.get_mut(&operation.user_data).expect("it was just found").remove(found);
    }
    let rest: Vec<_> = events.into_values().flatten().collect();
    ensure!(rest.is_empty(), "nobody asked for {rest:?}");

    // Rules written for calls find what came through a ring.
    let folder = rig.directory().display();
    let rule = format!("evt.type in (open, openat, openat2) and fd.name startswith {folder}/folder3");
    ensure!(rig.count("ring.reel", &rule)? == 4, "{rule}");
    let data = "evt.type=read and evt.source=io_uring and evt.buffer='through a ring'";
    ensure!(rig.count("ring.reel", data)? == 4, "{data}");
    #[cfg(target_arch = "x86_64")]
    narrow_layouts(&rig)?;
    rig.done();
    Ok(())
}

/// Of the ring of a 32-bit program: what pointers lead to, read in the layout that it has there.
#[cfg(target_arch = "x86_64")]
fn narrow_layouts(rig: &Rig) -> Result<()> {
    let own = "evt.abi=io_uring.i386";
    for (event, argument) in [
        ("writev", "data=narrow parts"),
        ("readv", "data=narrow parts"),
        ("sendmsg", "data=narrow parts"),
        ("sendmsg", "{cmsg_len=16 cmsg_level=1(SOL_SOCKET) cmsg_type=1(SCM_RIGHTS) cmsg_data="),
        ("recvmsg", "data=narrow parts"),
        ("recvmsg", "{cmsg_len=16 cmsg_level=1(SOL_SOCKET) cmsg_type=1(SCM_RIGHTS) cmsg_data="),
    ] {
        let lines = rig.lines("ring.reel", &format!("{own} and evt.type={event}"), "%evt.args")?;
        ensure!(lines.len() == 1 && lines[0].contains(argument), "{event} has no {argument}: {lines:?}");
    }
    // From Linux 6.7 on.
    let waited = format!("{own} and evt.type=waitid and evt.rawres=0");
    for line in rig.lines("ring.reel", &waited, "%evt.arg.pid %evt.arg.infop")? {
        let pid = line.split(['(', ' ']).next().unwrap_or_default();
        let child = format!("si_signo=17(SIGCHLD) si_errno=0 si_code=1(CLD_EXITED) si_pid={pid}");
        ensure!(line.contains(&child), "no {child} in {line}");
    }
    Ok(())
}
