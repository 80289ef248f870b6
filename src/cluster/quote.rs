//! Quotes foreign text in messages, up to a limit.

/// Characters of an ordinary text that a message quotes at most.
pub(crate) const TEXT: usize = 500;
/// Characters of a message of the API server that a message quotes at most. Admission webhooks write long ones.
pub(crate) const API_MESSAGE: usize = 2000;

/// The first `limit` characters of a text. If there are more, the end says how many.
pub(crate) fn quote(text: &str, limit: usize) -> String {
    match text.char_indices().nth(limit) {
        None => text.to_owned(),
        Some((end, _)) => {
            let rest = text[end..].chars().count();
            format!("{}… ({rest} more characters)", &text[..end])
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_text_is_cut_visibly() {
        for (text, quoted) in [
            ("", ""),
            ("größe", "größe"),
            ("größer", "größe… (1 more characters)"),
            ("größere Worte", "größe… (8 more characters)"),
        ] {
            assert_eq!(quote(text, 5), quoted);
        }
    }
}
