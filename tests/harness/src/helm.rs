//! Helm and kubectl as on a machine where nobody has ever used them.

use std::env;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Result;

use crate::process::Program;
use crate::tools::{self, HelmVersion};
use crate::workdir;

/// Where a plugin's install hook finds `sh` and `cp`.
const SYSTEM_PATH: &str = "/usr/local/bin:/usr/bin:/bin";

const MIGRATION: &str = r#"apiVersion: batch/v1
kind: Job
metadata:
  name: migrate
  {{- with .Values.policy }}
  annotations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
spec:
  backoffLimit: 0
  template:
    spec:
      restartPolicy: Never
      containers:
        - name: main
          image: example.com/app:{{ .Values.version }}
          command: [sh, -c, {{ .Values.script | quote }}]
          env: [{ name: VERSION, value: {{ .Values.version | quote }} }]
"#;

/// How Helm is told to wait for what it has installed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wait {
    /// Not at all: for hooks only.
    No,
    /// `--wait`
    Wait,
    /// `--wait-for-jobs`
    Jobs,
    /// `--wait --wait-for-jobs`
    Both,
}

impl Wait {
    /// Every way: what a test that takes one is run with.
    pub const ALL: [Self; 4] = [Self::No, Self::Wait, Self::Jobs, Self::Both];

    /// What goes on Helm's command line.
    pub fn flags(self) -> &'static [&'static str] {
        match self {
            Self::No => &[],
            Self::Wait => &["--wait"],
            Self::Jobs => &["--wait-for-jobs"],
            Self::Both => &["--wait", "--wait-for-jobs"],
        }
    }

    /// How trials are named after it.
    pub fn name(self) -> &'static str {
        match self {
            Self::No => "no-wait",
            Self::Wait => "wait",
            Self::Jobs => "wait-for-jobs",
            Self::Both => "wait-and-wait-for-jobs",
        }
    }
}

/// One Helm with a home of its own: no plugin, no repository and no setting of the user's is seen.
#[derive(Clone, Debug)]
pub struct Helm {
    version: HelmVersion,
    program: PathBuf,
    home: PathBuf,
    kubeconfig: Option<PathBuf>,
    path: Vec<PathBuf>,
}

impl Helm {
    /// A Helm of this release with an empty home.
    pub fn new(version: HelmVersion) -> Result<Self> {
        let home = workdir::folder(version.name())?;
        Ok(Self { version, program: version.program()?, home, kubeconfig: None, path: Vec::new() })
    }

    /// The cluster that it works on. Without one, every attempt to reach a cluster fails.
    pub fn kubeconfig(mut self, kubeconfig: impl Into<PathBuf>) -> Self {
        self.kubeconfig = Some(kubeconfig.into());
        self
    }

    /// A folder to be searched for programs before the system's own, such as the one with the binary under
    /// test: Helm 3 finds its post-renderer there.
    pub fn on_path(mut self, folder: impl Into<PathBuf>) -> Self {
        self.path.push(folder.into());
        self
    }

    /// Which release this is.
    pub fn version(&self) -> HelmVersion {
        self.version
    }

    /// Where the program lies.
    pub fn program(&self) -> &Path {
        &self.program
    }

    /// Its home: removed when the tests end, a place for charts and packages too.
    pub fn home(&self) -> &Path {
        &self.home
    }

    /// Where it looks for plugins, and where it installs them.
    pub fn plugins(&self) -> PathBuf {
        // Helm 4 ignores HELM_PLUGINS when it installs, so both use the place below the data folder.
        self.home.join("data/plugins")
    }

    /// A call of it: add arguments and run it.
    pub fn command(&self) -> Program {
        self.command_by(&self.program)
    }

    /// A call of another program that sees what this Helm sees, such as a shell or a terminal to run it in.
    pub fn command_by(&self, program: impl Into<PathBuf>) -> Program {
        let folder = |name: &str| self.home.join(name);
        let program = Program::new(program)
            .env("HOME", &self.home)
            .env("HELM_CACHE_HOME", folder("cache"))
            .env("HELM_CONFIG_HOME", folder("config"))
            .env("HELM_DATA_HOME", folder("data"))
            .env("HELM_PLUGINS", self.plugins())
            .env("PATH", self.search_path())
            .env("KUBECONFIG", self.kubeconfig.as_deref().unwrap_or(Path::new("/dev/null")));
        program.current_dir(&self.home)
    }

    fn search_path(&self) -> OsString {
        let system = env::split_paths(SYSTEM_PATH);
        // Fails only for a folder with a colon in its name, which no PATH can hold.
        env::join_paths(self.path.iter().cloned().chain(system)).unwrap_or_else(|_| SYSTEM_PATH.into())
    }
}

/// A call of kubectl (v1.37.2) on this cluster: add arguments and run it.
pub fn kubectl(kubeconfig: &Path) -> Result<Program> {
    let home = workdir::folder("kubectl")?;
    Ok(Program::new(tools::kubectl()?).env("HOME", home).env("KUBECONFIG", kubeconfig))
}

/// Writes a small chart into a folder. `files` are paths below the folder with their texts, without `Chart.yaml`.
pub fn write_chart(folder: &Path, name: &str, files: &[(&str, &str)]) -> Result<()> {
    fs::create_dir_all(folder.join("templates"))?;
    fs::write(folder.join("Chart.yaml"), format!("apiVersion: v2\nname: {name}\nversion: 0.1.0\n"))?;
    for (path, text) in files {
        fs::write(folder.join(path), text)?;
    }
    Ok(())
}

/// Writes the chart `shop`, whose only Job is the migration `migrate`: an ordinary Job, not a hook.
///
/// The value `version` changes the pod template, `script` is what the container runs, and `policy` holds the
/// annotations, at first `kots.io/hook-delete-policy` with this policy.
pub fn migration_chart(folder: &Path, policy: Option<&str>) -> Result<()> {
    let policy = policy.map(|policy| format!("kots.io/hook-delete-policy: \"{policy}\"")).unwrap_or_default();
    let values = format!("version: 1\nscript: echo migrated\npolicy: {{{policy}}}\n");
    write_chart(folder, "shop", &[("templates/migrate.yaml", MIGRATION), ("values.yaml", &values)])
}
