//! What the nodes mean: strings, keys, aliases and merge keys, as the YAML library behind Helm and kubectl reads them.

use std::cell::{Cell, RefCell};
use std::collections::{HashMap, HashSet};

use granit_parser::ScalarStyle;

use super::nodes::{Id, Kind, Nodes};

/// The keys that decide what happens to a document.
pub(crate) mod key {
    pub(crate) const API_VERSION: &str = "apiVersion";
    pub(crate) const KIND: &str = "kind";
    pub(crate) const ITEMS: &str = "items";
    pub(crate) const METADATA: &str = "metadata";
    pub(crate) const NAME: &str = "name";
    pub(crate) const GENERATE_NAME: &str = "generateName";
    pub(crate) const ANNOTATIONS: &str = "annotations";
    pub(crate) const MERGE: &str = "<<";
}

/// How a mapping comes by a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Found {
    /// By an entry of its own.
    Own { key: Id, value: Id },
    /// Through a merge key (`<<`).
    Merged { value: Id },
}

impl Found {
    pub(crate) fn value(self) -> Id {
        match self {
            Self::Own { value, .. } | Self::Merged { value } => value,
        }
    }
}

/// A key and its value.
pub(crate) type Entry = (Id, Id);

/// How many mappings one lookup follows through merge keys.
const MAX_MERGES: usize = 100;

/// Looks up keys in the nodes of a document. What aliases can ask about again is remembered, so that text shared by many Jobs
/// is read once.
pub(crate) struct Lookup<'n, 'a> {
    pub(crate) nodes: &'n Nodes<'a>,
    own: RefCell<HashMap<(Id, &'static str), Vec<Entry>>>,
    merged: RefCell<HashMap<Id, Vec<Id>>>,
    contested: RefCell<HashMap<(Id, &'static str), Option<Id>>>,
    gave_up: Cell<Option<Id>>,
    /// How much of shared text has been written out (`entry`).
    pub(crate) copied: Cell<usize>,
    /// Whether a merge key can stand anywhere; most documents have none.
    has_merge_keys: bool,
}

impl<'n, 'a> Lookup<'n, 'a> {
    pub(crate) fn new(nodes: &'n Nodes<'a>) -> Self {
        Self {
            nodes,
            own: RefCell::default(),
            merged: RefCell::default(),
            contested: RefCell::default(),
            gave_up: Cell::default(),
            copied: Cell::default(),
            has_merge_keys: nodes.text.contains("<<"),
        }
    }

    /// The mapping behind a node, if it is one.
    pub(crate) fn mapping(&self, id: Id) -> Option<Id> {
        let id = self.nodes.resolve(id);
        matches!(self.nodes.get(id).kind, Kind::Mapping { .. }).then_some(id)
    }

    /// A mapping's own entries of one key: more than one are duplicates.
    pub(crate) fn own(&self, mapping: Id, key: &'static str) -> Vec<Entry> {
        let is_key =
            |name: Id| if key == key::MERGE { self.is_merge(name) } else { self.is_string(name, key) };
        let entries = || self.nodes.entries(mapping).filter(|&(name, _)| is_key(name)).collect();
        if !self.nodes.has_anchors() {
            return entries();
        }
        self.own.borrow_mut().entry((mapping, key)).or_insert_with(entries).clone()
    }

    /// The value of a key: the mapping's own (of duplicates the last), or else the first merged one.
    pub(crate) fn find(&self, mapping: Id, key: &'static str) -> Option<Found> {
        if let Some(&(key, value)) = self.own(mapping, key).last() {
            return Some(Found::Own { key, value });
        }
        let mut next = self.merged_into(mapping);
        if next.is_empty() {
            return None;
        }
        let mut seen = HashSet::from([mapping]);
        while let Some(source) = next.pop() {
            if seen.len() > MAX_MERGES {
                self.gave_up.set(self.gave_up.get().or(Some(mapping)));
                return None;
            }
            if !seen.insert(source) {
                continue;
            }
            if let Some(&(_, value)) = self.own(source, key).last() {
                return Some(Found::Merged { value });
            }
            next.extend(self.merged_into(source));
        }
        None
    }

    /// The first mapping from which more merge keys lead on than a lookup follows, so that its answer may be wrong.
    pub(crate) fn gave_up(&self) -> Option<Id> {
        self.gave_up.get()
    }

    /// The mappings that a mapping merges, each once, the one that counts most last: of several merge keys the last
    /// counts, in a merge key's list the first.
    pub(crate) fn merged_into(&self, mapping: Id) -> Vec<Id> {
        if !self.has_merge_keys {
            return Vec::new();
        }
        let merged = || {
            let mut seen = HashSet::new();
            let mut sources: Vec<Id> = self
                .own(mapping, key::MERGE)
                .into_iter()
                .flat_map(|(_, value)| self.sources(value))
                .collect();
            sources.reverse();
            sources.retain(|source| seen.insert(*source));
            sources.reverse();
            sources
        };
        self.merged.borrow_mut().entry(mapping).or_insert_with(merged).clone()
    }

    fn sources(&self, merged: Id) -> Vec<Id> {
        let merged = self.nodes.resolve(merged);
        match self.nodes.get(merged).kind {
            Kind::Sequence { .. } => {
                let mut sources: Vec<Id> =
                    self.nodes.children(merged).filter_map(|item| self.mapping(item)).collect();
                sources.reverse();
                sources
            }
            Kind::Mapping { .. } => vec![merged],
            _ => vec![],
        }
    }

    /// The value that a merge key brings for a key of the mapping's own that stands before it. YAML libraries differ in
    /// which one wins: the one behind Helm and kubectl takes the later, that of kustomize the mapping's own.
    pub(crate) fn contested(&self, mapping: Id, key: &'static str) -> Option<Id> {
        if !self.has_merge_keys {
            return None;
        }
        let contested = || {
            let &(own, _) = self.own(mapping, key).last()?;
            let later = self.own(mapping, key::MERGE).into_iter().filter(|&(merge, _)| merge > own);
            let mut seen = HashSet::new();
            later
                .flat_map(|(_, value)| self.sources(value))
                .filter(|source| seen.insert(*source))
                .find_map(|source| self.find(source, key))
                .map(Found::value)
        };
        *self.contested.borrow_mut().entry((mapping, key)).or_insert_with(contested)
    }

    pub(crate) fn is_merge(&self, key: Id) -> bool {
        let node = self.nodes.get(key);
        let plain = matches!(&node.kind, Kind::Scalar { value, style: ScalarStyle::Plain } if value == "<<");
        plain && node.tag.as_deref().is_none_or(|tag| tag == "tag:yaml.org,2002:merge")
    }

    /// The text of a node that is a string, an alias of one included.
    pub(crate) fn string(&self, id: Id) -> Option<&'n str> {
        let node = self.nodes.get(self.nodes.resolve(id));
        let Kind::Scalar { value, style } = &node.kind else {
            return None;
        };
        let is_string = match node.tag.as_deref() {
            Some("!" | "tag:yaml.org,2002:str") => true,
            Some(_) => false,
            None => *style != ScalarStyle::Plain || plain_is_string(value, node.text.is_empty()),
        };
        is_string.then_some(value)
    }

    /// Whether a node is this string.
    fn is_string(&self, id: Id, text: &str) -> bool {
        let node = self.nodes.get(self.nodes.resolve(id));
        matches!(&node.kind, Kind::Scalar { value, .. } if value == text) && self.string(id).is_some()
    }

    /// Whether a node is null: nothing at all, `~` or `null`.
    pub(crate) fn is_null(&self, id: Id) -> bool {
        let node = self.nodes.get(id);
        let Kind::Scalar { value, style: ScalarStyle::Plain } = &node.kind else {
            return false;
        };
        node.text.is_empty() || is_null_word(value)
    }
}

fn is_null_word(value: &str) -> bool {
    matches!(value, "~" | "null" | "Null" | "NULL")
}

/// Whether a plain scalar is a string, by the YAML 1.1 rules of the library that Helm and kubectl read manifests with.
fn plain_is_string(value: &str, is_nothing: bool) -> bool {
    let reserved = matches!(
        value,
        "" | "true"
            | "True"
            | "TRUE"
            | "false"
            | "False"
            | "FALSE"
            | "yes"
            | "Yes"
            | "YES"
            | "no"
            | "No"
            | "NO"
            | "on"
            | "On"
            | "ON"
            | "off"
            | "Off"
            | "OFF"
            | "y"
            | "Y"
            | "n"
            | "N"
            | "<<"
            | ".nan"
            | ".NaN"
            | ".NAN"
            | ".inf"
            | ".Inf"
            | ".INF"
            | "+.inf"
            | "+.Inf"
            | "+.INF"
            | "-.inf"
            | "-.Inf"
            | "-.INF"
    );
    !(is_nothing || reserved || is_null_word(value) || is_number(value))
}

fn is_number(value: &str) -> bool {
    if !value.starts_with(|c: char| c.is_ascii_digit() || matches!(c, '+' | '-' | '.')) {
        return false;
    }
    let digits = value.strip_prefix(['+', '-']).unwrap_or(value).replace('_', "").to_ascii_lowercase();
    let radix = |prefix: &str, radix| {
        digits.strip_prefix(prefix).is_some_and(|rest| u64::from_str_radix(rest, radix).is_ok())
    };
    let float = || {
        digits.starts_with(|c: char| c.is_ascii_digit() || c == '.')
            && digits.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'.' | b'e' | b'E' | b'+' | b'-'))
            && digits.parse::<f64>().is_ok()
    };
    radix("0x", 16) || radix("0o", 8) || radix("0b", 2) || float()
}

#[cfg(test)]
mod tests {
    use super::plain_is_string;

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
            assert!(plain_is_string(text, false), "{text}");
        }
        for text in [
            "", "~", "null", "yes", "off", "1", "-1", "+1", "1_000", "0x1F", "0X1", "0o7", "5.", "0b1",
            "1.5", ".5", "1e3", ".inf",
        ] {
            assert!(!plain_is_string(text, false), "{text}");
        }
    }
}
