//! The flags that Helm's help lists.

use anyhow::{Context, Result, ensure};
use jobsweep::cluster::caller::takes_value;
use jobsweep_harness::helm::Helm;
use jobsweep_harness::tools::HelmVersion;
use jobsweep_harness::{trials, trials::Trial};

pub(crate) fn trials() -> Vec<Trial> {
    trials![each_flag_that_helm_lists_takes_what_is_read]
}

pub(crate) async fn each_flag_that_helm_lists_takes_what_is_read(version: HelmVersion) -> Result<()> {
    let helm = Helm::new(version)?;
    for command in ["install", "upgrade", "template"] {
        let help = helm.command().args([command, "--help"]).run().await?.expect_success()?;
        let text = help.stdout();
        let flags = text.lines().skip_while(|line| *line != "Flags:");
        let mut count = 0;
        for line in flags.filter(|line| line.trim_start().starts_with('-')) {
            // `  -n, --namespace string   namespace scope`. A flag whose value can be left out has `[="client"]`.
            let (_, flag) = line.split_once("--").context("a flag has a long name")?;
            let flag = flag.split("   ").next().unwrap_or(flag);
            let name = flag.split([' ', '[']).next().unwrap_or(flag);
            let takes = flag.contains(' ') && !flag.contains("[=");
            let read = takes_value(command, name).context("a command that runs post-renderers")?;
            ensure!(read == takes, "{command} --{name}: {line}");
            count += 1;
        }
        ensure!(count > 50, "only {count} flags are listed");
    }
    Ok(())
}
