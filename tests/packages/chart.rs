//! The packed and signed chart, as Helm verifies and pulls it.

use std::fs;
use std::path::PathBuf;

use anyhow::{Result, ensure};
use jobsweep_harness::helm::Helm;
use jobsweep_harness::registry::Registry;
use jobsweep_harness::tools::{HelmVersion, oras};
use jobsweep_harness::{trials, trials::Trial};

use crate::gnupg_keys::Key;
use crate::plugin_archive::VERSION;
use crate::setup::{repository, same};

pub(crate) fn trials() -> Vec<Trial> {
    trials![
        helm_verifies_the_chart_and_finds_its_key_in_it,
        a_chart_that_was_changed_is_refused,
        helm_3_20_reads_no_ed25519_key,
        a_signed_chart_is_pulled_from_a_registry,
    ]
}

struct Signed {
    helm: Helm,
    key: Key,
    archive: PathBuf,
    keyring: PathBuf,
}

impl Signed {
    async fn new(version: HelmVersion) -> Result<Self> {
        Self::by(Key::rsa("maintainers").await?, version).await
    }

    async fn by(key: Key, version: HelmVersion) -> Result<Self> {
        let helm = Helm::new(version)?;
        let keyring = helm.home().join("keyring.gpg");
        key.export_binary(&keyring).await?;
        let package = helm.command_by(repository("packaging/chart/package.sh")).arg(helm.home());
        package.arg(key.fingerprint().await?).run().await?.expect_success()?;
        let archive = helm.home().join(format!("jobsweep-{VERSION}.tgz"));
        let sign = helm.command_by(repository("packaging/sign.sh")).arg(&archive);
        sign.env("GNUPGHOME", &key.home).run().await?.expect_success()?;
        Ok(Self { helm, key, archive, keyring })
    }
}

pub(crate) async fn helm_verifies_the_chart_and_finds_its_key_in_it(version: HelmVersion) -> Result<()> {
    let Signed { helm, key, archive, keyring } = Signed::new(version).await?;
    let verify = helm.command().arg("verify").arg(&archive).arg("--keyring").arg(keyring);
    let verified = verify.run().await?.expect_success()?;
    ensure!(verified.stdout().starts_with(&format!("Signed by: {}\n", key.owner)), "{}", verified.stdout());
    let template = helm.command().arg("template").arg(&archive).arg("--kube-version=1.31");
    template.run().await?.expect_success()?;

    let shown = helm.command().args(["show", "chart"]).arg(&archive).run().await?.expect_success()?;
    let chart: serde_yaml::Value = serde_yaml::from_slice(&shown.stdout)?;
    let annotation = chart["annotations"]["artifacthub.io/signKey"].as_str().unwrap_or_default();
    let sign_key: serde_yaml::Value = serde_yaml::from_str(annotation)?;
    same("fingerprint", &key.fingerprint().await?, sign_key["fingerprint"].as_str().unwrap_or_default())?;
    ensure!(
        sign_key["url"].as_str().is_some_and(|url| url.ends_with("/jobsweep-plugin-key.asc")),
        "{annotation}"
    );
    let readme = helm.command().args(["show", "readme"]).arg(&archive).run().await?.expect_success()?;
    ensure!(readme.stdout().trim_start().starts_with("# jobsweep"), "Artifact Hub shows the README");
    Ok(())
}

pub(crate) async fn a_chart_that_was_changed_is_refused(version: HelmVersion) -> Result<()> {
    let Signed { helm, archive, keyring, .. } = Signed::new(version).await?;
    let signed = fs::read(&archive)?;
    let package =
        helm.command_by(repository("packaging/chart/package.sh")).arg(helm.home()).arg("another-key");
    package.run().await?.expect_success()?;
    ensure!(fs::read(&archive)? != signed);
    let verify = helm.command().arg("verify").arg(&archive).arg("--keyring").arg(keyring);
    let refused = verify.run().await?.expect_code(1)?;
    ensure!(refused.stderr().contains("sha256 sum does not match"), "{}", refused.stderr());
    Ok(())
}

/// So the release needs an RSA key.
pub(crate) async fn helm_3_20_reads_no_ed25519_key() -> Result<()> {
    for version in HelmVersion::selected()? {
        let Signed { helm, archive, keyring, .. } = Signed::by(Key::create("modern").await?, version).await?;
        let verified = helm.command().arg("verify").arg(&archive).arg("--keyring").arg(keyring).run().await?;
        if version == HelmVersion::V3_20 {
            let why = "Error: failed to load keyring: openpgp: unsupported feature: public key type: 22\n";
            same("stderr", why, &verified.expect_code(1)?.stderr())?;
        } else {
            verified.expect_success()?;
        }
    }
    Ok(())
}

pub(crate) async fn a_signed_chart_is_pulled_from_a_registry(version: HelmVersion) -> Result<()> {
    let Signed { helm, archive, keyring, .. } = Signed::new(version).await?;
    let registry = Registry::start().await?;
    let charts = format!("{}/jobsweep/charts", registry.address());
    let oras = oras()?;
    let tools = [helm.program(), &oras].map(|tool| tool.parent().unwrap_or(tool).to_owned());
    let path = std::env::join_paths(tools.into_iter().chain(["/usr/bin".into(), "/bin".into()]))?;
    let push = || {
        helm.command_by(repository("packaging/chart/push.sh")).env("PATH", &path).arg(&charts).arg(&archive)
    };
    push().arg("--plain-http").run().await?.expect_success()?;
    let metadata = helm.command_by(&oras).args(["manifest", "fetch", "--plain-http"]);
    let metadata = metadata.arg(format!("{charts}/jobsweep:artifacthub.io")).run().await?.expect_success()?;
    let layer = "application/vnd.cncf.artifacthub.repository-metadata.layer.v1.yaml";
    ensure!(metadata.stdout().contains(layer), "{}", metadata.stdout());

    let pulled = helm.home().join("pulled");
    fs::create_dir(&pulled)?;
    let pull = helm.command().args(["pull", &format!("oci://{charts}/jobsweep"), "--plain-http", "--verify"]);
    let pull =
        pull.args(["--version", VERSION]).arg("--keyring").arg(keyring).arg("--destination").arg(&pulled);
    pull.run().await?.expect_success()?;
    ensure!(
        fs::read(archive)? == fs::read(pulled.join(format!("jobsweep-{VERSION}.tgz")))?,
        "the chart differs"
    );
    Ok(())
}
