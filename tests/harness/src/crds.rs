//! CustomResourceDefinitions from the files of a module.

use std::path::{Path, PathBuf};

use anyhow::Result;

use crate::helm::kubectl;
use crate::wait;

/// Installs the definitions and waits until the API server serves them.
pub(crate) async fn install(kubeconfig: &Path, files: &[PathBuf]) -> Result<()> {
    let call = |args: &[&str]| -> Result<_> {
        Ok(files.iter().fold(kubectl(kubeconfig)?.args(args), |call, file| call.arg("--filename").arg(file)))
    };
    // Some are too long for the annotation of a client-side apply.
    call(&["apply", "--server-side"])?.run().await?.expect_success()?;
    wait::until("the CustomResourceDefinitions to be served", || async {
        // This fails at once while a definition has no conditions.
        let established = call(&["wait", "--for=condition=established", "--timeout=5s"])?.run().await?;
        Ok(established.status.success().then_some(()))
    })
    .await
}
