//! Making etcd forget, so that a test sees what a cluster does after some busy minutes.

use std::str::FromStr;

use anyhow::{Context, Result};
use kube::{Client, Config};
use serde_json::{Value, json};

use super::ControlPlane;

/// Any key that the API server does not know, in base64.
const MARK: &str = "Y29tcGFjdGVk";

impl ControlPlane {
    /// Drops all history from etcd, as the API server asks for every five minutes: it no longer has any
    /// `resourceVersion` that was handed out so far.
    ///
    /// The API server itself remembers some history. It answers 410 to a watch from an earlier version after a
    /// restart, or at once if it was started with `--watch-cache=false`; to an earlier `continue` token likewise.
    pub async fn compact(&self) -> Result<()> {
        let etcd = self.etcd_client()?;
        // The newest version cannot be dropped, so there has to be a newer one.
        let put = post(&etcd, "/v3/kv/put", &json!({ "key": MARK })).await?;
        let revision = put["header"]["revision"].as_str().context("etcd answers with its revision")?;
        post(&etcd, "/v3/kv/compaction", &json!({ "revision": revision, "physical": true })).await?;
        Ok(())
    }

    /// etcd answers JSON over HTTP too, so the client at hand will do.
    fn etcd_client(&self) -> Result<Client> {
        let mut config = Config::new(http::Uri::from_str(&self.etcd_url())?);
        config.proxy_url = None;
        Ok(Client::try_from(config)?)
    }
}

async fn post(etcd: &Client, path: &str, body: &Value) -> Result<Value> {
    let request = http::Request::post(path).body(serde_json::to_vec(body)?)?;
    Ok(etcd.request(request).await?)
}
