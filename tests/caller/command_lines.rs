//! Each line of the table, with what the real Helm does with it.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use jobsweep_harness::control_plane::ControlPlane;
use jobsweep_harness::k8s_openapi::api::core::v1::Secret;
use jobsweep_harness::kube::api::ListParams;
use jobsweep_harness::kube::{Api, Client};
use jobsweep_harness::tools::HelmVersion;
use jobsweep_harness::{trials, trials::Trial};
use serde_yaml::Value;
use tokio::time::sleep;

use crate::setup::Setup;
use crate::table::{Row, call, rows};

pub(crate) fn trials() -> Vec<Trial> {
    trials![helm_does_what_is_read]
}

/// The namespaces of the table.
struct Namespaces {
    a: String,
    b: String,
    c: String,
}

/// What Helm did, as its chart says.
#[derive(Debug)]
struct Did {
    release: String,
    namespace: String,
    asked: bool,
}

pub(crate) async fn helm_does_what_is_read(cluster: &ControlPlane, version: HelmVersion) -> Result<()> {
    let mut setup = Setup::new(version)?;
    let [a, b, c] = [cluster.namespace().await?, cluster.namespace().await?, cluster.namespace().await?];
    let client = a.client();
    let namespaces = Namespaces { a: a.name, b: b.name, c: c.name };
    let (main, other) = (setup.helm.home().join("main"), setup.helm.home().join("other"));
    write_kubeconfig(&cluster.kubeconfig(), &main, "main", &namespaces)?;
    write_kubeconfig(&cluster.kubeconfig(), &other, "other", &namespaces)?;
    setup.helm = setup.helm.kubeconfig(&main);
    // `-fn<namespace>` is a file of values.
    fs::write(setup.helm.home().join(format!("n{}", namespaces.b)), "x: 1\n")?;
    for namespace in [&namespaces.a, &namespaces.b, &namespaces.c] {
        let install = setup.call().args(["install", "shop"]).arg(&setup.chart).args(["-n", namespace]);
        install.run().await?.expect_success()?;
    }

    let mut wrong = Vec::new();
    for row in rows() {
        // Helm makes a name of the chart's name and the second, so two rows in one second would get the same.
        if row.line.contains("-g {chart}") {
            sleep(Duration::from_secs(1)).await;
        }
        let before = releases(&client, &namespaces).await?;
        if let Err(error) = check(&setup, &row, &namespaces, &other, &before, &client).await {
            wrong.push(format!("helm {}\n    {error:#}", row.line));
        }
    }
    ensure!(wrong.is_empty(), "{}", wrong.join("\n"));
    Ok(())
}

async fn check(
    setup: &Setup,
    row: &Row,
    namespaces: &Namespaces,
    other: &Path,
    before: &BTreeSet<String>,
    client: &Client,
) -> Result<()> {
    let fill = |text: &str| {
        text.replace("{a}", &namespaces.a)
            .replace("{b}", &namespaces.b)
            .replace("{c}", &namespaces.c)
            .replace("{chart}", &setup.chart.to_string_lossy())
            .replace("{other}", &other.to_string_lossy())
    };
    let (env, args) = call(&fill(row.line));
    let program = env.iter().fold(setup.call(), |program, (name, value)| program.env(name, value));
    let finished = program.args(&args).run().await?;
    let said = finished.stderr().into_owned();
    let found = setup.found()?;

    let refuses = if setup.helm.version().is_4() { "4 refuses" } else { "3 refuses" };
    let is_refused = row.otherwise == "refused" || row.otherwise.contains(refuses);
    let Some(found) = found else {
        ensure!(is_refused, "no post-renderer ran: {said}");
        return Ok(());
    };
    ensure!(!is_refused, "the post-renderer ran");
    ensure!(found.read == fill(row.read), "read as {:?}", found.read);
    if row.read == "unclear" {
        return Ok(());
    }
    ensure!(found.is_helm_4 == setup.helm.version().is_4(), "another Helm was found");

    let did = did(&found.input)?;
    let words: Vec<_> = found.read.split(' ').collect();
    let word = |name: &str| words.iter().find_map(|word| word.strip_prefix(name)?.strip_prefix('='));
    let variable = |name: &str| env.iter().find(|(set, _)| set == name).map(|(_, value)| value.as_str());
    // A flag has precedence, even an empty one, and then the variable, and then the kubeconfig.
    let one =
        |flag: &str, name: &str| word(flag).or_else(|| variable(name)).filter(|value| !value.is_empty());
    let current = if word("kubeconfig").is_some_and(|path| !path.is_empty()) { "other" } else { "main" };
    let of_context = match one("context", "HELM_KUBECONTEXT").unwrap_or(current) {
        "other" => &namespaces.c,
        _ => &namespaces.a,
    };
    let namespace = one("namespace", "HELM_NAMESPACE").unwrap_or(of_context);
    ensure!(did.namespace == namespace, "{namespace} was read, and it is {did:?}");
    if let Some(release) = words.get(1).filter(|word| !word.contains('=') && !is_option(word)) {
        ensure!(did.release == *release, "{release} was read, and it is {did:?}");
    }

    let is_careful = row.otherwise.contains("careful");
    let is_dry_run = word("dry-run").is_some();
    let changed = releases(client, namespaces).await? != *before;
    ensure!(is_careful || changed != is_dry_run, "a release changed: {changed}; {said}");
    ensure!(did.asked == found.asks || is_careful, "Helm asked its cluster: {}", did.asked);
    if changed {
        let prefix = format!("{namespace}/sh.helm.release.v1.{}.v", did.release);
        let new = releases(client, namespaces).await?;
        ensure!(new.difference(before).all(|name| name.starts_with(&prefix)), "another release changed");
    }
    Ok(())
}

fn is_option(word: &str) -> bool {
    ["install", "no-hooks", "take-ownership", "rollback-on-failure", "force"].contains(&word)
}

/// Reads the text that Helm gave to its post-renderer.
fn did(input: &str) -> Result<Did> {
    for document in serde_yaml::Deserializer::from_str(input) {
        let value: Value = serde::Deserialize::deserialize(document)?;
        let data = |name: &str| value["data"][name].as_str().map(str::to_owned);
        if let (Some(release), Some(namespace), Some(asked)) =
            (data("release"), data("namespace"), data("asked"))
        {
            return Ok(Did { release, namespace, asked: asked == "true" });
        }
    }
    bail!("no ConfigMap in {input}")
}

/// Each revision of each release of this test, with its namespace.
async fn releases(client: &Client, namespaces: &Namespaces) -> Result<BTreeSet<String>> {
    let secrets =
        Api::<Secret>::all(client.clone()).list(&ListParams::default().labels("owner=helm")).await?;
    let Namespaces { a, b, c } = namespaces;
    let is_here = |secret: &Secret| {
        secret.metadata.namespace.as_ref().is_some_and(|namespace| [a, b, c].contains(&namespace))
    };
    let name = |secret: Secret| Some(format!("{}/{}", secret.metadata.namespace?, secret.metadata.name?));
    Ok(secrets.into_iter().filter(is_here).filter_map(name).collect())
}

/// Adds the contexts of the table to a kubeconfig.
fn write_kubeconfig(from: &Path, to: &Path, current: &str, namespaces: &Namespaces) -> Result<()> {
    let mut config: Value = serde_yaml::from_str(&fs::read_to_string(from)?)?;
    let context = config["contexts"][0]["context"].clone();
    ensure!(context.is_mapping(), "no context in {}", from.display());
    let named = |name: &str, namespace: &str| {
        let mut context = context.clone();
        context["namespace"] = namespace.into();
        Value::Mapping([("name".into(), name.into()), ("context".into(), context)].into_iter().collect())
    };
    config["contexts"] = Value::Sequence(vec![named("main", &namespaces.a), named("other", &namespaces.c)]);
    config["current-context"] = current.into();
    fs::write(to, serde_yaml::to_string(&config)?).context("a kubeconfig")
}
