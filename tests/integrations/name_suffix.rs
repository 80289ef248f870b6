//! The commands for kubectl in `docs/name-suffix-hash.md`.

use std::fs;

use anyhow::{Result, ensure};
use jobsweep_harness::control_plane::ControlPlane;
use jobsweep_harness::helm::{Helm, write_chart};
use jobsweep_harness::pages::in_namespace;
use jobsweep_harness::tools::{self, HelmVersion};
use jobsweep_harness::{trials, trials::Trial};

use crate::setup::{jobsweep_folder, repository};

pub(crate) fn trials() -> Vec<Trial> {
    trials![kubectl_prunes_the_old_job_and_keeps_the_one_that_has_not_changed]
}

const JOB: &str = r#"apiVersion: batch/v1
kind: Job
metadata:
  name: migrate
  labels: { app.kubernetes.io/instance: shop }
spec:
  template:
    spec:
      restartPolicy: Never
      containers: [{ name: main, image: "example.com/shop:{{ .Values.version }}" }]
"#;

pub(crate) async fn kubectl_prunes_the_old_job_and_keeps_the_one_that_has_not_changed(
    cluster: &ControlPlane,
    version: HelmVersion,
) -> Result<()> {
    let page = fs::read_to_string(repository("docs/name-suffix-hash.md"))?;
    let commands: Vec<_> = page.split("\n\n").filter(|part| part.contains("kubectl apply -n")).collect();
    ensure!(commands.len() == 2, "{commands:?}");
    for command in commands {
        let namespace = cluster.namespace().await?;
        let mut helm = Helm::new(version)?.kubeconfig(cluster.kubeconfig()).on_path(jobsweep_folder()?);
        for program in [helm.program().to_owned(), tools::kubectl()?] {
            helm = helm.on_path(program.parent().unwrap_or(&program));
        }
        let apply = async |version: u8| {
            let values = format!("version: {version}\n");
            let files = [("templates/job.yaml", JOB), ("values.yaml", &*values)];
            write_chart(&helm.home().join("shop"), "shop", &files)?;
            let call = helm.command_by("sh").args(["-c", &in_namespace(command, &namespace.name)]);
            call.run().await?.expect_success()?;
            anyhow::Ok(namespace.uids().await?)
        };
        let first = apply(1).await?;
        ensure!(first.len() == 1 && apply(1).await? == first, "{command}: {first:?}");
        let second = apply(2).await?;
        ensure!(second.len() == 1 && second.keys().ne(first.keys()), "{command}: {second:?}");
        // What a sweep deletes runs again.
        for job in second.keys() {
            namespace.remove(job).await?;
        }
        ensure!(apply(2).await?.keys().eq(second.keys()), "{command}");
    }
    Ok(())
}
