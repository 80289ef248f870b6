//! How the program that applies the manifests will write a Job. The dry runs ask the API server in the same way. Pure.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use crate::cluster::caller::{HelmCall, ServerSide};

/// Helm's name among the managers of fields, if it has not written the Job with server-side apply before.
const HELM: &str = "helm";

/// Who applies the manifests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Host {
    /// Helm 3, or Helm 4 with `--server-side=false`.
    HelmClientSide,
    /// Helm 4 with `--server-side=true`, or as it installs by default.
    HelmServerSide,
    /// Helm 4, which does as it did for the last revision.
    HelmAsBefore,
    /// Nobody knows.
    Unknown,
}

impl Host {
    /// `plugin_name` is the variable `HELM_PLUGIN_NAME`.
    pub(super) fn of(call: Option<&HelmCall>, plugin_name: Option<&str>) -> Self {
        let Some(call) = call else { return Self::Unknown };
        match call.server_side {
            _ if !call.is_helm_4(plugin_name) => Self::HelmClientSide,
            ServerSide::Yes => Self::HelmServerSide,
            ServerSide::No => Self::HelmClientSide,
            ServerSide::Auto => Self::HelmAsBefore,
        }
    }
}

/// How a request writes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Method {
    /// Server-side apply by this manager of fields.
    Apply { manager: String },
    /// A replacement of the old Job, or a creation of the new one.
    Write { strict: bool },
}

/// The requests that show what will happen to a Job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Writer {
    /// Shows whether the Job in the cluster can take the manifest.
    pub update: Method,
    /// Shows whether a new Job would be accepted.
    pub create: Method,
}

impl Writer {
    pub(super) fn of(host: Host, live: &ObjectMeta) -> Self {
        let write = |strict| Method::Write { strict };
        let applied = applied_by(live).map(|manager| Method::Apply { manager: manager.to_owned() });
        let by_helm = || Method::Apply { manager: HELM.to_owned() };
        let (update, create) = match (host, applied) {
            (Host::HelmClientSide, _) | (Host::HelmAsBefore, None) => (write(false), write(false)),
            // Before Helm applies a Job for the first time, it takes over all fields that it has written. So the Job loses each field
            // that the manifest lacks, as in a replacement.
            (Host::HelmServerSide, None) => (write(false), by_helm()),
            (Host::Unknown, None) => (write(false), write(true)),
            (_, Some(apply)) => (apply.clone(), apply),
        };
        Self { update, create }
    }
}

/// The manager that applies the spec of the Job.
fn applied_by(live: &ObjectMeta) -> Option<&str> {
    let entries = live.managed_fields.iter().flatten();
    let mut applied = entries.filter(|entry| {
        let fields = entry.fields_v1.as_ref();
        entry.operation.as_deref() == Some("Apply")
            && entry.subresource.as_deref().unwrap_or_default().is_empty()
            && fields.is_some_and(|fields| fields.0.get("f:spec").is_some())
    });
    applied.next()?.manager.as_deref()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn live(entries: &[(&str, &str, &str, &str)]) -> ObjectMeta {
        let entries = entries.iter().map(|(manager, operation, subresource, field)| {
            json!({"manager": manager, "operation": operation, "subresource": subresource,
                "apiVersion": "batch/v1", "fieldsType": "FieldsV1", "fieldsV1": {*field: {}}})
        });
        serde_json::from_value(json!({"managedFields": entries.collect::<Vec<_>>()})).expect("metadata")
    }

    #[test]
    fn the_dry_runs_write_as_the_host_will() {
        use Host::{HelmAsBefore, HelmClientSide, HelmServerSide, Unknown};
        let created = live(&[
            ("helm", "Update", "", "f:spec"),
            ("kube-controller-manager", "Update", "status", "f:status"),
        ]);
        let applied = live(&[
            ("labeller", "Apply", "", "f:metadata"),
            ("scaler", "Apply", "scale", "f:spec"),
            ("kubectl", "Apply", "", "f:spec"),
        ]);
        let apply = |manager: &str| Method::Apply { manager: manager.to_owned() };
        let write = |strict| Method::Write { strict };
        for (host, live, update, create) in [
            (HelmClientSide, &created, write(false), write(false)),
            (HelmClientSide, &applied, write(false), write(false)),
            (HelmServerSide, &created, write(false), apply("helm")),
            (HelmServerSide, &applied, apply("kubectl"), apply("kubectl")),
            (HelmAsBefore, &created, write(false), write(false)),
            (HelmAsBefore, &applied, apply("kubectl"), apply("kubectl")),
            (Unknown, &created, write(false), write(true)),
            (Unknown, &applied, apply("kubectl"), apply("kubectl")),
            (Unknown, &ObjectMeta::default(), write(false), write(true)),
        ] {
            assert_eq!(Writer::of(host, live), Writer { update, create }, "{host:?} {live:?}");
        }
    }
}
