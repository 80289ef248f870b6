//! Adds messages to the `results` of a `ResourceList`.

use super::{possible_resource_list, root};
use crate::translate::Translated;
use crate::translate::diagnostic::Diagnostic;
use crate::translate::proof;
use crate::translate::read::lookup::{Found, key};
use crate::translate::read::nodes::{Id, Kind, Nodes};
use crate::translate::read::value::Value;
use crate::translate::write::change::{Change, Expected, Fragment};
use crate::translate::write::entry::Style;
use crate::translate::write::lines::{NewLine, newline};

/// The limit of Kubernetes for names.
const MAX_NAME: usize = 253;

/// The translated `ResourceList` with its warnings in `results`.
///
/// `None` if there are no warnings, the stream is no `ResourceList`, or its `results` have no place for an entry. Entries that are there
/// already are not added again.
#[must_use]
pub fn with_warnings(translated: &Translated<'_>) -> Option<Vec<u8>> {
    if translated.warnings.is_empty() || possible_resource_list(translated.input).is_none() {
        return None;
    }
    let mut output = Vec::with_capacity(translated.input.len());
    translated.write_to(&mut output).ok()?;
    with_results(translated.input, &output, "warning", &translated.warnings)
}

/// The `ResourceList` with an error in `results`. `None` if the input is no `ResourceList`, or its `results` have no place for an
/// entry.
#[must_use]
pub fn with_error(input: &[u8], error: &Diagnostic) -> Option<Vec<u8>> {
    with_results(input, input, "error", std::slice::from_ref(error))
}

/// The messages are about the input. The output is its translation, or the input itself.
fn with_results(input: &[u8], output: &[u8], severity: &str, messages: &[Diagnostic]) -> Option<Vec<u8>> {
    let entries = entries(possible_resource_list(input)?, severity, messages)?;
    let nodes = Nodes::read(possible_resource_list(output)?).ok()?;
    let change = added(&nodes, entries)?;
    let mut reported = proof::prove(change, &nodes)?.1.into_bytes();
    reported.extend_from_slice(&output[nodes.text.len()..]);
    Some(reported)
}

fn entries(input: &str, severity: &str, messages: &[Diagnostic]) -> Option<Vec<Value>> {
    let (nodes, _) = Nodes::read_to_first_error(input);
    let list = root(&nodes)?;
    let value = |key| nodes.find(list, key).map(|found| nodes.resolve(found.value()));
    let items = value(key::ITEMS).into_iter().flat_map(|items| nodes.children(items));
    let objects: Vec<Id> = items.chain(value(key::FUNCTION_CONFIG)).collect();
    let entry = |message: &Diagnostic| {
        let is_around =
            |&&id: &&Id| (nodes.get(id).start..nodes.get(id).text.end).contains(&message.place.byte);
        let mut entry = vec![string("message", &message.message()), string("severity", severity)];
        if let Some(reference) = objects.iter().find(is_around).and_then(|&id| reference(&nodes, id)) {
            entry.push((Value::String("resourceRef".to_owned()), reference));
        }
        Value::Mapping(entry)
    };
    Some(messages.iter().map(entry).collect())
}

/// The `resourceRef` of an object. The specification requires all fields except the namespace.
fn reference(nodes: &Nodes<'_>, object: Id) -> Option<Value> {
    let text = |mapping: Id, key| {
        let text = nodes.string(nodes.find(mapping, key)?.value())?;
        (text.len() <= MAX_NAME).then_some(text)
    };
    let object = nodes.mapping(object)?;
    let metadata = nodes.mapping(nodes.find(object, key::METADATA)?.value())?;
    let mut entries = vec![
        string(key::API_VERSION, text(object, key::API_VERSION)?),
        string(key::KIND, text(object, key::KIND)?),
        string(key::NAME, text(metadata, key::NAME)?),
    ];
    entries.extend(text(metadata, key::NAMESPACE).map(|namespace| string(key::NAMESPACE, namespace)));
    Some(Value::Mapping(entries))
}

fn string(key: &str, value: &str) -> (Value, Value) {
    (Value::String(key.to_owned()), Value::String(value.to_owned()))
}

fn added<'a>(nodes: &Nodes<'a>, mut entries: Vec<Value>) -> Option<Change<'a>> {
    let list = root(nodes)?;
    let mut change = Change::default();
    match nodes.find(list, key::RESULTS) {
        None => add_field(nodes, list, entries, &mut change)?,
        Some(Found::Merged { .. }) => return None,
        Some(Found::Own { value, .. }) if nodes.get(value).anchor != 0 => return None,
        Some(Found::Own { key, value }) => match nodes.get(value).kind {
            Kind::Sequence { .. } => {
                let there: Vec<_> =
                    nodes.children(value).filter_map(|id| Value::read(nodes, id).ok()).collect();
                entries.retain(|entry| !there.contains(entry));
                if !entries.is_empty() {
                    add_items(nodes, value, &entries, &mut change)?;
                }
            }
            _ if nodes.is_null(value) => replace_null(nodes, key, value, entries, &mut change)?,
            _ => return None,
        },
    }
    Some(change)
}

fn add_field<'a>(nodes: &Nodes<'a>, list: Id, entries: Vec<Value>, change: &mut Change<'a>) -> Option<()> {
    let (depth, start) = (nodes.get(list).depth + 1, nodes.get(list).text.start);
    let (_, last) = nodes.entries(list).last()?;
    let mut field = Fragment::default();
    if nodes.get(list).is_block_mapping() {
        field.push_plain(depth, key::RESULTS);
        field.text.push(':');
        field.nodes.push(Expected::new(depth, Kind::Sequence { flow: false }));
        let newline = newline(nodes.text, nodes.line_end(start));
        push_lines(&mut field, depth + 1, &entries, newline, nodes.column(start));
    } else {
        field.push_quoted(depth, key::RESULTS);
        field.text.push_str(": ");
        field.push_value(depth, &Value::Sequence(entries));
    }
    if let Err(field) = change.insert_after(nodes, list, last, field) {
        change.insert_first(nodes, list, field, Style::Block);
    }
    Some(())
}

fn add_items<'a>(nodes: &Nodes<'a>, sequence: Id, entries: &[Value], change: &mut Change<'a>) -> Option<()> {
    let node = nodes.get(sequence);
    let last = nodes.children(sequence).last();
    let mut items = Fragment::default();
    if let (Kind::Sequence { flow: false }, Some(last)) = (&node.kind, last) {
        let start = nodes.get(last).start;
        let line = nodes.text[nodes.line_start(start)..start].trim_end();
        let indent = line.strip_suffix('-').filter(|indent| indent.bytes().all(|byte| byte == b' '))?;
        let newline = newline(nodes.text, nodes.line_end(start));
        push_lines(&mut items, node.depth + 1, entries, newline, indent.len());
        let place = NewLine::below(nodes, last)?;
        let text = items.text.trim_start_matches(['\n', '\r', ' ']);
        change.insert_text(place.at, place.with(text, indent.len()));
    } else {
        for entry in entries {
            items.text.push_str(if items.text.is_empty() { "" } else { ", " });
            items.push_value(node.depth + 1, entry);
        }
        match last {
            Some(last) => change.insert_text(nodes.get(last).text.end, format!(", {}", items.text)),
            None => change.insert_text(node.text.start + 1, items.text),
        }
    }
    change.insert_nodes(node.end, items.nodes);
    Some(())
}

fn push_lines(lines: &mut Fragment<'_>, depth: usize, items: &[Value], newline: &str, column: usize) {
    for item in items {
        lines.text.push_str(&format!("{newline}{:column$}- ", ""));
        lines.push_value(depth, item);
    }
}

fn replace_null<'a>(
    nodes: &Nodes<'a>,
    key: Id,
    null: Id,
    entries: Vec<Value>,
    change: &mut Change<'a>,
) -> Option<()> {
    let node = nodes.get(null);
    let mut list = Fragment::default();
    list.push_value(node.depth, &Value::Sequence(entries));
    if node.text.is_empty() {
        let colon = nodes.get(key).text.end;
        nodes.text[colon..].strip_prefix(':')?;
        change.insert_text(colon + 1, format!(" {}", list.text));
    } else {
        change.replace_text(node.text.clone(), list.text);
    }
    change.replace_node(null, list.nodes);
    Some(())
}

#[cfg(test)]
mod tests;
