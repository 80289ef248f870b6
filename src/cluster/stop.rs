//! How work in a cluster starts, and what ends it before it is done. The same for all modes.

use std::io;
use std::time::Duration;

use tokio::runtime::{Builder, Runtime};
use tokio::time::{Instant, timeout_at};

use super::error::Error;
use crate::error::ExitCode;
use crate::signals::{Signal, Signals};

const CONNECT_LIMIT: Duration = Duration::from_secs(30);

/// How long to wait in a cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Timeout {
    /// Without a limit.
    Never,
    /// At most this long. Zero means one pass without waiting.
    After(Duration),
}

#[derive(Debug)]
pub(crate) enum Stop {
    Deadline,
    Signal(Signal),
    Failed(Error),
}

impl Timeout {
    pub(crate) fn is_zero(self) -> bool {
        self == Self::After(Duration::ZERO)
    }

    /// `None` also for a timeout of zero: there, the caller stops as soon as it could only wait.
    pub(crate) fn limit(self) -> Option<Duration> {
        match self {
            Self::After(limit) if !limit.is_zero() => Some(limit),
            _ => None,
        }
    }

    /// When connecting must have ended that starts now. A pass without waiting gives a credential plugin 30 s.
    pub(crate) fn connect_deadline(self) -> Option<Instant> {
        let limit = if self.is_zero() { Some(CONNECT_LIMIT) } else { self.limit() };
        Instant::now().checked_add(limit?)
    }
}

impl Stop {
    pub(crate) fn exit_code(&self) -> ExitCode {
        match self {
            Self::Deadline => ExitCode::Deadline,
            Self::Signal(signal) => signal.exit_code,
            Self::Failed(error) => error.exit_code(),
        }
    }
}

impl From<Error> for Stop {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

/// The runtime for all work in a cluster, and the signals that stop the work. Its thread still handles signals if a write blocks the
/// main thread.
pub(crate) fn start() -> Result<(Runtime, Signals), Error> {
    let start = || {
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
        let signals = runtime.block_on(async { Signals::listen() })?;
        Ok((runtime, signals))
    };
    start().map_err(|error: io::Error| Error::Config(format!("cannot start: {error}")))
}

/// Does `work`, unless a signal or the deadline comes first.
pub(crate) async fn unless_stopped<T, E: From<Stop>>(
    signals: &mut Signals,
    deadline: Option<Instant>,
    work: impl Future<Output = Result<T, E>>,
) -> Result<T, E> {
    tokio::select! {
        biased;
        signal = signals.next() => Err(Stop::Signal(signal).into()),
        done = before(deadline, work) => done.unwrap_or(Err(Stop::Deadline.into())),
    }
}

/// What `work` returns, unless the deadline comes first. Of two with one deadline, the inner one returns first.
pub(crate) async fn before<T>(deadline: Option<Instant>, work: impl Future<Output = T>) -> Option<T> {
    match deadline {
        Some(deadline) => timeout_at(deadline, work).await.ok(),
        None => Some(work.await),
    }
}
