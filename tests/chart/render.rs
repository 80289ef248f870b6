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
        common_labels_and_annotations_are_on_every_object,
        a_value_of_the_pod_counts_more_than_a_common_one,
        a_security_context_can_be_replaced,
        the_network_policy_is_for_the_pods_alone,
        names_fit_and_differ,
        names_that_look_like_numbers_stay_text,
        a_condition_leaves_nothing_of_it,
    ]
}

pub(crate) async fn every_pod_is_the_one_that_is_injected(version: HelmVersion) -> Result<()> {
    let more = ["--release=shop", "--log-tail=0"].map(str::to_owned);
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
    found["metadata"].as_mapping_mut().context("metadata is a mapping")?.remove("labels");
    (found["spec"], expected["spec"]) = (Value::Null, Value::Null);
    ensure!(cron_job["spec"] == injected["spec"], "{cron_job:#?}");
    Ok(())
}

/// Of the pod's labels, only the chart has those of Helm.
fn same_spec(found: &Value, expected: &Value) -> Result<()> {
    let mut found = found.clone();
    let labels = found["template"]["metadata"]["labels"].as_mapping_mut().context("the pod has labels")?;
    for label in ["app.kubernetes.io/instance", "app.kubernetes.io/managed-by", "helm.sh/chart"] {
        ensure!(labels.remove(label).is_some(), "no label {label}");
    }
    ensure!(found == *expected, "the chart's\n{found:#?}\ndiffers from\n{expected:#?}");
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
        (vec!["imagePullSecrets[0].name=key"], vec!["imagePullSecrets:", "- name: key"]),
        (
            vec!["serviceAccount.name=other"],
            vec!["serviceAccountName: \"other\"", "kind: ServiceAccount\nmetadata:\n  name: \"other\""],
        ),
        (vec!["serviceAccount.annotations.a=b"], vec!["\n    a: b"]),
        (vec!["serviceAccount.automount=true"], vec!["\nautomountServiceAccountToken: true"]),
        (vec!["nameOverride=tidy"], vec!["app.kubernetes.io/name: tidy\n", "name: \"shop-tidy-after\""]),
        (vec!["fullnameOverride=tidy"], vec!["name: \"tidy\"", "name: \"tidy-after\""]),
        (vec!["resources.limits.memory=1Gi"], vec!["memory: 1Gi"]),
        (vec!["extraEnv[0].name=HTTPS_PROXY", "extraEnv[0].value=p"], vec!["- name: HTTPS_PROXY"]),
        (vec!["podLabels.team=x"], vec!["\n        team: x"]),
        (vec!["podAnnotations.team=z", "meshOptOut=false"], vec!["\n      annotations:\n        team: z"]),
        (vec!["nodeSelector.disk=ssd"], vec!["nodeSelector:\n        disk: ssd"]),
        (vec!["tolerations[0].key=k"], vec!["tolerations:\n        - key: k"]),
        (vec!["affinity.nodeAffinity.x=z"], vec!["affinity:\n        nodeAffinity:"]),
        (
            vec!["topologySpreadConstraints[0].maxSkew=1"],
            vec!["topologySpreadConstraints:\n        - maxSkew: 1"],
        ),
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
        (vec!["meshOptOut=false"], "inject"),
    ] {
        let text = self::text(version, "shop", &values).await?;
        ensure!(!text.contains(kind), "{values:?}: {text}");
    }
    Ok(())
}

/// The metadata of every object, and of the Job and the pod within it.
fn all_metadata(documents: &[Value]) -> Vec<&Value> {
    let mut all = Vec::new();
    for document in documents {
        let job = &document["spec"]["jobTemplate"];
        let pods = [&document["spec"]["template"], &job["spec"]["template"]];
        all.extend([document, job].into_iter().chain(pods).filter(|object| object.is_mapping()));
    }
    all.into_iter().map(|object| &object["metadata"]).collect()
}

pub(crate) async fn common_labels_and_annotations_are_on_every_object(version: HelmVersion) -> Result<()> {
    let common = ["commonLabels.team=x", "commonAnnotations.note=y", "networkPolicy.enabled=true"];
    for (when, objects) in [("when=both", 8), ("schedule=@hourly", 7)] {
        let documents = rendered(version, &[&[when], &common[..]].concat()).await?;
        let all = all_metadata(&documents);
        ensure!(all.len() == objects, "{when}: {all:#?}");
        for metadata in all {
            ensure!(metadata["labels"]["team"] == "x", "{when}: {metadata:#?}");
            ensure!(metadata["labels"]["app.kubernetes.io/instance"] == "shop", "{when}: {metadata:#?}");
            ensure!(metadata["annotations"]["note"] == "y", "{when}: {metadata:#?}");
        }
    }
    Ok(())
}

pub(crate) async fn a_value_of_the_pod_counts_more_than_a_common_one(version: HelmVersion) -> Result<()> {
    let values = [
        "commonLabels.team=all",
        "podLabels.team=pod",
        r"podLabels.sidecar\.istio\.io/inject=yes",
        r"commonLabels.app\.kubernetes\.io/name=other",
        r"commonAnnotations.linkerd\.io/inject=ingress",
        r"podAnnotations.helm\.sh/hook=other",
        r"commonAnnotations.helm\.sh/hook=other",
    ];
    let documents = rendered(version, &values).await?;
    let job = named(&documents, "Job", "shop-jobsweep-after")?;
    let pod = &job["spec"]["template"]["metadata"];
    for (found, expected) in [
        (&job["metadata"]["labels"]["team"], "all"),
        (&job["metadata"]["annotations"]["helm.sh/hook"], "post-install,post-upgrade,post-rollback"),
        (&pod["labels"]["team"], "pod"),
        (&pod["labels"]["sidecar.istio.io/inject"], "yes"),
        (&pod["labels"]["app.kubernetes.io/name"], "jobsweep"),
        (&pod["annotations"]["linkerd.io/inject"], "ingress"),
    ] {
        ensure!(found == expected, "{found:?} is not {expected}: {job:#?}");
    }
    Ok(())
}

/// Also where the chart is a dependency, since Helm merges those values in another way.
pub(crate) async fn a_security_context_can_be_replaced(version: HelmVersion) -> Result<()> {
    let helm = Helm::new(version)?;
    let parent = parent_chart::write(&helm, true).await?;
    for (chart, prefix) in [(chart(), ""), (parent, "jobsweep.")] {
        let set = [
            "podSecurityContext.seccompProfile=null",
            "podSecurityContext.runAsUser=7",
            "securityContext=null",
            "resources=null",
        ]
        .map(|value| format!("--set={prefix}{value}"));
        let template = helm.command().args(["template", "--kube-version=1.31.0", "shop"]).arg(&chart);
        let text = template.args(set).run().await?.expect_success()?.stdout().into_owned();
        let documents = parsed(&text)?;
        let pod = &named(&documents, "Job", "shop-jobsweep-after")?["spec"]["template"]["spec"];
        let container = &pod["containers"][0];
        ensure!(pod["securityContext"]["seccompProfile"].is_null(), "{text}");
        ensure!(pod["securityContext"]["runAsUser"] == 7, "{text}");
        ensure!(pod["securityContext"]["runAsNonRoot"] == true, "{text}");
        ensure!(container["securityContext"].is_null() && container["resources"].is_null(), "{text}");
    }
    Ok(())
}

pub(crate) async fn the_network_policy_is_for_the_pods_alone(version: HelmVersion) -> Result<()> {
    let values = ["networkPolicy.enabled=true", "networkPolicy.ports={8443}", "podLabels.team=x"];
    for (when, job) in [("when=both", Some("shop-jobsweep-before")), ("schedule=@hourly", None)] {
        let documents = rendered(version, &[&[when], &values[..]].concat()).await?;
        let policy = named(&documents, "NetworkPolicy", "shop-jobsweep")?;
        let pod = match job {
            Some(job) => &named(&documents, "Job", job)?["spec"]["template"],
            None => {
                &named(&documents, "CronJob", "shop-jobsweep")?["spec"]["jobTemplate"]["spec"]["template"]
            }
        };
        let selector = policy["spec"]["podSelector"]["matchLabels"].as_mapping().context("a selector")?;
        let labels = &pod["metadata"]["labels"];
        ensure!(selector.len() == 2, "{policy:#?}");
        ensure!(selector.iter().all(|(key, value)| labels[key] == *value), "{policy:#?} is not for {pod:#?}");
        let ports = policy["spec"]["egress"][0]["ports"].as_sequence().context("ports")?;
        let ports: Vec<_> = ports.iter().filter_map(|port| port["port"].as_u64()).collect();
        ensure!(ports == [8443, 53, 53, 5353, 5353], "{ports:?}");
        // As the account: there before the Job, and gone after it.
        let account = named(&documents, "ServiceAccount", "shop-jobsweep")?;
        ensure!(policy["metadata"]["annotations"] == account["metadata"]["annotations"], "{policy:#?}");
    }
    let without = text(version, "shop", &["when=both"]).await?;
    ensure!(!without.contains("NetworkPolicy"), "{without}");
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
