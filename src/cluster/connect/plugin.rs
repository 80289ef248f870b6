//! Runs a credential plugin, as in
//! <https://kubernetes.io/docs/reference/access-authn-authz/authentication/#client-go-credential-plugins>.
//!
//! kube's own way is not used: `kube` 5.0 runs the plugin three times for one client, no error names it, and it cannot be ended.

use std::io::{ErrorKind, IsTerminal, stdin};
use std::process::Stdio;

use k8s_openapi::ByteString;
use kube::config::{AuthInfo, ExecConfig, ExecInteractiveMode};
use serde_json::{Value, json};
use tokio::process::Command;
use tokio::time::Instant;

use crate::cluster::error::Error;
use crate::cluster::stop::before;
use crate::escape::shortened_message;

/// Runs the plugin once and puts what it returns in place of the user's credentials. Ends it at the deadline. `origin` is for messages.
pub(super) async fn authenticate(
    user: &mut AuthInfo,
    exec: &ExecConfig,
    origin: &str,
    deadline: Option<Instant>,
) -> Result<(), Error> {
    let command = exec.command.as_deref().unwrap_or_default();
    let error =
        |what: &str| Error::Credentials(format!("the credential plugin {command} of {origin} {what}"));
    let start = Instant::now();
    let output = before(deadline, output(exec, command)).await.unwrap_or_else(|| {
        Err(format!("returned nothing within {} s", start.elapsed().as_secs_f64().round()))
    });
    let output = output.map_err(|why| error(&why))?;
    let credential: Value = serde_json::from_slice(&output).map_err(|why| {
        error(&format!("returned no ExecCredential: {}", shortened_message(&why.to_string())))
    })?;
    let text = |key: &str| credential["status"][key].as_str().filter(|text| !text.is_empty());
    let (token, certificate, key) = (text("token"), text("clientCertificateData"), text("clientKeyData"));
    if token.is_none() && (certificate.is_none() || key.is_none()) {
        return Err(error("returned neither a token nor a client certificate with its key"));
    }
    user.token = token.map(Into::into);
    user.client_certificate_data = certificate.map(base64);
    user.client_key_data = key.map(|key| base64(key).into());
    Ok(())
}

/// As in a kubeconfig.
fn base64(text: &str) -> String {
    json!(ByteString(text.into())).as_str().unwrap_or_default().to_owned()
}

async fn output(exec: &ExecConfig, command: &str) -> Result<Vec<u8>, String> {
    let mode = exec.interactive_mode.as_ref();
    let interactive = mode != Some(&ExecInteractiveMode::Never) && stdin().is_terminal();
    if mode == Some(&ExecInteractiveMode::Always) && !interactive {
        return Err("asks its user, but stdin is no terminal (interactiveMode: Always)".to_owned());
    }
    let mut request = json!({
        "apiVersion": exec.api_version,
        "kind": "ExecCredential",
        "spec": { "interactive": interactive },
    });
    if let Some(cluster) = &exec.cluster {
        request["spec"]["cluster"] = json!(cluster);
    }
    let variables = exec.env.iter().flatten();
    let variables = variables.filter_map(|variable| Some((variable.get("name")?, variable.get("value")?)));
    // stderr is not captured: the plugin may tell its user there where to log in.
    let child = Command::new(command)
        .args(exec.args.iter().flatten())
        .envs(variables)
        .env("KUBERNETES_EXEC_INFO", request.to_string())
        .stdin(if interactive { Stdio::inherit() } else { Stdio::null() })
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .map_err(|error| match (error.kind(), exec.install_hint.as_deref()) {
            (ErrorKind::NotFound, None) => "is not installed".to_owned(),
            (ErrorKind::NotFound, Some(hint)) => {
                format!("is not installed\n{}", shortened_message(hint.trim()))
            }
            _ => format!("cannot be started: {error}"),
        })?;
    let output = child.wait_with_output().await.map_err(|error| error.to_string())?;
    if output.status.success() { Ok(output.stdout) } else { Err(format!("failed ({})", output.status)) }
}
