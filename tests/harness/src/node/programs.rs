//! The node's programs and their configuration.

use std::fs;
use std::path::Path;

use anyhow::Result;
use serde_json::json;

use super::namespaces::{ADDRESS, program};
use super::{NAME, images};
use crate::control_plane::ControlPlane;
use crate::daemon::Daemon;
use crate::process::Program;
use crate::tools;

/// The folder of the Debian package.
pub(super) const CNI_PLUGINS: &str = "/usr/lib/cni";

pub(super) fn start_containerd(folder: &Path) -> Result<Daemon> {
    let networks = folder.join("networks");
    fs::create_dir_all(&networks)?;
    let network = json!({
        "cniVersion": "1.0.0",
        "name": "pods",
        "plugins": [{
            "type": "bridge",
            "bridge": "pods",
            "isGateway": true,
            "ipam": {
                "type": "host-local",
                "ranges": [[{ "subnet": "10.88.0.0/17" }]],
                "routes": [{ "dst": "0.0.0.0/0" }],
            },
        }],
    });
    fs::write(networks.join("pods.conflist"), network.to_string())?;
    let config = format!(
        "\
version = 3
[plugins.'io.containerd.cri.v1.images'.pinned_images]
sandbox = '{sandbox}'
[plugins.'io.containerd.cri.v1.runtime']
# A container may not lower oom_score_adj, and the test machine may be one.
restrict_oom_score_adj = true
[plugins.'io.containerd.cri.v1.runtime'.cni]
bin_dirs = ['{CNI_PLUGINS}']
conf_dir = '{networks}'
[plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc]
runtime_type = 'io.containerd.runc.v2'
[plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc.options]
BinaryName = '{runc}'
SystemdCgroup = false
",
        sandbox = images::app(1),
        networks = networks.display(),
        runc = program("runc").unwrap_or_default().display(),
    );
    let path = folder.join("containerd.toml");
    fs::write(&path, config)?;
    let args = ["--config".into(), path.into()];
    Daemon::start("containerd", &tools::containerd("containerd")?, args.into(), folder)
}

pub(super) fn start_kubelet(folder: &Path, cluster: &ControlPlane) -> Result<Daemon> {
    let config = json!({
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "containerRuntimeEndpoint": "unix:///run/containerd/containerd.sock",
        "authentication": { "anonymous": { "enabled": true }, "webhook": { "enabled": false } },
        "authorization": { "mode": "AlwaysAllow" },
        // These settings work with both versions of control groups.
        "cgroupDriver": "cgroupfs",
        "cgroupsPerQOS": false,
        "enforceNodeAllocatable": [],
        "failCgroupV1": false,
        "failSwapOn": false,
        // The node must not evict pods if the machine has little memory or disk.
        "evictionHard": { "memory.available": "0%", "nodefs.available": "0%", "nodefs.inodesFree": "0%", "imagefs.available": "0%", "imagefs.inodesFree": "0%" },
        "imageGCHighThresholdPercent": 100,
        "maxPods": 500,
        "resolvConf": "",
        "volumePluginDir": "/run/kubelet-plugins",
    });
    let path = folder.join("kubelet.json");
    fs::write(&path, config.to_string())?;
    let args = [
        format!("--config={}", path.display()).into(),
        format!("--kubeconfig={}", cluster.kubeconfig().display()).into(),
        format!("--hostname-override={NAME}").into(),
        format!("--node-ip={ADDRESS}").into(),
    ];
    Daemon::start("kubelet", &tools::kubernetes_node("kubelet")?, args.into(), folder)
}

pub(super) fn start_scheduler(folder: &Path, cluster: &ControlPlane) -> Result<Daemon> {
    let args = [
        format!("--kubeconfig={}", cluster.kubeconfig().display()).into(),
        "--leader-elect=false".into(),
        "--secure-port=0".into(),
    ];
    Daemon::start("kube-scheduler", &tools::kubernetes_node("kube-scheduler")?, args.into(), folder)
}

/// A call of containerd's client in the namespace of Kubernetes.
pub(super) fn ctr(args: &[&str]) -> Result<Program> {
    Ok(Program::new(tools::containerd("ctr")?).args(["--namespace", "k8s.io"]).args(args))
}

pub(super) async fn import(archive: &Path) -> Result<()> {
    ctr(&["images", "import"])?.arg(archive).run().await?.expect_success()?;
    Ok(())
}
