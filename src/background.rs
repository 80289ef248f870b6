//! Work on a thread of its own, if one can be started.

use std::sync::mpsc::{SendError, channel};
use std::thread::{Builder, JoinHandle};

/// Starts a thread that does `work` on `value`.
///
/// # Errors
/// Gives `value` back if no thread can be started, for example because of a limit of process IDs.
pub(crate) fn spawn<T: Send + 'static>(value: T, work: fn(T)) -> Result<JoinHandle<()>, T> {
    // A closure that owned the value would take it along when the thread cannot be started.
    let (sender, receiver) = channel();
    let start = move || receiver.recv().into_iter().for_each(work);
    match Builder::new().spawn(start) {
        Ok(thread) => sender.send(value).map(|()| thread).map_err(|SendError(value)| value),
        Err(_) => Err(value),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};

    use super::*;

    #[test]
    fn the_work_is_done() {
        let done = Arc::new(AtomicBool::new(false));
        let thread = spawn(Arc::clone(&done), |done| done.store(true, Ordering::SeqCst)).expect("a thread");
        thread.join().expect("no panic");
        assert!(done.load(Ordering::SeqCst));
    }
}
