//! jobsweep as the post-renderer of real Helms, and as a plugin of Helm 4.
//!
//! Where a test has to say what Helm must print, it compares with what the same Helm prints with `cat` as its
//! post-renderer: so the whole text is compared, and what is Helm's own doing does not matter.

mod errors;
mod install;
mod plugin;
mod setup;
mod template;

use std::process::ExitCode;

use jobsweep_harness::trials;

fn main() -> ExitCode {
    trials::run([template::trials(), errors::trials(), install::trials(), plugin::trials()])
}
