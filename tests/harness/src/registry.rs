//! Debian's docker-registry on a loopback port, for images and other OCI artifacts.

use std::fs;
use std::path::Path;

use anyhow::{Result, ensure};
use serde_json::json;
use tokio::sync::OnceCell;

use crate::daemon::Daemon;
use crate::{wait, workdir};

const PROGRAM: &str = "/usr/bin/docker-registry";

/// A running registry without TLS and passwords. It is killed when it is dropped.
pub struct Registry {
    address: String,
    _daemon: Daemon,
}

impl Registry {
    /// The registry that all tests of this process share.
    pub async fn shared() -> Result<&'static Self> {
        static SHARED: OnceCell<Registry> = OnceCell::const_new();
        SHARED.get_or_try_init(Self::start).await
    }

    /// Starts an empty registry and waits until it listens.
    pub async fn start() -> Result<Self> {
        ensure!(
            Path::new(PROGRAM).exists(),
            "there is no {PROGRAM}: on Debian, apt-get install docker-registry"
        );
        let folder = workdir::folder("registry")?;
        let config = folder.join("config.yml");
        let settings = json!({
            "version": "0.1",
            "storage": { "filesystem": { "rootdirectory": folder.join("data") } },
            "http": { "addr": "127.0.0.1:0" },
        });
        fs::write(&config, settings.to_string())?;
        let mut daemon =
            Daemon::start("registry", Path::new(PROGRAM), vec!["serve".into(), config.into()], &folder)?;
        let log = folder.join("registry.log");
        let address = wait::until("the registry to listen", || {
            let listening = daemon.check().and_then(|()| Ok(listening(&fs::read_to_string(&log)?)));
            async { listening }
        })
        .await?;
        Ok(Self { address, _daemon: daemon })
    }

    /// The host and port, as in an image reference.
    pub fn address(&self) -> &str {
        &self.address
    }
}

/// The registry chooses its port, and writes it to the log.
fn listening(log: &str) -> Option<String> {
    let (_, rest) = log.split_once("listening on ")?;
    let end = rest.find(|letter: char| !letter.is_ascii_digit() && !".:".contains(letter))?;
    Some(rest[..end].to_owned())
}
