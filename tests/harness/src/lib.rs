//! A real Kubernetes and a real Helm for jobsweep's tests, benchmarks and the `story` example.
//!
//! - [`tools`] builds the programs from their Go modules, once, and says where they are.
//! - [`control_plane`] runs etcd, the API server and the controllers, as many times as a test wants.
//! - [`node`] adds what runs pods: kubelet, containerd and scheduler, in namespaces of their own; root only.
//! - [`jobs`] creates Jobs and plays the node: it makes their pods succeed or fail.
//! - [`helm`] runs a chosen Helm (or kubectl) that sees nothing of the user's own configuration.
//! - [`process`] runs the binary under test and keeps exactly what it wrote.
//! - [`registry`] runs a registry of OCI artifacts.
//! - [`mod@trials`] turns plain async functions into a test binary.
//!
//! A test reads like this:
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
//! Everything listens on loopback addresses only, or in a network of its own, and ends with the process that started it.

pub mod control_plane;
mod daemon;
pub mod helm;
pub mod jobs;
pub mod node;
pub mod process;
pub mod registry;
pub mod tools;
pub mod trials;
pub mod wait;
mod workdir;

pub use k8s_openapi;
pub use kube;

use std::sync::LazyLock;

/// One runtime for the whole process: a `kube::Client` works only on the runtime that made it, and the shared
/// control plane's client is used by every test.
static RUNTIME: LazyLock<tokio::runtime::Runtime> =
    LazyLock::new(|| tokio::runtime::Runtime::new().expect("threads can be started"));

/// Runs a future to its end on the harness's runtime; for `main` functions and benchmarks.
pub fn block_on<F: Future>(future: F) -> F::Output {
    RUNTIME.block_on(future)
}
