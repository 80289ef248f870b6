//! Finds the documents that may hold a Job to change, while the stream is still being read.
//!
//! The process that writes the pipe is slower than jobsweep. So jobsweep searches what it has read while it waits for the rest. This
//! takes no extra time, and the bytes are still in the CPU cache.

use std::ops::Range;

use super::Options;
use super::read::{prefilter, stream};

/// A search starts after at least this many new bytes. They are few enough to be still in the CPU cache.
const MIN_NEW_BYTES: usize = if cfg!(test) { 1 } else { 256 * 1024 };

/// The search of a stream that is still being read.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Scan {
    /// Whether Jobs without a policy get one.
    has_default_policy: bool,
    /// How many bytes had been read at the last search.
    length_at_last_search: usize,
    /// The index of the first incomplete document.
    index: usize,
    /// Where that document starts.
    start: usize,
    /// The indexes and ranges of the documents that may hold a Job to change. They are UTF-8.
    pub(super) candidates: Vec<(usize, Range<usize>)>,
    /// The index and range of the first document that is not UTF-8, and the offset of the first bad byte in it. The search ends
    /// there.
    pub(super) not_utf8: Option<(usize, Range<usize>, usize)>,
}

impl Scan {
    pub(crate) fn new(has_default_policy: bool) -> Self {
        Self { has_default_policy, ..Self::default() }
    }

    /// Searches the complete documents in the bytes read so far. The last document is left out. More of it may follow, or it may
    /// consist only of comments that belong to the next document.
    ///
    /// If the last document has not ended, the next search waits until it is twice as long. Otherwise a long document would be
    /// searched again after every read.
    pub(crate) fn advance(&mut self, read_so_far: &[u8]) {
        if read_so_far.len().saturating_sub(self.length_at_last_search)
            < MIN_NEW_BYTES.max(self.length_at_last_search - self.start)
        {
            return;
        }
        self.length_at_last_search = read_so_far.len();
        // Only whole lines can be markers.
        let lines =
            &read_so_far[..memchr::memrchr(b'\n', read_so_far).map_or(0, |at| at + 1).max(self.start)];
        self.search(lines, |end| end < lines.len());
    }

    /// Searches the rest of the stream. If the options differ from those of `new`, it searches the whole stream again.
    pub(super) fn finish(mut self, input: &[u8], options: &Options) -> Self {
        if self.has_default_policy != options.default_policy.is_some() {
            self = Self::new(options.default_policy.is_some());
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

    /// The stream arrives in steps of these lengths.
    fn assert_found_alike(stream: &[u8], whole: &Scan, steps: impl IntoIterator<Item = usize>) {
        for step in steps {
            let mut scan = Scan::new(false);
            (step..stream.len()).step_by(step).for_each(|length| scan.advance(&stream[..length]));
            let scan = scan.finish(stream, &Options::default());
            assert_eq!((&scan.candidates, &scan.not_utf8), (&whole.candidates, &whole.not_utf8));
        }
    }

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
            assert_found_alike(stream, &whole, 1..stream.len());
        }
    }

    #[test]
    fn the_cases_are_searched_alike_however_they_arrive() {
        let cases = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/cases");
        let mut count = 0;
        for topic in std::fs::read_dir(cases).unwrap().filter_map(Result::ok) {
            for case in std::fs::read_dir(topic.path()).unwrap().filter_map(Result::ok) {
                let stream = std::fs::read(case.path()).unwrap();
                let whole = Scan::new(false).finish(&stream, &Options::default());
                assert_found_alike(&stream, &whole, [1, 2, 7, 64]);
                count += 1;
            }
        }
        assert!(count > 1_000);
    }

    #[test]
    fn complete_documents_are_searched_before_the_stream_ends() {
        let mut scan = Scan::new(false);
        scan.advance(format!("{JOB}---\n{JOB}---\n{JOB}").as_bytes());
        assert_eq!(scan.candidates.len(), 2);
    }
}
