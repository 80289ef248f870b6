//! The archive of the Helm 4 plugin, from `packaging/plugin`.

use std::fs;

use anyhow::{Result, ensure};
use jobsweep_harness::process::Program;
use jobsweep_harness::{trials, trials::Trial};

use crate::plugin_archive::{Machine, package, program, this_platform};
use crate::setup::{same, shop};

pub(crate) fn trials() -> Vec<Trial> {
    trials![
        a_signed_archive_is_verified_and_works,
        an_exported_key_will_do,
        an_archive_without_a_signature_is_refused,
        an_archive_that_was_changed_is_refused,
        a_signature_that_was_changed_is_refused,
        a_signature_by_an_unknown_key_is_refused,
        it_has_the_programs_of_every_platform_and_keeps_its_own,
        a_platform_without_a_program_is_told_what_to_do,
        the_same_files_make_the_same_archive,
    ]
}

pub(crate) async fn a_signed_archive_is_verified_and_works() -> Result<()> {
    let machine = Machine::new().await?;
    machine.verified(machine.install().run().await?).await
}

/// The published key file, on a machine without the key.
pub(crate) async fn an_exported_key_will_do() -> Result<()> {
    let machine = Machine::new().await?;
    let file = machine.helm.home().join("key.asc");
    machine.key.export(&file).await?;
    let install = machine.install().arg("--keyring").arg(file).env("GNUPGHOME", "/nowhere");
    machine.verified(install.run().await?).await
}

pub(crate) async fn an_archive_without_a_signature_is_refused() -> Result<()> {
    let machine = Machine::new().await?;
    fs::remove_file(machine.signature())?;
    machine.refused(machine.install().run().await?, "no provenance file (.prov) found")
}

pub(crate) async fn an_archive_that_was_changed_is_refused() -> Result<()> {
    let machine = Machine::new().await?;
    let why = machine.change().await?;
    machine.refused(machine.install().run().await?, &why)
}

pub(crate) async fn a_signature_that_was_changed_is_refused() -> Result<()> {
    let machine = Machine::new().await?;
    let text = fs::read_to_string(machine.signature())?;
    fs::write(machine.signature(), text.replace("type: postrenderer/v1", "type: cli/v1"))?;
    machine.refused(machine.install().run().await?, "openpgp: invalid signature: EdDSA verification failure")
}

pub(crate) async fn a_signature_by_an_unknown_key_is_refused() -> Result<()> {
    let machine = Machine::new().await?;
    machine.sign_as_somebody_else().await?;
    machine.refused(machine.install().run().await?, "openpgp: signature made by unknown entity")
}

pub(crate) async fn it_has_the_programs_of_every_platform_and_keeps_its_own() -> Result<()> {
    let (own, other) = (program().await?, shop().join("Chart.yaml"));
    let this = this_platform()?;
    let platforms = ["linux-amd64", "linux-arm64", "darwin-amd64", "darwin-arm64", "windows-amd64"];
    let programs =
        platforms.map(|platform| (platform, if platform == this { own.clone() } else { other.clone() }));
    let machine = Machine::with_programs(&programs).await?;
    let list = async |archive| Program::new("tar").arg("tzf").arg(archive).run().await?.expect_success();
    let listed = list(&machine.archive).await?;
    let expected = "\
jobsweep/
jobsweep/LICENSE
jobsweep/README.md
jobsweep/bin/
jobsweep/bin/darwin-amd64/
jobsweep/bin/darwin-amd64/jobsweep
jobsweep/bin/darwin-arm64/
jobsweep/bin/darwin-arm64/jobsweep
jobsweep/bin/jobsweep.exe
jobsweep/bin/linux-amd64/
jobsweep/bin/linux-amd64/jobsweep
jobsweep/bin/linux-arm64/
jobsweep/bin/linux-arm64/jobsweep
jobsweep/packaging/
jobsweep/packaging/plugin/
jobsweep/packaging/plugin/install.sh
jobsweep/plugin.yaml
";
    same("the archive", expected, &listed.stdout())?;
    let sweep = expected.lines().map(|file| file.replacen("jobsweep", "sweep", 1) + "\n").collect::<String>();
    same("the archive of helm sweep", &sweep, &list(&machine.sweep).await?.stdout())?;

    machine.sign().await?;
    machine.verified(machine.install().run().await?).await?;
    let left = fs::read_dir(machine.helm.plugins().join("jobsweep/bin"))?;
    let left: Vec<_> = left.map(|entry| Ok(entry?.file_name())).collect::<Result<_>>()?;
    ensure!(left == ["jobsweep"], "{left:?}");
    Ok(())
}

pub(crate) async fn a_platform_without_a_program_is_told_what_to_do() -> Result<()> {
    let machine = Machine::with_programs(&[("windows-amd64", shop().join("Chart.yaml"))]).await?;
    machine.sign().await?;
    let failed = machine.install().run().await?.expect_code(1)?;
    let program = machine.helm.plugins().join("jobsweep/bin/jobsweep");
    let expected = format!("jobsweep: the program is missing: {}\n", program.display());
    ensure!(failed.stderr().starts_with(&expected), "{}", failed.stderr());
    Ok(())
}

pub(crate) async fn the_same_files_make_the_same_archive() -> Result<()> {
    let machine = Machine::new().await?;
    let again = machine.helm.home().join("again");
    fs::create_dir(&again)?;
    // The copy has another time and other permissions.
    let copy = again.join("program");
    fs::write(&copy, fs::read(program().await?)?)?;
    fs::set_permissions(&copy, std::os::unix::fs::PermissionsExt::from_mode(0o700))?;
    let second = package(&machine.helm, &again, &[(this_platform()?, copy)]).await?;
    for (first, second) in [&machine.archive, &machine.sweep].into_iter().zip(second) {
        ensure!(fs::read(first)? == fs::read(second)?, "{} differs", first.display());
    }
    Ok(())
}
