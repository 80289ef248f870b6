//! The help of each mode has only the options of that mode.

use std::ffi::OsString;

use clap::{Arg, Command};

use super::manual;

struct Mode {
    flag: &'static str,
    usage: &'static str,
    about: &'static str,
    long_about: &'static str,
    shows: fn(&Arg) -> bool,
    words: fn(Arg) -> Arg,
}

const MODES: &[Mode] = &[
    #[cfg(feature = "cleanup")]
    Mode {
        flag: "--cleanup",
        usage: "jobsweep --cleanup [OPTIONS]",
        about: "Sweep finished Kubernetes Jobs by their delete policy",
        long_about: "\
Sweep finished Kubernetes Jobs by their delete policy.

jobsweep waits for the Jobs that are annotated with kots.io/hook-delete-policy to finish,
deletes each whose policy names how it ended, and waits until these are gone.",
        shows: |arg| is_below(arg, "Cleanup"),
        words: |arg| arg,
    },
    #[cfg(feature = "cleanup")]
    Mode {
        flag: "--unblock",
        usage: "jobsweep --unblock [OPTIONS] < MANIFESTS > TRANSLATED",
        about: "Delete the finished Jobs that the manifests on stdin cannot change, then write the manifests",
        long_about: "\
Delete the finished Jobs that the manifests on stdin cannot change, then write the manifests.

jobsweep deletes a Job if the Job has finished, the new manifest changes an
immutable field, and the policy of the new manifest allows it. If one Job in the way may not
be deleted, it deletes none, and writes no manifest.

    helm upgrade --install shop ./shop -n shop --post-renderer jobsweep \\
        --post-renderer-args --unblock --post-renderer-args --namespace=shop
    helm template shop ./shop -n shop | jobsweep --unblock -n shop | kubectl apply -n shop -f -",
        shows: |arg| is_below(arg, "Filter") || OF_UNBLOCK.contains(&arg.get_id().as_str()),
        words: in_words_of_unblock,
    },
    Mode {
        flag: "--inject-cleanup",
        usage: "jobsweep --inject-cleanup[=NAME] [OPTIONS] < MANIFESTS > TRANSLATED",
        about: "Append a cleanup Job to the manifests on stdin",
        long_about: "\
Append a cleanup Job to the manifests on stdin, with its ServiceAccount, Role and RoleBinding.

    helm template shop ./shop -n shop | jobsweep --inject-cleanup | kubectl apply -n shop -f -",
        shows: |arg| is_below(arg, "Filter") || is_below(arg, "Injection"),
        words: |arg| arg,
    },
];

const OTHER_MODES: &str = "Each mode has help of its own, such as jobsweep --inject-cleanup --help.";

#[cfg(feature = "cleanup")]
const OF_UNBLOCK: [&str; 6] = ["namespaces", "kubeconfig", "context", "once", "timeout", "dry_run"];

/// Limits the help to the mode that the arguments ask for. The meaning of the arguments does not change.
pub(super) fn of_the_mode(command: Command, args: &[OsString]) -> Command {
    let exit_codes = manual::exit_codes_section();
    let is_asked_for = |mode: &&Mode| {
        let flags = args.iter().filter_map(|arg| arg.to_str());
        flags.filter_map(|arg| arg.split('=').next()).any(|flag| flag == mode.flag)
    };
    let Some(mode) = MODES.iter().find(is_asked_for) else {
        let command =
            command.after_help(OTHER_MODES).after_long_help(format!("{OTHER_MODES}\n\n{exit_codes}"));
        return command.mut_args(|arg| {
            let shows = ["Modes", "Filter", "Other"].iter().any(|heading| is_below(&arg, heading));
            let is_mode = arg.get_id() == "inject_cleanup";
            if is_mode { arg.help_heading("Modes") } else { arg.hide(!shows) }
        });
    };
    let command = command.about(mode.about).long_about(mode.long_about).override_usage(mode.usage);
    command.after_long_help(exit_codes).mut_args(|arg| {
        let shows = (mode.shows)(&arg);
        (mode.words)(arg).hide(!shows)
    })
}

/// An option that the cleanup has too, in the words of `--unblock`.
#[cfg(feature = "cleanup")]
fn in_words_of_unblock(arg: Arg) -> Arg {
    let words = match arg.get_id().as_str() {
        "namespaces" => {
            "The namespace of Jobs whose manifest names none [default: $HELM_NAMESPACE, or the pod's]"
        }
        "once" => "Fail at once if a Job in the way still runs",
        "timeout" => "Give up after this long; `none` waits without limit",
        "dry_run" => {
            "Send deletions as server-side dry runs, and write the manifests [env: JOBSWEEP_DRY_RUN]"
        }
        "kubeconfig" | "context" => return arg.help_heading("Unblock"),
        _ => return arg,
    };
    arg.help(words).long_help(words).help_heading("Unblock")
}

fn is_below(arg: &Arg, heading: &str) -> bool {
    arg.get_help_heading() == Some(heading)
}
