//! Gets the tests into namespaces of their own: network, mounts and processes.

use std::env;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use anyhow::{Context, Result, bail};
use libtest_mimic::Arguments;

use super::{container, images, programs};
use crate::tools::{self, HelmVersion};
use crate::trials::{self, Trial};
use crate::workdir;

/// The node's own address, which is the API server's too. It is beside the pods' addresses, so all of them reach it.
pub(super) const ADDRESS: Ipv4Addr = Ipv4Addr::new(10, 88, 255, 1);

/// Why a plain `cargo test` leaves them out.
const IGNORED: &str = "ignored: needs root and Linux; cargo test --test node -- --ignored";

/// Tests mostly wait for pods, so more of them than there are processors.
const AT_ONCE: usize = 8;

/// What the node needs besides what is built, and the Debian package that brings it.
const PROGRAMS: [(&str, &str); 9] = [
    ("runc", "runc"),
    ("busybox", "busybox-static"),
    ("ip", "iproute2"),
    ("mount", "mount"),
    ("unshare", "util-linux"),
    ("setpriv", "util-linux"),
    ("tar", "tar"),
    ("sha256sum", "coreutils"),
    ("buildah", "buildah"),
];

/// The first process inside. What the programs write outside of the tests' folder, is memory of these namespaces and
/// goes with them; the last line is no `exec`, because the first process has to take in the orphans of the others.
const FIRST: &str = r#"
set -e
for folder in /run /var/log /var/lib/cni /var/lib/containerd /var/lib/kubelet; do
    mkdir -p $folder
    mount -t tmpfs node $folder
done
# The kubelet would set these for the whole machine. It may believe that it has.
for knob in vm/overcommit_memory vm/panic_on_oom kernel/panic kernel/panic_on_oops kernel/keys/root_maxkeys kernel/keys/root_maxbytes; do
    mkdir -p /run/sys/$knob
    cat /proc/sys/$knob >/run/sys/$knob/value
    mount --bind /run/sys/$knob/value /proc/sys/$knob
done
# The volumes that the kubelet mounts have to reach the containers.
mount --make-rshared /
ip link set lo up
ip address add "$1/32" dev lo
shift
set +e
"$@"
exit $?
"#;

/// Runs the tests if they were asked for (`--ignored`), in namespaces of their own, and otherwise says how to.
///
/// What is missing then is a failure: nobody asks for them by accident.
pub fn run(files: impl IntoIterator<Item = Vec<Trial>>) -> ExitCode {
    let mut arguments = Arguments::from_args();
    let asked = (arguments.ignored || arguments.include_ignored) && !arguments.list;
    if asked && env::var_os(workdir::GIVEN).is_none() {
        return enter().unwrap_or_else(|error| {
            eprintln!("the node's tests cannot be run: {error:#}");
            ExitCode::FAILURE
        });
    }
    arguments.test_threads.get_or_insert(AT_ONCE);
    let kind = if asked { "" } else { IGNORED };
    let ignored = |test: Trial| test.with_kind(kind).with_ignored_flag(true);
    trials::run_with(&arguments, files.into_iter().flatten().map(ignored).collect())
}

/// Starts this program once more, inside, and waits for its end.
fn enter() -> Result<ExitCode> {
    check_prerequisites()?;
    // There is no other network inside.
    build_tools()?;
    images::build()?;
    let mut inside = Command::new("setpriv");
    // A proxy could not be reached, and the API server has no loopback address, for which Go would ask none.
    for proxy in ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"] {
        inside.env_remove(proxy).env_remove(proxy.to_lowercase());
    }
    let status = inside
        // The end of this process is the end of `unshare`, that is the end of the first process inside, and that is
        // the end of all the others.
        .args(["--pdeathsig", "KILL", "unshare", "--kill-child", "--fork"])
        .args(["--net", "--mount", "--pid", "--mount-proc", "sh", "-c", FIRST, "node"])
        .arg(ADDRESS.to_string())
        .arg(env::current_exe()?)
        .args(env::args_os().skip(1))
        .env(workdir::GIVEN, workdir::root()?)
        .status()?;
    container::remove_empty_groups();
    if !status.success() {
        workdir::keep();
    }
    Ok(status.code().and_then(|code| u8::try_from(code).ok()).map_or(ExitCode::FAILURE, ExitCode::from))
}

fn check_prerequisites() -> Result<()> {
    let id = Command::new("id").arg("-u").output().context("cannot run `id`")?;
    if !cfg!(target_os = "linux") || id.stdout.trim_ascii() != b"0" {
        bail!("namespaces and mounts need root, on Linux");
    }
    let mut missing: Vec<&str> =
        PROGRAMS.iter().filter(|(name, _)| program(name).is_none()).map(|(_, package)| *package).collect();
    if !Path::new(programs::CNI_PLUGINS).join("bridge").is_file() {
        missing.push("containernetworking-plugins");
    }
    // The package `busybox` brings one that needs libraries, which the image does not have.
    if let Some(busybox) = program("busybox")
        && Command::new("ldd").arg(busybox).output().is_ok_and(|ldd| ldd.status.success())
    {
        missing.push("busybox-static");
    }
    missing.dedup();
    if !missing.is_empty() {
        bail!("programs are missing; on Debian: apt-get install {}", missing.join(" "));
    }
    Ok(())
}

fn build_tools() -> Result<()> {
    tools::etcd()?;
    tools::kubernetes_node("kubelet")?;
    tools::containerd("containerd")?;
    HelmVersion::ALL.iter().try_for_each(|version| version.program().map(drop))
}

/// Where a program of the system lies, `sbin` included, which a user's own path may lack.
pub(super) fn program(name: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let system = ["/usr/local/sbin", "/usr/sbin", "/sbin"].map(PathBuf::from);
    env::split_paths(&path).chain(system).map(|folder| folder.join(name)).find(|path| path.is_file())
}
