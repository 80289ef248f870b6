//! Writes an entry that a Job lacks: the policy, and around it a copy of the annotations and metadata that the Job shares.

use std::collections::HashSet;

use super::change::{Expected, Fragment};
use super::style::Style;
use crate::policy::{KOTS_DELETE_POLICY, MAX_ANNOTATIONS};
use crate::translate::read::jobs::{Job, Level};
use crate::translate::read::lookup::{Found, Lookup, key};
use crate::translate::read::nodes::{Id, Kind};

/// The limit of copied text for one document. Without a limit, many aliases of one text would make a long output of a short
/// input.
const MAX_COPY: usize = MAX_ANNOTATIONS;
const MAX_COPY_DEPTH: usize = 100;

/// Where the value of the new annotation comes from.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Policy<'p> {
    /// The Job's own annotation.
    Own(Found),
    /// `--default-policy`.
    Default(&'p str),
}

pub(crate) struct EntryWriter<'l, 'n, 'a> {
    lookup: &'l Lookup<'n, 'a>,
    /// The bytes of shared text copied so far.
    copied: usize,
}

impl<'l, 'n, 'a> EntryWriter<'l, 'n, 'a> {
    pub(crate) fn new(lookup: &'l Lookup<'n, 'a>) -> Self {
        Self { lookup, copied: 0 }
    }

    /// The entry that a mapping at this level needs for the Job to have the policy.
    pub(crate) fn entry(
        &mut self,
        level: Level,
        depth: usize,
        job: &Job,
        policy: Policy<'_>,
        style: Style,
    ) -> Result<Fragment<'a>, &'static str> {
        let mut entry = Fragment::default();
        let annotations = job.annotations.map(Found::value);
        let (inner_depth, inner_style, close) = match level {
            Level::Job => {
                let metadata = job.metadata.map(Found::value);
                self.open_copy(&mut entry, depth, key::METADATA, metadata, style)?;
                self.open_copy(&mut entry, depth + 1, key::ANNOTATIONS, annotations, style.of_copy())?;
                (depth + 2, style.of_copy(), "}}")
            }
            Level::Metadata => {
                self.open_copy(&mut entry, depth, key::ANNOTATIONS, annotations, style)?;
                (depth + 1, if annotations.is_some() { style.of_copy() } else { style }, "}")
            }
            Level::Annotations => (depth, style, ""),
        };
        self.push_policy(&mut entry, inner_depth, policy, inner_style);
        entry.text.push_str(close);
        Ok(entry)
    }

    pub(crate) fn push_policy(
        &self,
        entry: &mut Fragment<'a>,
        depth: usize,
        policy: Policy<'_>,
        style: Style,
    ) {
        push_key(entry, depth, KOTS_DELETE_POLICY, style);
        match policy {
            Policy::Own(found) => {
                entry.push_quoted(depth, self.lookup.string(found.value()).unwrap_or_default())
            }
            Policy::Default(text) if style.is_json() || style == Style::Flow && text.contains(',') => {
                entry.push_quoted(depth, text)
            }
            Policy::Default(text) => entry.push_plain(depth, text),
        }
    }

    /// Writes `key: {` and the entries of a shared mapping. The mapping stays open for one more entry.
    fn open_copy(
        &mut self,
        entry: &mut Fragment<'a>,
        depth: usize,
        key: &str,
        shared: Option<Id>,
        style: Style,
    ) -> Result<(), &'static str> {
        push_key(entry, depth, key, style);
        entry.text.push('{');
        entry.nodes.push(Expected::new(depth, Kind::Mapping { flow: true }));
        if let Some(mapping) = shared.and_then(|id| self.lookup.mapping(id)) {
            let replaced = Some(key::ANNOTATIONS).filter(|_| key == key::METADATA);
            self.copy_entries(entry, mapping, depth + 1, replaced)?;
            separate(entry);
        }
        Ok(())
    }

    /// Copies the entries of a mapping and of those that it merges.
    fn copy_entries(
        &mut self,
        entry: &mut Fragment<'a>,
        mapping: Id,
        depth: usize,
        without: Option<&str>,
    ) -> Result<(), &'static str> {
        let lookup = self.lookup;
        let mut seen = HashSet::new();
        let mut sources = vec![mapping];
        let mut visited = HashSet::new();
        while let Some(source) = sources.pop() {
            if !visited.insert(source) {
                continue;
            }
            self.count_copied(1)?;
            for (key, value) in lookup.nodes.entries(source).filter(|&(key, _)| !lookup.is_merge(key)) {
                let key = lookup.string(key).ok_or("a key of the shared metadata is not a string")?;
                if without == Some(key) || !seen.insert(key) {
                    continue;
                }
                self.count_copied(key.len())?;
                separate(entry);
                push_key(entry, depth, key, Style::Json);
                self.copy(entry, value, depth)?;
            }
            sources.extend(lookup.merged_into(source));
        }
        Ok(())
    }

    fn copy(&mut self, entry: &mut Fragment<'a>, id: Id, depth: usize) -> Result<(), &'static str> {
        let lookup = self.lookup;
        let id = lookup.nodes.resolve(id);
        let node = lookup.nodes.get(id);
        self.count_copied(if let Kind::Scalar { value, .. } = &node.kind { 1 + value.len() } else { 1 })?;
        if entry.levels_to(depth) > MAX_COPY_DEPTH {
            return Err("the shared metadata is nested too deeply to copy it");
        }
        match &node.kind {
            Kind::Scalar { value, .. } => match lookup.string(id) {
                Some(text) => entry.push_quoted(depth, text),
                None if node.tag.is_some() => return Err("the shared metadata has a value with a tag"),
                None if node.text.is_empty() => entry.push_plain(depth, "null"),
                None => entry.push_plain(depth, value),
            },
            Kind::Mapping { .. } => {
                entry.text.push('{');
                entry.nodes.push(Expected::new(depth, Kind::Mapping { flow: true }));
                self.copy_entries(entry, id, depth + 1, None)?;
                entry.text.push('}');
            }
            Kind::Sequence { .. } => {
                entry.text.push('[');
                entry.nodes.push(Expected::new(depth, Kind::Sequence { flow: true }));
                for (number, item) in lookup.nodes.children(id).enumerate() {
                    entry.text.push_str(if number == 0 { "" } else { ", " });
                    self.copy(entry, item, depth + 1)?;
                }
                entry.text.push(']');
            }
            Kind::Alias { .. } => return Err("the shared metadata contains itself"),
        }
        Ok(())
    }

    fn count_copied(&mut self, bytes: usize) -> Result<(), &'static str> {
        self.copied += bytes;
        if self.copied > MAX_COPY {
            return Err("the shared metadata is too large to copy it into every Job of the document");
        }
        Ok(())
    }
}

fn push_key(entry: &mut Fragment<'_>, depth: usize, key: &str, style: Style) {
    if style.is_json() {
        entry.push_quoted(depth, key);
    } else {
        entry.push_plain(depth, key);
    }
    entry.text.push_str(style.colon());
}

fn separate(entry: &mut Fragment<'_>) {
    if !entry.text.ends_with('{') {
        entry.text.push_str(", ");
    }
}
