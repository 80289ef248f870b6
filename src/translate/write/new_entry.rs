//! Writes what a Job lacks: the policy's entry, or around it a copy of the mapping that the Job shares.

use std::collections::HashSet;

use super::change::{Expected, Fragment};
use crate::policy::KOTS_DELETE_POLICY;
use crate::translate::read::jobs::{Job, Level};
use crate::translate::read::lookup::{Found, Lookup, key};
use crate::translate::read::nodes::{Id, Kind};

/// Where the policy to write comes from.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Policy<'p> {
    /// The Job's own annotation.
    Of(Found),
    /// The user's default.
    Default(&'p str),
}

/// How a new entry is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Style {
    /// On a line of its own.
    Block,
    /// Among `{a: b}`.
    Flow,
    /// Among `{"a": "b"}`.
    Json,
    /// Among `{"a":"b"}`.
    CompactJson,
}

impl Style {
    fn is_json(self) -> bool {
        matches!(self, Self::Json | Self::CompactJson)
    }

    fn colon(self) -> &'static str {
        if self == Self::CompactJson { ":" } else { ": " }
    }
}

/// The most that is written out of shared text in one document, in bytes: what the API server accepts as annotations of one
/// Job. So a short text with many aliases cannot become an endless one.
const MAX_COPY: usize = 256 * 1024;
/// How deep a shared mapping that is written out may be nested.
const MAX_COPY_DEPTH: usize = 100;

/// Writes entries that mean what they must, in a given style.
impl<'a> Lookup<'_, 'a> {
    /// How a mapping writes its entries, told by the first.
    pub(crate) fn style(&self, mapping: Id) -> Style {
        let nodes = self.nodes;
        if nodes.get(mapping).is_block_mapping() {
            return Style::Block;
        }
        let Some((key, value)) = nodes.entries(mapping).next() else { return Style::Json };
        let between = &nodes.text[nodes.get(key).text.end..nodes.get(value).start];
        match (nodes.raw(key).starts_with('"'), between.ends_with(':')) {
            (false, _) => Style::Flow,
            (true, false) => Style::Json,
            (true, true) => Style::CompactJson,
        }
    }

    /// What has to be added at a level for the Job to have the policy.
    pub(crate) fn entry(
        &self,
        level: Level,
        depth: usize,
        job: &Job,
        policy: Policy<'_>,
        style: Style,
    ) -> Result<Fragment<'a>, &'static str> {
        let mut entry = Fragment::default();
        let annotations = job.annotations.map(Found::value);
        if level == Level::Job {
            let metadata = job.metadata.map(Found::value);
            self.open_copy(&mut entry, depth, key::METADATA, metadata, style)?;
        }
        let copied = if style == Style::CompactJson { style } else { Style::Json };
        if level != Level::Annotations {
            let (depth, style) = if level == Level::Job { (depth + 1, copied) } else { (depth, style) };
            self.open_copy(&mut entry, depth, key::ANNOTATIONS, annotations, style)?;
        }
        let (depth, style, close) = match level {
            Level::Job => (depth + 2, copied, "}}"),
            Level::Metadata if annotations.is_some() => (depth + 1, copied, "}"),
            Level::Metadata => (depth + 1, style, "}"),
            Level::Annotations => (depth, style, ""),
        };
        self.policy_entry(&mut entry, depth, policy, style);
        entry.text.push_str(close);
        Ok(entry)
    }

    /// `key: {…`: a copy of a shared mapping on one line, open for one entry more.
    fn open_copy(
        &self,
        entry: &mut Fragment<'a>,
        depth: usize,
        key: &str,
        shared: Option<Id>,
        style: Style,
    ) -> Result<(), &'static str> {
        entry.scalar(depth, key, style.is_json());
        entry.text.push_str(style.colon());
        entry.text.push('{');
        entry.nodes.push(Expected::new(depth, Kind::Mapping { flow: true }));
        if let Some(mapping) = shared.and_then(|id| self.mapping(id)) {
            self.copy_entries(
                entry,
                mapping,
                depth + 1,
                Some(key::ANNOTATIONS).filter(|_| key == key::METADATA),
            )?;
            if !entry.text.ends_with('{') {
                entry.text.push_str(", ");
            }
        }
        Ok(())
    }

    pub(crate) fn policy_entry(
        &self,
        entry: &mut Fragment<'a>,
        depth: usize,
        policy: Policy<'_>,
        style: Style,
    ) {
        entry.scalar(depth, KOTS_DELETE_POLICY, style.is_json());
        entry.text.push_str(style.colon());
        match policy {
            Policy::Of(found) => entry.scalar(depth, self.string(found.value()).unwrap_or_default(), true),
            Policy::Default(text) => {
                entry.scalar(depth, text, style.is_json() || style == Style::Flow && text.contains(','))
            }
        }
    }

    /// Writes out what a mapping means, merge keys followed.
    fn copy_entries(
        &self,
        entry: &mut Fragment<'a>,
        mapping: Id,
        depth: usize,
        without: Option<&str>,
    ) -> Result<(), &'static str> {
        let mut seen = HashSet::new();
        let mut sources = vec![mapping];
        let mut visited = HashSet::new();
        while let Some(source) = sources.pop() {
            if !visited.insert(source) {
                continue;
            }
            self.spend(1)?;
            for (key, value) in self.nodes.entries(source).filter(|&(key, _)| !self.is_merge(key)) {
                let key = self.string(key).ok_or("a key of the shared metadata is not a string")?;
                if without == Some(key) || !seen.insert(key) {
                    continue;
                }
                self.spend(key.len())?;
                if !entry.text.ends_with('{') {
                    entry.text.push_str(", ");
                }
                entry.scalar(depth, key, true);
                entry.text.push_str(": ");
                self.copy(entry, value, depth)?;
            }
            sources.extend(self.merged_into(source));
        }
        Ok(())
    }

    /// Writes out what a node means, on one line.
    fn copy(&self, entry: &mut Fragment<'a>, id: Id, depth: usize) -> Result<(), &'static str> {
        let id = self.nodes.resolve(id);
        let node = self.nodes.get(id);
        self.spend(if let Kind::Scalar { value, .. } = &node.kind { 1 + value.len() } else { 1 })?;
        if entry.reaches(depth) > MAX_COPY_DEPTH {
            return Err("the shared metadata is nested too deeply to be written out");
        }
        match &node.kind {
            Kind::Scalar { value, .. } => match self.string(id) {
                Some(text) => entry.scalar(depth, text, true),
                None if node.tag.is_none() => {
                    entry.scalar(depth, if node.text.is_empty() { "null" } else { value }, false)
                }
                None => return Err("the shared metadata has a tagged value"),
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
                for (number, item) in self.nodes.children(id).enumerate() {
                    entry.text.push_str(if number == 0 { "" } else { ", " });
                    self.copy(entry, item, depth + 1)?;
                }
                entry.text.push(']');
            }
            Kind::Alias { .. } => return Err("the shared metadata refers to itself"),
        }
        Ok(())
    }
    /// Counts what is written out, until that is too much.
    fn spend(&self, bytes: usize) -> Result<(), &'static str> {
        self.copied.set(self.copied.get() + bytes);
        if self.copied.get() > MAX_COPY {
            return Err("the shared metadata is too large to be written out for every Job of the document");
        }
        Ok(())
    }
}
