//! What may be shown on a terminal of other people's text.

/// Whether a character moves or hides nothing: it is no control character, no line separator, has a width, and does not turn
/// the direction of writing.
pub(crate) fn is_printable(char: char) -> bool {
    !char.is_control()
        && !matches!(
            char,
            '\u{61c}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
        )
}
