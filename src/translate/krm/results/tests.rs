use super::*;
use crate::translate::{Options, translate};

/// A Job that has both annotations, so that its translation only warns.
const JOB: &str = "- apiVersion: batch/v1
  kind: Job
  metadata:
    name: migrate
    namespace: shop
    annotations:
      helm.sh/hook-delete-policy: later
      kots.io/hook-delete-policy: later
";
const ENTRY: &str = r#"{"message": "the delete policy has the unknown word \"later\"; use a comma-separated list of hook-succeeded, hook-failed and before-hook-creation", "severity": "warning", "resourceRef": {"apiVersion": "batch/v1", "kind": "Job", "name": "migrate", "namespace": "shop"}}"#;

fn list(above: &str, items: &str, below: &str) -> String {
    format!("apiVersion: config.kubernetes.io/v1\nkind: ResourceList\n{above}items:\n{items}{below}")
}

/// The translated list with its warnings.
fn reported(list: &str) -> Option<String> {
    let translated = translate(list.as_bytes(), &Options::default()).expect("translated");
    assert!(!translated.warnings.is_empty(), "{list}");
    let output = with_warnings(&translated)?;
    let again = translate(&output, &Options::default()).expect("translated");
    assert_eq!(with_warnings(&again).as_ref(), Some(&output), "a second time");
    Some(String::from_utf8(output).expect("UTF-8"))
}

#[test]
fn new_results_come_last() {
    let field = format!("results:\n- {ENTRY}\n");
    assert_eq!(reported(&list("", JOB, "")), Some(list("", JOB, &field)));
    let below = |results: &str| list("", JOB, &format!("functionConfig:\n  a: b # c\n{results}# d\n"));
    assert_eq!(reported(&below("")), Some(below(&field)));
    let unterminated = |results: &str| list(results, JOB, "functionConfig:\n  a: |\n    b");
    assert_eq!(reported(&unterminated("")), Some(format!("{field}{}", unterminated(""))));
}

#[test]
fn existing_results_keep_every_byte() {
    for (before, after) in [
        ("results:\n- message: a # b\n", "results:\n- message: a # b\n- ENTRY\n"),
        ("results:\n  - message: a\n    file: b\n", "results:\n  - message: a\n    file: b\n  - ENTRY\n"),
        ("results:\n- message: |\n    a\n", "results:\n- message: |\n    a\n- ENTRY\n"),
        ("results: [{message: a}]\n", "results: [{message: a}, ENTRY]\n"),
        ("results: [\n  a,\n  ]\n", "results: [\n  a, ENTRY,\n  ]\n"),
        ("results: []\n", "results: [ENTRY]\n"),
        ("results:\n", "results: [ENTRY]\n"),
        ("results: # a\n", "results: [ENTRY] # a\n"),
        ("results: null # a\n", "results: [ENTRY] # a\n"),
    ] {
        let after = list(&after.replace("ENTRY", ENTRY), JOB, "x: y\n");
        assert_eq!(reported(&list(before, JOB, "x: y\n")), Some(after), "{before}");
    }
}

#[test]
fn json_stays_json() {
    let item = r#"{"apiVersion":"batch/v1","kind":"Job","metadata":{"name":"migrate","namespace":"shop","annotations":{"kots.io/hook-delete-policy":"later"}}}"#;
    let list = |results: &str| {
        format!(
            r#"{{"apiVersion":"config.kubernetes.io/v1","items":[{item}],"kind":"ResourceList"{results}}}"#
        )
    };
    let output = reported(&list("")).expect("a place");
    assert_eq!(output, list(&format!(", \"results\": [{ENTRY}]")));
    assert!(serde_json::from_str::<serde_json::Value>(&output).is_ok());
}

#[test]
fn line_breaks_are_those_of_the_list() {
    let windows = |text: &str| text.replace('\n', "\r\n");
    let output = reported(&windows(&list("", JOB, "")));
    assert_eq!(output, Some(windows(&list("", JOB, &format!("results:\n- {ENTRY}\n")))));
}

#[test]
fn results_without_a_place_for_an_entry_stay_as_they_are() {
    for results in [
        "results: {name: a}\n",
        "results: &a []\n",
        "results: a\n",
        "x: &x []\nresults: *x\n",
        "<<: {results: []}\n",
    ] {
        assert_eq!(reported(&list(results, JOB, "")), None, "{results}");
    }
}

#[test]
fn several_warnings_stand_in_the_order_of_the_items() {
    let other = JOB.replace("migrate", "prepare");
    let output = reported(&list("", &format!("{JOB}{other}"), "")).expect("a place");
    let entries: Vec<&str> = output.lines().filter_map(|line| line.strip_prefix("- {")).collect();
    assert_eq!(entries.len(), 2, "{output}");
    assert!(entries[0].contains("migrate") && entries[1].contains("prepare"), "{output}");
}

#[test]
fn a_reference_is_complete_or_missing() {
    for (from, to) in
        [("    name: migrate\n", ""), ("name: migrate", "name: 1"), ("migrate", &*"a".repeat(254))]
    {
        let output = reported(&list("", &JOB.replace(from, to), "")).expect("a place");
        assert!(output.contains("\"severity\": \"warning\"") && !output.contains("resourceRef"), "{output}");
    }
    let output = reported(&list("", &JOB.replace("    namespace: shop\n", ""), "")).expect("a place");
    assert!(output.contains("\"name\": \"migrate\"}}"), "{output}");
}

#[test]
fn foreign_text_is_quoted_and_cut() {
    let long = format!("\"{}\\n- forged: true\"", "x".repeat(5000));
    let job = JOB.replace("later", &long);
    let output = reported(&list("", &job, "")).expect("a place");
    let results = &output[output.find("\nresults:").expect("results")..];
    assert!(results.len() < 700 && results.lines().count() == 3, "{results}");
}
