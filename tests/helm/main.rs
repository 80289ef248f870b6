//! jobsweep as the post-renderer of real Helms, and as a plugin of Helm 4.
//!
//! Where a test has to say what Helm must print, it compares with what the same Helm prints with `cat` as its
//! post-renderer: so the whole text is compared, and what is Helm's own doing does not matter.

mod errors;
mod install;
mod plugin;
mod setup;
mod template;
mod unblock;

use std::process::ExitCode;

use jobsweep_harness::trials;

fn main() -> ExitCode {
    trials::run(trials![
        template::a_job_gets_the_annotation_and_a_hook_gets_it_on_helm_4,
        template::what_jobsweep_wrote_is_left_alone_by_another_run_of_it,
        template::a_chart_that_renders_nothing_is_rendered_as_before,
        template::a_chart_with_crlf_keeps_what_helm_keeps_of_it,
        template::blanks_in_every_path_do_no_harm,
        template::a_default_policy_reaches_the_plain_jobs,
        template::helm_3_takes_the_path_of_the_program_and_helm_4_does_not,
        errors::an_error_fails_helm_and_can_be_read,
        errors::a_wrong_argument_fails_helm_and_can_be_read,
        errors::strict_refuses_an_unknown_word,
        errors::a_warning_lets_helm_go_on_and_is_in_the_log_file_only,
        errors::an_error_that_helm_drops_reaches_the_terminal,
        install::the_cluster_and_the_stored_release_have_the_annotation,
        install::a_hook_job_runs_with_the_annotation_on_helm_4,
        install::an_upgrade_and_a_rollback_keep_the_annotation_and_the_job,
        install::a_default_policy_reaches_the_cluster,
        install::an_error_installs_nothing,
        install::a_chart_that_renders_nothing_is_installed,
        install::templates_through_a_pipe_have_every_hook_translated,
        install::the_api_server_accepts_the_realistic_example,
        unblock::without_a_job_nothing_is_contacted,
        unblock::a_hook_is_left_to_helm,
        unblock::without_a_namespace_it_says_what_to_add,
        unblock::a_call_that_helm_does_not_apply_can_be_a_dry_run,
        unblock::what_it_says_can_be_read,
        unblock::what_helm_4_drops_reaches_the_terminal,
        plugin::it_has_the_version_of_the_program,
        plugin::its_hook_keeps_a_program_that_is_there,
        plugin::its_hook_builds_the_program_of_a_checkout_with_cargo,
        plugin::its_hook_takes_the_program_on_path_if_nothing_can_be_built,
        plugin::its_hook_replaces_a_program_of_another_version,
        plugin::its_hook_says_what_is_missing_and_what_to_do,
        plugin::a_failed_build_is_not_the_end_if_the_program_is_on_path,
        plugin::helm_3_cannot_read_it_but_takes_the_program_on_path,
    ])
}
