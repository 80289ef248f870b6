//! The releases of Kubernetes and Helm, and which of them a run tests.
//!
//! | variable | what it selects | without it |
//! |---|---|---|
//! | `JOBSWEEP_TEST_KUBERNETES=1.33` | the release of every control plane that names none | the newest |
//! | `JOBSWEEP_TEST_HELM=3.19,4.2` | the releases for which trials run | 4.3 and 3.22; on demand also 3.20 |

use std::env;
use std::path::PathBuf;

use anyhow::{Context, Result};

use super::{Stamp, ToolSet};

const KUBERNETES_VARIABLE: &str = "JOBSWEEP_TEST_KUBERNETES";
const HELM_VARIABLE: &str = "JOBSWEEP_TEST_HELM";

pub(super) static KUBERNETES: ToolSet = ToolSet::new("kubernetes", Stamp::Kubernetes("1.37.2"), "6 minutes");
static KUBERNETES_1_36: ToolSet = kubernetes("kubernetes-1.36", "1.36.3");
static KUBERNETES_1_35: ToolSet = kubernetes("kubernetes-1.35", "1.35.4");
static KUBERNETES_1_34: ToolSet = kubernetes("kubernetes-1.34", "1.34.4");
static KUBERNETES_1_33: ToolSet = kubernetes("kubernetes-1.33", "1.33.13");
static KUBERNETES_1_32: ToolSet = kubernetes("kubernetes-1.32", "1.32.2");
static KUBERNETES_1_31: ToolSet = ToolSet::new("kubernetes-1.31", Stamp::Kubernetes("1.31.0"), "6 minutes");

static HELM_4_3: ToolSet = ToolSet::new("helm-4", Stamp::Helm("4.3.1"), "2 minutes");
static HELM_4_2: ToolSet = helm("helm-4.2", "4.2.4");
static HELM_3_22: ToolSet = ToolSet::new("helm-3.22", Stamp::Helm("3.22.0"), "2 minutes");
static HELM_3_21: ToolSet = helm("helm-3.21", "3.21.4");
static HELM_3_20: ToolSet = ToolSet::new("helm-3.20", Stamp::Helm("3.20.2"), "2 minutes");
static HELM_3_19: ToolSet = helm("helm-3.19", "3.19.5");
static HELM_3_18: ToolSet = helm("helm-3.18", "3.18.6");

const fn kubernetes(name: &'static str, version: &'static str) -> ToolSet {
    let programs = &["cmd/kube-apiserver", "cmd/kube-controller-manager"];
    ToolSet::new(name, Stamp::Kubernetes(version), "6 minutes").generated(programs)
}

const fn helm(name: &'static str, version: &'static str) -> ToolSet {
    ToolSet::new(name, Stamp::Helm(version), "3 minutes").generated(&["cmd/helm"])
}

/// A Kubernetes release whose API server and controllers can be run.
#[derive(Clone, Copy, Debug)]
pub struct Kubernetes {
    minor: &'static str,
    tools: &'static ToolSet,
}

impl Kubernetes {
    /// v1.31.0, the first release whose Jobs finish only after their pods have.
    pub const V1_31: Self = Self::new("1.31", &KUBERNETES_1_31);

    const ALL: [Self; 7] = [
        Self::V1_31,
        Self::new("1.32", &KUBERNETES_1_32),
        Self::new("1.33", &KUBERNETES_1_33),
        Self::new("1.34", &KUBERNETES_1_34),
        Self::new("1.35", &KUBERNETES_1_35),
        Self::new("1.36", &KUBERNETES_1_36),
        Self::NEWEST,
    ];

    /// v1.37.2.
    pub const NEWEST: Self = Self::new("1.37", &KUBERNETES);

    const fn new(minor: &'static str, tools: &'static ToolSet) -> Self {
        Self { minor, tools }
    }

    /// The release that the environment selects.
    pub fn selected() -> Result<Self> {
        let Some(minor) = variable(KUBERNETES_VARIABLE) else {
            return Ok(Self::NEWEST);
        };
        let found = Self::ALL.into_iter().find(|release| release.minor == minor);
        let known = Self::ALL.map(|release| release.minor).join(", ");
        found.with_context(|| format!("{KUBERNETES_VARIABLE}={minor}: it must be one of {known}"))
    }

    /// Whether `spec.managedBy` is behind a feature gate.
    pub(crate) fn gates_managed_by(self) -> bool {
        self.minor == "1.31"
    }

    /// The path of `kube-apiserver` or `kube-controller-manager`.
    pub(crate) fn program(self, name: &str) -> Result<PathBuf> {
        self.tools.program(name)
    }
}

/// A Helm release.
#[derive(Clone, Copy, Debug)]
pub struct HelmVersion {
    minor: &'static str,
    tools: &'static ToolSet,
}

impl HelmVersion {
    /// v4.3.1. A post-renderer is a plugin, and receives hooks too.
    pub const V4: Self = Self::new("4.3", &HELM_4_3);
    /// v3.22.0. A post-renderer is a program, and receives no hooks.
    pub const V3_22: Self = Self::new("3.22", &HELM_3_22);
    /// v3.20.2.
    pub const V3_20: Self = Self::new("3.20", &HELM_3_20);

    const ALL: [Self; 7] = [
        Self::new("3.18", &HELM_3_18),
        Self::new("3.19", &HELM_3_19),
        Self::V3_20,
        Self::new("3.21", &HELM_3_21),
        Self::V3_22,
        Self::new("4.2", &HELM_4_2),
        Self::V4,
    ];

    const fn new(minor: &'static str, tools: &'static ToolSet) -> Self {
        Self { minor, tools }
    }

    /// The releases that the environment selects.
    pub fn selected() -> Result<Vec<Self>> {
        let Some(minors) = variable(HELM_VARIABLE) else {
            return Ok(vec![Self::V4, Self::V3_22, Self::V3_20]);
        };
        let known = Self::ALL.map(|release| release.minor).join(", ");
        let find = |minor: &str| Self::ALL.into_iter().find(|release| release.minor == minor);
        let found: Option<Vec<_>> = minors.split(',').map(find).collect();
        found.with_context(|| format!("{HELM_VARIABLE}={minors}: it must be some of {known}"))
    }

    /// Whether its trials run without being asked for: it is the newest of its major version, or the environment selects it.
    pub(crate) fn runs_by_default(self) -> bool {
        self == Self::V4 || self == Self::V3_22 || variable(HELM_VARIABLE).is_some()
    }

    /// Whether it is Helm 4.
    pub fn is_4(self) -> bool {
        self.minor.starts_with("4.")
    }

    /// The name of the release's tool set, which is also in the names of its trials.
    pub fn name(self) -> &'static str {
        self.tools.name
    }

    /// The path of `helm`.
    pub fn program(self) -> Result<PathBuf> {
        self.tools.program("helm")
    }
}

impl PartialEq for HelmVersion {
    fn eq(&self, other: &Self) -> bool {
        self.minor == other.minor
    }
}

/// Returns an error if a variable selects a release that does not exist here.
pub fn check_selection() -> Result<()> {
    Kubernetes::selected()?;
    HelmVersion::selected()?;
    Ok(())
}

fn variable(name: &str) -> Option<String> {
    env::var(name).ok().filter(|value| !value.is_empty())
}
