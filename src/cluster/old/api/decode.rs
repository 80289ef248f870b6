//! Reads the API server's responses, as far as jobsweep needs them.

use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use super::failure::{Failure, Refusal};
use crate::cluster::old::job::{Job, Unreadable};

/// A Job, or an object that cannot be read as one.
pub(crate) type Decoded = Result<Job, Box<Unreadable>>;

#[derive(Debug)]
pub(crate) enum Change {
    Applied(Decoded),
    /// The Job was deleted, or left the selection.
    Deleted(Decoded),
}

#[derive(Debug)]
pub(crate) struct Pod {
    pub name: String,
    pub containers: Vec<String>,
}

pub(super) fn pod(json: &[u8]) -> Result<Pod, serde_json::Error> {
    #[derive(Deserialize)]
    struct Object {
        metadata: Named,
        spec: Spec,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Spec {
        init_containers: Option<Vec<Named>>,
        containers: Vec<Named>,
    }
    #[derive(Deserialize)]
    struct Named {
        name: String,
    }
    let Object { metadata, spec } = serde_json::from_slice(json)?;
    let containers = spec.init_containers.into_iter().flatten().chain(spec.containers);
    Ok(Pod { name: metadata.name, containers: containers.map(|container| container.name).collect() })
}

/// Reads a line of a watch: the change, if it is not a bookmark, and the version from which the watch can be resumed. An
/// error event is a failure.
pub(super) fn event(line: &[u8]) -> Result<(Option<Change>, Option<String>), Failure> {
    #[derive(Deserialize)]
    struct Line<'a> {
        r#type: &'a str,
        #[serde(borrow)]
        object: &'a RawValue,
    }
    let Line { r#type, object } = serde_json::from_slice(line).map_err(Failure::unreadable)?;
    let object = object.get().as_bytes();
    let change = match r#type {
        "BOOKMARK" => match version(object) {
            Some(version) => return Ok((None, Some(version))),
            None => return Err(Failure::unreadable("a bookmark without a version")),
        },
        "ERROR" => {
            let refusal = Refusal::decode(object).map_err(Failure::unreadable)?;
            return Err(match refusal.code {
                0 => Failure::unreadable(format_args!("an error without a code: {}", refusal.message)),
                _ => Failure::Refused(refusal),
            });
        }
        "DELETED" => Change::Deleted,
        _ => Change::Applied,
    };
    let job = Job::decode(object);
    let version = match &job {
        Ok(job) => Some(job.version.to_string()).filter(|version| !version.is_empty()),
        Err(_) => version(object),
    };
    Ok((Some(change(job)), version))
}

fn version(object: &[u8]) -> Option<String> {
    let object: Value = serde_json::from_slice(object).ok()?;
    let version = object["metadata"]["resourceVersion"].as_str()?;
    Some(version.to_owned()).filter(|version| !version.is_empty())
}

/// What tells the objects in a response apart: a `Status` has a text as its status.
#[derive(Deserialize)]
struct Typed {
    kind: String,
    #[serde(default)]
    status: Value,
}

/// Checks that the response to a dry run is the Job.
pub(super) fn check_is_job(bytes: &[u8]) -> Result<(), Failure> {
    let Typed { kind, .. } = serde_json::from_slice(bytes).map_err(Failure::unreadable)?;
    if kind == "Job" { Ok(()) } else { Err(Failure::unreadable("it is not the Job")) }
}

/// Reads the response to a deletion: a `Status` if the Job is gone, or the Job itself if it waits for its finalizers.
pub(super) fn is_gone(bytes: &[u8]) -> Result<bool, Failure> {
    let Typed { kind, status } = serde_json::from_slice(bytes).map_err(Failure::unreadable)?;
    match (kind.as_str(), status.as_str()) {
        ("Status", Some("Success")) => Ok(true),
        ("Job", _) => Ok(false),
        _ => Err(Failure::unreadable(format_args!("neither success nor the Job, but a {kind}: {status}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::super::list_reader::ListReader;
    use super::super::requests::Page;
    use super::*;

    const JOB: &str =
        r#"{"metadata":{"namespace":"shop","name":"migrate","uid":"u1","resourceVersion":"7"}}"#;

    fn page(json: &[u8]) -> Result<Page, Failure> {
        let mut reader = ListReader::new("JobList", |job| Ok(Job::decode(job)));
        reader.read(json)?;
        reader.finish()
    }

    #[test]
    fn an_unreadable_object_spoils_no_other() {
        let text = format!(
            r#"{{"kind":"JobList","metadata":{{"resourceVersion":"9","continue":"more"}},"items":[{{}},{JOB}]}}"#
        );
        let page = page(text.as_bytes()).expect("a page");
        assert!(page.items[0].is_err() && page.items[1].is_ok());
        assert_eq!((page.next.as_deref(), page.version.as_str()), (Some("more"), "9"));
        let event = event(br#"{"type":"MODIFIED","object":{"metadata":{"resourceVersion":"8"},"status":3}}"#);
        assert!(matches!(event, Ok((Some(Change::Applied(Err(_))), Some(version))) if version == "8"));
    }

    #[test]
    fn an_unreadable_object_that_is_gone_is_gone() {
        let line =
            br#"{"type":"DELETED","object":{"metadata":{"namespace":"shop","name":"migrate","uid":"u1"}}}"#;
        let Ok((Some(Change::Deleted(Err(object))), None)) = event(line) else {
            panic!("it is not readable")
        };
        assert_eq!(object.id.expect("an id").uid.to_string(), "u1");
    }

    #[test]
    fn a_pod_has_its_init_containers_first() {
        let json = br#"{"metadata":{"name":"p"},"spec":{"containers":[{"name":"main"}],"initContainers":[{"name":"wait"}]}}"#;
        let Pod { name, containers } = pod(json).expect("a pod");
        assert_eq!((name.as_str(), &*containers), ("p", &["wait", "main"].map(str::to_owned)[..]));
    }

    #[test]
    fn an_empty_list_has_no_items() {
        let page =
            page(br#"{"kind":"JobList","metadata":{"resourceVersion":"9"},"items":null}"#).expect("a page");
        assert!(page.items.is_empty() && page.next.is_none());
    }

    #[test]
    fn what_is_no_list_is_not_an_empty_one() {
        for text in [
            "{}",
            r#"{"ok":true}"#,
            r#"{"kind":"Status","status":"Failure","code":500,"metadata":{}}"#,
            r#"{"kind":"PodList","metadata":{"resourceVersion":"9"},"items":[]}"#,
            r#"{"kind":"JobList","metadata":{},"items":[]}"#,
            r#"{"kind":"JobList","metadata":{"resourceVersion":""},"items":[]}"#,
            "<html>",
        ] {
            let failure = page(text.as_bytes()).expect_err(text);
            assert!(matches!(failure, Failure::UnreadableResponse(_)) && failure.is_transient(), "{text}");
        }
    }

    #[test]
    fn an_event_that_leads_nowhere_is_nonsense() {
        for line in [
            r#"{"type":"BOOKMARK","object":{"metadata":{}}}"#,
            r#"{"type":"BOOKMARK","object":{"metadata":{"resourceVersion":""}}}"#,
            r#"{"type":"ERROR","object":{}}"#,
            r#"{"type":"ADDED"}"#,
        ] {
            assert!(matches!(event(line.as_bytes()), Err(Failure::UnreadableResponse(_))), "{line}");
        }
        let odd = event(br#"{"type":"MODIFIED","object":{"metadata":{"resourceVersion":""}}}"#);
        assert!(matches!(odd, Ok((Some(Change::Applied(Err(_))), None))));
    }

    #[test]
    fn a_watch_says_when_its_version_has_expired() {
        let line = br#"{"type":"ERROR","object":{"kind":"Status","code":410,"reason":"Expired","message":"too old"}}"#;
        assert!(matches!(event(line), Err(Failure::Refused(refusal)) if refusal.code == 410));
    }

    #[test]
    fn a_deletion_is_answered_by_a_status_or_by_the_waiting_object() {
        assert!(is_gone(br#"{"kind":"Status","status":"Success"}"#).expect("an answer"));
        assert!(!is_gone(br#"{"kind":"Job","metadata":{}}"#).expect("an answer"));
        // A Job's status is no string.
        assert!(!is_gone(br#"{"kind":"Job","metadata":{},"status":{"active":1}}"#).expect("an answer"));
        for text in
            ["<html>", "{}", r#"{"kind":"Status","status":"Failure","code":500}"#, r#"{"kind":"Pod"}"#]
        {
            assert!(matches!(is_gone(text.as_bytes()), Err(Failure::UnreadableResponse(_))), "{text}");
        }
    }

    #[test]
    fn only_the_job_shows_that_a_dry_run_was_accepted() {
        assert!(check_is_job(br#"{"kind":"Job","metadata":{}}"#).is_ok());
        for text in ["", "<html>", "[]", "{}", r#"{"kind":"Status","status":"Failure","code":500}"#] {
            assert!(matches!(check_is_job(text.as_bytes()), Err(Failure::UnreadableResponse(_))), "{text}");
        }
    }
}
