//! `examples/argocd/`: the plugin's commands, run as Argo CD's plugin server runs them.
//!
//! The server runs `command` and `args` as one line in the application's folder, with the sidecar's environment and the
//! nonempty variables of the build environment. If the command succeeds, its stdout is the manifests.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use jobsweep_harness::control_plane::ControlPlane;
use jobsweep_harness::helm::{Helm, kubectl, write_chart};
use jobsweep_harness::process::{Finished, Program};
use jobsweep_harness::tools::HelmVersion;
use jobsweep_harness::{trials, trials::Trial};
use serde_yaml::Value;

use crate::setup::{jobsweep_folder, repository, same, shop, with_copied, wrote};

pub(crate) fn trials() -> Vec<Trial> {
    trials![
        its_output_is_that_of_helm_with_the_annotations,
        its_parameters_reach_helm_and_jobsweep,
        its_dependencies_are_fetched_before,
        an_error_is_shown_and_nothing_is_generated,
        the_api_server_accepts_what_it_generates,
        the_sidecar_fits_the_repo_server,
        the_application_gives_what_the_plugin_announces,
    ]
}

/// A plugin server with one application.
struct Sidecar {
    helm: Helm,
    folder: PathBuf,
    environment: Vec<(&'static str, String)>,
}

impl Sidecar {
    /// The application is a copy of the example chart.
    fn new(version: HelmVersion) -> Result<Self> {
        let helm = Helm::new(version)?;
        let folder = helm.program().parent().context("a program lies in a folder")?.to_owned();
        let helm = helm.on_path(folder).on_path(jobsweep_folder()?);
        let folder = helm.home().join("the application");
        fs::create_dir_all(folder.join("templates"))?;
        let files = ["Chart.yaml", "values.yaml"].map(str::to_owned).into_iter();
        let templates = fs::read_dir(shop().join("templates"))?
            .map(|entry| Ok(format!("templates/{}", entry?.file_name().display())));
        for file in files.map(Ok::<_, anyhow::Error>).chain(templates) {
            let file = file?;
            fs::copy(shop().join(&file), folder.join(&file))?;
        }
        let environment = [
            ("ARGOCD_APP_NAME", "shop"),
            ("ARGOCD_APP_NAMESPACE", "front"),
            ("ARGOCD_APP_PROJECT_NAME", "default"),
            ("ARGOCD_APP_REVISION", "f913b6cbf58aa5ae5ca1f8a2b149477aebcbd9d8"),
            ("ARGOCD_APP_SOURCE_PATH", "chart"),
            ("KUBE_VERSION", "1.37"),
            ("KUBE_API_VERSIONS", "v1,batch/v1,example.com/v1"),
        ];
        let environment = environment.map(|(name, value)| (name, value.to_owned())).into();
        Ok(Self { helm, folder, environment })
    }

    fn with(mut self, name: &'static str, value: &str) -> Self {
        self.environment.push((name, value.to_owned()));
        self
    }

    fn command(&self, name: &str) -> Result<Program> {
        let plugin = example("plugin.yaml")?;
        let spec = &plugin["spec"][name];
        let mut words = texts(&spec["command"]);
        words.extend(texts(&spec["args"]));
        let (program, args) = words.split_first().with_context(|| format!("no command {name}"))?;
        let mut command = self.helm.command_by(program).args(args).current_dir(&self.folder);
        for (name, value) in &self.environment {
            if !value.is_empty() {
                command = command.env(name, value);
            }
        }
        Ok(command)
    }

    async fn generate(&self) -> Result<Finished> {
        let init = self.command("init")?.run().await?;
        if !init.status.success() {
            return Ok(init);
        }
        self.command("generate")?.run().await
    }

    /// The output of helm alone.
    async fn rendered(&self, args: &[&str]) -> Result<String> {
        let template = self.helm.command().args(["template", "shop", ".", "--namespace", "front"]).args(args);
        let rendered = template.current_dir(&self.folder).run().await?.expect_success()?;
        // The shell removes empty lines at the end.
        Ok(format!("{}\n", rendered.stdout().trim_end_matches('\n')))
    }
}

fn example(name: &str) -> Result<Value> {
    let text = fs::read_to_string(repository("examples/argocd").join(name))?;
    serde_yaml::from_str(&text).with_context(|| name.to_owned())
}

fn texts(list: &Value) -> Vec<String> {
    list.as_sequence().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
}

pub(crate) async fn its_output_is_that_of_helm_with_the_annotations(version: HelmVersion) -> Result<()> {
    let sidecar = Sidecar::new(version)?;
    fs::write(
        sidecar.folder.join("values.yaml"),
        values(|values| values["preparation"]["enabled"] = true.into())?,
    )?;
    fs::write(sidecar.folder.join("templates/cluster.yaml"), CLUSTER)?;
    fs::create_dir(sidecar.folder.join("crds"))?;
    fs::write(sidecar.folder.join("crds/shops.yaml"), "kind: CustomResourceDefinition\n")?;
    let of_cluster = ["--kube-version", "1.37", "--api-versions", "example.com/v1", "--include-crds"];
    let rendered = sidecar.rendered(&of_cluster).await?;
    ensure!(rendered.contains("data: v1.37 true front"), "{rendered}");
    ensure!(rendered.contains("kind: CustomResourceDefinition"), "{rendered}");

    let expected = ["hook-succeeded", "before-hook-creation,hook-succeeded"]
        .iter()
        .fold(rendered, |text, policy| with_copied(&text, policy));
    ensure!(expected.matches("    kots.io/hook-delete-policy: ").count() == 2, "{expected}");
    wrote(sidecar.generate().await?, &expected)?;

    // The name of an Application outside Argo CD's namespace.
    let elsewhere = sidecar.with("ARGOCD_APP_NAME", "team-a_shop");
    wrote(elsewhere.generate().await?, &expected)
}

/// A template that shows the version and the APIs of the cluster.
const CLUSTER: &str = "kind: Cluster\ndata: {{ .Capabilities.KubeVersion }} \
                       {{ .Capabilities.APIVersions.Has \"example.com/v1\" }} {{ .Release.Namespace }}\n";

fn values(change: impl FnOnce(&mut Value)) -> Result<String> {
    let mut values = serde_yaml::from_str(&fs::read_to_string(shop().join("values.yaml"))?)?;
    change(&mut values);
    Ok(serde_yaml::to_string(&values)?)
}

pub(crate) async fn its_parameters_reach_helm_and_jobsweep(version: HelmVersion) -> Result<()> {
    let sidecar = Sidecar::new(version)?
        .with("PARAM_VALUES_FILES_0", "values for 'production';.yaml")
        .with("PARAM_VALUES_FILES_1", "last.yaml")
        .with("PARAM_DEFAULT_POLICY", "hook-failed")
        .with("PARAM_NAME_SUFFIX_HASH", "false");
    fs::write(sidecar.folder.join("values for 'production';.yaml"), "greeting: Hello\nimage: a\n")?;
    fs::write(sidecar.folder.join("last.yaml"), "image: b\nmigration: {policy: ''}\n")?;
    let rendered = sidecar.rendered(&["--set", "greeting=Hello,image=b,migration.policy="]).await?;
    let name = "  name: shop-migration\n";
    let added = format!("{name}  annotations:\n    kots.io/hook-delete-policy: hook-failed\n");
    let expected = rendered.replace(name, &added);
    ensure!(expected != rendered, "{rendered}");
    wrote(sidecar.generate().await?, &expected)?;

    let hashing = sidecar.with("PARAM_NAME_SUFFIX_HASH", "true").generate().await?.expect_success()?;
    ensure!(hashing.stdout().contains("  name: shop-migration-"), "{}", hashing.stdout());
    Ok(())
}

pub(crate) async fn its_dependencies_are_fetched_before(version: HelmVersion) -> Result<()> {
    let sidecar = Sidecar::new(version)?;
    let dependency = sidecar.helm.home().join("sub");
    let job = "apiVersion: batch/v1\nkind: Job\nmetadata:\n  name: sub\n  annotations:\n    \
               helm.sh/hook-delete-policy: hook-failed\n";
    write_chart(&dependency, "sub", &[("templates/job.yaml", job)])?;
    let chart = sidecar.folder.join("Chart.yaml");
    let dependencies = "dependencies: [{name: sub, version: 0.1.0, repository: 'file://../sub'}]\n";
    fs::write(&chart, fs::read_to_string(&chart)? + dependencies)?;
    let generated = sidecar.generate().await?.expect_success()?;
    ensure!(
        generated.stdout().contains("    kots.io/hook-delete-policy: hook-failed\n"),
        "{}",
        generated.stdout()
    );
    Ok(())
}

/// After an error stdout must be empty, because with pruning Argo CD deletes what is missing in the manifests.
pub(crate) async fn an_error_is_shown_and_nothing_is_generated(version: HelmVersion) -> Result<()> {
    let job = "apiVersion: batch/v1\nkind: Job\nmetadata:\n  annotations:\n    \
               helm.sh/hook-delete-policy: hook-failed\n";
    let twice = format!("{job}    helm.sh/hook-delete-policy: hook-failed\n");
    for (template, code, said) in [
        ("{{ fail \"no such shop\" }}", 1, "no such shop"),
        (&twice, 65, "duplicate key helm.sh/hook-delete-policy"),
    ] {
        let sidecar = Sidecar::new(version)?;
        fs::write(sidecar.folder.join("templates/broken.yaml"), template)?;
        let failed = sidecar.generate().await?.expect_code(code)?;
        ensure!(failed.stderr().contains(said), "{}", failed.stderr());
        same("stdout", "", &failed.stdout())?;
    }
    let wrong = Sidecar::new(version)?.with("PARAM_DEFAULT_POLICY", "never");
    let failed = wrong.generate().await?.expect_code(2)?;
    same("stdout", "", &failed.stdout())
}

pub(crate) async fn the_api_server_accepts_what_it_generates(
    cluster: &ControlPlane,
    version: HelmVersion,
) -> Result<()> {
    let namespace = cluster.namespace().await?;
    let sidecar = Sidecar::new(version)?
        .with("ARGOCD_APP_NAMESPACE", &namespace.name)
        .with("PARAM_DEFAULT_POLICY", "hook-succeeded");
    fs::write(
        sidecar.folder.join("values.yaml"),
        values(|values| values["migration"]["policy"] = "".into())?,
    )?;
    let manifests = sidecar.generate().await?.expect_success()?.stdout;
    let apply = kubectl(&cluster.kubeconfig())?.args(["apply", "--namespace", &namespace.name, "-f", "-"]);
    apply.stdin(manifests).run().await?.expect_success()?;
    let job = namespace.jobs().get("shop-migration").await?;
    let annotations = job.metadata.annotations.unwrap_or_default();
    let policy = annotations.get("kots.io/hook-delete-policy").map(String::as_str);
    ensure!(policy == Some("hook-succeeded"), "{annotations:?}");
    Ok(())
}

/// The commands of the example's README work on the part of Argo CD's manifest that they use.
pub(crate) async fn the_sidecar_fits_the_repo_server(cluster: &'static ControlPlane) -> Result<()> {
    let namespace = cluster.namespace().await?;
    let folder = repository("examples/argocd");
    let call = async |args: &str, stdin: &str| -> Result<Finished> {
        let call = kubectl(&cluster.kubeconfig())?.current_dir(&folder).args(args.split(' '));
        call.args(["--namespace", &namespace.name]).stdin(stdin).run().await?.expect_success()
    };
    call("create --filename -", REPO_SERVER).await?;
    let readme = fs::read_to_string(folder.join("README.md"))?;
    let commands = readme.lines().filter_map(|line| line.strip_prefix("kubectl "));
    let commands: Vec<String> = commands
        .filter(|line| line.contains("argocd"))
        .map(|line| line.replace(" --namespace argocd", ""))
        .collect();
    ensure!(commands.len() == 2, "{commands:?}");
    for command in &commands {
        call(command, "").await?;
    }
    let patched = call("get deployment argocd-repo-server --output json", "").await?;
    let patched: Value = serde_yaml::from_str(&patched.stdout())?;
    let pod = &patched["spec"]["template"]["spec"];
    let names = |list: &Value| -> Vec<String> {
        let items = list.as_sequence().into_iter().flatten();
        items.filter_map(|item| item["name"].as_str().map(str::to_owned)).collect()
    };
    let mut containers = names(&pod["containers"]);
    containers.sort_unstable();
    ensure!(containers == ["argocd-repo-server", "jobsweep"], "{containers:?}");
    let volumes = names(&pod["volumes"]);
    ensure!(["var-files", "plugins"].iter().all(|name| volumes.iter().any(|volume| volume == name)));

    let config = call("get configmap jobsweep-plugin --output json", "").await?;
    let config: Value = serde_yaml::from_str(&config.stdout())?;
    let plugin = fs::read_to_string(folder.join("plugin.yaml"))?;
    same("the configuration", &plugin, config["data"]["plugin.yaml"].as_str().unwrap_or_default())
}

const REPO_SERVER: &str = "
apiVersion: apps/v1
kind: Deployment
metadata: {name: argocd-repo-server}
spec:
  selector: {matchLabels: {app: argocd-repo-server}}
  template:
    metadata: {labels: {app: argocd-repo-server}}
    spec:
      containers:
        - name: argocd-repo-server
          image: example.com/argocd
          volumeMounts:
            - {name: var-files, mountPath: /var/run/argocd}
            - {name: plugins, mountPath: /home/argocd/cmp-server/plugins}
      volumes:
        - {name: var-files, emptyDir: {}}
        - {name: plugins, emptyDir: {}}
";

pub(crate) async fn the_application_gives_what_the_plugin_announces() -> Result<()> {
    let (plugin, application) = (example("plugin.yaml")?, example("application.yaml")?);
    let source = &application["spec"]["source"]["plugin"];
    ensure!(source["name"] == plugin["metadata"]["name"]);
    let named = |list: &Value| -> Vec<(String, bool)> {
        let items = list.as_sequence().into_iter().flatten();
        items.filter_map(|item| Some((item["name"].as_str()?.to_owned(), is_array(item)))).collect()
    };
    let announced = named(&plugin["spec"]["parameters"]["static"]);
    ensure!(!announced.is_empty() && named(&source["parameters"]) == announced, "{announced:?}");
    Ok(())
}

fn is_array(parameter: &Value) -> bool {
    parameter["collectionType"] == "array" || !parameter["array"].is_null()
}
