//! The report on stdout, the messages on stderr, and the logs of failed Jobs.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use jobsweep_harness::control_plane::{AuditEvent, ControlPlane, rule};
use jobsweep_harness::jobs::{Outcome, job};
use jobsweep_harness::process::Program;
use jobsweep_harness::{trials, trials::Trial};
use serde_json::{Value, json};

use crate::deletion::finished;
use crate::faulty_proxy::{Act, FaultyProxy};
use crate::setup::{Said, Setup, shipped_rules};

pub fn trials() -> Vec<Trial> {
    trials![
        a_log_has_a_line_for_every_job_and_no_table,
        a_terminal_gets_a_table_of_what_is_kept_or_failed_and_the_sum_last,
        a_piped_table_has_every_job_uncut,
        the_json_report_is_one_object,
        names_are_those_of_the_deleted_jobs,
        nothing_in_scope_is_said_and_leaves_stdout_empty,
        a_namespace_that_does_not_exist_is_named_to_whoever_may_know,
        a_report_that_cannot_be_written_is_an_error,
        the_logs_of_a_failed_job_are_shown_before_it_is_deleted,
        a_job_may_ask_for_its_logs_itself,
        without_the_right_to_read_logs_it_warns_once_and_goes_on,
        a_log_that_cannot_be_had_stops_nothing,
        a_container_that_never_started_has_nothing_to_say,
        a_log_that_the_api_server_is_too_busy_for_is_asked_for_again,
        the_shipped_role_is_enough_to_read_logs,
        a_log_that_may_not_be_read_is_said_once_and_stops_nothing,
        a_namespace_that_forbids_logs_silences_no_other,
        a_terminal_gets_a_line_that_shows_how_far_it_is,
    ]
}

const BOTH: &str = "hook-succeeded,hook-failed";

async fn failed(setup: &Setup, name: &str, policy: &str) -> Result<()> {
    let job = setup.namespace.create(job(name).policy(policy)).await?;
    setup.namespace.fail(&job).await
}

/// What a terminal of 80 columns shows after a sweep of this setup. `{}` in the line of shell is the sweep.
async fn screen(setup: &Setup, line: &str, args: &str) -> Result<String> {
    let (jobsweep, kubeconfig) = (env!("CARGO_BIN_EXE_jobsweep"), setup.user.kubeconfig.display());
    let sweep = format!("'{jobsweep}' --cleanup --settle=0 --kubeconfig '{kubeconfig}' {args}");
    let line = format!("stty cols 80 rows 24; {}", line.replace("{}", &sweep));
    // `script` of util-linux gives a program a terminal.
    let terminal = Program::new("/usr/bin/script").env("SHELL", "/bin/sh").env("PATH", "/usr/bin:/bin");
    let terminal =
        terminal.env("TERM", "xterm").args(["--quiet", "--return", "--command", &line, "/dev/null"]);
    let shown = terminal.run().await?.expect_success()?.stdout().replace("\r\n", "\n");
    // A progress line is cleared in the end.
    Ok(shown.rsplit("\x1b[2K").next().unwrap_or_default().to_owned())
}

async fn done_and_paused(setup: &Setup) -> Result<()> {
    finished(&setup.namespace, "done", "before-hook-creation, hook-succeeded").await?;
    setup.namespace.create(job("paused").policy(BOTH).suspended()).await?;
    Ok(())
}

pub async fn a_log_has_a_line_for_every_job_and_no_table(cluster: &ControlPlane) -> Result<()> {
    let setup = Setup::new(cluster).await?;
    done_and_paused(&setup).await?;
    let swept = setup.sweep().run().await?.expect_success()?;
    ensure!(swept.stdout().is_empty(), "{}", swept.stdout());
    let said = swept.stderr();
    let mut lines: Vec<_> = said.lines().collect();
    ensure!(lines.pop() == Some("1 deleted, 3 kept; 2 Jobs have no policy; see --default-policy"), "{said}");
    lines.sort_unstable();
    let expected = [
        ("deleted", "done: it has succeeded (CompletionsReached); its policy names hook-succeeded"),
        (
            "kept",
            "bystander-failed: it has failed (BackoffLimitExceeded); its policy does not name hook-failed",
        ),
        (
            "kept",
            "bystander-succeeded: it has succeeded (CompletionsReached); its policy does not name hook-succeeded",
        ),
        ("kept", "paused: it is suspended and cannot finish before it is resumed"),
    ];
    let expected = expected.map(|(action, rest)| format!("{action} {}", setup.id(rest)));
    ensure!(lines == expected, "{said}");
    setup.leaves(&["paused"]).await
}

pub async fn a_terminal_gets_a_table_of_what_is_kept_or_failed_and_the_sum_last(
    cluster: &ControlPlane,
) -> Result<()> {
    let setup = Setup::new(cluster).await?;
    done_and_paused(&setup).await?;
    failed(&setup, "broken", "hook-failed").await?;
    for (line, is_coloured) in [
        ("{}", true),
        ("NO_COLOR=1 {}", false),
        ("TERM=dumb {}", false),
        ("{} | cat", false),
        ("CLICOLOR_FORCE=1 {} | cat", true),
    ] {
        let screen = screen(&setup, line, "--dry-run").await?;
        ensure!(screen.contains('\x1b') == is_coloured, "{line}: {screen:?}");
    }
    let shown = screen(&setup, "NO_COLOR=1 {}", "").await?;
    let mut lines: Vec<_> = shown.lines().collect();
    ensure!(lines.pop() == Some("2 deleted, 3 kept; 2 Jobs have no policy; see --default-policy"), "{shown}");
    ensure!(lines.iter().all(|line| line.len() <= 80), "{shown}");
    // Some rows go on in the next line.
    lines.retain(|line| !line.starts_with(' '));
    for (line, cells) in lines.iter().zip([
        &["JOB", "OUTCOME", "FINISHED", "ACTION", "WHY"][..],
        &["broken", "failed", "s", "deleted", "-"],
        &["bystander-failed", "failed", "s", "kept", "its policy does not name"],
        &["bystander-succeeded", "succeeded", "s", "kept", "its policy does not name"],
        &["paused", "suspended", "-", "kept", "it is suspended"],
    ]) {
        let found = line.split("  ").map(str::trim).filter(|cell| !cell.is_empty());
        // The age is that of the test.
        let is_right = found.zip(cells).all(|(cell, expected)| match *expected {
            "s" => cell.ends_with('s'),
            expected => cell.starts_with(expected),
        });
        ensure!(is_right, "not {cells:?}:\n{shown}");
    }
    ensure!(lines.len() == 5, "{shown}");
    setup.leaves(&["paused"]).await
}

pub async fn a_piped_table_has_every_job_uncut(cluster: &ControlPlane) -> Result<()> {
    let setup = Setup::new(cluster).await?;
    done_and_paused(&setup).await?;
    let args = format!("-n {} -n {0}", setup.namespace.name);
    let shown = screen(&setup, "{} | cat", &args).await?;
    // The sum may overtake what goes through the pipe.
    let lines: Vec<_> = shown
        .lines()
        .filter(|line| *line != "1 deleted, 3 kept; 2 Jobs have no policy; see --default-policy")
        .collect();
    ensure!(lines.len() == 5 && lines[0].starts_with("NAMESPACE  "), "{shown}");
    ensure!(lines[1].contains("  done  ") && lines[1].contains("  deleted  "), "{shown}");
    ensure!(lines[4].ends_with("it is suspended and cannot finish before it is resumed"), "{shown}");
    setup.leaves(&["paused"]).await
}

pub async fn the_json_report_is_one_object(cluster: &ControlPlane) -> Result<()> {
    let setup = Setup::new(cluster).await?;
    finished(&setup.namespace, "done", BOTH).await?;
    let swept = setup.sweep().args(["-o", "json", "--release=none"]).run().await?.expect_success()?;
    let mut report: Value = serde_json::from_slice(&swept.stdout)?;
    ensure!(report["seconds"].take().is_f64());
    let empty =
        json!({ "version": 1, "end": "swept", "exitCode": 0, "dryRun": false, "seconds": null, "jobs": [] });
    ensure!(report == empty, "{report}");

    let swept = setup.sweep().args(["--output=json"]).run().await?.expect_success()?;
    let mut job = swept.jobs()?.remove("done").context("the Job")?;
    ensure!(job["uid"].take().is_string() && job["waitedSeconds"].take().is_f64());
    let expected = json!({
        "namespace": setup.namespace.name, "name": "done", "uid": null, "outcome": "succeeded",
        "reason": "CompletionsReached", "policy": BOTH, "action": "deleted", "why": null, "dueInSeconds": null,
        "finalizers": [], "ranSeconds": 0, "waitedSeconds": null, "logs": [], "logsCut": false,
    });
    ensure!(job == expected, "{job}");
    setup.leaves(&[]).await
}

pub async fn names_are_those_of_the_deleted_jobs(cluster: &ControlPlane) -> Result<()> {
    let setup = Setup::new(cluster).await?;
    finished(&setup.namespace, "b", BOTH).await?;
    finished(&setup.namespace, "a", BOTH).await?;
    let swept = setup.sweep().args(["-oname", "-q"]).run().await?.expect_success()?;
    ensure!(swept.stdout() == "job.batch/a\njob.batch/b\n", "{}", swept.stdout());
    ensure!(swept.stderr().is_empty(), "{}", swept.stderr());
    setup.leaves(&[]).await
}

pub async fn nothing_in_scope_is_said_and_leaves_stdout_empty(cluster: &ControlPlane) -> Result<()> {
    let setup = Setup::new(cluster).await?;
    let swept = setup.sweep().args(["-l", "app=none"]).run().await?.expect_success()?;
    ensure!(swept.stdout().is_empty(), "{}", swept.stdout());
    let place = format!("(namespace {}, context test)", setup.namespace.name);
    let expected = format!("no Job in scope has the annotation kots.io/hook-delete-policy {place}\n");
    ensure!(swept.stderr() == expected, "{}", swept.stderr());
    setup.leaves(&[]).await?;

    let other = cluster.namespace().await?;
    for name in ["a", "b"] {
        other.create(job(name)).await?;
    }
    let sweep = setup.sweep_by(&cluster.kubeconfig()).args(["-n", &other.name]);
    sweep.run().await?.expect_success()?.says(&["; 2 Jobs have no policy; see --default-policy\n"])?;
    ensure!(other.names().await? == ["a", "b"]);
    Ok(())
}

pub async fn a_namespace_that_does_not_exist_is_named_to_whoever_may_know(
    cluster: &ControlPlane,
) -> Result<()> {
    let setup = Setup::new(cluster).await?;
    let namespaces = ["-n", "no-such", "-n", &setup.namespace.name];
    let sweep = |kubeconfig: &Path| setup.sweep_by(kubeconfig).args(namespaces).args(["-l", "app=none"]);
    let swept = sweep(&cluster.kubeconfig()).run().await?.expect_success()?;
    swept.says(&["jobsweep: warning: no Job in scope", "; namespace no-such does not exist\n"])?;
    let rules = vec![rule("batch", "jobs", &["list", "watch", "delete"])];
    setup.namespace.allow_everywhere(&setup.user, rules).await?;
    let swept = sweep(&setup.user.kubeconfig).run().await?.expect_success()?;
    ensure!(!swept.stderr().contains("exist"), "{}", swept.stderr());
    setup.leaves(&[]).await
}

pub async fn a_report_that_cannot_be_written_is_an_error(cluster: &ControlPlane) -> Result<()> {
    let setup = Setup::new(cluster).await?;
    finished(&setup.namespace, "done", BOTH).await?;
    let to_nowhere = r#"exec "$0" "$@" -o name > /dev/full"#;
    let sweep = Program::new("/bin/sh").args(["-c", to_nowhere, env!("CARGO_BIN_EXE_jobsweep"), "--cleanup"]);
    let swept =
        sweep.args(["--settle=0", "--kubeconfig"]).arg(&setup.user.kubeconfig).run().await?.expect_code(1)?;
    swept.says(&["the report could not be written"])?;
    setup.leaves(&[]).await
}

pub async fn the_logs_of_a_failed_job_are_shown_before_it_is_deleted(cluster: &ControlPlane) -> Result<()> {
    let setup = Setup::with_logs(cluster).await?;
    failed(&setup, "broken", "hook-failed").await?;
    failed(&setup, "kept", "hook-succeeded").await?;
    finished(&setup.namespace, "fine", "hook-succeeded").await?;
    let proxy = FaultyProxy::start(cluster, &setup.user).await?;
    // There is no kubelet to read the logs from, so the proxy answers instead.
    proxy.on("GET", "/log?", vec![Act::Text("connecting\npanic: no database\n")]);
    let swept =
        setup.sweep_by(&proxy.kubeconfig).args(["--log-tail=2", "-ojson"]).run().await?.expect_success()?;
    let asked = proxy.seen("GET", "/log?");
    ensure!(asked.len() == 1 && asked[0].uri.contains("tailLines=2"), "{asked:?}");
    let jobs = swept.jobs()?;
    ensure!(
        jobs["broken"]["logs"][0]["lines"] == json!(["connecting", "panic: no database"]),
        "{:?}",
        jobs["broken"]
    );
    ensure!(jobs["broken"]["logs"][0]["container"] == "main", "{:?}", jobs["broken"]);
    swept.says(&["  | panic: no database"])?.reports("broken", "deleted", "failed")?;
    setup.leaves(&["kept"]).await
}

pub async fn a_job_may_ask_for_its_logs_itself(cluster: &ControlPlane) -> Result<()> {
    let setup = Setup::with_logs(cluster).await?;
    let asks =
        job("asks").policy(BOTH).annotation("helm.sh/hook-output-log-policy", "hook-failed,hook-succeeded");
    let asks = setup.namespace.create(asks).await?;
    setup.namespace.succeed(&asks).await?;
    let proxy = FaultyProxy::start(cluster, &setup.user).await?;
    proxy.on("GET", "/log?", vec![Act::Text("all is well\n")]);
    let swept = setup.sweep_by(&proxy.kubeconfig).run().await?.expect_success()?;
    swept.says(&["  | all is well"])?;
    setup.leaves(&[]).await
}

pub async fn without_the_right_to_read_logs_it_warns_once_and_goes_on(cluster: &ControlPlane) -> Result<()> {
    let setup = Setup::new(cluster).await?;
    for name in ["a", "b", "c"] {
        let job = setup.namespace.create(job(name).policy(BOTH).managed_by("example.com/nobody")).await?;
        setup.namespace.finish(&job, Outcome::Failed).await?;
    }
    let swept = setup.sweep().arg("--log-tail=5").run().await?.expect_success()?;
    ensure!(swept.stderr().matches("warning: no logs").count() == 1, "{}", swept.stderr());
    swept.says(&["not allowed to list pods", "resources: [\"pods\"]", "3 deleted"])?;
    setup.leaves(&[]).await
}

pub async fn a_log_that_cannot_be_had_stops_nothing(cluster: &ControlPlane) -> Result<()> {
    let setup = Setup::with_logs(cluster).await?;
    failed(&setup, "broken", "hook-failed").await?;
    let proxy = FaultyProxy::start(cluster, &setup.user).await?;
    let no_node = || Act::Answer(500, "dial tcp 10.0.0.7:10250: no route to host", None);
    proxy.on("GET", "/log?", (0..4).map(|_| no_node()).collect());
    let swept = setup.sweep_by(&proxy.kubeconfig).arg("--log-tail=5").run().await?.expect_success()?;
    swept.says(&["warning: no log of pod broken-", "1 deleted"])?;
    ensure!(proxy.seen("GET", "/log?").len() == 4, "it was asked for a few times");
    setup.leaves(&[]).await
}

pub async fn a_container_that_never_started_has_nothing_to_say(cluster: &ControlPlane) -> Result<()> {
    let setup = Setup::with_logs(cluster).await?;
    failed(&setup, "broken", "hook-failed").await?;
    let proxy = FaultyProxy::start(cluster, &setup.user).await?;
    let waiting = "container \"main\" in pod \"broken\" is waiting to start: ErrImagePull";
    proxy.on("GET", "/log?", vec![Act::Answer(400, waiting, None)]);
    let sweep = setup.sweep_by(&proxy.kubeconfig).args(["--log-tail=5", "-v"]);
    let swept = sweep.run().await?.expect_success()?;
    ensure!(!swept.stderr().contains("warning"), "{}", swept.stderr());
    swept.says(&["no log of pod broken-", "waiting to start", "1 deleted"])?;
    ensure!(proxy.seen("GET", "/log?").len() == 1, "it was asked for once");
    setup.leaves(&[]).await
}

pub async fn a_log_that_the_api_server_is_too_busy_for_is_asked_for_again(
    cluster: &ControlPlane,
) -> Result<()> {
    let setup = Setup::with_logs(cluster).await?;
    failed(&setup, "broken", "hook-failed").await?;
    let proxy = FaultyProxy::start(cluster, &setup.user).await?;
    let busy = |code| Act::Answer(code, "too many requests", None);
    proxy.on("GET", "/log?", vec![busy(429), busy(503), Act::Text("panic: no database\n")]);
    // With --quiet the logs still appear, because the table has no place for them.
    let sweep = setup.sweep_by(&proxy.kubeconfig).args(["--log-tail=5", "--quiet"]);
    let swept = sweep.run().await?.expect_success()?;
    swept.says(&["pod broken-", "  | panic: no database"])?;
    setup.leaves(&[]).await
}

pub async fn the_shipped_role_is_enough_to_read_logs(cluster: &ControlPlane) -> Result<()> {
    let setup = Setup::with_logs(cluster).await?;
    failed(&setup, "broken", "hook-failed").await?;
    let swept = setup.sweep().args(["--log-tail=5", "-v"]).run().await?.expect_success()?;
    ensure!(!swept.stderr().contains("warning"), "{}", swept.stderr());
    let log = cluster.audit_log()?;
    let asked = |event: &&_| -> bool { is_log_request(event, &setup.user.full_name) };
    let codes: Vec<_> = log.iter().filter(asked).map(|event| event.code).collect();
    // No node has run the pod, so the API server has no logs. But it does not answer that access is denied.
    ensure!(!codes.is_empty() && codes.iter().all(|code| *code != 403), "{codes:?}");
    setup.leaves(&[]).await
}

fn is_log_request(event: &AuditEvent, user: &str) -> bool {
    event.user == user && event.uri.contains("/log?") && event.stage == "ResponseComplete"
}

pub async fn a_log_that_may_not_be_read_is_said_once_and_stops_nothing(cluster: &ControlPlane) -> Result<()> {
    let setup = Setup::new(cluster).await?;
    setup.namespace.allow(&setup.user, vec![rule("", "pods", &["list"])]).await?;
    for name in ["a", "b", "c"] {
        failed(&setup, name, "hook-failed").await?;
    }
    let swept = setup.sweep().arg("--log-tail=5").run().await?.expect_success()?;
    ensure!(swept.stderr().matches("no logs of").count() == 1, "{}", swept.stderr());
    swept.says(&["not allowed to get pods/log", "resources: [\"pods/log\"]", "3 deleted"])?;
    setup.leaves(&[]).await
}

pub async fn a_namespace_that_forbids_logs_silences_no_other(cluster: &ControlPlane) -> Result<()> {
    let (setup, other) = (Setup::with_logs(cluster).await?, Setup::without_role(cluster).await?);
    other.namespace.allow(&setup.user, shipped_rules("jobsweep")?).await?;
    for namespace in [&other.namespace, &setup.namespace] {
        let job = namespace.create(job("broken").policy("hook-failed")).await?;
        namespace.fail(&job).await?;
    }
    let proxy = FaultyProxy::start(cluster, &setup.user).await?;
    let address = format!("/namespaces/{}/pods/", setup.namespace.name);
    proxy.on("GET", &address, vec![Act::Text("panic\n")]);
    let sweep = setup.sweep_by(&proxy.kubeconfig).args(["--log-tail=5", "--concurrency=1"]);
    let sweep = sweep.args(["-n", &other.namespace.name, "-n", &setup.namespace.name]);
    let swept = sweep.run().await?.expect_success()?;
    swept.says(&["not allowed to list pods", "  | panic", "2 deleted"])?;
    setup.leaves(&[]).await?;
    other.leaves(&[]).await
}

pub async fn a_terminal_gets_a_line_that_shows_how_far_it_is(cluster: &ControlPlane) -> Result<()> {
    let setup = Setup::new(cluster).await?;
    setup.namespace.create(job("running").policy(BOTH)).await?;
    let (jobsweep, kubeconfig) = (env!("CARGO_BIN_EXE_jobsweep"), setup.user.kubeconfig.display());
    let command = format!("'{jobsweep}' --cleanup --timeout=3s --kubeconfig '{kubeconfig}'");
    // `script` of util-linux gives a program a terminal.
    let terminal =
        Program::new("/usr/bin/script").env("SHELL", "/bin/sh").args(["--quiet", "--return", "--command"]);
    let terminal = terminal.arg(command);
    let swept = terminal.arg("/dev/null").run().await?.expect_code(4)?;
    let screen = swept.stdout();
    let line = format!("s of 3s, 2 kept, 1 waiting: {}\x1b[?7h\r\x1b[2K", setup.id("running"));
    ensure!(screen.contains(&line), "{screen:?}");
    ensure!(screen.contains("the deadline came before everything was swept"), "{screen:?}");
    setup.leaves(&["running"]).await
}
