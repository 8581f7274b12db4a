//! Any text is either a filter or an error that can be shown, and so with formats; neither panics.
#![no_main]

use libfuzzer_sys::fuzz_target;
use query::{Filter, FilterError, Format};

fuzz_target!(|text: &str| {
    let errors = [Filter::parse(text).err(), Format::parse(text).err()];
    for error in errors.into_iter().flatten() {
        check(text, &error);
    }
});

fn check(text: &str, error: &FilterError) {
    assert!(error.index <= text.len(), "the place of an error is inside the text");
    let _ = error.render();
}
