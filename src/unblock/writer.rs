//! How the program that applies the manifests will write a Job. The dry runs ask the API server in the same way. Pure.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use crate::cluster::caller::{HelmCall, ServerSide};

/// Helm's name among the managers of fields, if it has not written the Job with server-side apply before.
const HELM: &str = "helm";

/// How the Helm that calls writes. `None` if nobody knows who applies the manifests. `plugin_name` is the variable `HELM_PLUGIN_NAME`.
pub(super) fn by_helm(call: Option<&HelmCall>, plugin_name: Option<&str>) -> Option<ServerSide> {
    call.map(|call| if call.is_helm_4(plugin_name) { call.server_side } else { ServerSide::No })
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
    pub(super) fn of(helm: Option<ServerSide>, live: &ObjectMeta) -> Self {
        let write = |strict| Method::Write { strict };
        let applied = applied_by(live).map(|manager| Method::Apply { manager: manager.to_owned() });
        let (update, create) = match (helm, applied) {
            (Some(ServerSide::No), _) | (Some(ServerSide::Auto), None) => (write(false), write(false)),
            // Before Helm applies a Job for the first time, it takes over all fields that it has written. So the Job loses each field
            // that the manifest lacks, as in a replacement.
            (Some(ServerSide::Yes), None) => (write(false), Method::Apply { manager: HELM.to_owned() }),
            (None, None) => (write(false), write(true)),
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
        let [client_side, server_side, as_before] =
            [ServerSide::No, ServerSide::Yes, ServerSide::Auto].map(Some);
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
        for (helm, live, update, create) in [
            (client_side, &created, write(false), write(false)),
            (client_side, &applied, write(false), write(false)),
            (server_side, &created, write(false), apply("helm")),
            (server_side, &applied, apply("kubectl"), apply("kubectl")),
            (as_before, &created, write(false), write(false)),
            (as_before, &applied, apply("kubectl"), apply("kubectl")),
            (None, &created, write(false), write(true)),
            (None, &applied, apply("kubectl"), apply("kubectl")),
            (None, &ObjectMeta::default(), write(false), write(true)),
        ] {
            assert_eq!(Writer::of(helm, live), Writer { update, create }, "{helm:?} {live:?}");
        }
    }
}
