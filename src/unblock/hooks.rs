//! Which hooks the Helm command at hand runs. Pure.
//!
//! Helm 4 sends its hooks through a post-renderer, whichever command runs them. It creates a hook anew each time, so a Job that an
//! earlier run left is in the way even if it has not changed.

use super::metadata::{HOOK, manifest_annotation};
use crate::cluster::caller::{self, Caller};
use crate::policy::{DeletePolicy, HELM_DELETE_POLICY, Token};
use crate::translate::{TEMPLATE_ANNOTATION, Value};

/// What the Helm command does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Command {
    Install,
    Upgrade,
    /// `upgrade --install`, where it is not known whether the release exists.
    InstallOrUpgrade,
    /// Helm runs no hooks (`--no-hooks`), or nobody knows what it does.
    NoHooks,
}

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

pub(super) fn role(manifest: &Value, command: Command) -> Role {
    let annotation = |key| manifest_annotation(manifest, key);
    // Only Helm 4 marks what it sends with the name of the template. Elsewhere nobody runs hooks.
    let (Some(events), Some(_)) = (annotation(HOOK), annotation(TEMPLATE_ANNOTATION)) else {
        return Role::Ordinary;
    };
    // Helm reads its own policy, which can differ from the one that the cleanup obeys.
    let policy = annotation(HELM_DELETE_POLICY).map(DeletePolicy::parse);
    let is_deleted_first = policy.is_none_or(|policy| policy.lists(Token::BeforeHookCreation));
    if command.runs(events) && !is_deleted_first { Role::Hook } else { Role::LeftToHelm }
}

impl Command {
    /// `release_exists` decides what `upgrade --install` does.
    pub(super) fn of(caller: &Caller, release_exists: Option<bool>) -> Self {
        let Some(call) = caller.helm() else { return Self::NoHooks };
        match (call.command, release_exists) {
            _ if call.no_hooks => Self::NoHooks,
            (caller::Command::Install, _) => Self::Install,
            (caller::Command::Upgrade, Some(false)) if call.install => Self::Install,
            (caller::Command::Upgrade, None) if call.install => Self::InstallOrUpgrade,
            (caller::Command::Upgrade, _) => Self::Upgrade,
            // With --dry-run=server, it installs as far as the API server is asked.
            (caller::Command::Template, _) => Self::Install,
        }
    }

    fn runs(self, events: &str) -> bool {
        let has = |event: &str| events.split(',').any(|found| found.trim().eq_ignore_ascii_case(event));
        let on_install = has("pre-install") || has("post-install");
        let on_upgrade = has("pre-upgrade") || has("post-upgrade");
        match self {
            Self::Install => on_install,
            Self::Upgrade => on_upgrade,
            Self::InstallOrUpgrade => on_install && on_upgrade,
            Self::NoHooks => false,
        }
    }
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
        use Command::{Install, InstallOrUpgrade, NoHooks, Upgrade};
        for (events, commands) in [
            ("pre-install", &[Install][..]),
            ("post-install", &[Install]),
            ("pre-upgrade", &[Upgrade]),
            ("Post-Upgrade", &[Upgrade]),
            ("pre-upgrade , pre-install", &[Install, Upgrade, InstallOrUpgrade]),
            ("test", &[]),
            ("pre-rollback,post-delete", &[]),
        ] {
            let hook = job(&[
                (HOOK, events),
                (TEMPLATE_ANNOTATION, "a.yaml"),
                (HELM_DELETE_POLICY, "hook-succeeded"),
            ]);
            for command in [Install, Upgrade, InstallOrUpgrade, NoHooks] {
                let expected = if commands.contains(&command) { Role::Hook } else { Role::LeftToHelm };
                assert_eq!(role(&hook, command), expected, "{events} {command:?}");
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
            assert_eq!(role(&job(&annotations), Command::Upgrade), expected, "{policy:?}");
        }
    }

    #[test]
    fn where_nobody_runs_hooks_a_hook_is_an_ordinary_job() {
        for annotations in [&[][..], &[(HOOK, "pre-upgrade")], &[(TEMPLATE_ANNOTATION, "a.yaml")]] {
            assert_eq!(role(&job(annotations), Command::Upgrade), Role::Ordinary, "{annotations:?}");
            assert_eq!(role(&job(annotations), Command::NoHooks), Role::Ordinary, "{annotations:?}");
        }
    }
}
