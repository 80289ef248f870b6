//! The cleanup on a real control plane: every test runs the built binary as a ServiceAccount that has only the
//! shipped Role, and looks at the whole namespace afterwards.

#![allow(missing_docs, reason = "a test's name is its documentation")]
#![allow(unreachable_pub, reason = "nothing is reached from outside")]

mod faulty_proxy;
mod setup;

mod access;
mod deletion;
mod endings;
mod following;
mod helm;
mod policy;
mod pressure;
mod releases;
mod report;
mod requests;
mod scope;
mod stopping;

use std::process::ExitCode;

use jobsweep_harness::trials;

fn main() -> ExitCode {
    trials::run(trials![
        access::every_missing_rule_is_named_so_that_pasting_it_helps,
        access::a_token_that_cannot_be_sent_is_an_error_that_claims_nothing_about_jobs,
        access::without_the_right_to_watch_it_stops_at_once,
        access::without_the_right_to_delete_a_dry_run_fails_too,
        access::all_namespaces_take_a_cluster_role,
        access::all_namespaces_are_swept_with_a_cluster_role,
        access::a_token_that_expired_and_was_replaced_is_read_again,
        access::a_credential_plugin_that_hangs_ends_the_sweep_at_its_deadline,
        access::a_credential_plugin_runs_once_for_all_that_were_refused,
        access::a_token_that_expired_and_was_not_replaced_ends_the_sweep,
        access::a_server_that_cannot_be_trusted_is_not_talked_to,
        deletion::a_deletion_takes_the_pods_along_and_says_which_job_it_means,
        deletion::a_job_recreated_under_the_same_name_at_the_last_moment_is_another_job,
        deletion::an_annotation_edited_at_the_last_moment_counts,
        deletion::a_conflict_that_the_watch_does_not_explain_is_looked_into_by_a_new_list,
        deletion::accepted_is_not_gone_while_a_finalizer_holds_the_job,
        deletion::a_finalizer_that_lets_go_ends_the_sweep,
        deletion::the_ttl_controller_may_delete_first,
        deletion::a_job_that_is_gone_already_is_done,
        deletion::a_deletion_whose_answer_is_lost_is_sent_again_and_counted_once,
        deletion::a_deletion_whose_answer_is_lost_is_ours_when_the_watch_tells_too,
        deletion::a_deletion_that_admission_refuses_stops_no_other,
        deletion::a_dry_run_sends_every_deletion_and_deletes_nothing,
        deletion::no_more_deletions_are_under_way_than_asked_for,
        endings::a_job_is_never_deleted_between_two_retries,
        endings::a_job_that_has_used_up_its_retries_has_failed,
        endings::a_job_is_never_deleted_between_two_completions,
        endings::an_indexed_job_goes_on_when_one_index_has_failed,
        endings::a_pod_failure_policy_fails_a_job_that_has_retries_left,
        endings::a_success_policy_completes_a_job_once_its_other_pods_have_ended,
        endings::a_failing_job_is_kept_until_its_pods_have_ended,
        endings::a_suspended_job_holds_no_sweep,
        endings::a_job_that_is_resumed_meanwhile_is_waited_for,
        endings::a_job_of_another_controller_ends_by_its_conditions_alone,
        endings::a_job_whose_controller_is_absent_ends_the_sweep_at_its_deadline,
        endings::a_job_that_had_finished_before_the_start_is_deleted,
        endings::a_job_that_is_created_after_the_start_is_included,
        endings::a_job_that_appears_while_things_settle_is_included,
        endings::a_job_that_vanishes_before_its_end_has_an_unknown_outcome,
        following::three_thousand_jobs_come_in_pages,
        following::a_job_that_appears_while_thousands_are_deleted_is_swept_too,
        following::a_watch_that_breaks_goes_on_from_where_it_was,
        following::what_a_new_list_after_410_misses_is_gone_and_not_succeeded,
        following::a_watch_that_expired_after_compaction_begins_with_a_list_again,
        following::a_list_whose_later_pages_expired_is_begun_again,
        following::an_api_server_that_is_killed_and_restarted_mid_sweep_is_waited_for,
        following::a_job_of_which_only_the_policy_can_be_read_is_reported_and_an_error,
        following::an_object_that_cannot_be_read_is_skipped_with_a_warning,
        helm::the_upgrade_that_fails_passes_after_a_sweep,
        policy::a_job_that_succeeded_or_failed_is_deleted_if_its_policy_names_that,
        policy::a_policy_is_read_by_whole_words,
        policy::a_job_whose_policy_names_no_outcome_is_not_waited_for_but_reported,
        policy::before_hook_creation_deletes_however_a_job_ended_when_asked_for,
        policy::a_running_job_is_not_deleted_before_its_end_even_then,
        pressure::deletions_turned_away_by_priority_and_fairness_are_sent_again,
        pressure::retry_after_is_heeded,
        pressure::a_burst_of_server_errors_is_survived,
        pressure::trouble_without_end_ends_at_the_deadline,
        pressure::two_sweeps_at_once_do_no_harm,
        pressure::sweeping_again_does_nothing,
        releases::all_that_matters_holds_on_kubernetes_1_31,
        report::the_table_has_a_line_for_every_job,
        report::the_json_report_is_one_object,
        report::names_are_those_of_the_deleted_jobs,
        report::nothing_in_scope_is_said_and_leaves_stdout_empty,
        report::a_report_that_cannot_be_written_is_an_error,
        report::the_logs_of_a_failed_job_are_shown_before_it_is_deleted,
        report::a_job_may_ask_for_its_logs_itself,
        report::without_the_right_to_read_logs_it_warns_once_and_goes_on,
        report::a_log_that_cannot_be_had_stops_nothing,
        report::a_container_that_never_started_has_nothing_to_say,
        report::a_log_that_the_api_server_is_too_busy_for_is_asked_for_again,
        report::the_shipped_role_is_enough_to_read_logs,
        report::a_log_that_may_not_be_read_is_said_once_and_stops_nothing,
        report::a_namespace_that_forbids_logs_silences_no_other,
        report::a_terminal_gets_a_line_that_shows_how_far_it_is,
        requests::pages_a_watch_and_a_deletion_for_each_job_are_all_requests,
        requests::nothing_is_asked_while_waiting,
        scope::only_the_contexts_namespace_is_swept_unless_told,
        scope::several_namespaces_can_be_named,
        scope::labels_select,
        scope::a_selected_job_whose_finalizer_lets_go_is_gone,
        scope::a_job_that_a_finalizer_holds_is_not_gone_when_it_leaves_the_selection,
        scope::a_namespace_that_is_lost_from_sight_holds_the_sweep_and_no_other,
        scope::a_release_is_known_by_annotation_or_label,
        scope::the_sweeps_own_job_and_a_marked_one_are_left_alone,
        scope::helms_environment_counts_when_helm_is_the_caller,
        scope::helms_flags_for_the_connection_count_when_helm_is_the_caller,
        scope::a_proxy_of_the_environment_is_used_unless_excepted,
        stopping::sigterm_finishes_what_is_under_way_and_starts_nothing_new,
        stopping::a_job_whose_logs_are_still_being_read_is_not_deleted_after_sigterm,
        stopping::a_second_signal_aborts,
        stopping::a_signal_ends_a_sweep_whose_report_nobody_reads,
        stopping::a_reader_who_stops_reading_stops_neither_the_sweep_nor_its_signals,
        stopping::a_deletion_that_ends_right_after_the_deadline_counts,
        stopping::sigint_while_waiting_shows_how_things_stand,
        stopping::once_waits_for_no_unfinished_job,
        stopping::time_in_which_nothing_is_watched_does_not_count_as_settled,
        stopping::a_timeout_of_0_deletes_what_is_due_and_says_what_is_left,
        stopping::a_deadline_names_what_was_still_running,
        stopping::a_failed_job_is_an_exit_code_when_asked_for,
        stopping::an_api_server_that_is_never_reached_is_an_error,
    ])
}
