//! The command lines in `command_lines.txt`, for the unit tests and for the real Helms.

use super::caller::{Command, DryRun, HelmCall, ServerSide};

/// A row of the table. Its placeholders stand in braces.
pub(crate) struct Row {
    pub line: &'static str,
    pub read: &'static str,
    pub otherwise: &'static str,
}

pub(crate) fn rows() -> Vec<Row> {
    let lines = include_str!("command_lines.txt").lines();
    let rows = lines.filter(|line| !line.is_empty() && !line.starts_with('#'));
    rows.map(|line| {
        let mut columns = line.splitn(3, '|').map(str::trim);
        let mut column = || columns.next().unwrap_or_default();
        Row { line: column(), read: column(), otherwise: column() }
    })
    .collect()
}

/// The environment and the arguments of a row whose placeholders are filled.
pub(crate) fn call(line: &str) -> (Vec<(String, String)>, Vec<String>) {
    let words = line.split(' ').map(|word| if word == "''" { String::new() } else { word.to_owned() });
    let (mut env, mut args) = (Vec::new(), Vec::new());
    for word in words {
        match word.split_once('=') {
            Some((name, value)) if args.is_empty() && name.starts_with("HELM_") => {
                env.push((name.to_owned(), value.to_owned()));
            }
            _ => args.push(word),
        }
    }
    if !args.iter().any(|arg| arg.split('=').next() == Some("--post-renderer")) {
        let at = usize::from(!args[0].starts_with('-'));
        args.insert(at, "--post-renderer=probe".to_owned());
    }
    (env, args)
}

/// What was read, in the words of the table.
pub(crate) fn summary(read: &Result<Option<HelmCall>, String>) -> String {
    let call = match read {
        Err(_) => return "unclear".to_owned(),
        Ok(None) => return "none".to_owned(),
        Ok(Some(call)) => call,
    };
    let named = |name: &str, variable: &str| Some(format!("{name}={}", call.cluster.variable(variable)?));
    let set = |name: &str, is_set: bool| is_set.then(|| name.to_owned());
    let words = [
        Some(call.command.to_string()),
        call.release.clone(),
        call.dry_run.map(|dry_run| format!("dry-run={dry_run:?}").to_lowercase()),
        named("namespace", "HELM_NAMESPACE"),
        named("context", "HELM_KUBECONTEXT"),
        named("kubeconfig", "KUBECONFIG"),
        named("server", "HELM_KUBEAPISERVER"),
        named("token", "HELM_KUBETOKEN").map(|_| "token".to_owned()),
        named("ca", "HELM_KUBECAFILE"),
        named("tls-server-name", "HELM_KUBETLS_SERVER_NAME"),
        named("insecure", "HELM_KUBEINSECURE_SKIP_TLS_VERIFY"),
        named("as", "HELM_KUBEASUSER"),
        named("groups", "HELM_KUBEASGROUPS"),
        set("install", call.install),
        set("no-hooks", call.no_hooks),
        set("take-ownership", call.take_ownership),
        set("rollback-on-failure", call.rollback_on_failure),
        set("force", call.force),
        match (call.command, call.server_side) {
            (_, ServerSide::No) => Some("server-side=no".to_owned()),
            (Command::Upgrade, ServerSide::Yes) => Some("server-side=yes".to_owned()),
            _ => None,
        },
    ];
    words.into_iter().flatten().collect::<Vec<_>>().join(" ")
}

/// Whether a Job may be deleted after this was read.
pub(crate) fn may_delete(read: &Result<Option<HelmCall>, String>) -> bool {
    matches!(read, Ok(Some(call)) if call.dry_run.is_none())
}

/// Whether a cluster is asked after this was read.
pub(crate) fn asks(read: &Result<Option<HelmCall>, String>) -> bool {
    matches!(read, Ok(Some(call)) if call.dry_run != Some(DryRun::Client))
}
