//! Any text is either a filter or an error that can be shown; neither panics.
#![no_main]

use libfuzzer_sys::fuzz_target;
use query::Filter;

fuzz_target!(|text: &str| {
    if let Err(error) = Filter::parse(text) {
        assert!(error.index <= text.len(), "the place of an error is inside the text");
        let _ = error.render();
    }
});
