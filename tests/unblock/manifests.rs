//! Manifests as charts write them: their types, anchors, lists and several Jobs.

use anyhow::{Result, ensure};
use jobsweep_harness::control_plane::ControlPlane;
use jobsweep_harness::helm::kubectl;
use jobsweep_harness::jobs::{Outcome, job};
use jobsweep_harness::{trials, trials::Trial};
use serde_json::json;

use crate::setup::{BOTH, NOBODY, Setup, changed, manifest, says, stream, wrote};

pub fn trials() -> Vec<Trial> {
    trials![
        a_job_that_kubectl_applied_from_the_same_text_stays,
        of_several_jobs_only_the_one_that_changed_goes,
        the_items_of_a_list_are_jobs,
        two_manifests_of_one_job_are_refused,
        nulls_that_kubectl_sends_do_not_block_a_job_that_has_not_changed,
    ]
}

const MIGRATE: &str = r#"# Source: shop/templates/migrate.yaml
apiVersion: batch/v1
kind: Job
metadata:
  name: migrate
  labels: &labels
    app.kubernetes.io/name: shop
    app.kubernetes.io/version: "1.10"
  annotations:
    kots.io/hook-delete-policy: hook-succeeded
    checksum/config: "0e12345"
spec:
  managedBy: example.com/nobody
  backoffLimit: 0x3
  template:
    metadata:
      creationTimestamp: null
      labels:
        <<: *labels
        tier: backend
      annotations: {}
    spec:
      restartPolicy: Never
      automountServiceAccountToken: no
      nodeSelector:
      volumes:
        - name: scripts
          configMap: { name: scripts, defaultMode: 0755 }
        - {name: cache, emptyDir: {}}
      containers:
        - &shop
          name: main
          image: "example.com/shop:1"
          command: [sh, -c]
          args:
            - |
              set -e
              echo "a: b"   # no comment

              migrate --all
            - >-
              folded
              over two lines
            - "tab\there, \u00e9 and \
              a continuation"
          env:
            - {name: EMPTY, value: ""}
            - {name: QUOTED, value: 'it''s'}
            - name: PORT
              value: !!str 8080
          resources:
            limits: {cpu: 1, memory: 0.5Gi}
            requests: {cpu: 100m, memory: 1e8}
          securityContext: {runAsUser: 1_000, readOnlyRootFilesystem: yes, privileged: Off}
          volumeMounts: [{name: scripts, mountPath: /scripts, readOnly: true}]
      initContainers:
        - <<: *shop
          name: init
"#;

pub async fn a_job_that_kubectl_applied_from_the_same_text_stays(cluster: &ControlPlane) -> Result<()> {
    for ways in [&["apply"][..], &["apply", "--server-side"]] {
        let setup = Setup::new(cluster).await?;
        let apply = kubectl(&cluster.kubeconfig())?.args(ways).args(["-n", &setup.namespace.name, "-f", "-"]);
        apply.stdin(MIGRATE).run().await?.expect_success()?;
        let live = setup.namespace.jobs().get("migrate").await?;
        setup.remember(&live)?;
        setup.namespace.finish(&live, Outcome::Succeeded).await?;
        let finished = setup.passes(setup.unblock(MIGRATE).run().await?, &[]).await?;
        wrote(&finished, MIGRATE)?;
        anyhow::ensure!(finished.stderr.is_empty(), "{}", finished.stderr());
        let other = MIGRATE.replace("0755", "0750");
        setup.passes(setup.unblock(&other).run().await?, &["migrate"]).await?;
    }
    Ok(())
}

pub async fn of_several_jobs_only_the_one_that_changed_goes(cluster: &ControlPlane) -> Result<()> {
    let setup = Setup::new(cluster).await?;
    let described = |name: &str| job(name).policy(BOTH);
    for name in ["same", "other"] {
        setup.finished(described(name), Outcome::Succeeded).await?;
    }
    let text =
        stream(&[manifest(described("same"))?, changed(described("other"))?, manifest(described("new"))?]);
    let finished = setup.passes(setup.unblock(&text).run().await?, &["other"]).await?;
    wrote(&finished, &text)?;
    let deleted = format!(
        "jobsweep: deleted Job {} in context test, which was in the way (spec.template changes, and is immutable); it has succeeded, and its \
         policy allows that\n",
        setup.id("other")
    );
    anyhow::ensure!(finished.stderr() == deleted, "{}", finished.stderr());
    Ok(())
}

async fn the_items_of_a_list_are_jobs(cluster: &ControlPlane) -> Result<()> {
    for (api_version, kind) in [("v1", "List"), ("batch/v1", "JobList")] {
        let setup = Setup::new(cluster).await?;
        let described = |name: &str| job(name).policy(BOTH);
        for name in ["same", "other"] {
            setup.finished(described(name), Outcome::Failed).await?;
        }
        let items = [manifest(described("same"))?, changed(described("other"))?];
        let text = json!({ "apiVersion": api_version, "kind": kind, "items": items }).to_string();
        let finished = setup.ends(setup.unblock(&text).run().await?, 0, &["other"]).await?;
        wrote(&finished, &text)?;
    }
    Ok(())
}

async fn two_manifests_of_one_job_are_refused(cluster: &ControlPlane) -> Result<()> {
    let setup = Setup::new(cluster).await?;
    setup.finished(job("twice").policy(BOTH), Outcome::Succeeded).await?;
    let text = stream(&[changed(job("twice").policy(BOTH))?, changed(job("twice").policy(BOTH))?]);
    let finished = setup.ends(setup.unblock(&text).run().await?, 65, &[]).await?;
    says(&finished, &["two manifests of Job "])
}

pub async fn nulls_that_kubectl_sends_do_not_block_a_job_that_has_not_changed(
    cluster: &ControlPlane,
) -> Result<()> {
    let pod = r#"spec: {restartPolicy: Never, containers: [{name: main, image: "example.com/shop:1"}]}"#;
    // Whether a second apply fails: from the client's side without jobsweep and with it, and from the server's side with it.
    for (spec, fails) in [
        (format!("template: {{metadata: , {pod}}}"), [true, false, false]),
        (format!("template: {{metadata: null, {pod}}}"), [true, false, false]),
        (format!("template: {{metadata: {{labels: ~}}, {pod}}}"), [true, false, false]),
        (format!("template: {{metadata: {{annotations: null}}, {pod}}}"), [false, false, false]),
        (format!("completions: \n  template: {{{pod}}}"), [true, false, false]),
        (format!("completions: \n  parallelism: null\n  template: {{{pod}}}"), [false, false, false]),
        (format!("completions: null\n  parallelism: 2\n  template: {{{pod}}}"), [false, false, false]),
        (format!("completions: 2\n  parallelism: null\n  template: {{{pod}}}"), [false, false, false]),
        (format!("backoffLimit: null\n  suspend: null\n  template: {{{pod}}}"), [false, false, false]),
        (format!("selector: null\n  template: {{{pod}}}"), [true, true, true]),
    ] {
        let text = format!(
            "apiVersion: batch/v1\nkind: Job\nmetadata: {{name: migrate}}\nspec:\n  managedBy: {NOBODY}\n  {spec}\n"
        );
        let mut failed = Vec::new();
        for (with_jobsweep, how) in [(false, CLIENT), (true, CLIENT), (true, SERVER)] {
            let setup = Setup::new(cluster).await?;
            let mut last = None;
            for _ in 0..2 {
                let manifests = if with_jobsweep {
                    setup.unblock(&text).run().await?.expect_success()?.stdout
                } else {
                    text.clone().into_bytes()
                };
                let apply = kubectl(&cluster.kubeconfig())?.args(["apply", "-n", &setup.namespace.name]);
                last = Some(apply.args([how, "-f", "-"]).stdin(manifests).run().await?);
            }
            failed.push(last.is_none_or(|last| last.code() != Some(0)));
        }
        ensure!(failed == fails, "{spec}: {failed:?}");
    }
    Ok(())
}

const CLIENT: &str = "--server-side=false";
const SERVER: &str = "--server-side=true";
