//! workload: steady work of one sort, for measuring what recording it takes.
//!
//! Usage: `workload file|network|fork ROUNDS [DIR]`. Each sort is what such programs do most: a build or a
//! database works on files, a service answers over sockets, a script starts programs. Prints nothing.

use std::fs::{self, File, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};
use std::thread;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (Some(sort), Some(Ok(rounds))) = (arguments.first(), arguments.get(1).map(|text| text.parse()))
    else {
        eprintln!("usage: workload file|network|fork ROUNDS [DIR]");
        return ExitCode::from(2);
    };
    let directory = arguments.get(2).map_or(Path::new("."), Path::new);
    let done = match sort.as_str() {
        "file" => files(directory, rounds),
        "network" => network(rounds),
        "fork" => processes(rounds),
        _ => {
            eprintln!("workload: no sort {sort}");
            return ExitCode::from(2);
        }
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("workload: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Makes, writes, reads, lists, renames and removes files of several sizes in a few folders.
fn files(directory: &Path, rounds: u32) -> std::io::Result<()> {
    let mut room = [0_u8; 4096];
    for round in 0..rounds {
        let folder = directory.join(format!("folder-{}", round % 7));
        fs::create_dir_all(&folder)?;
        let path = folder.join(format!("file-{round}.txt"));
        let mut file = OpenOptions::new().create(true).truncate(true).read(true).write(true).open(&path)?;
        for line in 0..8 {
            writeln!(file, "round {round} line {line}: the quick brown fox jumps over the lazy dog")?;
        }
        file.seek(SeekFrom::Start(0))?;
        while file.read(&mut room[..128])? > 0 {}
        drop(file);
        let renamed = path.with_extension("done");
        fs::rename(&path, &renamed)?;
        fs::metadata(&renamed)?;
        let _ = fs::metadata(folder.join("absent"));
        let mut whole = Vec::new();
        File::open("/etc/passwd")?.read_to_end(&mut whole)?;
        if round % 16 == 0 {
            fs::read_dir(&folder)?.count();
        }
        fs::remove_file(&renamed)?;
    }
    Ok(())
}

/// A server and a client on the loopback device: a connection per round, 20 requests in each.
fn network(rounds: u32) -> std::io::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    let server = thread::spawn(move || -> std::io::Result<()> {
        let mut room = [0_u8; 1024];
        for _ in 0..rounds {
            let (mut stream, _) = listener.accept()?;
            while stream.read(&mut room)? > 0 {
                stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 13\r\n\r\nHello, world\n")?;
            }
        }
        Ok(())
    });
    let mut room = [0_u8; 1024];
    for round in 0..rounds {
        let mut stream = TcpStream::connect(address)?;
        for request in 0..20 {
            stream.write_all(
                format!("GET /{round}/{request} HTTP/1.1\r\nHost: localhost\r\n\r\n").as_bytes(),
            )?;
            let _ = stream.read(&mut room)?;
        }
    }
    server.join().unwrap_or(Ok(()))
}

/// Starts short-lived programs, one after the other.
fn processes(rounds: u32) -> std::io::Result<()> {
    for round in 0..rounds {
        Command::new("/bin/echo").arg(format!("round {round}")).stdout(Stdio::null()).status()?;
    }
    Ok(())
}
