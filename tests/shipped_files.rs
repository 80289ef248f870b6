//! The plugins and examples that are shipped with the program.

#![allow(clippy::unwrap_used, reason = "a test may fail that way")]

use std::fs;
use std::path::Path;

use jobsweep::translate::{Options, translate};

#[test]
fn each_plugin_has_its_own_name_and_the_version_of_the_program() {
    for (path, name) in [("plugin.yaml", "jobsweep"), ("packaging/helm3/plugin.yaml", "sweep")] {
        let plugin: serde_yaml::Value = serde_yaml::from_str(&read(path)).unwrap();
        assert_eq!(plugin["name"], name);
        assert_eq!(plugin["version"], env!("CARGO_PKG_VERSION"));
    }
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

fn translated(input: &str) -> String {
    let mut output = Vec::new();
    let translated = translate(input.as_bytes(), &Options::default()).unwrap();
    assert_eq!(translated.warnings, []);
    translated.write_to(&mut output).unwrap();
    String::from_utf8(output).unwrap()
}
