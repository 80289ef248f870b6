//! The rooms of `src/` and what they must not use, checked on the source text without its unit tests.

#![allow(clippy::unwrap_used, reason = "a test may fail that way")]

mod paths;

use std::fs;
use std::path::Path;

use paths::paths_in;

/// Files below `rooms`, except those below `except`, must not use the paths in `forbidden`. The path of a function ends in `()`.
struct Rule {
    name: &'static str,
    rooms: &'static [&'static str],
    except: &'static [&'static str],
    forbidden: &'static [&'static str],
}

const RULES: [Rule; 7] = [
    Rule {
        name: "only the program knows its command line",
        rooms: &["src/"],
        except: &["src/main.rs", "src/lib.rs", "src/run.rs", "src/cli/"],
        forbidden: &["crate::cli", "crate::run", "clap", "clap_complete", "clap_mangen"],
    },
    Rule {
        name: "the filter is text in, text out",
        rooms: &["src/translate/", "src/inject/", "src/policy.rs", "src/escape.rs", "src/yaml.rs"],
        except: &[],
        forbidden: &[
            "crate::background",
            "crate::cleanup",
            "crate::cluster",
            "crate::console",
            "crate::input",
            "crate::pipe",
            "crate::signals",
            "crate::unblock",
            "kube",
            "std::env",
            "std::fs",
            "std::net",
            "std::process",
            "std::time",
            "tokio",
        ],
    },
    Rule {
        name: "src/cluster serves the cleanup and the unblocking, and knows neither",
        rooms: &["src/cluster/"],
        except: &[],
        forbidden: &["crate::cleanup", "crate::unblock", "crate::translate"],
    },
    // The sweep may use `cleanup::own_job`, which reads the environment. It only compares Jobs with the `OwnJob` that it is given.
    Rule {
        name: "the sweep decides: no requests, no clock, no words",
        rooms: &["src/cleanup/sweep/", "src/cluster/job/"],
        except: &[],
        forbidden: &[
            "crate::background",
            "crate::cleanup::output",
            "crate::cleanup::run",
            "crate::cluster::api::Api",
            "crate::cluster::backoff",
            "crate::cluster::connect",
            "crate::cluster::follow",
            "crate::cluster::helm_env",
            "crate::cluster::variable()",
            "crate::console",
            "crate::signals::Signals",
            "futures_util",
            "http",
            "hyper",
            "hyper_util",
            "kube",
            "std::env",
            "std::fs",
            "std::io",
            "std::net",
            "std::process",
            "std::thread",
            "std::time::Instant",
            "std::time::SystemTime",
            "tokio",
        ],
    },
    Rule {
        name: "the sweep does not unblock",
        rooms: &["src/cleanup/"],
        except: &[],
        forbidden: &["crate::unblock"],
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
        except: &[
            "src/unblock/mod.rs",
            "src/unblock/requests.rs",
            "src/unblock/retries.rs",
            "src/unblock/rounds.rs",
            "src/unblock/target.rs",
        ],
        forbidden: &[
            "crate::cluster::client",
            "crate::cluster::connect",
            "crate::cluster::variable()",
            "crate::cluster::watch",
            "crate::console",
            "futures_util",
            "kube",
            "std::env",
            "std::fs",
            "std::io",
            "std::process",
            "std::time",
            "tokio",
        ],
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
fn every_rule_names_what_exists() {
    let sources = files_below("src");
    for rule in &RULES {
        for place in rule.rooms.iter().chain(rule.except) {
            let exists = sources.iter().any(|(path, _)| path.starts_with(place));
            assert!(exists, "no file is below {place}, in the rule: {}", rule.name);
        }
        for path in rule.forbidden.iter().filter(|path| path.starts_with("crate::")) {
            assert!(exists(&sources, path), "{path} does not exist, in the rule: {}", rule.name);
        }
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
        "fn a() { assert!(tokio::time::Instant::now() > b) }",
        "use crate::cluster::api::{Failure, Api};",
        "use crate::signals::Signals;",
        "use std::{mem, time::Instant};",
        "use crate::cleanup;",
        "use crate::cleanup::{self as room};",
        "use crate as root;",
        "use super::super::*;",
        "use super::super::{sweep::Phase, *};",
        "use crate::cluster::api;",
        "use std::time;",
        "mod inner { use super::super::super::output; }",
    ] {
        let found = violations(rule, path, &format!("//! kube::Client\n\n{text}\n"));
        assert_eq!(found.len(), 1, "{text}: {found:?}");
        assert!(found[0].starts_with("src/cleanup/sweep/ending.rs:3: "), "{found:?}");
    }
    for text in [
        "// kube::Api would be wrong here",
        "const TEXT: &str = \"kube::Api\";",
        "#[cfg(test)]\nmod tests {\n    use kube::Api;\n}",
        "#[cfg(test)]\nuse kube::Api;",
        "use super::rules; use crate::cleanup::options;",
        "use super::*; use std::mem; use crate::policy as cleanup;",
        "use crate::{cluster::api::Failure, signals::Signal}; use std::time::Duration;",
        "pub(crate) fn a(this: &super::Sweep) -> crate::cluster::api::Failure { todo!() }",
    ] {
        assert_eq!(violations(rule, path, text), [""; 0], "{text}");
    }
}

/// One line for each use of a forbidden path: file, line, path and rule. The import of a parent of a forbidden path counts
/// too, because the parent's own name leads on to the forbidden path.
fn violations(rule: &Rule, path: &str, text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for used in paths_in(path, text) {
        let is_forbidden = |path: &&String| {
            let leads_to =
                |forbidden| is_below(path, forbidden) || used.is_import && is_below(forbidden, path);
            rule.forbidden.iter().any(|forbidden| leads_to(forbidden.trim_end_matches("()")))
        };
        if let Some(path_used) = used.paths.iter().find(is_forbidden) {
            found.push(format!("{path}:{}: uses {path_used}, but {}", used.line, rule.name));
        }
    }
    found
}

fn is_below(path: &str, parent: &str) -> bool {
    path.strip_prefix(parent).is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
}

/// Whether a path of the crate names a module, or a type or a function that its module declares.
fn exists(sources: &[(String, String)], path: &str) -> bool {
    let text_of = |module: &str| {
        let file = module.replace("crate", "src").replace("::", "/");
        let is_file =
            |path: &str| [".rs", "/mod.rs", "/lib.rs"].iter().any(|end| *path == format!("{file}{end}"));
        sources.iter().find(|(path, _)| is_file(path)).map(|(_, text)| text)
    };
    let (module, item) = path.rsplit_once("::").unwrap();
    let declarations = match item.strip_suffix("()") {
        Some(function) => vec![format!("fn {function}(")],
        None => vec![format!("struct {item} {{"), format!("enum {item} {{")],
    };
    let declares = |text: &String| declarations.iter().any(|declaration| text.contains(declaration));
    text_of(path).is_some() || text_of(module).is_some_and(declares)
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
