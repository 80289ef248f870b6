//! Decides where in a document a Job gets its policy.
//!
//! The insertion goes into the smallest mapping that belongs to the Job alone: its annotations, its metadata or the Job itself.
//! A mapping that the Job shares with something else (by an alias, a merge key or an anchor) stays as it is. The Job gets
//! a mapping of its own that merges the shared one.

use std::collections::HashSet;

use super::sharing::Sharing;
use crate::translate::diagnostic::{Fault, Problem};
use crate::translate::read::jobs::{Job, Level};
use crate::translate::read::lookup::{Found, Lookup, key};
use crate::translate::read::nodes::{Id, Kind};
use crate::translate::write::change::{Change, Expected, Fragment};
use crate::translate::write::extend::Extend;
use crate::translate::write::lines::newline;
use crate::translate::write::new_entry::{EntryWriter, Policy};
use crate::translate::write::style::Style;

pub(crate) struct Inserter<'l, 'n, 'a> {
    lookup: &'l Lookup<'n, 'a>,
    sharing: &'l Sharing,
    entries: EntryWriter<'l, 'n, 'a>,
    change: Change<'a>,
    /// The nodes that are already changed. Jobs can share a node.
    changed: HashSet<Id>,
}

impl<'l, 'n, 'a> Inserter<'l, 'n, 'a> {
    pub(crate) fn new(lookup: &'l Lookup<'n, 'a>, sharing: &'l Sharing) -> Self {
        Self {
            lookup,
            sharing,
            entries: EntryWriter::new(lookup),
            change: Change::default(),
            changed: HashSet::new(),
        }
    }

    pub(crate) fn finish(self) -> Change<'a> {
        self.change
    }

    /// Adds the policy to a Job. Its metadata must be a mapping.
    pub(crate) fn insert(&mut self, job: &Job, policy: Policy<'_>) -> Result<(), Fault> {
        self.insert_or_refuse(job, policy).map_err(|why| Fault {
            problem: Problem::CannotExtend(why.into()),
            at: self.lookup.nodes.get(job.id).start,
            job: job.name.clone(),
        })
    }

    fn insert_or_refuse(&mut self, job: &Job, policy: Policy<'_>) -> Result<(), &'static str> {
        let nodes = self.lookup.nodes;
        if let Some(list) = nodes.get(job.id).parent
            && !self.sharing.is_exclusive(self.lookup, list)
        {
            return Err("the list of the Job is shared by an anchor");
        }
        let mut id = job.id;
        let own_policy = match policy {
            Policy::Own(found) => Some(found),
            Policy::Default(_) => None,
        };
        let levels = [
            (Level::Job, job.metadata),
            (Level::Metadata, job.annotations),
            (Level::Annotations, own_policy),
        ];
        for (level, inner) in levels {
            let mapping = nodes.resolve(id);
            if level == Level::Annotations && self.lookup.is_null(mapping) {
                return self.replace_null(id, policy);
            }
            if !self.sharing.is_exclusive(self.lookup, mapping) {
                return self.wrap(id, level, job, policy);
            }
            match inner {
                Some(Found::Own { value, .. }) if level != Level::Annotations => id = value,
                Some(Found::Own { key, value }) => {
                    self.repeat(mapping, key, value);
                    return Ok(());
                }
                _ => return self.extend(mapping, level, job, policy),
            }
        }
        Ok(())
    }

    fn repeat(&mut self, annotations: Id, key: Id, value: Id) {
        if self.changed.insert(annotations) {
            let text = self.lookup.string(value).unwrap_or_default();
            Extend::new(self.lookup.nodes, &mut self.change).repeat_annotation(annotations, key, value, text);
        }
    }

    /// Adds a new entry to a mapping that belongs to the Job alone.
    fn extend(
        &mut self,
        mapping: Id,
        level: Level,
        job: &Job,
        policy: Policy<'_>,
    ) -> Result<(), &'static str> {
        if !self.changed.insert(mapping) {
            return Ok(());
        }
        let nodes = self.lookup.nodes;
        let depth = nodes.get(mapping).depth + 1;
        let block = nodes.get(mapping).is_block_mapping();
        let annotations_missing = level == Level::Metadata && job.annotations.is_none();
        // An entry overrides a merged one only below the merge key: the YAML library behind Helm lets the later one win.
        let after = match level {
            Level::Annotations => None,
            _ if annotations_missing => self.name(mapping).filter(|_| block),
            _ => self.lookup.own(mapping, key::MERGE).last().copied(),
        };
        let style = Style::of(self.lookup, mapping);
        let mut entry = Fragment::default();
        if annotations_missing && block {
            entry.push_plain(depth, key::ANNOTATIONS);
            entry.nodes.push(Expected::new(depth, Kind::Mapping { flow: false }));
            let indent = " ".repeat(nodes.column(nodes.get(mapping).text.start) + 2);
            entry.text.push_str(&format!(":{}{indent}", newline(nodes.text, nodes.get(mapping).text.start)));
            self.entries.push_policy(&mut entry, depth + 1, policy, Style::Block);
        } else {
            entry = self.entries.entry(level, depth, job, policy, style)?;
        }
        let mut extend = Extend::new(nodes, &mut self.change);
        match after {
            None => extend.insert_first(mapping, entry, style),
            Some((_, value)) => match extend.insert_after(mapping, value, entry) {
                Ok(()) => {}
                Err(entry) if annotations_missing => extend.insert_first(mapping, entry, style),
                Err(_) => return Err("no line can follow the merge key (<<)"),
            },
        }
        Ok(())
    }

    fn name(&self, metadata: Id) -> Option<(Id, Id)> {
        let own = |key| self.lookup.own(metadata, key).first().copied();
        own(key::NAME).or_else(|| own(key::GENERATE_NAME))
    }

    fn wrap(&mut self, id: Id, level: Level, job: &Job, policy: Policy<'_>) -> Result<(), &'static str> {
        if self.changed.insert(id) {
            let entry =
                self.entries.entry(level, self.lookup.nodes.get(id).depth + 1, job, policy, Style::Flow)?;
            Extend::new(self.lookup.nodes, &mut self.change).wrap(id, entry)?;
        }
        Ok(())
    }

    fn replace_null(&mut self, null: Id, policy: Policy<'_>) -> Result<(), &'static str> {
        let node = self.lookup.nodes.get(null);
        if node.anchor != 0 || node.tag.is_some() || matches!(node.kind, Kind::Alias { .. }) {
            return Err("the annotations are null and have an anchor, an alias or a tag");
        }
        if self.changed.insert(null) {
            let mut entry = Fragment::default();
            let block = node.text.is_empty() && self.lookup.nodes.is_in_block_mapping(null);
            let style = if block { Style::Block } else { Style::Json };
            self.entries.push_policy(&mut entry, node.depth + 1, policy, style);
            Extend::new(self.lookup.nodes, &mut self.change).replace_null(null, entry)?;
        }
        Ok(())
    }
}
