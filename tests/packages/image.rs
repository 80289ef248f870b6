//! The image and its multi-architecture index. The tests of a node run the image.

use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use jobsweep_harness::helm::Helm;
use jobsweep_harness::process::Program;
use jobsweep_harness::registry::Registry;
use jobsweep_harness::tools::{HelmVersion, oras};
use jobsweep_harness::{trials, trials::Trial};
use serde_json::{Value, json};

use crate::plugin_archive::{VERSION, program};
use crate::setup::{repository, same};

pub(crate) fn trials() -> Vec<Trial> {
    trials![the_same_program_makes_the_same_image, one_name_serves_both_architectures_and_root_neither]
}

/// Builds an image of this architecture, with the same program each time.
async fn build(home: &Helm, architecture: &str, archive: &str) -> Result<PathBuf> {
    let archive = home.home().join(archive);
    let build = home.command_by(repository("packaging/image/build.sh")).arg(&archive).arg(architecture);
    let built = build.arg(program().await?).run().await?.expect_success()?;
    same("stdout", &format!("ghcr.io/jobsweep/jobsweep:{VERSION}\n"), &built.stdout())?;
    Ok(archive)
}

pub(crate) async fn the_same_program_makes_the_same_image() -> Result<()> {
    let home = Helm::new(HelmVersion::V4)?;
    let (first, second) = (build(&home, "amd64", "1.tar").await?, build(&home, "amd64", "2.tar").await?);
    let compared = Program::new("cmp").args([first, second]).run().await?.expect_success()?;
    same("stdout", "", &compared.stdout())
}

pub(crate) async fn one_name_serves_both_architectures_and_root_neither() -> Result<()> {
    let (home, registry) = (Helm::new(HelmVersion::V4)?, Registry::start().await?);
    let archives = [build(&home, "amd64", "amd64.tar").await?, build(&home, "arm64", "arm64.tar").await?];
    let name = format!("{}/jobsweep/jobsweep", registry.address());
    let push = home.command_by(repository("packaging/image/push.sh")).arg(&name).args(archives);
    let pushed = push.args(["--", "--tls-verify=false"]).run().await?.expect_success()?;

    let fetch = async |kind: &str, args: &[&str], reference: &str| -> Result<Value> {
        let fetch = home.command_by(oras()?).args([kind, "fetch", "--plain-http", "--output=-"]);
        let fetched = fetch.args(args).arg(reference).run().await?.expect_success()?;
        serde_json::from_slice(&fetched.stdout).context("JSON")
    };
    for architecture in ["amd64", "arm64"] {
        let platform = format!("--platform=linux/{architecture}");
        let tagged = fetch("manifest", &[&platform], &format!("{name}:{VERSION}")).await?;
        // The script prints the digest that a signature refers to.
        let by_digest = fetch("manifest", &[&platform], &format!("{name}@{}", pushed.stdout())).await?;
        ensure!(tagged == by_digest, "{tagged:#} is not {by_digest:#}");
        ensure!(tagged["layers"].as_array().is_some_and(|layers| layers.len() == 1), "{tagged:#}");

        let digest = tagged["config"]["digest"].as_str().context("no digest")?;
        let image = fetch("blob", &[], &format!("{name}@{digest}")).await?;
        ensure!(image["architecture"] == architecture, "{image:#}");
        ensure!(image["config"]["User"] == "65532:65532", "{image:#}");
        ensure!(image["config"]["Entrypoint"] == json!(["/jobsweep"]), "{image:#}");
    }
    Ok(())
}
