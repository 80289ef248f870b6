//! The examples of the filter in README.

use std::fs;
use std::path::Path;

use crate::{help, jobsweep, refuses, run, sh, writes};

fn readme() -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md")).unwrap()
}

/// The lines of the indented block that begins with this text.
fn block(begins: &str) -> String {
    let readme = readme();
    let lines = readme.lines().map(|line| line.strip_prefix("    ").unwrap_or_default());
    let block = lines.skip_while(|line| !line.starts_with(begins)).take_while(|line| !line.is_empty());
    block.map(|line| format!("{line}\n")).collect()
}

#[test]
fn its_table_of_exit_codes_is_that_of_the_help() {
    let readme = readme();
    let (_, section) = readme.split_once("## Exit codes\n").unwrap();
    let rows = section.lines().skip(3).take_while(|line| line.starts_with('|'));
    let rows = rows.map(|row| {
        let cells: Vec<&str> = row.trim_matches('|').splitn(2, '|').map(str::trim).collect();
        (cells[0].to_owned(), cells[1].replace('`', ""))
    });
    assert_eq!(rows.collect::<Vec<_>>(), help::exit_codes());
}

#[test]
fn its_first_example_is_what_happens() {
    let readme = readme();
    let (_, diff) = readme.split_once("```diff\n").unwrap();
    let (diff, _) = diff.split_once("```").unwrap();
    let side = |signs: &[char]| -> String {
        diff.lines().filter_map(|line| line.strip_prefix(signs)).map(|line| format!("{line}\n")).collect()
    };
    writes(jobsweep(&[]).stdin(side(&[' ', '-'])), &side(&[' ', '+']));
}

#[test]
fn its_command_shows_three_annotations() {
    let command = block("cargo run --quiet <");
    let shown = run(sh(&command.replace("cargo run --quiet", "jobsweep"))).expect_code(1).unwrap();
    let diff = shown.stdout();
    let added: Vec<&str> = diff.lines().filter(|line| line.starts_with('>')).collect();
    assert!(
        added.len() == 3 && added.iter().all(|line| line.contains("kots.io/hook-delete-policy")),
        "{diff}"
    );
}

#[test]
fn its_error_is_what_is_printed() {
    let other = "apiVersion: v1\nkind: Service\n";
    let job = "---\n# Source: app/templates/migrate.yaml\napiVersion: batch/v1\nkind: Job\nmetadata:\n    name: migrate\n";
    let twice = "    annotations:\n        helm.sh/hook-delete-policy: hook-succeeded\n    annotations:\n";
    let before = format!("{other}---\n{other}{job}");
    let filler = "    # \n".repeat(41 - before.lines().count() - twice.lines().count());
    refuses(jobsweep(&[]).stdin(format!("{before}{filler}{twice}")), 65, &block("jobsweep: document 3"));
}
