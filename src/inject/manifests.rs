//! The manifests of the cleanup: Job or CronJob, ServiceAccount, Role and RoleBinding, from the templates beside this file.
//!
//! The filter injects them. Tests compare the files under `examples/` and the chart with them.

use crate::yaml;

/// The published image of this version.
pub const IMAGE: &str = concat!("ghcr.io/jobsweep/jobsweep:", env!("CARGO_PKG_VERSION"));
/// The annotation of every injected resource. It keeps a second run from injecting again.
pub const INJECTED: &str = "jobsweep.io/injected";

/// The RBAC rules of every sweep.
pub const JOB_RULES: &str = include_str!("job-rules.yaml");
/// The additional RBAC rules of `--log-tail`.
pub const LOG_RULES: &str = include_str!("log-rules.yaml");

/// Less than the five minutes that Helm waits for a hook by default.
const TIMEOUT: &str = "--timeout=240s";
/// How much longer than its sweep a Job may take, to pull the image and to replace a lost pod.
const SLACK_SECONDS: i64 = 300;

/// When the cleanup runs in a Helm release.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Moment {
    /// After Helm has applied everything and has waited for it. Finished Jobs go at once.
    #[default]
    After,
    /// Before Helm applies an upgrade or a rollback. Finished Jobs and their logs stay until then.
    Before,
}

/// The form of the manifests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// Hooks of a Helm release. Helm deletes them after they have run.
    Hook(Moment),
    /// Ordinary resources. The cluster deletes the Job a minute after its end.
    Plain,
}

/// A cleanup that runs in a cluster.
#[derive(Debug, Clone)]
pub struct Cleanup {
    /// The name of all its resources.
    pub name: String,
    /// The namespace to write, if any.
    pub namespace: Option<String>,
    /// The container image.
    pub image: String,
    /// The arguments, beginning with `--cleanup`.
    pub args: Vec<String>,
    /// Whether all resources get the annotation [`INJECTED`].
    pub injected: bool,
}

impl Cleanup {
    /// A cleanup with these arguments, after `--cleanup` and, unless `more` has one, a timeout.
    #[must_use]
    pub fn new(name: impl Into<String>, args: &[&str], more: &[String]) -> Self {
        let own_timeout = more.iter().any(|arg| arg == "--timeout" || arg.starts_with("--timeout="));
        let timeout = (!own_timeout).then_some(TIMEOUT);
        let args = ["--cleanup"].iter().chain(args).copied().chain(timeout).map(str::to_owned);
        Self {
            name: name.into(),
            namespace: None,
            image: IMAGE.to_owned(),
            args: args.chain(more.iter().cloned()).collect(),
            injected: false,
        }
    }

    /// The ServiceAccount, the Role or ClusterRole, and its binding, as three documents.
    #[must_use]
    pub fn access(&self, form: Form) -> String {
        fill(include_str!("access.yaml"), &self.values(&self.name, form))
    }

    /// The Job. It needs the resources of [`Self::access`].
    #[must_use]
    pub fn job(&self, form: Form) -> String {
        self.job_named(&self.name, form)
    }

    pub(super) fn job_named(&self, name: &str, form: Form) -> String {
        fill(include_str!("job.yaml"), &self.values(name, form))
    }

    /// The CronJob.
    #[must_use]
    pub fn cron_job(&self, schedule: &str) -> String {
        let mut values = self.values(&self.name, Form::Plain);
        values.push(("schedule", yaml::double_quoted(schedule)));
        fill(include_str!("cron-job.yaml"), &values)
    }

    /// The values of the names in the templates.
    fn values(&self, job_name: &str, form: Form) -> Vec<(&'static str, String)> {
        let everywhere = self.args.iter().any(|arg| arg == "--all-namespaces" || arg == "-A");
        let shows_logs = self.value_of("--log-tail").is_some_and(|lines| lines != "0");
        // The access comes before the Job, and the Job after or before all other hooks.
        let (hook, weight) = match form {
            Form::Hook(Moment::After) => ("post-install,post-upgrade,post-rollback", "1000000"),
            Form::Hook(Moment::Before) => ("pre-upgrade,pre-rollback", "-1000000"),
            Form::Plain => ("", ""),
        };
        let of_hook = |text: &str| if form == Form::Plain { String::new() } else { text.to_owned() };
        // A failed hook stays for a day, for its log. An ordinary Job stays for a minute: until it is gone, the same manifests do not
        // start it again.
        let ttl = if form == Form::Plain { "60" } else { "86400" };
        let is_annotated = self.injected || form != Form::Plain;
        let namespace = self.namespace.as_deref().map(yaml::name).unwrap_or_default();
        let args = self.args.iter().map(|arg| format!("- {}\n", yaml::double_quoted(arg)));
        let mut values = vec![
            ("name", yaml::name(&self.name).into_owned()),
            ("job_name", yaml::name(job_name).into_owned()),
            ("namespace", namespace.to_string()),
            ("role_namespace", if everywhere { String::new() } else { namespace.to_string() }),
            ("role", if everywhere { "ClusterRole" } else { "Role" }.to_owned()),
            ("rules", JOB_RULES.to_owned() + if shows_logs { LOG_RULES } else { "" }),
            ("annotations", if is_annotated { "annotations:" } else { "" }.to_owned()),
            ("injected", if self.injected { "true" } else { "" }.to_owned()),
            ("hook", hook.to_owned()),
            ("hook_weight", weight.to_owned()),
            ("access_weight", of_hook("-1000001")),
            ("hook_policy", of_hook("before-hook-creation,hook-succeeded")),
            ("hook_output", of_hook("hook-succeeded,hook-failed")),
            ("ttl", ttl.to_owned()),
            ("deadline", self.deadline().map(|seconds| seconds.to_string()).unwrap_or_default()),
            ("args", args.collect()),
            ("image", yaml::double_quoted(&self.image)),
        ];
        let spec = fill(include_str!("job-spec.yaml"), &values);
        values.push(("spec", spec));
        values
    }

    /// The deadline of the Job in seconds. None with `--timeout=none`.
    fn deadline(&self) -> Option<i64> {
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

/// Fills in a template. A line with a name stands for as many lines as its value has, so an empty value leaves it out.
fn fill(template: &str, values: &[(&str, String)]) -> String {
    let mut text = String::new();
    for line in template.lines() {
        match values.iter().find(|(name, _)| line.contains(&format!("{{{name}}}"))) {
            Some((name, value)) => value.lines().for_each(|part| {
                text.extend([&*line.replace(&format!("{{{name}}}"), part), "\n"]);
            }),
            None => text.extend([line, "\n"]),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ExitCode;

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

    #[test]
    fn the_exit_codes_after_which_no_pod_is_tried_again_are_those_of_the_program() {
        let codes = [ExitCode::Usage, ExitCode::JobFailed, ExitCode::Deadline, ExitCode::NotAllowed];
        let codes = format!("values: {:?}\n", codes.map(ExitCode::code));
        assert!(with(&[]).job(Form::Plain).contains(&codes), "{codes}");
    }

    #[test]
    fn every_name_in_a_template_is_filled_in() {
        for form in [Form::Plain, Form::Hook(Moment::After), Form::Hook(Moment::Before)] {
            let texts = [with(&[]).access(form), with(&[]).job(form), with(&[]).cron_job("@daily")];
            assert!(!texts.concat().contains(['{', '}']), "{texts:?}");
        }
    }
}
