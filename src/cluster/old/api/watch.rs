//! An open watch: a response whose body has one event in each line.
//!
//! `FramedRead` of `tokio-util` would need an adapter from chunks to a reader, which is as long as the search for line breaks.

use std::time::Duration;

use super::decode::{self, Change};
use super::failure::Failure;
use super::http_client::{Chunks, in_time};

/// How long a watch may be silent. The API server sends a bookmark about every minute, so after a longer silence the
/// connection is dead.
pub(super) const SILENCE_LIMIT: Duration = Duration::from_secs(90);

pub(crate) struct Watch {
    pub version: String,
    chunks: Chunks,
    buffer: Vec<u8>,
}

impl Watch {
    pub(super) fn new(version: &str, chunks: Chunks) -> Self {
        Self { version: version.to_owned(), chunks, buffer: Vec::new() }
    }

    /// The next change, or `None` when the API server has closed the watch. If the API server reports an error, that is a
    /// [`Failure::Refused`].
    pub(crate) async fn next(&mut self) -> Result<Option<Change>, Failure> {
        loop {
            while let Some(end) = memchr::memchr(b'\n', &self.buffer) {
                let event = decode::event(&self.buffer[..end]);
                self.buffer.drain(..=end);
                let (change, version) = event?;
                if let Some(version) = version {
                    self.version = version;
                }
                if change.is_some() {
                    return Ok(change);
                }
            }
            match in_time(SILENCE_LIMIT, self.chunks.next()).await? {
                Some(chunk) => self.buffer.extend_from_slice(chunk),
                None => return Ok(None),
            }
        }
    }
}
