//! Kubeconfigs for the administrator, the controllers and ServiceAccounts.

use std::fs;
use std::net::SocketAddrV4;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use k8s_openapi::api::authentication::v1::{BoundObjectReference, TokenRequest, TokenRequestSpec};
use k8s_openapi::api::core::v1::{Secret, ServiceAccount};
use kube::api::{Api, DeleteParams, ObjectMeta, PostParams};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};
use serde_json::{Value, json};

use super::Namespace;
use super::certificates::{Certificates, signing_keys};

pub(super) const CA_CERT: &str = "ca.crt";
pub(super) const SERVER_CERT: &str = "server.crt";
pub(super) const SERVER_KEY: &str = "server.key";
pub(super) const SIGNING_KEY: &str = "service-accounts.key";
pub(super) const PROVING_KEY: &str = "service-accounts.pub";
pub(super) const TOKENS: &str = "tokens.csv";

const ADMIN: &str = "admin";
const CONTROLLERS: &str = "system:kube-controller-manager";

/// The cluster's URL, and the folder of its certificates and kubeconfigs.
#[derive(Clone, Debug)]
pub(super) struct Credentials {
    folder: PathBuf,
    url: String,
}

impl Credentials {
    pub(super) fn create(folder: &Path, api: SocketAddrV4) -> Result<Self> {
        let certificates = Certificates::create(*api.ip())?;
        fs::write(folder.join(CA_CERT), certificates.ca)?;
        fs::write(folder.join(SERVER_CERT), certificates.server)?;
        fs::write(folder.join(SERVER_KEY), certificates.server_key)?;
        let (signing_key, proving_key) = signing_keys()?;
        fs::write(folder.join(SIGNING_KEY), signing_key)?;
        fs::write(folder.join(PROVING_KEY), proving_key)?;
        // The token is the user's name. That is safe, because the server listens on this machine only and holds no secrets.
        let tokens = [ADMIN, CONTROLLERS].map(|user| format!("{user},{user},{user},system:masters\n"));
        fs::write(folder.join(TOKENS), tokens.concat())?;

        let credentials = Self { folder: folder.into(), url: format!("https://{api}") };
        credentials.write_kubeconfig(ADMIN, "default", &json!({ "token": ADMIN }))?;
        credentials.write_kubeconfig(CONTROLLERS, "default", &json!({ "token": CONTROLLERS }))?;
        Ok(credentials)
    }

    pub(super) fn serving_certificate(&self) -> Result<(Vec<u8>, Vec<u8>)> {
        let read = |name: &str| fs::read(self.folder.join(name));
        Ok((read(SERVER_CERT)?, read(SERVER_KEY)?))
    }

    pub(super) fn url(&self) -> &str {
        &self.url
    }

    pub(super) fn admin_kubeconfig(&self) -> PathBuf {
        self.kubeconfig(ADMIN)
    }

    pub(super) fn controllers_kubeconfig(&self) -> PathBuf {
        self.kubeconfig(CONTROLLERS)
    }

    pub(super) async fn admin_client(&self) -> Result<Client> {
        client(&self.admin_kubeconfig()).await
    }

    fn kubeconfig(&self, user: &str) -> PathBuf {
        self.folder.join(format!("{}.kubeconfig", user.replace(':', "-")))
    }

    fn write_kubeconfig(&self, user: &str, namespace: &str, user_entry: &Value) -> Result<PathBuf> {
        let config = json!({
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{
                "name": "test",
                "cluster": { "server": self.url, "certificate-authority": self.folder.join(CA_CERT) },
            }],
            "users": [{ "name": user, "user": user_entry }],
            "contexts": [{ "name": "test", "context": { "cluster": "test", "user": user, "namespace": namespace } }],
            "current-context": "test",
        });
        let path = self.kubeconfig(user);
        fs::write(&path, serde_json::to_string_pretty(&config)?)?;
        Ok(path)
    }
}

async fn client(kubeconfig: &Path) -> Result<Client> {
    let mut config =
        Config::from_custom_kubeconfig(Kubeconfig::read_from(kubeconfig)?, &KubeConfigOptions::default())
            .await?;
    // A proxy from the environment cannot reach a loopback address.
    config.proxy_url = None;
    Ok(Client::try_from(config)?)
}

/// A ServiceAccount with a kubeconfig that reads its token from a file.
#[derive(Clone, Debug)]
pub struct User {
    /// The ServiceAccount's name.
    pub name: String,
    /// The name in the audit log: `system:serviceaccount:<namespace>:<name>`.
    pub full_name: String,
    /// The kubeconfig. Its context has the ServiceAccount's namespace.
    pub kubeconfig: PathBuf,
    token_file: PathBuf,
    namespace: Namespace,
}

/// A token of a [`User`]. It expires after an hour.
#[derive(Debug)]
pub struct Token {
    /// The value of the header, after `Bearer`.
    pub value: String,
    secret: String,
    namespace: Namespace,
}

impl User {
    pub(super) async fn create(namespace: &Namespace, name: &str) -> Result<Self> {
        let metadata = ObjectMeta { name: Some(name.into()), ..Default::default() };
        let account = ServiceAccount { metadata, ..Default::default() };
        Api::<ServiceAccount>::namespaced(namespace.client(), &namespace.name)
            .create(&PostParams::default(), &account)
            .await?;

        let full_name = format!("system:serviceaccount:{}:{name}", namespace.name);
        let credentials = &namespace.credentials;
        let token_file = credentials.folder.join(format!("{}-{name}.token", namespace.name));
        let kubeconfig =
            credentials.write_kubeconfig(&full_name, &namespace.name, &json!({ "tokenFile": token_file }))?;
        let user =
            Self { name: name.into(), full_name, kubeconfig, token_file, namespace: namespace.clone() };
        user.new_token().await?;
        Ok(user)
    }

    /// Requests a new token and writes it to the file, as a kubelet does before a token expires.
    ///
    /// The token is bound to a Secret, so that [`Token::revoke`] can end it: the shortest lifetime is ten minutes.
    pub async fn new_token(&self) -> Result<Token> {
        let namespace = &self.namespace;
        let metadata =
            ObjectMeta { generate_name: Some(format!("{}-token-", self.name)), ..Default::default() };
        let secret = Api::<Secret>::namespaced(namespace.client(), &namespace.name)
            .create(&PostParams::default(), &Secret { metadata, ..Default::default() })
            .await?
            .metadata;
        let bound_to = BoundObjectReference {
            kind: Some("Secret".into()),
            api_version: Some("v1".into()),
            name: secret.name.clone(),
            uid: secret.uid,
        };
        let spec = TokenRequestSpec { bound_object_ref: Some(bound_to), ..Default::default() };
        let request = TokenRequest { spec: Some(spec), ..Default::default() };
        let value = Api::<ServiceAccount>::namespaced(namespace.client(), &namespace.name)
            .create_token_request(&self.name, &PostParams::default(), &request)
            .await?
            .status
            .and_then(|status| status.token)
            .context("a token request is answered with a token")?;
        fs::write(&self.token_file, &value)?;
        let secret = secret.name.context("a created Secret has a name")?;
        Ok(Token { value, secret, namespace: namespace.clone() })
    }

    /// The ServiceAccount's namespace.
    pub fn namespace(&self) -> &str {
        &self.namespace.name
    }

    /// A client with this ServiceAccount's rights.
    pub async fn client(&self) -> Result<Client> {
        client(&self.kubeconfig).await
    }
}

impl Token {
    /// Ends the token as its expiry would. The API server answers 401 at the latest ten seconds later, because it caches
    /// results.
    pub async fn revoke(self) -> Result<()> {
        Api::<Secret>::namespaced(self.namespace.client(), &self.namespace.name)
            .delete(&self.secret, &DeleteParams::default())
            .await?;
        Ok(())
    }
}
