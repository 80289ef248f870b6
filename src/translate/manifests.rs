//! The Jobs of a stream, for `--unblock`, hooks included.

use super::read::nodes::{Id, Nodes};
use super::read::value::Value;
use crate::policy::{DeletePolicy, IGNORE, KOTS_DELETE_POLICY};

/// The annotation of a hook.
pub(super) const HOOK: &str = "helm.sh/hook";

/// A Job of a stream.
#[derive(Debug, Clone, PartialEq)]
pub struct JobManifest {
    /// The name, a DNS subdomain.
    pub name: String,
    /// The namespace in the metadata.
    pub namespace: Option<String>,
    /// The delete policy after the translation.
    pub policy: Option<DeletePolicy>,
    /// Whether the Job has the annotation `jobsweep.io/ignore: "true"`.
    pub ignored: bool,
    /// The whole manifest.
    pub value: Value,
}

/// The manifest of a Job. The error is why the Job cannot be looked up.
pub(super) fn manifest(nodes: &Nodes<'_>, job: Id) -> Result<JobManifest, &'static str> {
    let mut value = Value::read(nodes, job)?;
    // An item of a JobList need not say what it is.
    for (key, implied) in [("apiVersion", "batch/v1"), ("kind", "Job")] {
        if value.get(key).is_none() {
            value.set(key, Value::String(implied.to_owned()));
        }
    }
    let metadata = value.get("metadata");
    let in_metadata = |key| metadata.and_then(|metadata| metadata.get(key));
    let annotation = |key| in_metadata("annotations").and_then(|annotations| annotations.get(key)?.as_str());
    let name = match in_metadata("name").and_then(Value::as_str) {
        Some(name) if is_subdomain(name) => name.to_owned(),
        Some(_) => return Err("its name is no DNS subdomain"),
        None if in_metadata("generateName").is_some() => {
            return Err("it has generateName, so every apply creates another Job");
        }
        None => return Err("it has no name"),
    };
    let is_given = |namespace: &&Value| !namespace.is_null() && namespace.as_str() != Some("");
    let namespace = match in_metadata("namespace").filter(is_given).map(Value::as_str) {
        None => None,
        Some(Some(namespace)) if is_subdomain(namespace) => Some(namespace.to_owned()),
        Some(_) => return Err("its namespace is no DNS label"),
    };
    Ok(JobManifest {
        name,
        namespace,
        policy: annotation(KOTS_DELETE_POLICY).map(DeletePolicy::parse),
        ignored: annotation(IGNORE) == Some("true"),
        value,
    })
}

/// Whether a text is safe in the path of a request. Every name of a Job or a namespace is.
pub(crate) fn is_subdomain(name: &str) -> bool {
    let inner = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'.');
    (1..=253).contains(&name.len()) && name.bytes().all(inner) && !name.starts_with('.')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::translate::{NameSuffix, Options, translate};

    const JOB: &str = "apiVersion: batch/v1\nkind: Job\nmetadata:\n  name: migrate\n";

    fn options() -> Options {
        Options { default_policy: "hook-failed".parse().ok(), read_jobs: true, ..Options::default() }
    }

    fn jobs(stream: &str) -> (Vec<JobManifest>, Vec<String>) {
        let translated = translate(stream.as_bytes(), &options()).expect("translated");
        let (jobs, warnings) = (translated.jobs, translated.skipped_jobs);
        (jobs, warnings.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn a_job_has_the_policy_that_the_translation_gives_it() {
        for (annotations, policy) in [
            ("", "hook-failed"),
            ("  annotations: {helm.sh/hook-delete-policy: hook-succeeded}\n", "hook-succeeded"),
            ("  annotations:\n    helm.sh/hook-delete-policy: a\n    kots.io/hook-delete-policy: b\n", "b"),
        ] {
            let (jobs, _) = jobs(&format!("---\n{JOB}{annotations}---\n{JOB}{annotations}"));
            let policies: Vec<_> =
                jobs.iter().map(|job| job.policy.as_ref().map(DeletePolicy::as_written)).collect();
            assert_eq!(policies, [Some(policy); 2], "{annotations}");
            let annotations = jobs[0].value.get("metadata").and_then(|metadata| metadata.get("annotations"));
            let written = annotations.and_then(|annotations| annotations.get(KOTS_DELETE_POLICY)?.as_str());
            assert_eq!(written, Some(policy));
        }
    }

    #[test]
    fn a_job_is_as_it_is_written() {
        let options = Options { name_suffix: Some(NameSuffix::default()), fill_nulls: true, ..options() };
        let stream = format!("{JOB}spec:\n  completions:\n");
        let jobs = translate(stream.as_bytes(), &options).expect("translated").jobs;
        let completions = jobs[0].value.get("spec").and_then(|spec| spec.get("completions"));
        assert_eq!(completions, Some(&Value::Plain("1".to_owned())));
        assert!(jobs[0].name.starts_with("migrate-"), "{jobs:?}");
    }

    #[test]
    fn items_of_lists_are_jobs_and_say_what_they_are() {
        let (jobs, _) = jobs(
            "apiVersion: batch/v1\nkind: JobList\nitems: [{metadata: {name: a, namespace: shop}}, {metadata: {name: b}}]\n",
        );
        assert_eq!(
            jobs.iter().map(|job| (&*job.name, job.namespace.as_deref())).collect::<Vec<_>>(),
            [("a", Some("shop")), ("b", None)]
        );
        assert_eq!(jobs[1].value.get("kind").and_then(Value::as_str), Some("Job"));
    }

    #[test]
    fn an_edit_at_the_end_of_a_document_is_none_of_the_next() {
        let first =
            format!("{JOB}  annotations:\n    helm.sh/hook-delete-policy: |+\n      hook-succeeded\n");
        let second = JOB.replace("migrate", "other");
        let (jobs, warnings) = jobs(&format!("{first}---\n{second}  namespace: \"\"\n"));
        let names: Vec<_> = jobs.iter().map(|job| (&*job.name, job.namespace.as_deref())).collect();
        assert_eq!(names, [("migrate", None), ("other", None)], "{warnings:?}");
    }

    #[test]
    fn a_job_that_cannot_be_looked_up_is_a_warning_at_its_place() {
        for (metadata, why) in [
            ("{generateName: a-}", "it has generateName"),
            ("{}", "it has no name"),
            ("{name: 3}", "it has no name"),
            ("{name: ../pods}", "its name is no DNS subdomain"),
            ("{name: a, namespace: a/b}", "its namespace is no DNS label"),
        ] {
            let (jobs, warnings) =
                jobs(&format!("{JOB}---\napiVersion: batch/v1\nkind: Job\nmetadata: {metadata}\n"));
            assert_eq!(jobs.len(), 1, "{metadata}");
            let [warning] = &*warnings else { panic!("{warnings:?}") };
            assert!(
                warning.starts_with("document 2")
                    && warning.contains(", line 6:1: ")
                    && warning.contains(why),
                "{warning}"
            );
        }
    }
}
