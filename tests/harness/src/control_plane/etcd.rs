//! What tests do to etcd past the API server: drop its history, as a cluster does every five minutes, and make many Jobs fast.

use std::hash::{BuildHasher, RandomState};
use std::str::FromStr;

use anyhow::{Context, Result};
use futures_util::{StreamExt, TryStreamExt, stream};
use k8s_openapi::ByteString;
use k8s_openapi::api::batch::v1::Job;
use kube::{Client, Config};
use serde_json::{Value, json};

use super::ControlPlane;

/// A key that the API server does not use, in base64.
const MARK: &str = "Y29tcGFjdGVk";
/// etcd allows 128.
const PUTS_IN_A_TRANSACTION: usize = 100;
const CONCURRENCY: usize = 8;

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

    /// Writes copies of a Job, each in this namespace and with this name, straight into etcd: 100,000 take half a minute. The
    /// names must be as long as the Job's own, because they take its place in the stored bytes.
    pub async fn copy(&self, job: &Job, copies: impl IntoIterator<Item = (String, String)>) -> Result<()> {
        let etcd = &self.etcd_client()?;
        let metadata = &job.metadata;
        let of_job = [&metadata.namespace, &metadata.name, &metadata.uid]
            .map(|field| field.clone().unwrap_or_default());
        let found = post(etcd, "/v3/kv/range", &json!({ "key": key(&of_job[0], &of_job[1]) })).await?;
        let ByteString(stored) = serde_json::from_value(found["kvs"][0]["value"].clone())?;
        let copies = copies.into_iter().map(|(namespace, name)| {
            let put = json!({ "key": key(&namespace, &name), "value": ByteString(replaced(&stored, &of_job, &[namespace, name, uid()])) });
            json!({ "requestPut": put })
        });
        stream::iter(copies)
            .chunks(PUTS_IN_A_TRANSACTION)
            .map(|puts| async move { post(etcd, "/v3/kv/txn", &json!({ "success": puts })).await.map(drop) })
            .buffer_unordered(CONCURRENCY)
            .try_collect()
            .await
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

fn key(namespace: &str, name: &str) -> ByteString {
    ByteString(format!("/registry/jobs/{namespace}/{name}").into_bytes())
}

fn uid() -> String {
    let [high, low] = [1, 2].map(|half| RandomState::new().hash_one(half));
    format!(
        "{:08x}-{:04x}-4{:03x}-8{:03x}-{:012x}",
        high >> 32,
        high >> 16 & 0xffff,
        high & 0xfff,
        low >> 52,
        low & 0xffff_ffff_ffff
    )
}

/// Replaces each text wherever it is. Their lengths are in the stored bytes too, so they must stay.
fn replaced(stored: &[u8], texts: &[String; 3], by: &[String; 3]) -> Vec<u8> {
    let mut bytes = stored.to_vec();
    for (text, by) in texts.iter().zip(by) {
        assert_eq!(text.len(), by.len(), "{text} and {by}");
        let mut at = 0;
        while let Some(found) = bytes[at..].windows(text.len()).position(|window| window == text.as_bytes()) {
            at += found;
            bytes[at..at + by.len()].copy_from_slice(by.as_bytes());
            at += by.len();
        }
    }
    bytes
}
