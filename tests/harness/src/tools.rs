//! Builds the real programs from Go modules, so that everyone tests the same versions.
//!
//! Each folder under `tests/harness/tools/` is a Go module. Its `tool` lines name the programs, and `go.sum` pins the
//! versions. The first use builds them into `<target>/tools/<set>-<key>/`, where the key changes with the module.

mod build;

use std::path::PathBuf;
use std::sync::OnceLock;

use anyhow::Result;

pub use build::{go_missing, target_dir};

/// Programs that are built together from one Go module.
#[derive(Debug)]
pub struct ToolSet {
    /// The folder under `tests/harness/tools/`.
    name: &'static str,
    /// The `-ldflags` that give the programs their version.
    stamp: &'static str,
    /// Build tags, which leave out parts.
    tags: &'static [&'static str],
    /// How long the first build takes on two cores.
    takes: &'static str,
    /// The folder of the programs, looked up once per process.
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

    /// The path of one of the programs. Builds the set if necessary.
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
/// Without the snapshotters for which the machine needs more than overlayfs.
static CONTAINERD: ToolSet =
    ToolSet::new("containerd", "", "2 minutes").tagged(&["no_btrfs", "no_zfs", "no_devmapper"]);
static HELM_4: ToolSet =
    ToolSet::new("helm-4", "-X helm.sh/helm/v4/internal/version.version=v4.3.1", "2 minutes");
static HELM_3_22: ToolSet =
    ToolSet::new("helm-3.22", "-X helm.sh/helm/v3/internal/version.version=v3.22.0", "2 minutes");
static HELM_3_20: ToolSet =
    ToolSet::new("helm-3.20", "-X helm.sh/helm/v3/internal/version.version=v3.20.2", "2 minutes");
static ORAS: ToolSet = ToolSet::new("oras", "", "half a minute");
static KREW: ToolSet = ToolSet::new("krew", "", "half a minute");
/// Without the secret providers, because the SDKs of AWS, Azure and Google Cloud would be half of the build.
static HELMFILE: ToolSet = ToolSet::new("helmfile", "-X go.szostok.io/version.version=v1.8.0", "4 minutes")
    .tagged(&["custom_providers"]);
static KUSTOMIZE: ToolSet = ToolSet::new("kustomize", "", "half a minute");
static KPT: ToolSet = ToolSet::new("kpt", "", "3 minutes");
/// The newest release that can be built: v3.2.12 does not compile, and v3.3 needs a module that the Go module proxy does not have.
static ARGOCD: ToolSet =
    ToolSet::new("argocd", "-X github.com/argoproj/argo-cd/v3/common.version=3.2.11", "10 minutes");
static FLUX: ToolSet = ToolSet::new("flux", "", "8 minutes");
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
    /// v4.3.1. A post-renderer is a plugin, and receives hooks too.
    V4,
    /// v3.22.0. A post-renderer is a program, and receives no hooks.
    V3_22,
    /// v3.20.2, the oldest supported release.
    V3_20,
}

impl HelmVersion {
    /// Every release, newest first.
    pub const ALL: [Self; 3] = [Self::V4, Self::V3_22, Self::V3_20];

    /// The name of the release's module, which is also in the names of its trials.
    pub fn name(self) -> &'static str {
        self.tools().name
    }

    /// The path of `helm`.
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

/// The path of etcd. The program has the name of its package, `server`.
pub fn etcd() -> Result<PathBuf> {
    KUBERNETES.program("server")
}

/// The path of `kubelet` or `kube-scheduler` (v1.37.2).
pub fn kubernetes_node(program: &str) -> Result<PathBuf> {
    KUBERNETES_NODE.program(program)
}

/// The path of `containerd`, with its shim beside it, or `ctr` (v2.2.9).
pub fn containerd(program: &str) -> Result<PathBuf> {
    CONTAINERD.program(program)
}

/// The path of kubectl (v1.37.2).
pub fn kubectl() -> Result<PathBuf> {
    KUBERNETES.program("kubectl")
}

/// The path of oras (v1.3.6), which pushes any artifact to a registry.
pub fn oras() -> Result<PathBuf> {
    ORAS.program("oras")
}

/// The path of `krew` or `validate-krew-manifest` (v0.4.3).
pub fn krew(program: &str) -> Result<PathBuf> {
    KREW.program(program)
}

/// The path of helmfile (v1.8.0).
pub fn helmfile() -> Result<PathBuf> {
    HELMFILE.program("helmfile")
}

/// The path of kustomize (v5.8.2).
pub fn kustomize() -> Result<PathBuf> {
    KUSTOMIZE.program("kustomize")
}

/// The path of a program with the `fn` commands of kpt (v1.0.0-beta.61).
pub fn kpt() -> Result<PathBuf> {
    KPT.program("kpt")
}

/// The path of a program that is the server of Argo CD (v3.2.11) by whose name it is called.
pub fn argocd() -> Result<PathBuf> {
    ARGOCD.program("argocd")
}

/// The folder of Argo CD's module, with its CustomResourceDefinitions.
pub fn argocd_module() -> Result<PathBuf> {
    build::folder_of(&ARGOCD, "github.com/argoproj/argo-cd/v3")
}

/// The path of Flux's `source-controller` or `kustomize-controller` (v1.9.6).
pub fn flux(program: &str) -> Result<PathBuf> {
    FLUX.program(program)
}

/// The folder of the module of one of these programs, with its CustomResourceDefinitions.
pub fn flux_module(program: &str) -> Result<PathBuf> {
    build::folder_of(&FLUX, &format!("github.com/fluxcd/{program}"))
}

/// The path of mikefarah's yq (v4.54.2), a peer in the filter's benchmark.
pub fn yq() -> Result<PathBuf> {
    YQ.program("yq")
}
