//! The real programs, built from Go modules: no image, no download page, the same bytes for everyone.
//!
//! Each folder under `tests/harness/tools/` is a Go module whose `tool` lines name what to build and whose
//! `go.sum` pins it. The result lies in `<target>/tools/<set>-<key>/`, where the key changes with the module:
//! the first use builds, every later one only looks. `go` brings its own cache, so a lost target folder costs
//! seconds, not minutes.

mod build;

use std::path::PathBuf;
use std::sync::OnceLock;

use anyhow::Result;

pub use build::{go_missing, target_dir};

/// Programs that are built together, because they come from one Go module.
#[derive(Debug)]
pub struct ToolSet {
    /// The folder under `tests/harness/tools/`.
    name: &'static str,
    /// What `-ldflags` has to say so that the programs know their own version.
    stamp: &'static str,
    /// Build tags: what is to be left out.
    tags: &'static [&'static str],
    /// How long the first build takes on two cores, for the message that asks for patience.
    takes: &'static str,
    /// Where the set was found or built; looked up once per process.
    built: OnceLock<PathBuf>,
}

impl ToolSet {
    const fn new(name: &'static str, stamp: &'static str, takes: &'static str) -> Self {
        Self { name, stamp, tags: &[], takes, built: OnceLock::new() }
    }

    const fn tagged(mut self, tags: &'static [&'static str]) -> Self {
        self.tags = tags;
        self
    }

    /// The path of one of this set's programs; builds the set if nobody has yet.
    pub fn program(&self, name: &str) -> Result<PathBuf> {
        let folder = match self.built.get() {
            Some(folder) => folder,
            None => {
                let folder = build::find_or_build(self)?;
                self.built.get_or_init(|| folder)
            }
        };
        let program = folder.join(name);
        anyhow::ensure!(program.is_file(), "the tool set {} has no program {name}", self.name);
        Ok(program)
    }
}

macro_rules! kubernetes_stamp {
    ($major:literal, $minor:literal, $patch:literal) => {
        concat!(
            "-X k8s.io/component-base/version.gitVersion=v",
            $major,
            ".",
            $minor,
            ".",
            $patch,
            " -X k8s.io/component-base/version.gitMajor=",
            $major,
            " -X k8s.io/component-base/version.gitMinor=",
            $minor,
            " -X k8s.io/component-base/version.gitTreeState=clean",
        )
    };
}

static KUBERNETES: ToolSet = ToolSet::new("kubernetes", kubernetes_stamp!("1", "37", "2"), "9 minutes");
static KUBERNETES_1_31: ToolSet =
    ToolSet::new("kubernetes-1.31", kubernetes_stamp!("1", "31", "0"), "9 minutes");
static KUBERNETES_NODE: ToolSet =
    ToolSet::new("kubernetes-node", kubernetes_stamp!("1", "37", "2"), "5 minutes");
/// Without the snapshotters that need more of the machine than overlayfs.
static CONTAINERD: ToolSet =
    ToolSet::new("containerd", "", "2 minutes").tagged(&["no_btrfs", "no_zfs", "no_devmapper"]);
static HELM_4: ToolSet =
    ToolSet::new("helm-4", "-X helm.sh/helm/v4/internal/version.version=v4.3.1", "2 minutes");
static HELM_3_22: ToolSet =
    ToolSet::new("helm-3.22", "-X helm.sh/helm/v3/internal/version.version=v3.22.0", "2 minutes");
static HELM_3_20: ToolSet =
    ToolSet::new("helm-3.20", "-X helm.sh/helm/v3/internal/version.version=v3.20.2", "2 minutes");
static ORAS: ToolSet = ToolSet::new("oras", "", "half a minute");
/// Without the providers of secrets, whose clients of AWS, Azure and Google Cloud would be half of the build.
static HELMFILE: ToolSet = ToolSet::new("helmfile", "-X go.szostok.io/version.version=v1.8.0", "4 minutes")
    .tagged(&["custom_providers"]);
static YQ: ToolSet = ToolSet::new("yq", "", "half a minute");

/// The Kubernetes releases whose API server and controllers can be run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Kubernetes {
    /// v1.37.2.
    #[default]
    Newest,
    /// v1.31.0, the first release whose Jobs finish only after their pods have.
    V1_31,
}

impl Kubernetes {
    /// The programs of this release: `kube-apiserver` and `kube-controller-manager`.
    pub fn tools(self) -> &'static ToolSet {
        match self {
            Self::Newest => &KUBERNETES,
            Self::V1_31 => &KUBERNETES_1_31,
        }
    }
}

/// The Helm releases that jobsweep promises to work with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HelmVersion {
    /// v4.3.1: post-renderers are plugins, and get the hooks too.
    V4,
    /// v3.22.0: post-renderers are executables, and never see a hook.
    V3_22,
    /// v3.20.2, the oldest one supported.
    V3_20,
}

impl HelmVersion {
    /// Every release, newest first: what a test that takes a version is run with.
    pub const ALL: [Self; 3] = [Self::V4, Self::V3_22, Self::V3_20];

    /// The folder name of this release's module, which is also how trials are named after it.
    pub fn name(self) -> &'static str {
        self.tools().name
    }

    /// Where this release's `helm` lies.
    pub fn program(self) -> Result<PathBuf> {
        self.tools().program("helm")
    }

    fn tools(self) -> &'static ToolSet {
        match self {
            Self::V4 => &HELM_4,
            Self::V3_22 => &HELM_3_22,
            Self::V3_20 => &HELM_3_20,
        }
    }
}

/// Where etcd lies. Its package is called `server`, and so is the program.
pub fn etcd() -> Result<PathBuf> {
    KUBERNETES.program("server")
}

/// Where one of the node's own programs lies (v1.37.2): `kubelet` or `kube-scheduler`.
pub fn kubernetes_node(program: &str) -> Result<PathBuf> {
    KUBERNETES_NODE.program(program)
}

/// Where a program of containerd lies (v2.2.9): `containerd`, its shim beside it, or `ctr`.
pub fn containerd(program: &str) -> Result<PathBuf> {
    CONTAINERD.program(program)
}

/// Where kubectl lies (v1.37.2).
pub fn kubectl() -> Result<PathBuf> {
    KUBERNETES.program("kubectl")
}

/// Where oras lies (v1.3.6), which pushes any artifact to a registry.
pub fn oras() -> Result<PathBuf> {
    ORAS.program("oras")
}

/// Where helmfile lies (v1.8.0).
pub fn helmfile() -> Result<PathBuf> {
    HELMFILE.program("helmfile")
}

/// Where mikefarah's yq lies (v4.54.2), the peer that the filter is measured against.
pub fn yq() -> Result<PathBuf> {
    YQ.program("yq")
}
