//! What README and the guides tell users of Helm to type.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use jobsweep_harness::control_plane::{ControlPlane, Namespace};
use jobsweep_harness::helm::{Helm, migration_chart};
use jobsweep_harness::k8s_openapi::api::batch::v1::Job;
use jobsweep_harness::pages::{block, in_namespace};
use jobsweep_harness::process::Finished;
use jobsweep_harness::tools::HelmVersion;
use jobsweep_harness::{trials, trials::Trial};
use serde_json::Value;

use crate::setup::{helm_with_jobsweep, jobsweep_folder, put_program, stage_plugin};

pub(crate) fn trials() -> Vec<Trial> {
    trials![
        a_failed_automatic_rollback_is_repaired,
        a_pipeline_shows_what_jobsweep_said,
        two_post_renderers_run_in_a_script,
        plugins_of_helm_4_in_a_folder_of_their_own_leave_helm_3_its_plugins,
    ]
}

const UNBLOCK: &str = "--post-renderer jobsweep --post-renderer-args --unblock";

/// From its second version on, the chart has a Deployment, which never becomes ready without a node.
const WEB: &str = r#"{{- if gt (int .Values.version) 1 }}
apiVersion: apps/v1
kind: Deployment
metadata: { name: web }
spec:
  selector: { matchLabels: { app: web } }
  template:
    metadata: { labels: { app: web } }
    spec: { containers: [{ name: web, image: example.com/web }] }
{{- end }}
"#;

/// A release whose migration has succeeded, and a shell in whose kubeconfig its namespace is called `shop`.
struct Shop {
    helm: Helm,
    namespace: Namespace,
}

impl Shop {
    async fn new(cluster: &ControlPlane, version: HelmVersion) -> Result<Self> {
        let helm = helm_with_jobsweep(version).await?.kubeconfig(cluster.kubeconfig());
        let programs = helm.program().parent().context("a program lies in a folder")?.to_owned();
        let helm = helm.on_path(programs).on_path(jobsweep_folder()?);
        let shop = Self { helm, namespace: cluster.namespace().await? };
        migration_chart(&shop.helm.home().join("shop"), None)?;
        shop.typed("helm install shop ./shop -n shop").await?.expect_success()?;
        shop.namespace.succeed(&shop.job().await?).await?;
        Ok(shop)
    }

    async fn typed(&self, line: &str) -> Result<Finished> {
        let line = in_namespace(line, &self.namespace.name);
        self.helm.command_by("/bin/sh").args(["-c", &line]).run().await
    }

    async fn job(&self) -> Result<Job> {
        Ok(self.namespace.jobs().get("migrate").await?)
    }

    async fn runs_version(&self, version: u32) -> Result<Job> {
        let job = self.job().await?;
        let text = serde_json::to_string(&job)?;
        ensure!(text.contains(&format!("\"example.com/app:{version}\"")), "{text}");
        Ok(job)
    }
}

fn executable(path: &Path, text: &str) -> Result<()> {
    fs::write(path, text)?;
    Ok(fs::set_permissions(path, Permissions::from_mode(0o755))?)
}

pub(crate) async fn a_failed_automatic_rollback_is_repaired(
    cluster: &ControlPlane,
    version: HelmVersion,
) -> Result<()> {
    let shop = Shop::new(cluster, version).await?;
    fs::write(shop.helm.home().join("shop/templates/web.yaml"), WEB)?;
    let flag = if version.is_4() { "--rollback-on-failure" } else { "--atomic" };
    let upgrade = format!("helm upgrade shop ./shop -n shop --set version=2 {UNBLOCK} {flag} --timeout 10s");
    let failed = shop.typed(&upgrade).await?.expect_code(1)?;
    ensure!(failed.stderr().contains("an error occurred while rolling back"), "{}", failed.stderr());
    shop.namespace.succeed(&shop.runs_version(2).await?).await?;

    let history = shop.typed("helm history shop -n shop -o json").await?.expect_success()?;
    let revisions: Vec<Value> = serde_json::from_str(&history.stdout())?;
    ensure!(revisions.len() == 3 && revisions[1]["status"] == "superseded", "{revisions:?}");
    let has_worked = |revision: &&Value| {
        let description = revision["description"].as_str().unwrap_or_default();
        ["Install complete", "Upgrade complete"].contains(&description)
            || description.starts_with("Rollback to ")
    };
    let last = revisions.iter().rfind(has_worked).context("a revision that has worked")?;
    ensure!(last["revision"] == 1, "{revisions:?}");

    for page in ["README.md", "docs/unblock.md"] {
        let roll_back = block(page, "helm get manifest shop --revision 3")?;
        let roll_back = roll_back.replace("--revision 3", "--revision 1").replace("shop 3", "shop 1");
        shop.typed(&roll_back).await?.expect_success()?;
        shop.runs_version(1).await?;
    }
    Ok(())
}

pub(crate) async fn a_pipeline_shows_what_jobsweep_said(
    cluster: &ControlPlane,
    version: HelmVersion,
) -> Result<()> {
    let shop = Shop::new(cluster, version).await?;
    let values = shop.helm.home().join("shop/values.yaml");
    fs::write(&values, fs::read_to_string(&values)?.replace("version: 1", "version: 2"))?;
    let line = block("README.md", "rm -f jobsweep.log; code=0; JOBSWEEP_LOG_FILE=jobsweep.log helm ")?;
    let other = shop.typed(&line.replace("--install shop", "--install other")).await?.expect_code(1)?;
    ensure!(other.stdout().contains("may not be deleted: it belongs to"), "{}", other.stdout());
    let typed = shop.typed(&line).await?.expect_success()?;
    let deleted = format!("deleted Job {}/migrate", shop.namespace.name);
    ensure!(typed.stdout().contains(&deleted), "{}", typed.stdout());
    shop.runs_version(2).await.map(|_| ())
}

pub(crate) async fn two_post_renderers_run_in_a_script(
    cluster: &ControlPlane,
    version: HelmVersion,
) -> Result<()> {
    let mut shop = Shop::new(cluster, version).await?;
    let folder = shop.helm.home().join("both");
    fs::create_dir_all(&folder)?;
    executable(&folder.join("both"), &block("docs/install.md", "#!/bin/sh")?)?;
    let other = "#!/bin/sh\nsed 's/^  name: migrate$/&\\n  labels: {team: shop}/'\n";
    executable(&folder.join("other-renderer"), other)?;
    shop.helm = shop.helm.on_path(&folder);
    if version.is_4() {
        fs::write(folder.join("plugin.yaml"), block("docs/install.md", "apiVersion: v1")?)?;
        shop.typed("helm plugin install ./both").await?.expect_success()?;
    }
    let upgrade = "helm upgrade shop ./shop -n shop --set version=2 --post-renderer both";
    shop.typed(upgrade).await?.expect_success()?;
    let job = shop.runs_version(2).await?;
    ensure!(job.metadata.labels.is_some_and(|labels| labels["team"] == "shop"));
    Ok(())
}

pub(crate) async fn plugins_of_helm_4_in_a_folder_of_their_own_leave_helm_3_its_plugins(
    cluster: &ControlPlane,
) -> Result<()> {
    let shop = Shop::new(cluster, HelmVersion::V4).await?;
    let home = shop.helm.home();
    let diff = home.join(".local/share/helm/plugins/diff");
    fs::create_dir_all(&diff)?;
    let manifest = "name: diff\nversion: 3.9.0\nusage: diff\ndescription: diff\ncommand: echo compared\n";
    fs::write(diff.join("plugin.yaml"), manifest)?;
    let checkout = home.join("checkout");
    stage_plugin(&checkout)?;
    put_program(&checkout)?;
    let helm_3 = HelmVersion::V3_22.program()?;
    let block = block("docs/install.md", "HELM_DATA_HOME=~/.local/share/helm4 ")?;
    let (install, upgrade) = block.split_once('\n').context("two lines")?;
    let line = format!(
        "unset HELM_DATA_HOME HELM_PLUGINS; cd checkout && {install} && cd .. && {upgrade} --set version=2 && '{}' diff",
        helm_3.display()
    );
    let typed = shop.typed(&line).await?.expect_success()?;
    ensure!(typed.stdout().ends_with("compared\n"), "{}", typed.stdout());
    shop.runs_version(2).await.map(|_| ())
}
