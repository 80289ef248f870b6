//! The install hook of the Helm 4 plugin, on machines with different programs.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use jobsweep_harness::helm::Helm;
use jobsweep_harness::process::Finished;
use jobsweep_harness::tools::HelmVersion;
use jobsweep_harness::trials;
use jobsweep_harness::trials::{Trial, on_demand};

use crate::setup::{JOBSWEEP, jobsweep_folder, put_program, same, shop, stage_plugin, template};

pub(crate) fn trials() -> Vec<Trial> {
    let mut trials = trials![
        it_has_the_version_of_the_program,
        its_hook_keeps_a_program_that_is_there,
        its_hook_builds_the_program_of_a_checkout_with_cargo,
        its_hook_takes_the_program_on_path_if_nothing_can_be_built,
        its_hook_replaces_a_program_of_another_version,
        its_hook_says_what_is_missing_and_what_to_do,
        a_failed_build_is_not_the_end_if_the_program_is_on_path,
    ];
    trials.extend(on_demand("helm-3.20", trials![helm_3_cannot_read_it_but_takes_the_program_on_path]));
    trials
}

/// A machine with Helm 4 and the plugin's folder. `PATH` has only what the install hook needs.
struct Machine {
    helm: Helm,
    plugin: PathBuf,
    programs: PathBuf,
}

impl Machine {
    fn new() -> Result<Self> {
        let helm = Helm::new(HelmVersion::V4)?;
        // The name of the checkout differs from that of the plugin.
        let plugin = helm.home().join("checkout");
        stage_plugin(&plugin)?;
        let programs = helm.home().join("programs");
        fs::create_dir(&programs)?;
        for name in ["sh", "cat", "chmod", "cp", "dirname", "mkdir", "mv", "sed", "uname"] {
            let found = ["/usr/bin", "/bin"].map(|folder| Path::new(folder).join(name));
            let found = found.iter().find(|path| path.exists()).with_context(|| format!("no {name}"))?;
            symlink(found, programs.join(name))?;
        }
        Ok(Self { helm, plugin, programs })
    }

    fn program(&self) -> PathBuf {
        self.plugin.join("bin/jobsweep")
    }

    /// Puts a shell script on `PATH`.
    fn script(&self, name: &str, text: &str) -> Result<()> {
        script(&self.programs.join(name), text)
    }

    async fn install(&self) -> Result<Finished> {
        let install = self.helm.command().args(["plugin", "install"]).arg(&self.plugin);
        install.env("PATH", &self.programs).run().await
    }

    /// Installs the plugin, and checks the message of the hook and that the plugin works.
    async fn installs_saying(&self, said: &str) -> Result<()> {
        let installed = self.install().await?.expect_success()?;
        same("stderr", said, &installed.stderr())?;
        let expected =
            "Installing plugin from local directory (development mode)\nInstalled plugin: jobsweep\n";
        same("stdout", expected, &installed.stdout())?;
        self.works().await
    }

    async fn works(&self) -> Result<()> {
        let rendered = template(&self.helm, &shop()).args(["--post-renderer", "jobsweep"]).run().await?;
        let rendered = rendered.expect_success()?;
        ensure!(rendered.stdout().contains("kots.io/hook-delete-policy: hook-succeeded\n"));
        Ok(())
    }
}

fn script(path: &Path, text: &str) -> Result<()> {
    fs::write(path, format!("#!/bin/sh\n{text}\n"))?;
    fs::set_permissions(path, fs::Permissions::from_mode(0o755))?;
    Ok(())
}

pub(crate) async fn it_has_the_version_of_the_program() -> Result<()> {
    let machine = Machine::new()?;
    put_program(&machine.plugin)?;
    machine.install().await?.expect_success()?;
    let listed = machine.helm.command().args(["plugin", "list"]).run().await?.expect_success()?;
    let expected = ["jobsweep", env!("CARGO_PKG_VERSION"), "postrenderer/v1", "v1"];
    let stdout = listed.stdout();
    let line = stdout.lines().nth(1).context("no plugin")?;
    ensure!(line.split_whitespace().take(4).eq(expected), "{line}");
    Ok(())
}

pub(crate) async fn its_hook_keeps_a_program_that_is_there() -> Result<()> {
    let machine = Machine::new()?;
    put_program(&machine.plugin)?;
    machine.script("cargo", "echo 'cargo must not be called' >&2; exit 1")?;
    let program = machine.program();
    machine.installs_saying(&format!("jobsweep: using {}, which is there already\n", program.display())).await
}

/// A script stands in for cargo, which would take minutes.
pub(crate) async fn its_hook_builds_the_program_of_a_checkout_with_cargo() -> Result<()> {
    let machine = Machine::new()?;
    fs::write(machine.plugin.join("Cargo.toml"), "")?;
    let arguments = machine.helm.home().join("arguments");
    let (plugin, program) = (machine.plugin.display(), machine.program());
    machine.script("jobsweep", "echo jobsweep 0.0.0")?;
    machine.script(
        "cargo",
        &format!(
            "echo \"$*\" > '{}'; mkdir '{plugin}/bin'; cp '{JOBSWEEP}' '{plugin}/bin/'",
            arguments.display()
        ),
    )?;
    let program = program.display();
    let said = format!(
        "jobsweep: building {program} with cargo; this takes some minutes\njobsweep: built {program}\n"
    );
    machine.installs_saying(&said).await?;
    let expected = format!(
        "install --quiet --locked --force --no-track --path {plugin} --root {plugin} --target-dir {plugin}/target\n"
    );
    same("what cargo was asked for", &expected, &fs::read_to_string(arguments)?)
}

pub(crate) async fn its_hook_takes_the_program_on_path_if_nothing_can_be_built() -> Result<()> {
    let machine = Machine::new()?;
    symlink(JOBSWEEP, machine.programs.join("jobsweep"))?;
    let (program, found) = (machine.program(), machine.programs.join("jobsweep"));
    machine
        .installs_saying(&format!("jobsweep: took {} from {}\n", program.display(), found.display()))
        .await?;
    ensure!(!program.is_symlink(), "a link would break with the next update of what is on PATH");
    Ok(())
}

pub(crate) async fn its_hook_replaces_a_program_of_another_version() -> Result<()> {
    let machine = Machine::new()?;
    fs::create_dir(machine.plugin.join("bin"))?;
    script(&machine.program(), "echo jobsweep 0.0.9")?;
    symlink(JOBSWEEP, machine.programs.join("jobsweep"))?;
    let (program, found) = (machine.program(), machine.programs.join("jobsweep"));
    machine.installs_saying(&format!("jobsweep: took {} from {}\n", program.display(), found.display())).await
}

pub(crate) async fn its_hook_says_what_is_missing_and_what_to_do() -> Result<()> {
    let machine = Machine::new()?;
    fs::write(machine.plugin.join("Cargo.toml"), "")?;
    machine.script("jobsweep", "echo jobsweep 9.9.9")?;
    let (program, plugin) = (machine.program(), machine.plugin.display());
    let program = program.display();
    let version = env!("CARGO_PKG_VERSION");
    let expected = format!(
        "\
jobsweep: the program is missing: {program}
  It was not built, because cargo, to build it with, is not on PATH.
  It was not copied, because {} is not version {version}.
Do one of these, and then run: sh '{plugin}/packaging/plugin/install.sh'
  - install Rust (https://rustup.rs), so that cargo builds it from a checkout;
  - put jobsweep {version} on PATH;
  - put jobsweep {version} at {program}
Error: plugin install hook for \"jobsweep\" exited with error
",
        machine.programs.join("jobsweep").display()
    );
    let failed = machine.install().await?.expect_code(1)?;
    same("stderr", &expected, &failed.stderr())?;

    // Helm keeps a plugin whose hook failed, and refuses to install it again. The advice of the message works.
    machine.install().await?.expect_code(1)?;
    let again = machine.helm.command_by("sh").arg(machine.plugin.join("packaging/plugin/install.sh"));
    let path = std::env::join_paths([jobsweep_folder()?, &machine.programs])?;
    again.env("PATH", path).run().await?.expect_success()?;
    machine.works().await
}

pub(crate) async fn a_failed_build_is_not_the_end_if_the_program_is_on_path() -> Result<()> {
    let machine = Machine::new()?;
    fs::write(machine.plugin.join("Cargo.toml"), "")?;
    machine.script("cargo", "echo 'error: no network' >&2; exit 101")?;
    symlink(JOBSWEEP, machine.programs.join("jobsweep"))?;
    let (program, found) = (machine.program(), machine.programs.join("jobsweep"));
    let (program, found) = (program.display(), found.display());
    let said = format!(
        "jobsweep: building {program} with cargo; this takes some minutes\nerror: no network\n\
         jobsweep: took {program} from {found}\n"
    );
    machine.installs_saying(&said).await
}

/// Both Helms use the same folder for plugins by default.
pub(crate) async fn helm_3_cannot_read_it_but_takes_the_program_on_path() -> Result<()> {
    for version in [HelmVersion::V3_22, HelmVersion::V3_20] {
        let helm = Helm::new(version)?.on_path(jobsweep_folder()?);
        stage_plugin(&helm.plugins().join("jobsweep"))?;
        let listed = helm.command().args(["plugin", "list"]).run().await?;
        ensure!(listed.stderr().contains("unknown field \"apiVersion\""), "{}", listed.stderr());
        let rendered = template(&helm, &shop()).args(["--post-renderer", "jobsweep"]).run().await?;
        ensure!(rendered.expect_success()?.stdout().contains("kots.io/hook-delete-policy: hook-succeeded\n"));
    }
    Ok(())
}
