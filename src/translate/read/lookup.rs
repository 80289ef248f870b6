//! Looks up keys and strings in a document. Aliases and merge keys (`<<`) count as the YAML library behind Helm and kubectl
//! counts them.

use std::collections::HashSet;

use granit_parser::ScalarStyle;

use super::nodes::{Id, Kind, Nodes};
use crate::translate::diagnostic::{Fault, Problem};
use crate::yaml;

/// A value, and whether the mapping has it itself or by a merge key (`<<`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Found {
    Own { key: Id, value: Id },
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

impl Nodes<'_> {
    pub(crate) fn mapping(&self, id: Id) -> Option<Id> {
        let id = self.resolve(id);
        matches!(self.kind(id), Kind::Mapping { .. }).then_some(id)
    }

    /// The entries with this key in the mapping itself, without merged ones. Several entries are duplicates.
    pub(crate) fn own(&self, mapping: Id, key: &str) -> Vec<Entry> {
        let is_key =
            |name: Id| if key == "<<" { self.is_merge(name) } else { self.string(name) == Some(key) };
        self.entries(mapping).filter(|&(name, _)| is_key(name)).collect()
    }

    /// The value of a key: the last own entry, or else the first merged one.
    pub(crate) fn find(&self, mapping: Id, key: &str) -> Option<Found> {
        if let Some(&(key, value)) = self.own(mapping, key).last() {
            return Some(Found::Own { key, value });
        }
        let of_source = |source| self.own(source, key).last().copied();
        self.merged(mapping).into_iter().find_map(of_source).map(|(_, value)| Found::Merged { value })
    }

    /// Like [`Self::find`], for a key on which all readers must agree.
    pub(crate) fn find_unique(&self, mapping: Id, key: &'static str) -> Result<Option<Found>, Fault> {
        let fault = |problem, id| Err(Fault { problem, at: self.start(id), job: None });
        match *self.own(mapping, key) {
            [_, (second, _), ..] => fault(Problem::DuplicateKey(key), second),
            [(own, _)] if self.contested(mapping, key).is_some() => fault(Problem::ContestedKey(key), own),
            _ => Ok(self.find(mapping, key)),
        }
    }

    /// The strings that a reader may see under a key. Readers differ on duplicate and contested keys.
    pub(crate) fn possible_strings<'s>(
        &'s self,
        mapping: Id,
        key: &str,
        default: Option<&'s str>,
    ) -> Vec<&'s str> {
        let own = self.own(mapping, key);
        if own.is_empty() {
            let found = self.find(mapping, key);
            return found.map_or(default, |found| self.string(found.value())).into_iter().collect();
        }
        let values = own.into_iter().map(|(_, value)| value).chain(self.contested(mapping, key));
        values.filter_map(|value| self.string(value)).collect()
    }

    /// All mappings that a mapping merges, also by others, in descending precedence. Mappings can merge each other, and many can merge
    /// the same one.
    pub(crate) fn merged(&self, mapping: Id) -> Vec<Id> {
        let merge_keys = |mapping| self.own(mapping, "<<").into_iter();
        let sources = |mapping| merge_keys(mapping).flat_map(|(_, value)| self.sources(value));
        let mut merged = Vec::new();
        let mut seen = HashSet::from([mapping]);
        let mut next: Vec<Id> = sources(mapping).collect();
        while let Some(source) = next.pop() {
            if seen.insert(source) {
                merged.push(source);
                next.extend(sources(source));
            }
        }
        merged
    }

    /// The mappings of a merge key in ascending precedence. In a list, the first takes precedence.
    fn sources(&self, merged: Id) -> Vec<Id> {
        let merged = self.resolve(merged);
        match self.kind(merged) {
            Kind::Sequence { .. } => {
                let mut sources: Vec<Id> =
                    self.children(merged).filter_map(|item| self.mapping(item)).collect();
                sources.reverse();
                sources
            }
            Kind::Mapping { .. } => vec![merged],
            _ => vec![],
        }
    }

    /// The value that a merge key below a mapping's own entry has for the same key. The YAML library behind Helm and kubectl
    /// takes the merged value. The library behind kustomize takes the own entry.
    fn contested(&self, mapping: Id, key: &str) -> Option<Id> {
        let &(own, _) = self.own(mapping, key).last()?;
        let below = self.own(mapping, "<<").into_iter().filter(|&(merge, _)| merge > own);
        let mut sources = below.flat_map(|(_, value)| self.sources(value));
        sources.find_map(|source| self.find(source, key)).map(Found::value)
    }

    pub(crate) fn is_merge(&self, key: Id) -> bool {
        let tag = self.properties(key).tag_name();
        self.kind(key) == Kind::Scalar(ScalarStyle::Plain)
            && self.value(key) == Some("<<")
            && tag.is_none_or(|tag| tag == "tag:yaml.org,2002:merge")
    }

    pub(crate) fn string(&self, id: Id) -> Option<&str> {
        let id = self.resolve(id);
        let value = self.value(id)?;
        let is_string = match self.properties(id).tag_name() {
            Some("!" | "tag:yaml.org,2002:str") => true,
            Some(_) => false,
            None if self.kind(id) == Kind::Scalar(ScalarStyle::Plain) => yaml::plain_is_string(value),
            None => true,
        };
        is_string.then_some(value)
    }

    /// The value at a path of keys.
    pub(crate) fn find_at(&self, id: Id, path: &[&str]) -> Option<Found> {
        let (last, parents) = path.split_last()?;
        let parent =
            parents.iter().try_fold(id, |id, key| Some(self.find(self.mapping(id)?, key)?.value()))?;
        self.find(self.mapping(parent)?, last)
    }

    /// The string at a path of keys from the root.
    pub(crate) fn string_at(&self, path: &[&str]) -> Option<&str> {
        self.string(self.find_at(self.root()?, path)?.value())
    }

    pub(crate) fn is_null(&self, id: Id) -> bool {
        let id = self.resolve(id);
        self.kind(id) == Kind::Scalar(ScalarStyle::Plain)
            && (self.raw(id).is_empty() || self.value(id).is_some_and(yaml::is_null_word))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_string_is_found_at_its_path_and_nothing_else_is() {
        for (document, found) in [
            ("a: {b: c}", Some("c")),
            ("x: &x {b: c}\na: {<<: *x}", Some("c")),
            ("a: {b: 1}", None),
            ("a: b", None),
            ("a", None),
            ("", None),
        ] {
            let nodes = Nodes::read(document).expect("YAML");
            assert_eq!(nodes.string_at(&["a", "b"]), found, "{document}");
        }
    }

    #[test]
    fn a_merge_key_that_no_reader_could_follow_to_its_end_ends() {
        let nodes = Nodes::read("a: &a\n  <<: *a\n  b: c\n").expect("YAML");
        let inner = nodes.mapping(2).expect("a mapping");
        assert_eq!(nodes.find(inner, "x"), None);
        assert!(matches!(nodes.find(inner, "b"), Some(Found::Own { .. })));
    }
}
