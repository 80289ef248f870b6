//! Makes the manifests of the cleanup: Job or CronJob, ServiceAccount, Role and RoleBinding.
//!
//! The filter injects them. Tests compare the files under `examples/` and the chart with this module.
//!
//! `k8s-openapi` and serde are not used, because the filter must build without them, and because they would not write the comments.

use std::fmt::Write;

use crate::exit_code::ExitCode;
use crate::policy::{HELM_DELETE_POLICY, IGNORE, KOTS_DELETE_POLICY};
use crate::yaml;

/// The published image of this version.
pub const IMAGE: &str = concat!("ghcr.io/jobsweep/jobsweep:", env!("CARGO_PKG_VERSION"));
/// The annotation of every injected resource. It keeps a second run from injecting again.
pub const INJECTED: &str = "jobsweep.io/injected";

/// Less than the five minutes that Helm waits for a hook by default.
const TIMEOUT: &str = "--timeout=240s";
/// The policy of the Job itself, for Helm. Sweeps skip the Job because of [`IGNORE`].
const OWN_POLICY: &str = "before-hook-creation,hook-succeeded";

/// After these exit codes, the pod is not tried again: that would change nothing, hide a failed Job, or take longer than the
/// deadline allows.
const FINAL: [ExitCode; 4] = [ExitCode::Usage, ExitCode::JobFailed, ExitCode::Deadline, ExitCode::NotAllowed];

/// Makes Helm show the log before it deletes the pod.
const SHOWN_BY_HELM: &str = "    helm.sh/hook-output-log-policy: hook-succeeded,hook-failed\n";

/// When the cleanup runs in a Helm release.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Moment {
    /// After Helm has applied everything and has waited for it. Finished Jobs go at once.
    #[default]
    After,
    /// Before Helm applies an upgrade or a rollback. Finished Jobs and their logs stay until then.
    Before,
}

impl Moment {
    fn events(self) -> &'static str {
        match self {
            Self::After => "post-install,post-upgrade,post-rollback",
            Self::Before => "pre-upgrade,pre-rollback",
        }
    }

    /// Orders the cleanup after or before all other hooks.
    fn weight(self) -> &'static str {
        match self {
            Self::After => "1000000",
            Self::Before => "-1000000",
        }
    }

    pub(super) fn args(self) -> &'static [&'static str] {
        match self {
            Self::After => &[],
            Self::Before => &["--once", "--before-hook-creation"],
        }
    }
}

/// Creates the ServiceAccount and the RBAC before the Job, whose weight is higher.
const ACCESS_WEIGHT: &str = "-1000001";

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
        let hook = match form {
            Form::Hook(moment) => hook_annotations(moment.events(), ACCESS_WEIGHT),
            Form::Plain => String::new(),
        };
        let metadata = self.metadata(&hook);
        let (cluster, of_role) = if self.sweeps_all_namespaces() {
            ("Cluster", self.metadata_named(&self.name, None, &hook))
        } else {
            ("", metadata.clone())
        };
        let rules = self.rules();
        // Without a namespace, the subject is in the namespace of the RoleBinding.
        let of_namespace =
            self.namespace.as_ref().map(|name| format!("    namespace: {}\n", yaml::name(name)));
        format!(
            "\
apiVersion: v1
kind: ServiceAccount
{metadata}\
---
apiVersion: rbac.authorization.k8s.io/v1
kind: {cluster}Role
{of_role}\
rules:
{rules}\
---
apiVersion: rbac.authorization.k8s.io/v1
kind: {cluster}RoleBinding
{of_role}\
roleRef:
  apiGroup: rbac.authorization.k8s.io
  kind: {cluster}Role
  name: {name}
subjects:
  - kind: ServiceAccount
    name: {name}
{of_namespace}",
            name = yaml::name(&self.name),
            of_namespace = of_namespace.unwrap_or_default(),
        )
    }

    /// The Job. It needs the resources of [`Self::access`].
    #[must_use]
    pub fn job(&self, form: Form) -> String {
        self.job_named(&self.name, form)
    }

    pub(super) fn job_named(&self, name: &str, form: Form) -> String {
        // A failed hook stays for a day, for its log. An ordinary Job stays for a minute: until it is gone, the same manifests
        // do not start it again.
        let (ttl, hook) = match form {
            Form::Hook(moment) => {
                (86_400, hook_annotations(moment.events(), moment.weight()) + SHOWN_BY_HELM)
            }
            Form::Plain => (60, String::new()),
        };
        let own = format!("{hook}    {KOTS_DELETE_POLICY}: {OWN_POLICY}\n    {IGNORE}: \"true\"\n");
        let metadata = self.metadata_named(name, self.namespace.as_deref(), &own);
        format!(
            "apiVersion: batch/v1\nkind: Job\n{metadata}spec:\n  ttlSecondsAfterFinished: {ttl}\n{}",
            indented(2, &self.job_spec())
        )
    }

    /// The CronJob.
    #[must_use]
    pub fn cron_job(&self, schedule: &str) -> String {
        format!(
            "\
apiVersion: batch/v1
kind: CronJob
{metadata}\
spec:
  schedule: {schedule}
  concurrencyPolicy: Forbid
  startingDeadlineSeconds: 300
  successfulJobsHistoryLimit: 1
  failedJobsHistoryLimit: 1
  jobTemplate:
    metadata:
      annotations:
        {IGNORE}: \"true\"
    spec:
{spec}",
            metadata = self.metadata(""),
            schedule = yaml::double_quoted(schedule),
            spec = indented(6, &self.job_spec()),
        )
    }

    fn metadata(&self, annotations: &str) -> String {
        self.metadata_named(&self.name, self.namespace.as_deref(), annotations)
    }

    fn metadata_named(&self, name: &str, namespace: Option<&str>, annotations: &str) -> String {
        let mut text = format!("metadata:\n  name: {}\n", yaml::name(name));
        if let Some(namespace) = namespace {
            let _ = writeln!(text, "  namespace: {}", yaml::name(namespace));
        }
        text.push_str("  labels:\n    app.kubernetes.io/name: jobsweep\n");
        let mark = if self.injected { format!("    {INJECTED}: \"true\"\n") } else { String::new() };
        if !annotations.is_empty() || self.injected {
            let _ = write!(text, "  annotations:\n{annotations}{mark}");
        }
        text
    }

    /// The common part of a Job and the Jobs of a CronJob.
    fn job_spec(&self) -> String {
        let deadline = self.deadline().map(|seconds| format!("activeDeadlineSeconds: {seconds}\n"));
        format!(
            "\
{deadline}\
backoffLimit: 3
podFailurePolicy:
  rules:
    # A crash is worth another try. Wrong usage, a failed Job, the timeout or a missing permission is not.
    - action: FailJob
      onExitCodes:
        containerName: jobsweep
        operator: In
        values: {codes:?}
    - action: Ignore
      onPodConditions:
        - type: DisruptionTarget
          status: \"True\"
template:
  metadata:
    labels:
      app.kubernetes.io/name: jobsweep
  spec:
{pod}",
            deadline = deadline.unwrap_or_default(),
            codes = FINAL.map(ExitCode::code),
            pod = indented(4, &self.pod_spec()),
        )
    }

    /// The pod. It needs only the API server and meets the Pod Security level `restricted`.
    fn pod_spec(&self) -> String {
        let args: String =
            self.args.iter().map(|arg| format!("      - {}\n", yaml::double_quoted(arg))).collect();
        format!(
            "\
serviceAccountName: {name}
restartPolicy: Never
securityContext:
  runAsNonRoot: true
  runAsUser: 65532
  runAsGroup: 65532
  seccompProfile:
    type: RuntimeDefault
containers:
  - name: jobsweep
    image: {image}
    args:
{args}    env:
      # So that it does not wait for itself.
      - name: JOBSWEEP_OWN_JOB_UID
        valueFrom:
          fieldRef:
            fieldPath: metadata.labels['batch.kubernetes.io/controller-uid']
    securityContext:
      allowPrivilegeEscalation: false
      readOnlyRootFilesystem: true
      capabilities:
        drop: [ALL]
    # From measured use: 14 MiB for 5,000 Jobs of 5 kB. A limit of the CPU would only make it slower.
    resources:
      requests:
        cpu: 10m
        memory: 24Mi
      limits:
        memory: 64Mi
",
            name = yaml::name(&self.name),
            image = yaml::double_quoted(&self.image),
        )
    }
}

fn hook_annotations(events: &str, weight: &str) -> String {
    format!(
        "    helm.sh/hook: {events}\n    helm.sh/hook-weight: \"{weight}\"\n    {HELM_DELETE_POLICY}: {OWN_POLICY}\n"
    )
}

fn indented(by: usize, text: &str) -> String {
    text.lines().fold(String::new(), |mut all, line| {
        let _ = writeln!(all, "{:by$}{line}", "");
        all
    })
}
