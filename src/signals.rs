//! The signals that stop work in a cluster.

use std::time::Duration;
use std::{io, process};

use tokio::sync::mpsc;

use crate::error::ExitCode;

/// How long the work may take to end after a second signal. A write that nobody reads may block it.
const LAST_WORDS: Duration = Duration::from_secs(1);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Signal {
    pub name: &'static str,
    pub exit_code: ExitCode,
}

pub(crate) const INTERRUPT: Signal = Signal { name: "SIGINT", exit_code: ExitCode::Interrupted };
#[cfg(any(unix, test))]
pub(crate) const TERMINATE: Signal = Signal { name: "SIGTERM", exit_code: ExitCode::Terminated };

/// Receives signals. The first asks the work to end, and the second ends the process.
pub(crate) struct Signals(mpsc::UnboundedReceiver<Signal>);

impl Signals {
    /// From now on, a signal does not end the process by itself.
    pub(crate) fn listen() -> io::Result<Self> {
        let mut source = Source::new()?;
        let (sender, received) = mpsc::unbounded_channel();
        tokio::spawn(async move {
            let first = source.next().await;
            if sender.send(first).is_err() {
                exit(first);
            }
            let second = source.next().await;
            if sender.send(second).is_ok() {
                tokio::time::sleep(LAST_WORDS).await;
            }
            exit(second);
        });
        Ok(Self(received))
    }

    pub(crate) async fn next(&mut self) -> Signal {
        match self.0.recv().await {
            Some(signal) => signal,
            None => std::future::pending().await,
        }
    }

    /// From now on, a signal ends the process as it does any program: only output is left to write.
    pub(crate) fn end_the_process(&mut self) {
        self.0.close();
        if let Ok(signal) = self.0.try_recv() {
            exit(signal);
        }
    }
}

#[expect(clippy::exit, reason = "the main thread may be stuck in a write that nobody reads")]
pub(crate) fn exit(signal: Signal) -> ! {
    process::exit(signal.exit_code.code().into())
}

#[cfg(unix)]
struct Source(tokio::signal::unix::Signal, tokio::signal::unix::Signal);

#[cfg(unix)]
impl Source {
    fn new() -> io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self(signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?))
    }

    async fn next(&mut self) -> Signal {
        tokio::select! {
            Some(()) = self.0.recv() => INTERRUPT,
            Some(()) = self.1.recv() => TERMINATE,
            else => std::future::pending().await,
        }
    }
}

#[cfg(not(unix))]
struct Source;

#[cfg(not(unix))]
impl Source {
    fn new() -> io::Result<Self> {
        Ok(Self)
    }

    async fn next(&mut self) -> Signal {
        match tokio::signal::ctrl_c().await {
            Ok(()) => INTERRUPT,
            Err(_) => std::future::pending().await,
        }
    }
}
