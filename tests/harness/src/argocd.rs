//! Argo CD's controller, repo-server and plugin server, as programs beside a [`Node`].
//!
//! Its API server, web pages and login are left out: they only write what a test writes, an Application with an operation.

use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use anyhow::{Result, anyhow};
use kube::Api;
use kube::api::{ApiResource, DynamicObject};
use tokio::net::TcpStream;
use tokio::sync::OnceCell;

use crate::daemon::Daemons;
use crate::helm::{SYSTEM_PATH, kubectl};
use crate::node::Node;
use crate::{crds, tools, wait, workdir};

const NAMESPACE: &str = "argocd";
/// The folder of sockets: a node has its own `/run`, and the path of a socket must be short.
const SOCKETS: &str = "/run/argocd";
const REDIS: &str = "127.0.0.1:6379";
const REPO_SERVER: &str = "127.0.0.1:8081";
const PROGRAMS: [&str; 4] =
    ["redis", "argocd-repo-server", "argocd-cmp-server", "argocd-application-controller"];

const SETTINGS: &str = r#"
apiVersion: v1
kind: Namespace
metadata: {name: argocd}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: argocd-cm, namespace: argocd, labels: {app.kubernetes.io/part-of: argocd}}
---
apiVersion: v1
kind: Secret
metadata: {name: argocd-secret, namespace: argocd, labels: {app.kubernetes.io/part-of: argocd}}
stringData: {server.secretkey: for tests}
---
apiVersion: argoproj.io/v1alpha1
kind: AppProject
metadata: {name: default, namespace: argocd}
spec:
  sourceRepos: ["*"]
  destinations: [{namespace: "*", server: "*"}]
"#;

/// A running Argo CD.
pub struct ArgoCd {
    node: &'static Node,
    folder: PathBuf,
    daemons: Daemons,
}

/// A config management plugin.
#[derive(Debug)]
pub struct Plugin<'a> {
    /// The folder with its `plugin.yaml`.
    pub config: &'a Path,
    /// The folders of helm and of the other programs that it runs.
    pub path: &'a [PathBuf],
}

impl ArgoCd {
    /// Builds the programs, outside a node's namespaces.
    pub fn build() -> Result<()> {
        tools::argocd()?;
        tools::argocd_module().map(drop)
    }

    /// The Argo CD that all tests of this process share.
    pub async fn shared(node: &'static Node, plugin: Plugin<'_>) -> Result<&'static Self> {
        static SHARED: OnceCell<Result<ArgoCd>> = OnceCell::const_new();
        let started = SHARED.get_or_init(|| Self::start(node, plugin)).await;
        started.as_ref().map_err(|error| anyhow!("cannot start Argo CD: {error:#}"))
    }

    /// The Applications in Argo CD's own namespace.
    pub fn applications(&self) -> Api<DynamicObject> {
        let resource = ApiResource {
            group: "argoproj.io".into(),
            version: "v1alpha1".into(),
            api_version: "argoproj.io/v1alpha1".into(),
            kind: "Application".into(),
            plural: "applications".into(),
        };
        Api::namespaced_with(self.node.cluster.client(), NAMESPACE, &resource)
    }

    /// An error with the end of a log if a program has ended.
    pub fn check(&self) -> Result<()> {
        self.daemons.check()
    }

    async fn start(node: &'static Node, plugin: Plugin<'_>) -> Result<Self> {
        let argocd = Self { node, folder: workdir::folder("argocd")?, daemons: Daemons::default() };
        let plugins = format!("{SOCKETS}/plugins");
        for folder in [&plugins, "home", "tmp", "bin"] {
            fs::create_dir_all(argocd.folder.join(folder))?;
        }
        for program in PROGRAMS {
            symlink(tools::argocd()?, argocd.folder.join("bin").join(program))?;
        }
        let kubeconfig = node.cluster.kubeconfig();
        let module = tools::argocd_module()?;
        let crds =
            ["application", "appproject"].map(|name| module.join(format!("manifests/crds/{name}-crd.yaml")));
        crds::install(&kubeconfig, &crds).await?;
        let apply = kubectl(&kubeconfig)?.args(["apply", "--filename=-"]).stdin(SETTINGS);
        apply.run().await?.expect_success()?;

        argocd.launch("redis", &[], &[REDIS.into()])?;
        let mut config = OsString::from("--config-dir-path=");
        config.push(plugin.config);
        argocd.launch("argocd-cmp-server", plugin.path, &[config])?;
        let redis = format!("--redis={REDIS}");
        let repo_server = ["--disable-tls", "--address=127.0.0.1", "--metrics-address=127.0.0.1", &redis];
        argocd.launch("argocd-repo-server", plugin.path, &repo_server.map(OsString::from))?;
        for address in [REDIS, REPO_SERVER] {
            wait::until(&format!("{address} to listen"), || async {
                argocd.check()?;
                Ok(TcpStream::connect(address).await.ok())
            })
            .await?;
        }
        let controller = [
            redis.into(),
            format!("--repo-server={REPO_SERVER}").into(),
            "--repo-server-plaintext".into(),
            format!("--namespace={NAMESPACE}").into(),
            format!("--kubeconfig={}", kubeconfig.display()).into(),
        ];
        argocd.launch("argocd-application-controller", &[], &controller)?;
        Ok(argocd)
    }

    /// Only the controller gets access to the cluster, as in an installed Argo CD.
    fn launch(&self, name: &'static str, path: &[PathBuf], args: &[OsString]) -> Result<()> {
        let path = path.iter().map(|folder| format!("{}:", folder.display())).collect::<String>();
        let folder = |name: &str| self.folder.join(name).display().to_string();
        let mut variables = vec![
            format!("HOME={}", folder("home")),
            format!("TMPDIR={}", folder("tmp")),
            format!("PATH={path}{SYSTEM_PATH}"),
            format!("ARGOCD_PLUGINSOCKFILEPATH={SOCKETS}/plugins"),
            format!("ARGOCD_ASK_PASS_SOCK={SOCKETS}/ask-pass.sock"),
            format!("ARGOCD_TLS_DATA_PATH={}", folder("home")),
            format!("ARGOCD_SSH_DATA_PATH={}", folder("home")),
            "ARGOCD_GPG_ENABLED=false".to_owned(),
        ];
        if name == "argocd-application-controller" {
            variables.push("ARGOCD_FAKE_IN_CLUSTER=true".to_owned());
            variables.push(format!("KUBECONFIG={}", self.node.cluster.kubeconfig().display()));
        }
        let program = self.folder.join("bin").join(name);
        self.daemons.start(name, program, variables, args.iter().cloned(), &self.folder)
    }
}
