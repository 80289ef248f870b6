//! Helm in a pod: no kubeconfig, but the files and the variables of a ServiceAccount.

use std::fs;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use jobsweep_harness::control_plane::{ControlPlane, Namespace, rule};
use jobsweep_harness::helm::Helm;
use jobsweep_harness::process::Program;
use jobsweep_harness::tools::HelmVersion;
use jobsweep_harness::trials;
use jobsweep_harness::trials::{Trial, on_demand};
use serde_yaml::Value;

use crate::setup::{helm_with_jobsweep, shop};

pub(crate) fn trials() -> Vec<Trial> {
    let trials = trials![the_namespace_is_that_of_the_pod];
    let mounts = Command::new("unshare").args(["--map-root-user", "--mount", "true"]).output();
    match mounts {
        Ok(output) if output.status.success() => trials,
        _ => on_demand("mounts of its own (unshare)", trials),
    }
}

const SERVICE_ACCOUNT: &str = "/var/run/secrets/kubernetes.io/serviceaccount";

pub(crate) async fn the_namespace_is_that_of_the_pod(
    cluster: &ControlPlane,
    version: HelmVersion,
) -> Result<()> {
    let helm = helm_with_jobsweep(version).await?;
    let namespace = cluster.namespace().await?;
    write_service_account(&helm, &namespace).await?;
    let log = helm.home().join("jobsweep.log");
    let upgrade = |image: &str| {
        let call = in_pod(&helm, cluster.url())?.args(["upgrade", "--install", "shop"]).arg(shop());
        let call = call.args(["--post-renderer=jobsweep", "--post-renderer-args", "--unblock"]);
        anyhow::Ok(call.args(["--set", image]).env("JOBSWEEP_LOG_FILE", &log))
    };
    upgrade("image=example.com/shop:1")?.run().await?.expect_success()?;
    namespace.succeed(&namespace.jobs().get("shop-migration").await?).await?;
    let before = namespace.uids().await?;
    upgrade("image=example.com/shop:2")?.run().await?.expect_success()?;
    ensure!(namespace.uids().await? != before, "the migration was not replaced");
    let said = fs::read_to_string(&log)?;
    let caller = format!("called by helm upgrade shop, namespace {}, context none\n", namespace.name);
    let deleted = format!("deleted Job {}/shop-migration, which was in the way", namespace.name);
    ensure!(said.contains(&caller) && said.contains(&deleted), "{said}");
    Ok(())
}

/// What a kubelet mounts into a pod whose ServiceAccount may do everything in its namespace.
async fn write_service_account(helm: &Helm, namespace: &Namespace) -> Result<()> {
    let user = namespace.user("deployer").await?;
    namespace.allow(&user, vec![rule("*", "*", &["*"])]).await?;
    let kubeconfig: Value = serde_yaml::from_str(&fs::read_to_string(&user.kubeconfig)?)?;
    let authority = &kubeconfig["clusters"][0]["cluster"]["certificate-authority"];
    let token = &kubeconfig["users"][0]["user"]["tokenFile"];
    let folder = helm.home().join("pod");
    fs::create_dir_all(&folder)?;
    for (name, file) in [("ca.crt", authority), ("token", token)] {
        fs::copy(file.as_str().context("the kubeconfig names a file")?, folder.join(name))?;
    }
    Ok(fs::write(folder.join("namespace"), &namespace.name)?)
}

/// A call of Helm that sees the files and the variables of the pod.
fn in_pod(helm: &Helm, url: &str) -> Result<Program> {
    let script = "mount -t tmpfs pod /run && mkdir -p \"$0\" && cp \"$1\"/* \"$0\" && shift && exec \"$@\"";
    let (host, port) = url.trim_start_matches("https://").split_once(':').context("a port")?;
    let unshare =
        helm.command_by("/usr/bin/unshare").args(["--map-root-user", "--mount", "sh", "-c", script]);
    let helm = unshare.arg(SERVICE_ACCOUNT).arg(helm.home().join("pod")).arg(helm.program());
    Ok(helm.env("KUBECONFIG", "").env("KUBERNETES_SERVICE_HOST", host).env("KUBERNETES_SERVICE_PORT", port))
}
