//! When things happen: time is paused, and the API server says what a scene wants of it.

use std::collections::HashSet;
use std::convert::Infallible;
use std::sync::{Arc, Mutex};

use futures_util::stream::{self, BoxStream};
use http::{Method, Request, Response};
use http_body_util::StreamBody;
use hyper::body::{Bytes, Frame};
use kube::Client;
use kube::client::Body;
use serde_json::{Value, json};
use tokio::time::sleep;

use super::*;
use crate::cleanup::default_settle;
use crate::cleanup::options::Verbosity;
use crate::cleanup::output::terminal::tests::{Screen, unread};
use crate::cleanup::run::logs::LogReader;
use crate::cleanup::sweep::rules::Rules;
use crate::cluster::Timeout;
use crate::cluster::api::tests::api;

const MINUTE: Duration = Duration::from_secs(60);

/// A cluster in which this is listed, and that happens later; when a deletion is answered.
#[derive(Clone, Default)]
struct Scene {
    listed: Vec<Value>,
    events: Arc<Mutex<Vec<(Duration, Value)>>>,
    deletion_takes: Duration,
    asked: Arc<Mutex<Vec<String>>>,
}

fn job(name: &str, finished: bool) -> Value {
    let conditions = if finished { json!([{ "type": "Complete", "status": "True" }]) } else { json!([]) };
    json!({
        "metadata": { "namespace": "shop", "name": name, "uid": name, "resourceVersion": "1",
                      "annotations": { "kots.io/hook-delete-policy": "hook-succeeded" } },
        "status": { "conditions": conditions },
    })
}

type Answer = Response<StreamBody<BoxStream<'static, Result<Frame<Bytes>, Infallible>>>>;

fn frame(value: &Value) -> Result<Frame<Bytes>, Infallible> {
    Ok(Frame::data(Bytes::from(format!("{value}\n"))))
}

impl Scene {
    /// After so long the watch brings this.
    fn then(self, seconds: u64, job: Value) -> Self {
        let line = json!({ "type": "MODIFIED", "object": job });
        self.events.lock().expect("no panic").push((Duration::from_secs(seconds), line));
        self
    }

    async fn answer(self, request: Request<Body>) -> Answer {
        let whole = |value: Value| Response::new(StreamBody::new(stream::iter([frame(&value)]).boxed()));
        let (method, uri) = (request.method(), request.uri().clone());
        let watch = uri.query().unwrap_or_default().contains("watch=true");
        let what = if watch { "WATCH" } else { method.as_str() };
        let name = uri.path().rsplit('/').next().unwrap_or_default();
        self.asked.lock().expect("no panic").push(format!("{what} {name}"));
        if method == Method::DELETE {
            sleep(self.deletion_takes).await;
            return whole(json!({ "kind": "Status", "status": "Success" }));
        }
        if !watch {
            let asked = self.asked.lock().expect("no panic");
            let deleted: HashSet<_> = asked.iter().filter_map(|what| what.strip_prefix("DELETE ")).collect();
            let name = |job: &Value| job["metadata"]["name"].as_str().unwrap_or_default().to_owned();
            let left: Vec<_> = self.listed.iter().filter(|job| !deleted.contains(&*name(job))).collect();
            return whole(
                json!({ "kind": "JobList", "metadata": { "resourceVersion": "1" }, "items": left }),
            );
        }
        let events = std::mem::take(&mut *self.events.lock().expect("no panic"));
        let events = stream::unfold(events.into_iter(), |mut events| async {
            let Some((after, line)) = events.next() else { return std::future::pending().await };
            sleep(after).await;
            Some((frame(&line), events))
        });
        Response::new(StreamBody::new(events.boxed()))
    }

    /// Sweeps it: how that ended, after how long, and what was said.
    async fn sweep(self, timeout: Duration, settle: Duration) -> (Ending, Duration, String) {
        let screen = Screen::default();
        let terminal = screen.terminal(Verbosity::Normal);
        let (ending, took) = self.sweep_on(&terminal, timeout, settle).await;
        terminal.finish();
        (ending, took, screen.text())
    }

    async fn sweep_on(self, terminal: &Terminal, timeout: Duration, settle: Duration) -> (Ending, Duration) {
        let service = tower::service_fn(move |request: Request<Body>| {
            let scene = self.clone();
            async move { Ok::<_, Infallible>(scene.answer(request).await) }
        });
        let api = api(Client::new(service, "default"));
        let scopes = [Scope { namespace: Some("shop".to_owned()), selector: None }];
        let start = Instant::now();
        let mut completion = Completion::new(Timeout::After(timeout), settle);
        let mut sweep = Sweep::new(Rules::default(), scopes.iter().map(Scope::to_string), 4);
        let requests = Requests::new(&api, LogReader::new(terminal, Verbosity::Normal, false), false);
        let event_loop = EventLoop {
            progress: Progress::new(terminal, completion.deadline),
            sweep: &mut sweep,
            completion: &mut completion,
            signals: &mut Signals::listen().expect("signals"),
            terminal,
            requests: &requests,
            start,
        };
        let ending = event_loop.sweep_until_done(&api, &scopes).await;
        (ending, start.elapsed())
    }
}

#[tokio::test(start_paused = true)]
async fn nothing_must_be_left_to_do_for_as_long_as_it_takes_to_settle() {
    for once in [false, true] {
        let (ending, took, _) = Scene::default().sweep(MINUTE, default_settle(once)).await;
        assert!(matches!(ending, Ending::Swept));
        assert_eq!(took.as_secs(), if once { 0 } else { 2 });
    }
}

#[tokio::test(start_paused = true)]
async fn after_a_job_that_came_late_things_have_to_settle_anew() {
    let scene = Scene::default().then(1, job("late", false)).then(6, job("late", true));
    let (ending, took, said) = scene.sweep(MINUTE, default_settle(false)).await;
    assert!(matches!(ending, Ending::Swept) && said.contains("deleted shop/late"), "{said}");
    assert_eq!(took.as_secs(), 1 + 6 + 2);
}

#[tokio::test(start_paused = true)]
async fn a_job_that_appears_while_many_are_deleted_is_swept_too_by_the_one_watch() {
    let asked = Arc::default();
    let scene = Scene {
        listed: (0..1200).map(|number| job(&format!("due-{number}"), true)).collect(),
        deletion_takes: Duration::from_millis(10),
        asked: Arc::clone(&asked),
        ..Scene::default()
    };
    let late = scene.then(1, job("late", true));
    let (ending, _, said) = late.sweep(MINUTE, default_settle(false)).await;
    assert!(matches!(ending, Ending::Swept) && said.contains("deleted shop/late"), "{said}");

    let asked = asked.lock().expect("no panic");
    let count = |what: &str| asked.iter().filter(|asked| *asked == what).count();
    assert_eq!((count("GET jobs"), count("WATCH jobs"), asked.len()), (1, 1, 1 + 1 + 1201), "{asked:?}");
}

#[tokio::test(start_paused = true)]
async fn deletions_under_way_at_the_deadline_have_ten_seconds_more() {
    for (takes, took_in_all, swept) in [(8, 5 + 3, true), (20, 5 + 10, false)] {
        let deletion_takes = Duration::from_secs(takes);
        let scene = Scene { listed: vec![job("slow", true)], deletion_takes, ..Scene::default() };
        let (ending, took, said) = scene.sweep(Duration::from_secs(5), Duration::ZERO).await;
        assert_eq!(matches!(ending, Ending::Swept), swept, "{said}");
        assert_eq!(matches!(ending, Ending::Deadline), !swept, "{said}");
        assert_eq!(took.as_secs(), took_in_all);
    }
}

#[tokio::test(start_paused = true)]
async fn where_nothing_is_seen_of_the_progress_a_reminder_comes_every_thirty_seconds() {
    let scene = Scene { listed: vec![job("running", false)], ..Scene::default() };
    let (ending, _, said) = scene.sweep(Duration::from_secs(70), Duration::ZERO).await;
    assert!(matches!(ending, Ending::Deadline));
    let reminders: Vec<_> = said.lines().filter(|line| line.contains("still waiting")).collect();
    let expected = |after| format!("{after} of 1m10s: still waiting for 1 Job (shop/running)");
    assert_eq!(reminders, [expected("30s"), expected("1m")]);
}

#[tokio::test(start_paused = true)]
async fn messages_that_nobody_reads_pause_the_sweep_until_its_deadline() {
    let (terminal, reader) = unread();
    let asked = Arc::default();
    let scene = Scene { listed: vec![job("due", true)], asked: Arc::clone(&asked), ..Scene::default() };
    let (ending, took) = scene.sweep_on(&terminal, MINUTE, Duration::ZERO).await;
    assert!(matches!(ending, Ending::Deadline) && took == MINUTE, "{ending:?} after {took:?}");
    assert!(!asked.lock().expect("no panic").iter().any(|what| what.starts_with("DELETE")));
    drop(reader);
    terminal.finish();
}
