//! Rights, tokens and credential plugins.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use jobsweep_harness::control_plane::{ControlPlane, Token};
use jobsweep_harness::jobs::{Outcome, job};
use jobsweep_harness::k8s_openapi::api::rbac::v1::PolicyRule;
use jobsweep_harness::kube::api::ListParams;
use jobsweep_harness::kube::config::AuthInfo;
use jobsweep_harness::kube::{self, Api, Client};
use jobsweep_harness::process::Finished;
use jobsweep_harness::wait::{self, PATIENCE};
use jobsweep_harness::{trials, trials::Trial};
use tokio::sync::Semaphore;

use crate::deletion::finished;
use crate::faulty_proxy::{Act, FaultyProxy, doing};
use crate::setup::{Said, Setup, connection, shipped_rules};

pub fn trials() -> Vec<Trial> {
    trials![
        every_missing_rule_is_named_so_that_pasting_it_helps,
        a_token_that_cannot_be_sent_is_an_error_that_claims_nothing_about_jobs,
        without_the_right_to_watch_it_stops_at_once,
        without_the_right_to_delete_a_dry_run_fails_too,
        all_namespaces_take_a_cluster_role,
        all_namespaces_are_swept_with_a_cluster_role,
        a_token_that_expired_and_was_replaced_is_read_again,
        a_credential_plugin_that_hangs_ends_the_sweep_at_its_deadline,
        a_credential_plugin_that_hangs_when_it_is_asked_again_ends_the_sweep,
        a_credential_plugin_that_breaks_ends_the_sweep_with_its_message,
        a_credential_plugin_runs_once_for_all_that_were_refused,
        a_token_that_expired_and_was_not_replaced_ends_the_sweep,
        a_server_that_cannot_be_trusted_is_not_talked_to,
    ]
}

const BOTH: &str = "hook-succeeded,hook-failed";

/// The rule in the error message, in the form in which a user would paste it.
fn missing_rule(swept: &Finished) -> Result<PolicyRule> {
    let stderr = swept.stderr();
    let (_, text) = stderr.split_once("bound to this user").context("it says which rule is missing")?;
    let rule: Vec<&str> = text.lines().skip(1).take_while(|line| line.starts_with("  ")).collect();
    let mut rules: Vec<PolicyRule> = serde_yaml::from_str(&rule.join("\n"))?;
    rules.pop().context("one rule")
}

pub async fn every_missing_rule_is_named_so_that_pasting_it_helps(cluster: &ControlPlane) -> Result<()> {
    let setup = Setup::without_role(cluster).await?;
    finished(&setup.namespace, "done", BOTH).await?;
    let mut verbs = Vec::new();
    for _ in 0..3 {
        let swept = setup.sweep().arg("--settle=50s").run().await?.expect_code(5)?;
        let rule = missing_rule(&swept)?;
        let verb = rule.verbs.join(",");
        let name = &setup.namespace.name;
        swept.says(&[
            &format!("not allowed to {verb} jobs in namespace {name}"),
            &format!("a Role in namespace {name}"),
        ])?;
        setup.namespace.allow(&setup.user, vec![rule]).await?;
        verbs.push(verb);
    }
    // The sweep deletes and watches at the same time, so either right may be missed first.
    ensure!(
        verbs[0] == "list" && verbs.contains(&"watch".into()) && verbs.contains(&"delete".into()),
        "{verbs:?}"
    );
    setup.sweep().run().await?.expect_success()?;
    setup.leaves(&[]).await
}

/// A pasted token may end with a line break.
pub async fn a_token_that_cannot_be_sent_is_an_error_that_claims_nothing_about_jobs(
    cluster: &ControlPlane,
) -> Result<()> {
    let setup = Setup::new(cluster).await?;
    finished(&setup.namespace, "done", BOTH).await?;
    // A token file would have precedence.
    let mut config: serde_json::Value = serde_json::from_slice(&std::fs::read(&setup.user.kubeconfig)?)?;
    config["users"][0]["user"].take();
    let kubeconfig = setup.user.kubeconfig.with_extension("without-token");
    std::fs::write(&kubeconfig, config.to_string())?;
    let swept = setup.sweep_by(&kubeconfig).env("HELM_PLUGIN_NAME", "jobsweep");
    let swept = swept.env("HELM_KUBETOKEN", "half\nhalf");
    let swept = swept.run().await?.expect_code(1)?;
    let swept = swept.says(&["jobsweep: no credentials for the API server: context "])?;
    let swept = swept.says(&[": the token has a character that no HTTP header can have\n"])?;
    ensure!(swept.stderr().lines().count() == 1 && swept.stdout.is_empty(), "{}", swept.stderr());
    setup.leaves(&["done"]).await
}

pub async fn without_the_right_to_watch_it_stops_at_once(cluster: &ControlPlane) -> Result<()> {
    let setup = Setup::without_role(cluster).await?;
    let rule = jobsweep_harness::control_plane::rule("batch", "jobs", &["list", "delete"]);
    setup.namespace.allow(&setup.user, vec![rule]).await?;
    setup.namespace.create(job("running").policy(BOTH)).await?;
    let swept = setup.sweep().args(["--timeout=none", "-ojson"]).run().await?.expect_code(5)?;
    ensure!(missing_rule(&swept)?.verbs == ["watch"]);
    swept.reports("running", "waiting", "unfinished")?;
    setup.leaves(&["running"]).await
}

pub async fn without_the_right_to_delete_a_dry_run_fails_too(cluster: &ControlPlane) -> Result<()> {
    let setup = Setup::without_role(cluster).await?;
    let rule = jobsweep_harness::control_plane::rule("batch", "jobs", &["list", "watch"]);
    setup.namespace.allow(&setup.user, vec![rule]).await?;
    finished(&setup.namespace, "done", BOTH).await?;
    let swept = setup.sweep().arg("--dry-run").run().await?.expect_code(5)?;
    ensure!(missing_rule(&swept)?.verbs == ["delete"]);
    setup.leaves(&["done"]).await
}

pub async fn all_namespaces_take_a_cluster_role(cluster: &ControlPlane) -> Result<()> {
    let setup = Setup::new(cluster).await?;
    finished(&setup.namespace, "done", BOTH).await?;
    let swept = setup.sweep().arg("-A").run().await?.expect_code(5)?;
    swept.says(&["not allowed to list jobs in all namespaces", "Missing in a ClusterRole"])?;
    setup.leaves(&["done"]).await
}

pub async fn all_namespaces_are_swept_with_a_cluster_role() -> Result<()> {
    // In its own cluster, because the sweep would delete the Jobs of other tests.
    let cluster = ControlPlane::start().await?;
    let setup = Setup::without_role(&cluster).await?;
    let other = Setup::without_role(&cluster).await?;
    setup.namespace.allow_everywhere(&setup.user, shipped_rules("jobsweep")?).await?;
    finished(&setup.namespace, "here", BOTH).await?;
    finished(&other.namespace, "there", BOTH).await?;
    let labelled = job("labelled").policy(BOTH).label("app", "web").managed_by("example.com/nobody");
    let labelled = other.namespace.create(labelled).await?;
    other.namespace.finish(&labelled, Outcome::Succeeded).await?;
    setup.sweep().args(["-A", "-l", "app=web"]).run().await?.expect_success()?.says(&["1 deleted"])?;
    setup.leaves(&["here"]).await?;
    other.leaves(&["there"]).await?;
    let swept = setup.sweep().arg("-A").run().await?.expect_success()?;
    swept.says(&[&setup.id("here"), &other.id("there")])?;
    setup.leaves(&[]).await?;
    other.leaves(&[]).await
}

/// Revokes a token, and waits until the API server refuses it.
async fn end(cluster: &ControlPlane, setup: &Setup, token: Token) -> Result<()> {
    let mut config = connection(&cluster.kubeconfig()).await?;
    config.auth_info = AuthInfo { token: Some(token.value.clone().into()), ..AuthInfo::default() };
    let jobs = Api::<jobsweep_harness::k8s_openapi::api::batch::v1::Job>::namespaced(
        Client::try_from(config)?,
        &setup.namespace.name,
    );
    token.revoke().await?;
    wait::until("the token to be refused", || async {
        let refused = |status: &kube::core::Status| status.code == 401;
        Ok(matches!(jobs.list(&ListParams::default()).await, Err(kube::Error::Api(status)) if refused(&status)).then_some(()))
    })
    .await
}

pub async fn a_token_that_expired_and_was_replaced_is_read_again(cluster: &ControlPlane) -> Result<()> {
    let setup = Setup::new(cluster).await?;
    let running =
        setup.namespace.create(job("running").policy(BOTH).managed_by("example.com/nobody")).await?;
    let old = setup.user.new_token().await?;
    let proxy = FaultyProxy::start(cluster, &setup.user).await?;
    let mut sweep = setup.sweep_by(&proxy.kubeconfig).spawn()?;
    sweep.line_with(" waiting: ").await?;
    proxy.until_seen("GET", "watch=true", 1).await?;
    end(cluster, &setup, old).await?;
    let new = setup.user.new_token().await?;
    setup.namespace.finish(&running, Outcome::Succeeded).await?;
    sweep.finish(PATIENCE).await?.expect_success()?.says(&["deleted"])?;
    ensure!(proxy.seen("DELETE", "").len() == 2, "the first one was refused");
    ensure!(!new.value.is_empty());
    setup.leaves(&[]).await
}

/// A kubeconfig with a credential plugin that runs this script.
fn with_plugin(kubeconfig: &Path, script: &str) -> Result<PathBuf> {
    let mut config: serde_json::Value = serde_json::from_slice(&std::fs::read(kubeconfig)?)?;
    config["users"][0]["user"] = serde_json::json!({ "exec": {
        "apiVersion": "client.authentication.k8s.io/v1", "interactiveMode": "Never",
        "command": "/bin/sh", "args": ["-c", script] } });
    let path = kubeconfig.with_extension("plugin");
    std::fs::write(&path, config.to_string())?;
    Ok(path)
}

pub async fn a_credential_plugin_that_hangs_ends_the_sweep_at_its_deadline(
    cluster: &ControlPlane,
) -> Result<()> {
    let setup = Setup::new(cluster).await?;
    let kubeconfig = with_plugin(&setup.user.kubeconfig, "exec /bin/sleep 300")?;
    let swept = setup.sweep_by(&kubeconfig).arg("--timeout=1s").run().await?.expect_code(1)?;
    swept.says(&["the credential plugin /bin/sh of context ", "returned nothing within 1 s"])?;
    setup.leaves(&[]).await
}

/// What a credential plugin says that has this token.
fn credential(token: &str) -> String {
    let status = serde_json::json!({ "token": token });
    serde_json::json!({ "apiVersion": "client.authentication.k8s.io/v1", "kind": "ExecCredential", "status": status })
        .to_string()
}

/// A way to the cluster where the first request leaves a file, and a kubeconfig for it: its plugin brings this
/// credential until that file is there, and then does something else.
async fn until_asked(
    cluster: &ControlPlane,
    setup: &Setup,
    credential: &str,
    then: &str,
) -> Result<(FaultyProxy, PathBuf)> {
    let proxy = FaultyProxy::start(cluster, &setup.user).await?;
    let asked = proxy.kubeconfig.with_extension("asked");
    let _ = std::fs::remove_file(&asked);
    let script = format!("test ! -e '{}' || {{ {then}; }}; echo '{credential}'", asked.display());
    let kubeconfig = with_plugin(&proxy.kubeconfig, &script)?;
    let note = async move { Ok(std::fs::write(asked, "")?) };
    proxy.on("GET", "", vec![Act::First(doing(note))]);
    Ok((proxy, kubeconfig))
}

pub async fn a_credential_plugin_that_hangs_when_it_is_asked_again_ends_the_sweep(
    cluster: &ControlPlane,
) -> Result<()> {
    let setup = Setup::new(cluster).await?;
    for timeout in ["--timeout=0", "--timeout=none"] {
        let credential = credential("refused");
        let (proxy, kubeconfig) = until_asked(cluster, &setup, &credential, "exec /bin/sleep 300").await?;
        let swept = setup.sweep_by(&kubeconfig).arg(timeout).run().await?.expect_code(1)?;
        swept.says(&[
            "no credentials for the API server: the credential plugin ",
            "returned nothing within 30 s",
        ])?;
        ensure!(proxy.seen("GET", "").len() == 1, "the first request was refused");
    }
    setup.leaves(&[]).await
}

pub async fn a_credential_plugin_that_breaks_ends_the_sweep_with_its_message(
    cluster: &ControlPlane,
) -> Result<()> {
    let setup = Setup::new(cluster).await?;
    setup.namespace.create(job("running").policy(BOTH).managed_by("example.com/nobody")).await?;
    let (proxy, kubeconfig) = until_asked(cluster, &setup, &credential("refused"), "exit 9").await?;
    let swept = setup.sweep_by(&kubeconfig).arg("--timeout=none").run().await?.expect_code(1)?;
    swept.says(&["no credentials for the API server", "exit status: 9"])?;
    ensure!(proxy.seen("GET", "").len() == 1, "the first request was refused");
    setup.leaves(&["running"]).await
}

pub async fn a_credential_plugin_runs_once_for_all_that_were_refused(cluster: &ControlPlane) -> Result<()> {
    let setup = Setup::new(cluster).await?;
    for number in 0..8 {
        finished(&setup.namespace, &format!("done-{number}"), BOTH).await?;
    }
    let (old, new) = (setup.user.new_token().await?, setup.user.new_token().await?);
    let proxy = FaultyProxy::start(cluster, &setup.user).await?;
    let file = |name: &str| proxy.kubeconfig.with_extension(name);
    let (credential_file, runs) = (file("credential"), file("runs"));
    let bring = |token: &Token| std::fs::write(&credential_file, credential(&token.value));
    bring(&old)?;
    let script = format!("echo run >> '{}'; exec /bin/cat '{}'", runs.display(), credential_file.display());
    let kubeconfig = with_plugin(&proxy.kubeconfig, &script)?;
    let word = Arc::new(Semaphore::new(0));
    let hold = |_| {
        let word = Arc::clone(&word);
        Act::First(doing(async move {
            word.acquire().await?.forget();
            Ok(())
        }))
    };
    proxy.on("DELETE", "", (0..8).map(hold).collect());
    let sweep = setup.sweep_by(&kubeconfig).args(["--concurrency=8"]).spawn()?;
    proxy.until_seen("DELETE", "", 8).await?;
    let count = || Ok::<_, anyhow::Error>(std::fs::read_to_string(&runs)?.lines().count());
    ensure!(count()? == 1, "it ran {} times to connect", count()?);
    end(cluster, &setup, old).await?;
    bring(&new)?;
    word.add_permits(8);
    sweep.finish(PATIENCE).await?.expect_success()?.says(&["8 deleted"])?;
    ensure!(count()? == 2, "the plugin ran {} times", count()?);
    setup.leaves(&[]).await
}

pub async fn a_token_that_expired_and_was_not_replaced_ends_the_sweep(cluster: &ControlPlane) -> Result<()> {
    let setup = Setup::new(cluster).await?;
    finished(&setup.namespace, "done", BOTH).await?;
    let token = setup.user.new_token().await?;
    end(cluster, &setup, token).await?;
    let swept = setup.sweep().args(["--timeout=none", "-ojson"]).run().await?.expect_code(5)?;
    swept.says(&["does not accept the credentials (401)"])?;
    setup.leaves(&["done"]).await
}

pub async fn a_server_that_cannot_be_trusted_is_not_talked_to(cluster: &ControlPlane) -> Result<()> {
    let setup = Setup::new(cluster).await?;
    finished(&setup.namespace, "done", BOTH).await?;
    let config = std::fs::read_to_string(&setup.user.kubeconfig)?;
    let mut config: serde_json::Value = serde_json::from_str(&config)?;
    let cluster_entry = config["clusters"][0]["cluster"].as_object_mut().context("a cluster")?;
    cluster_entry.remove("certificate-authority");
    let kubeconfig = setup.user.kubeconfig.with_extension("without-ca");
    std::fs::write(&kubeconfig, config.to_string())?;
    let swept = setup.sweep_by(&kubeconfig).arg("--timeout=none").run().await?.expect_code(1)?;
    swept.says(&["the API server's certificate is not trusted"])?;
    setup.leaves(&["done"]).await
}
