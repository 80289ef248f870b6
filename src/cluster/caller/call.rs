//! A call of Helm that runs a post-renderer.

use std::fmt;

use super::cluster_flags::ClusterFlags;

/// The commands of Helm that run a post-renderer.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Command {
    /// `helm install`
    Install,
    /// `helm upgrade`
    Upgrade,
    /// `helm template`
    #[default]
    Template,
}

/// What a Helm that changes nothing asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DryRun {
    /// Nobody: it needs no cluster.
    Client,
    /// The API server.
    Server,
}

/// Whether Helm applies server-side. Only Helm 4 does.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum ServerSide {
    /// As the release was applied last, which is what `upgrade` does if no flag says otherwise.
    #[default]
    Auto,
    /// Always.
    Yes,
    /// Never.
    No,
}

/// One call of Helm, as its command line describes it.
#[derive(Debug, Clone, Default)]
pub struct HelmCall {
    /// The command.
    pub command: Command,
    /// Whether Helm changes nothing. `helm template` never changes anything.
    pub dry_run: Option<DryRun>,
    /// The release. Without one, Helm makes a new name up, and no Job belongs to that.
    pub release: Option<String>,
    /// The cluster, as far as flags name it.
    pub cluster: ClusterFlags,
    /// The name or the path of the post-renderer.
    pub post_renderer: String,
    /// `--install`: an upgrade of a release that does not exist installs it.
    pub install: bool,
    /// `--no-hooks`
    pub no_hooks: bool,
    /// `--take-ownership`
    pub take_ownership: bool,
    /// `--rollback-on-failure` or `--atomic`
    pub rollback_on_failure: bool,
    /// `--force` or `--force-replace`
    pub force: bool,
    /// `--server-side`
    pub server_side: ServerSide,
}

impl fmt::Display for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Install => "install",
            Self::Upgrade => "upgrade",
            Self::Template => "template",
        })
    }
}

impl HelmCall {
    /// Whether Helm 4 calls, if the variable `HELM_PLUGIN_NAME` has this value: Helm 4 sets it to the post-renderer's name.
    pub fn is_helm_4(&self, plugin_name: Option<&str>) -> bool {
        plugin_name == Some(&self.post_renderer)
    }
}

/// `helm upgrade shop --dry-run=server`
impl fmt::Display for HelmCall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "helm {}", self.command)?;
        if let Some(release) = &self.release {
            write!(f, " {release}")?;
        }
        match (self.command, self.dry_run) {
            (_, Some(DryRun::Server)) => f.write_str(" --dry-run=server"),
            (Command::Install | Command::Upgrade, Some(DryRun::Client)) => f.write_str(" --dry-run=client"),
            _ => Ok(()),
        }
    }
}
