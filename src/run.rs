//! Which mode runs, with what.
use crate::translate;
use std::io::Read;
use std::process::ExitCode;
/// Runs the mode that the command line asks for.
pub fn run(cli: crate::cli::Cli) -> ExitCode {
    let mut input = Vec::new();
    let _ = std::io::stdin().read_to_end(&mut input);
    let o = translate::Options {
        default_policy: cli.filter.default_policy,
        strict: cli.filter.strict,
    };
    match translate::translate(&input, &o) {
        Ok(t) => {
            for w in &t.warnings {
                eprintln!("jobsweep: warning: {w}");
            }
            let _ = t.write_to(&mut std::io::stdout().lock());
            ExitCode::SUCCESS
        }
        Err(e) => {
            eprintln!("jobsweep: {e}");
            ExitCode::from(65)
        }
    }
}
