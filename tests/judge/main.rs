//! Hands what jobsweep read and wrote to the judge: a Go program beside this file that reads both with the libraries
//! of Helm itself. See main.go for what it looks at, and for how to run it by hand.

mod cases;
mod examples;
mod generated;
mod go_judge;

use std::process::ExitCode;

use jobsweep_harness::trials;

fn main() -> ExitCode {
    trials::run(trials![
        go_judge::the_judge_passes_its_own_tests,
        go_judge::the_judge_objects_to_a_wrong_output,
        cases::the_judge_agrees_with_every_case,
        examples::the_judge_agrees_with_the_examples,
        generated::the_judge_agrees_with_every_generated_stream,
    ])
}
