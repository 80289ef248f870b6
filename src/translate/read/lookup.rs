//! Looks up keys and strings in a document. Aliases and merge keys (`<<`) count as the YAML library behind Helm and kubectl
//! counts them.

use std::collections::HashSet;

use granit_parser::ScalarStyle;

use super::nodes::{Id, Kind, Nodes};
use crate::translate::diagnostic::{Fault, Problem};
use crate::yaml;

impl Nodes<'_> {
    pub(crate) fn mapping(&self, id: Id) -> Option<Id> {
        let id = self.resolve(id);
        matches!(self.kind(id), Kind::Mapping { .. }).then_some(id)
    }

    /// The values of this key in the mapping itself, without merged ones. Several are duplicates.
    pub(crate) fn own(&self, mapping: Id, key: &str) -> Vec<Id> {
        let is_key =
            |name: Id| if key == "<<" { self.is_merge(name) } else { self.string(name) == Some(key) };
        self.entries(mapping).filter(|&(name, _)| is_key(name)).map(|(_, value)| value).collect()
    }

    /// The value of a key: the last own one, or else the first merged one. The parent of a merged value is another mapping.
    pub(crate) fn find(&self, mapping: Id, key: &str) -> Option<Id> {
        let last_own = |mapping| self.own(mapping, key).last().copied();
        last_own(mapping).or_else(|| self.merged(mapping).into_iter().find_map(last_own))
    }

    /// The key of a value that was found. It is a scalar or an alias, so it stands directly before its value.
    pub(crate) fn key_of(&self, value: Id) -> Id {
        value.saturating_sub(1)
    }

    /// Like [`Self::find`], for a key on which all readers must agree.
    pub(crate) fn find_unique(&self, mapping: Id, key: &'static str) -> Result<Option<Id>, Fault> {
        let (problem, value) = match *self.own(mapping, key) {
            [_, second, ..] => (Problem::DuplicateKey(key), second),
            [own] if self.contested(mapping, key).is_some() => (Problem::ContestedKey(key), own),
            _ => return Ok(self.find(mapping, key)),
        };
        Err(Fault { problem, at: self.start(self.key_of(value)), job: None })
    }

    /// The strings that a reader may see under a key. Readers differ on duplicate and contested keys.
    pub(crate) fn possible_strings<'s>(
        &'s self,
        mapping: Id,
        key: &str,
        default: Option<&'s str>,
    ) -> Vec<&'s str> {
        let mut values = self.own(mapping, key);
        values.extend(self.contested(mapping, key));
        if values.is_empty() {
            let Some(merged) = self.find(mapping, key) else { return default.into_iter().collect() };
            values.push(merged);
        }
        values.into_iter().filter_map(|value| self.string(value)).collect()
    }

    /// All mappings that a mapping merges, also by others, in descending precedence. Mappings can merge each other, and many can merge
    /// the same one.
    pub(crate) fn merged(&self, mapping: Id) -> Vec<Id> {
        let sources = |mapping| self.own(mapping, "<<").into_iter().flat_map(|merged| self.sources(merged));
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
        let &own = self.own(mapping, key).last()?;
        let below = self.own(mapping, "<<").into_iter().filter(|&merged| merged > own);
        below.flat_map(|merged| self.sources(merged)).find_map(|source| self.find(source, key))
    }

    pub(crate) fn is_merge(&self, key: Id) -> bool {
        let tag = self.properties(key).tag.as_deref();
        self.kind(key) == Kind::Scalar(ScalarStyle::Plain)
            && self.value(key) == Some("<<")
            && tag.is_none_or(|tag| tag == "tag:yaml.org,2002:merge")
    }

    pub(crate) fn string(&self, id: Id) -> Option<&str> {
        let id = self.resolve(id);
        let value = self.value(id)?;
        let is_string = match self.properties(id).tag.as_deref() {
            Some("!" | "tag:yaml.org,2002:str") => true,
            Some(_) => false,
            None if self.kind(id) == Kind::Scalar(ScalarStyle::Plain) => yaml::plain_is_string(value),
            None => true,
        };
        is_string.then_some(value)
    }

    /// The value at a path of keys.
    pub(crate) fn find_at(&self, id: Id, path: &[&str]) -> Option<Id> {
        let (last, parents) = path.split_last()?;
        let parent = parents.iter().try_fold(id, |id, key| self.find(self.mapping(id)?, key))?;
        self.find(self.mapping(parent)?, last)
    }

    /// The string at a path of keys from the root.
    pub(crate) fn string_at(&self, path: &[&str]) -> Option<&str> {
        self.string(self.find_at(self.root()?, path)?)
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
        assert_eq!(nodes.find(inner, "b").and_then(|value| nodes.parent(value)), Some(inner));
    }
}
