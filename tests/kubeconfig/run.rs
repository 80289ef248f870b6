//! Runs a row: kubectl, `--cleanup` and `--unblock` with the same kubeconfig and environment must reach the API server in the same way.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use jobsweep_harness::process::{Finished, Program};
use jobsweep_harness::trials::Trial;
use jobsweep_harness::{block_on, folder, k8s_openapi::ByteString, tools, trials};
use libtest_mimic::Failed;
use serde_json::json;

use crate::certificates::{Certificates, Identity, of_user};
use crate::proxies::Proxies;
use crate::rows::{Certificate, Row, rows};
use crate::server::{Connections, Server, Way};

/// Jobsweep, as Cargo built it.
pub const JOBSWEEP: &str = env!("CARGO_BIN_EXE_jobsweep");
pub const MANIFEST: &str = "apiVersion: batch/v1\nkind: Job\nmetadata: {name: migrate, namespace: shop}\nspec: {template: {spec: {restartPolicy: Never, containers: [{name: m, image: m}]}}}\n";
const SERVICE_ACCOUNT: &str = "/var/run/secrets/kubernetes.io/serviceaccount";

pub fn trials() -> Vec<Trial> {
    let (in_pod, others): (Vec<_>, Vec<_>) = rows().into_iter().partition(|row| row.in_pod);
    let trial = |row: Row| {
        let name = format!("kubeconfig::{}", row.name.replace(' ', "_"));
        Trial::test(name, move || block_on(run(row)).map_err(|error| Failed::from(format!("{error:#}"))))
    };
    let others = others.into_iter().map(trial);
    let in_pod: Vec<_> = in_pod.into_iter().map(trial).collect();
    let in_pod = match needs() {
        Some(needs) => trials::on_demand(needs, in_pod),
        None => in_pod,
    };
    others.chain(in_pod).collect()
}

/// What is missing to show a program the files of a pod.
fn needs() -> Option<&'static str> {
    let mounts = Command::new("unshare").args(["--map-root-user", "--mount", "true"]).output();
    (!mounts.is_ok_and(|output| output.status.success())).then_some("mounts of its own (unshare)")
}

/// What a row runs against, and the texts for its placeholders.
pub struct Setup {
    pub server: Server,
    pub folder: PathBuf,
    placeholders: BTreeMap<String, String>,
    env: Vec<(String, String)>,
    in_pod: bool,
}

impl Setup {
    pub async fn new(row: &Row) -> Result<Self> {
        let certificates = Certificates::create()?;
        let pair = match row.certificate {
            Certificate::Signed | Certificate::None => &certificates.signed,
            Certificate::WithIntermediate => &certificates.with_intermediate,
            Certificate::SelfSignedAuthority => &certificates.self_signed_authority,
            Certificate::SelfSigned => &certificates.self_signed,
        };
        let identity = || pair.identity();
        let tls: Option<Identity> = (row.certificate != Certificate::None).then(identity).transpose()?;
        let connections = Connections::default();
        let server = Server::start(row.listens_on, tls, connections.clone()).await?;
        let proxies = Proxies::start(server.address, certificates.signed.identity()?, &connections).await?;
        let folder = folder("kubeconfig")?;

        let mut placeholders = BTreeMap::new();
        let mut put = |name: &str, text: String| placeholders.insert(format!("<{name}>"), text);
        put("port", server.address.port().to_string());
        put("http", proxies.http.to_string());
        put("https", proxies.https.to_string());
        put("socks5", proxies.socks5.to_string());
        put("folder", folder.display().to_string());
        let base64 = |text: &str| json!(ByteString(text.into())).as_str().unwrap_or_default().to_owned();
        for (name, pem) in [
            ("ca", &certificates.authority),
            ("other-ca", &certificates.other_authority),
            ("server-certificate", &pair.certificates),
        ] {
            put(name, base64(pem));
            put(&format!("{name}-pem"), pem.clone());
        }
        if let Some(kind) = row.key {
            let user = of_user(kind)?;
            for (name, pem) in [("certificate", &user.certificates), ("key", &user.key)] {
                put(name, base64(pem));
                put(&format!("{name}-wrapped"), wrapped(&base64(pem)));
                put(&format!("{name}-pem"), pem.clone());
                put(&format!("{name}-json"), json!(pem).to_string());
            }
        }
        put("ca-wrapped", wrapped(&base64(&certificates.authority)));
        let mut setup = Self { server, folder, placeholders, env: Vec::new(), in_pod: row.in_pod };
        setup.write(row)?;
        Ok(setup)
    }

    fn write(&mut self, row: &Row) -> Result<()> {
        let write = |name: &str, text: String| -> Result<()> {
            let path = self.folder.join(name);
            fs::create_dir_all(path.parent().context("a folder")?)?;
            Ok(fs::write(path, text)?)
        };
        for (name, text) in row.files() {
            write(&name, self.filled(&text))?;
            if name.ends_with(".sh") {
                let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
                fs::set_permissions(self.folder.join(&name), mode)?;
            }
        }
        self.env = row.env().into_iter().map(|(name, value)| (name, self.filled(&value))).collect();
        Ok(())
    }

    fn filled(&self, text: &str) -> String {
        self.placeholders.iter().fold(text.to_owned(), |text, (name, value)| text.replace(name, value))
    }

    /// A program with the kubeconfig and the environment of the row.
    pub fn program(&self, path: &Path) -> Program {
        let program = if self.in_pod {
            let script = "mount -t tmpfs pod /run && mkdir -p \"$0\" && cp \"$1\"/pod/* \"$0\" && shift && exec \"$@\"";
            Program::new("/usr/bin/unshare")
                .args(["--map-root-user", "--mount", "sh", "-c", script, SERVICE_ACCOUNT])
                .arg(&self.folder)
                .arg(path)
        } else {
            Program::new(path)
        };
        let program =
            program.env("HOME", &self.folder).env("PATH", "/usr/bin:/bin").current_dir(&self.folder);
        self.env.iter().fold(program, |program, (name, value)| program.env(name, value))
    }
}

fn wrapped(base64: &str) -> String {
    let lines: Vec<_> = base64.as_bytes().chunks(64).map(String::from_utf8_lossy).collect();
    lines.iter().map(|line| format!("\n        {line}")).collect()
}

async fn run(row: Row) -> Result<()> {
    let setup = Setup::new(&row).await?;
    let kubectl = setup.program(&tools::kubectl()?).args(["get", "jobs", "-o", "name"]);
    let kubectl = kubectl.args(row.kubectl_args.iter().map(|arg| setup.filled(arg)));
    let oracle = way(&setup, "kubectl", kubectl.run().await?)?;
    let shown = format!("{oracle:?}");
    ensure!(shown.contains(&setup.filled(row.way)), "kubectl's way has no {:?}: {shown}", row.way);

    let jobsweep =
        || setup.program(Path::new(JOBSWEEP)).args(row.jobsweep_args.iter().map(|arg| setup.filled(arg)));
    let cleanup = jobsweep().args(["--cleanup", "--once", "--timeout=30s"]).run().await?;
    let cleanup = way(&setup, "--cleanup", cleanup)?;
    ensure!(cleanup == oracle, "--cleanup goes another way than kubectl:\n{cleanup:?}\n{oracle:?}");

    let unblock = jobsweep().args(["--unblock", "--dry-run", "--timeout=30s"]).stdin(MANIFEST).run().await?;
    let unblock = way(&setup, "--unblock", unblock)?;
    // The manifest names its own namespace.
    let oracle = Way { namespace: "shop".to_owned(), ..oracle };
    ensure!(unblock == oracle, "--unblock goes another way than kubectl:\n{unblock:?}\n{oracle:?}");
    Ok(())
}

/// The one way in which a program reached the API server.
fn way(setup: &Setup, program: &str, finished: Finished) -> Result<Way> {
    let finished = finished.expect_success().with_context(|| program.to_owned())?;
    let mut ways = setup.server.take_ways();
    let way = ways.pop().with_context(|| format!("{program} reached nothing: {}", finished.stderr()))?;
    ensure!(ways.is_empty(), "{program} went several ways: {ways:?}, {way:?}");
    Ok(way)
}
