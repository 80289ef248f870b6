//! One function over many documents, on all processors.

use std::num::NonZero;
use std::thread;

/// Fewer documents than this are not worth a thread.
const WORTH_A_THREAD: usize = 64;

/// Applies a function to every item; the results come in the order of the items.
pub(super) fn map<T: Sync, R: Send>(items: &[T], function: impl Fn(&T) -> R + Sync) -> Vec<R> {
    let threads = match items.len() / WORTH_A_THREAD {
        // Already the question how many processors there are takes a while.
        0 | 1 => 1,
        worth => worth.min(thread::available_parallelism().map_or(1, NonZero::get)),
    };
    if threads == 1 {
        return items.iter().map(function).collect();
    }
    thread::scope(|scope| {
        let shares = items.chunks(items.len().div_ceil(threads));
        let function = &function;
        let workers: Vec<_> =
            shares.map(|share| scope.spawn(move || share.iter().map(function).collect::<Vec<R>>())).collect();
        let done = |worker: thread::ScopedJoinHandle<'_, Vec<R>>| match worker.join() {
            Ok(results) => results,
            Err(panic) => std::panic::resume_unwind(panic),
        };
        workers.into_iter().flat_map(done).collect()
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
