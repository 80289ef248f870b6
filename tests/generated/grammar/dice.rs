//! Choices, made by bytes.

use arbitrary::Unstructured;

/// Makes choices. Of equal bytes come equal choices; of no more bytes, the first of all.
pub(super) struct Dice<'a>(Unstructured<'a>);

impl<'a> Dice<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self(Unstructured::new(bytes))
    }

    /// A number from 0 up to, but not including, this one.
    pub(super) fn below(&mut self, end: usize) -> usize {
        self.0.int_in_range(0..=end - 1).unwrap_or(0)
    }

    /// Seldom true, and never once the bytes are used up.
    pub(super) fn one_in(&mut self, times: usize) -> bool {
        self.below(times) == times - 1
    }

    pub(super) fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len())]
    }
}
