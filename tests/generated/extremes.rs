//! Very deep, long or repetitive streams.
//!
//! Time and memory grow in proportion to the stream. This was measured by hand, with ten times the size of each.

use jobsweep::translate::{Options, Problem, translate};

use crate::checks;

const JOB: &str = "apiVersion: batch/v1\nkind: Job\nmetadata:\n  annotations:\n    helm.sh/hook-delete-policy: hook-succeeded\n";
const ADDED: &str = "    kots.io/hook-delete-policy: hook-succeeded\n";
const LEVELS: usize = 100_000;

fn problem(input: &str) -> Problem {
    translate(input.as_bytes(), &Options::default()).expect_err("an error").problem
}

fn output(input: &str) -> String {
    let (output, _) = checks::run(input.as_bytes(), &Options::default()).expect("no error");
    String::from_utf8(output).expect("UTF-8")
}

#[test]
fn nesting_of_a_hundred_thousand_levels_is_an_error_and_no_stack_overflow() {
    let indented: String = (0..2_000).map(|level| format!("{}a:\n", " ".repeat(level))).collect();
    for nested in [
        "[".repeat(LEVELS) + &"]".repeat(LEVELS),
        "{a: ".repeat(LEVELS) + &"}".repeat(LEVELS),
        "[".repeat(LEVELS),
        "? ".repeat(LEVELS),
        "- ".repeat(LEVELS),
        "&a [".repeat(LEVELS),
        "!!seq [".repeat(LEVELS),
    ] {
        // In front of the keys that decide, the value must be read.
        assert!(matches!(problem(&format!("x:\n  {nested}\n{JOB}")), Problem::NotYaml(_)));
    }
    assert!(output(&format!("x:\n{indented}{JOB}")).ends_with(ADDED));
}

#[test]
fn nesting_that_decides_nothing_is_not_read() {
    let nested = "[".repeat(LEVELS);
    let other = format!("kind: ConfigMap\ndata: {nested}\n");
    assert_eq!(output(&other), other);
}

#[test]
fn aliases_that_expand_to_billions_are_never_expanded() {
    let mut laughs = "x0: &x0 {a: b}\n".to_owned();
    let mut merges = "y0: &y0 {a: b}\n".to_owned();
    for level in 1..=50 {
        let below = level - 1;
        laughs += &format!("x{level}: &x{level} [{}*x{below}]\n", format!("*x{below},").repeat(9));
        merges += &format!("y{level}: &y{level} {{<<: [*y{below}, *y{below}]}}\n");
    }
    assert_eq!(output(&format!("{laughs}{JOB}")), format!("{laughs}{JOB}{ADDED}"));
    let merging = format!("{merges}{JOB}    <<: *y50\n");
    assert!(output(&merging).contains(ADDED.trim()));
    let shared = format!("{laughs}{JOB}    x: *x50\n");
    assert!(output(&shared).contains(ADDED.trim()));
}

#[test]
fn many_jobs_may_share_a_list_of_merges() {
    let merges = format!("[*b{}]", ", *a".repeat(1_000));
    let job = "- {apiVersion: batch/v1, kind: Job, metadata: {annotations: {<<: *c}}}\n";
    for shared in [format!("<<: {merges}"), format!("helm.sh/hook-delete-policy: hook-failed, <<: {merges}")]
    {
        let policy =
            if shared.starts_with("<<") { "helm.sh/hook-delete-policy: hook-failed" } else { "z: z" };
        let input = format!(
            "a: &a {{x: y}}\nb: &b {{{policy}}}\nc: &c {{{shared}}}\napiVersion: v1\nkind: List\nitems:\n{}",
            job.repeat(200)
        );
        assert_eq!(output(&input).matches("kots.io/hook-delete-policy: ").count(), 200);
    }
}

#[test]
fn many_warnings_have_each_its_place() {
    let job = format!("---\n{JOB}").replace("hook-succeeded", "never");
    let warnings = |input: &str| translate(input.as_bytes(), &Options::default()).expect("no error").warnings;
    let last = warnings(&job.repeat(40_000)).pop().expect("warnings").place;
    assert_eq!((last.document, last.line, last.column), (40_000, 40_000 * 6, 33));

    let item = r#"{"apiVersion":"batch/v1","kind":"Job","metadata":{"annotations":{"helm.sh/hook-delete-policy":"never"}}}"#;
    let list = |items: usize| {
        format!(r#"{{"apiVersion":"v1","kind":"List","items":[{}]}}"#, vec![item; items].join(","))
    };
    let all = warnings(&list(10_000));
    assert_eq!(all.len(), 10_000);
    let column = list(10_000).rfind(r#""never""#).map(|at| at + 1);
    assert_eq!(all.last().map(|last| last.place.column), column);
}

#[test]
fn a_line_may_be_as_long_as_it_likes() {
    let long = "x".repeat(10_000_000);
    for input in [
        format!("# {long}\n{JOB}"),
        format!("a: {long}\n{JOB}"),
        format!("a: \"{long}\"\n{JOB}"),
        format!("a: |\n  {long}\n{JOB}"),
    ] {
        assert_eq!(output(&input), format!("{input}{ADDED}"));
    }
    let wrong = format!("{JOB}    {long}: [\n");
    let error = translate(wrong.as_bytes(), &Options::default()).expect_err("an error");
    assert!(error.to_string().len() < 1_000);
}

#[test]
fn an_object_that_is_longer_than_the_api_server_accepts_is_an_error_before_it_is_parsed() {
    let long = "x".repeat(17 << 20);
    for policy in
        [long.clone(), format!("'{long}''s'"), format!("|\n      {long}"), format!("a\n      {long}")]
    {
        let job = JOB.replace("hook-succeeded", &policy);
        // A parser would refuse the unclosed bracket.
        for input in [format!("{job}x: [\nspec: {{}}\n"), format!("{job}x: [\n")] {
            assert_eq!(problem(&input), Problem::TooLong);
        }
    }
    let anchored = JOB.replace("metadata:", "metadata: &m");
    assert_eq!(problem(&format!("{anchored}spec:\n  a: {long}\n  b: [\n")), Problem::TooLong);
    let list =
        format!("# {long}\napiVersion: v1\nkind: List\nitems:\n- {}", JOB.trim_end().replace('\n', "\n  "));
    assert!(output(&list).contains(ADDED.trim()), "a list has no such limit");
}

#[test]
fn many_small_documents_and_many_jobs_in_one_are_all_translated() {
    for line_break in ["\n", "\r", "\r\n"] {
        let job = format!("---\n{JOB}").replace('\n', line_break);
        let both = format!("---\n{JOB}{ADDED}").replace('\n', line_break);
        let empty = format!("---{line_break}").repeat(20_000);
        let input = job.repeat(2_000) + &empty;
        assert_eq!(output(&input), both.repeat(2_000) + &empty);
    }
    let item =
        "- apiVersion: batch/v1\n  kind: Job\n  metadata: {annotations: {helm.sh/hook-delete-policy: x}}\n";
    let list = format!("apiVersion: v1\nkind: List\nitems:\n{}", item.repeat(2_000));
    assert_eq!(output(&list).matches("kots.io/hook-delete-policy: x").count(), 2_000);
}
