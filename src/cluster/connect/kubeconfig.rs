//! Reads kubeconfigs with kube, and chooses cluster, user and namespace as kubectl does.
//!
//! `kube` 5.0 refuses base64 with line breaks, files of `KUBECONFIG` that do not exist, and a context of no cluster, and to it an empty
//! string is a value. Rows of `tests/kubeconfig` show whether it still does.

use std::env;
use std::path::{Path, PathBuf};

use kube::config::{AuthInfo, Cluster, Context, Kubeconfig, KubeconfigError};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use tokio::task::spawn_blocking;

use crate::cluster::error::Error;
use crate::cluster::variable;

/// What a context stands for. Without a context, all is empty.
#[derive(Debug, Default)]
pub(crate) struct Chosen {
    pub(crate) cluster: Cluster,
    pub(crate) user: AuthInfo,
    pub(crate) namespace: Option<String>,
    pub(crate) context: Option<String>,
    /// Where it is from, for messages: the context and the files.
    pub(crate) origin: String,
    /// What to do if it names no server.
    pub(crate) advice: String,
}

/// Reads a file, or the files of `KUBECONFIG`, or `~/.kube/config`. A context that is not named is the current one.
pub(super) async fn choose(file: Option<PathBuf>, context: Option<String>) -> Result<Chosen, Error> {
    let files = file.map_or_else(default_files, |file| vec![file]);
    let names: Vec<_> = files.iter().map(|file| file.display().to_string()).collect();
    // A path may name a pipe that has no writer yet, so another thread waits for it.
    let parts = spawn_blocking(move || files.iter().map(|file| read(file)).collect::<Result<Vec<_>, _>>());
    let mut parts = parts.await.map_err(Error::config)??.into_iter();
    let whole = parts.try_fold(Kubeconfig::default(), Kubeconfig::merge).map_err(Error::config)?;
    choose_in(whole, context, &names.join(", "))
}

/// As in kubectl, files of `KUBECONFIG` that do not exist are skipped.
fn default_files() -> Vec<PathBuf> {
    let files: Vec<_> = match variable("KUBECONFIG") {
        Some(list) => env::split_paths(&list).collect(),
        None => env::home_dir().map(|home| home.join(".kube/config")).into_iter().collect(),
    };
    files.into_iter().filter(|file| file.exists()).collect()
}

fn read(file: &Path) -> Result<Kubeconfig, Error> {
    let mut kubeconfig = Kubeconfig::read_from(file).map_err(|error| {
        let why = match error {
            // Its text would name the file again.
            KubeconfigError::ReadConfig(why, _) => why.to_string(),
            // An error in YAML goes on with the lines around it, which may have secrets.
            error => error.to_string().lines().next().unwrap_or_default().to_owned(),
        };
        Error::Config(format!("{}: {why}", file.display()))
    })?;
    kubeconfig.current_context.take_if(|name| name.is_empty());
    Ok(kubeconfig)
}

fn choose_in(kubeconfig: Kubeconfig, context: Option<String>, files: &str) -> Result<Chosen, Error> {
    let Some(name) = context.or(kubeconfig.current_context) else {
        let advice = match files {
            "" => "there is no kubeconfig, and this is no pod; set KUBECONFIG or use --kubeconfig=FILE"
                .to_owned(),
            _ => format!("{files} has no current context; use --context=NAME"),
        };
        return Ok(Chosen { origin: files.to_owned(), advice, ..Chosen::default() });
    };
    let names: Vec<_> = kubeconfig.contexts.iter().map(|context| context.name.clone()).collect();
    let named = kubeconfig.contexts.into_iter().find(|context| context.name == name);
    let Some(Context { cluster, user, namespace, .. }) = named.and_then(|named| named.context) else {
        return Err(Error::Config(match &*names {
            _ if files.is_empty() => format!("no context {name}, because there is no kubeconfig"),
            [] => format!("no context {name} in {files}; it has none"),
            _ => format!("no context {name} in {files}; it has: {}", names.join(", ")),
        }));
    };
    let origin = format!("context \"{name}\" of {files}");
    let advice = format!("{origin} has no server for its cluster \"{cluster}\"");
    let cluster = kubeconfig.clusters.into_iter().find(|named| named.name == cluster);
    let user = kubeconfig.auth_infos.into_iter().find(|named| Some(&named.name) == user.as_ref());
    Ok(Chosen {
        cluster: corrected(cluster.and_then(|named| named.cluster).unwrap_or_default())?,
        user: corrected(user.and_then(|named| named.auth_info).unwrap_or_default())?,
        namespace: namespace.filter(|namespace| !namespace.is_empty()),
        context: Some(name),
        origin,
        advice,
    })
}

/// Without line breaks in base64, and without empty strings. Only a password can be empty.
fn corrected<T: Serialize + DeserializeOwned>(part: T) -> Result<T, Error> {
    let json = serde_json::to_value(part).map_err(Error::config)?;
    let mut fields: Map<String, Value> = serde_json::from_value(json).map_err(Error::config)?;
    fields.retain(|key, value| {
        if let Value::String(text) = value
            && key.ends_with("-data")
        {
            text.retain(|letter| !matches!(letter, '\r' | '\n'));
        }
        value != "" || key == "password"
    });
    serde_json::from_value(fields.into()).map_err(Error::config)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TWO: &str = "{contexts: [{name: a, context: {cluster: a, user: u}}, {name: b, context: {cluster: none, namespace: n}}],
        clusters: [{name: a, cluster: {server: 'https://a'}}], users: [{name: u, user: {token: t}}]}";

    fn chosen(text: &str, context: Option<&str>, files: &str) -> Result<Chosen, Error> {
        choose_in(Kubeconfig::from_yaml(text).expect("a kubeconfig"), context.map(str::to_owned), files)
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
        assert_eq!(missing, "cannot find a cluster: no context c in /k, /l; it has: a, b");
        let none = chosen(TWO, None, "/k").expect("no context").advice;
        assert_eq!(none, "/k has no current context; use --context=NAME");
        let nowhere = chosen("", None, "").expect("no context").advice;
        assert!(nowhere.starts_with("there is no kubeconfig"), "{nowhere}");
    }
}
