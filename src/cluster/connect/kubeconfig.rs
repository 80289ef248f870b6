//! Reads kubeconfigs, and chooses cluster, user and namespace as kubectl does.
//!
//! kube's own reader is not used: `kube` 5.0 refuses a key that appears twice, a context without a cluster and base64 with line breaks,
//! and to it an empty string is a value. Rows of `tests/kubeconfig` show whether it still does.

use std::env;
use std::fs;
use std::path::{MAIN_SEPARATOR, Path, PathBuf};

use kube::config::{AuthInfo, Cluster, NamedAuthInfo, NamedCluster};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_saphyr::DuplicateKeyPolicy::LastWins;

use super::ConnectError;
use crate::background;
use crate::cluster::variable;

/// What a context stands for. Without a context, all is empty.
#[derive(Debug, Clone, Default)]
pub(crate) struct Chosen {
    pub(crate) cluster: Cluster,
    pub(crate) user: AuthInfo,
    pub(crate) namespace: Option<String>,
    /// Where it is from, for messages: the context and the files.
    pub(crate) origin: String,
    /// What to do if it names no server.
    pub(crate) advice: String,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
struct Kubeconfig {
    current_context: Option<String>,
    contexts: Option<Vec<NamedContext>>,
    clusters: Option<Vec<NamedCluster>>,
    users: Option<Vec<NamedAuthInfo>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct NamedContext {
    name: String,
    context: Option<Context>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Context {
    cluster: Option<String>,
    user: Option<String>,
    namespace: Option<String>,
}

/// Reads a file, or the files of `KUBECONFIG`, or `~/.kube/config`. A context that is not named is the current one.
pub(super) async fn choose(file: Option<PathBuf>, context: Option<String>) -> Result<Chosen, ConnectError> {
    let files = match file {
        Some(file) => vec![file],
        None => default_files(),
    };
    let names: Vec<_> = files.iter().map(|file| file.display().to_string()).collect();
    let read_all = move || files.iter().map(|file| read(file)).collect::<Result<Vec<_>, _>>();
    // A path may name a pipe that has no writer yet, so another thread waits for it.
    let kubeconfigs = background::run(read_all).await.map_err(ConnectError::unusable)??;
    choose_in(kubeconfigs, context, &names.join(", "))
}

/// As in kubectl, files of `KUBECONFIG` that do not exist are skipped.
fn default_files() -> Vec<PathBuf> {
    let files = match variable("KUBECONFIG") {
        Some(list) => env::split_paths(&list).collect(),
        None => env::home_dir().map(|home| home.join(".kube/config")).into_iter().collect::<Vec<_>>(),
    };
    files.into_iter().filter(|file| file.exists()).collect()
}

fn read(file: &Path) -> Result<Kubeconfig, ConnectError> {
    let unusable = |why: &str| ConnectError::Unusable(format!("{}: {why}", file.display()));
    let text = fs::read_to_string(file).map_err(|error| unusable(&error.to_string()))?;
    let kubeconfig = parse(&text).map_err(|why| unusable(&why))?;
    Ok(corrected(kubeconfig, file.parent().unwrap_or(Path::new(""))))
}

fn parse(text: &str) -> Result<Kubeconfig, String> {
    let options = serde_saphyr::options! { duplicate_keys: LastWins };
    let documents = serde_saphyr::from_multiple_with_options(text, options);
    // An error goes on with the lines around it, which may have secrets.
    let documents: Vec<_> = documents
        .map_err(|error| error.to_string().lines().next().unwrap_or("it is no kubeconfig").to_owned())?;
    Ok(documents.into_iter().next().unwrap_or_default())
}

/// The first file that has a name decides what it stands for.
fn choose_in(
    mut kubeconfigs: Vec<Kubeconfig>,
    context: Option<String>,
    files: &str,
) -> Result<Chosen, ConnectError> {
    let current = || kubeconfigs.iter().find_map(|kubeconfig| kubeconfig.current_context.clone());
    let Some(name) = context.or_else(current) else {
        let advice = match files {
            "" => "there is no kubeconfig, and this is no pod; set KUBECONFIG or use --kubeconfig=FILE"
                .to_owned(),
            _ => format!("{files} has no current context; use --context=NAME"),
        };
        return Ok(Chosen { origin: files.to_owned(), advice, ..Chosen::default() });
    };
    let mut contexts =
        kubeconfigs.iter_mut().flat_map(|kubeconfig| kubeconfig.contexts.take().unwrap_or_default());
    let named = contexts.find(|context| context.name == name);
    let Some(Context { cluster, user, namespace }) = named.and_then(|named| named.context) else {
        let place = if files.is_empty() { "there is no kubeconfig, so it" } else { files };
        return Err(ConnectError::Unusable(format!("{place} has no context \"{name}\"")));
    };
    drop(contexts);
    let (cluster, user) = (cluster.unwrap_or_default(), user.unwrap_or_default());
    let origin = format!("context \"{name}\" of {files}");
    let advice = format!("{origin} has no server for its cluster \"{cluster}\"");
    let mut clusters =
        kubeconfigs.iter_mut().flat_map(|kubeconfig| kubeconfig.clusters.take().unwrap_or_default());
    let cluster = clusters.find(|named| named.name == cluster).and_then(|named| named.cluster);
    drop(clusters);
    let mut users = kubeconfigs.into_iter().flat_map(|kubeconfig| kubeconfig.users.unwrap_or_default());
    let user = users.find(|named| named.name == user).and_then(|named| named.auth_info);
    let (cluster, user) = (cluster.unwrap_or_default(), user.unwrap_or_default());
    Ok(Chosen { cluster, user, namespace, origin, advice })
}

/// Makes of a kubeconfig what client-go makes of it: what is empty is not there, paths are relative to the folder of the file, and
/// base64 may have line breaks.
fn corrected(mut kubeconfig: Kubeconfig, folder: &Path) -> Kubeconfig {
    let is_empty = |value: &mut String| value.is_empty();
    let beside = |path: &mut String| *path = folder.join(&*path).to_string_lossy().into_owned();
    let without_line_breaks = |value: &str| value.replace(['\r', '\n'], "");

    kubeconfig.current_context.take_if(is_empty);
    for context in kubeconfig.contexts.iter_mut().flatten().filter_map(|named| named.context.as_mut()) {
        context.namespace.take_if(is_empty);
    }
    for cluster in kubeconfig.clusters.iter_mut().flatten().filter_map(|named| named.cluster.as_mut()) {
        let Cluster { server, certificate_authority: file, certificate_authority_data: data, .. } = cluster;
        for value in [server, &mut *file, &mut *data, &mut cluster.proxy_url, &mut cluster.tls_server_name] {
            value.take_if(is_empty);
        }
        file.iter_mut().for_each(beside);
        *data = data.as_deref().map(without_line_breaks);
    }
    for user in kubeconfig.users.iter_mut().flatten().filter_map(|named| named.auth_info.as_mut()) {
        let AuthInfo {
            username, token_file, client_certificate: file, client_certificate_data: data, ..
        } = user;
        let mut paths = [token_file, file, &mut user.client_key];
        for value in
            paths.iter_mut().map(|path| &mut **path).chain([username, &mut *data, &mut user.impersonate])
        {
            value.take_if(is_empty);
        }
        paths.into_iter().flatten().for_each(beside);
        for secret in [&mut user.token, &mut user.client_key_data, &mut user.password] {
            secret.take_if(|secret| secret.expose_secret().is_empty());
        }
        *data = data.as_deref().map(without_line_breaks);
        let key = user.client_key_data.take();
        user.client_key_data = key.map(|key| SecretString::from(without_line_breaks(key.expose_secret())));
        // Other commands are looked up on PATH.
        let command = user.exec.as_mut().and_then(|exec| exec.command.as_mut());
        command.filter(|command| command.contains(MAIN_SEPARATOR)).into_iter().for_each(beside);
    }
    kubeconfig
}

#[cfg(test)]
mod tests {
    use super::*;

    const TWO: &str = "{contexts: [{name: a, context: {cluster: a, user: u}}, {name: b, context: {cluster: none, namespace: n}}],
        clusters: [{name: a, cluster: {server: 'https://a'}}], users: [{name: u, user: {token: t}}]}";

    fn chosen(text: &str, context: Option<&str>, files: &str) -> Result<Chosen, ConnectError> {
        choose_in(vec![parse(text).expect("a kubeconfig")], context.map(str::to_owned), files)
    }

    #[test]
    fn a_context_names_cluster_user_and_namespace() {
        let a = chosen(TWO, Some("a"), "/k").expect("a context");
        assert_eq!((a.cluster.server.as_deref(), a.user.token.is_some()), (Some("https://a"), true));
        assert_eq!(a.origin, "context \"a\" of /k");
        let b = chosen(TWO, Some("b"), "/k").expect("a context");
        assert_eq!((b.cluster.server, b.namespace.as_deref()), (None, Some("n")));
        assert_eq!(b.advice, "context \"b\" of /k has no server for its cluster \"none\"");
    }

    #[test]
    fn what_cannot_be_chosen_is_named() {
        let missing = chosen(TWO, Some("c"), "/k, /l").expect_err("no such context").to_string();
        assert_eq!(missing, "/k, /l has no context \"c\"");
        let none = chosen(TWO, None, "/k").expect("no context").advice;
        assert_eq!(none, "/k has no current context; use --context=NAME");
        let nowhere = chosen("", None, "").expect("no context").advice;
        assert!(nowhere.starts_with("there is no kubeconfig"), "{nowhere}");
    }

    #[test]
    fn an_error_shows_no_secret() {
        let why = parse("users: [{name: u, user: {token: secret}}\n").err().expect("no kubeconfig");
        assert!(!why.contains("secret") && why.contains("line"), "{why}");
    }
}
