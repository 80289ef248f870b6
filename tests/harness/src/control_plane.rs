//! A real control plane: etcd, kube-apiserver and kube-controller-manager, but no node.
//!
//! It is ready about five seconds after the start. Pods are created but never run; the [`jobs`] module ends them.
//! All programs are killed when the [`ControlPlane`] is dropped or the process ends. Their logs are in
//! `<target>/harness/`, and are kept only after a failure.

mod access;
mod audit;
mod certificates;
mod components;
mod etcd;
mod namespace;
mod options;

use std::fs;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result};
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::ServiceAccount;
use kube::Client;
use kube::api::{Api, DeleteParams};
use tokio::sync::OnceCell;

use crate::daemon::Daemon;
use crate::tools::Kubernetes;
use crate::{jobs, wait, workdir};

pub use access::{Token, User};
pub use audit::AuditEvent;
pub use namespace::{Namespace, rule};
pub use options::Options;

use access::Credentials;

/// A running control plane.
pub struct ControlPlane {
    folder: PathBuf,
    release: Kubernetes,
    options: Options,
    etcd_port: u16,
    api: SocketAddrV4,
    credentials: Credentials,
    client: Client,
    daemons: Mutex<Daemons>,
}

/// The programs in the order in which they must end: each before the one that it needs.
struct Daemons {
    controller_manager: Option<Daemon>,
    apiserver: Option<Daemon>,
    etcd: Option<Daemon>,
}

impl ControlPlane {
    /// The control plane that all tests of this process share, with the audit log. Each test
    /// creates its own [`namespace`](Self::namespace).
    pub async fn shared() -> Result<&'static Self> {
        static SHARED: OnceCell<ControlPlane> = OnceCell::const_new();
        SHARED.get_or_try_init(Self::start).await
    }

    /// Starts a control plane with the default [`Options`], for a test that stops servers or must be alone.
    pub async fn start() -> Result<Self> {
        Self::options().start().await
    }

    /// The options of a new control plane.
    pub fn options() -> Options {
        Options::default()
    }

    async fn start_with(options: Options, release: Kubernetes) -> Result<Self> {
        let folder = workdir::folder("cluster")?;
        let etcd_port = components::free_port()?;
        let api = match options.api {
            Some(address) => address,
            None => SocketAddrV4::new(Ipv4Addr::LOCALHOST, components::free_port()?),
        };
        let credentials = Credentials::create(&folder, api)?;
        let client = credentials.admin_client().await?;
        let daemons = Mutex::new(Daemons { etcd: None, apiserver: None, controller_manager: None });
        let cluster = Self { folder, release, options, etcd_port, api, credentials, client, daemons };

        cluster.start_etcd()?;
        cluster.start_apiserver().await?;
        cluster.start_controller_manager().await?;
        Ok(cluster)
    }

    /// The administrator's client.
    pub fn client(&self) -> Client {
        self.client.clone()
    }

    /// The administrator's kubeconfig, for Helm and kubectl.
    pub fn kubeconfig(&self) -> PathBuf {
        self.credentials.admin_kubeconfig()
    }

    /// The API server's certificate and key in PEM, for a server in its place.
    pub fn serving_certificate(&self) -> Result<(Vec<u8>, Vec<u8>)> {
        self.credentials.serving_certificate()
    }

    /// The URL of the API server.
    pub fn url(&self) -> &str {
        self.credentials.url()
    }

    /// Kills etcd. [`start_etcd`](Self::start_etcd) starts it again with the same port and data.
    pub fn stop_etcd(&self) {
        self.daemons().etcd = None;
    }

    /// Starts etcd. It is ready soon after.
    pub fn start_etcd(&self) -> Result<()> {
        let daemon = self.launch_etcd()?;
        self.daemons().etcd = Some(daemon);
        Ok(())
    }

    /// Stops etcd and the API server for a time, without a word to those who are connected.
    pub async fn freeze(&self, time: Duration) -> Result<()> {
        let signal = |name| {
            let daemons = self.daemons();
            [&daemons.apiserver, &daemons.etcd]
                .into_iter()
                .flatten()
                .try_for_each(|daemon| daemon.signal(name))
        };
        signal("STOP")?;
        tokio::time::sleep(time).await;
        signal("CONT")
    }

    /// Kills the API server. [`start_apiserver`](Self::start_apiserver) starts it again with the same port and data.
    pub fn stop_apiserver(&self) {
        self.daemons().apiserver = None;
    }

    /// Starts the API server and waits until it is ready.
    pub async fn start_apiserver(&self) -> Result<()> {
        let daemon = self.launch_apiserver()?;
        self.daemons().apiserver = Some(daemon);
        self.ready().await
    }

    /// Waits until the API server is ready.
    pub async fn ready(&self) -> Result<()> {
        wait::until("the API server to be ready", || async {
            self.check_daemons()?;
            let readyz = http::Request::get("/readyz").body(Vec::new())?;
            Ok(self.client.request_text(readyz).await.ok())
        })
        .await?;
        Ok(())
    }

    /// Kills the controllers.
    pub fn stop_controller_manager(&self) {
        self.daemons().controller_manager = None;
    }

    /// Starts the controllers and waits until the ServiceAccount controller and the Job controller work.
    pub async fn start_controller_manager(&self) -> Result<()> {
        let daemon = self.launch_controller_manager()?;
        self.daemons().controller_manager = Some(daemon);
        wait::until("the ServiceAccount controller to work", || async {
            self.check_daemons()?;
            let accounts = Api::<ServiceAccount>::namespaced(self.client(), "default");
            Ok(accounts.get_opt("default").await?)
        })
        .await?;
        self.see_a_job_suspended().await
    }

    /// Waits until the Job controller has noticed that a Job is suspended, which needs no pod.
    async fn see_a_job_suspended(&self) -> Result<()> {
        let jobs = Api::<Job>::namespaced(self.client(), "default");
        let probe = jobs.create(&Default::default(), &jobs::job("probe").suspended().build()?).await?;
        let name = probe.metadata.name.context("a created Job has a name")?;
        wait::until("the Job controller to work", || async {
            self.check_daemons()?;
            Ok(jobs::has_condition(&jobs.get(&name).await?, "Suspended").then_some(()))
        })
        .await?;
        jobs.delete(&name, &DeleteParams::background()).await?;
        Ok(())
    }

    fn check_daemons(&self) -> Result<()> {
        let mut daemons = self.daemons();
        let Daemons { etcd, apiserver, controller_manager } = &mut *daemons;
        for (name, daemon) in
            [("etcd", etcd), ("kube-apiserver", apiserver), ("kube-controller-manager", controller_manager)]
        {
            daemon.as_mut().map_or(Ok(()), Daemon::check).with_context(|| format!("{name} does not run"))?;
        }
        Ok(())
    }

    fn daemons(&self) -> MutexGuard<'_, Daemons> {
        self.daemons.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for ControlPlane {
    fn drop(&mut self) {
        let mut daemons = self.daemons();
        *daemons = Daemons { controller_manager: None, apiserver: None, etcd: None };
        // etcd's data is large and of little use. The logs stay until the process ends.
        let _ = fs::remove_dir_all(self.folder.join(components::DATA));
        if std::thread::panicking() {
            workdir::keep();
        }
    }
}
