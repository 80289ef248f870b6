//! Builds the real programs from Go modules, so that everyone tests the same versions.
//!
//! Each folder under `tests/harness/tools/` is a Go module. Its `tool` lines name the programs, and `go.sum` pins the
//! versions. The first use builds them into `<target>/tools/<set>-<key>/`, where the key changes with the module. As with
//! Rust, only `cargo bench` and `--release` optimise them. Without optimisation the build takes two thirds of the time.
//!
//! A [release](Kubernetes) that only `.ci/versions` tests has no folder. Its module is written when it is built.

mod build;
mod generated;
mod releases;
mod stamp;

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use anyhow::{Context, Result, ensure};

pub use build::{go_missing, target_dir};
pub use releases::{HelmVersion, Kubernetes, check_selection};

use releases::KUBERNETES;
use stamp::Stamp;

/// Programs that are built together from one Go module.
#[derive(Debug)]
pub struct ToolSet {
    /// The folder under `tests/harness/tools/`, unless the module is generated.
    name: &'static str,
    /// The programs' paths below the release's module, if a module that needs them is generated.
    generated: Option<&'static [&'static str]>,
    stamp: Stamp,
    /// Build tags, which leave out parts.
    tags: &'static [&'static str],
    /// How long the first build takes on two cores.
    takes: &'static str,
    /// The folder of the programs, looked up once per process.
    built: OnceLock<PathBuf>,
}

impl ToolSet {
    const fn new(name: &'static str, stamp: Stamp, takes: &'static str) -> Self {
        Self { name, generated: None, stamp, tags: &[], takes, built: OnceLock::new() }
    }

    const fn tagged(mut self, tags: &'static [&'static str]) -> Self {
        self.tags = tags;
        self
    }

    const fn generated(mut self, programs: &'static [&'static str]) -> Self {
        self.generated = Some(programs);
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

static KUBERNETES_NODE: ToolSet = ToolSet::new("kubernetes-node", Stamp::Kubernetes("1.37.2"), "3 minutes");
/// Without the snapshotters for which the machine needs more than overlayfs.
static CONTAINERD: ToolSet =
    ToolSet::new("containerd", Stamp::None, "2 minutes").tagged(&["no_btrfs", "no_zfs", "no_devmapper"]);
static ORAS: ToolSet = ToolSet::new("oras", Stamp::None, "half a minute");
static KREW: ToolSet = ToolSet::new("krew", Stamp::None, "half a minute");
/// Without the secret providers, because the SDKs of AWS, Azure and Google Cloud would be half of the build.
static HELMFILE: ToolSet =
    ToolSet::new("helmfile", Stamp::Variable("go.szostok.io/version.version", "1.8.0"), "4 minutes")
        .tagged(&["custom_providers"]);
static HELM_LIBRARY: ToolSet = ToolSet::new("helm-library", Stamp::None, "2 minutes");
static KUSTOMIZE: ToolSet = ToolSet::new("kustomize", Stamp::None, "half a minute");
static KPT: ToolSet = ToolSet::new("kpt", Stamp::None, "3 minutes");
/// The newest release that can be built: v3.2.12 does not compile, and v3.3 needs a module that the Go module proxy does not have.
static ARGOCD: ToolSet = ToolSet::new("argocd", Stamp::None, "7 minutes");
static FLUX: ToolSet = ToolSet::new("flux", Stamp::None, "6 minutes");
static YQ: ToolSet = ToolSet::new("yq", Stamp::None, "half a minute");

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

/// The path of a program that has Helm (v3.22.0) as a library: it installs a release, or upgrades it.
///
/// Its arguments are the release, the chart, the namespace, and the post-renderer with its arguments.
pub fn helm_library() -> Result<PathBuf> {
    HELM_LIBRARY.program("helm-library")
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

/// The path of jobsweep in its released form. `packaging/program.sh` builds it.
pub fn released_program() -> Result<PathBuf> {
    let build = Command::new("packaging/program.sh")
        .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("../.."))
        .stderr(Stdio::inherit())
        .output()
        .context("packaging/program.sh does not run")?;
    ensure!(build.status.success(), "packaging/program.sh failed: {}", build.status);
    Ok(PathBuf::from(String::from_utf8(build.stdout)?.trim()))
}

/// The path of mikefarah's yq (v4.54.2), a peer in the filter's benchmark.
pub fn yq() -> Result<PathBuf> {
    YQ.program("yq")
}
