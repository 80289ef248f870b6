//! The requests that the API server received, from its audit log.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use anyhow::{Context, Result};
use serde_json::{Value, json};

use super::ControlPlane;

pub(super) const POLICY: &str = "audit-policy.json";
pub(super) const LOG: &str = "audit.log";

/// An answered request. A watch has two events: at its start (`stage` is `ResponseStarted`) and at its end.
#[derive(Clone, Debug)]
pub struct AuditEvent {
    /// `list`, `watch`, `get`, `delete`, `create` …
    pub verb: String,
    /// The path with its query, such as `/apis/batch/v1/namespaces/x/jobs?limit=500`.
    pub uri: String,
    /// The user; for a ServiceAccount [`User::full_name`](super::User::full_name).
    pub user: String,
    /// The `User-Agent`.
    pub agent: String,
    /// The HTTP status.
    pub code: u16,
    /// `ResponseStarted` or `ResponseComplete`.
    pub stage: String,
    /// The body of a request for Jobs, such as the options of a deletion.
    pub body: Option<Value>,
}

/// Logs the requests of users, not those of the cluster itself and the administrator.
pub(super) fn write_policy(folder: &Path) -> Result<()> {
    let insiders = ["admin", "system:apiserver", "system:kube-controller-manager", "system:anonymous"];
    let policy = json!({
        "apiVersion": "audit.k8s.io/v1",
        "kind": "Policy",
        "omitStages": ["RequestReceived"],
        "omitManagedFields": true,
        "rules": [
            { "level": "None", "users": insiders },
            { "level": "Request", "resources": [{ "group": "batch", "resources": ["jobs"] }] },
            { "level": "Metadata" },
        ],
    });
    fs::write(folder.join(POLICY), policy.to_string())?;
    Ok(())
}

impl ControlPlane {
    /// All answered requests of users so far, in order. The log has a request before the client has the answer.
    pub fn audit_log(&self) -> Result<Vec<AuditEvent>> {
        anyhow::ensure!(self.options.audit_log, "this control plane was started without an audit log");
        match fs::read_to_string(self.folder.join(LOG)) {
            // A last line without a line break is still being written.
            Ok(log) => {
                log.split_inclusive('\n').filter(|line| line.ends_with('\n')).map(AuditEvent::parse).collect()
            }
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(Vec::new()),
            Err(error) => Err(error.into()),
        }
    }
}

impl AuditEvent {
    fn parse(line: &str) -> Result<Self> {
        let mut event: Value = serde_json::from_str(line).context("an audit event is one line of JSON")?;
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        Ok(Self {
            verb: text(&event["verb"]),
            uri: text(&event["requestURI"]),
            user: text(&event["user"]["username"]),
            agent: text(&event["userAgent"]),
            code: event["responseStatus"]["code"].as_u64().unwrap_or_default() as u16,
            stage: text(&event["stage"]),
            body: event.get_mut("requestObject").map(Value::take),
        })
    }
}
