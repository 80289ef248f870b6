//! Finds the documents that may hold a Job to change, while the stream is still being read.
//!
//! A process that writes a pipe is slower than the one that reads it. So the search of what has been read takes no time as long as the
//! rest is on its way, and what was just read is still in the cache.

use std::ops::Range;

use super::Options;
use super::read::{prefilter, stream};

/// How many bytes are searched at once: they are still in the cache.
const PART: usize = if cfg!(test) { 1 } else { 256 * 1024 };

/// The documents found so far.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Scan {
    /// Whether a Job without a policy is to change too.
    has_default_policy: bool,
    searched: usize,
    /// The index and the start of the first document that is not complete.
    index: usize,
    start: usize,
    pub(super) candidates: Vec<(usize, Range<usize>)>,
    /// The first document that is not UTF-8, and the offset of its first bad byte. It ends the search.
    pub(super) not_utf8: Option<(usize, Range<usize>, usize)>,
}

impl Scan {
    pub(crate) fn new(has_default_policy: bool) -> Self {
        Self { has_default_policy, ..Self::default() }
    }

    /// Searches the documents that are complete in what has been read. The last one may go on, or be just the comments above the next.
    ///
    /// A document that does not end is searched again each time its length has doubled.
    pub(crate) fn advance(&mut self, read: &[u8]) {
        if read.len().saturating_sub(self.searched) < PART.max(self.searched - self.start) {
            return;
        }
        self.searched = read.len();
        // Only whole lines can be markers.
        let lines = &read[..memchr::memrchr(b'\n', read).map_or(0, |at| at + 1).max(self.start)];
        self.search(lines, |end| end < lines.len());
    }

    /// Searches the rest of a stream, or all of it if the options ask for other documents.
    pub(super) fn finish(mut self, input: &[u8], options: &Options) -> Self {
        if self.has_default_policy != options.default_policy.is_some() {
            self = Self::new(!self.has_default_policy);
        }
        self.search(input, |_| true);
        self
    }

    fn search(&mut self, stream: &[u8], is_complete: impl Fn(usize) -> bool) {
        let first = self.start;
        for range in stream::documents(&stream[first..]) {
            let range = first + range.start..first + range.end;
            if !is_complete(range.end) || self.not_utf8.is_some() {
                return;
            }
            self.start = range.end;
            match std::str::from_utf8(&stream[range.clone()]) {
                Ok(text) if self.may_hold_a_job_to_change(text) => self.candidates.push((self.index, range)),
                Ok(_) => {}
                Err(bad) => self.not_utf8 = Some((self.index, range, bad.valid_up_to())),
            }
            self.index += 1;
        }
    }

    fn may_hold_a_job_to_change(&self, text: &str) -> bool {
        (self.has_default_policy || prefilter::may_hold_a_policy(text)) && prefilter::may_hold_a_job(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const JOB: &str =
        "apiVersion: batch/v1\nkind: Job\nmetadata: {annotations: {helm.sh/hook-delete-policy: x}}\n";

    #[test]
    fn the_documents_are_the_same_however_the_stream_arrives() {
        let streams = [
            format!("{JOB}---\nkind: Pod\n--- # c\n{JOB}"),
            format!("# c\n---\n{JOB}...\n# c\n%TAG ! !\n---\n{JOB}# d\n---\n---\n{JOB}"),
            format!("---\r\n{JOB}\r\n---\r\n{JOB}---x\n----\n--- >\n ---\n...\n...\n---\n{JOB}"),
            format!("{JOB}---\n\u{feff}---\n{JOB}---\ra: 1\r---\rb: 2\r---\n{JOB}---"),
        ];
        let broken = [JOB.as_bytes(), b"---\n\xff\n---\n", JOB.as_bytes(), b"---\n"].concat();
        for stream in streams.iter().map(String::as_bytes).chain([&*broken]) {
            let whole = Scan::new(false).finish(stream, &Options::default());
            assert!(!whole.candidates.is_empty());
            for step in 1..stream.len() {
                let mut scan = Scan::new(false);
                (step..stream.len()).step_by(step).for_each(|length| scan.advance(&stream[..length]));
                let scan = scan.finish(stream, &Options::default());
                assert_eq!(
                    (scan.candidates, scan.not_utf8),
                    (whole.candidates.clone(), whole.not_utf8.clone())
                );
            }
        }
    }

    #[test]
    fn complete_documents_are_searched_before_the_stream_ends() {
        let mut scan = Scan::new(false);
        scan.advance(format!("{JOB}---\n{JOB}---\n{JOB}").as_bytes());
        assert_eq!(scan.candidates.len(), 2);
    }
}
