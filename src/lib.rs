//! jobsweep keeps finished Kubernetes Jobs from blocking the next upgrade.
//!
//! Helm charts leave finished Jobs behind. A Job's pod template is immutable, so an upgrade that changes it fails with "field is
//! immutable". This crate is the library behind the `jobsweep` program:
//!
//! - [`translate`] is the filter. It gives every Job with the annotation `helm.sh/hook-delete-policy` the annotation
//!   `kots.io/hook-delete-policy` too. It is pure: text in, text out.
//! - `unblock` (feature `cleanup`) deletes the finished Jobs in a cluster that the manifests at hand cannot change.
//! - `cleanup` (feature `cleanup`) waits in a cluster for the annotated Jobs to finish, and deletes each whose policy names how it
//!   ended.
//! - [`inject`] appends the manifests of the cleanup to a stream, so that it runs in the cluster. It is pure too.
//!
//! All of them use [`policy`], which knows what a delete policy says.
//!
//! ```
//! use jobsweep::translate::{Options, translate};
//!
//! let manifests = r#"{"apiVersion": "batch/v1", "kind": "Job", "metadata":
//!     {"name": "migrate", "annotations": {"helm.sh/hook-delete-policy": "hook-succeeded"}}}"#;
//! let mut output = Vec::new();
//! translate(manifests.as_bytes(), &Options::default())?.write_to(&mut output)?;
//! assert!(String::from_utf8(output)?.contains(
//!     r#"{"helm.sh/hook-delete-policy": "hook-succeeded", "kots.io/hook-delete-policy": "hook-succeeded"}"#
//! ));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Limitations
//!
//! - A Job cannot get an annotation if an anchor shares its annotations or metadata with something else than the same part of another Job, or
//!   if a merge key (`<<`) sets them. This is an error.
//! - A literal or folded value that ends the input without a line break would gain one from a line below it. So the new entry stands
//!   above it, in quotes. A stripped value (`|-`) gains nothing, so the new entry follows it as usual.
//! - [`inject`] starts on a new line. A literal or folded value that ends the input without a line break gains one.
//! - `--default-policy` replaces an explicit `annotations: null`. Every other change is an insertion.
//! - U+0085, U+2028 and U+2029 are text, as in YAML 1.2. The YAML library behind Helm reads them as line breaks.
//! - Text is UTF-8, as Kubernetes manifests are. This includes the documents that are passed through unread.
//! - A policy with the tag `!!binary` is not decoded. A warning says that it is not a string.
//! - Rust's runtime replaces a closed standard output (`jobsweep >&-`) by `/dev/null`, so nothing is written and the exit code is 0. A
//!   full device or a closed pipe is an error.

#[cfg(feature = "cleanup")]
pub mod cleanup;
pub mod cli;
#[cfg(feature = "cleanup")]
pub mod cluster;
pub mod console;
pub mod error;
mod escape;
pub mod inject;
pub mod policy;
pub mod run;
#[cfg(feature = "cleanup")]
mod signals;
pub mod translate;
#[cfg(feature = "cleanup")]
pub mod unblock;
mod yaml;
