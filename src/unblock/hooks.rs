//! Which hooks the Helm command at hand runs. Pure.
//!
//! Helm 4 sends its hooks through a post-renderer, whichever command runs them. It creates a hook anew each time, so a Job that an
//! earlier run left is in the way even if it has not changed.

use super::owner::{HOOK, in_metadata};
use crate::cluster::caller::{Command, HelmCall};
use crate::policy::{BEFORE_HOOK_CREATION, DeletePolicy, HELM_DELETE_POLICY};
use crate::translate::{TEMPLATE_ANNOTATION, Value};

/// What a manifest is for the program that applies it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    /// It is applied like any other resource.
    Ordinary,
    /// Helm creates it during this command, and does not delete an earlier Job of its name before.
    Hook,
    /// A hook that is not run now, or before which Helm itself deletes an earlier Job.
    LeftToHelm,
}

/// What Helm does, or may do: `upgrade --install` installs if there is no release. Nothing if it runs no hooks, or if no Helm calls.
pub(super) fn commands(call: Option<&HelmCall>, release_exists: Option<bool>) -> &'static [Command] {
    let Some(call) = call.filter(|call| !call.no_hooks) else { return &[] };
    match (call.command, release_exists) {
        (Command::Upgrade, Some(false)) if call.install => &[Command::Install],
        (Command::Upgrade, None) if call.install => &[Command::Install, Command::Upgrade],
        (Command::Upgrade, _) => &[Command::Upgrade],
        // With --dry-run=server, `template` installs as far as the API server is asked.
        (Command::Install | Command::Template, _) => &[Command::Install],
    }
}

/// A hook counts only if each of these commands runs it.
pub(super) fn role(manifest: &Value, commands: &[Command]) -> Role {
    let annotation = |key| in_metadata(manifest, "annotations")?.get(key)?.as_str();
    // Only Helm 4 marks what it sends with the name of the template. Elsewhere nobody runs hooks.
    let (Some(events), Some(_)) = (annotation(HOOK), annotation(TEMPLATE_ANNOTATION)) else {
        return Role::Ordinary;
    };
    // Helm reads its own policy, which can differ from the one that the cleanup obeys.
    let policy = annotation(HELM_DELETE_POLICY).map(DeletePolicy::parse);
    let is_deleted_first = policy.is_none_or(|policy| policy.lists(BEFORE_HOOK_CREATION));
    let has = |event: &str| events.split(',').any(|found| found.trim().eq_ignore_ascii_case(event));
    let runs = |command| has(&format!("pre-{command}")) || has(&format!("post-{command}"));
    let is_run = !commands.is_empty() && commands.iter().all(runs);
    if is_run && !is_deleted_first { Role::Hook } else { Role::LeftToHelm }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn job(annotations: &[(&str, &str)]) -> Value {
        let text = |text: &str| Value::String(text.to_owned());
        let annotations = annotations.iter().map(|(key, value)| (text(key), text(value))).collect();
        let metadata = Value::Mapping(vec![(text("annotations"), Value::Mapping(annotations))]);
        Value::Mapping(vec![(text("metadata"), metadata)])
    }

    #[test]
    fn only_the_hooks_of_this_command_are_looked_at() {
        const INSTALL: &[Command] = &[Command::Install];
        const UPGRADE: &[Command] = &[Command::Upgrade];
        const EITHER: &[Command] = &[Command::Install, Command::Upgrade];
        for (events, run_by) in [
            ("pre-install", &[INSTALL][..]),
            ("post-install", &[INSTALL]),
            ("pre-upgrade", &[UPGRADE]),
            ("Post-Upgrade", &[UPGRADE]),
            ("pre-upgrade , pre-install", &[INSTALL, UPGRADE, EITHER]),
            ("test", &[]),
            ("pre-rollback,post-delete", &[]),
        ] {
            let hook = job(&[
                (HOOK, events),
                (TEMPLATE_ANNOTATION, "a.yaml"),
                (HELM_DELETE_POLICY, "hook-succeeded"),
            ]);
            for commands in [INSTALL, UPGRADE, EITHER, &[]] {
                let expected = if run_by.contains(&commands) { Role::Hook } else { Role::LeftToHelm };
                assert_eq!(role(&hook, commands), expected, "{events} {commands:?}");
            }
        }
    }

    #[test]
    fn a_hook_that_helm_deletes_first_is_left_to_helm() {
        for (policy, expected) in [
            (None, Role::LeftToHelm),
            (Some("before-hook-creation"), Role::LeftToHelm),
            (Some("hook-succeeded, before-hook-creation"), Role::LeftToHelm),
            (Some("hook-succeeded"), Role::Hook),
            (Some("hook-failed,hook-succeeded"), Role::Hook),
            (Some(""), Role::Hook),
        ] {
            let mut annotations = vec![(HOOK, "pre-upgrade"), (TEMPLATE_ANNOTATION, "a.yaml")];
            annotations.extend(policy.map(|policy| (HELM_DELETE_POLICY, policy)));
            assert_eq!(role(&job(&annotations), &[Command::Upgrade]), expected, "{policy:?}");
        }
    }

    #[test]
    fn where_nobody_runs_hooks_a_hook_is_an_ordinary_job() {
        for annotations in [&[][..], &[(HOOK, "pre-upgrade")], &[(TEMPLATE_ANNOTATION, "a.yaml")]] {
            assert_eq!(role(&job(annotations), &[Command::Upgrade]), Role::Ordinary, "{annotations:?}");
            assert_eq!(role(&job(annotations), &[]), Role::Ordinary, "{annotations:?}");
        }
    }
}
