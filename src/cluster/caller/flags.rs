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

/// The global flags of Helm that matter: what they take, and the variable over which they have precedence. The others are read like
/// unknown flags.
const GLOBAL: [(&str, Takes, &str); 12] = [
    ("namespace", Text, "HELM_NAMESPACE"),
    ("kubeconfig", Text, "KUBECONFIG"),
    ("kube-context", Text, "HELM_KUBECONTEXT"),
    ("kube-apiserver", Text, "HELM_KUBEAPISERVER"),
    ("kube-token", Text, "HELM_KUBETOKEN"),
    ("kube-ca-file", Text, "HELM_KUBECAFILE"),
    ("kube-tls-server-name", Text, "HELM_KUBETLS_SERVER_NAME"),
    ("kube-insecure-skip-tls-verify", Nothing, "HELM_KUBEINSECURE_SKIP_TLS_VERIFY"),
    ("kube-as-user", Text, "HELM_KUBEASUSER"),
    ("kube-as-group", Text, "HELM_KUBEASGROUPS"),
    ("debug", Nothing, "HELM_DEBUG"),
    // The verbosity of klog, which Helm does not list.
    ("v", Number, ""),
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

/// What a global flag takes, and the variable over which it has precedence.
pub(super) fn global(name: &str) -> Option<(Takes, &'static str)> {
    GLOBAL.iter().find(|(known, ..)| *known == name).map(|(_, takes, variable)| (*takes, *variable))
}

/// Reads arguments as pflag does. `takes` says what a flag with this long name does with the next argument.
pub(super) fn read<'a>(args: &[&'a str], takes: impl Fn(&str) -> Takes) -> Vec<Read<'a>> {
    let mut args = args.iter().copied();
    let mut found = Vec::new();
    while let Some(arg) = args.next() {
        if arg == "--" {
            found.extend(args.map(Read::Positional));
            return found;
        }
        if let Some(long) = arg.strip_prefix("--") {
            let (name, joined) = match long.split_once('=') {
                Some((name, value)) => (name, Some(value)),
                None => (long, None),
            };
            let apart = joined.is_none() && takes(name) != Nothing;
            let value = if apart { args.next() } else { joined };
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
    args: &mut impl Iterator<Item = &'a str>,
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
            None => (args.next(), true),
        };
        let ends = value.is_some();
        found.push(Read::Flag { name, value, apart });
        if ends {
            return;
        }
    }
}

/// Reads a truth value as Go's `strconv.ParseBool` does.
pub(super) fn parse_bool(text: &str) -> Option<bool> {
    match text {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Some(true),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Some(false),
        _ => None,
    }
}
