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

use std::fmt;
use std::process::id;

pub use call::{Command, DryRun, HelmCall, ServerSide, Unclear};
pub use cluster_flags::ClusterFlags;
pub use command_line::{parse, takes_value};
pub(super) use flags::parse_bool;
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
        call: Box<HelmCall>,
        /// Which process it is.
        process: HelmProcess,
    },
}

/// A running Helm.
pub struct HelmProcess(Process);

/// Without the arguments, which can be secrets.
impl fmt::Debug for HelmProcess {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("HelmProcess").field(&self.0.pid).finish()
    }
}

impl Caller {
    /// Looks for the Helm above this process. `plugin_name` is the variable `HELM_PLUGIN_NAME`.
    ///
    /// # Errors
    /// There is a Helm, and what it does is unclear.
    pub fn find(plugin_name: Option<&str>) -> Result<Self, Unclear> {
        let helm = process::nearest_helm(id(), process::look_up);
        Self::of(helm, plugin_name)
    }

    /// Where nobody is to be looked for.
    pub fn not_looked_for() -> Self {
        Self::None { parent: process::parent_pid() }
    }

    fn of(helm: Option<Process>, plugin_name: Option<&str>) -> Result<Self, Unclear> {
        let call = helm.as_ref().map_or(Ok(None), |helm| {
            parse(&helm.argv)
                .map_err(|Unclear(why)| Unclear(format!("the command line of Helm is unclear: {why}")))
        })?;
        match (helm, call) {
            (Some(helm), Some(call)) => Ok(Self::Helm { call: Box::new(call), process: HelmProcess(helm) }),
            _ if plugin_name == Some(OWN_PLUGIN) => Err(Unclear(
                "Helm runs this program as a plugin, but its command line cannot be read".to_owned(),
            )),
            _ => Ok(Self::not_looked_for()),
        }
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
            Self::Helm { process, .. } => process.0.still_lives(),
        }
    }
}

#[cfg(test)]
mod tests;
