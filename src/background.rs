//! Work on a thread of its own, or in place where no thread can be started, for example because of a limit of process IDs.
//!
//! `std::thread::spawn` and `tokio::task::spawn_blocking` panic there.

use std::io;
use std::sync::mpsc::{SendError, channel};
use std::thread::{Builder, JoinHandle};
use std::time::Duration;

use tokio::runtime::{self, Handle, Runtime};
use tokio::sync::oneshot;
use tokio::task::spawn_blocking;

/// Starts a thread that does `work` on `value`.
///
/// # Errors
/// Gives `value` back if no thread can be started.
pub(crate) fn spawn<T: Send + 'static>(value: T, work: fn(T)) -> Result<JoinHandle<()>, T> {
    // A closure that owned the value would take it along when the thread cannot be started.
    let (sender, receiver) = channel();
    match Builder::new().spawn(move || receiver.recv().into_iter().for_each(work)) {
        Ok(thread) => sender.send(value).map(|()| thread).map_err(|SendError(value)| value),
        Err(_) => Err(value),
    }
}

/// Does `work`, which may block, without blocking the other tasks if a thread can be started. As with `spawn_blocking`, the
/// runtime can be used in it.
///
/// # Errors
/// If `work` panics.
pub(crate) async fn run<T, W>(work: W) -> Result<T, oneshot::error::RecvError>
where
    T: Send + 'static,
    W: FnOnce() -> T + Send + 'static,
{
    fn finish<T>((work, done, runtime): (impl FnOnce() -> T, oneshot::Sender<T>, Handle)) {
        let _context = runtime.enter();
        let _ = done.send(work());
    }
    let (done, result) = oneshot::channel();
    if let Err(here) = spawn((work, done, Handle::current()), finish) {
        finish(here);
    }
    result.await
}

/// A runtime for the calling thread.
pub(crate) fn runtime() -> io::Result<Runtime> {
    // The thread of `start_pool` must not end.
    runtime::Builder::new_current_thread().enable_all().thread_keep_alive(Duration::MAX).build()
}

/// Starts a thread of tokio's pool, in which hyper resolves host names and kube runs credential plugins. Without any thread, the
/// pool panics if it cannot start one. Returns whether there is a thread.
pub(crate) async fn start_pool() -> bool {
    let can_start = Builder::new().spawn(|| ()).is_ok_and(|thread| thread.join().is_ok());
    can_start && spawn_blocking(|| ()).await.is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn work_is_done_and_a_panic_is_an_error() {
        assert_eq!(run(|| 7).await.ok(), Some(7));
        assert!(run(|| assert!(std::env::args().count() == 0, "it panics")).await.is_err());
    }
}
