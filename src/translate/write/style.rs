//! The styles of an entry in a mapping.

use crate::translate::read::lookup::Lookup;
use crate::translate::read::nodes::Id;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Style {
    /// Each entry begins a line.
    Block,
    /// `{a: b}`
    Flow,
    /// `{"a": "b"}`
    Json,
    /// `{"a":"b"}`
    CompactJson,
}

impl Style {
    pub(crate) fn of(lookup: &Lookup<'_, '_>, mapping: Id) -> Self {
        let nodes = lookup.nodes;
        if nodes.get(mapping).is_block_mapping() {
            return Self::Block;
        }
        let Some((key, value)) = nodes.entries(mapping).next() else { return Self::Json };
        let between = &nodes.text[nodes.get(key).text.end..nodes.get(value).start];
        match (nodes.raw(key).starts_with('"'), between.ends_with(':')) {
            (false, _) => Self::Flow,
            (true, false) => Self::Json,
            (true, true) => Self::CompactJson,
        }
    }

    pub(crate) fn is_json(self) -> bool {
        matches!(self, Self::Json | Self::CompactJson)
    }

    /// The style of the entries in a new flow mapping.
    pub(crate) fn of_copy(self) -> Self {
        if self == Self::CompactJson { self } else { Self::Json }
    }

    pub(crate) fn colon(self) -> &'static str {
        if self == Self::CompactJson { ":" } else { ": " }
    }
}
