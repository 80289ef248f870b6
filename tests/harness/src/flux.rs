//! Flux's source-controller and kustomize-controller, as programs beside a [`Node`].

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use anyhow::{Context, Result, anyhow};
use tokio::net::TcpStream;
use tokio::sync::OnceCell;

use crate::daemon::Daemon;
use crate::helm::SYSTEM_PATH;
use crate::node::Node;
use crate::{crds, tools, wait, workdir};

const ARTIFACTS: &str = "127.0.0.1:9790";
const SOURCE_CONTROLLER: &str = "source-controller";
const KUSTOMIZE_CONTROLLER: &str = "kustomize-controller";

/// A running Flux.
pub struct Flux {
    daemons: Mutex<Vec<(&'static str, Daemon)>>,
}

impl Flux {
    /// Builds the programs, outside a node's namespaces.
    pub fn build() -> Result<()> {
        tools::flux(SOURCE_CONTROLLER)?;
        [SOURCE_CONTROLLER, KUSTOMIZE_CONTROLLER]
            .iter()
            .try_for_each(|name| tools::flux_module(name).map(drop))
    }

    /// The Flux that all tests of this process share.
    pub async fn shared(node: &Node) -> Result<&'static Self> {
        static SHARED: OnceCell<Result<Flux>> = OnceCell::const_new();
        let started = SHARED.get_or_init(|| Self::start(node)).await;
        started.as_ref().map_err(|error| anyhow!("cannot start Flux: {error:#}"))
    }

    /// An error with the end of a log if a program has ended.
    pub fn check(&self) -> Result<()> {
        let mut daemons = self.daemons.lock().unwrap_or_else(PoisonError::into_inner);
        daemons
            .iter_mut()
            .try_for_each(|(name, daemon)| daemon.check().with_context(|| format!("{name} does not run")))
    }

    async fn start(node: &Node) -> Result<Self> {
        let flux = Self { daemons: Mutex::default() };
        let folder = workdir::folder("flux")?;
        for sub in ["home", "tmp", "artifacts"] {
            fs::create_dir_all(folder.join(sub))?;
        }
        let kubeconfig = node.cluster.kubeconfig();
        for name in [SOURCE_CONTROLLER, KUSTOMIZE_CONTROLLER] {
            let bases = fs::read_dir(tools::flux_module(name)?.join("config/crd/bases"))?;
            let bases: Vec<PathBuf> = bases.map(|file| Ok(file?.path())).collect::<Result<_>>()?;
            crds::install(&kubeconfig, &bases).await?;
        }

        let source = [
            format!("--storage-path={}", folder.join("artifacts").display()),
            format!("--storage-addr={ARTIFACTS}"),
            format!("--storage-adv-addr={ARTIFACTS}"),
        ];
        flux.launch(SOURCE_CONTROLLER, &folder, &kubeconfig, 9791, &source)?;
        flux.launch(KUSTOMIZE_CONTROLLER, &folder, &kubeconfig, 9793, &[])?;
        wait::until("Flux to serve artifacts", || async {
            flux.check()?;
            Ok(TcpStream::connect(ARTIFACTS).await.ok())
        })
        .await?;
        Ok(flux)
    }

    /// The program also listens on `port` and the next one.
    fn launch(
        &self,
        name: &'static str,
        folder: &Path,
        kubeconfig: &Path,
        port: u16,
        args: &[String],
    ) -> Result<()> {
        let mut command: Vec<OsString> = [
            "--ignore-environment".to_owned(),
            format!("HOME={}", folder.join("home").display()),
            format!("TMPDIR={}", folder.join("tmp").display()),
            format!("PATH={SYSTEM_PATH}"),
            format!("KUBECONFIG={}", kubeconfig.display()),
            "RUNTIME_NAMESPACE=default".to_owned(),
        ]
        .map(OsString::from)
        .into();
        command.push(tools::flux(name)?.into());
        command.push(format!("--metrics-addr=127.0.0.1:{port}").into());
        command.push(format!("--health-addr=127.0.0.1:{}", port + 1).into());
        command.extend(args.iter().map(OsString::from));
        let daemon = Daemon::start(name, Path::new("/usr/bin/env"), command, folder)?;
        self.daemons.lock().unwrap_or_else(PoisonError::into_inner).push((name, daemon));
        Ok(())
    }
}
