//! Applies a function to many documents on all processors.
//!
//! `rayon` is not used: its global pool panics if the system refuses a thread, and first starts one for each processor.

use std::num::NonZero;
use std::thread;

/// How many documents take longer than the start of a thread.
const WORTH_A_THREAD: usize = 64;

/// The results keep the order of the items.
pub(super) fn map<T: Sync, R: Send>(items: &[T], function: impl Fn(&T) -> R + Sync) -> Vec<R> {
    let threads = match items.len() / WORTH_A_THREAD {
        // For a short stream, even asking for the number of processors takes too long.
        0 | 1 => 1,
        worth => worth.min(thread::available_parallelism().map_or(1, NonZero::get)),
    };
    if threads == 1 { items.iter().map(function).collect() } else { map_on(threads, items, &function) }
}

fn map_on<T: Sync, R: Send>(threads: usize, items: &[T], function: &(impl Fn(&T) -> R + Sync)) -> Vec<R> {
    let on_share = |share: &[T]| -> Vec<R> { share.iter().map(function).collect() };
    thread::scope(|scope| {
        let start = |share| {
            // A limit on processes can forbid another thread. Then the current thread does the work.
            let started = thread::Builder::new().spawn_scoped(scope, move || on_share(share));
            started.map_err(|_| share)
        };
        let workers: Vec<_> = items.chunks(items.len().div_ceil(threads)).map(start).collect();
        let finish =
            |worker: Result<thread::ScopedJoinHandle<'_, Vec<R>>, &[T]>| match worker.map(|it| it.join()) {
                Ok(Ok(results)) => results,
                Ok(Err(panic)) => std::panic::resume_unwind(panic),
                Err(share) => on_share(share),
            };
        workers.into_iter().flat_map(finish).collect()
    })
}

#[cfg(test)]
mod tests {
    #[test]
    fn results_come_in_the_order_of_the_items() {
        for count in [0, 1, 63, 128, 1000] {
            let items: Vec<usize> = (0..count).collect();
            assert_eq!(
                super::map(&items, |item| item * 2),
                items.iter().map(|item| item * 2).collect::<Vec<_>>()
            );
        }
    }
}
