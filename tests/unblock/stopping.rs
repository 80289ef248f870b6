//! Ends before the way is clear: the deadline, signals, and a stdout that nobody reads.

use anyhow::{Result, ensure};
use jobsweep_harness::control_plane::ControlPlane;
use jobsweep_harness::jobs::{Outcome, job};
use jobsweep_harness::process::{Program, Signal};
use jobsweep_harness::wait::PATIENCE;
use jobsweep_harness::{trials, trials::Trial};

use crate::setup::{BOTH, Setup, changed, says, stream, wrote};

pub fn trials() -> Vec<Trial> {
    trials![
        the_deadline_names_what_still_runs,
        a_timeout_of_0_waits_for_nothing,
        a_timeout_of_0_deletes_what_has_finished,
        sigterm_while_waiting_deletes_nothing,
        sigint_while_waiting_deletes_nothing,
        the_deadline_counts_while_a_kubeconfig_is_read,
        a_signal_ends_it_while_nobody_reads_the_manifests,
        a_closed_stdout_is_an_error,
    ]
}

async fn waiting(cluster: &ControlPlane) -> Result<(Setup<'_>, String)> {
    let setup = Setup::new(cluster).await?;
    setup.finished(job("done").policy(BOTH), Outcome::Succeeded).await?;
    setup.unfinished(job("running").policy(BOTH)).await?;
    let text = stream(&[changed(job("done").policy(BOTH))?, changed(job("running").policy(BOTH))?]);
    Ok((setup, text))
}

/// The call under test, with its streams redirected by a shell.
fn through_shell(setup: &Setup<'_>, redirect: &str) -> Program {
    let call = Program::new("/bin/sh").args(["-c", &format!("exec \"$0\" \"$@\" {redirect}")]);
    let call = call.arg(env!("CARGO_BIN_EXE_jobsweep")).args(["--unblock", "--kubeconfig"]);
    call.arg(&setup.user.kubeconfig).args(["--namespace", &setup.namespace.name])
}

async fn the_deadline_names_what_still_runs(cluster: &ControlPlane) -> Result<()> {
    let (setup, text) = waiting(cluster).await?;
    let finished = setup.ends(setup.unblock(&text).arg("--timeout=3s").run().await?, 4, &[]).await?;
    let fields = "is in the way (spec.template changes, and is immutable)";
    says(
        &finished,
        &[
            "the deadline came before the way was clear",
            &format!("Job {} {fields} and has not finished", setup.id("running")),
            &format!(
                "if it cannot finish, add --force, or delete it yourself: kubectl delete job running -n {} --context=test",
                setup.namespace.name
            ),
            &format!("Job {} {fields} and was not deleted", setup.id("done")),
            "nothing was deleted, and no manifest was written",
        ],
    )
}

async fn a_timeout_of_0_waits_for_nothing(cluster: &ControlPlane) -> Result<()> {
    let (setup, text) = waiting(cluster).await?;
    let finished = setup.ends(setup.unblock(&text).arg("--timeout=0").run().await?, 4, &[]).await?;
    says(&finished, &["and has not finished"])
}

async fn a_timeout_of_0_deletes_what_has_finished(cluster: &ControlPlane) -> Result<()> {
    let setup = Setup::new(cluster).await?;
    setup.finished(job("done").policy(BOTH), Outcome::Succeeded).await?;
    let text = stream(&[changed(job("done").policy(BOTH))?]);
    let finished = setup.passes(setup.unblock(&text).arg("--timeout=0").run().await?, &["done"]).await?;
    wrote(&finished, &text)
}

async fn stopped_by(cluster: &ControlPlane, signal: Signal, name: &str, code: i32) -> Result<()> {
    let (setup, text) = waiting(cluster).await?;
    let mut running = setup.unblock(&text).spawn()?;
    running.line_with("waiting for Job ").await?;
    running.signal(signal).await?;
    let finished = setup.ends(running.finish(PATIENCE).await?, code, &[]).await?;
    says(&finished, &[&format!("stopped by {name}"), "nothing was deleted, and no manifest was written"])
}

async fn sigterm_while_waiting_deletes_nothing(cluster: &ControlPlane) -> Result<()> {
    stopped_by(cluster, Signal::Term, "SIGTERM", 143).await
}

async fn sigint_while_waiting_deletes_nothing(cluster: &ControlPlane) -> Result<()> {
    stopped_by(cluster, Signal::Int, "SIGINT", 130).await
}

async fn the_deadline_counts_while_a_kubeconfig_is_read(cluster: &ControlPlane) -> Result<()> {
    let setup = Setup::new(cluster).await?;
    let pipe = setup.user.kubeconfig.with_extension("pipe");
    Program::new("mkfifo").arg(&pipe).run().await?.expect_success()?;
    let text = stream(&[changed(job("any").policy(BOTH))?]);
    let finished = setup.unblock_by(&pipe, &text).arg("--timeout=1s").run().await?;
    says(
        &setup.ends(finished, 4, &[]).await?,
        &["the deadline came before the kubeconfig and the credentials were read"],
    )
}

async fn a_signal_ends_it_while_nobody_reads_the_manifests(cluster: &ControlPlane) -> Result<()> {
    let setup = Setup::new(cluster).await?;
    setup.finished(job("done").policy(BOTH), Outcome::Succeeded).await?;
    let (manifests, pipe) =
        (setup.user.kubeconfig.with_extension("in"), setup.user.kubeconfig.with_extension("out"));
    let text = stream(&[changed(job("done").policy(BOTH))?]);
    std::fs::write(&manifests, text + &"# more than a pipe holds\n".repeat(200_000))?;
    Program::new("mkfifo").arg(&pipe).run().await?.expect_success()?;
    // Opened for reading and writing, a named pipe needs no reader.
    let redirect = format!("< '{}' 1<> '{}'", manifests.display(), pipe.display());
    let unblock = through_shell(&setup, &redirect);
    let mut running = unblock.spawn()?;
    running.line_with("deleted Job ").await?;
    setup.namespace.until_gone("done").await?;
    running.signal(Signal::Term).await?;
    setup.ends(running.finish(PATIENCE).await?, 143, &["done"]).await?;
    Ok(())
}

/// Nobody can know before the manifests are written that they will not be read, so the Job is gone by then.
async fn a_closed_stdout_is_an_error(cluster: &ControlPlane) -> Result<()> {
    let setup = Setup::new(cluster).await?;
    setup.finished(job("done").policy(BOTH), Outcome::Succeeded).await?;
    let unblock = through_shell(&setup, "> /dev/full");
    let text = stream(&[changed(job("done").policy(BOTH))?]);
    let finished = setup.ends(unblock.stdin(text.as_str()).run().await?, 1, &["done"]).await?;
    ensure!(finished.stderr().lines().count() == 2, "{}", finished.stderr());
    says(&finished, &["deleted Job ", "cannot write stdout: No space left on device"])?;
    // Once more, and all is well.
    setup.passes(setup.unblock(&text).run().await?, &["done"]).await?;
    Ok(())
}
