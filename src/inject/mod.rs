//! `--inject-cleanup`: appends a Job that runs `jobsweep --cleanup`, with its permissions, to a stream of manifests.
//!
//! Everything here is pure: text in, text out. [`manifests`] fills in the templates. Tests compare the files under `examples/` and
//! the chart with them.
//!
//! Helm 4 runs the hooks that a post-renderer adds, so there the Job is a hook. Helm runs it before it applies anything or after
//! all of its waiting, and then deletes it. Its ServiceAccount and RBAC are hooks with a lower weight.
//!
//! Everywhere else the Job is an ordinary resource, which the cluster deletes a minute after its end. Its name changes with
//! the stream. So each changed apply starts a new Job, and no apply updates an old one.

pub mod manifests;
pub(crate) mod name;

use memchr::memmem;

use self::manifests::{Cleanup, Form, INJECTED, Moment};
use crate::translate::{TEMPLATE_ANNOTATION, documents, string_at};

/// What to append.
#[derive(Debug, Clone, Default)]
pub struct Injection {
    /// The name of all resources. By default it is derived from the stream.
    pub name: Option<String>,
    /// When the cleanup runs.
    pub moment: Moment,
    /// The image. By default it is that of this version.
    pub image: Option<String>,
    /// More arguments for the cleanup.
    pub args: Vec<String>,
}

const NO_HOOKS: &str = "--cleanup-when before needs a host that runs the hooks of a post-renderer, such as Helm 4; \
                        otherwise run `jobsweep --cleanup --once --before-hook-creation` before you apply the manifests";

/// The text to append to a stream. None if the stream is empty or has a cleanup already.
///
/// ```
/// use jobsweep::inject::{Injection, appendix};
///
/// let stream = b"apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: web\n";
/// let appended = appendix(stream, &Injection::default())?.unwrap_or_default();
/// assert!(appended.starts_with("---\napiVersion: v1\nkind: ServiceAccount\nmetadata:\n  name: jobsweep-web\n"));
/// assert_eq!(appendix(&[stream, appended.as_bytes()].concat(), &Injection::default())?, None);
/// # Ok::<(), &str>(())
/// ```
///
/// # Errors
/// Returns what to do if the cleanup should run before the manifests are applied, and the stream did not come from Helm 4.
pub fn appendix(stream: &[u8], injection: &Injection) -> Result<Option<String>, &'static str> {
    let full: Vec<&[u8]> = documents(stream).filter(|document| has_content(document)).collect();
    if full.is_empty() || full.iter().any(|document| is_injected(document)) {
        return Ok(None);
    }
    let runs_hooks =
        full.iter().all(|document| memmem::find(document, TEMPLATE_ANNOTATION.as_bytes()).is_some());
    let form = match (runs_hooks, injection.moment) {
        (true, moment) => Form::Hook(moment),
        (false, Moment::After) => Form::Plain,
        (false, Moment::Before) => return Err(NO_HOOKS),
    };
    let own_args: &[_] = match injection.moment {
        Moment::After => &[],
        Moment::Before => &["--once", "--before-hook-creation"],
    };
    let name = injection.name.clone().unwrap_or_else(|| name::derived(&full));
    let mut cleanup = Cleanup::new(name, own_args, &injection.args);
    cleanup.injected = true;
    if let Some(image) = &injection.image {
        cleanup.image.clone_from(image);
    }
    let name = match form {
        Form::Hook(_) => cleanup.name.clone(),
        Form::Plain => name::changing_with(&cleanup.name, &[stream, cleanup.job(form).as_bytes()]),
    };
    let newline = if stream.ends_with(b"\n") { "" } else { "\n" };
    Ok(Some(format!("{newline}---\n{}---\n{}", cleanup.access(form), cleanup.job_named(&name, form))))
}

/// Whether a document has more than comments, directives and markers.
fn has_content(document: &[u8]) -> bool {
    document.split(|&byte| byte == b'\n' || byte == b'\r').any(|line| {
        let line = line.strip_prefix("\u{feff}".as_bytes()).unwrap_or(line).trim_ascii();
        !matches!(line, b"" | b"---" | b"...") && !line.starts_with(b"#") && !line.starts_with(b"%")
    })
}

fn is_injected(document: &[u8]) -> bool {
    let mark = || string_at(document, &["metadata", "annotations", INJECTED]);
    memmem::find(document, INJECTED.as_bytes()).is_some() && mark().as_deref() == Some("true")
}

#[cfg(test)]
mod tests {
    use super::*;

    const WEB: &str = "apiVersion: v1\nkind: Service\nmetadata:\n  name: web\n";

    fn from_helm_4(name: &str) -> String {
        format!(
            "apiVersion: v1\nkind: Service\nmetadata:\n  name: {name}\n  annotations: \
             {{postrenderer.helm.sh/postrender-filename: 'a/templates/{name}.yaml'}}\n"
        )
    }

    fn appended(stream: &str, injection: &Injection) -> String {
        appendix(stream.as_bytes(), injection).ok().flatten().unwrap_or_default()
    }

    #[test]
    fn nothing_is_appended_to_nothing() {
        for stream in ["", "\n", "---\n", "---\n# only a comment\n--- \n...\n"] {
            assert_eq!(appendix(stream.as_bytes(), &Injection::default()), Ok(None), "{stream:?}");
        }
    }

    #[test]
    fn it_is_appended_once() {
        for stream in [WEB.to_owned(), from_helm_4("web"), format!("{WEB}---\n"), WEB.trim_end().to_owned()] {
            let once = format!("{stream}{}", appended(&stream, &Injection::default()));
            assert!(once.len() > stream.len());
            assert_eq!(appendix(once.as_bytes(), &Injection::default()), Ok(None), "{stream:?}");
        }
    }

    #[test]
    fn a_text_that_only_mentions_the_mark_does_not_count() {
        let stream = format!("{WEB}data:\n  {INJECTED}: 'true'\n");
        assert!(appended(&stream, &Injection::default()).contains("kind: Job"));
    }

    #[test]
    fn it_is_a_hook_only_where_every_document_came_from_helm_4() {
        let whole = format!("{}---\n# nothing\n---\n{}", from_helm_4("a"), from_helm_4("b"));
        assert!(appended(&whole, &Injection::default()).contains("helm.sh/hook: post-install"));
        let mixed = format!("{}---\n{WEB}", from_helm_4("a"));
        assert!(!appended(&mixed, &Injection::default()).contains("helm.sh/hook:"));
    }

    #[test]
    fn before_needs_hooks() {
        let before = Injection { moment: Moment::Before, ..Injection::default() };
        assert_eq!(appendix(WEB.as_bytes(), &before), Err(NO_HOOKS));
        assert!(appended(&from_helm_4("web"), &before).contains("helm.sh/hook: pre-upgrade,pre-rollback"));
    }

    #[test]
    fn an_ordinary_jobs_name_changes_with_the_stream_and_its_own_spec_and_nothing_else_does() {
        let name = |stream: &str, args: &[&str]| {
            let args = args.iter().map(ToString::to_string).collect();
            let text = appended(stream, &Injection { args, ..Injection::default() });
            let (access, job) = text.split_once("---\napiVersion: batch/v1\n").unwrap_or_default();
            let name = job.lines().find_map(|line| line.strip_prefix("  name: ")).map(str::to_owned);
            (access.to_owned(), name)
        };
        let (access, first) = name(WEB, &[]);
        assert_eq!(name(WEB, &[]), (access.clone(), first.clone()));
        for (stream, args) in [(format!("{WEB}spec: {{}}\n"), vec![]), (WEB.to_owned(), vec!["-v"])] {
            let (other_access, other) = name(&stream, &args);
            assert_eq!(other_access, access);
            assert_ne!(other, first);
        }
    }
}
