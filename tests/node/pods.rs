use anyhow::Result;
use jobsweep_harness::node::{Node, app};
use jobsweep_harness::{k8s_openapi::api::batch::v1::Job, kube::api::PostParams};
use serde_json::json;

pub(crate) async fn a_pod_runs(node: &Node) -> Result<()> {
    let namespace = node.cluster.namespace().await?;
    let job: Job = serde_json::from_value(json!({
        "metadata": { "name": "a" },
        "spec": { "template": { "spec": { "restartPolicy": "Never", "containers": [{ "name": "main", "image": app(1), "command": ["sh", "-c", "echo hello"] }] } } },
    }))?;
    let job = namespace.jobs().create(&PostParams::default(), &job).await?;
    namespace.condition(&job, "Complete").await?;
    println!("{}", namespace.pods().logs("a", &Default::default()).await.unwrap_or_else(|e| e.to_string()));
    Ok(())
}
