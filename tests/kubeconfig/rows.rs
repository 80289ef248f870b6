//! The table: kubeconfigs and environments. A text in `<…>` is filled in by [`crate::run::Setup`].

/// The certificate of the API server.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Certificate {
    Signed,
    WithIntermediate,
    SelfSignedAuthority,
    SelfSigned,
    /// It speaks plain HTTP.
    None,
}

/// A kubeconfig, an environment, and what the way to the API server must contain.
#[derive(Clone)]
pub struct Row {
    pub name: &'static str,
    pub way: &'static str,
    server: &'static str,
    cluster: &'static str,
    user: String,
    context: &'static str,
    /// The whole kubeconfig instead of these four.
    text: Option<&'static str>,
    env: Vec<(&'static str, &'static str)>,
    files: Vec<(&'static str, String)>,
    pub kubectl_args: &'static [&'static str],
    pub jobsweep_args: &'static [&'static str],
    pub listens_on: &'static str,
    pub certificate: Certificate,
    /// The kind of the user's key.
    pub key: Option<&'static str>,
    pub in_pod: bool,
}

/// A row with a CA, a token and a namespace. `way` is what the way to the API server must contain.
pub fn row(name: &'static str, way: &'static str) -> Row {
    Row {
        name,
        way,
        server: "https://127.0.0.1:<port>",
        cluster: "certificate-authority-data: <ca>",
        user: "token: t0".to_owned(),
        context: "namespace: shop",
        text: None,
        env: Vec::new(),
        files: Vec::new(),
        kubectl_args: &[],
        jobsweep_args: &[],
        listens_on: "127.0.0.1",
        certificate: Certificate::Signed,
        key: None,
        in_pod: false,
    }
}

impl Row {
    pub fn server(self, server: &'static str) -> Self {
        Self { server, ..self }
    }

    pub fn cluster(self, cluster: &'static str) -> Self {
        Self { cluster, ..self }
    }

    pub fn user(self, user: impl Into<String>) -> Self {
        Self { user: user.into(), ..self }
    }

    pub fn context(self, context: &'static str) -> Self {
        Self { context, ..self }
    }

    pub fn text(self, text: &'static str) -> Self {
        Self { text: Some(text), ..self }
    }

    pub fn var(mut self, name: &'static str, value: &'static str) -> Self {
        self.env.push((name, value));
        self
    }

    fn file(mut self, name: &'static str, text: impl Into<String>) -> Self {
        self.files.push((name, text.into()));
        self
    }

    fn args(self, kubectl_args: &'static [&'static str], jobsweep_args: &'static [&'static str]) -> Self {
        Self { kubectl_args, jobsweep_args, ..self }
    }

    fn listens_on(self, listens_on: &'static str) -> Self {
        Self { listens_on, ..self }
    }

    pub fn certificate(self, certificate: Certificate) -> Self {
        Self { certificate, ..self }
    }

    fn key(self, kind: &'static str) -> Self {
        Self { key: Some(kind), ..self }
    }

    /// The same option for kubectl and, as a variable of Helm, for jobsweep.
    fn helm(self, kubectl_args: &'static [&'static str]) -> Self {
        Self { kubectl_args, ..self.var("HELM_BIN", "helm") }
    }

    /// In a pod there is no kubeconfig, unless the row has one.
    fn in_pod(self) -> Self {
        let row = Self { in_pod: true, ..self }.var("KUBERNETES_SERVICE_PORT", "<port>");
        row.file("pod/ca.crt", "<ca-pem>").file("pod/token", "pod-token").file("pod/namespace", "shop")
    }

    /// The kubeconfig is in `config`, and `KUBECONFIG` names it, unless the row says something else.
    pub fn env(&self) -> Vec<(String, String)> {
        let is_set = self.env.iter().any(|(name, _)| *name == "KUBECONFIG");
        let default = (!is_set && !self.in_pod).then_some(("KUBECONFIG", "<folder>/config"));
        let owned = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
        default.into_iter().chain(self.env.iter().copied()).map(owned).collect()
    }

    pub fn files(&self) -> Vec<(String, String)> {
        let Self { server, cluster, user, context, .. } = self;
        let parts = format!(
            "apiVersion: v1\nkind: Config\ncurrent-context: c\ncontexts:\n- name: c\n  context: {{cluster: k, user: u, {context}}}\nclusters:\n- name: k\n  cluster:\n    server: {server}\n    {}\nusers:\n- name: u\n  user:\n    {}\n",
            cluster.replace('\n', "\n    "),
            user.replace('\n', "\n    "),
        );
        let text = self.text.map_or(parts, str::to_owned);
        let files = self.files.iter().map(|(name, text)| ((*name).to_owned(), text.clone()));
        files.chain([("config".to_owned(), text)]).collect()
    }
}

/// A credential plugin that runs this script. `more` are further fields.
fn plugin(version: &str, more: &str, script: &str) -> String {
    format!(
        "exec:\n  apiVersion: client.authentication.k8s.io/{version}\n  {more}\n  command: sh\n  args:\n  - -c\n  - |\n    {script}\n"
    )
}

const NEVER: &str = "interactiveMode: Never";

/// What such a script prints.
fn prints(version: &str, status: &str) -> String {
    format!(
        r#"echo '{{"apiVersion":"client.authentication.k8s.io/{version}","kind":"ExecCredential","status":{{{status}}}}}'"#
    )
}

/// A script whose token is what the plugin was told: the order of the fields differs, so it takes them one by one.
fn tells(version: &str, fields: &str) -> String {
    let take = r#"echo "$KUBERNETES_EXEC_INFO" | grep -o "\"$field\":[^,}]*""#;
    let token = format!(r#"t=$(for field in {fields}; do {take}; done | tr -d '\n"')"#);
    format!("{token}; {}", prints(version, "\"token\":\"'$t'\""))
}

pub fn rows() -> Vec<Row> {
    [files(), servers(), users(), plugins(), proxies(), helm(), pods()].concat()
}

const USER_ONLY: &str = "users: [{name: u, user: {token: t0}}]\n";
const CLUSTER_ONLY: &str = "clusters: [{name: k, cluster: {server: 'https://127.0.0.1:<port>', certificate-authority-data: <ca>}}]\n";
const CONTEXT_ONLY: &str =
    "contexts: [{name: c, context: {cluster: k, user: u, namespace: shop}}]\ncurrent-context: c\n";

const HTTP: &str = "clusters: [{name: k, cluster: {server: 'http://127.0.0.1:<port>'}}]\ncontexts: [{name: c, context: {cluster: k}}]\ncurrent-context: c\n";

fn files() -> Vec<Row> {
    vec![
        row("a kubeconfig", "Bearer t0"),
        row("a kubeconfig with a byte order mark", "Bearer t0").text(
            "\u{feff}clusters: [{name: k, cluster: {server: 'https://127.0.0.1:<port>', certificate-authority-data: <ca>}}]\nusers: [{name: u, user: {token: t0}}]\ncontexts: [{name: c, context: {cluster: k, user: u}}]\ncurrent-context: c\n",
        ),
        row("a kubeconfig in JSON", "Bearer t0").text(
            r#"{"apiVersion":"v1","kind":"Config","clusters":[{"name":"k","cluster":{"server":"https://127.0.0.1:<port>","certificate-authority-data":"<ca>"}}],"users":[{"name":"u","user":{"token":"t0"}}],"contexts":[{"name":"c","context":{"cluster":"k","user":"u"}}],"current-context":"c"}"#,
        ),
        row("a kubeconfig with the line ends of Windows", "Bearer t0").text(
            "---\r\nclusters:\r\n- name: k\r\n  cluster:\r\n    server: https://127.0.0.1:<port>\r\n    certificate-authority-data: <ca>\r\nusers:\r\n- name: u\r\n  user: {token: t0}\r\ncontexts:\r\n- name: c\r\n  context: {cluster: k, user: u}\r\ncurrent-context: c\r\n",
        ),
        row("a kubeconfig with anchors, extensions and unknown fields", "Bearer t0").text(
            "future: 1\npreferences: {colors: true}\nextensions: [{name: x, extension: {a: [1]}}]\nclusters: [{name: k, cluster: &k {server: 'https://127.0.0.1:<port>', certificate-authority-data: <ca>, extensions: [{name: w, extension: {z: ''}}], unknown: {}}}, {name: l, cluster: *k}]\nusers: [{name: u, user: {token: t0}}]\ncontexts: [{name: c, context: {cluster: l, user: u, extensions: []}}]\ncurrent-context: c\n",
        ),
        row("other entries without their parts", "Bearer t0").text(
            "clusters: [{name: k, cluster: {server: 'https://127.0.0.1:<port>', certificate-authority-data: <ca>}}, {name: l}, {name: m, cluster: {}}]\nusers: [{name: u, user: {token: t0}}, {name: v}, {name: w, user: null}]\ncontexts: [{name: d, context: {cluster: '', user: ''}}, {name: e}, {name: c, context: {cluster: k, user: u}}]\ncurrent-context: c\n",
        ),
        row("a second document", "Bearer t0").text(
            "clusters: [{name: k, cluster: {server: 'https://127.0.0.1:<port>', certificate-authority-data: <ca>}}]\nusers: [{name: u, user: {token: t0}}]\ncontexts: [{name: c, context: {cluster: k, user: u}}]\ncurrent-context: c\n---\ncurrent-context: d\n",
        ),
        row("booleans of YAML 1.1", "Bearer t0").cluster("insecure-skip-tls-verify: yes"),
        row("a kubeconfig in three files", "Bearer t0")
            .var("KUBECONFIG", "<folder>/a:<folder>/b:<folder>/d")
            .file("a", USER_ONLY).file("b", CLUSTER_ONLY).file("d", CONTEXT_ONLY),
        row("the first file to name a user wins", "Bearer first")
            .var("KUBECONFIG", "<folder>/a:<folder>/config")
            .file("a", "users: [{name: u, user: {token: first}}]\n"),
        row("files that do not exist are skipped", "Bearer t0").var("KUBECONFIG", "/no/such/file:<folder>/config:/no/such/other"),
        row("an empty file is a kubeconfig", "Bearer t0").var("KUBECONFIG", "<folder>/empty:<folder>/config").file("empty", ""),
        row("an empty path is no file", "Bearer t0").var("KUBECONFIG", ":<folder>/config::"),
        row("the same file twice", "Bearer t0").var("KUBECONFIG", "<folder>/config:<folder>/config"),
        row("the default file", "Bearer home").var("KUBECONFIG", "").file(".kube/config",
            "clusters: [{name: k, cluster: {server: 'https://127.0.0.1:<port>', certificate-authority-data: <ca>}}]\nusers: [{name: u, user: {token: home}}]\ncontexts: [{name: c, context: {cluster: k, user: u}}]\ncurrent-context: c\n"),
        row("an empty current context is none", "Bearer t0").var("KUBECONFIG", "<folder>/a:<folder>/config")
            .file("a", "current-context: ''\nclusters: null\nusers: null\ncontexts: null\n"),
        row("another file has the current context", "Bearer other").var("KUBECONFIG", "<folder>/a:<folder>/config")
            .file("a", "current-context: d\ncontexts: [{name: d, context: {cluster: k, user: v}}]\nusers: [{name: v, user: {token: other}}]\n"),
        row("a context by option", "Bearer other").args(&["--context=d"], &["--context=d"]).var("KUBECONFIG", "<folder>/config:<folder>/a")
            .file("a", "contexts: [{name: d, context: {cluster: k, user: v}}]\nusers: [{name: v, user: {token: other}}]\n"),
        row("a kubeconfig by option", "Bearer t0").args(&["--kubeconfig=config"], &["--kubeconfig=config"]).var("KUBECONFIG", "/no/such/file"),
        row("a context without a user", "headers: {}").text(HTTP).certificate(Certificate::None),
        row("a user that does not exist", "headers: {}").certificate(Certificate::None).text("clusters: [{name: k, cluster: {server: 'http://127.0.0.1:<port>'}}]\ncontexts: [{name: c, context: {cluster: k, user: nobody}}]\ncurrent-context: c\n"),
        row("a context without a namespace", "namespace: \"default\"").context(""),
        row("an empty namespace", "namespace: \"default\"").context("namespace: ''"),
        row("paths beside the kubeconfig", "Bearer beside").var("KUBECONFIG", "<folder>/elsewhere/config")
            .file("elsewhere/ca.pem", "<ca-pem>").file("elsewhere/token", "beside").file("elsewhere/config",
            "clusters: [{name: k, cluster: {server: 'https://127.0.0.1:<port>', certificate-authority: ca.pem}}]\nusers: [{name: u, user: {tokenFile: ./token}}]\ncontexts: [{name: c, context: {cluster: k, user: u}}]\ncurrent-context: c\n"),
    ]
}

fn servers() -> Vec<Row> {
    use Certificate::{SelfSigned, SelfSignedAuthority, WithIntermediate};
    vec![
        row("an IPv6 address", "Bearer t0").server("https://[::1]:<port>").listens_on("::1"),
        row("no credentials go to a server without TLS", "headers: {}")
            .server("http://127.0.0.1:<port>")
            .certificate(Certificate::None),
        row("a server without TLS and an impersonated user", "headers: {\"impersonate-user\": [\"ann\"]}")
            .server("http://127.0.0.1:<port>")
            .certificate(Certificate::None)
            .user("token: t0\nas: ann"),
        row("a host name", "server_name: Some(\"localhost\")").server("https://localhost:<port>"),
        row("a path before the API", "prefix: \"/k8s/clusters/c-1\"")
            .server("https://127.0.0.1:<port>/k8s/clusters/c-1"),
        row("a path with a slash at its end", "prefix: \"/k8s\"").server("https://127.0.0.1:<port>/k8s/"),
        row("the name of the TLS server", "server_name: Some(\"api.test\")")
            .cluster("certificate-authority-data: <ca>\ntls-server-name: api.test"),
        row("the address of the TLS server", "server_name: None")
            .server("https://localhost:<port>")
            .cluster("certificate-authority-data: <ca>\ntls-server-name: 127.0.0.1"),
        row("an unknown certificate that is accepted", "Bearer t0").cluster("insecure-skip-tls-verify: true"),
        row("another name that is accepted", "Bearer t0")
            .server("https://127.0.0.2:<port>")
            .listens_on("127.0.0.2")
            .cluster("insecure-skip-tls-verify: true"),
        row("a certificate authority wrapped over lines", "Bearer t0")
            .cluster("certificate-authority-data: |<ca-wrapped>"),
        row("a file of the certificate authority with empty data", "Bearer t0")
            .cluster("certificate-authority: ca.pem\ncertificate-authority-data: ''")
            .file("ca.pem", "<ca-pem>"),
        row("data of the certificate authority with an empty file", "Bearer t0")
            .cluster("certificate-authority: ''\ncertificate-authority-data: <ca>"),
        row("a bundle of certificate authorities with remarks", "Bearer t0")
            .cluster("certificate-authority: ca.pem")
            .file("ca.pem", "# another\n<other-ca-pem>\n# Subject: ours\n<ca-pem>\n"),
        row("the certificate authorities of the system", "Bearer t0")
            .cluster("")
            .var("SSL_CERT_FILE", "<folder>/ca.pem")
            .file("ca.pem", "<ca-pem>"),
        row("a server that sends an intermediate certificate", "Bearer t0").certificate(WithIntermediate),
        row("a server certificate that signed itself as an authority", "Bearer t0")
            .certificate(SelfSignedAuthority)
            .cluster("certificate-authority-data: <server-certificate>"),
        row("a server certificate that signed itself", "Bearer t0")
            .certificate(SelfSigned)
            .cluster("certificate-authority-data: <server-certificate>"),
        row("a server certificate that another authority signed", "Bearer t0")
            .cluster("certificate-authority-data: <server-certificate>"),
        row("the server's own certificate and another name", "server_name: Some(\"api.test\")")
            .certificate(SelfSignedAuthority)
            .cluster("certificate-authority-data: <server-certificate>\ntls-server-name: api.test"),
        row("empty fields of a cluster", "Bearer t0").cluster(
            "certificate-authority-data: <ca>\nproxy-url: ''\ntls-server-name: ''\nextensions: null",
        ),
    ]
}

fn users() -> Vec<Row> {
    const DATA: &str = "client-certificate-data: <certificate>\nclient-key-data: <key>";
    let keys = [
        ("a client certificate with an RSA key, PKCS#1", "RSA, PKCS#1"),
        ("a client certificate with an RSA key, PKCS#8", "RSA, PKCS#8"),
        ("a client certificate with an EC key, SEC1", "EC, SEC1"),
        ("a client certificate with an EC key, SEC1 with parameters", "EC, SEC1 with parameters"),
        ("a client certificate with an EC key, PKCS#8", "EC, PKCS#8"),
        ("a client certificate with an EC key, P-384", "EC P-384"),
        ("a client certificate with an Ed25519 key", "Ed25519"),
    ];
    let keys = keys.map(|(name, kind)| row(name, kind).user(DATA).key(kind));
    let others = vec![
        row("a client certificate in files", "Ed25519").key("Ed25519").user("client-certificate: tls.crt\nclient-key: tls.key")
            .file("tls.crt", "<certificate-pem>").file("tls.key", "<key-pem>"),
        row("a client certificate and its key in one file", "RSA, PKCS#1").key("RSA, PKCS#1")
            .user("client-certificate: tls.pem\nclient-key: tls.pem").file("tls.pem", "<key-pem><certificate-pem>"),
        row("a client certificate wrapped over lines", "Ed25519").key("Ed25519")
            .user("client-certificate-data: |<certificate-wrapped>\nclient-key-data: |<key-wrapped>"),
        row("a client certificate in data with empty files", "Ed25519").key("Ed25519")
            .user("client-certificate: ''\nclient-key: ''\nclient-certificate-data: <certificate>\nclient-key-data: <key>"),
        row("a client certificate and a token", "Bearer both").key("Ed25519")
            .user("token: both\nclient-certificate-data: <certificate>\nclient-key-data: <key>"),
        row("a token file", "Bearer from-file").user("tokenFile: <folder>/token").file("token", "from-file"),
        row("a token file that ends in a line break", "Bearer from-file").user("tokenFile: token").file("token", "from-file\n"),
        row("a token file has precedence over a token", "Bearer from-file").user("token: inline\ntokenFile: token").file("token", "from-file"),
        row("a token and an empty path of a token file", "Bearer inline").user("token: inline\ntokenFile: ''"),
        row("a token and a token file that does not exist", "Bearer inline").user("token: inline\ntokenFile: no-such-file"),
        row("a password", "Basic YW5uOnNlY3JldA==").user("username: ann\npassword: secret"),
        row("a user with an empty password", "Basic YW5uOg==").user("username: ann\npassword: ''"),
        row("empty fields of a user", "Bearer t0")
            .user("token: t0\nusername: ''\npassword: ''\ntokenFile: ''\nas: ''\nclient-certificate-data: ''\nclient-key-data: ''"),
        row("an impersonated user", "\"impersonate-user\": [\"ann\"]").user("token: t0\nas: ann"),
        row("an impersonated user with groups, UID and more", "\"impersonate-extra-scopes\": [\"a\", \"b\"]")
            .user("token: t0\nas: ann\nas-uid: '7'\nas-groups: [dev, ops]\nas-user-extra: {scopes: [a, b], 'example.com/x': [z]}"),
        row("a token for OpenID Connect", "Bearer e30.eyJleHAiOjQxMDI0NDQ4MDB9.x")
            .user("auth-provider: {name: oidc, config: {id-token: e30.eyJleHAiOjQxMDI0NDQ4MDB9.x, client-id: c, idp-issuer-url: 'https://issuer.test'}}"),
    ];
    keys.into_iter().chain(others).collect()
}

fn plugins() -> Vec<Row> {
    const TOKEN: &str = "\"token\":\"p\"";
    vec![
        row("a credential plugin of v1", "Bearer p").user(plugin("v1", NEVER, &prints("v1", TOKEN))),
        row("a credential plugin of v1beta1", "Bearer p").user(plugin("v1beta1", "", &prints("v1beta1", TOKEN))),
        row("a credential plugin that may ask its user", "Bearer p")
            .user(plugin("v1", "interactiveMode: IfAvailable", &prints("v1", TOKEN))),
        row("a credential plugin with variables", "Bearer p-q")
            .user(plugin("v1", "interactiveMode: Never\n  env: [{name: P, value: p}, {name: Q, value: ''}]", &prints("v1", "\"token\":\"'$P-${Q-unset}q'\""))),
        row("a credential plugin whose token has expired", "Bearer p")
            .user(plugin("v1", NEVER, &prints("v1", "\"token\":\"p\",\"expirationTimestamp\":\"2020-01-01T00:00:00Z\""))),
        row("a credential plugin beside the kubeconfig", "Bearer p").file("bin/plugin.sh",
            format!("#!/bin/sh\n{}\n", prints("v1", TOKEN)))
            .user("exec:\n  apiVersion: client.authentication.k8s.io/v1\n  interactiveMode: Never\n  command: ./bin/plugin.sh"),
        row("a credential plugin on the path", "Bearer p").var("PATH", "/usr/bin:/bin:<folder>/bin").file("bin/plugin.sh",
            format!("#!/bin/sh\n{}\n", prints("v1", TOKEN)))
            .user("exec:\n  apiVersion: client.authentication.k8s.io/v1\n  interactiveMode: Never\n  command: plugin.sh\n  args: null\n  env: null"),
        row("a credential plugin that returns a client certificate", "EC, PKCS#8").key("EC, PKCS#8").file("credential",
            "{\"apiVersion\":\"client.authentication.k8s.io/v1\",\"kind\":\"ExecCredential\",\"status\":{\"clientCertificateData\":<certificate-json>,\"clientKeyData\":<key-json>}}")
            .user(plugin("v1", NEVER, "cat <folder>/credential")),
        row("a credential plugin that returns a client certificate and a token", "Bearer p").key("EC, PKCS#8").file("credential",
            "{\"apiVersion\":\"client.authentication.k8s.io/v1\",\"kind\":\"ExecCredential\",\"status\":{\"token\":\"p\",\"clientCertificateData\":<certificate-json>,\"clientKeyData\":<key-json>}}")
            .user(plugin("v1", NEVER, "cat <folder>/credential")),
        row("a credential plugin that is told the cluster", "https://127.0.0.1:<port>")
            .cluster("certificate-authority-data: <ca>\ntls-server-name: api.test\nextensions: [{name: client.authentication.k8s.io/exec, extension: {audience: shop}}]")
            .user(plugin("v1", "interactiveMode: Never
  provideClusterInfo: true", &tells("v1", "server tls-server-name certificate-authority-data audience interactive apiVersion"))),
        row("a credential plugin of v1beta1 that is told the cluster", "certificate-authority-data:<ca>")
            .cluster("certificate-authority: ca.pem").file("ca.pem", "<ca-pem>")
            .user(plugin("v1beta1", "provideClusterInfo: true", &tells("v1beta1", "server certificate-authority-data apiVersion"))),
        row("a token has precedence over a credential plugin", "Bearer t0")
            .user(format!("token: t0\n{}", plugin("v1", NEVER, "exit 9"))),
        row("a client certificate has precedence over a credential plugin", "Ed25519").key("Ed25519")
            .user(format!("client-certificate-data: <certificate>\nclient-key-data: <key>\n{}", plugin("v1", NEVER, "exit 9"))),
    ]
}

fn proxies() -> Vec<Row> {
    const NAMED: &str = "https://api.test:6443";
    // A local address that is no loopback address, so that proxies of the environment count.
    const LOCAL: &str = "https://0.0.0.0:<port>";
    const DIRECT: &str = "through: \"direct\"";
    vec![
        row("an HTTP proxy of the kubeconfig", "http proxy: CONNECT api.test:6443 HTTP/1.1 by nobody")
            .server(NAMED)
            .cluster("certificate-authority-data: <ca>\nproxy-url: http://<http>"),
        row("an HTTP proxy with credentials", "by Basic dTpwQHNz")
            .server(NAMED)
            .cluster("certificate-authority-data: <ca>\nproxy-url: http://u:p%40ss@<http>"),
        row("an HTTPS proxy", "https proxy: CONNECT api.test:6443")
            .server(NAMED)
            .cluster("certificate-authority-data: <ca>\nproxy-url: https://<https>"),
        row("an HTTPS proxy with credentials", "by Basic dTpw")
            .server(NAMED)
            .cluster("certificate-authority-data: <ca>\nproxy-url: https://u:p@<https>"),
        row("a SOCKS5 proxy", "socks5 proxy: api.test 6443 by nobody")
            .server(NAMED)
            .cluster("certificate-authority-data: <ca>\nproxy-url: socks5://<socks5>"),
        row("a SOCKS5 proxy with credentials", "socks5 proxy: api.test 6443 by u:p@ss")
            .server(NAMED)
            .cluster("certificate-authority-data: <ca>\nproxy-url: socks5://u:p%40ss@<socks5>"),
        row("a SOCKS5 proxy of the environment that resolves names", "socks5 proxy: api.test")
            .server(NAMED)
            .var("HTTPS_PROXY", "socks5h://<socks5>"),
        row("an HTTP proxy to an IPv6 address", "CONNECT [::1]:")
            .server("https://[::1]:<port>")
            .listens_on("::1")
            .cluster("certificate-authority-data: <ca>\nproxy-url: http://<http>"),
        row("a SOCKS5 proxy to an IPv6 address", "socks5 proxy: ::1")
            .server("https://[::1]:<port>")
            .listens_on("::1")
            .cluster("certificate-authority-data: <ca>\nproxy-url: socks5://<socks5>"),
        row("a proxy and the default port", "CONNECT api.test:443")
            .server("https://api.test")
            .cluster("certificate-authority-data: <ca>\nproxy-url: http://<http>"),
        row("a proxy, a path and a client certificate", "prefix: \"/k8s\"")
            .server("https://api.test/k8s")
            .key("Ed25519")
            .cluster("certificate-authority-data: <ca>\nproxy-url: http://<http>")
            .user("client-certificate-data: <certificate>\nclient-key-data: <key>"),
        row("a proxy of the kubeconfig to a loopback address", "http proxy")
            .cluster("certificate-authority-data: <ca>\nproxy-url: http://<http>"),
        row("NO_PROXY does not except from the proxy of the kubeconfig", "http proxy")
            .cluster("certificate-authority-data: <ca>\nproxy-url: http://<http>")
            .var("NO_PROXY", "*"),
        row("the host of the kubeconfig's proxy in NO_PROXY", "http proxy")
            .server(NAMED)
            .cluster("certificate-authority-data: <ca>\nproxy-url: http://<http>")
            .var("NO_PROXY", "127.0.0.1"),
        row("the proxy of the kubeconfig has precedence over that of the environment", "socks5 proxy")
            .server(NAMED)
            .cluster("certificate-authority-data: <ca>\nproxy-url: socks5://<socks5>")
            .var("HTTPS_PROXY", "http://<http>"),
        row("a proxy of the environment", "http proxy: CONNECT api.test:6443")
            .server(NAMED)
            .var("HTTPS_PROXY", "http://<http>"),
        row("a proxy of the environment in small letters", "http proxy")
            .server(NAMED)
            .var("https_proxy", "http://<http>"),
        row("proxies of the environment in large and small letters", "http proxy")
            .server(NAMED)
            .var("HTTPS_PROXY", "http://<http>")
            .var("https_proxy", "socks5://<socks5>"),
        row("a proxy of the environment without a scheme", "http proxy")
            .server(NAMED)
            .var("HTTPS_PROXY", "<http>"),
        row("a proxy of the environment with credentials", "by Basic dTpw")
            .server(NAMED)
            .var("HTTPS_PROXY", "u:p@<http>"),
        row("an HTTPS proxy of the environment", "https proxy")
            .server(NAMED)
            .var("HTTPS_PROXY", "https://<https>"),
        row("a SOCKS5 proxy of the environment", "socks5 proxy: api.test 6443 by u:p")
            .server(NAMED)
            .var("HTTPS_PROXY", "socks5://u:p@<socks5>"),
        row("an empty proxy-url and a proxy of the environment", "http proxy")
            .server(NAMED)
            .cluster("certificate-authority-data: <ca>\nproxy-url: ''")
            .var("HTTPS_PROXY", "http://<http>"),
        row("a loopback address takes no proxy of the environment", DIRECT)
            .var("HTTPS_PROXY", "http://<http>"),
        row("localhost takes no proxy of the environment", DIRECT)
            .server("https://localhost:<port>")
            .var("HTTPS_PROXY", "http://<http>"),
        row("an IPv6 loopback address takes no proxy of the environment", DIRECT)
            .server("https://[::1]:<port>")
            .listens_on("::1")
            .var("HTTPS_PROXY", "http://<http>"),
        row("another local address takes the proxy of the environment", "http proxy")
            .server(LOCAL)
            .var("HTTPS_PROXY", "http://<http>"),
        row("NO_PROXY excepts an address", DIRECT)
            .server(LOCAL)
            .var("HTTPS_PROXY", "http://<http>")
            .var("NO_PROXY", "10.0.0.1, 0.0.0.0"),
        row("NO_PROXY in small letters", DIRECT)
            .server(LOCAL)
            .var("HTTPS_PROXY", "http://<http>")
            .var("no_proxy", "0.0.0.0"),
        row("NO_PROXY excepts a network", DIRECT)
            .server(LOCAL)
            .var("HTTPS_PROXY", "http://<http>")
            .var("NO_PROXY", "0.0.0.0/8"),
        row("NO_PROXY excepts an address with a port", DIRECT)
            .server(LOCAL)
            .var("HTTPS_PROXY", "http://<http>")
            .var("NO_PROXY", "0.0.0.0:<port>"),
        row("NO_PROXY with another port", "http proxy")
            .server(LOCAL)
            .var("HTTPS_PROXY", "http://<http>")
            .var("NO_PROXY", "0.0.0.0:1"),
        row("NO_PROXY excepts everything", DIRECT)
            .server(LOCAL)
            .var("HTTPS_PROXY", "http://<http>")
            .var("NO_PROXY", "*"),
        row("NO_PROXY names the proxy", "http proxy")
            .server(LOCAL)
            .var("HTTPS_PROXY", "http://<http>")
            .var("NO_PROXY", "127.0.0.1"),
        row("NO_PROXY that ends in a comma", "http proxy")
            .server(NAMED)
            .var("HTTPS_PROXY", "http://<http>")
            .var("NO_PROXY", "a,b,"),
        row("NO_PROXY with another domain", "http proxy")
            .server(NAMED)
            .var("HTTPS_PROXY", "http://<http>")
            .var("NO_PROXY", "pi.test,.api.test,*.api.test"),
        row("ALL_PROXY is not read", DIRECT)
            .server(LOCAL)
            .var("ALL_PROXY", "http://<http>")
            .var("all_proxy", "http://<http>"),
        row("HTTP_PROXY is for HTTP", DIRECT).server(LOCAL).var("HTTP_PROXY", "http://<http>"),
    ]
}

fn helm() -> Vec<Row> {
    vec![
        row("Helm's context", "Bearer other").helm(&["--context=d"]).var("HELM_KUBECONTEXT", "d").var("KUBECONFIG", "<folder>/config:<folder>/a")
            .file("a", "contexts: [{name: d, context: {cluster: k, user: v}}]\nusers: [{name: v, user: {token: other}}]\n"),
        row("Helm's server", "prefix: \"/helm\"").helm(&["--server=https://127.0.0.1:<port>/helm"]).var("HELM_KUBEAPISERVER", "https://127.0.0.1:<port>/helm"),
        row("Helm's server has no other name", "server_name: None").helm(&["--server=https://127.0.0.1:<port>"]).var("HELM_KUBEAPISERVER", "https://127.0.0.1:<port>")
            .cluster("certificate-authority-data: <ca>\ntls-server-name: api.test"),
        row("Helm's name of the TLS server", "server_name: Some(\"api.test\")").helm(&["--tls-server-name=api.test"]).var("HELM_KUBETLS_SERVER_NAME", "api.test"),
        row("Helm's token", "Bearer helm").helm(&["--token=helm"]).var("HELM_KUBETOKEN", "helm"),
        row("Helm's token beside a client certificate", "Ed25519").key("Ed25519").helm(&["--token=helm"]).var("HELM_KUBETOKEN", "helm")
            .user("client-certificate-data: <certificate>\nclient-key-data: <key>"),
        row("Helm's token instead of a credential plugin", "Bearer helm").helm(&["--token=helm"]).var("HELM_KUBETOKEN", "helm")
            .user(plugin("v1", NEVER, "exit 9")),
        row("a token file has precedence over Helm's token", "Bearer from-file").helm(&["--token=helm"]).var("HELM_KUBETOKEN", "helm").user("tokenFile: token").file("token", "from-file"),
        row("Helm's certificate authority", "Bearer t0").helm(&["--certificate-authority=<folder>/ca.pem"]).var("HELM_KUBECAFILE", "<folder>/ca.pem")
            .cluster("certificate-authority-data: <other-ca>").file("ca.pem", "<ca-pem>"),
        row("Helm accepts any certificate", "Bearer t0").helm(&["--insecure-skip-tls-verify"]).var("HELM_KUBEINSECURE_SKIP_TLS_VERIFY", "T").cluster("certificate-authority-data: <other-ca>"),
        row("Helm's certificate authority is checked in spite of the kubeconfig", "Bearer t0").helm(&["--certificate-authority=<folder>/ca.pem"])
            .var("HELM_KUBECAFILE", "<folder>/ca.pem").cluster("insecure-skip-tls-verify: true").file("ca.pem", "<ca-pem>"),
        row("Helm impersonates", "\"impersonate-user\": [\"mary\"]").helm(&["--as=mary", "--as-group=a", "--as-group=b"]).var("HELM_KUBEASUSER", "mary").var("HELM_KUBEASGROUPS", "a,b"),
        row("Helm impersonates another than the kubeconfig", "\"impersonate-group\": [\"staff\"]").helm(&["--as=mary"]).var("HELM_KUBEASUSER", "mary")
            .user("token: t0\nas: ann\nas-groups: [staff]"),
        row("Helm without a kubeconfig", "Bearer helm").helm(&["--server=https://127.0.0.1:<port>", "--token=helm", "--certificate-authority=<folder>/ca.pem"])
            .var("KUBECONFIG", "/no/such/file").var("HELM_KUBEAPISERVER", "https://127.0.0.1:<port>").var("HELM_KUBETOKEN", "helm")
            .var("HELM_KUBECAFILE", "<folder>/ca.pem").file("ca.pem", "<ca-pem>"),
    ]
}

fn pods() -> Vec<Row> {
    const KUBECONFIG: (&str, &str) = ("KUBECONFIG", "<folder>/config");
    const V4: (&str, &str) = ("KUBERNETES_SERVICE_HOST", "127.0.0.1");
    let v4 = |row: Row| row.in_pod().var(V4.0, V4.1);
    vec![
        v4(row("in a pod", "Bearer pod-token")),
        v4(row("in a pod with an IPv6 address", "Bearer pod-token").listens_on("::1")).var(V4.0, "::1"),
        v4(row("in a pod whose token ends in a line break", "Bearer line")).file("pod/token", "line\n"),
        v4(row("in a pod with a namespace of its own choice", "namespace: \"chosen\""))
            .var("POD_NAMESPACE", "chosen"),
        v4(row("in a pod with a kubeconfig", "Bearer t0")).var(KUBECONFIG.0, KUBECONFIG.1),
        v4(row("in a pod with a kubeconfig without a namespace", "namespace: \"shop\"").context(""))
            .var(KUBECONFIG.0, KUBECONFIG.1),
        v4(row("in a pod with a kubeconfig that does not exist", "Bearer pod-token"))
            .var(KUBECONFIG.0, "/no/such/file"),
        v4(row("in a pod with a kubeconfig without a current context", "Bearer pod-token")
            .text("kind: Config\n"))
        .var(KUBECONFIG.0, KUBECONFIG.1),
        v4(row("in a pod with a proxy", "through: \"direct\"")).var("HTTPS_PROXY", "http://<http>"),
        v4(row("in a pod with Helm's token", "Bearer helm").helm(&["--token=helm"]))
            .var("HELM_KUBETOKEN", "helm"),
    ]
}
