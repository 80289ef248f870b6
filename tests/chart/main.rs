//! The chart under `charts/jobsweep`, in real Helm 3 and 4 and on a real control plane.

mod fake_kubelet;
mod install;
mod lint;
mod parent_chart;
mod readme;
mod render;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use jobsweep_harness::{trials, trials::run};

fn main() -> ExitCode {
    run(trials![
        lint::the_chart_is_clean,
        lint::a_value_that_means_nothing_is_refused,
        render::every_pod_is_the_one_that_is_injected,
        render::the_access_is_the_one_that_is_injected,
        render::every_value_reaches_the_manifests,
        render::names_fit_and_differ,
        render::names_that_look_like_numbers_stay_text,
        render::a_condition_leaves_nothing_of_it,
        readme::the_table_is_made_of_the_values,
        readme::the_schema_knows_every_value,
        install::after_every_change_the_jobs_are_swept_and_nothing_is_left,
        install::before_every_change_the_jobs_are_swept_and_nothing_is_left,
        install::an_upgrade_may_bring_the_dependency,
        install::a_failed_cleanup_says_so_and_the_next_one_replaces_it,
        install::a_schedule_leaves_the_release_alone,
    ])
}

fn chart() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("charts/jobsweep")
}
