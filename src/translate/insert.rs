//! Plans the insertion: at which level a Job's text can be extended, and what has to be written there.
//!
//! The rule is to change the smallest piece that means this Job and nothing else. Where the annotations are
//! the Job's own, that is one entry. Where the Job shares them (an alias, a merge key, an anchor that is
//! used elsewhere), the shared piece stays and is merged into a mapping of the Job's own.

use std::collections::HashSet;

use super::change::{Change, Expected, Fragment};
use super::diagnostic::Problem;
use super::extend::{Extend, newline};
use super::jobs::{Fault, Job, Level, Sharing};
use super::lookup::{Found, Lookup, key};
use super::nodes::{Id, Kind};
use crate::policy::KOTS_DELETE_POLICY;

/// Where the policy to write comes from.
#[derive(Debug, Clone, Copy)]
pub(super) enum Policy<'p> {
    /// The Job's own annotation.
    Of(Found),
    /// The user's default.
    Default(&'p str),
}

/// How a new entry is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Style {
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

/// The longest copy of shared annotations that is written out: what the API server accepts in all.
const MAX_COPY: usize = 256 * 1024;
/// How deep a shared mapping that is written out may be nested.
const MAX_COPY_DEPTH: usize = 100;

/// Inserts policies into the Jobs of one document.
pub(super) struct Inserter<'l, 'n, 'a> {
    lookup: &'l Lookup<'n, 'a>,
    sharing: &'l Sharing,
    change: Change<'a>,
    /// What was changed already, on behalf of a Job that shares it.
    done: HashSet<Id>,
}

impl<'l, 'n, 'a> Inserter<'l, 'n, 'a> {
    pub(super) fn new(lookup: &'l Lookup<'n, 'a>, sharing: &'l Sharing) -> Self {
        Self { lookup, sharing, change: Change::default(), done: HashSet::new() }
    }

    pub(super) fn finish(self) -> Change<'a> {
        self.change
    }

    /// Adds the policy to a Job, whose metadata is a mapping.
    pub(super) fn insert(&mut self, job: &Job, policy: Policy<'_>) -> Result<(), Fault> {
        self.place(job, policy).map_err(|why| Fault {
            problem: Problem::CannotExtend(why),
            at: self.lookup.nodes.get(job.id).start,
            job: job.name.clone(),
        })
    }

    fn place(&mut self, job: &Job, policy: Policy<'_>) -> Result<(), &'static str> {
        let nodes = self.lookup.nodes;
        if let Some(list) = nodes.get(job.id).parent
            && !self.sharing.is_exclusive(self.lookup, list)
        {
            return Err("the list that holds the Job is shared by an anchor");
        }
        let mut id = job.id;
        let levels = [
            (Level::Job, job.metadata),
            (Level::Metadata, job.annotations),
            (
                Level::Annotations,
                match policy {
                    Policy::Of(found) => Some(found),
                    Policy::Default(_) => None,
                },
            ),
        ];
        for (level, inner) in levels {
            let mapping = nodes.resolve(id);
            if level == Level::Annotations && self.lookup.is_null(mapping) {
                return self.fill(id, policy);
            }
            if !self.sharing.is_exclusive(self.lookup, mapping) {
                return self.wrap(id, level, job, policy);
            }
            match inner {
                Some(Found::Own { value, .. }) if level != Level::Annotations => id = value,
                Some(Found::Own { key, value }) => return self.extend_after(mapping, key, value),
                _ => return self.extend(mapping, level, job, policy),
            }
        }
        Ok(())
    }

    /// The policy stands in the Job's own annotations: the new entry is written like it, right after it.
    fn extend_after(&mut self, annotations: Id, key: Id, value: Id) -> Result<(), &'static str> {
        if self.done.insert(annotations) {
            let text = self.lookup.string(value).unwrap_or_default();
            Extend::new(self.lookup.nodes, &mut self.change).like(annotations, key, value, text);
        }
        Ok(())
    }

    /// The mapping is the Job's own, but holds no such entry: a new one is written.
    fn extend(
        &mut self,
        mapping: Id,
        level: Level,
        job: &Job,
        policy: Policy<'_>,
    ) -> Result<(), &'static str> {
        if !self.done.insert(mapping) {
            return Ok(());
        }
        let nodes = self.lookup.nodes;
        let depth = nodes.get(mapping).depth + 1;
        let block = nodes.get(mapping).is_block_mapping();
        let annotations_missing = level == Level::Metadata && job.annotations.is_none();
        // What overrides a merge key's value comes after it, because the YAML library behind Helm lets the later one win.
        let after = match level {
            Level::Annotations => None,
            _ if annotations_missing => self.name(mapping).filter(|_| block),
            _ => self.lookup.own(mapping, key::MERGE).last().copied(),
        };
        let mut entry = Fragment::default();
        if annotations_missing && block {
            entry.scalar(depth, key::ANNOTATIONS, false);
            entry.nodes.push(Expected::new(depth, Kind::Mapping { flow: false }));
            let indent = " ".repeat(nodes.column(nodes.get(mapping).text.start) + 2);
            entry.text.push_str(&format!(":{}{indent}", newline(nodes.text, nodes.get(mapping).text.start)));
            self.policy_entry(&mut entry, depth + 1, policy, Style::Block);
        } else {
            entry = self.entry(level, depth, job, policy, self.style(mapping))?;
        }
        let mut extend = Extend::new(nodes, &mut self.change);
        match after {
            None => extend.first(mapping, entry),
            Some((_, value)) => match extend.after(mapping, value, entry) {
                Ok(()) => {}
                Err(entry) if annotations_missing => extend.first(mapping, entry),
                Err(_) => return Err("no line can follow the merge key"),
            },
        }
        Ok(())
    }

    fn name(&self, metadata: Id) -> Option<(Id, Id)> {
        let own = |key| self.lookup.own(metadata, key).first().copied();
        own(key::NAME).or_else(|| own(key::GENERATE_NAME))
    }

    /// How a mapping writes its entries, told by the first.
    fn style(&self, mapping: Id) -> Style {
        let nodes = self.lookup.nodes;
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

    /// The piece is shared with something else: the Job gets a mapping of its own that merges it.
    fn wrap(&mut self, id: Id, level: Level, job: &Job, policy: Policy<'_>) -> Result<(), &'static str> {
        if self.done.insert(id) {
            let entry = self.entry(level, self.lookup.nodes.get(id).depth + 1, job, policy, Style::Flow)?;
            Extend::new(self.lookup.nodes, &mut self.change).merge(id, entry)?;
        }
        Ok(())
    }

    /// The annotations are null.
    fn fill(&mut self, null: Id, policy: Policy<'_>) -> Result<(), &'static str> {
        let node = self.lookup.nodes.get(null);
        if node.anchor != 0 || node.tag.is_some() || matches!(node.kind, Kind::Alias { .. }) {
            return Err("the annotations are a null with an anchor, an alias or a tag");
        }
        if self.done.insert(null) {
            let mut entry = Fragment::default();
            let block = node.text.is_empty() && self.lookup.nodes.is_in_block_mapping(null);
            self.policy_entry(
                &mut entry,
                node.depth + 1,
                policy,
                if block { Style::Block } else { Style::Json },
            );
            Extend::new(self.lookup.nodes, &mut self.change).fill(null, entry)?;
        }
        Ok(())
    }

    /// What has to be added at a level for the Job to have the policy.
    fn entry(
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
        if let Some(mapping) = shared.and_then(|id| self.lookup.mapping(id)) {
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

    fn policy_entry(&self, entry: &mut Fragment<'a>, depth: usize, policy: Policy<'_>, style: Style) {
        entry.scalar(depth, KOTS_DELETE_POLICY, style.is_json());
        entry.text.push_str(style.colon());
        match policy {
            Policy::Of(found) => {
                entry.scalar(depth, self.lookup.string(found.value()).unwrap_or_default(), true)
            }
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
            for (key, value) in
                self.lookup.nodes.entries(source).filter(|&(key, _)| !self.lookup.is_merge(key))
            {
                let key = self.lookup.string(key).ok_or("a key of the shared metadata is not a string")?;
                if without == Some(key) || !seen.insert(key) {
                    continue;
                }
                if !entry.text.ends_with('{') {
                    entry.text.push_str(", ");
                }
                entry.scalar(depth, key, true);
                entry.text.push_str(": ");
                self.copy(entry, value, depth)?;
            }
            sources.extend(self.lookup.merged_into(source));
        }
        Ok(())
    }

    /// Writes out what a node means, on one line.
    fn copy(&self, entry: &mut Fragment<'a>, id: Id, depth: usize) -> Result<(), &'static str> {
        let id = self.lookup.nodes.resolve(id);
        let node = self.lookup.nodes.get(id);
        if entry.text.len() > MAX_COPY || entry.reaches(depth) > MAX_COPY_DEPTH {
            return Err("the shared metadata is too large to be written out");
        }
        match &node.kind {
            Kind::Scalar { value, .. } => match self.lookup.string(id) {
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
                for (number, item) in self.lookup.nodes.children(id).enumerate() {
                    entry.text.push_str(if number == 0 { "" } else { ", " });
                    self.copy(entry, item, depth + 1)?;
                }
                entry.text.push(']');
            }
            Kind::Alias { .. } => return Err("the shared metadata refers to itself"),
        }
        Ok(())
    }
}
