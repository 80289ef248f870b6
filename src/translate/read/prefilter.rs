//! Tells whether a text can hold one of the words that the filter looks for, by a byte search instead of a parser.
//!
//! The answer can be a false yes, but never a false no. A word is a whole scalar or its beginning (`batch/v1`), and has no blank:
//!
//! - Outside of double quotes, YAML has no escapes, and a folded line break becomes a space or a line feed. So the word stands in
//!   the text as it is.
//! - Inside double quotes, a character can be written as `\x68`, `\u0068`, `\U00000068` or `\/`, and an escaped line break with the
//!   blanks around it stands for nothing. So the word stands in the text as it is, or the byte after the `"` is the word's first
//!   character or a backslash.
//! - An alias repeats text of the same document.

use memchr::memchr;
use memchr::memmem;

use crate::policy::{HELM_DELETE_POLICY, KOTS_DELETE_POLICY};

/// The common end of both keys.
const POLICY: &str = "hook-delete-policy";

pub(crate) fn may_hold_a_policy(text: &str) -> bool {
    may_hold(text, POLICY, &[HELM_DELETE_POLICY, KOTS_DELETE_POLICY])
}

pub(crate) fn may_hold_a_job(text: &str) -> bool {
    may_hold(text, "batch/", &["batch/"]) && may_hold(text, "Job", &["Job"])
}

/// `literal` finds a part that all words have.
fn may_hold(text: &str, literal: &str, words: &[&str]) -> bool {
    let bytes = text.as_bytes();
    memmem::find(bytes, literal.as_bytes()).is_some()
        || memchr(b'\\', bytes).is_some() && may_hold_escaped(bytes, words)
}

fn may_hold_escaped(bytes: &[u8], words: &[&str]) -> bool {
    let mut quotes = memchr::memchr_iter(b'"', bytes);
    quotes.any(|quote| words.iter().any(|word| begins_with(&bytes[quote + 1..], word)))
}

/// Whether the inside of a double-quoted scalar begins with a word.
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

/// The first character inside a double-quoted scalar, and the rest.
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
            assert_eq!(may_hold(text, "Job", &["Job"]), found, "{text:?}");
        }
        assert!(may_hold_a_job(r#"kind: "\x4aob", apiVersion: "batch\/v1""#));
        assert!(!may_hold_a_job("kind: Job, apiVersion: apps/v1"));
    }

    #[test]
    fn both_policies_are_found_and_those_of_others_do_no_harm() {
        for text in [
            "helm.sh/hook-delete-policy: x",
            "kots.io/hook-delete-policy: x",
            r#""helm.sh\u002fhook-delete-policy": x"#,
            r#""kots.io/hook-delete-polic\x79": x"#,
        ] {
            assert!(may_hold_a_policy(text), "{text}");
        }
        assert!(!may_hold_a_policy(r#""helm.sh/hook": "a\\b""#));
        assert!(!may_hold_a_policy(r#"echo "\x68elm" "k\x6f" "\\" | sed "s#a\\b#2#""#));
    }
}
