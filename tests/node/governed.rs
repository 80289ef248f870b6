//! The pod of the chart where others decide about pods too: a mesh, OpenShift, a quota, policies. All of it with the Pod Security
//! level `restricted`.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use futures_util::future::try_join_all;
use jobsweep::inject::manifests::IMAGE;
use jobsweep_harness::control_plane::Namespace;
use jobsweep_harness::helm::{Helm, Wait};
use jobsweep_harness::jobs::{JobBuilder, Outcome, job};
use jobsweep_harness::k8s_openapi::api::core::v1::Pod;
use jobsweep_harness::node::{Container, Node};
use jobsweep_harness::process::{Program, Running};
use jobsweep_harness::tools::HelmVersion;
use jobsweep_harness::wait;
use jobsweep_harness::{trials, trials::Trial};

use crate::release::LONG;
use crate::setup::{kubectl_in, pod_that_says, pods_of};

pub(crate) fn trials() -> Vec<Trial> {
    trials![
        a_mesh_does_not_hold_the_hook,
        with_a_sidecar_the_hook_does_not_end,
        openshift_gives_it_a_user,
        a_quota_says_in_the_events_of_the_job_what_is_missing,
        policies_let_it_pass,
    ]
}

/// The hook Job of the release `sweeper`.
const HOOK: &str = "sweeper-jobsweep-after";

/// Adds a container that never ends, unless the pod opts out as Istio's injector understands it.
const MESH: &str = r#"
kind: MutatingAdmissionPolicy
spec:
  reinvocationPolicy: Never
  matchConditions:
    - name: is-not-out
      expression: >-
        object.metadata.?labels[?"sidecar.istio.io/inject"].orValue("") != "false" &&
        object.metadata.?annotations[?"sidecar.istio.io/inject"].orValue("") != "false"
  mutations:
    - patchType: JSONPatch
      jsonPatch:
        expression: >-
          [JSONPatch{op: "add", path: "/spec/containers/-", value: Object.spec.containers{
            name: "istio-proxy", image: "example.com/app:1", command: ["sleep", "infinity"],
            securityContext: Object.spec.containers.securityContext{
              allowPrivilegeEscalation: false, runAsUser: 1337,
              capabilities: Object.spec.containers.securityContext.capabilities{drop: ["ALL"]}}}}]
"#;

/// The first user of the namespace's range, where the pod names none.
const ASSIGNED_USER: &str = r#"
kind: MutatingAdmissionPolicy
spec:
  reinvocationPolicy: Never
  mutations:
    - patchType: ApplyConfiguration
      applyConfiguration:
        expression: >-
          Object{spec: Object.spec{containers: object.spec.containers
            .filter(c, !has(c.securityContext) || !has(c.securityContext.runAsUser))
            .map(c, Object.spec.containers{name: c.name,
              securityContext: Object.spec.containers.securityContext{runAsUser: 1000680000}})}}
"#;

const RANGE_OF_USERS: &str = r#"
kind: ValidatingAdmissionPolicy
spec:
  validations:
    - message: "must be in the ranges: [1000680000, 1000689999]"
      expression: >-
        [object.spec.?securityContext.?runAsUser.orValue(1000680000)].all(u, u >= 1000680000 && u <= 1000689999) &&
        object.spec.containers.all(c, [c.?securityContext.?runAsUser.orValue(1000680000)]
          .all(u, u >= 1000680000 && u <= 1000689999))
"#;

/// What the best practices of Kyverno demand.
const BEST_PRACTICES: &str = r#"
kind: ValidatingAdmissionPolicy
spec:
  validations:
    - message: "labels app.kubernetes.io/name and team are required"
      expression: >-
        ["app.kubernetes.io/name", "team"].all(key, object.metadata.?labels[?key].orValue("") != "")
    - message: "an image needs a digest"
      expression: object.spec.containers.all(c, c.image.contains("@sha256:"))
    - message: "requests, and limits of CPU and memory are required"
      expression: >-
        object.spec.containers.all(c, ["cpu", "memory"].all(key,
          c.?resources.?requests[?key].hasValue() && c.?resources.?limits[?key].hasValue()))
"#;

/// What its Pod Security policies demand of a container.
const CONTAINERS: &str = r#"
kind: ValidatingAdmissionPolicy
spec:
  validations:
    - message: "the root filesystem must be read-only"
      expression: object.spec.containers.all(c, c.?securityContext.?readOnlyRootFilesystem.orValue(false))
    - message: "privileges must not grow"
      expression: object.spec.containers.all(c, !c.?securityContext.?allowPrivilegeEscalation.orValue(true))
    - message: "all capabilities must be dropped"
      expression: object.spec.containers.all(c, "ALL" in c.?securityContext.?capabilities.?drop.orValue([]))
    - message: "root is not allowed"
      expression: object.spec.?securityContext.?runAsNonRoot.orValue(false) == true
    - message: "a tag other than latest is required"
      expression: object.spec.containers.all(c, c.image.contains(":") && !c.image.endsWith(":latest"))
"#;

/// What its policies about ServiceAccounts demand. `kubectl run` writes no account, and admission fills it in before.
const ACCOUNTS: &str = r#"
kind: ValidatingAdmissionPolicy
spec:
  validations:
    - message: "the account default is not allowed"
      expression: object.spec.?serviceAccountName.orValue("default") != "default"
    - message: "automountServiceAccountToken must be said"
      expression: has(object.spec.automountServiceAccountToken)
"#;

pub(crate) async fn a_mesh_does_not_hold_the_hook(node: &Node, helm: HelmVersion) -> Result<()> {
    let ways = [Wait::No, Wait::Wait].map(async |wait| {
        let namespace = in_mesh(node).await?;
        let release = Release { node, helm, namespace: &namespace };
        release.sweeps(wait.flags()).await.context(wait.name())
    });
    try_join_all(ways).await.map(drop)
}

/// So that the test above can fail.
pub(crate) async fn with_a_sidecar_the_hook_does_not_end(node: &Node) -> Result<()> {
    let namespace = in_mesh(node).await?;
    let release = Release { node, helm: newest()?, namespace: &namespace };
    let _install = release.install(&["--set=meshOptOut=false"])?;
    let pod = wait::until("the end of the cleanup itself", || async {
        Ok(pods_of(&namespace, HOOK).await?.into_iter().find(|pod| has_ended(pod, "jobsweep")))
    })
    .await?;
    let phase = pod.status.and_then(|status| status.phase);
    ensure!(phase.as_deref() == Some("Running"), "{phase:?}");
    Ok(())
}

pub(crate) async fn openshift_gives_it_a_user(node: &Node) -> Result<()> {
    let namespace = node.cluster.namespace().await?;
    govern(node, &namespace, ASSIGNED_USER, &["-o", "yaml"], "runAsUser: 1000680000").await?;
    let fixed = r#"--overrides={"spec":{"securityContext":{"runAsUser":65532}}}"#;
    govern(node, &namespace, RANGE_OF_USERS, &[fixed], "must be in the ranges").await?;
    namespace.restrict().await?;

    let held = namespace.create(unmanaged("held")).await?;
    let release = Release { node, helm: newest()?, namespace: &namespace };
    let install = release.install(&[])?;
    let pod = pod_that_says(&namespace, HOOK, " waiting: ").await?;
    let status = fs::read_to_string(format!("/proc/{}/status", Container::of(&pod)?.process()?))?;
    ensure!(status.contains("Uid:\t1000680000\t1000680000\t1000680000"), "{status}");
    namespace.finish(&held, Outcome::Succeeded).await?;
    install.finish(LONG).await?.expect_success()?;
    ensure!(namespace.names().await?.is_empty());
    Ok(())
}

pub(crate) async fn a_quota_says_in_the_events_of_the_job_what_is_missing(
    node: &Node,
    helm: HelmVersion,
) -> Result<()> {
    let namespace = node.cluster.namespace().await?;
    let quota = ["create", "quota", "limits", "--hard=limits.cpu=1,limits.memory=1Gi"];
    kubectl_in(&node.cluster, &namespace)?.args(quota).run().await?.expect_success()?;
    decided(node, &namespace, &[], "must specify limits.cpu").await?;
    namespace.restrict().await?;

    let release = Release { node, helm, namespace: &namespace };
    let install = release.install(&["--timeout=15s"])?;
    wait::until("the reason", || async {
        let describe = ["describe", "job", "-l", "app.kubernetes.io/name=jobsweep"];
        let described = kubectl_in(&node.cluster, &namespace)?.args(describe).run().await?;
        Ok(described.stdout().contains("must specify limits.cpu").then_some(()))
    })
    .await?;
    let install = install.finish(LONG).await?.expect_code(1)?;
    let said = if helm.is_4() { "context deadline exceeded" } else { "timed out waiting for the condition" };
    ensure!(install.stderr().contains(said), "{}", install.stderr());
    ensure!(!install.stderr().contains("limits.cpu"), "{}", install.stderr());

    release.sweeps(&["--set=resources.limits.cpu=100m"]).await
}

pub(crate) async fn policies_let_it_pass(node: &Node) -> Result<()> {
    let digest = node.digest_of(IMAGE).await?;
    let values = format!("--set=commonLabels.team=shop,resources.limits.cpu=100m,image.digest={digest}");
    let sets = [
        (BEST_PRACTICES, "labels app.kubernetes.io/name and team are required", &values[..]),
        (CONTAINERS, "the root filesystem must be read-only", "--set=when=after"),
        (ACCOUNTS, "the account default is not allowed", "--set=when=after"),
    ]
    .map(async |(policy, refused, values)| {
        let namespace = node.cluster.namespace().await?;
        govern(node, &namespace, policy, &[], refused).await?;
        namespace.restrict().await?;
        let release = Release { node, helm: newest()?, namespace: &namespace };
        release.sweeps(&[values]).await.context(refused)
    });
    try_join_all(sets).await.map(drop)
}

fn newest() -> Result<HelmVersion> {
    HelmVersion::selected()?.first().copied().context("a Helm is selected")
}

/// A Job that the test finishes.
fn unmanaged(name: &str) -> JobBuilder {
    job(name).policy("hook-succeeded").managed_by("example.com/nobody")
}

fn has_ended(pod: &Pod, container: &str) -> bool {
    let containers = pod.status.iter().flat_map(|status| status.container_statuses.iter().flatten());
    containers
        .filter(|status| status.name == container)
        .any(|status| status.state.as_ref().is_some_and(|state| state.terminated.is_some()))
}

async fn in_mesh(node: &Node) -> Result<Namespace> {
    let namespace = node.cluster.namespace().await?;
    govern(node, &namespace, MESH, &["-o", "yaml"], "istio-proxy").await?;
    namespace.restrict().await?;
    Ok(namespace)
}

/// Applies an admission policy for the pods of this namespace, and waits until the answer to such a pod is this.
async fn govern(
    node: &Node,
    namespace: &Namespace,
    policy: &str,
    probe: &[&str],
    answer: &str,
) -> Result<()> {
    let kind = policy.lines().find_map(|line| line.strip_prefix("kind: ")).context("a policy has a kind")?;
    let name = format!("{}-{}", kind.to_lowercase(), namespace.name);
    let actions = if kind.starts_with("Validating") { "  validationActions: [Deny]\n" } else { "" };
    let policy = format!(
        "\
apiVersion: admissionregistration.k8s.io/v1
metadata: {{ name: {name} }}{policy}
  matchConstraints:
    resourceRules: [{{ apiGroups: [\"\"], apiVersions: [v1], operations: [CREATE], resources: [pods] }}]
---
apiVersion: admissionregistration.k8s.io/v1
kind: {kind}Binding
metadata: {{ name: {name} }}
spec:
  policyName: {name}
{actions}  matchResources: {{ namespaceSelector: {{ matchLabels: {{ kubernetes.io/metadata.name: {namespace} }} }} }}
",
        namespace = namespace.name,
    );
    let apply = kubectl_in(&node.cluster, namespace)?.args(["apply", "-f", "-"]).stdin(policy);
    apply.run().await?.expect_success()?;
    decided(node, namespace, probe, answer).await
}

/// Admission learns of new policies and quotas a moment later.
async fn decided(node: &Node, namespace: &Namespace, probe: &[&str], answer: &str) -> Result<()> {
    wait::until(&format!("{answer:?} to be the answer"), || async {
        let run = ["run", "probe", "--image=example.com/app", "--dry-run=server"];
        let run = kubectl_in(&node.cluster, namespace)?.args(run).args(probe).run().await?;
        Ok([run.stdout(), run.stderr()].iter().any(|said| said.contains(answer)).then_some(()))
    })
    .await
}

/// The chart alone, with a hook that sweeps its namespace.
struct Release<'a> {
    node: &'a Node,
    helm: HelmVersion,
    namespace: &'a Namespace,
}

impl Release<'_> {
    fn install(&self, args: &[&str]) -> Result<Running> {
        let chart = Path::new(env!("CARGO_MANIFEST_DIR")).join("charts/jobsweep");
        let helm = Helm::new(self.helm)?.kubeconfig(self.node.cluster.kubeconfig());
        let install: Program = helm.command().args(["upgrade", "--install", "sweeper"]).arg(chart);
        let install = install.args(["--namespace", &self.namespace.name, "--set=scope=namespace"]);
        install.args(args).spawn()
    }

    /// Installs the chart, which deletes a finished Job and itself.
    async fn sweeps(&self, args: &[&str]) -> Result<()> {
        let done = self.namespace.create(unmanaged("done")).await?;
        self.namespace.finish(&done, Outcome::Succeeded).await?;
        self.install(args)?.finish(LONG).await?.expect_success()?;
        let left = self.namespace.names().await?;
        ensure!(left.is_empty(), "{left:?} are left");
        Ok(())
    }
}
