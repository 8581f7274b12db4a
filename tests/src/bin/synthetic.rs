//! Writes a capture that is the same everywhere: `synthetic FILE EVENTS`. For benchmarks of reading.
//!
//! 400 processes (`worker-0` to `worker-399`) take turns on four CPUs; each opens, reads and closes files, or
//! sends and receives on a connection. One process, `needle`, runs three times for a moment.

use std::fs::File;
use std::io::Write;

use anyhow::{Context, Result};
use capture_format::model::{
    Arg, Container, Descriptor, DescriptorType, Endpoint, Event, Host, Process, Role, Thread,
};
use capture_format::schema::{Abi, event_kind, syscall_nr};
use capture_format::{Tally, Writer};

const WORKERS: u32 = 400;
const FILES: u32 = 3000;
const SOCKETS: u32 = 500;
const CPUS: usize = 4;
/// The needle's number among the processes.
const NEEDLE: u32 = WORKERS + 1;
const CALLS: [&str; 7] = ["openat", "read", "write", "close", "sendto", "recvfrom", "epoll_wait"];

fn main() -> Result<()> {
    let mut args = std::env::args_os().skip(1);
    let path = args.next().context("usage: synthetic FILE EVENTS")?;
    let events = args.next().and_then(|text| text.to_str()?.parse().ok()).unwrap_or(10_000_000);
    let mut file = File::create(path)?;
    let mut writer = Writer::new(&host(), 3);
    define(&mut writer)?;
    let mut story = Story { writer, random: 1, time_ns: 1_000_000_000, events: 0, per_cpu: [0; CPUS] };
    let mut needles_left = 3;
    while story.events < events {
        if needles_left > 0 && story.events > events / 4 * (4 - needles_left) {
            needles_left -= 1;
            (0..100).try_for_each(|_| story.turn(0, NEEDLE))?;
        }
        let cpu = story.below(CPUS as u64) as usize;
        let worker = 1 + story.below(u64::from(WORKERS)) as u32;
        story.turn(cpu, worker)?;
        file.write_all(&story.writer.take())?;
    }
    for (cpu, &stored) in (0..).zip(&story.per_cpu) {
        story.writer.tally(Tally { cpu, produced: stored, stored, left_out: 0 });
    }
    file.write_all(&story.writer.finish())?;
    Ok(())
}

fn host() -> Host {
    Host {
        hostname: b"synthetic".to_vec(),
        kernel: b"6.18.0".to_vec(),
        machine: b"x86_64".to_vec(),
        cpus: CPUS as u32,
        epoch_offset_ns: 1_700_000_000_000_000_000,
        snap_bytes: 80,
        writer: b"synthetic".to_vec(),
        ..Host::default()
    }
}

fn define(writer: &mut Writer) -> Result<()> {
    for (number, call) in (1..).zip(CALLS) {
        let nr = syscall_nr(Abi::X86_64, call).context("a call of the table")?;
        writer.define(number, event_kind(Abi::X86_64, nr));
    }
    for number in 1..=20 {
        let full_id = format!("{number:064x}").into_bytes();
        writer
            .define(number, Container { full_id, runtime: "containerd".to_owned(), ..Container::default() });
    }
    for number in 1..=NEEDLE {
        let name = if number == NEEDLE { "needle".to_owned() } else { format!("worker-{}", number - 1) };
        let name = name.into_bytes();
        let process = Process {
            pid: 1000 + number,
            vpid: 1000 + number,
            ppid: 1,
            comm: name.clone(),
            exe: name.clone(),
            exe_path: [b"/usr/bin/", &name[..]].concat(),
            args: [b"--serve".to_vec(), number.to_string().into_bytes()].into(),
            cwd: b"/srv".to_vec(),
            container: number % 21,
            ..Process::default()
        };
        writer.define(number, process);
        let tid = 1000 + number;
        writer.define(number, Thread { tid, vtid: tid, comm: name, process: number, ..Thread::default() });
    }
    for number in 1..=FILES {
        let name = format!("/srv/data/{}/file-{number}.json", number % 50).into_bytes();
        let ino = u64::from(number) + 100;
        writer.define(number, Descriptor { kind: DescriptorType::File, name, ino, ..Descriptor::default() });
    }
    for number in 1..=SOCKETS {
        let end = |last: u8, port| {
            let mut address = [0; 16];
            address[..4].copy_from_slice(&[10, 0, 0, last]);
            Endpoint { address, port }
        };
        let socket = Descriptor {
            kind: DescriptorType::Ipv4,
            protocol: 6,
            socktype: 1,
            local: end(1, 40_000 + number as u16),
            remote: end((number % 200) as u8 + 2, 443),
            role: Role::Client,
            connected: true,
            ..Descriptor::default()
        };
        writer.define(FILES + number, socket);
    }
    Ok(())
}

struct Story {
    writer: Writer,
    random: u64,
    time_ns: u64,
    events: u64,
    per_cpu: [u64; CPUS],
}

impl Story {
    /// A number below a limit: Marsaglia's xorshift, so that every machine writes the same.
    fn below(&mut self, limit: u64) -> u64 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        self.random % limit
    }

    /// A process does some work.
    fn turn(&mut self, cpu: usize, process: u32) -> Result<()> {
        for _ in 0..4 + self.below(12) {
            if self.below(3) == 0 {
                self.exchange(cpu, process)?;
            } else {
                self.read_file(cpu, process)?;
            }
        }
        Ok(())
    }

    fn read_file(&mut self, cpu: usize, process: u32) -> Result<()> {
        let file = 1 + self.below(u64::from(FILES)) as u32;
        let path = format!("/srv/data/{}/file-{file}.json", file % 50);
        let fd = 3 + self.below(30);
        let failed = self.below(10) == 0;
        let opened = [Arg::Int(-100i64 as u64), Arg::Bytes(path.as_bytes()), Arg::Int(0), Arg::Int(0)];
        if failed {
            return self.push(cpu, process, "openat", 0, -2, &opened);
        }
        self.push(cpu, process, "openat", file, fd as i64, &opened)?;
        for part in 0..1 + self.below(3) {
            let data = format!("{{\"id\": {file}, \"part\": {part}, \"name\": \"a record of the file\"}}");
            let args = [Arg::Int(fd), Arg::Bytes(data.as_bytes()), Arg::Int(4096)];
            self.push(cpu, process, "read", file, data.len() as i64, &args)?;
        }
        self.push(cpu, process, "close", file, 0, &[Arg::Int(fd)])
    }

    fn exchange(&mut self, cpu: usize, process: u32) -> Result<()> {
        let socket = FILES + 1 + self.below(u64::from(SOCKETS)) as u32;
        let fd = 40 + self.below(30);
        let request = format!("GET /items/{} HTTP/1.1\r\nHost: shop\r\n\r\n", self.below(100_000));
        let size = Arg::Int(request.len() as u64);
        let args = [Arg::Int(fd), Arg::Bytes(request.as_bytes()), size, Arg::Int(0), Arg::Null, Arg::Int(0)];
        self.push(cpu, process, "sendto", socket, request.len() as i64, &args)?;
        let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", self.below(100_000));
        let size = Arg::Int(65_536);
        let args = [Arg::Int(fd), Arg::Bytes(answer.as_bytes()), size, Arg::Int(0), Arg::Null, Arg::Int(0)];
        self.push(cpu, process, "recvfrom", socket, answer.len() as i64, &args)
    }

    fn push(
        &mut self,
        cpu: usize,
        process: u32,
        call: &str,
        descriptor: u32,
        result: i64,
        args: &[Arg<'_>],
    ) -> Result<()> {
        self.time_ns += 500 + self.below(2000);
        let kind = CALLS.iter().position(|known| *known == call).context("a call of this story")? as u32 + 1;
        let event = Event {
            time_ns: self.time_ns,
            cpu: cpu as u16,
            kind,
            thread: process,
            descriptor,
            result: Some(result),
            latency_ns: Some(300 + self.below(4000)),
            args,
        };
        self.writer.push(&event).with_context(|| format!("a {call} event"))?;
        self.events += 1;
        self.per_cpu[cpu] += 1;
        Ok(())
    }
}
