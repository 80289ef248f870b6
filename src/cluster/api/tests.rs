//! What a real API server does not do on demand, or what takes too long without paused time.

use std::convert::Infallible;

use futures_util::{Stream, StreamExt, stream};
use http::Response;
use http_body_util::StreamBody;
use hyper::body::{Bytes, Frame};
use kube::client::Body;
use tokio::time::Instant;

use super::http_client::RESPONSE_LIMIT;
use super::watch::SILENCE_LIMIT;
use super::*;

/// An API server that sends these chunks and then stays silent.
fn silent_after(chunks: &'static [&'static str]) -> Api {
    sending(move || {
        stream::iter(chunks).map(|chunk| Bytes::from_static(chunk.as_bytes())).chain(stream::pending())
    })
}

/// An API server that sends these chunks.
fn sending<S: Stream<Item = Bytes> + Send + 'static>(chunks: impl Fn() -> S + Send + 'static) -> Api {
    let service = tower::service_fn(move |_: Request<Body>| {
        let body = StreamBody::new(chunks().map(|chunk| Ok::<_, Infallible>(Frame::data(chunk))));
        async move { Ok::<_, Infallible>(Response::new(body)) }
    });
    api(Client::new(service, "default"))
}

/// An API server that this client reaches.
pub(crate) fn api(client: Client) -> Api {
    let config = Config::new(http::Uri::from_static("http://localhost"));
    Api::with_client(Target::of(config), client)
}

#[tokio::test(start_paused = true)]
async fn a_silent_watch_is_given_up() {
    let api = silent_after(&[]);
    let mut watch = api.watch(&Scope::default(), "1").await.expect("a watch");
    let start = Instant::now();
    assert!(matches!(watch.next().await, Err(Failure::NoResponse(SILENCE_LIMIT))));
    assert_eq!(start.elapsed(), SILENCE_LIMIT);
}

#[tokio::test(start_paused = true)]
async fn a_list_that_hangs_is_given_up() {
    let api = silent_after(&["{"]);
    let failure = api.page(&Scope::default(), None).await.expect_err("a failure");
    assert!(matches!(&failure, Failure::NoResponse(RESPONSE_LIMIT)) && failure.is_transient());
}

#[tokio::test]
async fn of_a_long_log_the_end_is_kept() {
    let api =
        sending(|| stream::iter(0..100_000).map(|line| Bytes::from(format!("this is the line {line}\n"))));
    let log = api.log("shop", "pod", "main", 100_000).await.expect("a log");
    assert!(log.ends_with("\nthis is the line 99999\n"), "{}", &log[log.len() - 50..]);
    assert!((256 << 10..=512 << 10).contains(&log.len()), "{} bytes", log.len());
}

#[tokio::test(start_paused = true)]
async fn events_are_lines_however_they_are_cut() {
    let api = silent_after(&[
        "{\"type\":\"BOOKMARK\",\"object\":{\"metadata\":{\"resourceVers",
        "ion\":\"5\"}}}\n{\"type\":\"BOOKMARK\",",
        "\"object\":{\"metadata\":{\"resourceVersion\":\"6\"}}}\n",
    ]);
    let mut watch = api.watch(&Scope::default(), "1").await.expect("a watch");
    assert!(
        matches!(watch.next().await, Err(Failure::NoResponse(SILENCE_LIMIT))),
        "bookmarks are no changes"
    );
    assert_eq!(watch.version, "6");
}

/// The failure of a request to a server that closes every connection once it has read from it, or does not even listen.
async fn failure_with(scheme: &str, listens: bool) -> Failure {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let mut config = Config::new(format!("{scheme}://{address}").parse().expect("an address"));
    config.accept_invalid_certs = true;
    config.default_retry = false;
    let api = Api::connect(Target::of(config), RESPONSE_LIMIT).await.expect("a client");
    let scope = Scope::default();
    let server = async {
        if !listens {
            drop(listener);
            return std::future::pending().await;
        }
        loop {
            let (mut stream, _) = listener.accept().await.expect("a connection");
            let _ = tokio::io::AsyncReadExt::read(&mut stream, &mut [0; 4096]).await;
        }
    };
    tokio::select! {
        () = server => unreachable!("it serves for ever"),
        page = api.page(&scope, None) => page.expect_err("a failure"),
    }
}

#[tokio::test]
async fn only_a_request_that_had_a_connection_may_have_been_carried_out() {
    for (scheme, listens, may) in [
        ("http", false, false),
        ("https", false, false),
        // The TLS handshake fails.
        ("https", true, false),
        ("http", true, true),
    ] {
        let failure = failure_with(scheme, listens).await;
        assert_eq!(failure.may_have_been_carried_out(), may, "{scheme}, {listens}: {failure}");
        assert!(failure.is_transient() && failure.is_outage(), "{failure}");
    }
}

/// A listener accepts no connection while its queue is full.
#[cfg(target_os = "linux")]
#[tokio::test(start_paused = true)]
async fn a_request_that_waits_for_a_connection_in_vain_was_not_carried_out() {
    use std::net::TcpStream;
    let socket = tokio::net::TcpSocket::new_v4().expect("a socket");
    socket.bind(([127, 0, 0, 1], 0).into()).expect("a port");
    let listener = socket.listen(0).expect("a listener");
    let at = listener.local_addr().expect("an address");
    let patience = std::time::Duration::from_millis(100);
    let queue: Vec<_> = std::iter::from_fn(|| TcpStream::connect_timeout(&at, patience).ok()).collect();
    let config = Config::new(format!("http://{at}").parse().expect("an address"));
    let api = Api::connect(Target::of(config), RESPONSE_LIMIT).await.expect("a client");
    let start = Instant::now();
    let failure = api.page(&Scope::default(), None).await.expect_err("a failure");
    assert!(start.elapsed() < RESPONSE_LIMIT, "the limit of the response may come first");
    assert!(matches!(failure, Failure::NotConnected(_)), "{failure} after {} connections", queue.len());
}

#[tokio::test(start_paused = true)]
async fn a_credential_plugin_that_hangs_is_given_up_by_all_who_wait_for_it() {
    let refused = tower::service_fn(|_: Request<Body>| async {
        Ok::<_, Infallible>(Response::builder().status(401).body(Body::empty()).expect("a response"))
    });
    let exec = kube::config::ExecConfig {
        command: Some("sleep".to_owned()),
        args: Some(vec!["300".to_owned()]),
        ..serde_json::from_str("{}").expect("a plugin")
    };
    let target = Target::with_plugin(Config::new(http::Uri::from_static("http://localhost")), exec);
    let api = Api::with_client(target, Client::new(refused, "default"));
    let scope = Scope::default();
    let pages = tokio::join!(api.page(&scope, None), api.page(&scope, None));
    for page in [pages.0, pages.1] {
        let failure = page.expect_err("a failure");
        let says = "no credentials for the API server: the credential plugin sleep (a test) returned nothing within 30 s";
        assert_eq!(failure.to_string(), says);
        assert!(!failure.is_transient());
    }
}
