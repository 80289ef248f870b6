//! A test's namespace, its ServiceAccounts and their rights.

use std::process;
use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::Result;
use futures_util::{StreamExt, TryStreamExt, stream};
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::{self as core, Pod, ServiceAccount};
use k8s_openapi::api::rbac::v1::{
    ClusterRole, ClusterRoleBinding, PolicyRule, Role, RoleBinding, RoleRef, Subject,
};
use kube::Client;
use kube::api::{Api, DeleteParams, ObjectMeta, Patch, PatchParams, PostParams};
use serde_json::json;

use super::access::Credentials;
use super::{ControlPlane, User};
use crate::wait;

/// A namespace that only one test uses.
#[derive(Clone)]
pub struct Namespace {
    /// The name.
    pub name: String,
    client: Client,
    pub(super) credentials: Credentials,
}

impl std::fmt::Debug for Namespace {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Namespace").field(&self.name).finish()
    }
}

impl ControlPlane {
    /// Creates a namespace and waits until pods can be created in it.
    pub async fn namespace(&self) -> Result<Namespace> {
        static COUNT: AtomicU32 = AtomicU32::new(1);
        let name = format!("test-{}-{}", process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let namespace = Namespace { name, client: self.client(), credentials: self.credentials.clone() };
        Api::<core::Namespace>::all(self.client())
            .create(
                &PostParams::default(),
                &core::Namespace { metadata: named(&namespace.name), ..Default::default() },
            )
            .await?;
        let accounts = Api::<ServiceAccount>::namespaced(self.client(), &namespace.name);
        wait::until("the default ServiceAccount", || async { Ok(accounts.get_opt("default").await?) })
            .await?;
        Ok(namespace)
    }

    /// Creates namespaces in which only Jobs are needed.
    pub async fn create_namespaces(&self, names: &[String]) -> Result<()> {
        let api = &Api::<core::Namespace>::all(self.client());
        let create = |name: &String| {
            let namespace = core::Namespace { metadata: named(name), ..Default::default() };
            async move { api.create(&PostParams::default(), &namespace).await.map(drop) }
        };
        Ok(stream::iter(names.iter().map(create)).buffer_unordered(32).try_collect().await?)
    }
}

impl Namespace {
    /// The administrator's client.
    pub fn client(&self) -> Client {
        self.client.clone()
    }

    /// Enforces the Pod Security level `restricted`.
    pub async fn restrict(&self) -> Result<()> {
        let label =
            json!({ "metadata": { "labels": { "pod-security.kubernetes.io/enforce": "restricted" } } });
        Api::<core::Namespace>::all(self.client())
            .patch(&self.name, &PatchParams::default(), &Patch::Merge(label))
            .await?;
        Ok(())
    }

    /// The Jobs, as the administrator.
    pub fn jobs(&self) -> Api<Job> {
        Api::namespaced(self.client(), &self.name)
    }

    /// Deletes a Job, and waits until it is gone.
    pub async fn remove(&self, job: &str) -> Result<()> {
        self.jobs().delete(job, &DeleteParams::background()).await?;
        self.until_gone(job).await
    }

    /// Waits until a Job is gone.
    pub async fn until_gone(&self, job: &str) -> Result<()> {
        let jobs = self.jobs();
        wait::until("the Job to be gone", || async { Ok(jobs.get_opt(job).await?.is_none().then_some(())) })
            .await
    }

    /// The pods, as the administrator.
    pub fn pods(&self) -> Api<Pod> {
        Api::namespaced(self.client(), &self.name)
    }

    /// Creates a ServiceAccount without rights.
    pub async fn user(&self, name: &str) -> Result<User> {
        User::create(self, name).await
    }

    /// Gives a ServiceAccount of any namespace a Role in this one.
    pub async fn allow(&self, user: &User, rules: Vec<PolicyRule>) -> Result<()> {
        let metadata = generated(user);
        let role = Role { metadata: metadata.clone(), rules: Some(rules) };
        let role = Api::namespaced(self.client(), &self.name).create(&PostParams::default(), &role).await?;
        let binding = RoleBinding {
            metadata,
            role_ref: role_ref("Role", role.metadata),
            subjects: Some(vec![subject(user)]),
        };
        Api::namespaced(self.client(), &self.name).create(&PostParams::default(), &binding).await?;
        Ok(())
    }

    /// Gives a ServiceAccount a ClusterRole.
    pub async fn allow_everywhere(&self, user: &User, rules: Vec<PolicyRule>) -> Result<()> {
        let metadata = generated(user);
        let role = ClusterRole { metadata: metadata.clone(), rules: Some(rules), ..Default::default() };
        let role = Api::all(self.client()).create(&PostParams::default(), &role).await?;
        let binding = ClusterRoleBinding {
            metadata,
            role_ref: role_ref("ClusterRole", role.metadata),
            subjects: Some(vec![subject(user)]),
        };
        Api::all(self.client()).create(&PostParams::default(), &binding).await?;
        Ok(())
    }
}

/// A rule of a Role: `rule("batch", "jobs", &["list", "watch", "delete"])`.
pub fn rule(group: &str, resource: &str, verbs: &[&str]) -> PolicyRule {
    PolicyRule {
        api_groups: Some(vec![group.into()]),
        resources: Some(vec![resource.into()]),
        verbs: verbs.iter().map(|&verb| verb.into()).collect(),
        ..Default::default()
    }
}

fn named(name: &str) -> ObjectMeta {
    ObjectMeta { name: Some(name.into()), ..Default::default() }
}

fn generated(user: &User) -> ObjectMeta {
    ObjectMeta { generate_name: Some(format!("{}-", user.name)), ..Default::default() }
}

fn role_ref(kind: &str, role: ObjectMeta) -> RoleRef {
    RoleRef {
        api_group: Some("rbac.authorization.k8s.io".into()),
        kind: kind.into(),
        name: role.name.unwrap_or_default(),
    }
}

fn subject(user: &User) -> Subject {
    Subject {
        kind: "ServiceAccount".into(),
        name: user.name.clone(),
        namespace: Some(user.namespace().into()),
        ..Default::default()
    }
}
