//! The most important tests on Kubernetes 1.31, the oldest release whose Jobs finish only after their pods.

use anyhow::Result;
use jobsweep_harness::control_plane::ControlPlane;
use jobsweep_harness::tools::Kubernetes;
use jobsweep_harness::trials;
use jobsweep_harness::trials::{Trial, on_demand};

use crate::{access, deletion, endings, following, policy, requests};

pub fn trials() -> Vec<Trial> {
    on_demand("kubernetes-1.31", trials![all_that_matters_holds_on_kubernetes_1_31])
}

pub async fn all_that_matters_holds_on_kubernetes_1_31() -> Result<()> {
    let cluster = ControlPlane::options().kubernetes(Kubernetes::V1_31).start().await?;
    let cluster = &cluster;
    policy::a_job_that_succeeded_or_failed_is_deleted_if_its_policy_names_that(cluster).await?;
    endings::a_job_is_never_deleted_between_two_retries(cluster).await?;
    endings::a_job_is_never_deleted_between_two_completions(cluster).await?;
    endings::an_indexed_job_goes_on_when_one_index_has_failed(cluster).await?;
    endings::a_pod_failure_policy_fails_a_job_that_has_retries_left(cluster).await?;
    endings::a_success_policy_completes_a_job_once_its_other_pods_have_ended(cluster).await?;
    endings::a_failing_job_is_kept_until_its_pods_have_ended(cluster).await?;
    endings::a_suspended_job_holds_no_sweep(cluster).await?;
    endings::a_job_of_another_controller_ends_by_its_conditions_alone(cluster).await?;
    deletion::a_deletion_takes_the_pods_along_and_says_which_job_it_means(cluster).await?;
    deletion::a_job_recreated_under_the_same_name_at_the_last_moment_is_another_job(cluster).await?;
    deletion::an_annotation_edited_at_the_last_moment_counts(cluster).await?;
    deletion::accepted_is_not_gone_while_a_finalizer_holds_the_job(cluster).await?;
    deletion::a_dry_run_sends_every_deletion_and_deletes_nothing(cluster).await?;
    following::a_watch_that_breaks_goes_on_from_where_it_was(cluster).await?;
    following::what_a_new_list_after_410_misses_is_gone_and_not_succeeded(cluster).await?;
    access::every_missing_rule_is_named_so_that_pasting_it_helps(cluster).await?;
    requests::pages_a_watch_and_a_deletion_for_each_job_are_all_requests(cluster).await
}
