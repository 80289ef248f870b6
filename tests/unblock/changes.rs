//! Which changes of a manifest put the Job in the cluster in the way: the API server decides.

use anyhow::{Context, Result, ensure};
use jobsweep_harness::control_plane::ControlPlane;
use jobsweep_harness::jobs::{JobBuilder, Outcome, job};
use jobsweep_harness::{trials, trials::Trial};
use serde_json::{Value, json};

use crate::setup::{Setup, manifest, wrote};

pub fn trials() -> Vec<Trial> {
    trials![a_job_that_can_take_its_new_manifest_stays, a_finished_job_that_cannot_take_its_new_manifest_goes,]
}

fn migrate() -> JobBuilder {
    job("migrate").policy("hook-succeeded").label("app", "shop").ttl(3600)
}

fn indexed() -> JobBuilder {
    migrate().indexed().completions(2)
}

fn edited(manifest: &Value, edit: fn(&mut Value)) -> Value {
    let mut manifest = manifest.clone();
    edit(&mut manifest);
    manifest
}

/// What is said of one change of the manifest; whether the Job in the cluster goes is told.
async fn said(cluster: &ControlPlane, old: JobBuilder, new: &Value, goes: bool) -> Result<String> {
    let setup = Setup::new(cluster).await?;
    setup.finished(old, Outcome::Succeeded).await?;
    let text = serde_json::to_string(new)?;
    let finished = setup.unblock(&text).run().await?;
    let finished = setup.passes(finished, if goes { &["migrate"] } else { &[] }).await?;
    wrote(&finished, &text)?;
    Ok(finished.stderr().into_owned())
}

pub async fn a_job_that_can_take_its_new_manifest_stays(cluster: &ControlPlane) -> Result<()> {
    let same = manifest(migrate())?;
    let edited = |edit| edited(&same, edit);
    for (what, old, new) in [
        ("nothing", migrate(), same.clone()),
        ("a label", migrate(), edited(|job| job["metadata"]["labels"]["app"] = "other".into())),
        ("no label", migrate(), edited(|job| job["metadata"]["labels"] = json!({}))),
        ("an annotation", migrate(), edited(|job| job["metadata"]["annotations"]["a"] = "b".into())),
        ("backoffLimit", migrate(), edited(|job| job["spec"]["backoffLimit"] = 3.into())),
        ("parallelism", migrate().completions(1), manifest(migrate().completions(1).parallelism(3))?),
        ("activeDeadlineSeconds", migrate(), edited(|job| job["spec"]["activeDeadlineSeconds"] = 30.into())),
        (
            "no ttlSecondsAfterFinished",
            migrate(),
            edited(|job| job["spec"]["ttlSecondsAfterFinished"] = Value::Null),
        ),
        ("suspend", migrate().completions(1), manifest(migrate().completions(1).suspended())?),
        ("completions and parallelism of an Indexed Job", indexed(), manifest(indexed().completions(3))?),
        (
            "finalizers that others have added",
            migrate().finalizer("example.com/hold"),
            edited(|job| job["metadata"]["finalizers"] = Value::Null),
        ),
    ] {
        let said = said(cluster, old, &new, false).await.with_context(|| what.to_owned())?;
        ensure!(said.is_empty(), "{what}: {said}");
    }
    Ok(())
}

pub async fn a_finished_job_that_cannot_take_its_new_manifest_goes(cluster: &ControlPlane) -> Result<()> {
    let same = manifest(migrate())?;
    let edited = |edit| edited(&same, edit);
    for (old, new, field) in [
        (migrate(), edited(|job| job["spec"]["template"]["spec"]["containers"][0]["image"] = "example.com/new".into()), "spec.template"),
        (migrate(), edited(|job| job["spec"]["template"]["metadata"]["labels"] = json!({"a": "b"})), "spec.template"),
        (migrate().spec("podFailurePolicy", json!({"rules": [{"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}]}]})), same.clone(), "spec.podFailurePolicy"),
        (migrate(), edited(|job| job["spec"]["completions"] = 2.into()), "spec.completions"),
        // A replace gives back the default of a field that the manifest leaves out, so completions would become 3 here.
        (migrate(), manifest(migrate().parallelism(3))?, "spec.completions"),
        (migrate(), edited(|job| job["spec"]["managedBy"] = Value::Null), "spec.managedBy"),
        (migrate(), manifest(indexed())?, "spec.completionMode"),
        (indexed(), manifest(indexed().completions(3).parallelism(1))?, "spec.completions"),
        (indexed().spec("successPolicy", json!({"rules": [{"succeededCount": 1}]})), manifest(indexed())?, "spec.successPolicy"),
        (indexed().backoff_limit_per_index(1), manifest(indexed())?, "spec.backoffLimitPerIndex"),
        (migrate(), edited(|job| {
            job["spec"]["manualSelector"] = true.into();
            job["spec"]["selector"] = json!({"matchLabels": {"a": "b"}});
            job["spec"]["template"]["metadata"]["labels"] = json!({"a": "b"});
        }), "spec.selector"),
    ] {
        let said = said(cluster, old, &new, true).await.with_context(|| field.to_owned())?;
        ensure!(said.contains(field) && said.starts_with("jobsweep: deleted Job "), "{field}: {said}");
    }
    Ok(())
}
