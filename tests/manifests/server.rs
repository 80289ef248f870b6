//! A real API server accepts the manifests.

use anyhow::{Result, ensure};
use jobsweep_harness::control_plane::{ControlPlane, Namespace};
use jobsweep_harness::helm::kubectl;
use jobsweep_harness::process::Program;
use jobsweep_harness::{trials, trials::Trial};

use crate::files;

pub(crate) fn trials() -> Vec<Trial> {
    trials![
        every_example_is_accepted_where_pods_are_restricted,
        the_account_may_do_what_a_sweep_does_and_nothing_else,
        an_injected_cleanup_is_accepted_twice,
        an_injected_cleanup_may_be_called_like_a_number,
    ]
}

/// The API server warns about a Job whose pods it would refuse.
pub(crate) async fn every_example_is_accepted_where_pods_are_restricted(
    cluster: &ControlPlane,
) -> Result<()> {
    let namespace = restricted(cluster).await?;
    for (name, _) in files::all() {
        let text = std::fs::read_to_string(files::path(name))?;
        let text = text.replace("namespace: jobsweep", &format!("namespace: {}", namespace.name));
        let applied = apply(cluster, &namespace)?.args(["--dry-run=server", "-f", "-"]).stdin(text);
        let applied = applied.run().await?.expect_success()?;
        ensure!(applied.stderr.is_empty(), "{name}: {}", applied.stderr());
    }

    // Without its security context the same Job causes a warning.
    let job = std::fs::read_to_string(files::path("cleanup-job.yaml"))?;
    let lax = job.replace("allowPrivilegeEscalation: false", "allowPrivilegeEscalation: true");
    let applied = apply(cluster, &namespace)?.args(["--dry-run=server", "-f", "-"]).stdin(lax).run().await?;
    ensure!(applied.stderr().contains("would violate PodSecurity"), "{}", applied.stderr());
    Ok(())
}

pub(crate) async fn the_account_may_do_what_a_sweep_does_and_nothing_else(
    cluster: &ControlPlane,
) -> Result<()> {
    let namespace = restricted(cluster).await?;
    let path = files::path("cleanup-job.yaml");
    apply(cluster, &namespace)?.arg("-f").arg(path).run().await?.expect_success()?;
    let account = format!("--as=system:serviceaccount:{}:jobsweep", namespace.name);
    for (verb, resource, may) in [
        ("list", "jobs.batch", true),
        ("watch", "jobs.batch", true),
        ("delete", "jobs.batch", true),
        ("get", "jobs.batch", false),
        ("create", "jobs.batch", false),
        ("deletecollection", "jobs.batch", false),
        ("list", "pods", false),
        ("get", "pods/log", false),
        ("get", "secrets", false),
    ] {
        let asked = kubectl(&cluster.kubeconfig())?
            .args(["auth", "can-i", verb, resource, "--namespace", &namespace.name, &account])
            .run()
            .await?;
        ensure!(
            asked.stdout().trim() == if may { "yes" } else { "no" },
            "{verb} {resource}: {}",
            asked.stdout()
        );
    }
    Ok(())
}

/// The ordinary Job is applied twice. The second stream differs, so that an update of the same Job would be refused.
pub(crate) async fn an_injected_cleanup_is_accepted_twice(cluster: &ControlPlane) -> Result<()> {
    let namespace = restricted(cluster).await?;
    let mut jobs = 0;
    for (data, new_jobs) in [("a", 1), ("a", 0), ("b", 1), ("b", 0)] {
        let stream =
            format!("apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: web\ndata:\n  key: {data}\n");
        let injected = Program::new(env!("CARGO_BIN_EXE_jobsweep")).arg("--inject-cleanup").stdin(stream);
        let injected = injected.run().await?.expect_success()?;
        let applied = apply(cluster, &namespace)?.args(["-f", "-"]).stdin(injected.stdout).run().await?;
        let applied = applied.expect_success()?;
        ensure!(applied.stderr.is_empty(), "{}", applied.stderr());
        jobs += new_jobs;
        let names = namespace.names().await?;
        ensure!(names.len() == jobs, "{names:?} after {data}");
    }
    Ok(())
}

pub(crate) async fn an_injected_cleanup_may_be_called_like_a_number(cluster: &ControlPlane) -> Result<()> {
    let namespace = restricted(cluster).await?;
    let stream = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: web\n";
    let injected = Program::new(env!("CARGO_BIN_EXE_jobsweep")).arg("--inject-cleanup=123").stdin(stream);
    let injected = injected.run().await?.expect_success()?;
    apply(cluster, &namespace)?.args(["-f", "-"]).stdin(injected.stdout).run().await?.expect_success()?;
    let names = namespace.names().await?;
    ensure!(names.len() == 1 && names[0].starts_with("123-"), "{names:?}");
    Ok(())
}

fn apply(cluster: &ControlPlane, namespace: &Namespace) -> Result<Program> {
    Ok(kubectl(&cluster.kubeconfig())?.args(["apply", "--namespace", &namespace.name]))
}

async fn restricted(cluster: &ControlPlane) -> Result<Namespace> {
    let namespace = cluster.namespace().await?;
    namespace.restrict().await?;
    Ok(namespace)
}
