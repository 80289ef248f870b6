//! Plans the insertion: at which level a Job's text can be extended, and what has to be written there.
//!
//! The rule is to change the smallest piece that means this Job and nothing else. Where the annotations are
//! the Job's own, that is one entry. Where the Job shares them (an alias, a merge key, an anchor that is
//! used elsewhere), the shared piece stays and is merged into a mapping of the Job's own.

use std::collections::HashSet;

use crate::translate::diagnostic::Problem;
use crate::translate::read::jobs::{Fault, Job, Level, Sharing};
use crate::translate::read::lookup::{Found, Lookup, key};
use crate::translate::read::nodes::{Id, Kind};
use crate::translate::write::change::{Change, Expected, Fragment};
use crate::translate::write::extend::Extend;
use crate::translate::write::lines::newline;
use crate::translate::write::new_entry::{Policy, Style};

/// Inserts policies into the Jobs of one document.
pub(crate) struct Inserter<'l, 'n, 'a> {
    lookup: &'l Lookup<'n, 'a>,
    sharing: &'l Sharing,
    change: Change<'a>,
    /// What was changed already, on behalf of a Job that shares it.
    done: HashSet<Id>,
}

impl<'l, 'n, 'a> Inserter<'l, 'n, 'a> {
    pub(crate) fn new(lookup: &'l Lookup<'n, 'a>, sharing: &'l Sharing) -> Self {
        Self { lookup, sharing, change: Change::default(), done: HashSet::new() }
    }

    pub(crate) fn finish(self) -> Change<'a> {
        self.change
    }

    /// Adds the policy to a Job, whose metadata is a mapping.
    pub(crate) fn insert(&mut self, job: &Job, policy: Policy<'_>) -> Result<(), Fault> {
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
                Some(Found::Own { key, value }) => {
                    self.extend_after(mapping, key, value);
                    return Ok(());
                }
                _ => return self.extend(mapping, level, job, policy),
            }
        }
        Ok(())
    }

    /// The policy stands in the Job's own annotations: the new entry is written like it, right after it.
    fn extend_after(&mut self, annotations: Id, key: Id, value: Id) {
        if self.done.insert(annotations) {
            let text = self.lookup.string(value).unwrap_or_default();
            Extend::new(self.lookup.nodes, &mut self.change).like(annotations, key, value, text);
        }
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
        let style = self.lookup.style(mapping);
        let mut entry = Fragment::default();
        if annotations_missing && block {
            entry.scalar(depth, key::ANNOTATIONS, false);
            entry.nodes.push(Expected::new(depth, Kind::Mapping { flow: false }));
            let indent = " ".repeat(nodes.column(nodes.get(mapping).text.start) + 2);
            entry.text.push_str(&format!(":{}{indent}", newline(nodes.text, nodes.get(mapping).text.start)));
            self.lookup.policy_entry(&mut entry, depth + 1, policy, Style::Block);
        } else {
            entry = self.lookup.entry(level, depth, job, policy, style)?;
        }
        let mut extend = Extend::new(nodes, &mut self.change);
        match after {
            None => extend.first(mapping, entry, style),
            Some((_, value)) => match extend.after(mapping, value, entry) {
                Ok(()) => {}
                Err(entry) if annotations_missing => extend.first(mapping, entry, style),
                Err(_) => return Err("no line can follow the merge key"),
            },
        }
        Ok(())
    }

    fn name(&self, metadata: Id) -> Option<(Id, Id)> {
        let own = |key| self.lookup.own(metadata, key).first().copied();
        own(key::NAME).or_else(|| own(key::GENERATE_NAME))
    }

    /// The piece is shared with something else: the Job gets a mapping of its own that merges it.
    fn wrap(&mut self, id: Id, level: Level, job: &Job, policy: Policy<'_>) -> Result<(), &'static str> {
        if self.done.insert(id) {
            let entry =
                self.lookup.entry(level, self.lookup.nodes.get(id).depth + 1, job, policy, Style::Flow)?;
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
            self.lookup.policy_entry(
                &mut entry,
                node.depth + 1,
                policy,
                if block { Style::Block } else { Style::Json },
            );
            Extend::new(self.lookup.nodes, &mut self.change).fill(null, entry)?;
        }
        Ok(())
    }
}
