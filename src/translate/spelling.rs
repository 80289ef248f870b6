//! A byte search that decides whether a text can hold a given scalar, without parsing it.
//!
//! It may say yes for nothing, never no for something. Why: a YAML scalar stands in the text as it is
//! (plain, single-quoted, literal, folded), since folding a line break leaves a space or a break behind and
//! none of our words holds one. Only a double-quoted scalar can be spelled otherwise: a character as `\x68`,
//! `\u0068`, `\U00000068` or `\/`, and nothing at all as an escaped line break with the blanks that follow.
//! So the word is there as it is, or directly after a `"`, character by character, each as itself or
//! escaped. An alias repeats what its anchor spells in the same document, so it hides nothing.

use memchr::{memchr, memchr_iter, memmem};

/// The first place, at or after `from`, where `word` may be spelled.
pub(super) fn find(text: &str, word: &str, from: usize) -> Option<usize> {
    let bytes = &text.as_bytes()[from..];
    let literal = memmem::find(bytes, word.as_bytes());
    let before_it = &bytes[..literal.unwrap_or(bytes.len())];
    escaped(before_it, word).or(literal).map(|at| from + at)
}

/// Whether `word` may be spelled anywhere in the text.
pub(super) fn may_hold(text: &str, word: &str) -> bool {
    find(text, word, 0).is_some()
}

/// Where a double-quoted scalar begins with `word`, at least one character of it escaped.
fn escaped(bytes: &[u8], word: &str) -> Option<usize> {
    memchr(b'\\', bytes)?;
    memchr_iter(b'"', bytes).find(|&quote| begins_with(&bytes[quote + 1..], word))
}

/// Whether the inside of a double-quoted scalar decodes to something that begins with `word`.
fn begins_with(mut inside: &[u8], word: &str) -> bool {
    word.bytes().all(|wanted| {
        inside = skip_escaped_breaks(inside);
        match character(inside) {
            Some((found, rest)) => {
                inside = rest;
                found == u32::from(wanted)
            }
            None => false,
        }
    })
}

fn skip_escaped_breaks(mut inside: &[u8]) -> &[u8] {
    while let [b'\\', b'\r' | b'\n', rest @ ..] = inside {
        let blanks = rest.iter().take_while(|byte| matches!(byte, b' ' | b'\t' | b'\n')).count();
        inside = &rest[blanks..];
    }
    inside
}

/// The first character of a double-quoted scalar's inside, escaped or not, and what follows it.
fn character(inside: &[u8]) -> Option<(u32, &[u8])> {
    let digits = match inside {
        [b'\\', b'/', rest @ ..] => return Some((u32::from(b'/'), rest)),
        [b'\\', b'x', ..] => 2,
        [b'\\', b'u', ..] => 4,
        [b'\\', b'U', ..] => 8,
        [byte, rest @ ..] => return Some((u32::from(*byte), rest)),
        [] => return None,
    };
    let hex = std::str::from_utf8(inside.get(2..2 + digits)?).ok()?;
    Some((u32::from_str_radix(hex, 16).ok()?, &inside[2 + digits..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_is_found_however_yaml_lets_it_be_spelled() {
        for (text, found) in [
            ("kind: Job", true),
            ("kind: CronJob", true),
            (r#"kind: "\x4aob""#, true),
            (r#"kind: "\u004Aob""#, true),
            (r#"kind: "J\U0000006fb""#, true),
            ("kind: \"Jo\\\n   b\"", true),
            ("kind: \"\\\r\n \tJ\\\ro\\\nb\"", true),
            (r#"kind: "\x4bob""#, false),
            (r#"kind: "\x4"#, false),
            (r#"kind: "Jo\"#, false),
            (r"kind: \x4aob", false),
            ("kind: Jo b", false),
            ("", false),
        ] {
            assert_eq!(may_hold(text, "Job"), found, "{text:?}");
        }
        assert!(may_hold(r#"apiVersion: "batch\/v1""#, "batch/"));
    }

    #[test]
    fn the_first_spelling_wins() {
        assert_eq!(find(r#"a: "\x4aob", b: Job"#, "Job", 0), Some(3));
        assert_eq!(find(r#"a: Job, b: "\x4aob""#, "Job", 0), Some(3));
        assert_eq!(find(r#"a: Job, b: "\x4aob""#, "Job", 4), Some(11));
    }
}
