//! Runs the tests in new network, mount and process namespaces.

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

/// The address of the node and of the API server, outside the pods' addresses so that all pods reach it.
pub(super) const ADDRESS: Ipv4Addr = Ipv4Addr::new(10, 88, 255, 1);

/// Tests mostly wait for pods, so there are more of them than processors.
const AT_ONCE: usize = 8;

/// The programs that the node needs, with their Debian packages.
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

/// The first process in the namespaces. A tmpfs covers each folder that the programs write to. The last line is no `exec`,
/// because the first process has to reap orphans.
const FIRST: &str = r#"
set -e
for folder in /run /var/log /var/lib/cni /var/lib/containerd /var/lib/kubelet; do
    mkdir -p $folder
    mount -t tmpfs node $folder
done
# The kubelet sets these for the whole machine, so it gets copies.
for knob in vm/overcommit_memory vm/panic_on_oom kernel/panic kernel/panic_on_oops kernel/keys/root_maxkeys kernel/keys/root_maxbytes; do
    mkdir -p /run/sys/$knob
    cat /proc/sys/$knob >/run/sys/$knob/value
    mount --bind /run/sys/$knob/value /proc/sys/$knob
done
# Containers have to see the volumes that the kubelet mounts.
mount --make-rshared /
ip link set lo up
ip address add "$1/32" dev lo
shift
set +e
"$@"
exit $?
"#;

/// Runs the tests in new namespaces if the command line has `--ignored`, and otherwise shows them as ignored.
///
/// With `--ignored` a missing program is a failure. `prepare` builds what this suite needs besides the node, because there is
/// no network in the namespaces.
pub fn run(
    suite: &str,
    prepare: impl FnOnce() -> Result<()>,
    files: impl IntoIterator<Item = Vec<Trial>>,
) -> ExitCode {
    let mut arguments = Arguments::from_args();
    let asked = (arguments.ignored || arguments.include_ignored) && !arguments.list;
    if asked && env::var_os(workdir::GIVEN).is_none() {
        return enter(prepare).unwrap_or_else(|error| {
            eprintln!("the tests on a node cannot be run: {error:#}");
            ExitCode::FAILURE
        });
    }
    arguments.test_threads.get_or_insert(AT_ONCE);
    let how = format!("`cargo test --test {suite} -- --ignored` runs them, as root on Linux");
    let ignored = |test: Trial| test.with_kind("needs a node").with_ignored_flag(true);
    trials::run_with(&arguments, files.into_iter().flatten().map(ignored).collect(), &how)
}

/// Starts this program again in new namespaces, and waits for its end.
fn enter(prepare: impl FnOnce() -> Result<()>) -> Result<ExitCode> {
    check_prerequisites()?;
    build_tools()?;
    prepare()?;
    images::build()?;
    let mut inside = Command::new("setpriv");
    // Go would use a proxy for the address of the API server, and could not reach it.
    for proxy in ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"] {
        inside.env_remove(proxy).env_remove(proxy.to_lowercase());
    }
    let status = inside
        // When this process ends, `unshare` is killed, then the first process in the namespaces, then all others.
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
    // The program of the package `busybox` needs libraries, which the image does not have.
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
    HelmVersion::selected()?.iter().try_for_each(|version| version.program().map(drop))
}

/// The path of a program, also in `sbin`, which a user's `PATH` may lack.
pub(super) fn program(name: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let system = ["/usr/local/sbin", "/usr/sbin", "/sbin"].map(PathBuf::from);
    env::split_paths(&path).chain(system).map(|folder| folder.join(name)).find(|path| path.is_file())
}
