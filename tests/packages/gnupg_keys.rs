//! GnuPG keys.

use std::fs::{self, DirBuilder};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::{env, process};

use anyhow::Result;
use jobsweep_harness::process::Program;

/// A signing key and its keyring, in the present format of GnuPG.
pub(crate) struct Key {
    pub(crate) owner: String,
    /// `GNUPGHOME`.
    pub(crate) home: PathBuf,
}

impl Key {
    pub(crate) async fn create(name: &str) -> Result<Self> {
        Self::of_kind("ed25519", name).await
    }

    /// The kind that Helm 3.20 can read too.
    pub(crate) async fn rsa(name: &str) -> Result<Self> {
        Self::of_kind("rsa2048", name).await
    }

    async fn of_kind(kind: &str, name: &str) -> Result<Self> {
        static COUNT: AtomicU32 = AtomicU32::new(1);
        // GnuPG creates sockets in its home, and their paths must be short.
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let home = env::temp_dir().join(format!("jobsweep-gpg-{}-{number}", process::id()));
        DirBuilder::new().mode(0o700).create(&home)?;
        let key = Self { owner: format!("{name} <{name}@jobsweep.example>"), home };
        let generate = ["--quick-generate-key", &key.owner, kind, "sign", "never"];
        key.gpg().args(["--passphrase", ""]).args(generate).run().await?.expect_success()?;
        Ok(key)
    }

    /// Writes the public key in ASCII armor.
    pub(crate) async fn export(&self, file: &Path) -> Result<()> {
        let exported = self.gpg().args(["--armor", "--export"]).run().await?.expect_success()?;
        Ok(fs::write(file, exported.stdout)?)
    }

    /// Writes the public key as Helm's `verify` reads it.
    pub(crate) async fn export_binary(&self, file: &Path) -> Result<()> {
        let exported = self.gpg().arg("--export").run().await?.expect_success()?;
        Ok(fs::write(file, exported.stdout)?)
    }

    pub(crate) async fn fingerprint(&self) -> Result<String> {
        let listed = self.gpg().args(["--with-colons", "--list-keys"]).run().await?.expect_success()?;
        let listed = listed.stdout();
        let line = listed.lines().find_map(|line| line.strip_prefix("fpr:"));
        Ok(line.unwrap_or_default().trim_matches(':').to_owned())
    }

    fn gpg(&self) -> Program {
        Program::new("gpg").args(["--batch", "--quiet"]).env("GNUPGHOME", &self.home)
    }
}

impl Drop for Key {
    /// GnuPG's agent ends when its folder is gone.
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.home);
    }
}
