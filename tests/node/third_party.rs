//! README's own lines for a release that has failed, on a third party's chart: its Jobs have no policy, and nobody thought of jobsweep
//! when it was installed.

use anyhow::{Result, ensure};
use jobsweep_harness::helm::Wait;
use jobsweep_harness::node::Node;
use jobsweep_harness::pages::block;
use jobsweep_harness::tools::HelmVersion;
use jobsweep_harness::{trials, trials::Trial};

use crate::release::Release;

pub(crate) fn trials() -> Vec<Trial> {
    trials![a_failed_upgrade_passes_by_the_line_in_readme_and_is_rolled_back_by_its_other]
}

/// As such charts are: the labels of the pods have the version too, and the containers are restricted.
const SCHEMA: &str = r#"
apiVersion: batch/v1
kind: Job
metadata: { name: shop-schema }
spec:
  template:
    metadata: { labels: { app.kubernetes.io/version: "{{ .Values.version }}" } }
    spec:
      restartPolicy: OnFailure
      securityContext: { runAsNonRoot: true, runAsUser: 1000 }
      initContainers: [{ name: wait, image: "example.com/app:{{ .Values.version }}", command: ["true"] }]
      containers: [{ name: main, image: "example.com/app:{{ .Values.version }}", command: ["true"] }]
"#;

const JOBS: [&str; 2] = ["migrate", "shop-schema"];

pub(crate) async fn a_failed_upgrade_passes_by_the_line_in_readme_and_is_rolled_back_by_its_other(
    node: &Node,
    helm: HelmVersion,
) -> Result<()> {
    let shop = Release::new(node, helm, Wait::No).await?;
    shop.add("templates/schema.yaml", SCHEMA)?;
    let set = |version: u32| shop.add("values.yaml", &format!("version: {version}\nscript: echo migrated\n"));
    let upgrade = block("README.md", "helm upgrade --install shop ./shop -n shop ")?;
    let roll_back = block("README.md", "helm get manifest shop ")?.replace("--revision 3", "--revision 1");
    let roll_back = roll_back.replace("rollback shop 3", "rollback shop 1");

    set(1)?;
    shop.typed("helm install shop ./shop -n shop").await?.expect_success()?;
    finished(&shop).await?;
    let first = shop.namespace.uids().await?;
    set(2)?;
    let failed = shop.typed("helm upgrade shop ./shop -n shop").await?.expect_code(1)?;
    ensure!(failed.stderr().contains("field is immutable"), "{}", failed.stderr());
    ensure!(shop.status().await? == "failed" && shop.namespace.uids().await? == first);

    shop.typed(&upgrade).await?.expect_success()?;
    finished(&shop).await?;
    let second = shop.namespace.uids().await?;
    ensure!(JOBS.iter().all(|job| first[*job] != second[*job]), "{first:?} became {second:?}");
    shop.typed(&upgrade).await?.expect_success()?;
    ensure!(shop.namespace.uids().await? == second, "nothing has changed, and a Job has run again");

    shop.typed(&roll_back).await?.expect_success()?;
    finished(&shop).await?;
    let third = shop.namespace.uids().await?;
    ensure!(JOBS.iter().all(|job| second[*job] != third[*job]), "{second:?} became {third:?}");
    ensure!(shop.status().await? == "deployed");
    Ok(())
}

async fn finished(shop: &Release<'_>) -> Result<()> {
    for job in JOBS {
        shop.namespace.condition(&shop.namespace.jobs().get(job).await?, "Complete").await?;
    }
    Ok(())
}
