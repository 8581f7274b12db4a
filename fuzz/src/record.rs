//! Any bytes are taken for a record of the kernel half without a panic.
#![no_main]

use libfuzzer_sys::fuzz_target;
use wire::Record;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(record) = Record::parse(bytes) {
        for section in record.sections() {
            let _ = section;
        }
        let _ = record.latency_ns();
    }
});
