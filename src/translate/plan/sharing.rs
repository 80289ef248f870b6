//! Tells which parts of a Job are shared with something else by an anchor.

use std::collections::{HashMap, HashSet};

use crate::translate::read::jobs::{Job, Level};
use crate::translate::read::lookup::{Found, Lookup};
use crate::translate::read::nodes::{Id, Kind};

/// Nodes that are also used, through an alias, for something else than the same part of another Job.
pub(crate) struct Sharing {
    shared: HashSet<Id>,
}

impl Sharing {
    pub(crate) fn new(lookup: &Lookup<'_, '_>, jobs: &[Job]) -> Self {
        if !lookup.nodes.has_anchors() {
            return Self { shared: HashSet::new() };
        }
        let mut levels = HashMap::new();
        for job in jobs {
            levels.insert(job.id, Level::Job);
            for (found, level) in [(job.metadata, Level::Metadata), (job.annotations, Level::Annotations)] {
                if let Some(Found::Own { value, .. }) = found {
                    levels.insert(value, level);
                }
            }
        }
        let aliases = lookup.nodes.list().iter().enumerate();
        let aliases = aliases.filter(|(_, node)| matches!(node.kind, Kind::Alias { .. }));
        let repeated = aliases.map(|(alias, _)| (alias, lookup.nodes.resolve(alias)));
        let elsewhere = |&(alias, id): &(Id, Id)| match levels.get(&id) {
            Some(level) => levels.get(&alias) != Some(level),
            None => true,
        };
        Self { shared: repeated.filter(elsewhere).map(|(_, id)| id).collect() }
    }

    /// Whether a change inside this node changes Jobs only.
    pub(crate) fn is_exclusive(&self, lookup: &Lookup<'_, '_>, id: Id) -> bool {
        self.shared.is_empty()
            || std::iter::successors(Some(id), |&id| lookup.nodes.get(id).parent)
                .all(|id| !self.shared.contains(&id))
    }
}
