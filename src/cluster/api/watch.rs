//! An open watch: a response whose body has one event in each line.

use std::time::Duration;

use kube::client::Body;

use super::decode::{self, WatchEvent};
use super::failure::Failure;
use super::http_client::{in_time, next_chunk};

/// How long a watch may be silent. The API server sends a bookmark about every minute, so after a longer silence the
/// connection is dead.
pub(super) const SILENCE_LIMIT: Duration = Duration::from_secs(90);

pub(crate) struct Watch {
    body: Body,
    buffer: Vec<u8>,
    /// How much of the buffer has no line break.
    searched: usize,
}

impl Watch {
    pub(super) fn new(body: Body) -> Self {
        Self { body, buffer: Vec::new(), searched: 0 }
    }

    /// The next event, or `None` when the API server has closed the watch.
    pub(crate) async fn next(&mut self) -> Result<Option<WatchEvent>, Failure> {
        loop {
            if let Some(at) = memchr::memchr(b'\n', &self.buffer[self.searched..]) {
                let end = self.searched + at;
                let event = decode::event(&self.buffer[..end]);
                self.buffer.drain(..=end);
                self.searched = 0;
                return event.map(Some);
            }
            self.searched = self.buffer.len();
            let chunk = next_chunk(&mut self.body, |chunk| self.buffer.extend_from_slice(chunk));
            if !in_time(SILENCE_LIMIT, chunk).await? {
                return Ok(None);
            }
        }
    }
}
