//! Drops etcd's history, as a cluster does every five minutes.

use std::str::FromStr;

use anyhow::{Context, Result};
use kube::{Client, Config};
use serde_json::{Value, json};

use super::ControlPlane;

/// A key that the API server does not use, in base64.
const MARK: &str = "Y29tcGFjdGVk";

impl ControlPlane {
    /// Drops all history from etcd, so that it no longer has any earlier `resourceVersion`.
    ///
    /// The API server caches some history. It answers 410 to a watch or a `continue` token of an earlier version after
    /// a restart, or at once with `--watch-cache=false`.
    pub async fn compact(&self) -> Result<()> {
        let etcd = self.etcd_client()?;
        // etcd cannot drop the newest version, so this writes a newer one.
        let put = post(&etcd, "/v3/kv/put", &json!({ "key": MARK })).await?;
        let revision = put["header"]["revision"].as_str().context("etcd answers with its revision")?;
        post(&etcd, "/v3/kv/compaction", &json!({ "revision": revision, "physical": true })).await?;
        Ok(())
    }

    /// etcd also speaks JSON over HTTP.
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
