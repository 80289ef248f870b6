//! `kubectl sweep-jobs`: the archives of a release, installed by krew.

use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use jobsweep_harness::control_plane::ControlPlane;
use jobsweep_harness::jobs::{Outcome, job};
use jobsweep_harness::process::Program;
use jobsweep_harness::{folder, tools, trials, trials::Trial};

use crate::file_server;
use crate::plugin_archive::{VERSION, program, this_platform};
use crate::setup::{repository, same};

pub(crate) fn trials() -> Vec<Trial> {
    trials![
        krew_finds_the_manifest_valid_and_installs_it_on_every_platform,
        a_wrong_checksum_is_refused,
        kubectl_sweep_jobs_sweeps_and_ends_as_the_cleanup_does,
    ]
}

const PLATFORMS: [&str; 5] = ["linux-amd64", "linux-arm64", "darwin-amd64", "darwin-arm64", "windows-amd64"];

/// A folder with the archives and the manifest, and with `kubectl` and `kubectl-krew` on `PATH`.
struct Machine {
    folder: PathBuf,
    path: OsString,
}

impl Machine {
    /// Only the program for this platform can run.
    async fn new() -> Result<Self> {
        let folder = folder("krew")?;
        let bin = folder.join("bin");
        fs::create_dir(&bin)?;
        symlink(tools::kubectl()?, bin.join("kubectl"))?;
        symlink(tools::krew("krew")?, bin.join("kubectl-krew"))?;
        let plugins = folder.join("krew/bin");
        let path = std::env::join_paths([&bin, &plugins, Path::new("/usr/bin"), Path::new("/bin")])?;

        let (own, other) = (program().await?, repository("examples/pi.yaml"));
        let this = this_platform()?;
        let programs = PLATFORMS
            .map(|platform| format!("{platform}={}", if platform == this { &own } else { &other }.display()));
        let pack = Program::new(repository("packaging/archives.sh")).arg(&folder).args(programs);
        pack.env("PATH", &path).run().await?.expect_success()?;
        Ok(Self { folder, path })
    }

    fn manifest(&self) -> PathBuf {
        self.folder.join("sweep-jobs.yaml")
    }

    /// Makes the manifest name another place for the archives.
    fn rewrite(&self, from: &str, to: &str) -> Result<()> {
        let manifest = fs::read_to_string(self.manifest())?;
        ensure!(manifest.contains(from), "{from} is not in the manifest:\n{manifest}");
        Ok(fs::write(self.manifest(), manifest.replace(from, to))?)
    }

    fn run(&self, program: impl Into<PathBuf>) -> Program {
        Program::new(program)
            .env("PATH", &self.path)
            .env("HOME", &self.folder)
            .env("KREW_ROOT", self.folder.join("krew"))
    }

    fn kubectl(&self) -> Program {
        self.run(self.folder.join("bin/kubectl"))
    }

    fn install(&self) -> Result<Program> {
        let archive = format!("jobsweep-{VERSION}-{}.tar.gz", this_platform()?);
        let install = self.kubectl().args(["krew", "install", "--manifest"]).arg(self.manifest());
        Ok(install.arg("--archive").arg(self.folder.join(archive)))
    }
}

/// krew's validator, as krew's index runs it. Only the host of the downloads is another.
pub(crate) async fn krew_finds_the_manifest_valid_and_installs_it_on_every_platform() -> Result<()> {
    let machine = Machine::new().await?;
    let address = file_server::start(machine.folder.clone())?;
    let release = format!("https://github.com/jobsweep/jobsweep/releases/download/v{VERSION}");
    machine.rewrite(&release, &format!("http://{address}"))?;
    let validate =
        machine.run(tools::krew("validate-krew-manifest")?).arg("-manifest").arg(machine.manifest());
    let validated = validate.run().await?.expect_success()?;
    let said = validated.stderr();
    ensure!(said.contains("all 5 spec.platforms installed fine"), "{said}");
    Ok(())
}

pub(crate) async fn a_wrong_checksum_is_refused() -> Result<()> {
    let machine = Machine::new().await?;
    let archive = machine.folder.join(format!("jobsweep-{VERSION}-{}.tar.gz", this_platform()?));
    fs::copy(machine.folder.join(format!("jobsweep-{VERSION}-windows-amd64.tar.gz")), archive)?;
    let refused = machine.install()?.run().await?.expect_code(1)?;
    ensure!(refused.stderr().contains("checksum does not match"), "{}", refused.stderr());
    Ok(())
}

pub(crate) async fn kubectl_sweep_jobs_sweeps_and_ends_as_the_cleanup_does(
    cluster: &ControlPlane,
) -> Result<()> {
    let machine = Machine::new().await?;
    machine.install()?.run().await?.expect_success()?;
    let namespace = cluster.namespace().await?;
    for (name, outcome) in [("done", Outcome::Succeeded), ("broken", Outcome::Failed)] {
        let job = job(name).policy("hook-succeeded").managed_by("example.com/nobody");
        namespace.finish(&namespace.create(job).await?, outcome).await?;
    }
    let sweep = || {
        let sweep = machine.kubectl().env("KUBECONFIG", cluster.kubeconfig());
        sweep.args(["sweep-jobs", "-n", &namespace.name, "--once", "--output=name"])
    };
    let swept = sweep().run().await?.expect_success()?;
    same("stdout", "job.batch/done\n", &swept.stdout())?;
    ensure!(namespace.uids().await?.into_keys().eq(["broken"]), "only that one is gone");
    sweep().arg("--fail-on-failed").run().await?.expect_code(3)?;

    let help = machine.kubectl().args(["sweep-jobs", "-h"]).run().await?.expect_success()?;
    ensure!(help.stdout().contains("Usage: kubectl sweep-jobs [OPTIONS]\n"), "{}", help.stdout());
    let link = fs::read_link(machine.folder.join("krew/bin/kubectl-sweep_jobs"))?;
    let installed = link.parent().context("a folder")?;
    let mut files: Vec<_> =
        fs::read_dir(installed)?.map(|file| Ok(file?.file_name())).collect::<Result<_>>()?;
    files.sort();
    ensure!(files == ["LICENSE", "jobsweep"], "{files:?}");
    Ok(())
}
