//! Helms with the probe as post-renderer.

use std::env;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use anyhow::Result;
use jobsweep_harness::helm::{Helm, write_chart};
use jobsweep_harness::process::Program;
use jobsweep_harness::tools::HelmVersion;

use crate::probe::{self, FOLDER, Found, NAME};

/// A Helm, the probe's folder and a chart whose text says what Helm does.
pub(crate) struct Setup {
    pub helm: Helm,
    pub folder: PathBuf,
    pub chart: PathBuf,
}

impl Setup {
    pub(crate) fn new(version: HelmVersion) -> Result<Self> {
        let helm = Helm::new(version)?;
        let folder = helm.home().join("found");
        fs::create_dir_all(&folder)?;
        let bin = helm.home().join("bin");
        fs::create_dir_all(&bin)?;
        symlink(env::current_exe()?, bin.join(NAME))?;
        let helm = if version.is_4() {
            write_renderer(&helm, NAME, &bin.join(NAME))?;
            helm
        } else {
            helm.on_path(bin)
        };
        let chart = helm.home().join("chart");
        write_chart(&chart, "chart", &[("templates/all.yaml", WHAT_HELM_DOES)])?;
        Ok(Self { helm, folder, chart })
    }

    /// A call of Helm, to which the test adds arguments.
    pub(crate) fn call(&self) -> Program {
        self.helm.command().env(FOLDER, &self.folder)
    }

    /// A call of another program in Helm's environment.
    pub(crate) fn call_by(&self, program: impl Into<PathBuf>) -> Program {
        self.helm.command_by(program).env(FOLDER, &self.folder)
    }

    /// What the probe found since the last question.
    pub(crate) fn found(&self) -> Result<Option<Found>> {
        probe::take(&self.folder)
    }
}

/// Makes a program a post-renderer of Helm 4.
pub(crate) fn write_renderer(helm: &Helm, name: &str, program: &Path) -> Result<()> {
    let folder = helm.plugins().join(name);
    fs::create_dir_all(&folder)?;
    let text = format!(
        "apiVersion: v1\ntype: postrenderer/v1\nname: {name}\nversion: 0.1.0\nruntime: subprocess\n\
         runtimeConfig: {{platformCommand: [{{command: {}}}]}}\n",
        program.display()
    );
    Ok(fs::write(folder.join("plugin.yaml"), text)?)
}

const WHAT_HELM_DOES: &str = r#"apiVersion: v1
kind: ConfigMap
metadata:
  name: {{ .Release.Name }}
data:
  release: {{ .Release.Name }}
  namespace: {{ .Release.Namespace | quote }}
  asked: {{ lookup "v1" "Namespace" "" "kube-system" | empty | not | quote }}
  revision: {{ .Release.Revision | quote }}
"#;
