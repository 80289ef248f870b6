//! The requests to the API server that jobsweep makes, and no others.
//!
//! - `requests` has them all; `watch` is an open watch.
//! - `http_client` sends a request with kube's client, and renews credentials. kube's own requests are not used, because their errors drop `Retry-After`.
//! - `clock` is the API server's clock, read from its responses.
//! - `decode` reads the responses; `list_reader` reads a list item by item while it arrives.
//! - `failure` says how a request failed, `permission` which rule is missing in a Role, `startup_denials` whether a 401
//!   or 403 comes from an API server that is still starting.

mod clock;
mod decode;
mod failure;
mod http_client;
mod list_reader;
mod permission;
mod requests;
mod startup_denials;
#[cfg(test)]
pub(crate) mod tests;
mod watch;

use std::cell::RefCell;
use std::net::IpAddr;
use std::time::Duration;

use http::Request;
use kube::{Client, Config};

use super::connect::Target;
use crate::background;
use clock::Clock;
pub(crate) use decode::{Change, Pod};
#[cfg(test)]
pub(crate) use failure::{Cause, Details};
pub(crate) use failure::{Failure, Refusal};
use http_client::{Chunks, HttpClient, RESPONSE_LIMIT, in_time};
use permission::Permission;
pub(crate) use requests::{Page, Scope};
use startup_denials::StartupDenials;

/// A request, and the permission that it needs.
type Call = (Permission, Request<Vec<u8>>);

pub(crate) struct Api {
    client: HttpClient,
    startup_denials: RefCell<StartupDenials>,
    clock: Clock,
}

impl Api {
    /// Prepares the connection. This reads the credentials, or gets them from a plugin within `limit`, but sends no request.
    pub(crate) async fn connect(target: Target, limit: Duration) -> Result<Self, Failure> {
        if names_a_host(&target.config) && !background::start_pool().await {
            let why = "no thread can be started to resolve a host name";
            return Err(Failure::Config(why.to_owned()));
        }
        let client = target.client(limit).await?;
        Ok(Self::with_client(target, client))
    }

    /// Uses an existing client. The target serves to replace refused credentials.
    pub(crate) fn with_client(target: Target, client: Client) -> Self {
        let client = HttpClient::new(target, client);
        Self { client, startup_denials: RefCell::default(), clock: Clock::default() }
    }

    /// The time by the API server's clock, in seconds since 1970, if any of its responses had a date.
    pub(crate) fn server_time(&self) -> Option<i64> {
        self.clock.now()
    }

    /// Records the failure of an open watch, since the API server may be shutting down.
    pub(crate) fn record_outage(&self, failure: &Failure) {
        self.startup_denials.borrow_mut().record(failure);
    }

    async fn send(&self, call: &Call) -> Result<Chunks, Failure> {
        let result = self.client.send(call).await;
        // An error may come from a proxy, whose clock says nothing.
        let _ = result.as_ref().map(|response| self.clock.read(response.headers()));
        let response = self.startup_denials.borrow_mut().check(&call.0, result)?;
        Ok(Chunks::new(response.into_body()))
    }

    async fn receive(
        &self,
        call: &Call,
        mut receive: impl FnMut(&[u8]) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        let mut chunks = self.send(call).await?;
        let read = async {
            while let Some(chunk) = chunks.next().await? {
                receive(chunk)?;
            }
            Ok(())
        };
        in_time(RESPONSE_LIMIT, read).await.inspect_err(|failure| self.record_outage(failure))
    }

    async fn bytes(&self, call: &Call) -> Result<Vec<u8>, Failure> {
        let mut bytes = Vec::new();
        let keep = |chunk: &[u8]| {
            bytes.extend_from_slice(chunk);
            Ok(())
        };
        self.receive(call, keep).await?;
        Ok(bytes)
    }
}

/// Whether the API server or the proxy before it is given by name, not by an IP address.
fn names_a_host(config: &Config) -> bool {
    let host = config.proxy_url.as_ref().unwrap_or(&config.cluster_url).host().unwrap_or_default();
    host.trim_matches(['[', ']']).parse::<IpAddr>().is_err()
}
