//! Helm's global flags for the cluster. Pure.

use std::fmt;

use super::flags::{self, Read, Takes};

/// How Helm's global flags name the cluster, the credentials and the namespace.
///
/// A flag has precedence over Helm's environment variable, even if its value is empty. An empty value is the same as neither flag nor
/// variable. `--kubeconfig` has precedence over `KUBECONFIG` unless its value is empty.
#[derive(Clone, Default)]
pub struct ClusterFlags {
    /// `--namespace`, before `HELM_NAMESPACE`
    pub namespace: Option<String>,
    /// `--kubeconfig`: one file, not a list of files
    pub kubeconfig: Option<String>,
    /// `--kube-context`, before `HELM_KUBECONTEXT`
    pub context: Option<String>,
    /// `--kube-apiserver`, before `HELM_KUBEAPISERVER`
    pub api_server: Option<String>,
    /// `--kube-token`, before `HELM_KUBETOKEN`
    pub token: Option<String>,
    /// `--kube-ca-file`, before `HELM_KUBECAFILE`
    pub ca_file: Option<String>,
    /// `--kube-tls-server-name`, before `HELM_KUBETLS_SERVER_NAME`
    pub tls_server_name: Option<String>,
    /// `--kube-insecure-skip-tls-verify`, before `HELM_KUBEINSECURE_SKIP_TLS_VERIFY`
    pub insecure_skip_tls_verify: Option<bool>,
    /// `--kube-as-user`, before `HELM_KUBEASUSER`
    pub as_user: Option<String>,
    /// `--kube-as-group`, as often as it is given, before `HELM_KUBEASGROUPS`
    pub as_groups: Option<Vec<String>>,
}

/// Without the values, because the token is a secret.
impl fmt::Debug for ClusterFlags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClusterFlags").finish_non_exhaustive()
    }
}

impl ClusterFlags {
    /// Helm reads its global flags twice. The first time it knows no other flag, so it also finds them in the values of others:
    /// `--post-renderer-args --namespace=shop` names Helm's own namespace. It goes no further than the first mistake.
    pub(super) fn first_reading(args: &[&str]) -> Self {
        let mut cluster = Self::default();
        for read in flags::read(args, |flag| flags::global(flag).unwrap_or(Takes::Nothing)) {
            let Read::Flag { name, value, .. } = read else {
                continue;
            };
            let is_fine = match flags::global(&name) {
                None => name != "help",
                Some(Takes::Nothing) => value.is_none_or(|value| flags::parse_bool(value).is_some()),
                Some(Takes::Text) => value.is_some(),
                Some(Takes::Number) => value.is_some_and(|value| value.parse::<f64>().is_ok()),
            };
            if !is_fine {
                break;
            }
            cluster.set(&name, value);
        }
        cluster
    }

    pub(super) fn set(&mut self, flag: &str, value: Option<&str>) {
        let text = || value.map(str::to_owned);
        match flag {
            "namespace" => self.namespace = text(),
            "kubeconfig" => self.kubeconfig = text(),
            "kube-context" => self.context = text(),
            "kube-apiserver" => self.api_server = text(),
            "kube-token" => self.token = text(),
            "kube-ca-file" => self.ca_file = text(),
            "kube-tls-server-name" => self.tls_server_name = text(),
            "kube-insecure-skip-tls-verify" => {
                self.insecure_skip_tls_verify = flags::parse_bool(value.unwrap_or("true"));
            }
            "kube-as-user" => self.as_user = text(),
            "kube-as-group" => {
                let groups = self.as_groups.get_or_insert_default();
                groups.extend(text().filter(|group| !groups.contains(group)));
            }
            _ => {}
        }
    }
}

impl ClusterFlags {
    /// The flag that has precedence over this variable of Helm, if it is given.
    pub(crate) fn variable(&self, name: &str) -> Option<String> {
        match name {
            "HELM_NAMESPACE" => self.namespace.clone(),
            "HELM_KUBECONTEXT" => self.context.clone(),
            "HELM_KUBEAPISERVER" => self.api_server.clone(),
            "HELM_KUBETOKEN" => self.token.clone(),
            "HELM_KUBECAFILE" => self.ca_file.clone(),
            "HELM_KUBETLS_SERVER_NAME" => self.tls_server_name.clone(),
            "HELM_KUBEINSECURE_SKIP_TLS_VERIFY" => self.insecure_skip_tls_verify.map(|skip| skip.to_string()),
            "HELM_KUBEASUSER" => self.as_user.clone(),
            "HELM_KUBEASGROUPS" => self.as_groups.as_ref().map(|groups| groups.join(",")),
            _ => None,
        }
    }
}
