//! A document as a list of its nodes in the order of the text, each with its place.
//!
//! A list, not a tree: a node's children follow it up to its `end`, so nothing here recurses and a document of
//! any depth is read, kept and dropped in linear time.

use std::borrow::Cow;
use std::ops::Range;

use granit_parser::{Event, Parser, ScalarStyle, ScanError, Span, StructureStyle};

/// Deeper than this is an error, as in the YAML library that Helm uses.
const MAX_DEPTH: usize = 10_000;

/// The place of a node in [`Nodes`].
pub(crate) type Id = usize;

/// What a node is.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Kind<'a> {
    Scalar {
        value: Cow<'a, str>,
        style: ScalarStyle,
    },
    Mapping {
        flow: bool,
    },
    Sequence {
        flow: bool,
    },
    /// Refers to the node that bears this anchor; see [`Nodes::resolve`].
    Alias {
        anchor: usize,
    },
}

/// One node.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Node<'a> {
    pub(crate) kind: Kind<'a>,
    /// The resolved tag, if one is written.
    pub(crate) tag: Option<Box<str>>,
    /// The tag as it is written.
    pub(crate) tag_text: Range<usize>,
    /// Which anchor it defines, counted from 1 within the document; 0 for none.
    pub(crate) anchor: usize,
    pub(crate) depth: usize,
    pub(crate) parent: Option<Id>,
    /// The node after the last one inside this one.
    pub(crate) end: Id,
    /// Where its first property (anchor or tag) stands, or its text.
    pub(crate) start: usize,
    /// Where its anchor and tag end; 0 if it has none.
    pub(crate) properties_end: usize,
    /// Its own text, without properties. A literal or folded scalar's begins after its header.
    pub(crate) text: Range<usize>,
}

impl Node<'_> {
    pub(crate) fn is_block_scalar(&self) -> bool {
        matches!(self.kind, Kind::Scalar { style: ScalarStyle::Literal | ScalarStyle::Folded, .. })
    }

    pub(crate) fn is_block_mapping(&self) -> bool {
        self.kind == Kind::Mapping { flow: false }
    }
}

/// The nodes of one document, or of its head.
#[derive(Debug)]
pub(crate) struct Nodes<'a> {
    pub(crate) text: &'a str,
    list: Vec<Node<'a>>,
    /// By anchor: the node that bears it.
    anchors: Vec<Id>,
    /// Whether each line is whole in itself; see `simple`.
    pub(crate) has_simple_lines: bool,
}

impl<'a> Nodes<'a> {
    /// No nodes yet.
    pub(crate) fn new(text: &'a str) -> Self {
        Self { text, list: Vec::with_capacity(64), anchors: vec![0], has_simple_lines: false }
    }

    /// Reads a document.
    pub(crate) fn read(text: &'a str) -> Result<Self, ScanError> {
        let mut nodes = Self::new(text);
        let mut open: Vec<Id> = Vec::new();
        for event in Parser::new_from_str_with_options(text, options()) {
            let (event, span) = event?;
            let mut range = byte_range(&span);
            let tag = event.tag().map(|tag| tag.parts()).map(|(handle, suffix)| format!("{handle}{suffix}"));
            let kind = match event {
                Event::Scalar(value, style, ..) => {
                    if let ScalarStyle::Literal | ScalarStyle::Folded = style {
                        // The parser counts the next line's indentation in.
                        range.end = range.start + text[range.clone()].trim_end_matches(' ').len();
                    }
                    Kind::Scalar { value, style }
                }
                Event::MappingStart(style, ..) => Kind::Mapping { flow: style == StructureStyle::Flow },
                Event::SequenceStart(style, ..) => Kind::Sequence { flow: style == StructureStyle::Flow },
                Event::Alias(anchor) => Kind::Alias { anchor },
                Event::Anchor(anchor, _) => {
                    nodes.bear(anchor, &span);
                    continue;
                }
                Event::MappingEnd | Event::SequenceEnd => {
                    if let Some(closed) = open.pop() {
                        nodes.close(closed, range.end);
                    }
                    continue;
                }
                _ => continue,
            };
            let collection = matches!(kind, Kind::Mapping { .. } | Kind::Sequence { .. });
            let id = nodes.push(kind, range, open.last().copied());
            if let Some(tag) = tag {
                nodes.tag(tag, &span);
            }
            if collection {
                open.push(id);
            }
        }
        Ok(nodes)
    }

    /// Adds a node without properties.
    pub(crate) fn push(&mut self, kind: Kind<'a>, text: Range<usize>, parent: Option<Id>) -> Id {
        let id = self.list.len();
        self.list.push(Node {
            kind,
            tag: None,
            tag_text: 0..0,
            anchor: 0,
            depth: parent.map_or(0, |parent| self.list[parent].depth + 1),
            parent,
            end: id + 1,
            start: text.start,
            properties_end: 0,
            text,
        });
        id
    }

    /// All nodes of a collection have been added.
    pub(crate) fn close(&mut self, collection: Id, text_end: usize) {
        let end = self.list.len();
        let node = &mut self.list[collection];
        node.end = end;
        node.text.end = text_end;
    }

    /// The last node bears a tag.
    fn tag(&mut self, tag: String, span: &Span) {
        let Some(node) = self.list.last_mut() else { return };
        node.tag = Some(tag.into());
        node.tag_text = span.tag_span().map(|tag| byte_range(&tag)).unwrap_or_default();
        node.properties_end = node.tag_text.end;
        if !node.tag_text.is_empty() {
            node.start = node.tag_text.start;
        }
    }

    /// The last node bears an anchor.
    fn bear(&mut self, anchor: usize, span: &Span) {
        let range = byte_range(span);
        let id = self.list.len().saturating_sub(1);
        if let Some(node) = self.list.last_mut() {
            node.anchor = anchor;
            node.start = node.start.min(range.start);
            node.properties_end = node.properties_end.max(range.end);
        }
        self.anchors.resize(self.anchors.len().max(anchor + 1), 0);
        self.anchors[anchor] = id;
    }

    pub(crate) fn list(&self) -> &[Node<'a>] {
        &self.list
    }

    pub(crate) fn get(&self, id: Id) -> &Node<'a> {
        &self.list[id]
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// Whether any node bears an anchor, so that text may mean more than once.
    pub(crate) fn has_anchors(&self) -> bool {
        self.anchors.len() > 1
    }

    /// The node itself, or the one that an alias stands for.
    pub(crate) fn resolve(&self, id: Id) -> Id {
        match self.list[id].kind {
            Kind::Alias { anchor } => self.anchors[anchor],
            _ => id,
        }
    }

    /// The children of a collection, in order.
    pub(crate) fn children(&self, collection: Id) -> impl Iterator<Item = Id> {
        let mut next = collection + 1;
        let end = self.list[collection].end;
        std::iter::from_fn(move || {
            let child = (next < end).then_some(next)?;
            next = self.list[child].end;
            Some(child)
        })
    }

    /// The keys and values of a mapping as they are written, aliases and merge keys not followed.
    pub(crate) fn entries(&self, mapping: Id) -> impl Iterator<Item = (Id, Id)> {
        let mut children = self.children(mapping);
        std::iter::from_fn(move || Some((children.next()?, children.next()?)))
    }

    /// The raw text of a node, without its properties.
    pub(crate) fn raw(&self, id: Id) -> &'a str {
        &self.text[self.list[id].text.clone()]
    }

    /// A scalar's text with the header of a literal or folded one, but without properties.
    pub(crate) fn with_header(&self, id: Id) -> Range<usize> {
        let node = &self.list[id];
        if !node.is_block_scalar() {
            return node.text.clone();
        }
        // The header's line is the last one above the content that is not blank; there, it follows the key or the properties.
        let above = self.text[..self.line_start(node.text.start)].trim_end();
        let before = id.checked_sub(1).map_or(0, |before| match &self.list[before] {
            Node { kind: Kind::Scalar { .. } | Kind::Alias { .. }, text, .. } => text.end,
            Node { text, .. } => text.start,
        });
        let from = self.line_start(above.len()).max(before).max(node.properties_end);
        let header = above.get(from..).and_then(|line| line.find(['|', '>'])).unwrap_or(0);
        from + header..node.text.end
    }

    /// The last scalar, alias or flow collection inside a node: where its text ends.
    pub(crate) fn last_inside(&self, id: Id) -> Id {
        let mut last = id;
        while let Kind::Mapping { flow: false } | Kind::Sequence { flow: false } = self.list[last].kind {
            match self.children(last).last() {
                Some(child) => last = child,
                None => break,
            }
        }
        last
    }

    /// Whether a node is a value of a block mapping.
    pub(crate) fn is_in_block_mapping(&self, id: Id) -> bool {
        self.list[id].parent.is_some_and(|parent| self.list[parent].is_block_mapping())
    }

    /// How many characters stand before a byte on its line.
    pub(crate) fn column(&self, at: usize) -> usize {
        let line = &self.text[self.line_start(at)..at];
        line.trim_start_matches('\u{feff}').chars().count()
    }

    pub(crate) fn line_start(&self, at: usize) -> usize {
        self.text[..at].rfind(['\n', '\r']).map_or(0, |before| before + 1)
    }

    /// Where the line's text ends: at its line break, or at the end.
    pub(crate) fn line_end(&self, at: usize) -> usize {
        self.text[at..].find(['\n', '\r']).map_or(self.text.len(), |after| at + after)
    }
}

fn options() -> granit_parser::Options {
    granit_parser::options! {
        emit_anchor_events: true,
        emit_comments: false,
        block_scalar_eof_without_line_feed: true,
        flow_nesting_limit: MAX_DEPTH,
        block_nesting_limit: MAX_DEPTH,
    }
}

fn byte_range(span: &Span) -> Range<usize> {
    span.byte_range().unwrap_or_default()
}
