//! The flags of Helm's `install`, `upgrade` and `template`, and how Helm reads them. Pure.
//!
//! The tables are from the sources of Helm 3.18 to 4.3, which use pflag. The way of reading is pflag's.

/// What a flag does with the next argument.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Takes {
    /// Nothing. `--flag` means `--flag=true`.
    Nothing,
    /// The next argument is the value, unless one is joined by `=`.
    Text,
    /// The same, and Helm refuses a value that is no number.
    Number,
}

use Takes::{Nothing, Number, Text};

/// The flags that every command of Helm has. Those from `logtostderr` on are klog's, which Helm does not list.
pub(super) const GLOBAL: [(&str, Takes); 32] = [
    ("namespace", Text),
    ("kubeconfig", Text),
    ("kube-context", Text),
    ("kube-token", Text),
    ("kube-as-user", Text),
    ("kube-as-group", Text),
    ("kube-apiserver", Text),
    ("kube-ca-file", Text),
    ("kube-tls-server-name", Text),
    ("kube-insecure-skip-tls-verify", Nothing),
    ("debug", Nothing),
    ("registry-config", Text),
    ("repository-config", Text),
    ("repository-cache", Text),
    ("content-cache", Text),
    ("burst-limit", Number),
    ("qps", Number),
    ("color", Text),
    ("colour", Text),
    ("logtostderr", Nothing),
    ("alsologtostderr", Nothing),
    ("skip-headers", Nothing),
    ("skip-log-headers", Nothing),
    ("one-output", Nothing),
    ("add-dir-header", Nothing),
    ("log-dir", Text),
    ("log-file", Text),
    ("log-file-max-size", Number),
    ("log-backtrace-at", Text),
    ("stderrthreshold", Text),
    ("v", Number),
    ("vmodule", Text),
];

/// The flags of `install`, `upgrade` and `template` that take no value.
pub(super) const WITHOUT_VALUE: [&str; 39] = [
    "atomic",
    "cleanup-on-fail",
    "create-namespace",
    "dependency-update",
    "devel",
    "disable-openapi-validation",
    "dry-run",
    "enable-dns",
    "force",
    "force-conflicts",
    "force-replace",
    "generate-name",
    "help",
    "hide-notes",
    "hide-secret",
    "include-crds",
    "insecure-skip-tls-verify",
    "install",
    "is-upgrade",
    "no-hooks",
    "pass-credentials",
    "plain-http",
    "recreate-pods",
    "release-name",
    "render-subchart-notes",
    "replace",
    "reset-then-reuse-values",
    "reset-values",
    "reuse-values",
    "rollback-on-failure",
    // `upgrade` also has a flag of this name, and that one takes a value.
    SERVER_SIDE,
    "skip-crds",
    "skip-schema-validation",
    "skip-tests",
    "take-ownership",
    "validate",
    "verify",
    "wait",
    "wait-for-jobs",
];

pub(super) const SERVER_SIDE: &str = "server-side";

/// The short forms of flags that matter. The others take a value, which matters to nobody.
const SHORT: [(char, &str); 4] =
    [('n', "namespace"), ('i', "install"), ('g', "generate-name"), ('h', "help")];

/// One argument, or a flag with the next argument as its value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Read<'a> {
    Positional(&'a str),
    Flag {
        /// The long name, or an unknown letter.
        name: String,
        value: Option<&'a str>,
        /// Whether the value is an argument of its own.
        apart: bool,
    },
}

/// The long name of a short flag, or the letter if it has none that matters here.
pub(super) fn long_name(letter: char) -> String {
    let known = SHORT.iter().find(|(short, _)| *short == letter);
    known.map_or_else(|| letter.to_string(), |(_, name)| (*name).to_owned())
}

pub(super) fn global(name: &str) -> Option<Takes> {
    GLOBAL.iter().find(|(known, _)| *known == name).map(|(_, takes)| *takes)
}

/// Reads arguments as pflag does. `takes` says what a flag with this long name does with the next argument.
pub(super) fn read<'a>(mut args: &[&'a str], takes: impl Fn(&str) -> Takes) -> Vec<Read<'a>> {
    let mut found = Vec::new();
    while let Some((&arg, rest)) = args.split_first() {
        args = rest;
        if arg == "--" {
            found.extend(args.iter().copied().map(Read::Positional));
            return found;
        }
        if let Some(long) = arg.strip_prefix("--") {
            let (name, joined) = match long.split_once('=') {
                Some((name, value)) => (name, Some(value)),
                None => (long, None),
            };
            let apart = joined.is_none() && takes(name) != Nothing;
            let value = if apart { next(&mut args) } else { joined };
            found.push(Read::Flag { name: name.to_owned(), value, apart });
        } else if let Some(letters) = arg.strip_prefix('-').filter(|letters| !letters.is_empty()) {
            read_short(letters, &mut args, &takes, &mut found);
        } else {
            found.push(Read::Positional(arg));
        }
    }
    found
}

/// A short flag, or several in one argument: `-in shop`, `-nshop`, `-n=shop`.
fn read_short<'a>(
    letters: &'a str,
    args: &mut &[&'a str],
    takes: &impl Fn(&str) -> Takes,
    found: &mut Vec<Read<'a>>,
) {
    let mut letters = letters.chars();
    while let Some(letter) = letters.next() {
        let name = long_name(letter);
        let joined = letters.as_str();
        let (value, apart) = match joined.strip_prefix('=').filter(|value| !value.is_empty()) {
            Some(value) => (Some(value), false),
            None if takes(&name) == Nothing => (None, false),
            None if !joined.is_empty() => (Some(joined), false),
            None => (next(args), true),
        };
        let ends = value.is_some();
        found.push(Read::Flag { name, value, apart });
        if ends {
            return;
        }
    }
}

fn next<'a>(args: &mut &[&'a str]) -> Option<&'a str> {
    let (&first, rest) = args.split_first()?;
    *args = rest;
    Some(first)
}

/// Reads a truth value as Go's `strconv.ParseBool` does.
pub(in crate::cluster) fn parse_bool(text: &str) -> Option<bool> {
    match text {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Some(true),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Some(false),
        _ => None,
    }
}
