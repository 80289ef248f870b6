//! Helm and kubectl without the user's configuration.

use std::env;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Result;

use crate::process::Program;
use crate::tools::{self, HelmVersion};
use crate::workdir;

/// A plugin's install hook needs `sh` and `cp`.
pub(crate) const SYSTEM_PATH: &str = "/usr/local/bin:/usr/bin:/bin";

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

/// How Helm waits for what it installs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wait {
    /// For hooks only.
    No,
    /// `--wait`
    Wait,
    /// `--wait-for-jobs`
    Jobs,
    /// `--wait --wait-for-jobs`
    Both,
}

impl Wait {
    /// Every way to wait.
    pub const ALL: [Self; 4] = [Self::No, Self::Wait, Self::Jobs, Self::Both];

    /// Helm's flags.
    pub fn flags(self) -> &'static [&'static str] {
        match self {
            Self::No => &[],
            Self::Wait => &["--wait"],
            Self::Jobs => &["--wait-for-jobs"],
            Self::Both => &["--wait", "--wait-for-jobs"],
        }
    }

    /// The name in trials.
    pub fn name(self) -> &'static str {
        match self {
            Self::No => "no-wait",
            Self::Wait => "wait",
            Self::Jobs => "wait-for-jobs",
            Self::Both => "wait-and-wait-for-jobs",
        }
    }
}

/// A Helm with its own home. It sees no plugin, repository or setting of the user.
#[derive(Clone, Debug)]
pub struct Helm {
    version: HelmVersion,
    program: PathBuf,
    home: PathBuf,
    kubeconfig: Option<PathBuf>,
    path: Vec<PathBuf>,
}

impl Helm {
    /// Creates an empty home.
    pub fn new(version: HelmVersion) -> Result<Self> {
        let home = workdir::folder(version.name())?;
        Ok(Self { version, program: version.program()?, home, kubeconfig: None, path: Vec::new() })
    }

    /// Sets the cluster. Without one, every attempt to reach a cluster fails.
    pub fn kubeconfig(mut self, kubeconfig: impl Into<PathBuf>) -> Self {
        self.kubeconfig = Some(kubeconfig.into());
        self
    }

    /// Puts a folder first on `PATH`, such as that of the binary under test, where Helm 3 finds its post-renderer.
    pub fn on_path(mut self, folder: impl Into<PathBuf>) -> Self {
        self.path.push(folder.into());
        self
    }

    /// The release.
    pub fn version(&self) -> HelmVersion {
        self.version
    }

    /// The path of the program.
    pub fn program(&self) -> &Path {
        &self.program
    }

    /// The home, which is removed when the tests end. Tests put charts and packages there.
    pub fn home(&self) -> &Path {
        &self.home
    }

    /// The folder of the plugins.
    pub fn plugins(&self) -> PathBuf {
        // Helm 4 ignores HELM_PLUGINS when it installs, and uses this folder.
        self.home.join("data/plugins")
    }

    /// A call of Helm, to which the test adds arguments.
    pub fn command(&self) -> Program {
        self.command_by(&self.program)
    }

    /// A call of another program in Helm's environment, such as a shell.
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
        // The only error is a colon in a folder name.
        env::join_paths(self.path.iter().cloned().chain(system)).unwrap_or_else(|_| SYSTEM_PATH.into())
    }
}

/// A call of kubectl (v1.37.2) on a cluster, to which the test adds arguments.
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
