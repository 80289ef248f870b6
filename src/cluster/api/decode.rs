//! The API server's answers, read for what the sweep needs of them.

use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use super::failure::{Failure, Refusal, Status};
use crate::cluster::job::{Job, Unreadable};

/// A page of a list.
#[derive(Debug)]
pub(crate) struct Page {
    /// Its Jobs; one that cannot be read spoils no other.
    pub jobs: Vec<Decoded>,
    /// What to ask the next page with.
    pub next: Option<String>,
    /// The version of the list, to watch from.
    pub version: String,
}

/// A Job of a list or a watch, or an object that cannot be read as one.
pub(crate) type Decoded = Result<Job, Box<Unreadable>>;

/// What a watch says has happened to a Job.
#[derive(Debug)]
pub(crate) enum Change {
    /// The Job was created or modified.
    Applied(Decoded),
    /// The Job was deleted, or left the selection.
    Deleted(Decoded),
}

/// The pods of a Job with the containers of each, in the order in which they run.
pub(crate) type Pods = Vec<(String, Vec<String>)>;

#[derive(Deserialize)]
struct List<T> {
    kind: String,
    #[serde(default)]
    metadata: ListMeta,
    items: Option<Vec<T>>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct ListMeta {
    r#continue: String,
    resource_version: String,
}

#[derive(Deserialize)]
struct Versioned {
    metadata: ListMeta,
}

/// Reads a list of this kind; anything else is no list, also not an empty one.
fn list<'a, T: Deserialize<'a>>(bytes: &'a [u8], kind: &str) -> Result<List<T>, Failure> {
    let list: List<T> = serde_json::from_slice(bytes).map_err(Failure::nonsense)?;
    match list.kind == kind && !list.metadata.resource_version.is_empty() {
        true => Ok(list),
        false => Err(Failure::Nonsense(format!("no {kind} with a version, but a {}", list.kind))),
    }
}

/// Reads a page.
pub(super) fn page(bytes: &[u8]) -> Result<Page, Failure> {
    let List { kind: _, metadata, items } = list::<&RawValue>(bytes, "JobList")?;
    Ok(Page {
        jobs: items.iter().flatten().map(|item| Job::decode(item.get())).collect(),
        next: Some(metadata.r#continue).filter(|token| !token.is_empty()),
        version: metadata.resource_version,
    })
}

/// Reads one line of a watch: what changed, and the version from which the watch can be resumed. A bookmark changes
/// nothing; an error event is a failure.
pub(super) fn event(line: &[u8]) -> Result<(Option<Change>, Option<String>), Failure> {
    #[derive(Deserialize)]
    struct Line<'a> {
        r#type: &'a str,
        #[serde(borrow)]
        object: &'a RawValue,
    }
    let Line { r#type, object } = serde_json::from_slice(line).map_err(Failure::nonsense)?;
    let version = || {
        let versioned = serde_json::from_str::<Versioned>(object.get()).ok()?;
        Some(versioned.metadata.resource_version).filter(|version| !version.is_empty())
    };
    if r#type == "BOOKMARK" {
        let nonsense = || Failure::Nonsense("a bookmark without a version".to_owned());
        return Ok((None, Some(version().ok_or_else(nonsense)?)));
    }
    if r#type == "ERROR" {
        let refusal: Refusal =
            serde_json::from_str::<Status>(object.get()).map_err(Failure::nonsense)?.into();
        return Err(match refusal.code {
            0 => Failure::Nonsense(format!("an error without a code: {}", refusal.message)),
            _ => Failure::Refused(refusal),
        });
    }
    let job = Job::decode(object.get());
    let version = match &job {
        Ok(job) => Some(job.version.clone()).filter(|version| !version.is_empty()),
        Err(_) => version(),
    };
    Ok((Some(if r#type == "DELETED" { Change::Deleted(job) } else { Change::Applied(job) }), version))
}

/// Whether a deletion's answer says that the object is gone: then it is a `Status`, and else the object itself, which
/// waits for its finalizers.
pub(super) fn is_gone(bytes: &[u8]) -> Result<bool, Failure> {
    #[derive(Deserialize)]
    struct Typed {
        kind: String,
        #[serde(default)]
        status: Value,
    }
    let Typed { kind, status } = serde_json::from_slice(bytes).map_err(Failure::nonsense)?;
    match (kind.as_str(), status.as_str()) {
        ("Status", Some("Success")) => Ok(true),
        ("Job", _) => Ok(false),
        _ => Err(Failure::Nonsense(format!("neither success nor the Job, but a {kind}: {status}"))),
    }
}

/// Reads the names of pods and their containers.
pub(super) fn pods(bytes: &[u8]) -> Result<Pods, Failure> {
    #[derive(Deserialize)]
    struct Pod {
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
    let list = list::<Pod>(bytes, "PodList")?;
    let containers = |spec: Spec| {
        spec.init_containers.into_iter().flatten().chain(spec.containers).map(|it| it.name).collect()
    };
    Ok(list.items.into_iter().flatten().map(|pod| (pod.metadata.name, containers(pod.spec))).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    const JOB: &str =
        r#"{"metadata":{"namespace":"shop","name":"migrate","uid":"u1","resourceVersion":"7"}}"#;

    #[test]
    fn an_unreadable_object_spoils_no_other() {
        let text = format!(
            r#"{{"kind":"JobList","metadata":{{"resourceVersion":"9","continue":"more"}},"items":[{{}},{JOB}]}}"#
        );
        let page = page(text.as_bytes()).expect("a page");
        assert!(page.jobs[0].is_err() && page.jobs[1].is_ok());
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
        assert_eq!(object.id.expect("an id").uid, "u1");
    }

    #[test]
    fn an_empty_list_has_no_items() {
        let page =
            page(br#"{"kind":"JobList","metadata":{"resourceVersion":"9"},"items":null}"#).expect("a page");
        assert!(page.jobs.is_empty() && page.next.is_none());
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
            assert!(matches!(failure, Failure::Nonsense(_)) && failure.is_passing(), "{text}");
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
            assert!(matches!(event(line.as_bytes()), Err(Failure::Nonsense(_))), "{line}");
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
            assert!(matches!(is_gone(text.as_bytes()), Err(Failure::Nonsense(_))), "{text}");
        }
    }
}
