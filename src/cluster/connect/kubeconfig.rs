//! Reads kubeconfigs, and chooses cluster, user and namespace as kubectl does.

use std::env;
use std::path::{Path, PathBuf};

use kube::config::{AuthInfo, Cluster, Context, Kubeconfig, KubeconfigError};
use secrecy::{ExposeSecret, SecretString};

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

/// Reads a file, or the files of `KUBECONFIG`, or `~/.kube/config`. A context that is not named is the current one.
pub(super) async fn choose(file: Option<PathBuf>, context: Option<String>) -> Result<Chosen, ConnectError> {
    let files = match file {
        Some(file) => vec![file],
        None => default_files(),
    };
    let names: Vec<_> = files.iter().map(|file| file.display().to_string()).collect();
    // A path may name a pipe that has no writer yet, so another thread waits for it.
    let kubeconfig = background::run(move || read_all(&files)).await.map_err(ConnectError::unusable)??;
    choose_in(kubeconfig, context, &names.join(", "))
}

/// kubectl skips the files of `KUBECONFIG` that do not exist. kube refuses them.
fn default_files() -> Vec<PathBuf> {
    let files = match variable("KUBECONFIG") {
        Some(list) => env::split_paths(&list).collect(),
        None => env::home_dir().map(|home| home.join(".kube/config")).into_iter().collect::<Vec<_>>(),
    };
    files.into_iter().filter(|file| file.exists()).collect()
}

fn read_all(files: &[PathBuf]) -> Result<Kubeconfig, ConnectError> {
    files.iter().try_fold(Kubeconfig::default(), |all, file| {
        // An error in the YAML goes on with the lines around it, which may have secrets.
        let unusable = |error: KubeconfigError| {
            let why = match error {
                KubeconfigError::ReadConfig(error, _) => error.to_string(),
                error => error.to_string().lines().next().unwrap_or_default().to_owned(),
            };
            ConnectError::Unusable(format!("{}: {why}", file.display()))
        };
        let next = Kubeconfig::read_from(file).map_err(unusable)?;
        all.merge(corrected(next, file)).map_err(unusable)
    })
}

fn choose_in(kubeconfig: Kubeconfig, context: Option<String>, files: &str) -> Result<Chosen, ConnectError> {
    let Some(name) = context.or(kubeconfig.current_context) else {
        let (origin, advice) = match files {
            "" => (
                "",
                "there is no kubeconfig, and this is no pod; set KUBECONFIG or use --kubeconfig=FILE"
                    .to_owned(),
            ),
            _ => (files, format!("{files} has no current context; use --context=NAME")),
        };
        return Ok(Chosen { origin: origin.to_owned(), advice, ..Chosen::default() });
    };
    let contexts = kubeconfig.contexts.into_iter().find(|context| context.name == name);
    let Some(Context { cluster, user, namespace, .. }) = contexts.and_then(|named| named.context) else {
        let place = if files.is_empty() { "there is no kubeconfig" } else { files };
        return Err(ConnectError::Unusable(format!("{place} has no context \"{name}\"")));
    };
    let origin = format!("context \"{name}\" of {files}");
    let advice = format!("{origin} has no server for its cluster \"{cluster}\"");
    let named = kubeconfig.clusters.into_iter().find(|named| named.name == cluster);
    let auth_infos = kubeconfig.auth_infos.into_iter().find(|named| Some(&named.name) == user.as_ref());
    Ok(Chosen {
        cluster: named.and_then(|named| named.cluster).unwrap_or_default(),
        user: auth_infos.and_then(|named| named.auth_info).unwrap_or_default(),
        namespace,
        origin,
        advice,
    })
}

/// Makes of a kubeconfig what client-go makes of it. `kube` 5.0 differs in two ways, which rows of `tests/kubeconfig` show if this
/// function returns its argument:
///
/// - to kube, an empty string is a value, and an empty path is the folder of the file;
/// - kube refuses base64 with line breaks.
fn corrected(mut kubeconfig: Kubeconfig, file: &Path) -> Kubeconfig {
    let folder = file.parent().and_then(|folder| folder.join("").to_str().map(str::to_owned));
    let is_empty = |value: &mut String| value.is_empty() || Some(&*value) == folder.as_ref();
    let without_line_breaks = |value: &str| value.replace(['\r', '\n'], "");

    kubeconfig.current_context.take_if(is_empty);
    for context in kubeconfig.contexts.iter_mut().filter_map(|named| named.context.as_mut()) {
        context.namespace.take_if(is_empty);
    }
    for cluster in kubeconfig.clusters.iter_mut().filter_map(|named| named.cluster.as_mut()) {
        let Cluster {
            server,
            certificate_authority,
            certificate_authority_data,
            proxy_url,
            tls_server_name,
            ..
        } = cluster;
        for value in
            [server, certificate_authority, &mut *certificate_authority_data, proxy_url, tls_server_name]
        {
            value.take_if(is_empty);
        }
        *certificate_authority_data = certificate_authority_data.as_deref().map(without_line_breaks);
    }
    for user in kubeconfig.auth_infos.iter_mut().filter_map(|named| named.auth_info.as_mut()) {
        let AuthInfo {
            username, token_file, client_certificate, client_certificate_data, client_key, ..
        } = user;
        let certificate = [client_certificate, &mut *client_certificate_data, client_key];
        for value in certificate.into_iter().chain([username, token_file, &mut user.impersonate]) {
            value.take_if(is_empty);
        }
        for secret in [&mut user.token, &mut user.client_key_data, &mut user.password] {
            secret.take_if(|secret| secret.expose_secret().is_empty());
        }
        *client_certificate_data = client_certificate_data.as_deref().map(without_line_breaks);
        let key = user.client_key_data.take();
        user.client_key_data = key.map(|key| SecretString::from(without_line_breaks(key.expose_secret())));
    }
    kubeconfig
}

#[cfg(test)]
mod tests {
    use super::*;

    const TWO: &str = "{contexts: [{name: a, context: {cluster: a, user: u}}, {name: b, context: {cluster: none, namespace: n}}],
        clusters: [{name: a, cluster: {server: 'https://a'}}], users: [{name: u, user: {token: t}}]}";

    fn chosen(text: &str, context: Option<&str>, files: &str) -> Result<Chosen, ConnectError> {
        let kubeconfig = Kubeconfig::from_yaml(text).expect("a kubeconfig");
        choose_in(kubeconfig, context.map(str::to_owned), files)
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
}
