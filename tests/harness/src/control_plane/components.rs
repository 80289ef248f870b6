//! The control plane's programs and their flags.

use std::ffi::OsString;
use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;
use std::process;
use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::{Context, Result};

use super::{ControlPlane, access, audit};
use crate::daemon::Daemon;
use crate::tools;

/// The folder of etcd's data.
pub(super) const DATA: &str = "etcd";

/// The addresses of Services. Pods find the API server at the first one.
const SERVICES: &str = "10.88.255.0/24";
pub(super) const FIRST_SERVICE: Ipv4Addr = Ipv4Addr::new(10, 88, 255, 1);

/// The controllers that tests of Jobs need. The other forty would only take time.
const CONTROLLERS: &str = "job-controller,cronjob-controller,ttl-after-finished-controller,\
    garbage-collector-controller,namespace-controller,serviceaccount-controller,\
    root-ca-certificate-publisher-controller,clusterrole-aggregation-controller";

/// Kubernetes 1.31 has `spec.managedBy` behind a feature gate.
const MANAGED_BY: &str = "--feature-gates=JobManagedBy=true";

impl ControlPlane {
    pub(super) fn launch_etcd(&self) -> Result<Daemon> {
        let client_url = self.etcd_url();
        let peer_url = format!("http://127.0.0.1:{}", free_port()?);
        let args = [
            "--name=test".into(),
            flag("data-dir", &self.folder.join(DATA)),
            format!("--listen-client-urls={client_url}").into(),
            format!("--advertise-client-urls={client_url}").into(),
            format!("--listen-peer-urls={peer_url}").into(),
            format!("--initial-advertise-peer-urls={peer_url}").into(),
            format!("--initial-cluster=test={peer_url}").into(),
            "--log-level=warn".into(),
            // The data need not survive a power cut.
            "--unsafe-no-fsync".into(),
        ];
        Daemon::start("etcd", &tools::etcd()?, args.into(), &self.folder)
    }

    pub(super) fn launch_apiserver(&self) -> Result<Daemon> {
        let folder = &self.folder;
        let mut args: Vec<OsString> = vec![
            format!("--etcd-servers={}", self.etcd_url()).into(),
            format!("--bind-address={}", self.api.ip()).into(),
            format!("--secure-port={}", self.api.port()).into(),
            format!("--service-cluster-ip-range={SERVICES}").into(),
            // The Service `kubernetes` cannot have a loopback address as its endpoint.
            "--endpoint-reconciler-type=none".into(),
            "--authorization-mode=RBAC".into(),
            flag("token-auth-file", &folder.join(access::TOKENS)),
            flag("tls-cert-file", &folder.join(access::SERVER_CERT)),
            flag("tls-private-key-file", &folder.join(access::SERVER_KEY)),
            flag("service-account-key-file", &folder.join(access::PROVING_KEY)),
            flag("service-account-signing-key-file", &folder.join(access::SIGNING_KEY)),
            "--service-account-issuer=https://kubernetes.default.svc".into(),
        ];
        if self.release.gates_managed_by() {
            args.push(MANAGED_BY.into());
        }
        if self.options.audit_log {
            audit::write_policy(folder)?;
            args.push(flag("audit-policy-file", &folder.join(audit::POLICY)));
            args.push(flag("audit-log-path", &folder.join(audit::LOG)));
        }
        args.extend(self.options.apiserver_flags.iter().map(OsString::from));
        let program = self.release.program("kube-apiserver")?;
        Daemon::start("kube-apiserver", &program, args, folder)
    }

    pub(super) fn launch_controller_manager(&self) -> Result<Daemon> {
        let folder = &self.folder;
        let mut args: Vec<OsString> = vec![
            flag("kubeconfig", &self.credentials.controllers_kubeconfig()),
            flag("service-account-private-key-file", &folder.join(access::SIGNING_KEY)),
            flag("root-ca-file", &folder.join(access::CA_CERT)),
            "--leader-elect=false".into(),
            "--secure-port=0".into(),
            // The default of 20 requests a second would slow down tests with many Jobs.
            "--kube-api-qps=1000".into(),
            "--kube-api-burst=1000".into(),
            format!("--controllers={CONTROLLERS}").into(),
        ];
        if self.release.gates_managed_by() {
            args.push(MANAGED_BY.into());
        }
        args.extend(self.options.controller_manager_flags.iter().map(OsString::from));
        let program = self.release.program("kube-controller-manager")?;
        Daemon::start("kube-controller-manager", &program, args, folder)
    }

    pub(super) fn etcd_url(&self) -> String {
        format!("http://127.0.0.1:{}", self.etcd_port)
    }
}

/// A free port. It is below the ports of outgoing connections (from 32768 or 49152), so that it is still free when a
/// server is restarted. Each process starts its search at a different port.
pub(super) fn free_port() -> Result<u16> {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let first = process::id().wrapping_mul(32);
    (0..10_000)
        .map(|_| 20_000 + (first.wrapping_add(NEXT.fetch_add(1, Ordering::Relaxed)) % 10_000) as u16)
        .find(|&port| TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok())
        .context("no port is free")
}

fn flag(name: &str, path: &Path) -> OsString {
    let mut flag = OsString::from(format!("--{name}="));
    flag.push(path);
    flag
}
