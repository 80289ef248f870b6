//! How a follower asks, with time paused: what a real API server does only in minutes, or only in trouble.

use std::cell::RefCell;
use std::convert::Infallible;
use std::rc::Rc;
use std::sync::{Arc, Mutex};

use futures_util::{StreamExt, stream};
use http::{Request, Response};
use http_body_util::StreamBody;
use hyper::body::{Bytes, Frame};
use kube::client::Body;
use kube::{Client, Config};

use super::*;

const LIST: &str = r#"{"kind":"JobList","metadata":{"resourceVersion":"5"},"items":[]}"#;
const BOOKMARK: &str = "{\"type\":\"BOOKMARK\",\"object\":{\"metadata\":{\"resourceVersion\":\"7\"}}}\n";
const ODD: &str = "{\"type\":\"MODIFIED\",\"object\":{\"metadata\":{\"resourceVersion\":\"\"}}}\n";
const EXPIRED: &str = r#"{"type":"ERROR","object":{"kind":"Status","code":410,"message":"too old"}}
"#;
const NO_CODE: &str = r#"{"type":"ERROR","object":{"kind":"Status","message":"odd"}}
"#;
const UNBOUNDED: &str = r#"{"type":"ERROR","object":{"code":429,"details":{"retryAfterSeconds":18446744073709551615}}}
"#;

const DENIED: &str = r#"{"message":"jobs.batch is forbidden: User \"u\" cannot watch resource \"jobs\" in API group \"batch\" at the cluster scope"}"#;

/// How a request is answered.
#[derive(Clone, Copy)]
enum Answer {
    /// With a status and, perhaps, a wish when to come back.
    Status(u16, Option<&'static str>),
    /// With a 403, for want of a Role.
    Denied,
    /// With this text, and the end.
    Text(&'static str),
    /// With this text, and the end after so many seconds.
    Lasting(&'static str, u64),
}
use Answer::{Denied, Lasting, Status, Text};

type Frames = stream::BoxStream<'static, Result<Frame<Bytes>, Infallible>>;
type Asked = Arc<Mutex<Vec<(u64, String)>>>;

/// A connection to a server that answers lists and watches in turn, the last of each for ever; what it was asked, and
/// after how many seconds.
fn server(lists: &'static [Answer], watches: &'static [Answer]) -> (Api, Asked) {
    let asked = Asked::default();
    let seen = Arc::clone(&asked);
    let start = Instant::now();
    let service = tower::service_fn(move |request: Request<Body>| {
        let query = request.uri().query().unwrap_or_default();
        let from = query.split('&').find_map(|pair| pair.strip_prefix("resourceVersion="));
        let (what, answers) = match query.contains("watch=true") {
            true => (format!("watch {}", from.unwrap_or_default()), watches),
            false => ("list".to_owned(), lists),
        };
        let mut seen = seen.lock().expect("a lock");
        let turn = seen.iter().filter(|(_, asked)| asked[..4] == what[..4]).count();
        seen.push((start.elapsed().as_secs(), what));
        let answer = answers[turn.min(answers.len() - 1)];
        async move { Ok::<_, Infallible>(response(answer)) }
    });
    let client = Client::new(service, "default");
    (
        Api::with_client(
            crate::cluster::connect::Target::of(Config::new(http::Uri::from_static("http://localhost"))),
            client,
        ),
        asked,
    )
}

fn response(answer: Answer) -> Response<StreamBody<Frames>> {
    let (code, retry_after, text, lasts) = match answer {
        Status(code, retry_after) => (code, retry_after, "", 0),
        Denied => (403, None, DENIED, 0),
        Text(text) => (200, None, text, 0),
        Lasting(text, lasts) => (200, None, text, lasts),
    };
    let frame = stream::once(async move { Ok(Frame::data(Bytes::from_static(text.as_bytes()))) });
    let end = stream::once(sleep(Duration::from_secs(lasts))).filter_map(|()| async { None });
    let mut response = Response::builder().status(code);
    if let Some(seconds) = retry_after {
        response = response.header("Retry-After", seconds);
    }
    response.body(StreamBody::new(frame.chain(end).boxed())).expect("a response")
}

/// What happens in a scope within so many seconds, one word for each event.
async fn followed(api: &Api, seconds: u64) -> Vec<String> {
    events_of(api, seconds, true).await
}

async fn events_of(api: &Api, seconds: u64, watches: bool) -> Vec<String> {
    let (events, mut seen) = mpsc::channel(16);
    let scope = Scope::default();
    let follower = Follower { api, scope: &scope, scope_index: 0, events, relist: Notify::new(), watches };
    let words = Rc::new(RefCell::new(Vec::new()));
    let listen = async {
        while let Some((_, event)) = seen.recv().await {
            let text = format!("{event:?}");
            words.borrow_mut().push(text.split(['(', ' ']).next().unwrap_or_default().to_owned());
        }
    };
    let both = futures_util::future::join(follower.follow(), listen);
    let _ = tokio::time::timeout(Duration::from_secs(seconds), both).await;
    words.take()
}

fn asked(asked: &Asked) -> Vec<String> {
    asked.lock().expect("a lock").iter().map(|(_, what)| what.clone()).collect()
}

#[tokio::test(start_paused = true)]
async fn a_watch_is_renewed_from_the_last_bookmark_without_a_list() {
    let (api, requests) = server(&[Text(LIST)], &[Lasting(BOOKMARK, 80), Lasting("", 80), Lasting("", 600)]);
    let seen = followed(&api, 170).await;
    assert_eq!(asked(&requests), ["list", "watch 5", "watch 7", "watch 7"]);
    assert_eq!(seen, ["ListBegins", "Listed", "Watching", "Renewing", "Watching", "Renewing", "Watching"]);
}

#[tokio::test(start_paused = true)]
async fn without_watches_one_list_is_all_and_any_failure_is_the_end() {
    for (list, seen) in
        [(Text(LIST), &["ListBegins", "Listed"][..]), (Status(503, None), &["ListBegins", "Fatal"])]
    {
        let (api, requests) = server(vec![list].leak(), &[]);
        assert_eq!(events_of(&api, 60, false).await, seen);
        assert_eq!(asked(&requests), ["list"]);
    }
}

#[tokio::test(start_paused = true)]
async fn pages_that_never_end_are_retried_with_delays() {
    let page = r#"{"kind":"JobList","metadata":{"resourceVersion":"5","continue":"more"},"items":[]}"#;
    let (api, requests) = server(vec![Text(page)].leak(), &[]);
    assert!(followed(&api, 10).await.contains(&"Interrupted".to_owned()));
    assert!(asked(&requests).len() < 20, "{:?}", asked(&requests));
}

#[tokio::test(start_paused = true)]
async fn no_event_holds_a_whole_page() {
    let items = vec!["{}"; 2 * JOBS_PER_EVENT + 1].join(",");
    let list = format!(r#"{{"kind":"JobList","metadata":{{"resourceVersion":"5"}},"items":[{items}]}}"#);
    let lists = vec![Text(list.leak())].leak();
    let (api, _) = server(lists, &[Lasting("", 600)]);
    assert_eq!(followed(&api, 1).await, ["ListBegins", "Jobs", "Jobs", "Jobs", "Listed", "Watching"]);
}

#[tokio::test(start_paused = true)]
async fn an_empty_version_is_none_to_go_on_from() {
    let (api, requests) = server(&[Text(LIST)], &[Lasting(ODD, 80), Lasting("", 600)]);
    followed(&api, 85).await;
    assert_eq!(asked(&requests), ["list", "watch 5", "watch 5"]);
}

#[tokio::test(start_paused = true)]
async fn a_watch_that_was_good_until_it_expired_is_followed_by_a_list_at_once() {
    let (api, requests) = server(&[Text(LIST)], &[Lasting("", 80), Status(410, None), Lasting("", 600)]);
    followed(&api, 82).await;
    assert_eq!(asked(&requests), ["list", "watch 5", "watch 5", "list", "watch 5"]);
}

#[tokio::test(start_paused = true)]
async fn watches_that_always_expire_are_no_storm_of_lists() {
    for expired in [&[Status(410, None)], &[Text(EXPIRED)]] {
        let (api, requests) = server(&[Text(LIST)], expired);
        followed(&api, 60).await;
        let lists = asked(&requests).iter().filter(|what| *what == "list").count();
        assert!((6..=14).contains(&lists), "{lists} lists in a minute");
    }
}

#[tokio::test(start_paused = true)]
async fn right_after_a_watch_that_broke_a_no_may_be_that_of_a_server_without_its_roles() {
    let (api, requests) = server(&[Text(LIST)], &[Text(BOOKMARK), Denied, Denied, Lasting("", 600)]);
    let seen = followed(&api, 60).await;
    assert_eq!(asked(&requests), ["list", "watch 5", "watch 7", "watch 7", "watch 7"]);
    assert!(!seen.contains(&"Fatal".to_owned()), "{seen:?}");

    for in_the_end in [&[Denied][..], &[Text(BOOKMARK), Denied]] {
        let (api, _) = server(&[Text(LIST)], in_the_end);
        assert_eq!(followed(&api, 60).await.last().map(String::as_str), Some("Fatal"));
    }
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_read_is_got_round_by_a_list() {
    for odd in [NO_CODE, "{}\n"] {
        let watches: &'static [Answer] = Box::leak(Box::new([Text(odd), Lasting("", 600)]));
        let (api, requests) = server(&[Text(LIST)], watches);
        let seen = followed(&api, 5).await;
        assert_eq!(asked(&requests), ["list", "watch 5", "list", "watch 5"]);
        assert!(seen.contains(&"Interrupted".to_owned()) && !seen.contains(&"Fatal".to_owned()), "{seen:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn retry_after_is_heeded_by_lists_and_watches() {
    let busy = Status(429, Some("7"));
    let lists: &'static [Answer] = Box::leak(Box::new([busy, Text(LIST)]));
    let watches: &'static [Answer] = Box::leak(Box::new([busy, Lasting("", 600)]));
    let (api, requests) = server(lists, watches);
    followed(&api, 30).await;
    let requests = requests.lock().expect("a lock").clone();
    let at = |number: usize| requests[number].0;
    assert!(requests.len() == 4 && at(1) >= 7 && at(3) >= at(2) + 7, "{requests:?}");
}

#[tokio::test(start_paused = true)]
async fn a_retry_after_without_bounds_is_no_panic() {
    let forever = Status(429, Some("18446744073709551615"));
    let (api, requests) = server(Box::leak(Box::new([forever])), &[Text("")]);
    followed(&api, 60).await;
    assert_eq!(asked(&requests), ["list"]);
    let (api, requests) = server(&[Text(LIST)], &[Text(UNBOUNDED)]);
    followed(&api, 60).await;
    assert_eq!(asked(&requests), ["list", "watch 5"]);
}

#[tokio::test(start_paused = true)]
async fn a_list_that_works_ends_the_trouble_of_the_lists_before_it() {
    let trouble = Status(500, None);
    let broken = [trouble, trouble, trouble, trouble, trouble, trouble, Text(LIST), trouble, Text(LIST)];
    let lists: &'static [Answer] = Box::leak(Box::new(broken));
    let watches: &'static [Answer] = Box::leak(Box::new([Text(EXPIRED), Lasting("", 600)]));
    let (api, requests) = server(lists, watches);
    followed(&api, 60).await;
    let requests = requests.lock().expect("a lock").clone();
    let last: Vec<_> = requests.iter().rev().take(3).map(|(at, _)| *at).collect();
    assert!(requests.len() == 11 && last[1] - last[2] <= 1, "{requests:?}");
}
