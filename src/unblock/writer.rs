//! How the program that applies the manifests will write a Job. The dry runs ask the API server in the same way. Pure.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use crate::cluster::caller::{HelmCall, ServerSide};

/// Helm's name among the managers of fields, if it has not written the Job with server-side apply before.
const HELM: &str = "helm";

/// How the Helm that calls writes. `None` if nobody knows who applies the manifests. `plugin_name` is the variable `HELM_PLUGIN_NAME`.
pub(super) fn by_helm(call: Option<&HelmCall>, plugin_name: Option<&str>) -> Option<ServerSide> {
    call.map(|call| if call.is_helm_4(plugin_name) { call.server_side } else { ServerSide::No })
}

/// The requests that show what will happen to a Job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Writer {
    /// The manager of fields that applies the manifest to the Job in the cluster. `None` if the Job is replaced.
    pub updates_by_applying: Option<String>,
    /// The one that applies the new Job. `None` if it is created in the ordinary way.
    pub creates_by_applying: Option<String>,
    /// Whether an unknown field is an error when the new Job is created in the ordinary way.
    pub is_strict: bool,
}

impl Writer {
    pub(super) fn of(helm: Option<ServerSide>, live: &ObjectMeta) -> Self {
        let applied = applied_by(live).map(str::to_owned);
        let (updates_by_applying, creates_by_applying) = match (helm, applied) {
            (Some(ServerSide::No), _) | (Some(ServerSide::Auto) | None, None) => (None, None),
            // Before Helm applies a Job for the first time, it takes over all fields that it has written. So the Job loses each field
            // that the manifest lacks, as in a replacement.
            (Some(ServerSide::Yes), None) => (None, Some(HELM.to_owned())),
            (_, Some(manager)) => (Some(manager.clone()), Some(manager)),
        };
        Self { updates_by_applying, creates_by_applying, is_strict: helm.is_none() }
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
        for (helm, live, updates, creates, is_strict) in [
            (client_side, &created, None, None, false),
            (client_side, &applied, None, None, false),
            (server_side, &created, None, Some("helm"), false),
            (server_side, &applied, Some("kubectl"), Some("kubectl"), false),
            (as_before, &created, None, None, false),
            (as_before, &applied, Some("kubectl"), Some("kubectl"), false),
            (None, &created, None, None, true),
            (None, &applied, Some("kubectl"), Some("kubectl"), true),
            (None, &ObjectMeta::default(), None, None, true),
        ] {
            let [updates_by_applying, creates_by_applying] =
                [updates, creates].map(|name| name.map(str::to_owned));
            let expected = Writer { updates_by_applying, creates_by_applying, is_strict };
            assert_eq!(Writer::of(helm, live), expected, "{helm:?} {live:?}");
        }
    }
}
