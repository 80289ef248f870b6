//! The filter as a KRM function: kustomize and kpt write a `ResourceList` to stdin and read one from stdout.
//!
//! [`translate`](super::translate()) handles the items of a `ResourceList` like those of a `List`. This module reads the options from
//! its `functionConfig`, and adds the messages to its `results`, as the
//! [specification](https://github.com/kubernetes-sigs/kustomize/blob/master/cmd/config/docs/api-conventions/functions-spec.md) says.

mod config;
mod results;

use memchr::memmem;

use super::diagnostic::{Diagnostic, Fault, Problem};
use super::locate::Locator;
use super::read::jobs::{RESOURCE_LIST, is_of_functions};
use super::read::nodes::{Id, Kind, Nodes};
use super::read::stream;

pub use config::FunctionConfig;
pub use results::{with_error, with_warnings};

/// The options in the `functionConfig` of a `ResourceList`, or `None` if the stream does not begin with a `ResourceList`.
///
/// # Errors
/// The `ResourceList` or its `functionConfig` is malformed, or another document follows.
pub fn function_config(input: &[u8]) -> Result<Option<FunctionConfig>, Diagnostic> {
    let Some(text) = possible_resource_list(input) else { return Ok(None) };
    let locate = |fault, index, range| Locator::new(input).locate(fault, index, range);
    let Some(config) = of_document(text).map_err(|fault| locate(fault, 0, 0..text.len()))? else {
        return Ok(None);
    };
    let mut others = stream::documents(input).enumerate().skip(1);
    match others.find(|(_, range)| has_content(&input[range.clone()])) {
        Some((index, range)) => {
            let problem = Problem::ResourceList("another document follows it");
            Err(locate(Fault { problem, at: 0, job: None }, index, range))
        }
        None => Ok(Some(config)),
    }
}

/// The first document, if it may be a `ResourceList`.
fn possible_resource_list(input: &[u8]) -> Option<&str> {
    let document = &input[stream::documents(input).next()?];
    memmem::find(document, RESOURCE_LIST.as_bytes())?;
    std::str::from_utf8(document).ok()
}

fn has_content(document: &[u8]) -> bool {
    let nodes = std::str::from_utf8(document).ok().and_then(|text| Nodes::read(text).ok());
    nodes.is_none_or(|nodes| nodes.root().is_some_and(|root| !nodes.is_null(root)))
}

fn of_document(text: &str) -> Result<Option<FunctionConfig>, Fault> {
    let (nodes, error) = Nodes::read_to_first_error(text);
    let Some(list) = root(&nodes) else { return Ok(None) };
    if let Some(error) = error {
        return Err(error);
    }
    for key in ["apiVersion", "kind", "results"] {
        nodes.find_unique(list, key)?;
    }
    if let Some(items) = nodes.find_unique(list, "items")?.map(|id| nodes.resolve(id))
        && !matches!(nodes.kind(items), Kind::Sequence { .. })
        && !nodes.is_null(items)
    {
        let problem = Problem::ResourceList("its items are not a list");
        return Err(Fault { problem, at: nodes.start(items), job: None });
    }
    match nodes.find_unique(list, "functionConfig")?.map(|id| nodes.resolve(id)) {
        Some(config) if !nodes.is_null(config) => config::read(&nodes, config).map(Some),
        _ => Ok(Some(FunctionConfig::default())),
    }
}

fn root(nodes: &Nodes<'_>) -> Option<Id> {
    nodes.mapping(nodes.root()?).filter(|&mapping| is_resource_list(nodes, mapping))
}

fn is_resource_list(nodes: &Nodes<'_>, mapping: Id) -> bool {
    let values = |key| nodes.possible_strings(mapping, key, None);
    values("kind").contains(&RESOURCE_LIST) && values("apiVersion").into_iter().any(is_of_functions)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIST: &str = "apiVersion: config.kubernetes.io/v1\nkind: ResourceList\nitems: []\n";

    #[test]
    fn a_function_gets_one_resource_list_and_nothing_else() {
        for (input, is_function) in [
            (LIST.to_owned(), true),
            (LIST.replace("/v1", "/v1beta1"), true),
            (LIST.replace("/v1", "/v1alpha1"), true),
            (format!("# c\n---\n{LIST}...\n---\n# c\n"), true),
            (r#"{"items":[],"kind":"ResourceList","apiVersion":"config.kubernetes.io/v1"}"#.to_owned(), true),
            (LIST.replace("items: []\n", ""), true),
            (LIST.replace("[]", "null"), true),
            (format!("{LIST}functionConfig:\n"), true),
            (LIST.replace("config.", "other."), false),
            (LIST.replace("kind: ResourceList", "kind: List # ResourceList"), false),
            (format!("kind: Pod\n---\n{LIST}"), false),
            ("[ResourceList\n".to_owned(), false),
            (String::new(), false),
        ] {
            let config = function_config(input.as_bytes()).expect("no error");
            assert_eq!(config.is_some(), is_function, "{input}");
        }
    }

    #[test]
    fn a_malformed_resource_list_is_an_error_at_its_place() {
        for (input, error) in [
            (
                format!("{LIST}---\nkind: Pod\n"),
                "document 2, line 4:1: the ResourceList is not valid: another",
            ),
            (LIST.replace("[]", "{}"), "line 3:8: the ResourceList is not valid: its items are not a list"),
            (format!("{LIST}items: []\n"), "line 4:1: duplicate key items"),
            (format!("{LIST}results: []\nresults: []\n"), "line 5:1: duplicate key results"),
            (
                format!("{LIST}functionConfig: a\n"),
                "line 4:17: the functionConfig is not valid: it is not a mapping",
            ),
            (format!("{LIST}x: [\n"), "invalid YAML"),
        ] {
            let found = function_config(input.as_bytes()).expect_err(&input).to_string();
            assert!(found.contains(error), "{found}");
        }
    }
}
