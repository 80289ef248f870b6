//! The examples that use jobsweep in other tools, run as they stand in the repository.

mod apply;
mod argocd;
mod example_jobs;
mod helmfile;
#[path = "../helm/setup.rs"]
#[expect(dead_code, reason = "the Helm tests need more of it")]
mod setup;

use std::process::ExitCode;

use jobsweep_harness::{trials, trials::run};

fn main() -> ExitCode {
    run(trials![
        apply::changed_jobs_are_applied_again_and_again,
        apply::without_the_sweep_the_second_apply_fails,
        apply::a_failure_before_the_sweep_leaves_everything_as_it_is,
        helmfile::changed_jobs_are_synced_again_and_again,
        helmfile::without_the_sweep_the_second_sync_fails,
        argocd::its_output_is_that_of_helm_with_the_annotations,
        argocd::its_parameters_reach_helm_and_jobsweep,
        argocd::its_dependencies_are_fetched_before,
        argocd::an_error_is_shown_and_nothing_is_generated,
        argocd::the_api_server_accepts_what_it_generates,
        argocd::the_sidecar_fits_the_repo_server,
        argocd::the_application_gives_what_the_plugin_announces,
    ])
}
