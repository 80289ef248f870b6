//! Turns plain async functions into a test binary (`harness = false`).
//!
//! Each file lists its own tests in a function `trials`, and `main` passes these lists to [`run`]. The compiler reports
//! a test that no list names as dead code. The arguments of a test select what it runs on:
//!
//! | arguments | what the test gets |
//! |---|---|
//! | none | nothing: the test starts what it needs |
//! | `&ControlPlane` | the [shared](ControlPlane::shared) control plane |
//! | `HelmVersion` | one trial for each Helm release; those of an old one are run [on demand](on_demand) |
//! | `&ControlPlane, HelmVersion` | both |
//! | `&Node`, `&Node, HelmVersion` | the same with a real [node](crate::node) |
//! | `&Node, HelmVersion, Wait` | one trial for each Helm release and each way to wait |

use std::env;
use std::process::ExitCode;

use anyhow::Result;
use libtest_mimic::{Arguments, Failed};

use crate::control_plane::ControlPlane;
use crate::helm::Wait;
use crate::node::Node;
use crate::tools::{HelmVersion, check_selection, go_missing};
use crate::{block_on, workdir};

pub use libtest_mimic::Trial;

/// How many tests run at once unless the command line says otherwise.
const THREADS: usize = 6;

/// Lists the tests of a module: `trials![a_job_that_succeeded_is_deleted, …]`.
#[macro_export]
macro_rules! trials {
    ($($test:ident),* $(,)?) => {{
        let mut trials = ::std::vec::Vec::new();
        $(
            let name = $crate::trials::name(module_path!(), stringify!($test));
            trials.extend($crate::trials::Test::trials($test, &name));
        )*
        trials
    }};
}

/// The path of a test without the crate, as Cargo's own test runner prints it.
pub fn name(module: &str, test: &str) -> String {
    match module.split_once("::") {
        Some((_, module)) => format!("{module}::{test}"),
        None => test.to_owned(),
    }
}

/// Runs the tests of all files. The command line is that of Cargo's own test runner.
///
/// Without Go no tool can be built. Every test is then shown as ignored with the reason. Where `CI` is set, the run
/// fails instead, because a green run without tests would hide everything.
pub fn run(files: impl IntoIterator<Item = Vec<Trial>>) -> ExitCode {
    let how = "`CI=1 cargo test` builds what they need and runs them";
    let mut arguments = Arguments::from_args();
    // Most tests wait for servers, not for a core.
    arguments.test_threads.get_or_insert(THREADS);
    run_with(&arguments, files.into_iter().flatten().collect(), how)
}

/// `how` says how to run the ignored tests.
pub(crate) fn run_with(arguments: &Arguments, trials: Vec<Trial>, how: &str) -> ExitCode {
    if let Err(error) = check_selection() {
        eprintln!("{error:#}");
        return ExitCode::FAILURE;
    }
    let Some(reason) = go_missing() else {
        let conclusion = libtest_mimic::run(arguments, trials);
        if conclusion.has_failed() {
            workdir::keep();
        }
        if conclusion.num_ignored > 0 {
            eprintln!("{} tests were ignored: {how}.", conclusion.num_ignored);
        }
        return conclusion.exit_code();
    };

    let ignored = trials.into_iter().map(|trial| trial.with_kind(reason).with_ignored_flag(true)).collect();
    let conclusion = libtest_mimic::run(arguments, ignored);
    eprintln!(
        "To run these tests, install Go 1.26 or newer: it builds Kubernetes and Helm once, in some minutes."
    );
    if env::var_os("CI").is_some() && !arguments.list {
        eprintln!("CI is set, so ignored tests are a failure ({reason}).");
        return ExitCode::FAILURE;
    }
    conclusion.exit_code()
}

/// Tests that need more than Rust, a C compiler, Go, the newest Kubernetes and the newest Helm of each major version.
///
/// They are ignored and shown with what they need. Where `CI` is set, they run like all others.
pub fn on_demand(needs: &str, trials: Vec<Trial>) -> Vec<Trial> {
    let is_ignored = env::var_os("CI").is_none();
    let mark = |trial: Trial| trial.with_kind(format!("needs {needs}")).with_ignored_flag(is_ignored);
    trials.into_iter().map(mark).collect()
}

/// Tests that are run [on demand](on_demand) because all of them together take too long for a first `cargo test`.
pub fn long(trials: Vec<Trial>) -> Vec<Trial> {
    on_demand("minutes", trials)
}

/// A function that [`trials!`] accepts. `Needs` is the type of its arguments.
pub trait Test<Needs> {
    /// One trial, or one for each release and way to wait.
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
    let trials = |helm: HelmVersion| {
        let trials = vec![trial(helm, format!("{name}::{}", helm.name()))];
        if helm.runs_by_default() { trials } else { on_demand(helm.name(), trials) }
    };
    HelmVersion::selected().unwrap_or_default().into_iter().flat_map(trials).collect()
}

fn trial(name: String, test: impl AsyncFnOnce() -> Result<()> + Send + 'static) -> Trial {
    // `{error:#}` shows all causes; `{error:?}` would add a backtrace of the harness.
    Trial::test(name, move || block_on(test()).map_err(|error| Failed::from(format!("{error:#}"))))
}
