//! What a real API server does not do on demand, or what takes too long without paused time.

use std::convert::Infallible;

use futures_util::{StreamExt, stream};
use http_body_util::StreamBody;
use hyper::body::{Bytes, Frame};
use kube::Config;
use kube::api::ListParams;

use super::*;
use crate::cluster::error::Error;

fn cluster(client: Client) -> Cluster {
    Cluster::with_client(Config::new(http::Uri::from_static("http://localhost")).into(), client)
}

/// An API server with these answers, one after another. The last one counts for all later requests.
fn answering(answers: &'static [(u16, &'static str)]) -> Cluster {
    let mut next = answers.iter();
    let mut answer = (500, "");
    let service = service_fn(move |_: Request<Body>| {
        answer = *next.next().unwrap_or(&answer);
        let body = Body::from(answer.1.as_bytes().to_vec());
        let response = Response::builder().status(answer.0).header("retry-after", "7").body(body);
        async move { Ok::<_, Infallible>(response.expect("a response")) }
    });
    cluster(Client::new(service, "default"))
}

async fn list(cluster: &Cluster) -> Result<usize, Error> {
    Ok(cluster.jobs("shop").list(&ListParams::default()).await?.items.len())
}

const LIST: (u16, &str) = (200, r#"{"kind":"JobList","metadata":{"resourceVersion":"9"},"items":[{}]}"#);
const DENIED: (u16, &str) = (
    403,
    r#"{"kind":"Status","code":403,"reason":"Forbidden",
        "message":"User \"u\" cannot list resource \"jobs\" in API group \"batch\" in the namespace \"shop\""}"#,
);

#[tokio::test(start_paused = true)]
async fn a_list_that_hangs_is_given_up() {
    let service = service_fn(|_: Request<Body>| async {
        let start = stream::iter([Ok::<_, Infallible>(Frame::data(Bytes::from_static(b"{")))]);
        Ok::<_, Infallible>(Response::new(StreamBody::new(start.chain(stream::pending()))))
    });
    let cluster = cluster(Client::new(service, "default"));
    let error = list(&cluster).await.expect_err("an error");
    assert!(matches!(&error, Error::NoResponse(RESPONSE_LIMIT)) && error.is_transient(), "{error}");
}

#[tokio::test]
async fn what_is_no_list_is_not_an_empty_one() {
    for text in ["", "<html>", "[]", "{}", r#"{"ok":true}"#] {
        let error = list(&answering(Box::leak(Box::new([(200, text)])))).await.expect_err(text);
        assert!(matches!(error, Error::Unreadable(_)) && error.is_transient(), "{text}");
    }
    assert_eq!(list(&answering(&[LIST])).await.expect("a list"), 1);
}

#[tokio::test]
async fn a_denial_names_the_missing_permission() {
    let error = list(&answering(&[DENIED])).await.expect_err("an error");
    assert!(matches!(&error, Error::Forbidden(..)) && !error.is_transient());
    assert!(error.to_string().starts_with("not allowed to list jobs in namespace shop\n"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn what_has_worked_before_may_be_denied_for_a_while() {
    let cluster = answering(&[LIST, DENIED]);
    list(&cluster).await.expect("a list");
    let start = Instant::now();
    while start.elapsed() < DENIED_LIMIT {
        let error = list(&cluster).await.expect_err("an error");
        assert!(matches!(error, Error::DeniedForNow(_)) && error.is_transient(), "{error}");
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    let error = list(&cluster).await.expect_err("an error");
    assert!(matches!(error, Error::Forbidden(..)) && !error.is_transient(), "{error}");
}

#[tokio::test]
async fn an_error_keeps_the_status_and_retry_after() {
    for (code, body, message, is_transient) in [
        (429, "slow down", "the API server says 429: slow down", true),
        (503, r#"{"kind":"Status","message":"no"}"#, "the API server says 503: no", true),
        (500, "", "the API server says 500", true),
        (410, r#"{"kind":"Status","message":"expired"}"#, "the API server says 410: expired", true),
        (422, r#"{"kind":"Status","message":"odd"}"#, "the API server says 422: odd", false),
    ] {
        let error = list(&answering(Box::leak(Box::new([(code, body)])))).await.expect_err("an error");
        assert_eq!((error.to_string().as_str(), error.is_transient()), (message, is_transient));
        assert_eq!(error.retry_after(), Some(Duration::from_secs(7)));
    }
}

#[tokio::test]
async fn only_the_api_server_says_that_a_job_is_gone() {
    let name = r#""metadata":{"name":"a","uid":"u","resourceVersion":"1"}"#;
    let job = Job::read(serde_json::from_str(&format!("{{{name}}}")).expect("JSON"));
    let answer = |code, body: String| answering(Box::leak(Box::new([(code, &*body.leak())])));
    for (body, gone) in [
        (r#"{"kind":"Status","status":"Success"}"#.to_owned(), Some(true)),
        (format!(r#"{{"kind":"Job",{name}}}"#), Some(false)),
        ("<html>".to_owned(), None),
    ] {
        let found = answer(200, body.clone()).delete(&job, DeleteParams::background()).await;
        assert_eq!(found.as_ref().ok(), gone.as_ref(), "{body}: {found:?}");
        assert!(gone.is_some() || found.is_err_and(|error| error.may_have_been_carried_out()), "{body}");
    }
    for (body, not_found) in [
        (r#"{"kind":"Status","code":404,"reason":"NotFound"}"#, true),
        (r#"{"kind":"Status","code":404}"#, false),
        ("page not found", false),
    ] {
        let error = answer(404, body.to_owned())
            .delete(&job, DeleteParams::background())
            .await
            .expect_err("an error");
        assert_eq!(error.is_not_found(), not_found, "{body}");
    }
}

/// The error of a request to a server that closes every connection once it has read from it, or does not even listen.
async fn error_with(scheme: &str, listens: bool) -> Error {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let mut config = Config::new(format!("{scheme}://{address}").parse().expect("an address"));
    config.accept_invalid_certs = true;
    config.default_retry = false;
    let cluster = Cluster::connect(config.into(), None).await.expect("a client");
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
        listed = list(&cluster) => listed.expect_err("an error"),
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
        let error = error_with(scheme, listens).await;
        assert_eq!(error.may_have_been_carried_out(), may, "{scheme}, {listens}: {error}");
        assert!(error.is_transient(), "{error}");
    }
}
