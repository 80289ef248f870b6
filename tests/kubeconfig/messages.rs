//! What cannot work names the file, the context and the plugin, in `--cleanup` and `--unblock` alike.

use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use jobsweep_harness::process::{Finished, Program};
use jobsweep_harness::{trials, trials::Trial, wait};

use crate::rows::{Row, row};
use crate::run::{JOBSWEEP, MANIFEST, Setup};

pub fn trials() -> Vec<Trial> {
    trials![
        a_plugin_that_is_not_installed_is_named_with_its_hint,
        a_plugin_that_fails_is_named,
        a_plugin_that_returns_nothing_usable_is_named,
        a_plugin_that_hangs_is_named_at_the_deadline_and_ended,
        a_pass_without_waiting_gives_a_plugin_half_a_minute,
        a_plugin_runs_once,
        a_kubeconfig_that_cannot_be_used_is_named,
        a_certificate_for_another_name_is_not_accepted,
    ]
}

fn modes(setup: &Setup) -> [Program; 2] {
    let jobsweep = setup.program(Path::new(JOBSWEEP));
    [
        jobsweep.clone().args(["--cleanup", "--once"]),
        jobsweep.args(["--unblock", "--dry-run"]).stdin(MANIFEST),
    ]
}

/// Both modes end with exit code 1, say all this, and write nothing to stdout.
async fn says(row: Row, texts: &[&str]) -> Result<()> {
    let setup = Setup::new(&row).await?;
    for mode in modes(&setup) {
        check(mode.arg("--timeout=20s").run().await?, &setup, texts)?;
    }
    ensure!(setup.server.take_ways().is_empty(), "nothing is asked");
    Ok(())
}

fn check(finished: Finished, setup: &Setup, texts: &[&str]) -> Result<()> {
    let finished = finished.expect_code(1)?;
    let stderr = finished.stderr();
    for text in texts {
        let text = text.replace("<folder>", &setup.folder.display().to_string());
        ensure!(stderr.contains(&text), "it does not say {text:?}:\n{stderr}");
    }
    ensure!(finished.stdout.is_empty(), "{}", finished.stdout());
    Ok(())
}

const ORIGIN: &str = "of context \"c\" of <folder>/config";

fn with_plugin(command: &'static str) -> Row {
    row("plugin", "").user(command)
}

async fn a_plugin_that_is_not_installed_is_named_with_its_hint() -> Result<()> {
    let row = with_plugin(
        "exec:\n  apiVersion: client.authentication.k8s.io/v1\n  interactiveMode: Never\n  command: no-such-plugin\n  installHint: brew install no-such-plugin",
    );
    let named = format!(
        "no credentials for the API server: the credential plugin no-such-plugin {ORIGIN} is not installed\n"
    );
    says(row, &[&named, "\n  brew install no-such-plugin\n"]).await
}

async fn a_plugin_that_fails_is_named() -> Result<()> {
    let row = with_plugin(
        "exec:\n  apiVersion: client.authentication.k8s.io/v1\n  interactiveMode: Never\n  command: sh\n  args: [-c, 'echo log in first >&2; exit 7']",
    );
    says(row, &["log in first\n", &format!("the credential plugin sh {ORIGIN} failed (exit status: 7)\n")])
        .await
}

async fn a_plugin_that_returns_nothing_usable_is_named() -> Result<()> {
    let nothing =
        "exec:\n  apiVersion: client.authentication.k8s.io/v1\n  interactiveMode: Never\n  command: 'true'";
    says(
        with_plugin(nothing),
        &[&format!("the credential plugin true {ORIGIN} returned no ExecCredential: ")],
    )
    .await?;
    let empty = "exec:\n  apiVersion: client.authentication.k8s.io/v1\n  interactiveMode: Never\n  command: echo\n  args: ['{\"status\": {}}']";
    let neither = "returned neither a token nor a client certificate with its key";
    says(with_plugin(empty), &[&format!("the credential plugin echo {ORIGIN} {neither}\n")]).await?;
    let broken = "exec:\n  apiVersion: client.authentication.k8s.io/v1\n  interactiveMode: Never\n  command: echo\n  args: ['{\"status\": {\"token\": \"a\\nb\"}}']";
    says(
        with_plugin(broken),
        &["context \"c\" of <folder>/config: the token has a character that no HTTP header can have\n"],
    )
    .await?;
    let asks =
        "exec:\n  apiVersion: client.authentication.k8s.io/v1\n  interactiveMode: Always\n  command: 'true'";
    says(with_plugin(asks), &["stdin is no terminal (interactiveMode: Always)\n"]).await
}

async fn a_plugin_that_hangs_is_named_at_the_deadline_and_ended() -> Result<()> {
    let row = with_plugin(
        "exec:\n  apiVersion: client.authentication.k8s.io/v1\n  interactiveMode: Never\n  command: sh\n  args: [-c, 'echo $$ > pid; exec sleep 300']",
    );
    let setup = Setup::new(&row).await?;
    for mode in modes(&setup) {
        let named =
            "the credential plugin sh of context \"c\" of <folder>/config returned nothing within 1 s\n";
        check(mode.arg("--timeout=1s").run().await?, &setup, &[named])?;
        let pid = fs::read_to_string(setup.folder.join("pid"))?;
        let process = Path::new("/proc").join(pid.trim());
        wait::within(Duration::from_secs(10), "the plugin to end", || async {
            Ok((!process.exists()).then_some(()))
        })
        .await?;
    }
    Ok(())
}

async fn a_pass_without_waiting_gives_a_plugin_half_a_minute() -> Result<()> {
    let row = with_plugin(
        "exec:\n  apiVersion: client.authentication.k8s.io/v1\n  interactiveMode: Never\n  command: sh\n  args: [-c, 'echo $$ >> pids; exec sleep 300']",
    );
    let setup = Setup::new(&row).await?;
    let [cleanup, unblock] = modes(&setup).map(|mode| mode.arg("--timeout=0").run());
    let (cleanup, unblock) = tokio::try_join!(cleanup, unblock)?;
    for finished in [cleanup, unblock] {
        ensure!(!finished.stderr().contains("Job "), "{}", finished.stderr());
        let named =
            "the credential plugin sh of context \"c\" of <folder>/config returned nothing within 30 s\n";
        check(finished, &setup, &[named])?;
    }
    let pids = fs::read_to_string(setup.folder.join("pids"))?;
    ensure!(pids.lines().count() == 2, "each mode runs it once: {pids}");
    for pid in pids.lines() {
        let process = Path::new("/proc").join(pid);
        wait::until("the plugin to end", || async { Ok((!process.exists()).then_some(())) }).await?;
    }
    Ok(())
}

async fn a_plugin_runs_once() -> Result<()> {
    let row = with_plugin(
        "exec:\n  apiVersion: client.authentication.k8s.io/v1\n  interactiveMode: Never\n  command: sh\n  args: [-c, 'echo run >> runs; echo \"{\\\"status\\\": {\\\"token\\\": \\\"t\\\"}}\"']",
    );
    let setup = Setup::new(&row).await?;
    for (runs, mode) in (1..).zip(modes(&setup)) {
        mode.arg("--timeout=20s").run().await?.expect_success()?;
        let count = fs::read_to_string(setup.folder.join("runs")).context("it ran")?.lines().count();
        ensure!(count == runs, "it ran {count} times, not {runs}");
    }
    Ok(())
}

async fn a_kubeconfig_that_cannot_be_used_is_named() -> Result<()> {
    const NOWHERE: &str = "jobsweep: cannot find a cluster: ";
    let c = "context \"c\" of <folder>/config";
    for (row, text) in [
        (
            row("", "").text("kind: Config\n"),
            "<folder>/config has no current context; use --context=NAME".to_owned(),
        ),
        (row("", "").text("current-context: d\n"), "no context d in <folder>/config; it has none".to_owned()),
        (
            row("", "").var("KUBECONFIG", "/no/such/file"),
            "there is no kubeconfig, and this is no pod; set KUBECONFIG or use --kubeconfig=FILE".to_owned(),
        ),
        (
            row("", "").text("contexts: [{name: c, context: {cluster: l}}]\ncurrent-context: c\n"),
            format!("{c} has no server for its cluster \"l\""),
        ),
        (row("", "").text("users: [{name: u, user: {token: secret}}\n"), "<folder>/config: ".to_owned()),
        (
            row("", "").server("127.0.0.1:6443"),
            format!("{c}: the server address 127.0.0.1:6443 must begin with https://"),
        ),
        (
            row("", "").cluster("certificate-authority-data: '?'"),
            format!("{c}: failed to load certificate authority: failed to decode base64 data: "),
        ),
        (
            row("", "").cluster("certificate-authority-data: aGVsbG8K"),
            format!("{c}: the certificate authority has no certificate"),
        ),
        (
            row("", "").cluster("certificate-authority: missing.pem"),
            format!(
                "{c}: failed to load certificate authority: failed to read file '\"<folder>/missing.pem\"': "
            ),
        ),
        (
            row("", "").cluster("proxy-url: 'ftp://p'"),
            format!("{c}: the proxy-url ftp://p must begin with http://, https:// or socks5://"),
        ),
        (
            row("", "").var("HTTPS_PROXY", "ftp://p").server("https://api.test"),
            format!("{c}: the variable HTTPS_PROXY=ftp://p must begin with "),
        ),
    ] {
        says(row, &[&format!("{NOWHERE}{text}")]).await?;
    }
    let missing = row("", "").user("tokenFile: missing");
    says(
        missing,
        &[&format!("jobsweep: no credentials for the API server: {c}: the token file <folder>/missing: ")],
    )
    .await?;
    let broken = row("", "").user("client-certificate-data: aGVsbG8K\nclient-key-data: aGVsbG8K");
    says(broken, &[&format!("jobsweep: no credentials for the API server: {c}: ")]).await
}

/// The server's own certificate as authority is good only for the names in it.
async fn a_certificate_for_another_name_is_not_accepted() -> Result<()> {
    for certificate in [crate::rows::Certificate::SelfSignedAuthority, crate::rows::Certificate::SelfSigned] {
        let row = row("", "")
            .certificate(certificate)
            .cluster("certificate-authority-data: <server-certificate>\ntls-server-name: other.test");
        says(row, &["the API server's certificate is not trusted: "]).await?;
    }
    Ok(())
}
