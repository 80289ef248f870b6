//! What the output must mean according to the specification.

use serde_yaml::{Mapping, Value};

use super::second_reader as reader;

const HELM: &str = "helm.sh/hook-delete-policy";
const KOTS: &str = "kots.io/hook-delete-policy";

/// Counts what the second reader could check.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Judged {
    /// Documents that the reader accepted.
    pub(crate) documents: usize,
    /// Annotations that these documents need.
    pub(crate) added: usize,
    /// Documents that the reader cannot check.
    pub(crate) refused: usize,
}

/// Compares the documents of the output with what the input requires.
///
/// With hashes in the names of Jobs, these names and the nulls that are filled are left out of account.
pub(super) fn compare(
    input: &[u8],
    output: &[u8],
    default: Option<&str>,
    with_hashes: bool,
) -> Result<Judged, String> {
    let mut judged = Judged::default();
    let (input, output) = match (str::from_utf8(input), str::from_utf8(output)) {
        (Ok(""), Ok("---\n")) => return Ok(judged),
        (Ok(input), Ok(output)) => (input, output),
        (Err(_), _) => return Err("the input is not UTF-8, and was accepted".to_owned()),
        (_, Err(_)) => return Err("the output is not UTF-8".to_owned()),
    };
    let (inputs, outputs) = (reader::documents(input), reader::documents(output));
    if inputs.len() != outputs.len() {
        return Err(format!("{} documents became {}", inputs.len(), outputs.len()));
    }
    for (number, (before, after)) in inputs.into_iter().zip(outputs).enumerate() {
        let Some(value) = reader::read(before) else {
            judged.refused += 1;
            continue;
        };
        let mut wanted = Wanted { default, added: 0, uncertain: false };
        let mut expected = wanted.object(value, None);
        if wanted.uncertain {
            judged.refused += 1;
            continue;
        }
        judged.documents += 1;
        judged.added += wanted.added;
        let number = number + 1;
        let mut found = reader::read(after);
        if with_hashes {
            found.iter_mut().chain([&mut expected]).for_each(forget_names_and_nulls);
        }
        match found {
            None => return Err(format!("document {number} cannot be read any more:\n{after}")),
            Some(found) if without_new_results(found.clone(), &expected) != expected => {
                return Err(format!(
                    "document {number} should mean\n{expected:#?}\nbut means\n{found:#?}\nand is\n{after}"
                ));
            }
            Some(_) => {}
        }
    }
    Ok(judged)
}

/// Whether the second reader can read this document (1-based) of a stream.
pub(super) fn is_readable(stream: &[u8], number: usize) -> bool {
    str::from_utf8(stream).is_ok_and(|stream| {
        reader::documents(stream)
            .get(number.wrapping_sub(1))
            .is_some_and(|document| reader::read(document).is_some())
    })
}

/// A `ResourceList` without the warnings that are behind its old results.
fn without_new_results(mut found: Value, expected: &Value) -> Value {
    if expected["kind"] != "ResourceList" {
        return found;
    }
    let old = expected["results"].as_sequence().map_or(0, Vec::len);
    if let Some(Value::Sequence(results)) = found.get_mut("results") {
        let is_old = |index: usize, result: &Value| index < old || result["severity"] != "warning";
        let kept = results.iter().enumerate().filter(|&(index, result)| is_old(index, result));
        *results = kept.map(|(_, result)| result.clone()).collect();
        if results.is_empty() && !expected["results"].is_sequence() {
            match (found.as_mapping_mut(), expected.get("results")) {
                (Some(list), Some(old)) => drop(list.insert("results".into(), old.clone())),
                (Some(list), None) => drop(list.remove("results")),
                _ => {}
            }
        }
    }
    found
}

fn forget_names_and_nulls(object: &mut Value) {
    if let Some(Value::Sequence(items)) = object.get_mut("items") {
        items.iter_mut().for_each(forget_names_and_nulls);
    }
    let forget = |mapping: Option<&mut Value>, key: &str, fillings: &[Value]| {
        if let Some(Value::Mapping(mapping)) = mapping
            && mapping.get(key).is_some_and(|value| fillings.is_empty() || fillings.contains(value))
        {
            mapping.remove(key);
        }
    };
    let empty = [Value::Null, Value::Mapping(Mapping::new())];
    forget(object.get_mut("metadata"), "name", &[]);
    if let Some(spec) = object.get_mut("spec") {
        forget(Some(&mut *spec), "completions", &[Value::Null, 1.into()]);
        if let Some(template) = spec.get_mut("template") {
            forget(template.get_mut("metadata"), "labels", &empty);
            forget(Some(template), "metadata", &empty);
        }
    }
}

struct Wanted<'p> {
    default: Option<&'p str>,
    added: usize,
    /// Whether Helm's reader may read a policy as a number or bool.
    uncertain: bool,
}

impl Wanted<'_> {
    /// A document or an item of a list. Items of a JobList inherit its kind and version.
    fn object(&mut self, value: Value, inherited: Option<(&str, &str)>) -> Value {
        let Value::Mapping(mut object) = value else {
            return value;
        };
        let text = |key, inherited: Option<&str>| match object.get(key) {
            Some(Value::String(text)) => text.clone(),
            Some(_) => String::new(),
            None => inherited.unwrap_or_default().to_owned(),
        };
        let kind = text("kind", inherited.map(|(kind, _)| kind));
        let has_version = inherited.is_some() || matches!(object.get("apiVersion"), Some(Value::String(_)));
        let version = text("apiVersion", inherited.map(|(_, version)| version));
        let batch = version.starts_with("batch/");
        let of_items = match kind.as_str() {
            "Job" if batch => {
                self.job(&mut object);
                return object.into();
            }
            "JobList" if batch => Some(("Job", "batch/v1")),
            "ResourceList" if version.starts_with("config.kubernetes.io/") => None,
            // kubectl and Helm accept a List of any version.
            "List" if has_version && !version.contains(char::is_whitespace) => None,
            _ => return object.into(),
        };
        if let Some(Value::Sequence(items)) = object.get_mut("items") {
            for item in items {
                *item = self.object(std::mem::take(item), of_items);
            }
        }
        object.into()
    }

    fn job(&mut self, job: &mut Mapping) {
        let Some(Value::Mapping(metadata)) = job.get_mut("metadata") else {
            return;
        };
        let mut none = Mapping::new();
        let annotations = match metadata.get_mut("annotations") {
            Some(Value::Mapping(annotations)) => annotations,
            Some(Value::Null) | None => &mut none,
            Some(_) => return,
        };
        let policy = match (annotations.get(HELM), self.default) {
            _ if annotations.contains_key(KOTS) => return,
            (Some(Value::String(policy)), _) => policy.clone(),
            (None, Some(default)) => default.to_owned(),
            _ => return,
        };
        self.uncertain |= is_uncertain(&policy);
        self.added += 1;
        annotations.insert(KOTS.into(), policy.into());
        if !none.is_empty() {
            metadata.insert("annotations".into(), none.into());
        }
    }
}

/// Whether a plain scalar is a string in YAML 1.2 but perhaps not in YAML 1.1, which Helm reads: `yes`, `0777`, `1_000`.
fn is_uncertain(policy: &str) -> bool {
    let words = ["y", "n", "yes", "no", "on", "off", "<<"];
    words.contains(&policy.to_lowercase().as_str())
        || policy.trim_start_matches(['+', '-', '.']).starts_with(|c: char| c.is_ascii_digit())
}
