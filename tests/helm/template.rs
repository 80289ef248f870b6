//! `helm template --post-renderer jobsweep`.

use anyhow::{Result, ensure};
use jobsweep_harness::helm::{Helm, write_chart};
use jobsweep_harness::tools::HelmVersion;
use jobsweep_harness::{trials, trials::Trial};

use crate::setup::{
    JOBSWEEP, add_cat, helm_with_jobsweep, put_program, same, shop, stage_plugin, template, untouched,
    with_copied, wrote,
};

pub(crate) fn trials() -> Vec<Trial> {
    trials![
        a_job_gets_the_annotation_and_a_hook_gets_it_on_helm_4,
        what_jobsweep_wrote_is_left_alone_by_another_run_of_it,
        a_chart_that_renders_nothing_is_rendered_as_before,
        a_chart_with_crlf_keeps_what_helm_keeps_of_it,
        blanks_in_every_path_do_no_harm,
        a_default_policy_reaches_the_plain_jobs,
        helm_3_takes_the_path_of_the_program_and_helm_4_does_not,
    ]
}

const BY_NAME: [&str; 2] = ["--post-renderer", "jobsweep"];
const WITH_HOOK: [&str; 2] = ["--set", "preparation.enabled=true"];

pub(crate) async fn a_job_gets_the_annotation_and_a_hook_gets_it_on_helm_4(
    version: HelmVersion,
) -> Result<()> {
    let helm = helm_with_jobsweep(version).await?;
    let before = untouched(&helm, &shop(), &WITH_HOOK).await?;
    let mut expected = with_copied(&before, "hook-succeeded");
    // Helm 3 passes no hooks to the post-renderer.
    if version.is_4() {
        expected = with_copied(&expected, "before-hook-creation,hook-succeeded");
    }
    let jobs = if version.is_4() { 2 } else { 1 };
    ensure!(expected.matches("kots.io/hook-delete-policy").count() == jobs, "{expected}");

    wrote(template(&helm, &shop()).args(BY_NAME).args(WITH_HOOK).run().await?, &expected)
}

pub(crate) async fn what_jobsweep_wrote_is_left_alone_by_another_run_of_it(
    version: HelmVersion,
) -> Result<()> {
    let helm = helm_with_jobsweep(version).await?;
    let once = template(&helm, &shop()).args(BY_NAME).args(WITH_HOOK).run().await?.expect_success()?;

    let chart = helm.home().join("translated");
    write_chart(&chart, "translated", &[("templates/all.yaml", &once.stdout())])?;
    let expected = untouched(&helm, &chart, &[]).await?;
    // On Helm 4 the hook is already translated; Helm 3 never passes it.
    wrote(template(&helm, &chart).args(BY_NAME).run().await?, &expected)
}

pub(crate) async fn a_chart_that_renders_nothing_is_rendered_as_before(version: HelmVersion) -> Result<()> {
    let helm = helm_with_jobsweep(version).await?;
    add_cat(&helm)?;
    let chart = helm.home().join("nothing");
    write_chart(&chart, "nothing", &[("templates/job.yaml", "{{- if false }}\nkind: Job\n{{- end }}\n")])?;

    // Helm 4 refuses empty output, so jobsweep writes a marker.
    let by_cat = template(&helm, &chart).args(["--post-renderer", "cat"]).run().await?;
    ensure!(by_cat.status.success() != version.is_4(), "cat: {}", by_cat.stderr());

    let expected = if version.is_4() { "\n" } else { "---\n" };
    wrote(template(&helm, &chart).args(BY_NAME).run().await?, expected)
}

pub(crate) async fn a_chart_with_crlf_keeps_what_helm_keeps_of_it(version: HelmVersion) -> Result<()> {
    let helm = helm_with_jobsweep(version).await?;
    let chart = helm.home().join("crlf");
    let job = "apiVersion: batch/v1\r\nkind: Job\r\nmetadata:\r\n  name: migrate\r\n  annotations:\r\n    \
               helm.sh/hook-delete-policy: hook-succeeded\r\nspec:\r\n  template: {}\r\n";
    write_chart(&chart, "crlf", &[("templates/job.yaml", job)])?;

    let expected = with_copied(&untouched(&helm, &chart, &[]).await?, "hook-succeeded");
    // Helm 4 replaces CRLF with LF before the post-renderer.
    let copy = if version.is_4() { "succeeded\n" } else { "succeeded\r\n" };
    ensure!(expected.contains(&format!("    kots.io/hook-delete-policy: hook-{copy}")), "{expected:?}");
    wrote(template(&helm, &chart).args(BY_NAME).run().await?, &expected)
}

pub(crate) async fn blanks_in_every_path_do_no_harm(version: HelmVersion) -> Result<()> {
    let helm = Helm::new(version)?;
    let place = helm.home().join("a place with blanks");
    let plugin = place.join("the plugin");
    stage_plugin(&plugin)?;
    put_program(&plugin)?;
    let helm = helm.on_path(plugin.join("bin"));
    let chart = place.join("the chart");
    write_chart(&chart, "blanks", &[("templates/job.yaml", JOB)])?;
    let expected = with_copied(&untouched(&helm, &chart, &[]).await?, "hook-succeeded");

    let data = place.join("Helm's data");
    if version.is_4() {
        let install = helm
            .command()
            .env("HELM_DATA_HOME", &data)
            .args(["plugin", "install"])
            .arg(&plugin)
            .run()
            .await?;
        install.expect_success()?;
    }
    let rendered = template(&helm, &chart)
        .env("HELM_DATA_HOME", &data)
        .env("HELM_PLUGINS", data.join("plugins"))
        .args(BY_NAME)
        .run()
        .await?;
    wrote(rendered, &expected)
}

pub(crate) async fn a_default_policy_reaches_the_plain_jobs(version: HelmVersion) -> Result<()> {
    let helm = helm_with_jobsweep(version).await?;
    let without = ["--set", "migration.policy="];
    let before = untouched(&helm, &shop(), &without).await?;
    let name = "  name: shop-migration\n";
    let added = "  annotations:\n    kots.io/hook-delete-policy: hook-succeeded,hook-failed\n";
    let expected = before.replace(name, &format!("{name}{added}"));
    ensure!(expected != before, "{before}");

    // Helm passes on both the argument and the environment.
    let argument = "--default-policy=hook-succeeded,hook-failed";
    let by_argument =
        template(&helm, &shop()).args(without).args(BY_NAME).args(["--post-renderer-args", argument]);
    wrote(by_argument.run().await?, &expected)?;
    let by_environment = template(&helm, &shop()).args(without).args(BY_NAME);
    let by_environment = by_environment.env("JOBSWEEP_DEFAULT_POLICY", "hook-succeeded,hook-failed");
    wrote(by_environment.run().await?, &expected)
}

pub(crate) async fn helm_3_takes_the_path_of_the_program_and_helm_4_does_not(
    version: HelmVersion,
) -> Result<()> {
    let helm = Helm::new(version)?;
    let rendered = template(&helm, &shop()).args(["--post-renderer", JOBSWEEP]).run().await?;
    if version.is_4() {
        let refused = rendered.expect_code(1)?;
        let expected = format!(
            "Error: invalid argument \"{JOBSWEEP}\" for \"--post-renderer\" flag: \
             plugin: {{Name:{JOBSWEEP} Type:postrenderer/v1}} not found\n"
        );
        return same("stderr", &expected, &refused.stderr());
    }
    let expected = with_copied(&untouched(&helm, &shop(), &[]).await?, "hook-succeeded");
    wrote(rendered, &expected)
}

const JOB: &str = "\
apiVersion: batch/v1
kind: Job
metadata:
  name: migrate
  annotations:
    helm.sh/hook-delete-policy: hook-succeeded
spec:
  template: {}
";
