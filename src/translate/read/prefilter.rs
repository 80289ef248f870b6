//! A byte search that decides whether a text can hold a given scalar, without parsing it.
//!
//! It may say yes for nothing, never no for something. Why: a YAML scalar stands in the text as it is
//! (plain, single-quoted, literal, folded), since folding a line break leaves a space or a break behind and
//! none of our words holds one. Only a double-quoted scalar can be spelled otherwise: a character as `\x68`,
//! `\u0068`, `\U00000068` or `\/`, and nothing at all as an escaped line break with the blanks that follow.
//! So the word is there as it is, or directly after a `"`, character by character, each as itself or
//! escaped. An alias repeats what its anchor spells in the same document, so it hides nothing.

use std::sync::LazyLock;

use memchr::memmem::Finder;
use memchr::{memchr, memchr_iter};

use crate::policy::{HELM_DELETE_POLICY, KOTS_DELETE_POLICY};

/// What both policies' keys end in.
static POLICY: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new("hook-delete-policy"));
static JOB: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new("Job"));
static BATCH: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new("batch/"));

/// Whether the text may hold one of the two policies.
pub(crate) fn may_hold_a_policy(text: &str) -> bool {
    may_hold(text, &POLICY, &[HELM_DELETE_POLICY, KOTS_DELETE_POLICY])
}

/// Whether the text may hold a Job.
pub(crate) fn may_hold_a_job(text: &str) -> bool {
    may_hold(text, &BATCH, &["batch/"]) && may_hold(text, &JOB, &["Job"])
}

/// Whether one of the words, of which the finder knows a part that all have, may be spelled anywhere in the text.
fn may_hold(text: &str, literal: &Finder<'_>, words: &[&str]) -> bool {
    let bytes = text.as_bytes();
    literal.find(bytes).is_some()
        || memchr(b'\\', bytes).is_some() && words.iter().any(|word| is_escaped_in(bytes, word))
}

/// Whether a double-quoted scalar begins with the word, escaped or not.
fn is_escaped_in(bytes: &[u8], word: &str) -> bool {
    memchr_iter(b'"', bytes).any(|quote| begins_with(&bytes[quote + 1..], word))
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
            assert_eq!(may_hold(text, &JOB, &["Job"]), found, "{text:?}");
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
    }
}
