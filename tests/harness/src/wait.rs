//! Waits until something is true, for a limited time.

use std::time::Duration;

use anyhow::{Result, bail};
use tokio::time::{Instant, sleep};

/// How long a test waits for something that takes a second or two on an idle machine.
pub const PATIENCE: Duration = Duration::from_secs(60);

const PAUSE: Duration = Duration::from_millis(50);

/// Asks repeatedly until there is an answer. After [`PATIENCE`] the error says what the test waited for.
///
/// `ask` is not an `AsyncFnMut`, because a test could not `spawn` its future.
pub async fn until<T, F>(what: &str, ask: impl FnMut() -> F) -> Result<T>
where
    F: Future<Output = Result<Option<T>>>,
{
    within(PATIENCE, what, ask).await
}

/// The same for this long.
pub async fn within<T, F>(limit: Duration, what: &str, mut ask: impl FnMut() -> F) -> Result<T>
where
    F: Future<Output = Result<Option<T>>>,
{
    let deadline = Instant::now() + limit;
    loop {
        if let Some(answer) = ask().await? {
            return Ok(answer);
        }
        if Instant::now() > deadline {
            bail!("waited {} s in vain for {what}", limit.as_secs());
        }
        sleep(PAUSE).await;
    }
}
