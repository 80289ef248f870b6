//! Whose a Job in the cluster is, and whether these manifests may replace it. Pure.
//!
//! The delete policy does not matter here: it says when a Job may go, and this says for whom.

use std::fmt;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use crate::cluster::caller::HelmCall;
use crate::escape::quoted;
use crate::translate::Value;

/// Makes a resource a hook of Helm, and names its events.
pub(super) const HOOK: &str = "helm.sh/hook";
/// The annotations that Helm gives to the ordinary resources of a release.
const RELEASE_NAME: &str = "meta.helm.sh/release-name";
const RELEASE_NAMESPACE: &str = "meta.helm.sh/release-namespace";
/// The label that says to which instance of an application a resource belongs. Most charts use the release's name.
const INSTANCE: &str = "app.kubernetes.io/instance";

/// For whom a Job would be deleted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Claimant {
    /// Helm, which installs or upgrades this release.
    Helm {
        /// `None` if Helm generates the name: then no Job in the cluster is of this release.
        release: Option<String>,
        namespace: String,
        /// `--take-ownership`
        takes_ownership: bool,
    },
    /// Nobody knows. The user may have named the release.
    Unknown { release: Option<String> },
}

impl Claimant {
    /// `release` is what the user named, `namespace` that of Helm.
    pub(super) fn of(call: Option<&HelmCall>, namespace: &str, release: Option<&str>) -> Self {
        match call {
            Some(call) => Self::Helm {
                release: call.release.clone(),
                namespace: namespace.to_owned(),
                takes_ownership: call.take_ownership,
            },
            None => Self::Unknown { release: release.map(str::to_owned) },
        }
    }
}

/// To whom a Job belongs, other than the claimant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Owner {
    /// A controller, such as `CronJob nightly`.
    Controller(String),
    Release {
        name: String,
        namespace: Option<String>,
    },
    /// The label `app.kubernetes.io/instance` has this value.
    Instance(String),
    /// No Helm release claims the Job, so Helm refuses to import it.
    NoRelease,
}

pub(super) fn in_metadata<'m>(manifest: &'m Value, key: &str) -> Option<&'m Value> {
    manifest.get("metadata")?.get(key)
}

fn annotation<'m>(live: &'m ObjectMeta, key: &str) -> Option<&'m str> {
    live.annotations.as_ref()?.get(key).map(String::as_str)
}

fn label<'m>(live: &'m ObjectMeta, key: &str) -> Option<&'m str> {
    live.labels.as_ref()?.get(key).map(String::as_str)
}

/// Whether Helm ran the Job as a hook. Helm does not count it to the resources of the release.
pub(super) fn is_hook(live: &ObjectMeta) -> bool {
    annotation(live, HOOK).is_some() && annotation(live, RELEASE_NAME).is_none()
}

/// Checks that the claimant may have the Job in the cluster deleted.
///
/// # Errors
/// Returns to whom the Job belongs instead.
pub(super) fn check(live: &ObjectMeta, manifest: &Value, claimant: &Claimant) -> Result<(), Owner> {
    check_controller(live, manifest)?;
    match claimant {
        Claimant::Helm { takes_ownership: true, .. } => Ok(()),
        Claimant::Helm { release, namespace, .. } => check_release(live, release.as_deref(), namespace),
        Claimant::Unknown { release } => check_names(live, manifest, release.as_deref()),
    }
}

/// Helm overwrites the owner of a Job as little as `kubectl apply` does, so `--take-ownership` does not change this.
fn check_controller(live: &ObjectMeta, manifest: &Value) -> Result<(), Owner> {
    let mut owners = live.owner_references.iter().flatten();
    let Some(controller) = owners.find(|owner| owner.controller == Some(true)) else { return Ok(()) };
    let is_it = |owner: &Value| owner.get("uid").and_then(Value::as_str) == Some(&controller.uid);
    match in_metadata(manifest, "ownerReferences") {
        Some(Value::Sequence(named)) if named.iter().any(is_it) => Ok(()),
        _ => Err(Owner::Controller(format!("{} {}", controller.kind, controller.name))),
    }
}

/// Helm's own rule: it imports a resource only if its annotations name the release. A Job that Helm left as a hook has none of them.
fn check_release(live: &ObjectMeta, release: Option<&str>, namespace: &str) -> Result<(), Owner> {
    match annotation(live, RELEASE_NAME) {
        Some(name) if Some(name) == release && annotation(live, RELEASE_NAMESPACE) == Some(namespace) => {
            Ok(())
        }
        Some(name) => Err(of_release(live, name)),
        None if is_hook(live) => match label(live, INSTANCE) {
            Some(instance) if Some(instance) != release => Err(Owner::Instance(instance.to_owned())),
            _ => Ok(()),
        },
        None => Err(Owner::NoRelease),
    }
}

fn of_release(live: &ObjectMeta, name: &str) -> Owner {
    let namespace = annotation(live, RELEASE_NAMESPACE).map(str::to_owned);
    Owner::Release { name: name.to_owned(), namespace }
}

/// Without Helm, the annotation counts only if the user has named the release, since no manifest on stdin has it.
fn check_names(live: &ObjectMeta, manifest: &Value, release: Option<&str>) -> Result<(), Owner> {
    if let (Some(release), Some(found)) = (release, annotation(live, RELEASE_NAME)) {
        return if found == release { Ok(()) } else { Err(of_release(live, found)) };
    }
    let planned = in_metadata(manifest, "labels").and_then(|labels| labels.get(INSTANCE)?.as_str());
    match (planned, label(live, INSTANCE)) {
        (Some(planned), Some(found)) if planned != found => Err(Owner::Instance(found.to_owned())),
        _ => Ok(()),
    }
}

/// `belongs to Helm release team-a in namespace shop`.
impl fmt::Display for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Controller(controller) => write!(f, "belongs to {}", quoted(controller)),
            Self::Release { name, namespace: None } => write!(f, "belongs to Helm release {}", quoted(name)),
            Self::Release { name, namespace: Some(namespace) } => {
                write!(f, "belongs to Helm release {} in namespace {}", quoted(name), quoted(namespace))
            }
            Self::Instance(name) => write!(f, "belongs to {} by its label {INSTANCE}", quoted(name)),
            Self::NoRelease => f.write_str("belongs to no Helm release"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn helm(release: Option<&str>, takes_ownership: bool) -> Claimant {
        Claimant::Helm { release: release.map(str::to_owned), namespace: "shop".to_owned(), takes_ownership }
    }

    fn unknown(release: Option<&str>) -> Claimant {
        Claimant::Unknown { release: release.map(str::to_owned) }
    }

    fn job(annotations: &[(&str, &str)], instance: Option<&str>) -> ObjectMeta {
        let annotations = annotations.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
        ObjectMeta {
            annotations: Some(annotations.collect()),
            labels: instance.map(|name| [(INSTANCE.to_owned(), name.to_owned())].into()),
            ..ObjectMeta::default()
        }
    }

    fn manifest(metadata: Vec<(&str, Value)>) -> Value {
        let text = |text: &str| Value::String(text.to_owned());
        let metadata = metadata.into_iter().map(|(key, value)| (text(key), value)).collect();
        Value::Mapping(vec![(text("metadata"), Value::Mapping(metadata))])
    }

    fn of_instance(name: &str) -> Value {
        let label = (Value::String(INSTANCE.to_owned()), Value::String(name.to_owned()));
        manifest(vec![("labels", Value::Mapping(vec![label]))])
    }

    fn release(name: &str, namespace: Option<&str>) -> Result<(), Owner> {
        Err(Owner::Release { name: name.to_owned(), namespace: namespace.map(str::to_owned) })
    }

    fn instance(name: &str) -> Result<(), Owner> {
        Err(Owner::Instance(name.to_owned()))
    }

    #[test]
    fn helm_claims_the_jobs_of_its_release_and_the_hooks_that_nobody_else_claims() {
        let ours: &[_] = &[(RELEASE_NAME, "web"), (RELEASE_NAMESPACE, "shop")];
        let theirs: &[_] = &[(RELEASE_NAME, "team-a"), (RELEASE_NAMESPACE, "shop")];
        let elsewhere: &[_] = &[(RELEASE_NAME, "web"), (RELEASE_NAMESPACE, "other")];
        let nowhere: &[_] = &[(RELEASE_NAME, "web")];
        let hook: &[_] = &[(HOOK, "pre-upgrade")];
        // A post-renderer that adds the annotation does not make a resource of a release a hook.
        let no_hook: &[_] = &[(HOOK, "pre-upgrade"), (RELEASE_NAME, "team-a")];
        let no_release = || Err(Owner::NoRelease);
        for (annotations, label, of_web, of_generated) in [
            (ours, None, Ok(()), release("web", Some("shop"))),
            (ours, Some("team-a"), Ok(()), release("web", Some("shop"))),
            (theirs, None, release("team-a", Some("shop")), release("team-a", Some("shop"))),
            (theirs, Some("web"), release("team-a", Some("shop")), release("team-a", Some("shop"))),
            (elsewhere, None, release("web", Some("other")), release("web", Some("other"))),
            (nowhere, None, release("web", None), release("web", None)),
            (&[], None, no_release(), no_release()),
            (&[], Some("web"), no_release(), no_release()),
            (hook, None, Ok(()), Ok(())),
            (hook, Some("web"), Ok(()), instance("web")),
            (hook, Some("team-a"), instance("team-a"), instance("team-a")),
            (no_hook, None, release("team-a", None), release("team-a", None)),
        ] {
            let live = job(annotations, label);
            let manifest = of_instance("web");
            let what = format!("{annotations:?} {label:?}");
            assert_eq!(check(&live, &manifest, &helm(Some("web"), false)), of_web, "{what}");
            assert_eq!(check(&live, &manifest, &helm(None, false)), of_generated, "{what}");
            assert_eq!(check(&live, &manifest, &helm(Some("web"), true)), Ok(()), "{what}");
        }
    }

    #[test]
    fn without_helm_a_job_that_nobody_else_claims_may_go() {
        let theirs: &[_] = &[(RELEASE_NAME, "team-a"), (RELEASE_NAMESPACE, "a")];
        for (annotations, label, planned, named, expected) in [
            (theirs, None, None, None, Ok(())),
            (theirs, None, None, Some("team-a"), Ok(())),
            (theirs, None, None, Some("web"), release("team-a", Some("a"))),
            (theirs, Some("web"), Some("web"), Some("web"), release("team-a", Some("a"))),
            (&[], None, None, Some("web"), Ok(())),
            (&[], None, Some("web"), None, Ok(())),
            (&[], Some("team-a"), None, None, Ok(())),
            (&[], Some("web"), Some("web"), None, Ok(())),
            (&[], Some("team-a"), Some("web"), None, instance("team-a")),
            (&[], Some("team-a"), Some("web"), Some("web"), instance("team-a")),
            (theirs, Some("team-a"), Some("web"), None, instance("team-a")),
        ] {
            let manifest = planned.map_or_else(|| manifest(Vec::new()), of_instance);
            let found = check(&job(annotations, label), &manifest, &unknown(named));
            assert_eq!(found, expected, "{annotations:?} {label:?} {planned:?} {named:?}");
        }
    }

    #[test]
    fn a_job_of_a_controller_stays_unless_the_manifest_names_it() {
        let owners = |controller: bool| {
            let owner = json!({"apiVersion": "batch/v1", "kind": "CronJob", "name": "nightly", "uid": "u1",
                "controller": controller});
            let live = json!({"ownerReferences": [owner],
                "annotations": {RELEASE_NAME: "web", RELEASE_NAMESPACE: "shop"}});
            serde_json::from_value::<ObjectMeta>(live).expect("metadata")
        };
        let naming = |uid: &str| {
            let owner = (Value::String("uid".to_owned()), Value::String(uid.to_owned()));
            manifest(vec![("ownerReferences", Value::Sequence(vec![Value::Mapping(vec![owner])]))])
        };
        let controlled = Err(Owner::Controller("CronJob nightly".to_owned()));
        for claimant in
            [helm(Some("web"), false), helm(Some("web"), true), unknown(None), unknown(Some("web"))]
        {
            let check = |live, manifest| check(&live, &manifest, &claimant);
            assert_eq!(check(owners(true), manifest(Vec::new())), controlled, "{claimant:?}");
            assert_eq!(check(owners(true), naming("u2")), controlled, "{claimant:?}");
            assert_eq!(check(owners(true), naming("u1")), Ok(()), "{claimant:?}");
            assert_eq!(check(owners(false), manifest(Vec::new())), Ok(()), "{claimant:?}");
        }
    }

    #[test]
    fn the_owner_is_named() {
        for (owner, words) in [
            (release("team-a", Some("shop")), r#"belongs to Helm release "team-a" in namespace "shop""#),
            (release("team-a", None), r#"belongs to Helm release "team-a""#),
            (instance("a\nb"), r#"belongs to "a\nb" by its label app.kubernetes.io/instance"#),
            (Err(Owner::NoRelease), "belongs to no Helm release"),
            (Err(Owner::Controller("CronJob x".to_owned())), r#"belongs to "CronJob x""#),
        ] {
            assert_eq!(owner.expect_err("an owner").to_string(), words);
        }
    }
}
