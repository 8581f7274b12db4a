//! The capture program: loads the probes, drains the rings, writes captures.

mod clock;
mod probes;
mod rings;

fn main() -> anyhow::Result<()> {
    let options = probes::ProbeOptions { ring_bytes: 8 << 20, snap_bytes: 80, latency: std::env::var("NOLAT").is_err(), env: false, follow: std::env::var("FOLLOW").is_ok() };
    let t = std::time::Instant::now();
    let probes = probes::Probes::load(&options)?;
    eprintln!("loaded in {:?}", t.elapsed());
    let mut rings = rings::Rings::map(&probes)?;
    let secs: u64 = std::env::args().nth(1).and_then(|s| s.parse().ok()).unwrap_or(2);
    let t = std::time::Instant::now();
    let mut n = 0u64; let mut last = 0; let mut bad = 0; let mut kinds = [0u64; 8];
    while t.elapsed().as_secs() < secs {
        let p = rings.pass(|_, r| { match wire::Record::parse(r) { Ok(r) => { kinds[r.header.kind as usize] += 1; if r.header.time_ns < last { bad += 1 } last = r.header.time_ns; }, Err(e) => { eprintln!("{e:?}"); bad += 1 } } });
        n += p.records;
        if p.fill_bytes_max < 1 << 20 { std::thread::sleep(std::time::Duration::from_millis(2)); }
    }
    println!("records {n} bad {bad} {kinds:?} {:?}", rings.counts().collect::<Vec<_>>());
    Ok(())
}
