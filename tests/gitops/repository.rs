//! A Git repository with a chart, as a developer changes it.

use std::fs;
use std::path::PathBuf;

use anyhow::{Result, ensure};
use jobsweep_harness::helm::migration_chart;
use jobsweep_harness::process::Program;
use serde_json::Value;

use crate::setup::{copy_folder, shipped};

/// A repository in a folder, with the chart `shop` and, beside it, the chart `jobsweep`.
pub(crate) struct Repository {
    folder: PathBuf,
}

impl Repository {
    /// Creates an empty repository with the files of both charts.
    pub(crate) async fn create() -> Result<Self> {
        let repository = Self { folder: jobsweep_harness::folder("repository")? };
        repository.git(&["init", "--quiet", "--initial-branch=main"]).await?;
        migration_chart(&repository.folder.join("shop"), None)?;
        copy_folder(&shipped("charts/jobsweep"), &repository.folder.join("jobsweep"))?;
        Ok(repository)
    }

    pub(crate) fn url(&self) -> String {
        format!("file://{}", self.folder.display())
    }

    /// Makes the chart `jobsweep` a dependency of `shop`.
    pub(crate) fn depend_on_jobsweep(&self) -> Result<()> {
        let dependency =
            "dependencies: [{name: jobsweep, version: 0.1.0, repository: 'file://../jobsweep'}]\n";
        let path = self.folder.join("shop/Chart.yaml");
        Ok(fs::write(&path, fs::read_to_string(&path)? + dependency)?)
    }

    pub(crate) fn add(&self, path: &str, text: &str) -> Result<()> {
        Ok(fs::write(self.folder.join(path), text)?)
    }

    pub(crate) fn replace(&self, path: &str, from: &str, to: &str) -> Result<()> {
        let text = fs::read_to_string(self.folder.join(path))?;
        ensure!(text.contains(from), "{path} has no {from}");
        self.add(path, &text.replace(from, to))
    }

    /// Commits the chart with these values in `values-production.yaml`.
    pub(crate) async fn commit(&self, values: &Value) -> Result<()> {
        self.add("shop/values-production.yaml", &values.to_string())?;
        self.git(&["add", "--all"]).await?;
        self.git(&["commit", "--quiet", "--allow-empty", "--message=a change"]).await
    }

    async fn git(&self, args: &[&str]) -> Result<()> {
        let mut git = Program::new("git").current_dir(&self.folder).args(args);
        for (name, value) in [
            ("PATH", "/usr/local/bin:/usr/bin:/bin"),
            ("GIT_CONFIG_GLOBAL", "/dev/null"),
            ("GIT_AUTHOR_NAME", "test"),
            ("GIT_AUTHOR_EMAIL", "test@example.com"),
            ("GIT_COMMITTER_NAME", "test"),
            ("GIT_COMMITTER_EMAIL", "test@example.com"),
        ] {
            git = git.env(name, value);
        }
        git.run().await?.expect_success()?;
        Ok(())
    }
}
