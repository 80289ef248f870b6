//! Flux's source-controller and kustomize-controller, as programs beside a [`Node`].

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Result, anyhow};
use tokio::net::TcpStream;
use tokio::sync::OnceCell;

use crate::daemon::Daemons;
use crate::helm::SYSTEM_PATH;
use crate::node::Node;
use crate::{crds, tools, wait, workdir};

const ARTIFACTS: &str = "127.0.0.1:9790";
const SOURCE_CONTROLLER: &str = "source-controller";
const KUSTOMIZE_CONTROLLER: &str = "kustomize-controller";

/// A running Flux.
pub struct Flux {
    daemons: Daemons,
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
        self.daemons.check()
    }

    async fn start(node: &Node) -> Result<Self> {
        let flux = Self { daemons: Daemons::default() };
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
        let variables = [
            format!("HOME={}", folder.join("home").display()),
            format!("TMPDIR={}", folder.join("tmp").display()),
            format!("PATH={SYSTEM_PATH}"),
            format!("KUBECONFIG={}", kubeconfig.display()),
            "RUNTIME_NAMESPACE=default".to_owned(),
        ];
        let addresses =
            [format!("--metrics-addr=127.0.0.1:{port}"), format!("--health-addr=127.0.0.1:{}", port + 1)];
        let args = addresses.iter().chain(args).map(Into::into);
        self.daemons.start(name, tools::flux(name)?, variables, args, folder)
    }
}
