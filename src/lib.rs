//! jobsweep keeps finished Kubernetes Jobs from blocking the next upgrade.
//!
//! Helm charts leave finished Jobs behind. Nobody can change the pod template of a Job that is there, so the next upgrade that
//! does fails with "field is immutable". This crate is the library behind the `jobsweep` program:
//!
//! - [`translate`] is the filter: manifests in, the same manifests out, where every Job that has the annotation
//!   `helm.sh/hook-delete-policy` also has `kots.io/hook-delete-policy`. Pure: text in, text out.
//! - [`inject`] appends the cleanup's own manifests to a stream, so that it runs in the cluster. Pure too.
//! - `cleanup` (feature `cleanup`) waits in a cluster for the annotated Jobs to finish and deletes each whose
//!   policy names how it ended.
//!
//! All share [`policy`]: what a delete policy says.
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
//! - A Job that shares its metadata or annotations with something else, by an anchor, gets a mapping of its own with a
//!   merge key (`<<`). Helm, kubectl and kustomize read that; a reader without merge keys does not.
//! - A literal or folded value that ends the input without a line break would gain one from a line below it. So the new
//!   entry stands above it, in quotes. (One that is stripped, `|-`, gains nothing and is followed as usual.)
//! - [`inject`] begins what it appends on a new line: a literal or folded value that ends the input without a line break gains one.
//! - The Jobs of one document that share annotations by an anchor get at most 256 KiB of it written out.
//! - `--default-policy` replaces an explicit `annotations: null`; every other change is an insertion.
//! - U+0085, U+2028 and U+2029 are text, as YAML 1.2 has it; the YAML library behind Helm takes them for line breaks.
//! - Text is UTF-8, as Kubernetes manifests are. That is true of every document of a stream, also of those that are passed
//!   through unread.
//! - A policy written as `!!binary` is not decoded: it is reported as no string, and left alone.
//! - A standard output that is closed (`jobsweep >&-`) cannot be told from `/dev/null`, since Rust's runtime opens that in
//!   its place: nothing is written, and the exit code is 0. One that is full or that nobody reads is an error.

#[cfg(feature = "cleanup")]
pub mod cleanup;
pub mod cli;
#[cfg(feature = "cleanup")]
pub mod cluster;
pub mod console;
mod escape;
pub mod exit_code;
pub mod inject;
mod input;
mod pipe;
pub mod policy;
pub mod run;
#[cfg(feature = "cleanup")]
mod signals;
pub mod translate;
#[cfg(feature = "cleanup")]
pub mod unblock;
mod yaml;
