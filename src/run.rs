//! Which mode runs, with what.
use std::process::ExitCode;

/// Runs the mode that the command line asks for.
pub fn run(cli: crate::cli::Cli) -> ExitCode {
    #[cfg(feature = "cleanup")]
    if cli.cleanup {
        return crate::cleanup::run(cli.sweep, &mut std::io::stdout().lock());
    }
    ExitCode::SUCCESS
}
