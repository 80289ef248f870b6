//! The manifests under `examples/`: they are what `src/inject` makes, and a real API server takes them.
//!
//! With `JOBSWEEP_BLESS=1` in the environment the files are written instead of compared.

mod files;
mod server;

use std::process::ExitCode;

use jobsweep_harness::{trials, trials::run};

fn main() -> ExitCode {
    run(trials![
        files::every_example_is_what_the_source_makes,
        files::the_image_is_this_version,
        server::every_example_is_accepted_where_pods_are_restricted,
        server::the_account_may_do_what_a_sweep_does_and_nothing_else,
        server::an_injected_cleanup_is_accepted_twice,
        server::an_injected_cleanup_may_be_called_like_a_number,
    ])
}
