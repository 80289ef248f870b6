//! Looks up keys and strings in a document. Aliases and merge keys (`<<`) count as the YAML library behind Helm and kubectl
//! counts them.

use std::cell::{Cell, RefCell};
use std::collections::{HashMap, HashSet};

use granit_parser::ScalarStyle;

use super::nodes::{Id, Kind, Nodes};
use crate::translate::diagnostic::{Fault, Problem};
use crate::yaml;

pub(crate) mod key {
    pub(crate) const API_VERSION: &str = "apiVersion";
    pub(crate) const KIND: &str = "kind";
    pub(crate) const ITEMS: &str = "items";
    pub(crate) const FUNCTION_CONFIG: &str = "functionConfig";
    pub(crate) const RESULTS: &str = "results";
    pub(crate) const METADATA: &str = "metadata";
    pub(crate) const NAME: &str = "name";
    pub(crate) const NAMESPACE: &str = "namespace";
    pub(crate) const GENERATE_NAME: &str = "generateName";
    pub(crate) const ANNOTATIONS: &str = "annotations";
    pub(crate) const MERGE: &str = "<<";
}

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

/// How many merged mappings a lookup searches for one key.
pub(crate) const MAX_MERGES: usize = 100;

/// Looks up keys in the nodes of a document. It caches what aliases can ask for again: text that many Jobs share is searched
/// once.
pub(crate) struct Lookup<'n, 'a> {
    pub(crate) nodes: &'n Nodes<'a>,
    own: RefCell<HashMap<(Id, &'static str), Vec<Entry>>>,
    merged: RefCell<HashMap<Id, Vec<Id>>>,
    contested: RefCell<HashMap<(Id, &'static str), Option<Id>>>,
    too_many_merges: Cell<Option<Id>>,
    may_have_merge_keys: bool,
}

impl<'n, 'a> Lookup<'n, 'a> {
    pub(crate) fn new(nodes: &'n Nodes<'a>) -> Self {
        Self {
            nodes,
            own: RefCell::default(),
            merged: RefCell::default(),
            contested: RefCell::default(),
            too_many_merges: Cell::default(),
            may_have_merge_keys: nodes.text.contains("<<"),
        }
    }

    pub(crate) fn mapping(&self, id: Id) -> Option<Id> {
        let id = self.nodes.resolve(id);
        matches!(self.nodes.get(id).kind, Kind::Mapping { .. }).then_some(id)
    }

    /// The entries with this key in the mapping itself, without merged ones. Several entries are duplicates.
    pub(crate) fn own(&self, mapping: Id, key: &'static str) -> Vec<Entry> {
        let is_key =
            |name: Id| if key == key::MERGE { self.is_merge(name) } else { self.is_string(name, key) };
        let entries = || self.nodes.entries(mapping).filter(|&(name, _)| is_key(name)).collect();
        if !self.nodes.has_anchors() {
            return entries();
        }
        self.own.borrow_mut().entry((mapping, key)).or_insert_with(entries).clone()
    }

    /// The value of a key: the last own entry, or else the first merged one.
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
                self.too_many_merges.set(self.too_many_merges.get().or(Some(mapping)));
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

    /// Like [`Self::find`], for a key on which all readers must agree.
    pub(crate) fn find_unique(&self, mapping: Id, key: &'static str) -> Result<Option<Found>, Fault> {
        let fault = |problem, id| Err(Fault { problem, at: self.nodes.get(id).start, job: None });
        match *self.own(mapping, key) {
            [_, (second, _), ..] => fault(Problem::DuplicateKey(key), second),
            [(own, _)] if self.contested(mapping, key).is_some() => fault(Problem::ContestedKey(key), own),
            _ => Ok(self.find(mapping, key)),
        }
    }

    /// The strings that a reader may see under a key. Readers differ on duplicate and contested keys.
    pub(crate) fn possible_strings(
        &self,
        mapping: Id,
        key: &'static str,
        default: Option<&'n str>,
    ) -> Vec<&'n str> {
        let own = self.own(mapping, key);
        if own.is_empty() {
            let found = self.find(mapping, key);
            return found.map_or(default, |found| self.string(found.value())).into_iter().collect();
        }
        let values = own.into_iter().map(|(_, value)| value).chain(self.contested(mapping, key));
        values.filter_map(|value| self.string(value)).collect()
    }

    /// The first mapping in which a lookup ended early, because it merges more than [`MAX_MERGES`] others.
    pub(crate) fn mapping_with_too_many_merges(&self) -> Option<Id> {
        self.too_many_merges.get()
    }

    /// The mappings that a mapping merges, each once, in ascending precedence. Of several merge keys the last takes
    /// precedence; in the list of one merge key, the first.
    pub(crate) fn merged_into(&self, mapping: Id) -> Vec<Id> {
        if !self.may_have_merge_keys {
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

    /// The value that a merge key below a mapping's own entry has for the same key. The YAML library behind Helm and kubectl
    /// takes the merged value. The library behind kustomize takes the own entry.
    pub(crate) fn contested(&self, mapping: Id, key: &'static str) -> Option<Id> {
        if !self.may_have_merge_keys {
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

    pub(crate) fn string(&self, id: Id) -> Option<&'n str> {
        let node = self.nodes.get(self.nodes.resolve(id));
        let Kind::Scalar { value, style } = &node.kind else {
            return None;
        };
        let is_string = match node.tag.as_deref() {
            Some("!" | "tag:yaml.org,2002:str") => true,
            Some(_) => false,
            None => *style != ScalarStyle::Plain || !node.text.is_empty() && yaml::plain_is_string(value),
        };
        is_string.then_some(value)
    }

    fn is_string(&self, id: Id, text: &str) -> bool {
        let node = self.nodes.get(self.nodes.resolve(id));
        matches!(&node.kind, Kind::Scalar { value, .. } if value == text) && self.string(id).is_some()
    }

    pub(crate) fn is_null(&self, id: Id) -> bool {
        let node = self.nodes.get(id);
        let Kind::Scalar { value, style: ScalarStyle::Plain } = &node.kind else {
            return false;
        };
        node.text.is_empty() || yaml::is_null_word(value)
    }
}
