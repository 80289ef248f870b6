//! Choices that bytes make.

use arbitrary::Unstructured;

/// Makes choices. Equal bytes give equal choices. When the bytes are used up, the first choice is taken.
pub(super) struct Dice<'a>(Unstructured<'a>);

impl<'a> Dice<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self(Unstructured::new(bytes))
    }

    /// A number below this one.
    pub(super) fn below(&mut self, end: usize) -> usize {
        self.0.int_in_range(0..=end - 1).unwrap_or(0)
    }

    /// Rarely true, and never when the bytes are used up.
    pub(super) fn one_in(&mut self, times: usize) -> bool {
        self.below(times) == times - 1
    }

    pub(super) fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len())]
    }
}
