//! `helm … --post-renderer jobsweep --post-renderer-args --unblock`

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use jobsweep_harness::control_plane::{ControlPlane, Namespace};
use jobsweep_harness::helm::Helm;
use jobsweep_harness::process::{Finished, Program};
use jobsweep_harness::tools::HelmVersion;
use jobsweep_harness::{trials, trials::Trial};

use crate::setup::{helm_with_jobsweep, same, shop, template, untouched, wrote};

pub(crate) fn trials() -> Vec<Trial> {
    trials![
        without_a_job_nothing_is_contacted,
        a_hook_is_left_to_helm,
        a_template_asks_no_cluster,
        no_call_that_helm_does_not_apply_deletes,
        what_it_says_can_be_read,
        variables_say_the_same_as_arguments,
        what_helm_drops_reaches_the_terminal,
        the_namespace_is_helms_and_no_other,
        the_cluster_is_helms_and_no_other,
        a_variable_is_enough_where_no_argument_is_possible
    ]
}

const UNBLOCK: [&str; 3] = ["--post-renderer=jobsweep", "--post-renderer-args", "--unblock"];
const JOB: &str = "shop-migration";
const CHANGED: [&str; 2] = ["--set", "image=example.com/shop:2"];
/// A Job without a policy must stay.
const STRICT: &str = "--post-renderer-args=--default-policy=none";

/// The example chart, installed, with a migration that has succeeded.
struct Release {
    helm: Helm,
    namespace: Namespace,
}

impl Release {
    async fn new(cluster: &ControlPlane, version: HelmVersion) -> Result<Self> {
        let helm = helm_with_jobsweep(version).await?.kubeconfig(cluster.kubeconfig());
        let release = Self { helm, namespace: cluster.namespace().await? };
        release.call("install").run().await?.expect_success()?;
        let job = release.namespace.jobs().get(JOB).await?;
        release.namespace.succeed(&job).await?;
        Ok(release)
    }

    /// `helm <subcommand>` of the example chart, which makes way for itself.
    fn call(&self, subcommand: &str) -> Program {
        let namespace = &self.namespace.name;
        self.helm.command().args([subcommand, "shop"]).arg(shop()).args(["-n", namespace]).args(UNBLOCK)
    }

    fn log(&self) -> std::path::PathBuf {
        self.helm.home().join("jobsweep.log")
    }

    fn job(&self) -> String {
        format!("Job {}/{JOB}", self.namespace.name)
    }

    /// What `--unblock` says of the deleted migration.
    fn deleted(&self, verb: &str) -> String {
        let was = if verb == "deleted" { "was" } else { "is" };
        format!(
            "jobsweep: {verb} {} in context test, which {was} in the way (spec.template changes, and is immutable); it has succeeded, and its \
             policy allows that\n",
            self.job()
        )
    }

    /// And of one whose manifest has no policy.
    fn forbidden(&self) -> String {
        format!(
            "jobsweep: {} is in the way (spec.template changes, and is immutable), and may not be deleted: its manifest has no \
             delete policy; add the annotation helm.sh/hook-delete-policy to its manifest, leave out --default-policy=none, or \
             delete it yourself: kubectl delete job {JOB} -n {} --context=test\n\
             jobsweep: nothing was deleted, and no manifest was written\n",
            self.job(),
            self.namespace.name
        )
    }

    /// What arrives at Helm's terminal, though none of its standard streams is one.
    async fn on_terminal(&self, call: &str, code: i32) -> Result<String> {
        let call = format!("\"$HELM\" {call} -n \"$NAMESPACE\" </dev/null >/dev/null 2>&1");
        let script = self.helm.command_by("script");
        let script = script.args(["--quiet", "--return", "--command", &call, "/dev/null"]);
        let script = script
            .env("HELM", self.helm.program())
            .env("CHART", shop())
            .env("NAMESPACE", &self.namespace.name);
        let ended = script.run().await.context("this test needs util-linux's `script`")?;
        Ok(ended.expect_code(code)?.stdout().replace("\r\n", "\n"))
    }
}

/// Here no cluster is to be had, and no namespace is given.
pub(crate) async fn without_a_job_nothing_is_contacted(version: HelmVersion) -> Result<()> {
    let helm = helm_with_jobsweep(version).await?;
    let values = ["--set", "migration.enabled=false"];
    let expected = untouched(&helm, &shop(), &values).await?;
    wrote(template(&helm, &shop()).args(UNBLOCK).args(values).run().await?, &expected)
}

pub(crate) async fn a_hook_is_left_to_helm(version: HelmVersion) -> Result<()> {
    let helm = helm_with_jobsweep(version).await?;
    let values = ["--set", "migration.enabled=false,preparation.enabled=true"];
    let rendered = template(&helm, &shop()).args(UNBLOCK).args(values).run().await?.expect_success()?;
    ensure!(rendered.stdout().contains("shop-preparation"), "{}", rendered.stdout());
    Ok(())
}

/// Here no cluster is to be had.
pub(crate) async fn a_template_asks_no_cluster(version: HelmVersion) -> Result<()> {
    let helm = helm_with_jobsweep(version).await?;
    let kubeconfig = helm.home().join("kubeconfig");
    fs::write(&kubeconfig, KUBECONFIG)?;
    let helm = helm.kubeconfig(&kubeconfig);
    let log = helm.home().join("jobsweep.log");
    let expected = untouched(&helm, &shop(), &[]).await?;
    let call = template(&helm, &shop()).args(UNBLOCK).env("JOBSWEEP_LOG_FILE", &log);
    wrote(call.run().await?, &crate::setup::with_copied(&expected, "hook-succeeded"))?;
    logged(&log, "called by helm template shop, which asks no cluster, so no Job is looked up\n")
}

pub(crate) async fn no_call_that_helm_does_not_apply_deletes(
    cluster: &ControlPlane,
    version: HelmVersion,
) -> Result<()> {
    let release = Release::new(cluster, version).await?;
    let before = release.namespace.uids().await?;
    for (subcommand, args, asks) in [
        ("template", &[][..], false),
        ("template", &["--validate"], true),
        ("upgrade", &["--dry-run"], false),
        ("upgrade", &["--dry-run=client"], false),
        ("upgrade", &["--dry-run=server"], true),
    ] {
        let call = release.call(subcommand).args(CHANGED).args(args).env("JOBSWEEP_LOG_FILE", release.log());
        let rendered = call.run().await?.expect_success()?;
        ensure!(rendered.stdout().contains("example.com/shop:2"), "{}", rendered.stdout());
        ensure!(release.namespace.uids().await? == before, "{subcommand} {args:?}");
        let log = fs::read_to_string(release.log())?;
        ensure!(log.contains("would delete") == asks, "{subcommand} {args:?}: {log}");
        fs::remove_file(release.log())?;
    }
    release.call("upgrade").args(CHANGED).run().await?.expect_success()?;
    ensure!(release.namespace.uids().await? != before);
    Ok(())
}

pub(crate) async fn what_it_says_can_be_read(cluster: &ControlPlane, version: HelmVersion) -> Result<()> {
    let release = Release::new(cluster, version).await?;
    let call = |args: &[&str]| {
        release.call("upgrade").args(CHANGED).args(args).env("JOBSWEEP_LOG_FILE", release.log()).run()
    };
    let failed = call(&["--set", "migration.policy=", STRICT]).await?.expect_code(1)?;
    let shown = failed.stderr().contains(&release.forbidden());
    ensure!(shown != version.is_4(), "{}", failed.stderr());
    logged_last(&release.log(), &release.forbidden())?;

    let before = release.namespace.uids().await?;
    call(&[]).await?.expect_success()?;
    ensure!(release.namespace.uids().await? != before);
    logged_last(&release.log(), &release.deleted("deleted"))
}

/// Helm and jobsweep read the same variable for the namespace.
pub(crate) async fn variables_say_the_same_as_arguments(
    cluster: &ControlPlane,
    version: HelmVersion,
) -> Result<()> {
    let release = Release::new(cluster, version).await?;
    let upgrade = release.helm.command().args(["upgrade", "shop"]).arg(shop()).args(UNBLOCK).args(CHANGED);
    let upgrade = upgrade.args(["--set", "migration.policy="]).env("HELM_NAMESPACE", &release.namespace.name);
    let upgrade = upgrade.env("JOBSWEEP_LOG_FILE", release.log());
    upgrade.clone().env("JOBSWEEP_DEFAULT_POLICY", "none").run().await?.expect_code(1)?;
    logged_last(&release.log(), &release.forbidden())?;
    upgrade.env("JOBSWEEP_DEFAULT_POLICY", "hook-succeeded,hook-failed").run().await?.expect_success()?;
    logged_last(&release.log(), &release.deleted("deleted"))
}

pub(crate) async fn what_helm_drops_reaches_the_terminal(
    cluster: &ControlPlane,
    version: HelmVersion,
) -> Result<()> {
    let release = Release::new(cluster, version).await?;
    let upgrade =
        |args: &str| format!("upgrade shop \"$CHART\" {} {} {args}", UNBLOCK.join(" "), CHANGED.join(" "));
    let failed = release.on_terminal(&upgrade(&format!("--set migration.policy= {STRICT}")), 1).await?;
    // Helm 3 shows an error on its own stderr, so twice would be once too often.
    let error = if version.is_4() { release.forbidden() } else { String::new() };
    same("the terminal", &error, &failed)?;
    let passed = release.on_terminal(&upgrade(""), 0).await?;
    same("the terminal", &release.deleted("deleted"), &passed)
}

pub(crate) async fn the_namespace_is_helms_and_no_other(
    cluster: &ControlPlane,
    version: HelmVersion,
) -> Result<()> {
    let release = Release::new(cluster, version).await?;
    let before = release.namespace.uids().await?;
    let call = || release.call("upgrade").args(CHANGED).env("JOBSWEEP_LOG_FILE", release.log());
    let disagrees = call().arg("--post-renderer-args=--namespace=other").arg("--debug");
    wrong_usage(&disagrees.run().await?.expect_code(1)?, version)?;
    let log = fs::read_to_string(release.log())?;
    let both = format!("Helm uses namespace {:?}, and the options name \"other\"", release.namespace.name);
    ensure!(
        log.contains(&both) && log.contains("leave --namespace, --context and --kubeconfig out"),
        "{log}"
    );
    ensure!(release.namespace.uids().await? == before);
    call().env("HELM_NAMESPACE", "other").run().await?.expect_success()?;
    ensure!(release.namespace.uids().await? != before);
    Ok(())
}

pub(crate) async fn the_cluster_is_helms_and_no_other(
    cluster: &ControlPlane,
    version: HelmVersion,
) -> Result<()> {
    let release = Release::new(cluster, version).await?;
    let before = release.namespace.uids().await?;
    let elsewhere = release.helm.home().join("elsewhere");
    fs::write(&elsewhere, KUBECONFIG)?;
    let somebody = release.namespace.user("somebody").await?.kubeconfig;
    let both = release.helm.home().join("both");
    fs::write(&both, fs::read_to_string(&elsewhere)?.replace("name: test", "name: other"))?;
    let both = format!("{}:{}", cluster.kubeconfig().display(), both.display());
    let elsewhere_too =
        format!("Helm uses the server {}/, and the options name https://127.0.0.1:1/", cluster.url());
    let users = "Helm uses the user of context \"test\", and the options name that of \"test\"";
    let options = |kubeconfig: &Path| format!("--post-renderer-args=--kubeconfig={}", kubeconfig.display());
    for (option, difference) in [
        (options(&elsewhere), &*elsewhere_too),
        (options(&somebody), users),
        ("--post-renderer-args=--context=other".to_owned(), &*elsewhere_too),
    ] {
        let call = release.call("upgrade").args(CHANGED).arg(&option).arg("--debug").env("KUBECONFIG", &both);
        let call = call.env("JOBSWEEP_LOG_FILE", release.log());
        wrong_usage(&call.run().await?.expect_code(1)?, version)?;
        let log = fs::read_to_string(release.log())?;
        ensure!(log.contains(difference), "{option}: {log}");
        ensure!(release.namespace.uids().await? == before);
    }
    Ok(())
}

/// As Ansible's `kubernetes.core.helm` calls it.
pub(crate) async fn a_variable_is_enough_where_no_argument_is_possible(
    cluster: &ControlPlane,
    version: HelmVersion,
) -> Result<()> {
    let release = Release::new(cluster, version).await?;
    let before = release.namespace.uids().await?;
    let upgrade = release.helm.command().args(["upgrade", "shop"]).arg(shop()).args(CHANGED);
    let upgrade = upgrade.args(["-n", &release.namespace.name, "--post-renderer=jobsweep"]);
    let upgrade = upgrade.env("JOBSWEEP_UNBLOCK", "1");
    // With an argument, it is the filter.
    let filter = upgrade.clone().arg("--post-renderer-args=--strict").run().await?.expect_code(1)?;
    ensure!(filter.stderr().contains("field is immutable"), "{}", filter.stderr());
    ensure!(release.namespace.uids().await? == before);
    upgrade.run().await?.expect_success()?;
    ensure!(release.namespace.uids().await? != before);
    // Without a Helm too.
    let job = "apiVersion: batch/v1\nkind: Job\nmetadata: {name: nowhere}\n";
    let pipe = Program::new(crate::setup::JOBSWEEP).env("JOBSWEEP_UNBLOCK", "1").stdin(job);
    same("stdout", job, &pipe.run().await?.expect_success()?.stdout())
}

/// jobsweep itself ended with exit code 2. With `--debug`, Helm 4 shows that too.
fn wrong_usage(upgrade: &Finished, version: HelmVersion) -> Result<()> {
    let shown = if version.is_4() { "exitCode=2" } else { "exit status 2" };
    ensure!(upgrade.stderr().contains(shown), "{}", upgrade.stderr());
    Ok(())
}

/// The log names the caller, and then has these lines, and goes.
fn logged_last(log: &Path, expected: &str) -> Result<()> {
    let text = fs::read_to_string(log).context("no log file")?;
    let (first, rest) = text.split_once('\n').context("no line")?;
    ensure!(
        first.contains("called by helm upgrade shop, namespace ") && first.ends_with(", context test"),
        "{text}"
    );
    fs::write(log, rest)?;
    logged(log, expected)
}

/// The log has these lines, each after the time, and goes.
fn logged(log: &Path, expected: &str) -> Result<()> {
    let text = fs::read_to_string(log).context("no log file")?;
    fs::remove_file(log)?;
    let said: String = text.split_inclusive('\n').filter_map(|line| Some(line.split_once(' ')?.1)).collect();
    same("the log", expected, &said)
}

/// A cluster that is never asked.
const KUBECONFIG: &str = r#"
apiVersion: v1
kind: Config
clusters: [{ name: test, cluster: { server: "https://127.0.0.1:1" } }]
users: [{ name: test, user: { token: test } }]
contexts: [{ name: test, context: { cluster: test, user: test, namespace: default } }]
current-context: test
"#;
