//! When things happen: time is paused, and the API server says what a scene wants of it.

use std::collections::HashSet;
use std::convert::Infallible;
use std::sync::{Arc, Mutex};

use futures_util::stream::{self, BoxStream};
use http::header::DATE;
use http::{Method, Request, Response};
use http_body_util::StreamBody;
use hyper::body::{Bytes, Frame};
use jiff::fmt::rfc2822::DateTimePrinter;
use kube::Client;
use kube::client::Body;
use serde_json::{Value, json};
use tokio::time::sleep;

use super::*;
use crate::cleanup::default_settle;
use crate::cleanup::options::{Format, Verbosity};
use crate::cleanup::output::last_messages;
use crate::cleanup::output::terminal::tests::{Screen, unread};
use crate::cleanup::run::logs::LogReader;
use crate::cleanup::sweep::rules::Rules;
use crate::cluster::Timeout;
use crate::cluster::old::api::tests::api;

const MINUTE: Duration = Duration::from_secs(60);

/// A cluster in which this is listed, and that happens later; when a deletion is answered.
#[derive(Clone, Default)]
struct Scene {
    listed: Vec<Value>,
    events: Arc<Mutex<Vec<(Duration, Value)>>>,
    deletion_takes: Duration,
    /// The API server's time when the scene begins, in seconds since 1970, if its answers have a date.
    server_time: Option<i64>,
    rules: Rules,
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
        let start = Instant::now();
        let rules = self.rules.clone();
        let service = tower::service_fn(move |request: Request<Body>| {
            let scene = self.clone();
            async move {
                let server_time = scene.server_time;
                let mut answer = scene.answer(request).await;
                if let Some(seconds) = server_time {
                    let now = seconds.saturating_add_unsigned(start.elapsed().as_secs());
                    let now = jiff::Timestamp::from_second(now).expect("a time");
                    let date = DateTimePrinter::new().timestamp_to_rfc9110_string(&now).expect("a date");
                    answer.headers_mut().insert(DATE, date.parse().expect("a value"));
                }
                Ok::<_, Infallible>(answer)
            }
        });
        let api = api(Client::new(service, "default"));
        let scopes = [Scope { namespace: Some("shop".to_owned()), selector: None }];
        let requests = Requests::new(&api, LogReader::new(terminal, Format::Json), false);
        let mut event_loop = EventLoop {
            sweep: Sweep::new(rules, scopes.iter().map(Scope::to_string), 4),
            end_condition: EndCondition::new(Timeout::After(timeout), settle),
            signals: Signals::listen().expect("signals"),
            terminal,
            requests: &requests,
            start,
        };
        let ending = event_loop.sweep_until_done(&api, &scopes).await;
        let took = start.elapsed();
        last_messages::explain(&ending, &event_loop.sweep, terminal);
        (ending, took)
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

/// A scene in which a Job finished this many seconds before it began, by an API server's clock that is far from ours.
fn finished_ago(seconds: i64, once: bool) -> Scene {
    let server_time = 1_000_000_000;
    let time = jiff::Timestamp::from_second(server_time - seconds).expect("a time");
    let mut recent = job("recent", true);
    recent["status"]["conditions"][0]["lastTransitionTime"] = json!(time.to_string());
    let rules = Rules { finished_for: MINUTE, once, ..Rules::default() };
    Scene { listed: vec![recent], server_time: Some(server_time), rules, ..Scene::default() }
}

#[tokio::test(start_paused = true)]
async fn a_job_that_finished_too_recently_is_deleted_when_it_is_due_by_the_dates_of_the_answers() {
    for (ago, due_after) in [(20, 41), (0, 61), (-3600, 3661), (61, 0)] {
        let (ending, took, said) = finished_ago(ago, false).sweep(2 * 60 * MINUTE, Duration::ZERO).await;
        assert!(matches!(ending, Ending::Swept) && said.contains("deleted shop/recent"), "{said}");
        assert!((due_after..=due_after + 1).contains(&took.as_secs()), "{ago}: {took:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn once_does_not_wait_for_a_job_that_finished_too_recently() {
    let (ending, took, said) = finished_ago(20, true).sweep(MINUTE, Duration::ZERO).await;
    assert!(matches!(ending, Ending::Swept) && took.is_zero(), "{said}");
    assert!(said.contains("kept shop/recent: it finished too recently; it is due in 41s"), "{said}");
}

#[tokio::test(start_paused = true)]
async fn at_the_deadline_it_says_how_long_is_left_then() {
    let (ending, took, said) = finished_ago(20, false).sweep(MINUTE / 2, Duration::ZERO).await;
    assert!(matches!(ending, Ending::Deadline) && took == MINUTE / 2, "{said}");
    for (does, left) in [("waiting for", "41s"), ("left", "11s")] {
        let line = format!("{does} shop/recent: it finished too recently; it is due in {left}");
        assert!(said.contains(&line), "{said}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_job_stays_if_the_answers_have_no_date() {
    let scene = Scene { server_time: None, ..finished_ago(9999, false) };
    let (ending, _, said) = scene.sweep(MINUTE, Duration::ZERO).await;
    assert!(matches!(ending, Ending::Swept) && !said.contains("deleted"), "{said}");
    assert!(
        said.contains("warning: kept shop/recent")
            && said.contains("no response of the API server has a date"),
        "{said}"
    );
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
