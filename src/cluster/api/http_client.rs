//! Sends a request and receives its response: through proxies and TLS, within a time limit, and with new credentials
//! if the API server refuses the old ones.

use std::cell::RefCell;
use std::future::Future;
use std::time::Duration;

use futures_util::{TryStream, TryStreamExt};
use http::Response;
use http_body_util::{BodyDataStream, BodyExt};
use kube::Client;
use kube::client::Body;
use tokio::sync::Mutex;
use tokio::time::timeout;

use super::Call;
use super::failure::{Failure, chain};
use crate::cluster::connect::Target;

/// How long a response may take. The events of a watch have a limit of their own.
pub(super) const RESPONSE_LIMIT: Duration = Duration::from_secs(30);
const ERROR_BODY_LIMIT: usize = 1 << 20;
/// How long a credential plugin may take to replace refused credentials.
const RENEWAL_LIMIT: Duration = RESPONSE_LIMIT;

pub(super) struct HttpClient {
    target: Target,
    /// The client and how often its credentials have been renewed.
    current: RefCell<(u32, Client)>,
    /// Why the renewal of the credentials failed. The lock lets only one request renew them, and the others wait for the result.
    renewal_failure: Mutex<Option<Failure>>,
}

impl HttpClient {
    pub(super) fn new(target: Target, client: Client) -> Self {
        Self { target, current: RefCell::new((0, client)), renewal_failure: Mutex::default() }
    }

    /// Sends a request. If the API server refuses the credentials, they may have been replaced since they were read.
    /// The client then reads them once more, and sends the request again.
    pub(super) async fn send(&self, call: &Call) -> Result<Response<Body>, Failure> {
        let (renewals, client) = self.current.borrow().clone();
        match in_time(RESPONSE_LIMIT, send_once(&client, call)).await {
            Err(Failure::Unauthorized(_)) => {}
            result => return result,
        }
        self.renew_credentials(renewals).await?;
        let (_, client) = self.current.borrow().clone();
        in_time(RESPONSE_LIMIT, send_once(&client, call)).await
    }

    /// Renews the credentials, unless they were renewed since the caller read `renewals`. All requests with the same credentials
    /// share the result, and a failure is final.
    async fn renew_credentials(&self, renewals: u32) -> Result<(), Failure> {
        let mut renewal_failure = self.renewal_failure.lock().await;
        if self.current.borrow().0 != renewals {
            return Ok(());
        }
        if renewal_failure.is_none() {
            match self.target.client(RENEWAL_LIMIT).await {
                Ok(client) => *self.current.borrow_mut() = (renewals + 1, client),
                Err(error) => *renewal_failure = Some(error.into()),
            }
        }
        renewal_failure.clone().map_or(Ok(()), Err)
    }
}

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
