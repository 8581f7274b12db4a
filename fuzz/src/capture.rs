//! Any bytes are read as a capture without a panic: as a file, and as a pipe that delivers them in pieces.
#![no_main]

use capture_format::{Capture, Step, StreamDecoder};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(capture) = Capture::open(bytes) {
        let _ = capture.verify();
        for index in 0..capture.blocks().len() {
            let _ = capture.block(index);
        }
    }
    read_as_pipe(bytes);
});

/// Pieces of an odd length, so that every boundary of the format falls inside one.
fn read_as_pipe(bytes: &[u8]) {
    let mut decoder = StreamDecoder::new();
    for piece in bytes.chunks(61) {
        decoder.push(piece);
        while let Ok(Step::Segment(_) | Step::Damage(_)) = decoder.step() {}
    }
    let _ = decoder.finish();
}
