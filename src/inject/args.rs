//! What the arguments of a cleanup require of its manifests: permissions and a deadline.

use super::manifests::Cleanup;

/// How much longer than its sweep a Job may take, to pull the image and to replace a lost pod.
const SLACK_SECONDS: i64 = 300;

/// The RBAC rules of every sweep.
pub const JOB_RULES: &str = r#"  - apiGroups: ["batch"]
    resources: ["jobs"]
    verbs: ["list", "watch", "delete"]
"#;

/// The additional RBAC rules of `--log-tail`.
pub const LOG_RULES: &str = r#"  - apiGroups: [""]
    resources: ["pods"]
    verbs: ["list"]
  - apiGroups: [""]
    resources: ["pods/log"]
    verbs: ["get"]
"#;

impl Cleanup {
    /// The RBAC rules for these arguments.
    pub(super) fn rules(&self) -> String {
        let mut rules = JOB_RULES.to_owned();
        if self.shows_logs() {
            rules.push_str(LOG_RULES);
        }
        rules
    }

    /// A Role is for one namespace, so it has to be a ClusterRole.
    pub(super) fn sweeps_all_namespaces(&self) -> bool {
        self.args.iter().any(|arg| arg == "--all-namespaces" || arg == "-A")
    }

    fn shows_logs(&self) -> bool {
        self.value_of("--log-tail").is_some_and(|lines| lines != "0")
    }

    /// The deadline of the Job in seconds. None with `--timeout=none`.
    pub(super) fn deadline(&self) -> Option<i64> {
        let timeout = self.value_of("--timeout")?;
        let seconds =
            if timeout == "0" { 0 } else { timeout.parse::<jiff::SignedDuration>().ok()?.as_secs() };
        Some(seconds.saturating_add(SLACK_SECONDS))
    }

    /// The value of an option, written with `=` or as the next argument. The last one counts.
    fn value_of(&self, option: &str) -> Option<&str> {
        self.args.iter().enumerate().rev().find_map(|(index, arg)| match arg.strip_prefix(option)? {
            "" => self.args.get(index + 1).map(String::as_str),
            rest => rest.strip_prefix('='),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inject::manifests::Form;

    fn with(args: &[&str]) -> Cleanup {
        Cleanup::new("x", &[], &args.iter().map(ToString::to_string).collect::<Vec<_>>())
    }

    #[test]
    fn the_job_may_take_longer_than_its_sweep() {
        for (args, deadline) in [
            (vec![], Some(540)),
            (vec!["--timeout=10m"], Some(900)),
            (vec!["--timeout", "1h"], Some(3900)),
            (vec!["--timeout=0"], Some(300)),
            (vec!["--timeout=none"], None),
            (vec!["--timeout=9223372036854775807s"], Some(i64::MAX)),
        ] {
            assert_eq!(with(&args).deadline(), deadline, "{args:?}");
        }
        assert_eq!(with(&["--timeout=10m"]).args, ["--cleanup", "--timeout=10m"]);
    }

    #[test]
    fn logs_may_be_read_only_where_they_are_asked_for() {
        assert!(!with(&[]).access(Form::Plain).contains("pods/log"));
        assert!(!with(&["--log-tail=0"]).access(Form::Plain).contains("pods/log"));
        assert!(with(&["--log-tail=20"]).access(Form::Plain).contains("pods/log"));
    }
}
