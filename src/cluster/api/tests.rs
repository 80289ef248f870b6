//! What a real API server does not do on demand, and what would take too long: time is paused.

use std::convert::Infallible;

use futures_util::{StreamExt, stream};
use http_body_util::StreamBody;
use hyper::body::{Bytes, Frame};
use tokio::time::Instant;

use super::*;

/// A connection to a server that sends these chunks and then says nothing more, but stays.
fn silent_after(chunks: &'static [&'static str]) -> Api {
    let service = tower::service_fn(move |_: Request<Body>| async move {
        let chunks =
            chunks.iter().map(|chunk| Ok::<_, Infallible>(Frame::data(Bytes::from_static(chunk.as_bytes()))));
        let body = StreamBody::new(stream::iter(chunks).chain(stream::pending()));
        Ok::<_, Infallible>(Response::new(body))
    });
    api(Client::new(service, "default"))
}

/// A connection by way of this client.
pub(crate) fn api(client: Client) -> Api {
    let config = Config::new(http::Uri::from_static("http://localhost"));
    Api::with_client(config, client)
}

#[tokio::test(start_paused = true)]
async fn a_watch_that_died_without_a_word_is_found_out() {
    let api = silent_after(&[]);
    let mut watch = api.watch(&Scope::default(), "1").await.expect("a watch");
    let start = Instant::now();
    assert!(matches!(watch.next().await, Err(Failure::Silent(SILENCE))));
    assert_eq!(start.elapsed(), SILENCE);
}

#[tokio::test(start_paused = true)]
async fn a_list_that_hangs_is_given_up() {
    let api = silent_after(&["{"]);
    let failure = api.page(&Scope::default(), None).await.expect_err("a failure");
    assert!(matches!(&failure, Failure::Silent(ANSWER)) && failure.is_passing());
}

#[tokio::test(start_paused = true)]
async fn events_are_lines_however_they_are_cut() {
    let api = silent_after(&[
        "{\"type\":\"BOOKMARK\",\"object\":{\"metadata\":{\"resourceVers",
        "ion\":\"5\"}}}\n{\"type\":\"BOOKMARK\",",
        "\"object\":{\"metadata\":{\"resourceVersion\":\"6\"}}}\n",
    ]);
    let mut watch = api.watch(&Scope::default(), "1").await.expect("a watch");
    assert!(matches!(watch.next().await, Err(Failure::Silent(SILENCE))), "bookmarks are no changes");
    assert_eq!(watch.version, "6");
}
