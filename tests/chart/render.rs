//! The rendered chart, compared with the manifests of `--inject-cleanup`.

use anyhow::{Context, Result, ensure};
use jobsweep::inject::manifests::{Cleanup, Form, Moment};
use jobsweep_harness::helm::Helm;
use jobsweep_harness::tools::HelmVersion;
use jobsweep_harness::{trials, trials::Trial};
use serde_yaml::Value;

use crate::{chart, parent_chart};

pub(crate) fn trials() -> Vec<Trial> {
    trials![
        every_pod_is_the_one_that_is_injected,
        the_access_is_the_one_that_is_injected,
        every_value_reaches_the_manifests,
        names_fit_and_differ,
        names_that_look_like_numbers_stay_text,
        a_condition_leaves_nothing_of_it,
    ]
}

pub(crate) async fn every_pod_is_the_one_that_is_injected(version: HelmVersion) -> Result<()> {
    let more = ["--release=shop".to_owned()];
    let cleanup = |args: &[&str]| {
        let mut cleanup = Cleanup::new("shop-jobsweep", args, &more);
        cleanup.namespace = Some("default".to_owned());
        cleanup
    };
    let both = rendered(version, &["when=both"]).await?;
    for (name, moment) in [("shop-jobsweep-before", Moment::Before), ("shop-jobsweep-after", Moment::After)] {
        let args: &[&str] =
            if moment == Moment::Before { &["--once", "--before-hook-creation"] } else { &[] };
        let injected: Value = serde_yaml::from_str(&cleanup(args).job(Form::Hook(moment)))?;
        let job = named(&both, "Job", name)?;
        ensure!(job["metadata"]["annotations"] == injected["metadata"]["annotations"], "{name}: {job:#?}");
        same_spec(&job["spec"], &injected["spec"])?;
    }

    let scheduled = rendered(version, &["schedule=*/5 * * * *"]).await?;
    let mut injected: Value =
        serde_yaml::from_str(&cleanup(&["--once", "--finished-for=900s"]).cron_job("*/5 * * * *"))?;
    let mut cron_job = named(&scheduled, "CronJob", "shop-jobsweep")?.clone();
    let (found, expected) = (&mut cron_job["spec"]["jobTemplate"], &mut injected["spec"]["jobTemplate"]);
    same_spec(&found["spec"], &expected["spec"])?;
    (found["spec"], expected["spec"]) = (Value::Null, Value::Null);
    ensure!(cron_job["spec"] == injected["spec"], "{cron_job:#?}");
    Ok(())
}

/// Removes the labels of the pod, which differ.
fn same_spec(found: &Value, expected: &Value) -> Result<()> {
    let (mut found, mut expected) = (found.clone(), expected.clone());
    for spec in [&mut found, &mut expected] {
        spec["template"]["metadata"] = Value::Null;
    }
    ensure!(found == expected, "the chart's\n{found:#?}\ndiffers from\n{expected:#?}");
    Ok(())
}

pub(crate) async fn the_access_is_the_one_that_is_injected(version: HelmVersion) -> Result<()> {
    for (values, args) in [("when=after", vec![]), ("logTail=20", vec!["--log-tail=20".to_owned()])] {
        let documents = rendered(version, &[values]).await?;
        let mut cleanup = Cleanup::new("shop-jobsweep", &[], &args);
        cleanup.namespace = Some("default".to_owned());
        for mut injected in parsed(&cleanup.access(Form::Hook(Moment::After)))? {
            let kind = injected["kind"].as_str().unwrap_or_default().to_owned();
            let mut found = named(&documents, &kind, "shop-jobsweep")?.clone();
            for document in [&mut found, &mut injected] {
                document["metadata"]["labels"] = Value::Null;
            }
            ensure!(found == injected, "{values}: the chart's\n{found:#?}\ndiffers from\n{injected:#?}");
        }
    }
    Ok(())
}

pub(crate) async fn every_value_reaches_the_manifests(version: HelmVersion) -> Result<()> {
    for (values, where_to) in [
        (vec!["timeoutSeconds=null"], vec!["--timeout=none"]),
        (vec!["timeoutSeconds=0"], vec!["--timeout=0s", "activeDeadlineSeconds: 300"]),
        (vec!["timeoutSeconds=60"], vec!["--timeout=60s", "activeDeadlineSeconds: 360"]),
        (
            vec!["scope=cluster"],
            vec!["--all-namespaces", "kind: ClusterRole\n", "kind: ClusterRoleBinding\n"],
        ),
        (vec!["schedule=@hourly", "finishedForSeconds=60"], vec!["--finished-for=60s"]),
        (vec!["selector=a=b"], vec!["--selector=a=b"]),
        (vec!["logTail=20"], vec!["--log-tail=20", "pods/log"]),
        (vec!["failOnFailed=true"], vec!["--fail-on-failed"]),
        (vec!["extraArgs={-v,--concurrency=4}"], vec!["- -v\n", "--concurrency=4"]),
        (vec!["image.repository=r.test/x", "image.tag=t"], vec!["\"r.test/x:t\""]),
        (vec![&*format!("image.digest=sha256:{:064}", 0)], vec!["jobsweep@sha256:000"]),
        (vec!["image.pullPolicy=Never"], vec!["imagePullPolicy: Never"]),
        (vec!["image.pullSecrets[0].name=key"], vec!["imagePullSecrets:", "- name: key"]),
        (
            vec!["serviceAccount.name=other"],
            vec!["serviceAccountName: \"other\"", "kind: ServiceAccount\nmetadata:\n  name: \"other\""],
        ),
        (vec!["serviceAccount.annotations.a=b"], vec!["\n    a: b"]),
        (vec!["resources.limits.memory=1Gi"], vec!["memory: 1Gi"]),
        (vec!["env[0].name=HTTPS_PROXY", "env[0].value=p"], vec!["- name: HTTPS_PROXY"]),
        (vec!["podLabels.team=x"], vec!["\n        team: x"]),
        (vec!["podAnnotations.team=z"], vec!["\n      annotations:\n        team: z"]),
        (vec!["nodeSelector.disk=ssd"], vec!["nodeSelector:\n        disk: ssd"]),
        (vec!["tolerations[0].key=k"], vec!["tolerations:\n        - key: k"]),
        (vec!["affinity.nodeAffinity.x=z"], vec!["affinity:\n        nodeAffinity:"]),
        (vec!["priorityClassName=low"], vec!["priorityClassName: \"low\""]),
    ] {
        let text = text(version, "shop", &values).await?;
        for needle in where_to {
            ensure!(text.contains(needle), "{values:?}: no {needle:?} in\n{text}");
        }
    }
    let text = text(version, "shop", &["timeoutSeconds=null"]).await?;
    ensure!(!text.contains("activeDeadlineSeconds"), "{text}");
    let text = self::text(version, "shop", &["when=both"]).await?;
    ensure!(!text.contains("--finished-for"), "Helm does not wait then: {text}");
    for (values, kind) in [
        (vec!["serviceAccount.create=false", "serviceAccount.name=mine"], "kind: ServiceAccount\nmetadata"),
        (vec!["rbac.create=false"], "kind: Role"),
    ] {
        let text = self::text(version, "shop", &values).await?;
        ensure!(!text.contains(kind), "{values:?}: {text}");
    }
    Ok(())
}

/// A release name has up to 53 characters, a Job name up to 63.
pub(crate) async fn names_fit_and_differ(version: HelmVersion) -> Result<()> {
    let mut seen = std::collections::BTreeSet::new();
    for release in ["a", "jobsweep", &"a".repeat(53), &"a".repeat(52), &format!("{}-b", "a".repeat(33))] {
        let text = text(version, release, &["when=both"]).await?;
        let names: Vec<_> = text.lines().filter_map(|line| line.strip_prefix("  name: ")).collect();
        ensure!(names.iter().all(|name| name.len() <= 63 && name.contains("-jobsweep")), "{names:?}");
        ensure!(seen.insert(names[0].to_owned()), "{names:?} again");
    }
    Ok(())
}

pub(crate) async fn names_that_look_like_numbers_stay_text(version: HelmVersion) -> Result<()> {
    let flags = ["--namespace=123", "--set-string=serviceAccount.name=8,priorityClassName=9"];
    for values in ["when=both", "schedule=* * * * *", "scope=cluster"] {
        let text = template(version, "1e3", flags.into_iter().chain(["--set", values])).await?;
        for document in parsed(&text)? {
            let odd = not_text(&document);
            ensure!(odd.is_empty(), "{odd:?} in {text}");
        }
        ensure!(text.contains("123") && text.contains("1e3"), "{text}");
    }
    Ok(())
}

/// Values that are not strings, in fields that the API server accepts only as strings.
fn not_text(value: &Value) -> Vec<String> {
    let Some(mapping) = value.as_mapping() else {
        return value.as_sequence().into_iter().flatten().flat_map(not_text).collect();
    };
    let names = ["name", "namespace", "serviceAccountName", "priorityClassName"];
    let mut odd = Vec::new();
    for (key, value) in mapping {
        let (key, all) = (key.as_str().unwrap_or_default(), ["labels", "annotations"]);
        let texts =
            value.as_mapping().filter(|_| all.contains(&key)).into_iter().flat_map(|map| map.values());
        let wanted = texts.chain(names.contains(&key).then_some(value));
        odd.extend(wanted.filter(|value| !value.is_string()).map(|value| format!("{key}: {value:?}")));
        odd.extend(not_text(value));
    }
    odd
}

pub(crate) async fn a_condition_leaves_nothing_of_it(version: HelmVersion) -> Result<()> {
    let helm = Helm::new(version)?;
    let folder = parent_chart::write(&helm, true).await?;
    for (enabled, count) in [("true", 4), ("false", 0)] {
        let set = format!("jobsweep.enabled={enabled}");
        let template = helm.command().args(["template", "shop", "--set", &set]).arg(&folder).run().await?;
        let found = template.expect_success()?.stdout().matches("Source: shop/charts/jobsweep/").count();
        ensure!(found == count, "{enabled}: {found}");
    }
    Ok(())
}

async fn rendered(version: HelmVersion, values: &[&str]) -> Result<Vec<Value>> {
    parsed(&text(version, "shop", values).await?)
}

fn parsed(stream: &str) -> Result<Vec<Value>> {
    let documents = stream.split("---\n").filter(|document| !document.trim().is_empty());
    documents.map(|document| Ok(serde_yaml::from_str(document)?)).collect()
}

async fn text(version: HelmVersion, release: &str, values: &[&str]) -> Result<String> {
    template(version, release, values.iter().flat_map(|value| ["--set", value])).await
}

async fn template<'f>(
    version: HelmVersion,
    release: &str,
    flags: impl IntoIterator<Item = &'f str>,
) -> Result<String> {
    let helm = Helm::new(version)?;
    let template = helm.command().args(["template", "--kube-version", "1.31.0", release]).arg(chart());
    Ok(template.args(flags).run().await?.expect_success()?.stdout().into_owned())
}

fn named<'a>(documents: &'a [Value], kind: &str, name: &str) -> Result<&'a Value> {
    let is = |document: &&Value| document["kind"] == kind && document["metadata"]["name"] == name;
    documents.iter().find(is).with_context(|| format!("no {kind} {name}"))
}
