//! `helm lint`, and values that the schema refuses.

use anyhow::{Result, ensure};
use jobsweep_harness::helm::Helm;
use jobsweep_harness::tools::HelmVersion;
use jobsweep_harness::{trials, trials::Trial};

use crate::chart;

pub(crate) fn trials() -> Vec<Trial> {
    trials![the_chart_is_clean, helm_packs_its_readme_too, a_value_that_means_nothing_is_refused,]
}

pub(crate) async fn the_chart_is_clean(version: HelmVersion) -> Result<()> {
    let helm = Helm::new(version)?;
    for values in [
        "when=both",
        "when=before",
        "schedule=@hourly",
        "scope=cluster,schedule=0 3 * * *",
        "logTail=9",
        "networkPolicy.enabled=true",
    ] {
        let lint = helm.command().args(["lint", "--strict", "--set", values]).arg(chart()).run().await?;
        let lint = lint.expect_success()?;
        ensure!(!lint.stdout().contains("[WARNING]"), "{values}: {}", lint.stdout());
    }
    Ok(())
}

/// Artifact Hub shows it, and so does `helm show readme`.
pub(crate) async fn helm_packs_its_readme_too(version: HelmVersion) -> Result<()> {
    let shown = Helm::new(version)?.command().args(["show", "readme"]).arg(chart()).run().await?;
    let readme = std::fs::read_to_string(chart().join("README.md"))?;
    ensure!(shown.expect_success()?.stdout().trim() == readme.trim(), "Helm leaves README.md out");
    Ok(())
}

pub(crate) async fn a_value_that_means_nothing_is_refused(version: HelmVersion) -> Result<()> {
    let helm = Helm::new(version)?;
    for (value, named) in [
        ("when=later", "when"),
        ("schedule=every minute", "schedule"),
        ("scope=everything", "scope"),
        ("timeoutSeconds=4m", "timeoutSeconds"),
        ("timeoutSeconds=-1", "timeoutSeconds"),
        ("logTail=many", "logTail"),
        ("failOnFailed=perhaps", "failOnFailed"),
        ("extraArgs[0]=verbose", "extraArgs"),
        ("image.repository=", "repository"),
        ("image.digest=abc", "digest"),
        ("image.pullPolicy=Sometimes", "pullPolicy"),
        ("serviceAccount.create=false", "name"),
        ("podLabels.x.y=z", "podLabels"),
        ("commonLabels.x.y=z", "commonLabels"),
        ("fullnameOverride=Shop", "fullnameOverride"),
        ("imagePullSecrets={key}", "imagePullSecrets"),
        ("meshOptOut=perhaps", "meshOptOut"),
        ("networkPolicy.ports={https}", "ports"),
        ("networkPolicy.ports=null,networkPolicy.port=1", "port"),
        ("podSecurityContext=restricted", "podSecurityContext"),
        ("serviceAccount.labels.x=y", "labels"),
        ("timeout=60", "timeout"),
        ("env[0].name=x", "env"),
        ("image.name=x", "name"),
        ("image.pullSecrets[0].name=x", "pullSecrets"),
    ] {
        let template = helm.command().args(["template", "shop", "--set", value]).arg(chart()).run().await?;
        ensure!(!template.status.success(), "{value} is taken");
        ensure!(template.stderr().contains(named), "{value}: {}", template.stderr());
    }
    Ok(())
}
