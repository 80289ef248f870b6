//! YAML scalars: how to write a string, and which plain scalars are strings.

use std::borrow::Cow;
use std::fmt::Write;

/// The plain scalars of YAML 1.1 that are no string, and nothing that JSON has.
const RESERVED: [&str; 13] = [
    "<<", ".nan", ".NaN", ".NAN", ".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF", "-.inf", "-.Inf",
    "-.INF",
];

/// Writes a string in double quotes, on one line.
pub(crate) fn double_quoted(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for char in text.chars() {
        match char {
            '"' | '\\' => quoted.extend(['\\', char]),
            '\n' => quoted.push_str("\\n"),
            '\t' => quoted.push_str("\\t"),
            // YAML 1.1 takes some of these for line breaks, and the YAML library behind Helm refuses the others.
            char if char.is_control()
                || matches!(char, '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}') =>
            {
                let _ = write!(quoted, "\\u{:04x}", u32::from(char));
            }
            char => quoted.push(char),
        }
    }
    quoted.push('"');
    quoted
}

/// Writes the name of a Kubernetes resource, in quotes where it would not be a string without them.
pub(crate) fn name(name: &str) -> Cow<'_, str> {
    let is_simple = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    let begins_simple = name.starts_with(|first: char| first.is_ascii_lowercase());
    if begins_simple && name.bytes().all(is_simple) && plain_is_string(name) {
        name.into()
    } else {
        double_quoted(name).into()
    }
}

/// Whether a plain scalar is a string by the YAML 1.1 rules of the library that Helm and kubectl read manifests with.
pub(crate) fn plain_is_string(value: &str) -> bool {
    plain(value) == Plain::Other && !RESERVED.contains(&value)
}

/// Whether a plain scalar is one of the words for null.
pub(crate) fn is_null_word(value: &str) -> bool {
    matches!(value, "~" | "null" | "Null" | "NULL")
}

/// What a plain scalar is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Plain {
    Null,
    Bool(bool),
    Integer(i128),
    Float(f64),
    /// A string, or what JSON does not have, such as an infinite number.
    Other,
}

/// Reads a plain scalar by the YAML 1.1 rules of the library that Helm and kubectl read manifests with.
pub(crate) fn plain(value: &str) -> Plain {
    match value {
        "" => Plain::Null,
        null if is_null_word(null) => Plain::Null,
        "y" | "Y" | "yes" | "Yes" | "YES" | "true" | "True" | "TRUE" | "on" | "On" | "ON" => {
            Plain::Bool(true)
        }
        "n" | "N" | "no" | "No" | "NO" | "false" | "False" | "FALSE" | "off" | "Off" | "OFF" => {
            Plain::Bool(false)
        }
        other => number(other).unwrap_or(Plain::Other),
    }
}

fn number(value: &str) -> Option<Plain> {
    if !value.starts_with(|c: char| c.is_ascii_digit() || matches!(c, '+' | '-' | '.')) {
        return None;
    }
    let digits = value.strip_prefix(['+', '-']).unwrap_or(value).replace('_', "").to_ascii_lowercase();
    let in_radix = |prefix: &str, radix| u64::from_str_radix(digits.strip_prefix(prefix)?, radix).ok();
    let integer = in_radix("0x", 16).or_else(|| in_radix("0o", 8)).or_else(|| in_radix("0b", 2));
    // A leading zero makes the number octal, unless one of its digits is none.
    let integer = integer.or_else(|| in_radix("0", 8)).or_else(|| digits.parse().ok());
    if let Some(integer) = integer {
        let integer = i128::from(integer);
        return Some(Plain::Integer(if value.starts_with('-') { -integer } else { integer }));
    }
    let is_float = digits.starts_with(|c: char| c.is_ascii_digit() || c == '.')
        && digits.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'.' | b'e' | b'+' | b'-'));
    let float: f64 = digits.parse().ok().filter(|_| is_float)?;
    Some(Plain::Float(if value.starts_with('-') { -float } else { float }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_text_survives_its_quotes() {
        for text in [
            "a",
            "",
            "\"",
            "\\",
            "a: b # c",
            "{{x}}",
            "\n\t\r\u{7f}\u{85}\u{2028}\u{feff}\u{fffe}é🦀",
            "---",
            "yes",
        ] {
            let quoted = double_quoted(text);
            assert_eq!(serde_yaml::from_str::<String>(&quoted).unwrap_or_default(), text, "{quoted}");
            assert!(!quoted.contains(char::is_control), "{quoted}");
        }
    }

    #[test]
    fn a_name_stays_a_name() {
        assert_eq!(name("jobsweep-shop"), "jobsweep-shop");
        for text in
            ["web", "123", "1e3", "0x1f", "2026-01-31", "1-a", "true", "no", "off", "y", "null", "a: b"]
        {
            let read: serde_yaml::Value = serde_yaml::from_str(&name(text)).unwrap_or_default();
            assert_eq!(read, text);
        }
        // This reader follows YAML 1.2, where `yes` is a string. In YAML 1.1 it is a bool.
        assert_eq!(name("yes"), "\"yes\"");
    }

    #[test]
    fn every_reserved_word_is_found() {
        let bools = "true True TRUE false False FALSE yes Yes YES no No NO on On ON off Off OFF y Y n N";
        for word in bools.split(' ').chain(RESERVED) {
            assert!(!plain_is_string(word), "{word}");
        }
    }

    #[test]
    fn plain_scalars_have_the_values_that_helm_reads() {
        for (text, value) in [
            ("", Plain::Null),
            ("~", Plain::Null),
            ("on", Plain::Bool(true)),
            ("N", Plain::Bool(false)),
            ("0755", Plain::Integer(493)),
            ("0o755", Plain::Integer(493)),
            ("0x1F", Plain::Integer(31)),
            ("-0b11", Plain::Integer(-3)),
            ("1_000", Plain::Integer(1000)),
            ("18446744073709551615", Plain::Integer(u64::MAX.into())),
            ("0", Plain::Integer(0)),
            ("089", Plain::Integer(89)),
            ("1e3", Plain::Float(1000.0)),
            ("-.5", Plain::Float(-0.5)),
            (".inf", Plain::Other),
            ("1.2.3", Plain::Other),
        ] {
            assert_eq!(plain(text), value, "{text}");
        }
    }

    #[test]
    fn plain_scalars_are_typed_as_helm_types_them() {
        for text in [
            "hook-succeeded",
            "a b",
            "1.2.3",
            "0x",
            "v1",
            "1e",
            "-",
            ".",
            "2001-01-01",
            "truely",
            "+",
            "e3",
            "_1",
        ] {
            assert!(plain_is_string(text), "{text}");
        }
        for text in [
            "", "~", "null", "yes", "off", "1", "-1", "+1", "1_000", "0x1F", "0X1", "0o7", "5.", "0b1",
            "1.5", ".5", "1e3", ".inf",
        ] {
            assert!(!plain_is_string(text), "{text}");
        }
    }
}
