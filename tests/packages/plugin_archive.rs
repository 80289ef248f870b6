//! The packed and signed plugins, and a Helm 4 that installs them.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use jobsweep_harness::helm::Helm;
use jobsweep_harness::process::{Finished, Program};
use jobsweep_harness::tools::HelmVersion;
use tokio::sync::OnceCell;

use crate::gnupg_keys::Key;
use crate::setup::{JOBSWEEP, repository, same, shop, template};

pub(crate) const VERSION: &str = env!("CARGO_PKG_VERSION");

/// A Helm 4, a GnuPG key, and the plugin archives.
pub(crate) struct Machine {
    pub(crate) helm: Helm,
    pub(crate) key: Key,
    /// The post-renderer.
    pub(crate) archive: PathBuf,
    /// `helm sweep`.
    pub(crate) sweep: PathBuf,
}

impl Machine {
    pub(crate) async fn new() -> Result<Self> {
        let machine = Self::with_programs(&[(this_platform()?, program().await?)]).await?;
        machine.sign().await?;
        Ok(machine)
    }

    pub(crate) async fn with_programs(programs: &[(&str, PathBuf)]) -> Result<Self> {
        let helm = Helm::new(HelmVersion::V4)?;
        let key = Key::create("maintainers").await?;
        let [archive, sweep] = package(&helm, helm.home(), programs).await?;
        Ok(Self { helm, key, archive, sweep })
    }

    pub(crate) async fn sign(&self) -> Result<()> {
        for archive in [&self.archive, &self.sweep] {
            self.run("packaging/sign.sh").arg(archive).run().await?.expect_success()?;
        }
        Ok(())
    }

    /// Signs the archive with a key that is not on the keyring.
    pub(crate) async fn sign_as_somebody_else(&self) -> Result<()> {
        let other = Key::create("somebody-else").await?;
        let sign = self.run("packaging/sign.sh").arg(&self.archive).env("GNUPGHOME", &other.home);
        sign.run().await?.expect_success()?;
        Ok(())
    }

    /// Puts another program into the archive but keeps the signature. Returns Helm's error message.
    pub(crate) async fn change(&self) -> Result<String> {
        let signed = self.sum().await?;
        let other = shop().join("Chart.yaml");
        package(&self.helm, self.helm.home(), &[(this_platform()?, other)]).await?;
        let changed = self.sum().await?;
        Ok(format!("sha256 sum does not match for jobsweep-{VERSION}.tgz: \"{signed}\" != \"{changed}\""))
    }

    async fn sum(&self) -> Result<String> {
        let summed = Program::new("sha256sum").arg(&self.archive).run().await?.expect_success()?;
        Ok(format!("sha256:{}", summed.stdout().split(' ').next().unwrap_or_default()))
    }

    /// A script of the repository, with this GnuPG home.
    pub(crate) fn run(&self, script: &str) -> Program {
        self.helm.command_by(repository(script)).env("GNUPGHOME", &self.key.home)
    }

    pub(crate) fn signature(&self) -> PathBuf {
        self.archive.with_extension("tgz.prov")
    }

    /// Installs the archive with Helm's defaults: verification, with GnuPG's keyring.
    pub(crate) fn install(&self) -> Program {
        self.install_from(&self.archive)
    }

    pub(crate) fn install_from(&self, source: impl AsRef<OsStr>) -> Program {
        let install = self.helm.command().args(["plugin", "install"]).arg(source);
        install.env("GNUPGHOME", &self.key.home)
    }

    /// Checks that Helm verified the signature and that the plugin works.
    pub(crate) async fn verified(&self, installed: Finished) -> Result<()> {
        let installed = installed.expect_success()?;
        let program = self.helm.plugins().join("jobsweep/bin/jobsweep");
        let said =
            format!("jobsweep: using {}, which was packed for {}\n", program.display(), this_platform()?);
        same("stderr", &said, &installed.stderr())?;
        let expected = format!(
            "Verifying plugin signature...\nSigned by: {}\nUsing Key With Fingerprint: {}\n\
             Plugin Hash Verified: {}\nInstalled plugin: jobsweep\n",
            self.key.owner,
            self.key.fingerprint().await?,
            self.sum().await?,
        );
        same("stdout", &expected, &installed.stdout())?;

        let listed = self.helm.command().args(["plugin", "list"]).run().await?.expect_success()?;
        let listed = listed.stdout().into_owned();
        let line: Vec<&str> = listed.lines().nth(1).context("no plugin")?.split_whitespace().collect();
        ensure!(line == ["jobsweep", VERSION, "postrenderer/v1", "v1", "signed", "unknown"], "{line:?}");
        let rendered = template(&self.helm, &shop()).args(["--post-renderer", "jobsweep"]).run().await?;
        ensure!(rendered.expect_success()?.stdout().contains("kots.io/hook-delete-policy: hook-succeeded\n"));
        Ok(())
    }

    /// Checks that Helm refused the archive for this reason and installed nothing.
    pub(crate) fn refused(&self, install: Finished, why: &str) -> Result<()> {
        let refused = install.expect_code(1)?;
        same("stderr", &format!("Error: plugin verification failed: {why}\n"), &refused.stderr())?;
        let plugins = self.helm.plugins();
        let left: Vec<_> = fs::read_dir(&plugins).with_context(|| plugins.display().to_string())?.collect();
        ensure!(left.is_empty(), "{left:?}");
        Ok(())
    }
}

/// The name of this platform in `packaging/plugin/package.sh`.
pub(crate) fn this_platform() -> Result<&'static str> {
    match (std::env::consts::OS, std::env::consts::ARCH) {
        ("linux", "x86_64") => Ok("linux-amd64"),
        ("linux", "aarch64") => Ok("linux-arm64"),
        ("macos", "x86_64") => Ok("darwin-amd64"),
        ("macos", "aarch64") => Ok("darwin-arm64"),
        (os, arch) => anyhow::bail!("no release has a program for {os} on {arch}"),
    }
}

/// The program under test without debug information, which takes half a minute to pack.
pub(crate) async fn program() -> Result<PathBuf> {
    static STRIPPED: OnceCell<PathBuf> = OnceCell::const_new();
    let strip = async || {
        let stripped = Path::new(env!("CARGO_TARGET_TMPDIR")).join("jobsweep");
        Program::new("strip").arg("-o").arg(&stripped).arg(JOBSWEEP).run().await?.expect_success()?;
        Ok(stripped)
    };
    STRIPPED.get_or_try_init(strip).await.cloned()
}

/// Packs both plugins: the post-renderer and `helm sweep`.
pub(crate) async fn package(
    helm: &Helm,
    folder: &Path,
    programs: &[(&str, PathBuf)],
) -> Result<[PathBuf; 2]> {
    let programs = programs.iter().map(|(platform, program)| format!("{platform}={}", program.display()));
    let package = helm.command_by(repository("packaging/plugin/package.sh")).arg(folder).args(programs);
    let packed = package.run().await?.expect_success()?;
    let archives = ["jobsweep", "sweep"].map(|name| folder.join(format!("{name}-{VERSION}.tgz")));
    let lines = archives.each_ref().map(|archive| format!("{}\n", archive.display()));
    same("stdout", &lines.concat(), &packed.stdout())?;
    Ok(archives)
}
