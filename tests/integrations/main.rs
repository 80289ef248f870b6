//! The examples that use jobsweep in other tools, run as they stand in the repository.

mod apply;
mod argocd;
mod helmfile;
mod pipe;
#[path = "../helm/setup.rs"]
#[expect(dead_code, reason = "the Helm tests need more of it")]
mod setup;
mod shop;

use std::process::ExitCode;

use jobsweep_harness::{trials, trials::run};

fn main() -> ExitCode {
    run(trials![
        apply::changed_jobs_are_applied_again_and_again,
        apply::a_job_that_has_not_changed_does_not_run_again,
        apply::a_job_that_may_not_go_stops_all_of_it,
        apply::without_unblock_the_second_apply_fails,
        apply::a_chart_that_cannot_be_applied_leaves_everything_as_it_is,
        pipe::a_changed_job_is_applied_from_the_clients_side,
        pipe::a_changed_job_is_applied_from_the_servers_side,
        helmfile::changed_jobs_are_synced_again_and_again,
        helmfile::without_unblock_the_second_sync_fails,
        helmfile::a_diff_can_be_kept_from_deleting,
        argocd::its_output_is_that_of_helm_with_the_annotations,
        argocd::its_parameters_reach_helm_and_jobsweep,
        argocd::its_dependencies_are_fetched_before,
        argocd::an_error_is_shown_and_nothing_is_generated,
        argocd::the_api_server_accepts_what_it_generates,
        argocd::the_sidecar_fits_the_repo_server,
        argocd::the_application_gives_what_the_plugin_announces,
    ])
}
