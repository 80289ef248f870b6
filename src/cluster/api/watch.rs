//! An open watch: a response whose body has one event in each line.

use std::time::Duration;

use futures_util::TryFutureExt;
use futures_util::io::{AsyncBufRead, AsyncBufReadExt};
use kube::client::Body;

use super::decode::{self, Change};
use super::failure::Failure;
use super::http_client::{in_time, reader};

/// How long a watch may be silent. The API server sends a bookmark about every minute, so after a longer silence the
/// connection is dead.
pub(super) const SILENCE_LIMIT: Duration = Duration::from_secs(90);

pub(crate) struct Watch {
    /// The version from which the watch can be resumed.
    pub version: String,
    lines: Box<dyn AsyncBufRead + Unpin>,
}

impl Watch {
    pub(super) fn new(version: &str, body: Body) -> Self {
        Self { version: version.to_owned(), lines: Box::new(reader(body)) }
    }

    /// The next change, or `None` when the API server has closed the watch. If the API server reports an error, that is a
    /// [`Failure::Refused`].
    pub(crate) async fn next(&mut self) -> Result<Option<Change>, Failure> {
        let mut line = Vec::new();
        loop {
            line.clear();
            let read = self.lines.read_until(b'\n', &mut line).map_err(Failure::connection_lost);
            in_time(SILENCE_LIMIT, read).await?;
            if line.pop() != Some(b'\n') {
                return Ok(None);
            }
            let (change, version) = decode::event(&line)?;
            if let Some(version) = version {
                self.version = version;
            }
            if change.is_some() {
                return Ok(change);
            }
        }
    }
}
