//! What a test may want different about its control plane.

use anyhow::{Context, Result};

use super::ControlPlane;
use crate::tools::Kubernetes;

/// How to start a [`ControlPlane`]; from [`ControlPlane::options`].
#[derive(Clone, Debug)]
pub struct Options {
    pub(super) kubernetes: Kubernetes,
    pub(super) audit_log: bool,
    pub(super) apiserver_flags: Vec<String>,
    pub(super) controller_manager_flags: Vec<String>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            kubernetes: Kubernetes::Newest,
            audit_log: true,
            apiserver_flags: Vec::new(),
            controller_manager_flags: Vec::new(),
        }
    }
}

impl Options {
    /// Another release of the API server and the controllers.
    pub fn kubernetes(mut self, release: Kubernetes) -> Self {
        self.kubernetes = release;
        self
    }

    /// No audit log: for benchmarks, where writing it would be measured too.
    pub fn without_audit_log(mut self) -> Self {
        self.audit_log = false;
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
        let release = self.kubernetes;
        ControlPlane::start_with(self)
            .await
            .inspect_err(|_| crate::workdir::keep())
            .with_context(|| format!("cannot start a control plane ({release:?})"))
    }
}
