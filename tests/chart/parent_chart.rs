//! The migration chart, with or without `charts/jobsweep` as its dependency.

use std::fs;
use std::path::PathBuf;

use anyhow::Result;
use jobsweep_harness::helm::{Helm, migration_chart};

use crate::chart;

/// Writes the chart into Helm's home.
pub(crate) async fn write(helm: &Helm, with_dependency: bool) -> Result<PathBuf> {
    let folder = helm.home().join(if with_dependency { "shop-with" } else { "shop-without" });
    migration_chart(&folder, Some("hook-succeeded,before-hook-creation"))?;
    if with_dependency {
        let dependency = format!(
            "dependencies:\n  - name: jobsweep\n    version: 0.1.0\n    repository: \"file://{}\"\n    \
             condition: jobsweep.enabled\n",
            chart().display()
        );
        let path = folder.join("Chart.yaml");
        fs::write(&path, fs::read_to_string(&path)? + &dependency)?;
        helm.command().args(["dependency", "update"]).arg(&folder).run().await?.expect_success()?;
    }
    Ok(folder)
}
