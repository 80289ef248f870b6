//! A second YAML reader, serde_yaml on libyaml, which shares no code with the filter's parser.

use std::collections::HashSet;

use serde::Deserialize;
use serde_yaml::{Deserializer, Mapping, Value};

/// The value of a document, or `None` if this reader misreads or refuses it.
pub(super) fn read(document: &str) -> Option<Value> {
    let misread = [has_foreign_tags, has_quoted_merge_keys, has_punctuated_anchors, has_repeated_anchors];
    if misread.iter().any(|misread| misread(document)) {
        return None;
    }
    let mut documents = Deserializer::from_str(document);
    let value = match documents.next() {
        Some(first) => Value::deserialize(first).ok()?,
        None => Value::Null,
    };
    documents.next().is_none().then(|| merged(value))?
}

/// The documents of a stream. By the specification, a line that begins with `---` or `...` is always a marker.
pub(super) fn documents(stream: &str) -> Vec<&str> {
    let mut documents = Vec::new();
    let (mut start, mut at, mut only_prefix) = (0, 0, true);
    for line in lines(stream) {
        let bare = line.trim_end_matches(['\n', '\r']);
        let bare = bare.strip_prefix('\u{feff}').unwrap_or(bare);
        let is_marker = |marker| {
            bare.strip_prefix(marker)
                .is_some_and(|rest: &str| matches!(rest.bytes().next(), None | Some(b' ' | b'\t')))
        };
        if is_marker("---") {
            if !only_prefix {
                documents.push(&stream[start..at]);
                start = at;
            }
            only_prefix = false;
        }
        at += line.len();
        if is_marker("...") {
            documents.push(&stream[start..at]);
            start = at;
            only_prefix = true;
        } else if only_prefix {
            let text = bare.trim_start();
            only_prefix = text.is_empty() || text.starts_with('#') || bare.starts_with('%');
        }
    }
    if start < stream.len() {
        documents.push(&stream[start..]);
    }
    documents
}

/// The lines of a text, with their breaks (LF, CRLF or CR).
pub(super) fn lines(text: &str) -> Vec<&str> {
    let bytes = text.as_bytes();
    let ends = |at: &usize| bytes[*at] == b'\n' || bytes[*at] == b'\r' && bytes.get(at + 1) != Some(&b'\n');
    let mut lines = Vec::new();
    let mut start = 0;
    for end in (0..bytes.len()).filter(ends) {
        lines.push(&text[start..=end]);
        start = end + 1;
    }
    if start < text.len() {
        lines.push(&text[start..]);
    }
    lines
}

/// Resolves merge keys at any depth, in order of precedence. `Value::apply_merge` loses some in lists.
fn merged(value: Value) -> Option<Value> {
    Some(match value {
        Value::Sequence(items) => Value::Sequence(items.into_iter().map(merged).collect::<Option<_>>()?),
        Value::Mapping(mapping) => {
            let mut entries = Mapping::new();
            for (key, value) in mapping {
                entries.insert(merged(key)?, merged(value)?);
            }
            let sources = match entries.remove("<<") {
                None => vec![],
                Some(Value::Sequence(sources)) => sources,
                Some(source) => vec![source],
            };
            for source in sources {
                let Value::Mapping(source) = source else { return None };
                for (key, value) in source {
                    entries.entry(key).or_insert(value);
                }
            }
            Value::Mapping(entries)
        }
        Value::Tagged(mut tagged) => {
            tagged.value = merged(tagged.value)?;
            Value::Tagged(tagged)
        }
        scalar => scalar,
    })
}

/// The tags that serde_yaml knows. It ignores `!!binary` and tags in full form.
const KNOWN: [&str; 8] = ["str", "null", "bool", "int", "float", "map", "seq", "merge"];

fn has_foreign_tags(text: &str) -> bool {
    let is_known = |name: &str| {
        KNOWN.iter().any(|known| {
            name.strip_prefix(known).is_some_and(|rest| {
                rest.starts_with([' ', '\t', '\n', '\r', ',', '}', ']', '>']) || rest.is_empty()
            })
        })
    };
    let core = "tag:yaml.org,2002:";
    let foreign_handle = text.match_indices("%TAG").any(|(at, _)| {
        let mut words = text[at..].split_ascii_whitespace();
        words.nth(2) != Some(core)
    });
    // `!!name`, `!handle!name`, `!<name>`, and `!` alone, on which serde_yaml panics
    foreign_handle
        || text.match_indices('!').any(|(at, _)| {
            let rest = &text[at + 1..];
            match rest.chars().next() {
                Some('<') => !rest[1..].strip_prefix(core).is_some_and(is_known),
                None | Some(' ' | '\t' | '\n' | '\r' | ',' | '}' | ']' | '{' | '[') => true,
                Some(_) => {
                    let handle = rest.trim_start_matches(|c: char| c.is_ascii_alphanumeric() || c == '-');
                    handle.strip_prefix('!').is_some_and(|name| !is_known(name))
                }
            }
        })
}

/// serde_yaml reads a `<<` that is quoted, tagged or in a block scalar as a merge key.
fn has_quoted_merge_keys(text: &str) -> bool {
    let is_plain = |at: usize| {
        let before = text[..at].trim_end();
        let word = before.rsplit([' ', '\t', '\n', '\r']).next().unwrap_or_default();
        !(text[..at].ends_with(['"', '\'']) || word.starts_with(['!', '&', '|', '>']))
    };
    let is_escaped = ["\\x3", "\\u003", "\\U0000003"].iter().any(|escape| text.contains(escape));
    is_escaped || text.match_indices("<<").any(|(at, _)| !is_plain(at))
}

/// In YAML 1.2 `&a:` is an anchor `a:`. serde_yaml reads an anchor `a` and an empty key, as in YAML 1.1.
fn has_punctuated_anchors(text: &str) -> bool {
    names(text, '&').chain(names(text, '*')).any(|name| name.contains(['?', ':', '%', '@', '`']))
}

/// An anchor may be defined again, which serde_yaml misreads.
fn has_repeated_anchors(text: &str) -> bool {
    let mut seen = HashSet::new();
    names(text, '&').any(|name| !seen.insert(name))
}

/// The possible names of anchors or aliases.
fn names(text: &str, sign: char) -> impl Iterator<Item = &str> {
    let ends_name = |c: char| c.is_whitespace() || matches!(c, ',' | '[' | ']' | '{' | '}');
    text.match_indices(sign)
        .filter(move |&(at, _)| text[..at].chars().next_back().is_none_or(ends_name))
        .map(move |(at, _)| text[at + 1..].split(ends_name).next().unwrap_or_default())
}
