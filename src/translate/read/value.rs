//! A part of a document as a value, with its aliases and merge keys resolved. A value is written as one line in flow style.
//!
//! A plain scalar that is not a string stays as it is written. So the YAML library of the API server decides its type. That library is
//! also the one behind Helm and kubectl.

use std::fmt;

use super::nodes::{Id, Kind, Nodes};
use crate::yaml::{double_quoted, is_null_word};

/// What YAML's own tags begin with.
const YAML_TAG: &str = "tag:yaml.org,2002:";
/// How deep a value may be. A Kubernetes object is far flatter.
const MAX_DEPTH: usize = 200;
/// How much text a value may have once aliases are resolved. The API server takes 3 MiB at most.
const MAX_BYTES: usize = 8 << 20;
/// How many bytes a node counts in addition to its text.
const NODE_BYTES: usize = 16;

const TOO_LARGE: &str = "it is too large for the API server";
const CONTESTED: &str =
    "a merge key (<<) sets a key that stands above it, and YAML libraries differ in which value they take";

/// A value in a manifest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// A string.
    String(String),
    /// A null, boolean or number, as it is written.
    Plain(String),
    /// A scalar with one of YAML's own tags, such as `!!int "3"`.
    Tagged(Box<str>, String),
    /// A sequence.
    Sequence(Vec<Value>),
    /// A mapping. Each key appears once.
    Mapping(Vec<(Value, Value)>),
}

impl Value {
    /// The value of a mapping's key.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Self> {
        let Self::Mapping(entries) = self else { return None };
        entries.iter().find(|(name, _)| name.as_str() == Some(key)).map(|(_, value)| value)
    }

    /// The value of a mapping's key, which is added as an empty mapping if it is missing or null.
    ///
    /// `None` if this or the value of the key is not a mapping.
    pub fn mapping_or_insert(&mut self, key: &str) -> Option<&mut Self> {
        if self.get(key).is_none_or(Self::is_null) {
            self.set(key, Self::Mapping(Vec::new()));
        }
        let Self::Mapping(entries) = self else { return None };
        let (_, value) = entries.iter_mut().find(|(name, _)| name.as_str() == Some(key))?;
        matches!(value, Self::Mapping(_)).then_some(value)
    }

    /// Sets the value of a mapping's key. Does nothing if this is not a mapping.
    pub fn set(&mut self, key: &str, value: Self) {
        let Self::Mapping(entries) = self else { return };
        match entries.iter_mut().find(|(name, _)| name.as_str() == Some(key)) {
            Some(entry) => entry.1 = value,
            None => entries.push((Self::String(key.to_owned()), value)),
        }
    }

    /// The text of a string.
    #[must_use]
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::String(text) => Some(text),
            _ => None,
        }
    }

    /// Whether the value is null.
    #[must_use]
    pub fn is_null(&self) -> bool {
        matches!(self, Self::Plain(text) if is_null_word(text))
    }

    /// The value of a node.
    ///
    /// # Errors
    /// Returns why it is not clear what the API server would read.
    pub(crate) fn read(nodes: &Nodes<'_>, id: Id) -> Result<Self, &'static str> {
        if (nodes.end(id) - id) > MAX_BYTES / NODE_BYTES {
            return Err(TOO_LARGE);
        }
        let mut reader = Reader { nodes, bytes_left: MAX_BYTES, contested: false };
        let value = reader.value(id, MAX_DEPTH).ok_or(TOO_LARGE)?;
        if reader.contested { Err(CONTESTED) } else { Ok(value) }
    }
}

/// Writes the value in flow style, on one line.
impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::String(text) => f.write_str(&double_quoted(text)),
            Self::Plain(text) => f.write_str(text),
            Self::Tagged(tag, text) => write!(f, "!<{tag}> {}", double_quoted(text)),
            Self::Sequence(items) => {
                f.write_str("[")?;
                for (index, item) in items.iter().enumerate() {
                    write!(f, "{}{item}", if index == 0 { "" } else { ", " })?;
                }
                f.write_str("]")
            }
            Self::Mapping(entries) => {
                f.write_str("{")?;
                for (index, (key, value)) in entries.iter().enumerate() {
                    write!(f, "{}{key}: {value}", if index == 0 { "" } else { ", " })?;
                }
                f.write_str("}")
            }
        }
    }
}

struct Reader<'n, 'a> {
    nodes: &'n Nodes<'a>,
    bytes_left: usize,
    /// Whether a merge key sets a key that stands above it.
    contested: bool,
}

impl Reader<'_, '_> {
    fn value(&mut self, id: Id, depth: usize) -> Option<Value> {
        let depth = depth.checked_sub(1)?;
        let nodes = self.nodes;
        let id = nodes.resolve(id);
        self.bytes_left = self.bytes_left.checked_sub(NODE_BYTES + nodes.value(id).map_or(0, str::len))?;
        Some(match nodes.kind(id) {
            Kind::Scalar(_) => self.scalar(id),
            Kind::Sequence { .. } => Value::Sequence(
                nodes.children(id).map(|item| self.value(item, depth)).collect::<Option<_>>()?,
            ),
            Kind::Mapping { .. } => Value::Mapping(self.entries(id, depth)?),
            // An anchor that refers to itself.
            Kind::Alias => return None,
        })
    }

    fn scalar(&self, id: Id) -> Value {
        let text = self.nodes.value(id).unwrap_or_default().to_owned();
        match (self.nodes.string(id), self.nodes.properties(id).tag.as_deref()) {
            (None, Some(tag)) if tag.starts_with(YAML_TAG) => Value::Tagged(tag.into(), text),
            (None, None) => Value::Plain(text),
            (Some(_), _) | (None, Some(_)) => Value::String(text),
        }
    }

    /// The own entries of a mapping, and then the merged ones.
    fn entries(&mut self, id: Id, depth: usize) -> Option<Vec<(Value, Value)>> {
        let (mut entries, above_a_merge) = self.own_entries(id, depth)?;
        for source in self.nodes.merged(id) {
            for (key, value) in self.own_entries(source, depth)?.0 {
                match entries.iter().position(|(other, _)| *other == key) {
                    Some(index) => self.contested |= index < above_a_merge,
                    None => entries.push((key, value)),
                }
            }
        }
        Some(entries)
    }

    /// The own entries of a mapping, and how many of them stand above a merge key. Of duplicate keys, the last one counts.
    fn own_entries(&mut self, id: Id, depth: usize) -> Option<(Vec<(Value, Value)>, usize)> {
        let nodes = self.nodes;
        let mut own: Vec<(Value, Value)> = Vec::with_capacity(nodes.entries(id).count());
        let mut above_a_merge = 0;
        for (key, value) in nodes.entries(id) {
            if nodes.is_merge(key) {
                above_a_merge = own.len();
                continue;
            }
            let (key, value) = (self.value(key, depth)?, self.value(value, depth)?);
            match own.iter_mut().find(|(other, _)| *other == key) {
                Some(duplicate) => duplicate.1 = value,
                None => own.push((key, value)),
            }
        }
        Some((own, above_a_merge))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Value, &'static str> {
        let nodes = Nodes::read(text).expect("YAML");
        Value::read(&nodes, 0)
    }

    #[test]
    fn strings_are_quoted_and_all_else_stays_as_it_is_written() {
        for (text, flow) in [
            ("a: 0755", r#"{"a": 0755}"#),
            ("a: yes\nb: 1_000\nc: ~\nd:", r#"{"a": yes, "b": 1_000, "c": ~, "d": ~}"#),
            ("a: 'yes'\nb: \"1\"\nc: a, b", r#"{"a": "yes", "b": "1", "c": "a, b"}"#),
            ("a: !!str 1\nb: !!int '3'", r#"{"a": "1", "b": !<tag:yaml.org,2002:int> "3"}"#),
            ("a: |\n  x\n  \u{85}y\n", r#"{"a": "x\n\u0085y\n"}"#),
            ("- [1, {a: b}]\n- - c", r#"[[1, {"a": "b"}], ["c"]]"#),
            ("1: a", r#"{1: "a"}"#),
        ] {
            assert_eq!(read(text).expect("a value").to_string(), flow, "{text}");
        }
    }

    #[test]
    fn aliases_and_merge_keys_are_resolved() {
        for (text, flow) in [
            ("a: &x {b: c}\nd: *x", r#"{"a": {"b": "c"}, "d": {"b": "c"}}"#),
            (
                "a: &x {b: c, e: f}\nd: {<<: *x, b: own}",
                r#"{"a": {"b": "c", "e": "f"}, "d": {"b": "own", "e": "f"}}"#,
            ),
            (
                "p: &x {a: 1}\nq: &y {a: 2, b: 3}\nz: {<<: [*x, *y]}",
                r#"{"p": {"a": 1}, "q": {"a": 2, "b": 3}, "z": {"a": 1, "b": 3}}"#,
            ),
            ("a: 1\na: 2", r#"{"a": 2}"#),
        ] {
            assert_eq!(read(text).expect("a value").to_string(), flow, "{text}");
        }
    }

    #[test]
    fn what_no_kubernetes_object_can_be_is_no_value() {
        assert_eq!(read(&"- ".repeat(300)), Err(TOO_LARGE));
        let mut laughs = "a0: &a0 [x, x]\n".to_owned();
        for level in 1..30 {
            let before = level - 1;
            laughs += &format!("a{level}: &a{level} [*a{before}, *a{before}]\n");
        }
        assert_eq!(read(&laughs), Err(TOO_LARGE));
        let long = format!("a: &a {}\nb: [{}]", "x".repeat(1 << 20), ["*a"; 20].join(", "));
        assert_eq!(read(&long), Err(TOO_LARGE));
    }

    #[test]
    fn a_merge_key_below_a_key_that_it_sets_too_is_refused() {
        for (text, refused) in [
            ("x: &x {a: 1}\nz: {a: 2, <<: *x}", true),
            ("x: &x {a: 1}\nz: {<<: *x, a: 2}", false),
            ("x: &x {a: 1}\nz: {b: 2, <<: *x}", false),
        ] {
            assert_eq!(read(text) == Err(CONTESTED), refused, "{text}");
        }
    }

    #[test]
    fn a_key_is_set_in_place_or_added() {
        let mut value = read("metadata: {name: a}\nspec:").expect("a value");
        value.mapping_or_insert("metadata").expect("a mapping").set("uid", Value::String("u".to_owned()));
        value.mapping_or_insert("spec").expect("a mapping").set("selector", Value::Mapping(Vec::new()));
        assert_eq!(value.to_string(), r#"{"metadata": {"name": "a", "uid": "u"}, "spec": {"selector": {}}}"#);
        assert!(value.mapping_or_insert("metadata").expect("a mapping").mapping_or_insert("name").is_none());
    }
}
