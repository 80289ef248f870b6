//! Sends a request and receives its response within a time limit.

use std::future::Future;
use std::time::Duration;

use futures_util::{TryStream, TryStreamExt};
use http::Response;
use http_body_util::{BodyDataStream, BodyExt};
use kube::Client;
use kube::client::Body;
use tokio::time::timeout;

use super::Call;
use super::failure::{Failure, chain};

/// How long a response may take. The events of a watch have a limit of their own.
pub(super) const RESPONSE_LIMIT: Duration = Duration::from_secs(30);
const ERROR_BODY_LIMIT: usize = 1 << 20;

/// The chunks of a response's body.
///
/// Keeps each chunk until the next one has come. As long as a chunk is kept, hyper cannot use its buffer again, and reads into a
/// small new one. Otherwise hyper doubles the buffer of the connection, up to 500 kB, and keeps it.
pub(super) struct Chunks {
    body: BodyDataStream<Body>,
    last: <BodyDataStream<Body> as TryStream>::Ok,
}

impl Chunks {
    pub(super) fn new(body: Body) -> Self {
        Self { body: body.into_data_stream(), last: Default::default() }
    }

    pub(super) async fn next(&mut self) -> Result<Option<&[u8]>, Failure> {
        let next = self.body.try_next().await;
        let Some(chunk) = next.map_err(|error| Failure::ConnectionLost(chain(&error)))? else {
            return Ok(None);
        };
        self.last = chunk;
        Ok(Some(&self.last))
    }
}

pub(super) async fn in_time<T>(
    limit: Duration,
    work: impl Future<Output = Result<T, Failure>>,
) -> Result<T, Failure> {
    timeout(limit, work).await.unwrap_or(Err(Failure::NoResponse(limit)))
}

/// Sends a request. The client replaces refused credentials, and then sends it again.
pub(super) async fn send(client: &Client, call: &Call) -> Result<Response<Body>, Failure> {
    in_time(RESPONSE_LIMIT, send_once(client, call)).await
}

async fn send_once(client: &Client, (permission, request): &Call) -> Result<Response<Body>, Failure> {
    let sent = client.send(request.clone().map(Body::from)).await;
    let response = sent.map_err(|error| Failure::unanswered(&error))?;
    if response.status().is_success() {
        return Ok(response);
    }
    let (parts, body) = response.into_parts();
    let (mut chunks, mut text) = (Chunks::new(body), Vec::new());
    while text.len() < ERROR_BODY_LIMIT
        && let Some(chunk) = chunks.next().await?
    {
        text.extend_from_slice(chunk);
    }
    Err(Failure::refused(permission, &parts, &text))
}
