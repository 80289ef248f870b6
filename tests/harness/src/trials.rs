//! Turns plain async functions into a test binary (`harness = false`), so that it can say why it ran nothing.
//!
//! A test is an async function whose name is a sentence. What it needs, it takes:
//!
//! | arguments | what it gets |
//! |---|---|
//! | none | nothing; it starts its own |
//! | `&ControlPlane` | the [shared](ControlPlane::shared) one |
//! | `HelmVersion` | it becomes one trial for each release |
//! | `&ControlPlane, HelmVersion` | both |
//! | `&Node`, `&Node, HelmVersion` | the same with a real [node](crate::node) |
//! | `&Node, HelmVersion, Wait` | one trial for each release and each way to wait |
//!
//! A function that is missing in the list is dead code, and the compiler says so.

use std::env;
use std::process::ExitCode;

use anyhow::Result;
use libtest_mimic::{Arguments, Failed, Trial};

use crate::control_plane::ControlPlane;
use crate::helm::Wait;
use crate::node::Node;
use crate::tools::{HelmVersion, go_missing};
use crate::{block_on, workdir};

/// Lists tests by their paths: `trials![success::a_job_that_succeeded_is_deleted, …]`.
#[macro_export]
macro_rules! trials {
    ($($test:path),* $(,)?) => {{
        let mut trials = ::std::vec::Vec::new();
        $(trials.extend($crate::trials::Test::trials($test, stringify!($test)));)*
        trials
    }};
}

/// Runs the tests as Cargo's own would be, with the same command line; the result is for `main` to return.
///
/// Without Go nothing can be built. Then every test is shown as ignored, with the reason, and the last line says
/// what to do about it; but where `CI` is set that is a failure, since there it would hide everything.
pub fn run(trials: Vec<Trial>) -> ExitCode {
    run_with(&Arguments::from_args(), trials)
}

pub(crate) fn run_with(arguments: &Arguments, trials: Vec<Trial>) -> ExitCode {
    let Some(reason) = go_missing() else {
        let conclusion = libtest_mimic::run(arguments, trials);
        if conclusion.has_failed() {
            workdir::keep();
        }
        return conclusion.exit_code();
    };

    let conclusion = libtest_mimic::run(arguments, ignored(reason, trials));
    eprintln!(
        "To run these tests, install Go 1.26 or newer: it builds Kubernetes and Helm once, in some twenty minutes."
    );
    if env::var_os("CI").is_some() && !arguments.list {
        eprintln!("CI is set, so ignored tests are a failure ({reason}).");
        return ExitCode::FAILURE;
    }
    conclusion.exit_code()
}

/// The same trials, shown as ignored if this machine lacks what they need. Where `CI` is set they run, and say so by failing.
pub fn unless(missing: Option<&str>, trials: Vec<Trial>) -> Vec<Trial> {
    match missing {
        Some(reason) if env::var_os("CI").is_none() => ignored(reason, trials),
        _ => trials,
    }
}

fn ignored(reason: &str, trials: Vec<Trial>) -> Vec<Trial> {
    let ignored = |trial: Trial| trial.with_kind(format!("ignored: {reason}")).with_ignored_flag(true);
    trials.into_iter().map(ignored).collect()
}

/// What can be listed in [`trials!`]; `Needs` is the type of the arguments, which tells the cases apart.
pub trait Test<Needs> {
    /// One trial, or one for each Helm.
    fn trials(self, name: &str) -> Vec<Trial>;
}

impl<F, R> Test<()> for F
where
    F: FnOnce() -> R + Send + 'static,
    R: Future<Output = Result<()>>,
{
    fn trials(self, name: &str) -> Vec<Trial> {
        vec![trial(name.into(), async || self().await)]
    }
}

impl<F, R> Test<&'static ControlPlane> for F
where
    F: FnOnce(&'static ControlPlane) -> R + Send + 'static,
    R: Future<Output = Result<()>>,
{
    fn trials(self, name: &str) -> Vec<Trial> {
        vec![trial(name.into(), async || self(ControlPlane::shared().await?).await)]
    }
}

impl<F, R> Test<&'static Node> for F
where
    F: FnOnce(&'static Node) -> R + Send + 'static,
    R: Future<Output = Result<()>>,
{
    fn trials(self, name: &str) -> Vec<Trial> {
        vec![trial(name.into(), async || self(Node::shared().await?).await)]
    }
}

impl<F, R> Test<(&'static Node, HelmVersion)> for F
where
    F: FnOnce(&'static Node, HelmVersion) -> R + Copy + Send + 'static,
    R: Future<Output = Result<()>>,
{
    fn trials(self, name: &str) -> Vec<Trial> {
        for_each_helm(name, |helm, name| trial(name, async move || self(Node::shared().await?, helm).await))
    }
}

impl<F, R> Test<(&'static Node, HelmVersion, Wait)> for F
where
    F: FnOnce(&'static Node, HelmVersion, Wait) -> R + Copy + Send + 'static,
    R: Future<Output = Result<()>>,
{
    fn trials(self, name: &str) -> Vec<Trial> {
        let for_each = |wait: Wait| {
            let name = format!("{name}::{}", wait.name());
            for_each_helm(&name, |helm, name| {
                trial(name, async move || self(Node::shared().await?, helm, wait).await)
            })
        };
        Wait::ALL.into_iter().flat_map(for_each).collect()
    }
}

impl<F, R> Test<HelmVersion> for F
where
    F: FnOnce(HelmVersion) -> R + Copy + Send + 'static,
    R: Future<Output = Result<()>>,
{
    fn trials(self, name: &str) -> Vec<Trial> {
        for_each_helm(name, |helm, name| trial(name, async move || self(helm).await))
    }
}

impl<F, R> Test<(&'static ControlPlane, HelmVersion)> for F
where
    F: FnOnce(&'static ControlPlane, HelmVersion) -> R + Copy + Send + 'static,
    R: Future<Output = Result<()>>,
{
    fn trials(self, name: &str) -> Vec<Trial> {
        for_each_helm(name, |helm, name| {
            trial(name, async move || self(ControlPlane::shared().await?, helm).await)
        })
    }
}

fn for_each_helm(name: &str, trial: impl Fn(HelmVersion, String) -> Trial) -> Vec<Trial> {
    HelmVersion::ALL.map(|helm| trial(helm, format!("{name}::{}", helm.name()))).into()
}

fn trial(name: String, test: impl AsyncFnOnce() -> Result<()> + Send + 'static) -> Trial {
    // With all causes, but without the backtrace that `{error:?}` may have: it would be of the harness.
    Trial::test(name, move || block_on(test()).map_err(|error| Failed::from(format!("{error:#}"))))
}
