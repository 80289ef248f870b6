//! An open watch: a response whose body has one event in each line.

use std::time::Duration;

use kube::client::Body;

use super::decode::{self, Change};
use super::failure::Failure;
use super::http_client::{in_time, next_chunk};

/// How long a watch may be silent. The API server sends a bookmark about every minute, so after a longer silence the
/// connection is dead.
pub(super) const SILENCE_LIMIT: Duration = Duration::from_secs(90);

pub(crate) struct Watch {
    /// The version from which the watch can be resumed.
    pub version: String,
    body: Body,
    buffer: Vec<u8>,
    /// How much of the buffer has no line break.
    searched: usize,
}

impl Watch {
    pub(super) fn new(version: &str, body: Body) -> Self {
        Self { version: version.to_owned(), body, buffer: Vec::new(), searched: 0 }
    }

    /// The next change, or `None` when the API server has closed the watch. If the API server reports an error, that is a
    /// [`Failure::Refused`].
    pub(crate) async fn next(&mut self) -> Result<Option<Change>, Failure> {
        loop {
            if let Some(at) = memchr::memchr(b'\n', &self.buffer[self.searched..]) {
                let end = self.searched + at;
                let event = decode::event(&self.buffer[..end]);
                self.buffer.drain(..=end);
                self.searched = 0;
                let (change, version) = event?;
                if let Some(version) = version {
                    self.version = version;
                }
                if change.is_some() {
                    return Ok(change);
                }
                continue;
            }
            self.searched = self.buffer.len();
            let chunk = next_chunk(&mut self.body, |chunk| self.buffer.extend_from_slice(chunk));
            if !in_time(SILENCE_LIMIT, chunk).await? {
                return Ok(None);
            }
        }
    }
}
