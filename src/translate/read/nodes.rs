//! The nodes of a document and their places in the text.
//!
//! The nodes are a list in the order of the text, not a tree: the children of a node follow it, up to its `end`. Nothing
//! recurses, so the time is linear at any depth of nesting.

use std::borrow::Cow;
use std::ops::Range;

use granit_parser::{Event, Parser, ScalarStyle, ScanError, Span, StructureStyle};

/// The limit of the YAML library behind Helm.
const MAX_DEPTH: usize = 10_000;

pub(crate) type Id = usize;

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Kind<'a> {
    Scalar { value: Cow<'a, str>, style: ScalarStyle },
    Mapping { flow: bool },
    Sequence { flow: bool },
    Alias { anchor: usize },
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Node<'a> {
    pub(crate) kind: Kind<'a>,
    /// The tag with its handle resolved.
    pub(crate) tag: Option<Box<str>>,
    pub(crate) tag_text: Range<usize>,
    /// The number of the anchor that the node defines, or 0.
    pub(crate) anchor: usize,
    pub(crate) depth: usize,
    pub(crate) parent: Option<Id>,
    /// The first node after this one and its children.
    pub(crate) end: Id,
    /// Where the node begins, with its anchor and tag.
    pub(crate) start: usize,
    /// Where the anchor and tag end, or 0.
    pub(crate) properties_end: usize,
    /// The text without anchor and tag. The text of a block scalar begins after its header.
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

#[derive(Debug)]
pub(crate) struct Nodes<'a> {
    pub(crate) text: &'a str,
    list: Vec<Node<'a>>,
    /// The node that defines each anchor, by the anchor's number.
    anchors: Vec<Id>,
}

impl<'a> Nodes<'a> {
    pub(crate) fn read(text: &'a str) -> Result<Self, ScanError> {
        match Self::read_to_first_error(text) {
            (nodes, None) => Ok(nodes),
            (_, Some(error)) => Err(error),
        }
    }

    pub(crate) fn read_to_first_error(text: &'a str) -> (Self, Option<ScanError>) {
        let mut nodes = Self { text, list: Vec::new(), anchors: vec![0] };
        let mut open: Vec<Id> = Vec::new();
        let mut parser = Parser::new_from_str_with_options(text, options());
        let error = loop {
            match parser.next() {
                Some(Ok((event, span))) => nodes.add(event, &span, &mut open),
                Some(Err(error)) => break Some(error),
                None => break None,
            }
        };
        for unclosed in open.into_iter().rev() {
            nodes.close(unclosed, text.len());
        }
        (nodes, error)
    }

    fn add(&mut self, event: Event<'a>, span: &Span, open: &mut Vec<Id>) {
        let mut range = byte_range(span);
        let tag = event.tag().map(|tag| tag.parts()).map(|(handle, suffix)| format!("{handle}{suffix}"));
        let kind = match event {
            Event::Scalar(value, style, ..) => {
                if let ScalarStyle::Literal | ScalarStyle::Folded = style {
                    // The parser includes the indentation of the next line.
                    range.end = range.start + self.text[range.clone()].trim_end_matches(' ').len();
                }
                Kind::Scalar { value, style }
            }
            Event::MappingStart(style, ..) => Kind::Mapping { flow: style == StructureStyle::Flow },
            Event::SequenceStart(style, ..) => Kind::Sequence { flow: style == StructureStyle::Flow },
            Event::Alias(anchor) => Kind::Alias { anchor },
            Event::Anchor(anchor, _) => return self.anchor_last_node(anchor, span),
            Event::MappingEnd | Event::SequenceEnd => {
                if let Some(closed) = open.pop() {
                    self.close(closed, range.end);
                }
                return;
            }
            _ => return,
        };
        let is_collection = matches!(kind, Kind::Mapping { .. } | Kind::Sequence { .. });
        let id = self.push(kind, range, open.last().copied());
        if let Some(tag) = tag {
            self.tag_last_node(tag, span);
        }
        if is_collection {
            open.push(id);
        }
    }

    fn push(&mut self, kind: Kind<'a>, text: Range<usize>, parent: Option<Id>) -> Id {
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

    fn close(&mut self, collection: Id, text_end: usize) {
        let end = self.list.len();
        let node = &mut self.list[collection];
        node.end = end;
        node.text.end = text_end;
    }

    fn tag_last_node(&mut self, tag: String, span: &Span) {
        let Some(node) = self.list.last_mut() else { return };
        node.tag = Some(tag.into());
        node.tag_text = span.tag_span().map(|tag| byte_range(&tag)).unwrap_or_default();
        node.properties_end = node.tag_text.end;
        if !node.tag_text.is_empty() {
            node.start = node.tag_text.start;
        }
    }

    fn anchor_last_node(&mut self, anchor: usize, span: &Span) {
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

    pub(crate) fn root(&self) -> Option<Id> {
        (!self.list.is_empty()).then_some(0)
    }

    pub(crate) fn resolve(&self, id: Id) -> Id {
        match self.list[id].kind {
            Kind::Alias { anchor } => self.anchors[anchor],
            _ => id,
        }
    }

    pub(crate) fn children(&self, collection: Id) -> impl Iterator<Item = Id> {
        let mut next = collection + 1;
        let end = self.list[collection].end;
        std::iter::from_fn(move || {
            let child = (next < end).then_some(next)?;
            next = self.list[child].end;
            Some(child)
        })
    }

    /// The keys and values of a mapping. Aliases and merge keys are not followed.
    pub(crate) fn entries(&self, mapping: Id) -> impl Iterator<Item = (Id, Id)> {
        let mut children = self.children(mapping);
        std::iter::from_fn(move || Some((children.next()?, children.next()?)))
    }

    pub(crate) fn raw(&self, id: Id) -> &'a str {
        &self.text[self.list[id].text.clone()]
    }

    pub(crate) fn is_in_block_mapping(&self, id: Id) -> bool {
        self.list[id].parent.is_some_and(|parent| self.list[parent].is_block_mapping())
    }

    /// The column of the entries of a block mapping.
    pub(crate) fn indent(&self, mapping: Id) -> usize {
        self.column(self.list[mapping].text.start)
    }

    pub(crate) fn column(&self, at: usize) -> usize {
        let line = &self.text[self.line_start(at)..at];
        line.trim_start_matches('\u{feff}').chars().count()
    }

    pub(crate) fn line_start(&self, at: usize) -> usize {
        memchr::memrchr2(b'\n', b'\r', &self.text.as_bytes()[..at]).map_or(0, |before| before + 1)
    }

    pub(crate) fn line_end(&self, at: usize) -> usize {
        memchr::memchr2(b'\n', b'\r', &self.text.as_bytes()[at..]).map_or(self.text.len(), |after| at + after)
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
