//! The committed files are up to date.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use jobsweep::inject::manifests::{Cleanup, Form, IMAGE, JOB_RULES, LOG_RULES};
use jobsweep_harness::{trials, trials::Trial};

pub(crate) fn trials() -> Vec<Trial> {
    trials![every_example_is_what_the_source_makes, the_image_is_this_version,]
}

/// The files with their expected texts.
pub(crate) fn all() -> Vec<(&'static str, String)> {
    let cleanup = Cleanup::new("jobsweep", &[], &[]);
    let scheduled = Cleanup::new("jobsweep", &["--once", FINISHED_FOR], &[]);
    let mut everywhere = Cleanup::new("jobsweep", &["--once", FINISHED_FOR, "--all-namespaces"], &[]);
    everywhere.namespace = Some("jobsweep".to_owned());
    let cron_job = |heading: &str, cleanup: &Cleanup| {
        format!("{heading}{}---\n{}", cleanup.access(Form::Plain), cleanup.cron_job("*/5 * * * *"))
    };
    vec![
        (
            "cleanup-job.yaml",
            format!("{JOB}{}---\n{}", cleanup.access(Form::Plain), cleanup.job(Form::Plain)),
        ),
        ("cleanup-cronjob.yaml", cron_job(CRON_JOB, &scheduled)),
        ("cleanup-cronjob-all-namespaces.yaml", cron_job(CRON_JOB_EVERYWHERE, &everywhere)),
        ("cleanup-role.yaml", roles()),
    ]
}

pub(crate) fn path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("examples").join(name)
}

pub(crate) async fn every_example_is_what_the_source_makes() -> Result<()> {
    for (name, text) in all() {
        let path = path(name);
        if std::env::var_os("JOBSWEEP_BLESS").is_some() {
            fs::write(&path, text)?;
            continue;
        }
        let found = fs::read_to_string(&path).with_context(|| path.display().to_string())?;
        ensure!(
            found == text,
            "examples/{name} differs from src/inject; JOBSWEEP_BLESS=1 cargo test --test manifests writes it"
        );
    }
    Ok(())
}

pub(crate) async fn the_image_is_this_version() -> Result<()> {
    ensure!(IMAGE.ends_with(concat!(":", env!("CARGO_PKG_VERSION"))), "{IMAGE}");
    Ok(())
}

const JOB: &str = "\
# Sweeps the namespace once: waits until the Jobs with a delete policy have finished, and deletes those that it names.
# The image does not exist yet: build it with packaging/image/build.sh, push it, and write its name below.
#
#   kubectl apply -n NAMESPACE -f cleanup-job.yaml
#   kubectl logs -n NAMESPACE -f job/jobsweep
#
# The Job is removed a minute after its end, and can then be applied again.
";

/// Three times as long as Helm waits by default.
const FINISHED_FOR: &str = "--finished-for=15m";

const CRON_JOB: &str = "\
# Sweeps the namespace every five minutes: deletes the Jobs that finished 15 minutes ago, if their delete policy names how
# they ended. Until then a helm may wait for them. If yours waits for more than 5 minutes, raise --finished-for.
# The image does not exist yet: build it with packaging/image/build.sh, push it, and write its name below.
#
#   kubectl apply -n NAMESPACE -f cleanup-cronjob.yaml
";

const CRON_JOB_EVERYWHERE: &str = "\
# Sweeps all namespaces every five minutes: deletes the Jobs that finished 15 minutes ago, if their delete policy names how
# they ended. Until then a helm may wait for them. If yours waits for more than 5 minutes, raise --finished-for.
# The image does not exist yet: build it with packaging/image/build.sh, push it, and write its name below.
#
#   kubectl create namespace jobsweep
#   kubectl apply -f cleanup-cronjob-all-namespaces.yaml
";

fn roles() -> String {
    let role = |name: &str, rules: &str| {
        format!(
            "apiVersion: rbac.authorization.k8s.io/v1\nkind: Role\nmetadata:\n  name: {name}\nrules:\n{rules}"
        )
    };
    format!(
        "\
# What `jobsweep --cleanup` may do in a namespace. Create it there, and bind it to the ServiceAccount it runs as:
#
#   kubectl create rolebinding jobsweep --role=jobsweep --serviceaccount=NAMESPACE:NAME
#
# For --all-namespaces make it a ClusterRole, bound by a ClusterRoleBinding.
{}---
# Only for --log-tail, and for Jobs annotated helm.sh/hook-output-log-policy: to show why a Job failed before it is
# deleted. Without it the sweep warns once and goes on.
{}",
        role("jobsweep", JOB_RULES),
        role("jobsweep-logs", LOG_RULES),
    )
}
