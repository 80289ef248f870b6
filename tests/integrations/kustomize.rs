//! `examples/kustomize/` and `docs/kustomize.md` with the real kustomize and kpt.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use jobsweep_harness::control_plane::ControlPlane;
use jobsweep_harness::pages::{block, in_namespace};
use jobsweep_harness::process::{Finished, Program};
use jobsweep_harness::tools;
use jobsweep_harness::{trials, trials::Trial};
use serde::Deserialize;
use serde_yaml::Value;

use crate::setup::{jobsweep_folder, repository, same};

pub(crate) fn trials() -> Vec<Trial> {
    trials![
        the_transformer_gives_every_job_a_policy,
        kustomize_shows_warnings_and_goes_on,
        kustomize_shows_errors_and_builds_nothing,
        the_patch_gives_every_job_a_policy,
        kpt_edits_files_by_one_line_a_job,
        kpt_shows_and_stores_results,
        kustomize_and_kpt_append_hashes,
        a_job_with_a_generated_config_map_gets_its_hash_in_a_pipe,
    ]
}

/// The tests that run kubectl's own kustomize.
pub(crate) fn with_kubectl() -> Vec<Trial> {
    trials![a_pipe_replaces_the_jobs_that_have_changed]
}

/// The tests that run no program.
pub(crate) fn pages() -> Vec<Trial> {
    trials![the_helm_release_has_the_same_patch, the_page_shows_the_transformer]
}

const KOTS: &str = "kots.io/hook-delete-policy";
const BOTH: &str = "hook-succeeded,hook-failed";
const MISSPELT: &str = "helm.sh/hook-delete-policy: hook-suceeded";

fn example(path: &str) -> PathBuf {
    repository("examples/kustomize").join(path)
}

fn text(path: &str) -> Result<String> {
    fs::read_to_string(example(path)).with_context(|| path.to_owned())
}

async fn build(folder: &Path) -> Result<Finished> {
    let kustomize = Program::new(tools::kustomize()?).arg("build").arg(folder);
    kustomize.args(["--enable-alpha-plugins", "--enable-exec"]).env("PATH", jobsweep_folder()?).run().await
}

fn documents(stream: &str) -> Result<Vec<Value>> {
    let documents = serde_yaml::Deserializer::from_str(stream).map(Value::deserialize);
    Ok(documents.collect::<Result<_, _>>()?)
}

/// Checks that a build is that of the base, where exactly these Jobs have these policies.
async fn gives(built: Finished, policies: &[(&str, &str)]) -> Result<()> {
    let built = built.expect_success()?;
    same("stderr", "", &built.stderr())?;
    let mut expected = documents(&build(&example("base")).await?.expect_success()?.stdout())?;
    for object in &mut expected {
        let policy = policies.iter().find(|(name, _)| object["metadata"]["name"] == *name);
        if let Some((_, policy)) = policy {
            ensure!(object["kind"] == "Job", "{object:?}");
            let metadata = object["metadata"].as_mapping_mut().context("metadata")?;
            let annotations =
                metadata.entry("annotations".into()).or_insert_with(|| Value::Mapping(<_>::default()));
            annotations[KOTS] = (*policy).into();
        }
    }
    let found = documents(&built.stdout())?;
    ensure!(found == expected, "{}", built.stdout());
    Ok(())
}

pub(crate) async fn a_pipe_replaces_the_jobs_that_have_changed(cluster: &ControlPlane) -> Result<()> {
    let namespace = cluster.namespace().await?;
    let (home, kubectl) = (folder("pipe")?, tools::kubectl()?);
    let folders = [jobsweep_folder()?, kubectl.parent().context("a program lies in a folder")?];
    let path = std::env::join_paths(folders.into_iter().chain([Path::new("/usr/bin"), Path::new("/bin")]))?;
    let deploy = home.join("deploy");
    fs::create_dir(&deploy)?;
    fs::copy(example("base/kustomization.yaml"), deploy.join("kustomization.yaml"))?;
    let line = in_namespace(&block("docs/kustomize.md", "kubectl kustomize ./deploy ")?, &namespace.name);
    for version in 1..=2 {
        let jobs = text("base/jobs.yaml")?.replace("shop:1", &format!("shop:{version}"));
        fs::write(deploy.join("jobs.yaml"), jobs)?;
        let before = namespace.uids().await?;
        let shell = Program::new("/bin/sh").args(["-c", &line]).current_dir(&home).env("HOME", &home);
        shell.env("PATH", &path).env("KUBECONFIG", cluster.kubeconfig()).run().await?.expect_success()?;
        let after = namespace.uids().await?;
        ensure!(after.len() == 2 && after.iter().all(|(job, uid)| before.get(job) != Some(uid)), "{after:?}");
        for job in after.keys() {
            namespace.succeed(&namespace.jobs().get(job).await?).await?;
        }
    }
    Ok(())
}

pub(crate) async fn the_transformer_gives_every_job_a_policy() -> Result<()> {
    let built = build(&example("transformer")).await?;
    gives(built, &[("migrate", "hook-succeeded"), ("index", BOTH)]).await
}

/// An empty folder.
fn folder(name: &str) -> Result<PathBuf> {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("kustomize").join(name);
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder)?;
    Ok(folder)
}

/// The base and the transformer in a folder, with a misspelt policy and these options.
fn misspelt(name: &str, spec: &str) -> Result<PathBuf> {
    let folder = folder(name)?;
    let jobs = text("base/jobs.yaml")?.replace("helm.sh/hook-delete-policy: hook-succeeded", MISSPELT);
    ensure!(jobs.contains(MISSPELT));
    let transformer = text("transformer/jobsweep.yaml")?;
    let (head, _) = transformer.split_once("spec:").context("a spec")?;
    fs::write(folder.join("jobs.yaml"), jobs)?;
    fs::write(folder.join("jobsweep.yaml"), format!("{head}spec: {{{spec}}}\n"))?;
    fs::write(folder.join("kustomization.yaml"), "resources: [jobs.yaml]\ntransformers: [jobsweep.yaml]\n")?;
    Ok(folder)
}

pub(crate) async fn kustomize_shows_warnings_and_goes_on() -> Result<()> {
    let built = build(&misspelt("warning", "")?).await?.expect_success()?;
    let said = "jobsweep: warning: document 1, Job \"migrate\", ";
    ensure!(built.stderr().starts_with(said), "{}", built.stderr());
    ensure!(built.stderr().contains("unknown word \"hook-suceeded\""), "{}", built.stderr());
    ensure!(built.stdout().contains(&format!("{KOTS}: hook-suceeded")), "{}", built.stdout());
    ensure!(!built.stdout().contains("severity"), "{}", built.stdout());
    Ok(())
}

pub(crate) async fn kustomize_shows_errors_and_builds_nothing() -> Result<()> {
    for (name, spec, said) in [
        ("strict", "strict: true", "jobsweep: document 1, Job \"migrate\", "),
        ("option", "defaultPolicy: hook-failed", "there is no option \"defaultPolicy\""),
        ("policy", "default-policy: later", "default-policy: \"later\" is none of hook-succeeded"),
    ] {
        let failed = build(&misspelt(name, spec)?).await?.expect_code(1)?;
        ensure!(failed.stderr().contains(said), "{}", failed.stderr());
        ensure!(
            failed.stderr().contains("Error: couldn't execute function: exit status 65"),
            "{}",
            failed.stderr()
        );
        same("stdout", "", &failed.stdout())?;
    }
    Ok(())
}

pub(crate) async fn the_patch_gives_every_job_a_policy() -> Result<()> {
    gives(build(&example("patch")).await?, &[("migrate", BOTH), ("index", BOTH)]).await?;

    let page = fs::read_to_string(repository("docs/kustomize.md"))?;
    let selector = "annotationSelector: \"!kots.io/hook-delete-policy,!helm.sh/hook-delete-policy\"";
    ensure!(page.contains(selector), "the page names the other selector");
    let folder = folder("selector")?;
    let patch = text("patch/kustomization.yaml")?;
    let other = patch.replace("annotationSelector: \"!kots.io/hook-delete-policy\"", selector);
    ensure!(other != patch);
    fs::copy(example("base/jobs.yaml"), folder.join("jobs.yaml"))?;
    fs::write(folder.join("kustomization.yaml"), other.replace("../base", "jobs.yaml"))?;
    gives(build(&folder).await?, &[("index", BOTH)]).await
}

pub(crate) async fn the_helm_release_has_the_same_patch() -> Result<()> {
    let release: Value = serde_yaml::from_str(&text("helmrelease.yaml")?)?;
    let kustomization: Value = serde_yaml::from_str(&text("patch/kustomization.yaml")?)?;
    let patches = &release["spec"]["postRenderers"][0]["kustomize"]["patches"];
    ensure!(patches.is_sequence() && *patches == kustomization["patches"], "{patches:?}");
    Ok(())
}

async fn eval(package: &Path, args: &[&str]) -> Result<Finished> {
    let kpt = Program::new(tools::kpt()?).args(["fn", "eval", "--exec", "jobsweep"]).arg(package);
    kpt.args(args).env("PATH", jobsweep_folder()?).env("HOME", package).run().await
}

pub(crate) async fn kpt_edits_files_by_one_line_a_job() -> Result<()> {
    let package = folder("package")?;
    let jobs = text("base/jobs.yaml")?;
    fs::write(package.join("jobs.yaml"), &jobs)?;
    eval(&package, &["--", &format!("default-policy={BOTH}")]).await?.expect_success()?;
    let with_comment = "    helm.sh/hook-delete-policy: hook-succeeded # keep failures\n";
    let expected = jobs
        .replace(with_comment, &format!("{with_comment}    {KOTS}: hook-succeeded\n"))
        .replace("  name: index\n", &format!("  name: index\n  annotations:\n    {KOTS}: {BOTH}\n"));
    same("the file", &expected, &fs::read_to_string(package.join("jobs.yaml"))?)
}

pub(crate) async fn kpt_shows_and_stores_results() -> Result<()> {
    for (args, code, severity) in [(&[][..], 0, "warning"), (&["--", "strict=true"], 1, "error")] {
        let package = misspelt(&format!("kpt-{severity}"), "")?;
        let results = folder(&format!("kpt-results-{severity}"))?;
        let before = fs::read_to_string(package.join("jobs.yaml"))?;
        let stored = ["--results-dir", results.to_str().context("UTF-8")?];
        let evaluated = eval(&package, &[&stored[..], args].concat()).await?.expect_code(code)?;
        let said = format!("[{severity}] batch/v1/Job/migrate: the delete policy has the unknown word");
        ensure!(evaluated.stderr().contains(&said), "{}", evaluated.stderr());
        let stored: Value = serde_yaml::from_str(&fs::read_to_string(results.join("results.yaml"))?)?;
        let result = &stored["items"][0]["results"][0];
        ensure!(result["severity"] == severity && result["resourceRef"]["name"] == "migrate", "{stored:?}");
        let after = fs::read_to_string(package.join("jobs.yaml"))?;
        ensure!((after == before) == (code == 1), "{after}");
    }
    Ok(())
}

pub(crate) async fn kustomize_and_kpt_append_hashes() -> Result<()> {
    let jobs = text("base/jobs.yaml")?;
    let package = folder("package-with-hashes")?;
    fs::write(package.join("jobs.yaml"), &jobs)?;
    eval(&package, &["--", "nameSuffixHash=true"]).await?.expect_success()?;
    let edited = documents(&fs::read_to_string(package.join("jobs.yaml"))?)?;
    let built = build(&misspelt("hashes", "nameSuffixHash: true")?).await?.expect_success()?;
    let built = documents(&built.stdout())?;
    for name in ["migrate", "index"] {
        let hashed = |jobs: &[Value]| {
            let names = jobs.iter().filter_map(|job| job["metadata"]["name"].as_str());
            let of_job = names.filter(|found| found.starts_with(&format!("{name}-")));
            of_job.map(str::to_owned).collect::<Vec<_>>()
        };
        ensure!(jobs.contains(&format!("name: {name}\n")) && hashed(&edited).len() == 1, "{edited:?}");
        ensure!(hashed(&edited) == hashed(&built), "{built:?}");
    }
    Ok(())
}

/// After all functions, kustomize gives another name to the ConfigMap, also in the Job.
pub(crate) async fn a_job_with_a_generated_config_map_gets_its_hash_in_a_pipe() -> Result<()> {
    let folder = misspelt("generated", "nameSuffixHash: true")?;
    let jobs = text("base/jobs.yaml")?;
    let uses = "restartPolicy: Never\n      volumes: [{name: a, configMap: {name: settings}}]";
    fs::write(folder.join("jobs.yaml"), jobs.replacen("restartPolicy: Never", uses, 1))?;
    let mut names = Vec::new();
    for value in ["1", "2"] {
        let generator = format!(
            "resources: [jobs.yaml]\nconfigMapGenerator: [{{name: settings, literals: [a={value}]}}]\n"
        );
        let write = |text: &str| fs::write(folder.join("kustomization.yaml"), text);
        write(&format!("{generator}transformers: [jobsweep.yaml]\n"))?;
        let built = build(&folder).await?.expect_success()?;
        ensure!(built.stderr().contains("kustomize changes this name later"), "{}", built.stderr());
        ensure!(built.stdout().contains("  name: migrate\n"), "{}", built.stdout());
        ensure!(built.stdout().contains("  name: index-"), "{}", built.stdout());

        write(&generator)?;
        let built = build(&folder).await?.expect_success()?.stdout;
        let pipe = Program::new(jobsweep_folder()?.join("jobsweep")).arg("--name-suffix-hash").stdin(built);
        let piped = pipe.run().await?.expect_success()?.stdout().into_owned();
        names.extend(piped.lines().find(|line| line.starts_with("  name: migrate-")).map(str::to_owned));
    }
    ensure!(names.len() == 2 && names[0] != names[1], "{names:?}");
    Ok(())
}

/// Every YAML block of the page is a part of one of the examples.
pub(crate) async fn the_page_shows_the_transformer() -> Result<()> {
    let page = fs::read_to_string(repository("docs/kustomize.md"))?;
    let blocks: Vec<&str> =
        page.split("```yaml\n").skip(1).filter_map(|rest| rest.split("```").next()).collect();
    ensure!(blocks.len() == 1, "{blocks:?}");
    same("the transformer", blocks[0], &text("transformer/jobsweep.yaml")?)
}
