//! The image and the in-cluster path, on a real node: kubelet, containerd and the built image.
//!
//! Needs root on Linux, and some packages, which it names: `cargo test --test node -- --ignored`.

mod applied;
mod dependency;
mod failure;
mod injected;
mod pod;
mod release;
mod stage;
mod unblock;
mod unblock_and_cleanup;

use std::process::ExitCode;

use jobsweep_harness::{node, trials};

fn main() -> ExitCode {
    node::run(trials![
        dependency::without_it_an_upgrade_fails,
        dependency::after_every_change_the_migration_is_swept,
        dependency::before_every_change_the_migration_is_swept,
        failure::it_is_swept_and_its_log_shown,
        injected::after_every_change_the_migration_is_swept,
        injected::before_every_change_the_migration_is_swept,
        applied::a_sweep_before_the_next_apply_lets_it_pass,
        applied::an_injected_cleanup_lets_the_next_apply_pass,
        unblock::every_upgrade_passes,
        unblock::without_it_an_upgrade_and_a_rollback_fail,
        unblock::what_may_not_go_stops_helm_before_anything_changes,
        unblock::a_job_that_ends_in_time_is_waited_for,
        unblock_and_cleanup::an_injected_cleanup_and_it_do_not_disturb_each_other,
        unblock_and_cleanup::the_chart_and_it_do_not_disturb_each_other,
        unblock_and_cleanup::a_sweep_at_any_time_does_not_disturb_it,
        pod::the_shipped_job_sweeps_where_pods_are_restricted,
        pod::the_shipped_cron_job_does_so_too,
        pod::its_process_may_do_nothing_but_talk,
        pod::its_memory_suffices_for_5000_jobs,
        pod::a_deleted_pod_reports_before_it_ends,
        pod::a_killed_pod_is_replaced_and_the_work_done,
    ])
}
