//! A real Kubernetes and a real Helm for jobsweep's tests, benchmarks and the `story` example.
//!
//! - [`tools`] builds the programs from their Go modules, once.
//! - [`control_plane`] runs etcd, the API server and the controllers.
//! - [`node`] adds kubelet, containerd and scheduler, in their own Linux namespaces. It needs root.
//! - [`jobs`] creates Jobs, and makes their pods succeed or fail as a node would.
//! - [`helm`] runs Helm and kubectl without the user's configuration.
//! - [`process`] runs a program and keeps exactly what it wrote.
//! - [`pages`] reads the lines of README and the guides, for tests that type them.
//! - [`registry`] runs a registry of OCI artifacts.
//! - [`argocd`] and [`flux`] run their controllers on a node.
//! - [`mod@trials`] turns plain async functions into a test binary.
//!
//! A test looks like this:
//!
//! ```no_run
//! use jobsweep_harness::{control_plane::ControlPlane, jobs::job, trials};
//!
//! async fn a_succeeded_job_is_complete(cluster: &ControlPlane) -> anyhow::Result<()> {
//!     let namespace = cluster.namespace().await?;
//!     let migrate = namespace.create(job("migrate").policy("hook-succeeded")).await?;
//!     namespace.succeed(&migrate).await?;
//!     namespace.condition(&migrate, "Complete").await
//! }
//!
//! fn main() -> std::process::ExitCode {
//!     trials::run([trials![a_succeeded_job_is_complete]])
//! }
//! ```
//!
//! On Windows only [`pages`], [`process`] and [`wait`] exist.
//!
//! Everything listens on loopback addresses or in its own network namespace, and ends with the process that started it.

#[cfg(unix)]
pub mod argocd;
#[cfg(unix)]
pub mod control_plane;
#[cfg(unix)]
mod crds;
#[cfg(unix)]
mod daemon;
#[cfg(unix)]
pub mod flux;
#[cfg(unix)]
pub mod helm;
#[cfg(unix)]
pub mod jobs;
#[cfg(unix)]
pub mod node;
pub mod pages;
pub mod process;
#[cfg(unix)]
pub mod registry;
#[cfg(unix)]
pub mod tools;
#[cfg(unix)]
pub mod trials;
pub mod wait;
#[cfg(unix)]
mod workdir;

pub use k8s_openapi;
pub use kube;
#[cfg(unix)]
pub use workdir::folder;

use std::sync::LazyLock;

/// One runtime for the whole process, because all tests share a `kube::Client`, which works only on its own runtime.
static RUNTIME: LazyLock<tokio::runtime::Runtime> =
    LazyLock::new(|| tokio::runtime::Runtime::new().expect("threads can be started"));

/// Runs a future on the harness's runtime, for `main` functions and benchmarks.
pub fn block_on<F: Future>(future: F) -> F::Output {
    RUNTIME.block_on(future)
}
