//! Adds messages to the `results` of a `ResourceList`.

use super::{possible_resource_list, root};
use crate::translate::Translated;
use crate::translate::diagnostic::Diagnostic;
use crate::translate::proof::is_proven;
use crate::translate::read::nodes::{Id, Kind, Nodes};
use crate::translate::read::value::Value;
use crate::translate::write::change::Change;
use crate::translate::write::entry::Fragment;
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
    let mut change = added(&nodes, entries)?;
    let edited = change.apply()?;
    if !is_proven(&change, &Nodes::read(&edited).ok()?) {
        return None;
    }
    let mut reported = edited.into_bytes();
    reported.extend_from_slice(&output[nodes.text.len()..]);
    Some(reported)
}

fn entries(input: &str, severity: &str, messages: &[Diagnostic]) -> Option<Vec<Value>> {
    let (nodes, _) = Nodes::read_to_first_error(input);
    let list = root(&nodes)?;
    let value = |key| nodes.find(list, key).map(|id| nodes.resolve(id));
    let items = value("items").into_iter().flat_map(|items| nodes.children(items));
    let objects: Vec<Id> = items.chain(value("functionConfig")).collect();
    let entry = |message: &Diagnostic| {
        let is_around = |&&id: &&Id| (nodes.start(id)..nodes.range(id).end).contains(&message.place.byte);
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
        let text = nodes.string(nodes.find(mapping, key)?)?;
        (text.len() <= MAX_NAME).then_some(text)
    };
    let object = nodes.mapping(object)?;
    let metadata = nodes.mapping(nodes.find(object, "metadata")?)?;
    let mut entries = vec![
        string("apiVersion", text(object, "apiVersion")?),
        string("kind", text(object, "kind")?),
        string("name", text(metadata, "name")?),
    ];
    entries.extend(text(metadata, "namespace").map(|namespace| string("namespace", namespace)));
    Some(Value::Mapping(entries))
}

fn string(key: &str, value: &str) -> (Value, Value) {
    (Value::String(key.to_owned()), Value::String(value.to_owned()))
}

fn added<'n, 'a>(nodes: &'n Nodes<'a>, mut entries: Vec<Value>) -> Option<Change<'n, 'a>> {
    let list = root(nodes)?;
    let mut change = Change::new(nodes);
    match nodes.find(list, "results") {
        None => add_field(&mut change, list, entries)?,
        Some(value) if nodes.parent(value) != Some(list) || nodes.properties(value).anchor != 0 => {
            return None;
        }
        Some(value) => match nodes.kind(value) {
            Kind::Sequence { .. } => {
                let there: Vec<_> =
                    nodes.children(value).filter_map(|id| Value::read(nodes, id).ok()).collect();
                entries.retain(|entry| !there.contains(entry));
                if !entries.is_empty() {
                    add_items(&mut change, value, entries)?;
                }
            }
            _ if nodes.is_null(value) => change.fill_null(value, Value::Sequence(entries))?,
            _ => return None,
        },
    }
    Some(change)
}

fn add_field(change: &mut Change<'_, '_>, list: Id, entries: Vec<Value>) -> Option<()> {
    let nodes = change.nodes;
    let (_, last) = nodes.entries(list).last()?;
    let text = if nodes.is_block_mapping(list) {
        let newline = newline(nodes.text, nodes.line_end(nodes.range(list).start));
        format!("results:{}", lines(&entries, newline, nodes.indent(list)))
    } else {
        format!("\"results\": {}", Value::Sequence(entries.clone()))
    };
    let field =
        Fragment { text, values: vec![Value::String("results".to_owned()), Value::Sequence(entries)] };
    if !change.insert_after(list, last, &field) {
        change.insert_first(list, field);
    }
    Some(())
}

fn add_items(change: &mut Change<'_, '_>, sequence: Id, entries: Vec<Value>) -> Option<()> {
    let nodes = change.nodes;
    let items = entries.iter().map(Value::to_string).collect::<Vec<_>>().join(", ");
    let (at, text) = match nodes.children(sequence).last() {
        Some(last) if nodes.kind(sequence) == (Kind::Sequence { flow: false }) => {
            let start = nodes.start(last);
            let line = nodes.text[nodes.line_start(start)..start].trim_end();
            let indent = line.strip_suffix('-').filter(|indent| indent.bytes().all(|byte| byte == b' '))?;
            let items = lines(&entries, newline(nodes.text, nodes.line_end(start)), indent.len());
            let place = NewLine::below(nodes, last)?;
            (place.at, place.with(items.trim_start_matches(['\n', '\r', ' ']), indent.len()))
        }
        Some(last) => (nodes.range(last).end, format!(", {items}")),
        None => (nodes.range(sequence).start + 1, items),
    };
    change.insert(at, text, sequence, nodes.end(sequence), entries);
    Some(())
}

/// The items of a block sequence, each after a line break.
fn lines(items: &[Value], newline: &str, column: usize) -> String {
    items.iter().map(|item| format!("{newline}{:column$}- {item}", "")).collect()
}

#[cfg(test)]
mod tests;
