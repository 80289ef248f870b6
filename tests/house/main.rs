//! The rooms of `src/` and what they must not use, checked on the source text without its unit tests.

#![allow(clippy::unwrap_used, reason = "a test may fail that way")]

mod paths;

use std::fs;
use std::path::Path;

use paths::{paths_in, without_tests};

/// Files below `rooms`, except those below `except`, must not use the paths in `forbidden`.
struct Rule {
    name: &'static str,
    rooms: &'static [&'static str],
    except: &'static [&'static str],
    forbidden: &'static [&'static str],
}

const RULES: [Rule; 6] = [
    Rule {
        name: "only the program knows its command line",
        rooms: &["src/"],
        except: &["src/main.rs", "src/lib.rs", "src/run.rs", "src/cli/"],
        forbidden: &["crate::cli", "crate::run", "clap"],
    },
    Rule {
        name: "the filter is text in, text out",
        rooms: &["src/translate/", "src/inject/", "src/policy.rs"],
        except: &[],
        forbidden: &[
            "crate::cluster",
            "crate::cleanup",
            "crate::unblock",
            "kube",
            "tokio",
            "std::net",
            "std::env",
        ],
    },
    Rule {
        name: "src/cluster serves the cleanup and the unblocking, and knows neither",
        rooms: &["src/cluster/"],
        except: &[],
        forbidden: &["crate::cleanup", "crate::unblock", "crate::translate"],
    },
    Rule {
        name: "the sweep decides: no requests, no clock, no words",
        rooms: &["src/cleanup/sweep/", "src/cluster/job/"],
        except: &[],
        forbidden: &["kube", "tokio", "futures_util", "crate::cleanup::run", "crate::cleanup::output"],
    },
    Rule {
        name: "the unblocking does not sweep",
        rooms: &["src/unblock/"],
        except: &[],
        forbidden: &["crate::cleanup"],
    },
    Rule {
        name: "the decisions of the unblocking are pure",
        rooms: &["src/unblock/"],
        except: &["src/unblock/mod.rs", "src/unblock/rounds.rs", "src/unblock/retries.rs"],
        forbidden: &["kube", "tokio", "futures_util", "crate::cluster::api::Api", "crate::cluster::connect"],
    },
];

const MOST_LINES: usize = 350;

#[test]
fn no_room_uses_what_its_rule_forbids() {
    let sources = files_below("src");
    let mut broken = Vec::new();
    for rule in &RULES {
        let rooms = |path: &str| rule.rooms.iter().any(|room| path.starts_with(room));
        let except = |path: &str| rule.except.iter().any(|room| path.starts_with(room));
        let tests = |path: &str| path.ends_with("/tests.rs") || path.contains("/tests/");
        for (path, text) in &sources {
            if rooms(path) && !except(path) && !tests(path) {
                broken.extend(violations(rule, path, text));
            }
        }
    }
    assert!(broken.is_empty(), "\n{}\n", broken.join("\n"));
}

#[test]
fn every_rule_has_a_room() {
    let sources = files_below("src");
    for room in RULES.iter().flat_map(|rule| rule.rooms) {
        assert!(sources.iter().any(|(path, _)| path.starts_with(room)), "no file is below {room}");
    }
}

#[test]
fn no_file_is_long() {
    let folders = ["src", "tests", "benches", "examples", "fuzz/fuzz_targets"];
    for (path, text) in folders.into_iter().flat_map(files_below) {
        let lines = text.lines().count();
        assert!(lines <= MOST_LINES, "{path}:{MOST_LINES}: {lines} lines, at most {MOST_LINES} are allowed");
    }
}

#[test]
fn every_form_of_a_forbidden_path_is_found() {
    let (path, rule) = ("src/cleanup/sweep/ending.rs", &RULES[3]);
    for text in [
        "use kube::Api;",
        "use crate::{policy::Outcome, cleanup::{options, output::words}};",
        "use super::super::output::words;",
        "pub(crate) use crate::cleanup::output;",
        "fn a() -> tokio::time::Instant { todo!() }",
    ] {
        let found = violations(rule, path, &format!("//! kube::Client\n\n{text}\n"));
        assert_eq!(found.len(), 1, "{text}: {found:?}");
        assert!(found[0].starts_with("src/cleanup/sweep/ending.rs:3: "), "{found:?}");
    }
    for text in [
        "// kube::Api would be wrong here",
        "const TEXT: &str = \"kube::Api\";",
        "#[cfg(test)]\nmod tests {\n    use kube::Api;\n}",
        "use super::rules; use crate::cleanup::options;",
    ] {
        assert_eq!(violations(rule, path, text), [""; 0], "{text}");
    }
}

/// One line for each use of a forbidden path: file, line, path and rule.
fn violations(rule: &Rule, path: &str, text: &str) -> Vec<String> {
    let is_below = |used: &str, forbidden: &str| {
        used.strip_prefix(forbidden).is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
    };
    let mut found = Vec::new();
    for (line, used) in paths_in(path, &without_tests(text)) {
        if rule.forbidden.iter().any(|forbidden| is_below(&used, forbidden)) {
            found.push(format!("{path}:{line}: uses {used}, but {}", rule.name));
        }
    }
    found
}

/// The Rust and Go files below a folder of the repository, with their texts.
fn files_below(folder: &str) -> Vec<(String, String)> {
    let mut files = Vec::new();
    for entry in fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join(folder)).unwrap() {
        let entry = entry.unwrap();
        let path = format!("{folder}/{}", entry.file_name().to_string_lossy());
        if entry.file_type().unwrap().is_dir() {
            files.extend(files_below(&path));
        } else if path.ends_with(".rs") || path.ends_with(".go") {
            files.push((path, fs::read_to_string(entry.path()).unwrap()));
        }
    }
    files
}
