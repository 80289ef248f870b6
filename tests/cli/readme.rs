//! The examples of the filter in README and the guides, the length of README, and the links of all pages.

use std::fs;
use std::path::Path;

use jobsweep_harness::pages::block;

use crate::{help, jobsweep, refuses, run, sh, writes};

fn readme() -> String {
    page("README.md")
}

fn page(path: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap()
}

#[test]
fn the_tables_of_exit_codes_are_those_of_the_help() {
    let mut codes = help::exit_codes();
    assert_eq!(exit_codes("docs/reference.md"), codes);
    // In its guide, `--unblock` has its own words for its codes.
    codes.retain(|(_, meaning)| !meaning.starts_with("--fail-on-failed"));
    let numbers = |codes: Vec<(String, String)>| codes.into_iter().map(|(code, _)| code).collect::<Vec<_>>();
    assert_eq!(numbers(exit_codes("docs/unblock.md")), numbers(codes));
}

/// The table of exit codes in a page.
fn exit_codes(path: &str) -> Vec<(String, String)> {
    let page = page(path);
    let (_, section) = page.split_once("## Exit codes\n").unwrap();
    let rows = section.lines().skip(3).take_while(|line| line.starts_with('|'));
    let rows = rows.map(|row| {
        let cells: Vec<&str> = row.trim_matches('|').splitn(2, '|').map(str::trim).collect();
        (cells[0].to_owned(), cells[1].replace('`', ""))
    });
    rows.collect()
}

#[test]
fn the_hashes_in_the_guide_are_those_that_the_filter_appends() {
    let guide = page("docs/name-suffix-hash.md");
    let rows: Vec<_> = guide.lines().filter(|line| line.starts_with("| `{\"name\"")).collect();
    assert_eq!(rows.len(), 3);
    for row in rows {
        let cells: Vec<&str> = row.split('`').collect();
        let hashed: serde_json::Value = serde_json::from_str(cells[1]).unwrap();
        let (name, spec) = (hashed["name"].as_str().unwrap(), &hashed["spec"]);
        let job = |name: &str| {
            format!(
                r#"{{"apiVersion":"batch/v1","kind":"Job","metadata":{{"name":"{name}"}},"spec":{spec}}}"#
            )
        };
        let renamed = job(&format!("{name}-{}", cells[3]));
        writes(jobsweep(&["--name-suffix-hash"]).stdin(job(name)), &renamed);
    }
}

#[test]
fn the_diff_of_the_guide_is_what_happens() {
    let guide = page("docs/filter.md");
    let (_, diff) = guide.split_once("```diff\n").unwrap();
    let (diff, _) = diff.split_once("```").unwrap();
    let side = |signs: &[char]| -> String {
        diff.lines().filter_map(|line| line.strip_prefix(signs)).map(|line| format!("{line}\n")).collect()
    };
    writes(jobsweep(&[]).stdin(side(&[' ', '-'])), &side(&[' ', '+']));
}

#[cfg(unix)]
#[test]
fn its_command_shows_three_annotations() {
    let command = block("README.md", "cargo run --quiet <").unwrap();
    let shown = run(sh(&command.replace("cargo run --quiet", "jobsweep"))).expect_code(1).unwrap();
    let diff = shown.stdout();
    let added: Vec<&str> = diff.lines().filter(|line| line.starts_with('>')).collect();
    assert!(
        added.len() == 3 && added.iter().all(|line| line.contains("kots.io/hook-delete-policy")),
        "{diff}"
    );
}

#[test]
fn the_error_in_the_guide_is_what_is_printed() {
    let other = "apiVersion: v1\nkind: Service\n";
    let job = "---\n# Source: app/templates/migrate.yaml\napiVersion: batch/v1\nkind: Job\nmetadata:\n    name: migrate\n";
    let twice = "    annotations:\n        helm.sh/hook-delete-policy: hook-succeeded\n    annotations:\n";
    let before = format!("{other}---\n{other}{job}");
    let filler = "    # \n".repeat(41 - before.lines().count() - twice.lines().count());
    let error = block("docs/troubleshooting.md", "jobsweep: document 3").unwrap() + "\n";
    refuses(jobsweep(&[]).stdin(format!("{before}{filler}{twice}")), 65, &error);
}

#[test]
fn it_is_short_and_begins_with_the_error_the_cure_and_the_picture() {
    let readme = readme();
    assert!(readme.lines().count() <= 120);
    let found = ["field is immutable", "\n    helm upgrade ", "src=\"docs/story.svg\"", "\n## "]
        .map(|text| readme.find(text).unwrap());
    assert!(found.is_sorted(), "{found:?}");
}

#[test]
fn every_guide_begins_with_who_needs_it() {
    for entry in fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs")).unwrap() {
        let path = entry.unwrap().path();
        let is_guide = path.extension() == Some("md".as_ref()) && !path.ends_with("reference.md");
        if is_guide {
            let guide = fs::read_to_string(&path).unwrap();
            let first = guide.split("\n\n").nth(1).unwrap();
            assert!(first.contains("Who needs "), "{}: {first}", path.display());
        }
    }
}

/// A link names a file of the repository, and a heading of that file.
#[test]
fn every_link_leads_somewhere() {
    let pages =
        ["README.md", "CONTRIBUTING.md", "CHANGELOG.md", "examples/argocd/README.md"].map(str::to_owned);
    let docs = fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs")).unwrap();
    let docs = docs.map(|entry| format!("docs/{}", entry.unwrap().file_name().display()));
    let mut links = 0;
    for path in pages.into_iter().chain(docs.filter(|path| path.ends_with(".md"))) {
        let text = page(&path);
        let targets = text.split("](").skip(1).filter_map(|rest| rest.split(')').next());
        for target in targets.filter(|target| !target.contains("://")) {
            links += 1;
            let (file, heading) = target.split_once('#').unwrap_or((target, ""));
            let folder = Path::new(&path).parent().unwrap();
            let file = if file.is_empty() { Path::new(&path).to_owned() } else { folder.join(file) };
            let whole = Path::new(env!("CARGO_MANIFEST_DIR")).join(&file);
            assert!(whole.exists(), "{path}: {target}");
            assert!(
                heading.is_empty() || headings(&page(file.to_str().unwrap())).any(|h| h == heading),
                "{path}: {target}"
            );
        }
    }
    assert!(links > 30, "{links}");
}

/// The headings as GitHub links to them.
fn headings(page: &str) -> impl Iterator<Item = String> {
    let headings =
        page.lines().filter_map(|line| Some(line.strip_prefix('#')?.trim_start_matches('#').trim()));
    headings.map(|heading| {
        let kept = heading.to_lowercase();
        kept.chars()
            .filter(|c| c.is_alphanumeric() || " -_".contains(*c))
            .collect::<String>()
            .replace(' ', "-")
    })
}
