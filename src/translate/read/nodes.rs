//! The nodes of a document and their places in the text.
//!
//! The nodes are a list in the order of the text, not a tree: the children of a node follow it, up to its end. Nothing
//! recurses, so the time is linear at any depth of nesting. A document can have a million nodes, so what few of them
//! have stands apart.

use std::collections::BTreeMap;
use std::ops::Range;

use granit_parser::{Event, Parser, ScalarStyle, Span, StructureStyle};
use memchr::memmem;

use crate::translate::diagnostic::{Fault, Problem};

/// The limit of the YAML library behind Helm.
const MAX_DEPTH: usize = 10_000;
/// The longest object to parse. The API server accepts 3 MiB, so this leaves room for comments and escapes.
const MAX_OBJECT: usize = 16 << 20;

pub(crate) type Id = usize;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Scalar(ScalarStyle),
    Mapping { flow: bool },
    Sequence { flow: bool },
    Alias,
}

/// What every node has.
#[derive(Debug)]
struct Node {
    kind: Kind,
    depth: u16,
    parent: u32,
    /// The first node after this one and its children.
    end: u32,
    /// The text without anchor and tag. The text of a block scalar begins after its header.
    text: Range<u32>,
}

/// The tag and the anchor of a node. Most have none.
#[derive(Debug, Default)]
pub(crate) struct Properties {
    /// The tag with its handle resolved.
    pub(crate) tag: Option<String>,
    pub(crate) tag_text: Range<usize>,
    /// The number of the anchor that the node defines or, as an alias, refers to. 0 is none.
    pub(crate) anchor: usize,
    /// Where tag and anchor stand.
    pub(crate) range: Range<usize>,
}

const NO_PROPERTIES: &Properties = &Properties { tag: None, tag_text: 0..0, anchor: 0, range: 0..0 };

#[derive(Debug)]
pub(crate) struct Nodes<'a> {
    pub(crate) text: &'a str,
    list: Vec<Node>,
    /// The values of scalars that are not written as they are, for example because of an escape.
    values: BTreeMap<Id, String>,
    properties: BTreeMap<Id, Properties>,
    /// The node that defines each anchor, by the anchor's number.
    anchors: Vec<Id>,
}

impl<'a> Nodes<'a> {
    pub(crate) fn read(text: &'a str) -> Result<Self, Fault> {
        match Self::read_to_first_error(text) {
            (nodes, None) => Ok(nodes),
            (_, Some(error)) => Err(error),
        }
    }

    pub(crate) fn read_to_first_error(text: &'a str) -> (Self, Option<Fault>) {
        let mut nodes = Self {
            text,
            list: Vec::new(),
            values: BTreeMap::new(),
            properties: BTreeMap::new(),
            anchors: vec![0],
        };
        if is_too_long(text) {
            return (nodes, Some(Fault { problem: Problem::TooLong, at: 0, job: None }));
        }
        let mut open: Vec<Id> = Vec::new();
        let mut parser = Parser::new_from_str_with_options(text, options());
        let error = loop {
            match parser.next() {
                Some(Ok((event, span))) => nodes.add(event, &span, &mut open),
                Some(Err(error)) => break Some(Fault::not_yaml(&error, text)),
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
        let kind = match &event {
            Event::Scalar(_, style, ..) => {
                if let ScalarStyle::Literal | ScalarStyle::Folded = style {
                    // The parser includes the indentation of the next line.
                    range.end = range.start + self.text[range.clone()].trim_end_matches(' ').len();
                }
                Kind::Scalar(*style)
            }
            Event::MappingStart(style, ..) => Kind::Mapping { flow: *style == StructureStyle::Flow },
            Event::SequenceStart(style, ..) => Kind::Sequence { flow: *style == StructureStyle::Flow },
            Event::Alias(_) => Kind::Alias,
            Event::Anchor(anchor, _) => return self.anchor_last_node(*anchor, &range),
            Event::MappingEnd | Event::SequenceEnd => {
                if let Some(closed) = open.pop() {
                    self.close(closed, range.end);
                }
                return;
            }
            _ => return,
        };
        let id = self.push(kind, range, open);
        if let Some((handle, suffix)) = event.tag().map(|tag| tag.parts()) {
            let text = span.tag_span().map(|tag| byte_range(&tag)).unwrap_or_default();
            let tag = Some(format!("{handle}{suffix}"));
            self.properties.insert(id, Properties { tag, tag_text: text.clone(), anchor: 0, range: text });
        }
        match event {
            Event::Scalar(value, ..) if self.value(id) != Some(&value) => {
                self.values.insert(id, value.into_owned());
            }
            Event::Alias(anchor) => {
                self.properties.insert(id, Properties { anchor, ..Properties::default() });
            }
            Event::MappingStart(..) | Event::SequenceStart(..) => open.push(id),
            _ => {}
        }
    }

    fn push(&mut self, kind: Kind, text: Range<usize>, open: &[Id]) -> Id {
        let id = self.list.len();
        self.list.push(Node {
            kind,
            depth: open.len() as u16,
            parent: open.last().map_or(0, |parent| *parent as u32),
            end: id as u32 + 1,
            text: text.start as u32..text.end as u32,
        });
        id
    }

    fn close(&mut self, collection: Id, text_end: usize) {
        let end = self.list.len();
        let node = &mut self.list[collection];
        node.end = end as u32;
        node.text.end = text_end as u32;
    }

    fn anchor_last_node(&mut self, anchor: usize, range: &Range<usize>) {
        let id = self.list.len().saturating_sub(1);
        let properties = self.properties.entry(id).or_default();
        properties.anchor = anchor;
        let tag = &properties.range;
        let start = if tag.is_empty() { range.start } else { tag.start.min(range.start) };
        properties.range = start..tag.end.max(range.end);
        self.anchors.resize(self.anchors.len().max(anchor + 1), 0);
        self.anchors[anchor] = id;
    }

    pub(crate) fn len(&self) -> usize {
        self.list.len()
    }

    pub(crate) fn root(&self) -> Option<Id> {
        (!self.list.is_empty()).then_some(0)
    }

    pub(crate) fn kind(&self, id: Id) -> Kind {
        self.list[id].kind
    }

    pub(crate) fn depth(&self, id: Id) -> usize {
        self.list[id].depth.into()
    }

    pub(crate) fn parent(&self, id: Id) -> Option<Id> {
        (id > 0).then_some(self.list[id].parent as usize)
    }

    /// The first node after this one and its children.
    pub(crate) fn end(&self, id: Id) -> Id {
        self.list[id].end as usize
    }

    /// Where the text of a node stands, without anchor and tag. That of a block scalar begins after its header.
    pub(crate) fn range(&self, id: Id) -> Range<usize> {
        let Range { start, end } = self.list[id].text;
        start as usize..end as usize
    }

    /// The text of a node without anchor and tag.
    pub(crate) fn raw(&self, id: Id) -> &'a str {
        &self.text[self.range(id)]
    }

    /// Where a node begins, with its anchor and tag.
    pub(crate) fn start(&self, id: Id) -> usize {
        let properties = &self.properties(id).range;
        if properties.is_empty() { self.range(id).start } else { properties.start }
    }

    /// The value of a scalar.
    pub(crate) fn value(&self, id: Id) -> Option<&str> {
        let Kind::Scalar(style) = self.kind(id) else { return None };
        if let Some(value) = self.values.get(&id) {
            return Some(value);
        }
        match (style, self.raw(id)) {
            (ScalarStyle::SingleQuoted | ScalarStyle::DoubleQuoted, quoted) => {
                quoted.get(1..quoted.len().saturating_sub(1))
            }
            (_, "") => Some("~"),
            (_, text) => Some(text),
        }
    }

    pub(crate) fn properties(&self, id: Id) -> &Properties {
        self.properties.get(&id).unwrap_or(NO_PROPERTIES)
    }

    pub(crate) fn resolve(&self, id: Id) -> Id {
        match self.kind(id) {
            Kind::Alias => self.anchors[self.properties(id).anchor],
            _ => id,
        }
    }

    pub(crate) fn is_block_scalar(&self, id: Id) -> bool {
        matches!(self.kind(id), Kind::Scalar(ScalarStyle::Literal | ScalarStyle::Folded))
    }

    pub(crate) fn is_block_mapping(&self, id: Id) -> bool {
        self.kind(id) == Kind::Mapping { flow: false }
    }

    pub(crate) fn children(&self, collection: Id) -> impl Iterator<Item = Id> {
        let mut next = collection + 1;
        let end = self.end(collection);
        std::iter::from_fn(move || {
            let child = (next < end).then_some(next)?;
            next = self.end(child);
            Some(child)
        })
    }

    /// The keys and values of a mapping. Aliases and merge keys are not followed.
    pub(crate) fn entries(&self, mapping: Id) -> impl Iterator<Item = (Id, Id)> {
        let mut children = self.children(mapping);
        std::iter::from_fn(move || Some((children.next()?, children.next()?)))
    }

    /// The column of the entries of a block mapping.
    pub(crate) fn indent(&self, mapping: Id) -> usize {
        self.column(self.range(mapping).start)
    }

    pub(crate) fn indentation(&self, mapping: Id) -> String {
        " ".repeat(self.indent(mapping))
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

/// Whether a text is too long for an object, and is not a list of objects.
fn is_too_long(text: &str) -> bool {
    let may_be_list = || memmem::find(text.as_bytes(), b"items").is_some();
    text.len() > MAX_OBJECT && (text.len() > u32::MAX as usize || !may_be_list())
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
