//! Any bytes at all, as a stream.

#![no_main]

use jobsweep::translate::Options;
use libfuzzer_sys::fuzz_target;

#[path = "../../tests/checks/mod.rs"]
mod checks;

fuzz_target!(|input: &[u8]| {
    for default_policy in [None, "hook-succeeded,hook-failed".parse().ok()] {
        let options = Options {
            default_policy,
            ..Options::default()
        };
        if let Err(why) = checks::check(input, &options) {
            panic!("{why}\nwith {options:?}\non\n{}", String::from_utf8_lossy(input));
        }
    }
});
