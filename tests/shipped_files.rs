//! The plugins, the chart's metadata and the examples that are shipped with the program.

#![allow(clippy::unwrap_used, reason = "a test may fail that way")]

use std::fs;
use std::path::Path;

use jobsweep::translate::{Options, translate};

#[test]
fn each_plugin_has_its_own_name_and_the_version_of_the_program() {
    for (path, name) in [
        ("plugin.yaml", "jobsweep"),
        ("packaging/helm3/plugin.yaml", "sweep"),
        ("packaging/helm4/plugin.yaml", "sweep"),
    ] {
        let plugin = yaml(&read(path));
        assert_eq!(plugin["name"], name);
        assert_eq!(plugin["version"], env!("CARGO_PKG_VERSION"));
    }
}

/// The rules of Artifact Hub's own `ah lint`, and that nothing contradicts the chart.
#[test]
fn the_charts_annotations_are_those_of_artifact_hub() {
    let chart = yaml(&read("charts/jobsweep/Chart.yaml"));
    let values = yaml(&read("charts/jobsweep/values.yaml"));
    assert_eq!(chart["version"], env!("CARGO_PKG_VERSION"));
    assert_eq!(chart["appVersion"], env!("CARGO_PKG_VERSION"));
    let annotation = |name: &str| chart["annotations"][format!("artifacthub.io/{name}")].as_str().unwrap();
    assert_eq!(annotation("license"), env!("CARGO_PKG_LICENSE"));

    let images = yaml(annotation("images"));
    let image = format!("{}:{}", values["image"]["repository"].as_str().unwrap(), env!("CARGO_PKG_VERSION"));
    assert_eq!(images.as_sequence().unwrap().len(), 1);
    assert_eq!(images[0]["image"], *image);

    let changes = yaml(annotation("changes"));
    for change in changes.as_sequence().unwrap() {
        let kind = change["kind"].as_str().unwrap();
        assert!(["added", "changed", "deprecated", "removed", "fixed", "security"].contains(&kind), "{kind}");
        assert!(!change["description"].as_str().unwrap().is_empty());
    }
    let annotations = chart["annotations"].as_mapping().unwrap();
    assert_eq!(annotations.len(), 3, "packaging/chart/package.sh appends signKey");
    assert!(
        read("charts/jobsweep/Chart.yaml").trim_end().ends_with(changes[0]["description"].as_str().unwrap())
    );
}

#[test]
fn the_metadata_of_the_repository_is_that_of_artifact_hub() {
    let metadata = yaml(&read("artifacthub-repo.yml"));
    for key in metadata.as_mapping().unwrap().keys() {
        assert!(["repositoryID", "owners", "ignore"].contains(&key.as_str().unwrap()), "{key:?}");
    }
    let id = metadata["repositoryID"].as_str().unwrap();
    assert!(id.is_empty() || id.len() == 36, "{id} is no UUID");
}

/// Five Jobs, three of them with a policy, and text that only looks similar.
#[test]
fn the_realistic_example_gets_three_annotations_and_nothing_else() {
    let input = read("examples/rendered.yaml");
    let mut expected = input.clone();
    for (before, added) in [
        (
            r#"search-index
      annotations: {"helm.sh/hook-delete-policy": "hook-succeeded,hook-failed""#,
            r#", "kots.io/hook-delete-policy": "hook-succeeded,hook-failed""#,
        ),
        (
            r#"    "helm.sh/hook-weight": "-5"
    "helm.sh/hook-delete-policy": before-hook-creation,hook-succeeded
"#,
            "    \"kots.io/hook-delete-policy\": before-hook-creation,hook-succeeded\n",
        ),
        (
            "    # Kept when it fails, so that its log can be read.\n    helm.sh/hook-delete-policy: hook-succeeded\n",
            "    kots.io/hook-delete-policy: hook-succeeded\n",
        ),
    ] {
        assert_eq!(input.matches(before).count(), 1, "{before}");
        expected = expected.replace(before, &format!("{before}{added}"));
    }
    assert_eq!(translated(&input), expected);
}

#[test]
fn the_pi_job_gets_one_line() {
    let input = read("examples/pi.yaml");
    let policy = "    helm.sh/hook-delete-policy: hook-succeeded\n";
    let both = format!("{policy}    kots.io/hook-delete-policy: hook-succeeded\n");
    assert_eq!(translated(&input), input.replace(policy, &both));
}

fn read(path: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap()
}

fn yaml(text: &str) -> serde_yaml::Value {
    serde_yaml::from_str(text).unwrap()
}

fn translated(input: &str) -> String {
    let mut output = Vec::new();
    let translated = translate(input.as_bytes(), &Options::default()).unwrap();
    assert_eq!(translated.warnings, []);
    translated.write_to(&mut output).unwrap();
    String::from_utf8(output).unwrap()
}
