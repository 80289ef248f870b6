//! Runs a credential plugin, as client-go does: <https://kubernetes.io/docs/reference/access-authn-authz/authentication/#client-go-credential-plugins>.
//!
//! kube's own way is not used: `kube` 5.0 runs the plugin three times for one client, no error names it, and it cannot be ended.

use std::io::{ErrorKind, IsTerminal, stdin};
use std::process::Stdio;
use std::time::Duration;

use k8s_openapi::ByteString;
use kube::config::{AuthInfo, ExecAuthCluster, ExecConfig, ExecInteractiveMode};
use secrecy::SecretString;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::process::Command;
use tokio::time::timeout;

use super::ConnectError;
use crate::escape::shortened_message;

#[derive(Debug)]
pub(super) struct Plugin {
    exec: ExecConfig,
    command: String,
    /// The context and the files, for messages.
    origin: String,
}

#[derive(Deserialize)]
struct ExecCredential {
    status: Option<Credential>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Credential {
    token: Option<String>,
    client_certificate_data: Option<String>,
    client_key_data: Option<String>,
}

impl Plugin {
    /// The plugin gets this cluster if the kubeconfig says so.
    pub(super) fn new(
        mut exec: ExecConfig,
        cluster: ExecAuthCluster,
        origin: &str,
    ) -> Result<Self, ConnectError> {
        exec.cluster = exec.provide_cluster_info.then_some(cluster);
        let command = exec.command.clone();
        let command = command.ok_or_else(|| {
            ConnectError::Unusable(format!("the user of {origin} has a credential plugin without a command"))
        })?;
        Ok(Self { exec, command, origin: origin.to_owned() })
    }

    /// Runs the plugin once and puts what it returns in place of the user's credentials. Ends it after `limit`.
    pub(super) async fn authenticate(
        &self,
        user: &mut AuthInfo,
        limit: Duration,
    ) -> Result<(), ConnectError> {
        let output = timeout(limit, self.output()).await.map_err(|_| ConnectError::PluginHangs {
            plugin: format!("{} ({})", self.command, self.origin),
            limit,
        })??;
        let credential = parse(&output).map_err(|why| self.error(&why))?;
        let given = |value: Option<String>| value.filter(|value| !value.is_empty());
        let (certificate, key) =
            (given(credential.client_certificate_data), given(credential.client_key_data));
        let token = given(credential.token);
        if token.is_none() && (certificate.is_none() || key.is_none()) {
            return Err(self.error("returned neither a token nor a client certificate with its key"));
        }
        user.token = token.map(SecretString::from);
        user.client_certificate_data = certificate.map(base64);
        user.client_key_data = key.map(|key| SecretString::from(base64(key)));
        Ok(())
    }

    async fn output(&self) -> Result<Vec<u8>, ConnectError> {
        let mode = self.exec.interactive_mode.as_ref();
        let interactive = mode != Some(&ExecInteractiveMode::Never) && stdin().is_terminal();
        if mode == Some(&ExecInteractiveMode::Always) && !interactive {
            return Err(self.error("asks its user, but stdin is no terminal (interactiveMode: Always)"));
        }
        let request = json!({
            "apiVersion": self.exec.api_version,
            "kind": "ExecCredential",
            "spec": { "interactive": interactive, "cluster": self.exec.cluster },
        });
        let variables = self.exec.env.iter().flatten().filter_map(|variable| {
            Some((variable.get("name")?, variable.get("value").map_or("", String::as_str)))
        });
        // Not captured: the plugin may tell its user on stderr where to log in.
        let child = Command::new(&self.command)
            .args(self.exec.args.iter().flatten())
            .envs(variables)
            .env("KUBERNETES_EXEC_INFO", without_nulls(request).to_string())
            .stdin(if interactive { Stdio::inherit() } else { Stdio::null() })
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .map_err(|error| match error.kind() {
                ErrorKind::NotFound => self.error(&format!("is not installed{}", self.hint())),
                _ => self.error(&format!("cannot be started: {error}")),
            })?;
        let output = child.wait_with_output().await.map_err(|error| self.error(&error.to_string()))?;
        if !output.status.success() {
            return Err(self.error(&format!("failed ({})", output.status)));
        }
        Ok(output.stdout)
    }

    fn hint(&self) -> String {
        let hint = self.exec.install_hint.as_deref().unwrap_or_default().trim();
        if hint.is_empty() { String::new() } else { format!("\n{}", shortened_message(hint)) }
    }

    fn error(&self, what: &str) -> ConnectError {
        ConnectError::Credentials(format!("the credential plugin {} of {} {what}", self.command, self.origin))
    }
}

/// As for client-go, the output may be YAML.
fn parse(output: &[u8]) -> Result<Credential, String> {
    let unreadable = |why: &dyn std::fmt::Display| {
        // An error in YAML goes on with the lines around it, which may have secrets.
        let why = why.to_string();
        format!("returned no ExecCredential: {}", shortened_message(why.lines().next().unwrap_or_default()))
    };
    let credential: ExecCredential = serde_saphyr::from_slice(output).map_err(|error| unreadable(&error))?;
    credential.status.ok_or_else(|| unreadable(&"it has no status"))
}

/// Empty is absent, as in Go.
fn without_nulls(mut value: Value) -> Value {
    if let Value::Object(fields) = &mut value {
        fields.retain(|_, value| !value.is_null() && value.as_str() != Some(""));
        for value in fields.values_mut() {
            *value = without_nulls(value.take());
        }
    }
    value
}

fn base64(text: String) -> String {
    let encoded = json!(ByteString(text.into_bytes()));
    encoded.as_str().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_credential_is_json_or_yaml() {
        for (output, token) in [
            (
                r#"{"apiVersion":"client.authentication.k8s.io/v1","kind":"ExecCredential","status":{"token":"t"}}"#,
                Some("t"),
            ),
            ("kind: ExecCredential\nstatus:\n  token: t\n  clientKeyData: null\n", Some("t")),
            (r#"{"status":{"token":""}}"#, Some("")),
            (r#"{"status":{"clientCertificateData":"c"}}"#, None),
        ] {
            assert_eq!(parse(output.as_bytes()).expect("a credential").token.as_deref(), token, "{output}");
        }
        for output in ["", "please log in", r#"{"status":3}"#, r#"{"kind":"ExecCredential"}"#] {
            let why = parse(output.as_bytes()).err().expect("no credential");
            assert!(why.starts_with("returned no ExecCredential: "), "{output}: {why}");
        }
    }
}
