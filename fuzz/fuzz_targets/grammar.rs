//! Streams of manifests in every style that YAML has, as `tests/generated` makes them.

#![no_main]

use libfuzzer_sys::fuzz_target;

#[path = "../../tests/checks/mod.rs"]
mod checks;
#[path = "../../tests/generated/grammar/mod.rs"]
mod grammar;

fuzz_target!(|bytes: &[u8]| {
    let grammar::Generated { input, options } = grammar::generate(bytes);
    if let Err(why) = checks::check(input.as_bytes(), &options) {
        panic!("{why}\nwith {options:?} on\n{input}\nwhich is {input:?}");
    }
});
