//! Helm's environment variables. They name the cluster as Helm's flags do.
//!
//! Helm sets them for its plugins, and reads them itself when the user sets them.

use std::path::PathBuf;

use kube::Config;
use kube::config::AuthInfo;
use secrecy::SecretString;

use super::error::Error;
use super::variable;

/// When Helm's environment variables count.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum HelmVariables {
    /// Only if Helm started this program as a plugin, as a user of `helm` may have set them for Helm alone.
    #[default]
    OnlyAsPlugin,
    /// Always, for a program that must find the same cluster as the Helm that runs it or runs next.
    Always,
    /// Never, for a cluster that the user names.
    Never,
}

impl HelmVariables {
    pub(super) fn count(self) -> bool {
        match self {
            Self::OnlyAsPlugin => started_by_helm(),
            Self::Always => true,
            Self::Never => false,
        }
    }
}

pub(crate) fn helm_debug() -> bool {
    started_by_helm() && variable("HELM_DEBUG").is_some_and(|value| is_true(&value))
}

pub(crate) fn started_by_helm() -> bool {
    ["HELM_PLUGIN_NAME", "HELM_PLUGIN_DIR", "HELM_BIN"].into_iter().any(|name| variable(name).is_some())
}

fn is_true(value: &str) -> bool {
    matches!(value, "true" | "1")
}

/// Changes a configuration as Helm does. `get` returns a variable that is set and not empty.
pub(super) fn apply(config: &mut Config, get: impl Fn(&str) -> Option<String>) -> Result<(), Error> {
    if let Some(server) = get("HELM_KUBEAPISERVER") {
        config.cluster_url = server.parse().map_err(Error::config)?;
    }
    if let Some(token) = get("HELM_KUBETOKEN") {
        config.auth_info = AuthInfo { token: Some(SecretString::from(token)), ..AuthInfo::default() };
    }
    if let Some(file) = get("HELM_KUBECAFILE") {
        config.root_cert_file = Some(PathBuf::from(file));
    }
    if let Some(name) = get("HELM_KUBETLS_SERVER_NAME") {
        config.tls_server_name = Some(name);
    }
    if get("HELM_KUBEINSECURE_SKIP_TLS_VERIFY").is_some_and(|value| is_true(&value)) {
        config.accept_invalid_certs = true;
    }
    if let Some(user) = get("HELM_KUBEASUSER") {
        config.auth_info.impersonate = Some(user);
    }
    if let Some(groups) = get("HELM_KUBEASGROUPS") {
        config.auth_info.impersonate_groups = Some(groups.split(',').map(str::to_owned).collect());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;

    use super::*;

    fn config() -> Config {
        let mut config = Config::new(http::Uri::from_static("https://kubeconfig:6443"));
        config.tls_server_name = Some("kubeconfig".to_owned());
        config.auth_info.username = Some("kubeconfig".to_owned());
        config.auth_info.impersonate = Some("kubeconfig".to_owned());
        config
    }

    fn applied(name: &str, value: &str) -> Config {
        let mut config = config();
        apply(&mut config, |asked| (asked == name).then(|| value.to_owned())).expect("a configuration");
        config
    }

    #[test]
    fn each_variable_sets_its_part_of_the_configuration() {
        let token = |config: &Config| {
            let AuthInfo { token, username, impersonate, .. } = &config.auth_info;
            token.as_ref().is_some_and(|token| token.expose_secret() == "t")
                && username.is_none()
                && impersonate.is_none()
        };
        for (name, value, is_set) in [
            ("HELM_KUBETOKEN", "t", &token as &dyn Fn(&Config) -> bool),
            ("HELM_KUBEAPISERVER", "https://helm:1/", &|config| config.cluster_url == "https://helm:1/"),
            ("HELM_KUBECAFILE", "/ca", &|config| config.root_cert_file == Some(PathBuf::from("/ca"))),
            ("HELM_KUBETLS_SERVER_NAME", "helm", &|config| config.tls_server_name.as_deref() == Some("helm")),
            ("HELM_KUBEINSECURE_SKIP_TLS_VERIFY", "true", &|config| config.accept_invalid_certs),
            ("HELM_KUBEINSECURE_SKIP_TLS_VERIFY", "1", &|config| config.accept_invalid_certs),
            ("HELM_KUBEASUSER", "ann", &|config| config.auth_info.impersonate.as_deref() == Some("ann")),
            ("HELM_KUBEASGROUPS", "a,b", &|config| {
                config.auth_info.impersonate_groups.as_deref() == Some(&["a", "b"].map(str::to_owned))
            }),
        ] {
            assert!(is_set(&applied(name, value)) && !is_set(&config()), "{name}={value}");
        }
    }

    #[test]
    fn what_no_variable_sets_stays() {
        let config = applied("HELM_KUBEINSECURE_SKIP_TLS_VERIFY", "false");
        assert!(!config.accept_invalid_certs);
        assert_eq!(config.tls_server_name.as_deref(), Some("kubeconfig"));
        assert_eq!(config.auth_info.impersonate.as_deref(), Some("kubeconfig"));
        let failed =
            apply(&mut self::config(), |name| (name == "HELM_KUBEAPISERVER").then(|| "::".to_owned()));
        assert!(matches!(failed, Err(Error::Config(_))));
    }
}
