//! Who calls: the Helm whose post-renderer this program is.
//!
//! A post-renderer is a child of Helm, and Helm's command line says what Helm does not pass on: the release, the namespace, the cluster
//! and whether it is a dry run.
//!
//! - `process` finds the nearest Helm above this process.
//! - `command_line` reads its arguments into a `call`, with `flags` and `cluster_flags` for what Helm's flags are. All are pure.

mod call;
mod cluster_flags;
mod command_line;
mod flags;
mod process;

use std::process::id;

pub use call::{Command, DryRun, HelmCall, ServerSide};
pub use cluster_flags::ClusterFlags;
pub use command_line::{parse, takes_value};
use process::Process;

/// The name of the plugin for Helm 4.
const OWN_PLUGIN: &str = "jobsweep";

/// Who calls this program.
#[derive(Debug)]
pub enum Caller {
    /// No Helm that waits for this program as its post-renderer.
    None {
        /// The PID of the parent, which changes when the parent ends.
        parent: u32,
    },
    /// A Helm.
    Helm {
        /// What it does.
        call: HelmCall,
        /// Its PID.
        pid: u32,
        /// When it started, because PIDs are used again.
        started: u64,
    },
}

impl Caller {
    /// Looks for the Helm above this process. `plugin_name` is the variable `HELM_PLUGIN_NAME`.
    ///
    /// # Errors
    /// There is a Helm, and what it does is unclear. The reason quotes no value of its command line, which may be a secret.
    pub fn find(plugin_name: Option<&str>) -> Result<Self, String> {
        Self::of(process::nearest_helm(id(), process::look_up), plugin_name)
    }

    /// Where nobody is to be looked for.
    pub fn not_looked_for() -> Self {
        Self::None { parent: process::parent_pid() }
    }

    fn of(helm: Option<Process>, plugin_name: Option<&str>) -> Result<Self, String> {
        if let Some(Process { pid, started, argv, .. }) = helm {
            let call = parse(&argv).map_err(|why| format!("the command line of Helm is unclear: {why}"))?;
            if let Some(call) = call {
                return Ok(Self::Helm { call, pid, started });
            }
        }
        if plugin_name == Some(OWN_PLUGIN) {
            return Err("Helm runs this program as a plugin, but its command line cannot be read".to_owned());
        }
        Ok(Self::not_looked_for())
    }

    /// What the Helm that calls does, if one calls.
    pub fn helm(&self) -> Option<&HelmCall> {
        match self {
            Self::None { .. } => None,
            Self::Helm { call, .. } => Some(call),
        }
    }

    /// Whether whoever calls still waits for the result. A Helm that was killed applies nothing.
    pub fn still_lives(&self) -> bool {
        match self {
            Self::None { parent } => process::parent_pid() == *parent,
            Self::Helm { pid, started, .. } => process::still_lives(*pid, *started),
        }
    }
}

#[cfg(test)]
mod tests;
