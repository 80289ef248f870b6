//! How a sweep ends, and the exit code for that.

use crate::cleanup::sweep::rules::Kept;
use crate::cleanup::sweep::{Phase, Sweep};
use crate::cluster::old::api::Failure;
use crate::exit_code::ExitCode;
use crate::policy::Outcome;
use crate::signals::Signal;

#[derive(Debug)]
pub(crate) enum Ending {
    Swept,
    Deadline,
    Stopped(Signal),
    /// A second signal came before the deletions under way had results.
    Aborted(Signal),
    Failed(Failure),
}

pub(crate) enum Problem<'a> {
    Failed(&'a Failure),
    NeverListed,
    NotSwept { refused: usize, unreadable: usize },
}

impl Ending {
    /// A signal comes first, then a missing permission, then any other error, then the deadline, then failed Jobs.
    pub(crate) fn exit_code(&self, sweep: &Sweep, fail_on_failed: bool) -> ExitCode {
        match self {
            Self::Stopped(signal) | Self::Aborted(signal) => signal.exit_code(),
            Self::Failed(failure) if failure.status_code() == Some(403) => ExitCode::NotAllowed,
            Self::Failed(failure) => failure.exit_code(),
            _ if self.problem(sweep).is_some() => ExitCode::Failure,
            Self::Deadline => ExitCode::Deadline,
            _ if fail_on_failed && has_failed(sweep) => ExitCode::JobFailed,
            _ => ExitCode::Done,
        }
    }

    /// The value of the report's field `end`.
    pub(crate) fn name(&self, sweep: &Sweep) -> &'static str {
        match self {
            Self::Stopped(_) | Self::Aborted(_) => "stopped",
            _ if self.problem(sweep).is_some() => "error",
            Self::Deadline => "deadline",
            _ => "swept",
        }
    }

    pub(crate) fn problem(&self, sweep: &Sweep) -> Option<Problem<'_>> {
        match self {
            Self::Failed(failure) => Some(Problem::Failed(failure)),
            Self::Deadline if !sweep.was_listed() => Some(Problem::NeverListed),
            Self::Swept | Self::Deadline => not_swept(sweep),
            Self::Stopped(_) | Self::Aborted(_) => None,
        }
    }
}

fn not_swept(sweep: &Sweep) -> Option<Problem<'static>> {
    let count = |is: fn(&Phase) -> bool| sweep.jobs().filter(|tracked| is(&tracked.phase)).count();
    let refused = count(|phase| matches!(phase, Phase::Kept(Kept::Refused(_))));
    let unreadable = count(|phase| matches!(phase, Phase::Kept(Kept::Unreadable(_))));
    (refused + unreadable > 0).then_some(Problem::NotSwept { refused, unreadable })
}

/// Whether a Job that is still in scope failed.
fn has_failed(sweep: &Sweep) -> bool {
    sweep.jobs().any(|tracked| {
        tracked.job.outcome() == Some(Outcome::Failed)
            && !matches!(tracked.phase, Phase::Kept(Kept::Ignored | Kept::LeftScope | Kept::OwnJob))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cleanup::sweep::fixture::{job, listed, refused, sweep};
    use crate::cleanup::sweep::rules::Rules;

    #[test]
    fn where_several_ends_are_true_one_comes_first() {
        let failed = || listed([job("a").failed()]);
        let sweep = |scopes| sweep(Rules::default(), scopes);
        let refused = || refused([job("failed").failed(), job("due").succeeded(), job("running")]);
        let no = Failure::Unauthorized(String::new());
        for (ending, sweep, word, code) in [
            (Ending::Swept, failed(), "swept", ExitCode::JobFailed),
            (Ending::Swept, listed([]), "swept", ExitCode::Done),
            (Ending::Deadline, listed([job("a")]), "deadline", ExitCode::Deadline),
            (Ending::Deadline, sweep(1), "error", ExitCode::Failure),
            (Ending::Deadline, refused(), "error", ExitCode::Failure),
            (Ending::Failed(Failure::ConnectionLost(String::new())), refused(), "error", ExitCode::Failure),
            (Ending::Failed(Failure::Unauthorized(String::new())), refused(), "error", ExitCode::NotAllowed),
            (Ending::Failed(Failure::MayRecover(Box::new(no))), refused(), "error", ExitCode::NotAllowed),
            (Ending::Stopped(Signal::Terminate), refused(), "stopped", ExitCode::Terminated),
            (Ending::Stopped(Signal::Terminate), sweep(1), "stopped", ExitCode::Terminated),
        ] {
            let found = (ending.name(&sweep), ending.exit_code(&sweep, true));
            assert_eq!(found, (word, code), "{ending:?}");
        }
    }
}
