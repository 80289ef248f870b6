//! A post-renderer that says who calls it.

use std::env;
use std::fs;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::thread;
use std::time::Duration;

use anyhow::Result;
use jobsweep::cluster::caller::Caller;

use crate::table::{asks, summary};

pub(crate) const NAME: &str = "probe";
/// Where the probe writes what it found, which the variable tells.
pub(crate) const FOLDER: &str = "PROBE_FOLDER";
/// Set if the probe is to wait until its caller has ended.
pub(crate) const WAITS: &str = "PROBE_WAITS";

/// What the probe found.
#[derive(Debug)]
pub(crate) struct Found {
    /// In the words of the table.
    pub read: String,
    pub asks: bool,
    pub is_helm_4: bool,
    pub input: String,
}

pub(crate) fn is_called() -> bool {
    env::args_os().next().is_some_and(|path| Path::new(&path).file_name().is_some_and(|name| name == NAME))
}

pub(crate) fn run() -> ExitCode {
    match answer() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

fn answer() -> Result<()> {
    let folder = PathBuf::from(env::var_os(FOLDER).unwrap_or_default());
    let plugin = env::var("HELM_PLUGIN_NAME").ok();
    let caller = Caller::find(plugin.as_deref());
    let mut input = String::new();
    io::stdin().read_to_string(&mut input)?;
    let still_lives = caller.as_ref().is_ok_and(Caller::still_lives);
    anyhow::ensure!(still_lives || caller.is_err(), "the caller lives no more");
    let (read, is_helm_4) = match &caller {
        Ok(Caller::Helm { call, .. }) => (Ok(Some(call.clone())), call.is_helm_4(plugin.as_deref())),
        Ok(Caller::None { .. }) => (Ok(None), false),
        Err(why) => (Err(why.clone()), false),
    };
    fs::write(folder.join("input"), &input)?;
    // The last file, for a test that waits for it.
    fs::write(folder.join("read"), format!("{}\n{}\n{is_helm_4}", summary(&read), asks(&read)))?;
    if env::var_os(WAITS).is_some() {
        while caller.as_ref().is_ok_and(Caller::still_lives) {
            thread::sleep(Duration::from_millis(10));
        }
        fs::write(folder.join("ended"), "")?;
    }
    Ok(io::stdout().write_all(input.as_bytes())?)
}

/// What a probe left in its folder. It is removed.
pub(crate) fn take(folder: &Path) -> Result<Option<Found>> {
    let file = folder.join("read");
    if !file.exists() {
        return Ok(None);
    }
    let text = fs::read_to_string(&file)?;
    fs::remove_file(file)?;
    let mut lines = text.lines();
    let mut line = || lines.next().unwrap_or_default().to_owned();
    let (read, asks, is_helm_4) = (line(), line() == "true", line() == "true");
    Ok(Some(Found { read, asks, is_helm_4, input: fs::read_to_string(folder.join("input"))? }))
}
