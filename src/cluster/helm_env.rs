//! Helm's environment variables. They name the cluster as Helm's flags do.
//!
//! Helm sets them for its plugins, and reads them itself when the user sets them.

use super::caller::parse_bool;
use super::connect::Chosen;
use super::variable;

pub(crate) fn helm_debug() -> bool {
    started_by_helm() && variable("HELM_DEBUG").is_some_and(|value| parse_bool(&value) == Some(true))
}

pub(crate) fn started_by_helm() -> bool {
    ["HELM_PLUGIN_NAME", "HELM_PLUGIN_DIR", "HELM_BIN"].into_iter().any(|name| variable(name).is_some())
}

/// Changes a cluster and its user as client-go does for the options of Helm and kubectl. `get` returns a variable that is set and not
/// empty.
pub(super) fn apply(chosen: &mut Chosen, get: impl Fn(&str) -> Option<String>) {
    let Chosen { cluster, user, .. } = chosen;
    let (server, server_name) = (get("HELM_KUBEAPISERVER"), get("HELM_KUBETLS_SERVER_NAME"));
    if server.is_some() || server_name.is_some() {
        cluster.server = server.or(cluster.server.take());
        cluster.tls_server_name = server_name;
    }
    let (file, insecure) = (get("HELM_KUBECAFILE"), get("HELM_KUBEINSECURE_SKIP_TLS_VERIFY"));
    let insecure = insecure.is_some_and(|value| parse_bool(&value) == Some(true));
    if file.is_some() || insecure {
        (cluster.certificate_authority, cluster.certificate_authority_data) = (file, None);
        cluster.insecure_skip_tls_verify = Some(insecure);
    }
    user.token = get("HELM_KUBETOKEN").map(Into::into).or(user.token.take());
    user.impersonate = get("HELM_KUBEASUSER").or(user.impersonate.take());
    if let Some(groups) = get("HELM_KUBEASGROUPS") {
        user.impersonate_groups = Some(groups.split(',').map(str::to_owned).collect());
    }
}

#[cfg(test)]
mod tests {
    use kube::config::{AuthInfo, Cluster};
    use serde_json::json;

    use super::*;

    fn chosen() -> Chosen {
        let kubeconfig = || Some("kubeconfig".to_owned());
        Chosen {
            cluster: Cluster {
                server: kubeconfig(),
                tls_server_name: kubeconfig(),
                certificate_authority_data: kubeconfig(),
                ..Cluster::default()
            },
            user: AuthInfo { impersonate: kubeconfig(), ..AuthInfo::default() },
            ..Chosen::default()
        }
    }

    fn applied(variables: &[(&str, &str)]) -> Chosen {
        let mut chosen = chosen();
        let get = |asked: &str| {
            variables.iter().find(|(name, _)| *name == asked).map(|(_, value)| (*value).to_owned())
        };
        apply(&mut chosen, get);
        chosen
    }

    #[test]
    fn each_variable_sets_its_part() {
        for (name, value, is_set) in [
            (
                "HELM_KUBETOKEN",
                "t",
                &(|chosen: &Chosen| json!(chosen.user)["token"] == "t") as &dyn Fn(&Chosen) -> bool,
            ),
            ("HELM_KUBEAPISERVER", "https://helm:1", &|chosen| {
                chosen.cluster.server.as_deref() == Some("https://helm:1")
                    && chosen.cluster.tls_server_name.is_none()
            }),
            ("HELM_KUBECAFILE", "/ca", &|chosen| {
                chosen.cluster.certificate_authority.as_deref() == Some("/ca")
                    && chosen.cluster.certificate_authority_data.is_none()
            }),
            ("HELM_KUBETLS_SERVER_NAME", "helm", &|chosen| {
                chosen.cluster.tls_server_name.as_deref() == Some("helm")
            }),
            ("HELM_KUBEINSECURE_SKIP_TLS_VERIFY", "true", &|chosen| {
                chosen.cluster.insecure_skip_tls_verify == Some(true)
                    && chosen.cluster.certificate_authority_data.is_none()
            }),
            ("HELM_KUBEINSECURE_SKIP_TLS_VERIFY", "1", &|chosen| {
                chosen.cluster.insecure_skip_tls_verify == Some(true)
            }),
            ("HELM_KUBEASUSER", "ann", &|chosen| chosen.user.impersonate.as_deref() == Some("ann")),
            ("HELM_KUBEASGROUPS", "a,b", &|chosen| {
                chosen.user.impersonate_groups.as_deref() == Some(&["a", "b"].map(str::to_owned))
            }),
        ] {
            assert!(is_set(&applied(&[(name, value)])) && !is_set(&chosen()), "{name}={value}");
        }
    }

    #[test]
    fn what_no_variable_sets_stays() {
        let Chosen { cluster, user, .. } = applied(&[("HELM_KUBEINSECURE_SKIP_TLS_VERIFY", "false")]);
        assert_eq!(cluster.insecure_skip_tls_verify, None);
        assert_eq!(cluster.tls_server_name.as_deref(), Some("kubeconfig"));
        assert_eq!(cluster.certificate_authority_data.as_deref(), Some("kubeconfig"));
        assert_eq!(user.impersonate.as_deref(), Some("kubeconfig"));
    }

    #[test]
    fn a_server_keeps_only_its_own_name() {
        let both = applied(&[("HELM_KUBEAPISERVER", "https://helm:1"), ("HELM_KUBETLS_SERVER_NAME", "helm")])
            .cluster;
        assert_eq!(
            (both.server.as_deref(), both.tls_server_name.as_deref()),
            (Some("https://helm:1"), Some("helm"))
        );
    }
}
