//! The options of a control plane.

use std::net::SocketAddrV4;

use anyhow::{Context, Result};

use super::{ControlPlane, components};
use crate::tools::Kubernetes;

/// The options of a [`ControlPlane`], from [`ControlPlane::options`].
#[derive(Clone, Debug)]
pub struct Options {
    pub(super) kubernetes: Option<Kubernetes>,
    pub(super) audit_log: bool,
    pub(super) api: Option<SocketAddrV4>,
    pub(super) apiserver_flags: Vec<String>,
    pub(super) controller_manager_flags: Vec<String>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            kubernetes: None,
            audit_log: true,
            api: None,
            apiserver_flags: Vec::new(),
            controller_manager_flags: Vec::new(),
        }
    }
}

impl Options {
    /// The release of the API server and the controllers, instead of the [selected](Kubernetes::selected) one.
    pub fn kubernetes(mut self, release: Kubernetes) -> Self {
        self.kubernetes = Some(release);
        self
    }

    /// Writes no audit log, which would slow down a benchmark.
    pub fn without_audit_log(mut self) -> Self {
        self.audit_log = false;
        self
    }

    /// Listens on the address of the Service `kubernetes`, where pods look for the API server.
    pub(crate) fn at_its_service(mut self) -> Self {
        self.api = Some(SocketAddrV4::new(components::FIRST_SERVICE, 443));
        self
    }

    /// One more flag for kube-apiserver, such as `--max-requests-inflight=2` or `--request-timeout=5s`.
    pub fn apiserver_flag(mut self, flag: impl Into<String>) -> Self {
        self.apiserver_flags.push(flag.into());
        self
    }

    /// One more flag for kube-controller-manager.
    pub fn controller_manager_flag(mut self, flag: impl Into<String>) -> Self {
        self.controller_manager_flags.push(flag.into());
        self
    }

    /// Starts the control plane and waits until it is ready.
    pub async fn start(self) -> Result<ControlPlane> {
        let release = self.kubernetes.map_or_else(Kubernetes::selected, Ok)?;
        ControlPlane::start_with(self, release)
            .await
            .inspect_err(|_| crate::workdir::keep())
            .with_context(|| format!("cannot start a control plane ({release:?})"))
    }
}
