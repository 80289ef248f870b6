//! A real node that runs pods: kubelet, containerd and scheduler beside the control plane.
//!
//! [`run`] starts the node and the tests in new Linux namespaces. They do not touch the machine's network, mounts and
//! processes, and everything ends with the tests. This needs root on Linux. Pods run the image under test, or [`app`].

mod container;
mod images;
mod namespaces;
mod programs;

use std::path::Path;
use std::sync::{Mutex, PoisonError};

use anyhow::{Context, Result, anyhow};
use k8s_openapi::api::core::v1;
use kube::api::Api;
use tokio::sync::OnceCell;

use crate::control_plane::ControlPlane;
use crate::daemon::Daemon;
use crate::{wait, workdir};

pub use container::Container;
pub use images::app;
pub use namespaces::run;

const NAME: &str = "node";

/// Remove the taint of a node that is ready, run Deployments, and fill in the status of quotas.
const CONTROLLERS: &str = "--controllers=node-lifecycle-controller,deployment-controller,replicaset-controller,resourcequota-controller";

/// A running node with its control plane.
pub struct Node {
    /// The control plane.
    pub cluster: ControlPlane,
    daemons: Mutex<Vec<(&'static str, Daemon)>>,
}

impl Node {
    /// The node that all tests of this process share. Each test creates its own namespace.
    pub async fn shared() -> Result<&'static Self> {
        static SHARED: OnceCell<Result<Node>> = OnceCell::const_new();
        // If the start fails, it is not repeated for every test.
        SHARED.get_or_init(Self::start).await.as_ref().map_err(|error| anyhow!("{error:#}"))
    }

    async fn start() -> Result<Self> {
        let folder = workdir::folder(NAME)?;
        let cluster = ControlPlane::options()
            .without_audit_log()
            .at_its_service()
            .apiserver_flag("--kubelet-preferred-address-types=InternalIP")
            .controller_manager_flag(CONTROLLERS)
            .start()
            .await?;
        let node = Self { cluster, daemons: Mutex::default() };
        node.start_programs(&folder).await.context("cannot start a node")?;
        Ok(node)
    }

    async fn start_programs(&self, folder: &Path) -> Result<()> {
        self.add("containerd", programs::start_containerd(folder)?);
        wait::until("containerd to answer", || async {
            self.check_daemons()?;
            let version = programs::ctr(&["version"])?.run().await?;
            Ok(version.status.success().then_some(()))
        })
        .await?;
        for archive in images::archives()? {
            programs::import(&archive).await?;
        }
        self.add("kubelet", programs::start_kubelet(folder, &self.cluster)?);
        self.add("kube-scheduler", programs::start_scheduler(folder, &self.cluster)?);
        wait::until("the node to take pods", || async {
            self.check_daemons()?;
            let node = Api::<v1::Node>::all(self.cluster.client()).get_opt(NAME).await?;
            Ok(node.filter(takes_pods).map(drop))
        })
        .await
    }

    /// Gives an image that the node has a name by digest too, and returns the digest.
    pub async fn digest_of(&self, image: &str) -> Result<String> {
        let listed = programs::ctr(&["images", "list", &format!("name=={image}")])?.run().await?;
        let listed = listed.expect_success()?;
        let digest =
            listed.stdout().split_whitespace().find(|word| word.starts_with("sha256:")).map(str::to_owned);
        let digest = digest.with_context(|| format!("the node has no {image}"))?;
        let repository = image.rsplit_once(':').map_or(image, |(repository, _)| repository);
        let by_digest = format!("{repository}@{digest}");
        programs::ctr(&["images", "tag", image, &by_digest])?.run().await?.expect_success()?;
        Ok(digest)
    }

    fn add(&self, name: &'static str, daemon: Daemon) {
        self.daemons.lock().unwrap_or_else(PoisonError::into_inner).push((name, daemon));
    }

    fn check_daemons(&self) -> Result<()> {
        let mut daemons = self.daemons.lock().unwrap_or_else(PoisonError::into_inner);
        daemons
            .iter_mut()
            .try_for_each(|(name, daemon)| daemon.check().with_context(|| format!("{name} does not run")))
    }
}

fn takes_pods(node: &v1::Node) -> bool {
    let conditions = node.status.iter().flat_map(|status| status.conditions.iter().flatten());
    let tainted = node.spec.iter().flat_map(|spec| spec.taints.iter().flatten()).next().is_some();
    conditions.into_iter().any(|condition| condition.type_ == "Ready" && condition.status == "True")
        && !tainted
}
