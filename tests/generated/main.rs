//! Random streams in all styles of YAML. Each must pass all checks.
//!
//! A run prints its seed. `JOBSWEEP_SEED=…` repeats the run, and `JOBSWEEP_STREAMS=…` sets the number of streams. A stream
//! that fails is reduced first. With `JOBSWEEP_JSON=<file>`, the inputs and outputs are written to a file for `tests/judge`,
//! one JSON object in each line.

#![allow(clippy::print_stdout, clippy::panic, clippy::expect_used, reason = "this is a test")]

#[path = "../checks/mod.rs"]
mod checks;
mod extremes;
mod grammar;
mod random;

use std::fs::File;
use std::io::{BufWriter, Write};

use checks::{Judged, check};
use grammar::{Generated, generate};
use jobsweep::translate::{NameSuffix, Options};

/// These take some seconds without optimisation.
const STREAMS: usize = 1_000;

#[test]
fn every_generated_stream_passes_every_check() {
    let seed = number("JOBSWEEP_SEED").unwrap_or_else(random::seed);
    let streams = number("JOBSWEEP_STREAMS").map_or(STREAMS, |number| number as usize);
    println!("JOBSWEEP_SEED={seed} for {streams} streams");
    let mut json = std::env::var_os("JOBSWEEP_JSON")
        .map(|path| BufWriter::new(File::create(path).expect("the file to be writable")));

    let (mut all, mut errors) = (Judged::default(), 0);
    for (number, bytes) in random::byte_strings(seed).take(streams).enumerate() {
        let Generated { input, options } = generate(&bytes);
        let (result, judged) = match check(input.as_bytes(), &options) {
            Ok(passed) => passed,
            Err(_) => fail(seed, &bytes, generate),
        };
        all.documents += judged.documents;
        all.added += judged.added;
        all.refused += judged.refused;
        errors += usize::from(result.is_err());
        if let (Some(json), Ok(output)) = (&mut json, &result) {
            let triple = serde_json::json!({
                "name": format!("generated/{seed}/{number}"),
                "defaultPolicy": options.default_policy.as_ref().map(ToString::to_string).unwrap_or_default(),
                "input": input,
                "output": String::from_utf8_lossy(output),
            });
            writeln!(json, "{triple}").expect("the file to be writable");
        }
    }
    println!("{all:?}, {errors} streams refused");
    assert!(all.refused < all.documents / 2, "the second reader refused most of it: {all:?}");
    assert!(all.added > streams / 4, "too few streams ask for an annotation: {all:?}");
    assert!(errors < streams / 10, "too many streams are refused: {errors}");
}

/// The judge of `tests/judge` does not know of hashes, so these streams are not among those above.
#[test]
fn every_generated_stream_passes_with_hashes_in_names() {
    let seed = number("JOBSWEEP_SEED").unwrap_or_else(random::seed);
    println!("JOBSWEEP_SEED={seed}");
    for bytes in random::byte_strings(seed).take(STREAMS / 3) {
        let Generated { input, options } = with_hashes(&bytes);
        if check(input.as_bytes(), &options).is_err() {
            fail(seed, &bytes, with_hashes);
        }
    }
}

fn with_hashes(bytes: &[u8]) -> Generated {
    let Generated { input, options } = generate(bytes);
    let name_suffix = Some(NameSuffix::default());
    Generated { input, options: Options { fill_nulls: true, name_suffix, ..options } }
}

fn fail(seed: u64, bytes: &[u8], generate: fn(&[u8]) -> Generated) -> ! {
    let fails = |bytes: &[u8]| {
        let Generated { input, options } = generate(bytes);
        check(input.as_bytes(), &options).err()
    };
    let smallest = random::smallest(bytes, |bytes| fails(bytes).is_some());
    let Generated { input, options } = generate(&smallest);
    let why = fails(&smallest).unwrap_or_default();
    panic!("{why}\nwith {options:?} on\n{input}\nwhich is {input:?}\nJOBSWEEP_SEED={seed}");
}

fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok().map(|text| text.parse().expect(variable))
}
