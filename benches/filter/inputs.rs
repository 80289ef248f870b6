//! The inputs of the benchmark, the same in every run.

use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};

use anyhow::Result;

pub(crate) struct Input {
    pub(crate) path: PathBuf,
    pub(crate) size: u64,
}

/// The charts of a whole cluster: one Job with a policy in 300 kB, and custom resource definitions, configuration and
/// workloads in about the proportions of 820 renders of public charts.
pub(crate) fn mixed(folder: &Path, size: u64) -> Result<Input> {
    let mut number = 0;
    write(folder, "mixed", size, || {
        number += 1;
        chart_and_definitions(number)
    })
}

/// One chart without custom resource definitions.
pub(crate) fn chart(folder: &Path) -> Result<Input> {
    let mut part = 0;
    write(folder, "chart", 50_000, || {
        part += 1;
        if part == 10 { job(1) } else { config_map(1, part) + &deployment(1, part) }
    })
}

pub(crate) fn jobs(folder: &Path, size: u64) -> Result<Input> {
    let mut number = 0;
    write(folder, "jobs", size, || {
        number += 1;
        job(number)
    })
}

/// One Job that is no hook, with thousands of environment variables.
pub(crate) fn one_job(folder: &Path, size: u64) -> Result<Input> {
    let mut text = job(1).replace("helm.sh/hook\":", "example.com/hook\":") + "          env:\n";
    for number in 0.. {
        if text.len() as u64 > size {
            break;
        }
        let _ = write!(
            text,
            "            - name: VARIABLE_{number}\n              value: the value of {number}\n"
        );
    }
    write(folder, "one-job", text.len() as u64, || text.clone())
}

/// Writes whole manifests up to this size.
fn write(folder: &Path, name: &str, size: u64, mut next: impl FnMut() -> String) -> Result<Input> {
    fs::create_dir_all(folder)?;
    let path = folder.join(format!("{name}-{size}.yaml"));
    let mut file = BufWriter::new(File::create(&path)?);
    let mut left = size as usize;
    while left > 0 {
        let mut text = next();
        if text.len() > left {
            let whole = text[..left].rfind("\n---\n").map_or(0, |end| end + 1);
            text.truncate(whole);
            left = text.len();
        }
        file.write_all(text.as_bytes())?;
        left -= text.len();
    }
    file.flush()?;
    let size = fs::metadata(&path)?.len();
    Ok(Input { path, size })
}

fn chart_and_definitions(number: usize) -> String {
    let mut text = String::new();
    for part in 0..4 {
        text += &definition(number * 4 + part);
        for part in part * 5..part * 5 + 5 {
            text += &config_map(number, part);
            text += &deployment(number, part);
        }
    }
    text + &job(number)
}

fn source(text: &mut String, number: usize, file: &str) {
    let _ = write!(text, "---\n# Source: chart-{number}/templates/{file}.yaml\n");
}

fn job(number: usize) -> String {
    let mut text = String::new();
    source(&mut text, number, "migrate");
    let policy =
        ["before-hook-creation,hook-succeeded", "hook-succeeded", "before-hook-creation"][number % 3];
    let quote = ["", "\""][number % 2];
    let _ = write!(
        text,
        "apiVersion: batch/v1
kind: Job
metadata:
  name: release-{number}-migrate
  namespace: default
  labels:
    app.kubernetes.io/name: chart-{number}
    app.kubernetes.io/instance: release-{number}
    app.kubernetes.io/managed-by: Helm
  annotations:
    {quote}helm.sh/hook{quote}: pre-install,pre-upgrade
    {quote}helm.sh/hook-weight{quote}: \"5\"
    {quote}helm.sh/hook-delete-policy{quote}: {policy}
spec:
  backoffLimit: 3
  template:
    metadata:
      labels:
        app.kubernetes.io/name: chart-{number}
    spec:
      restartPolicy: Never
      serviceAccountName: release-{number}
      containers:
        - name: migrate
          image: \"registry.example.com/chart-{number}:1.{number}.0\"
          command: [\"/bin/sh\", \"-c\", \"exec /app/migrate --wait\"]
          envFrom:
            - secretRef: {{name: release-{number}}}
          resources:
            limits: {{cpu: 500m, memory: 256Mi}}
"
    );
    text
}

/// A long custom resource definition, which consists mostly of descriptions.
fn definition(number: usize) -> String {
    let mut text = String::new();
    source(&mut text, number, "crds");
    let _ = write!(
        text,
        "apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata:
  name: things{number}.example.com
spec:
  group: example.com
  names: {{kind: Thing{number}, plural: things{number}}}
  scope: Namespaced
  versions:
    - name: v1
      served: true
      storage: true
      schema:
        openAPIV3Schema:
          type: object
          properties:
"
    );
    for field in 0..180 {
        let _ = write!(
            text,
            "            field{field}:
              description: |-
                Field {field} is what a controller reads before it makes a Job or a Pod of the template.
                More info: https://kubernetes.io/docs/concepts/workloads/controllers/job/#field-{field}
              type: object
              properties:
                name:
                  description: \"Name of the referent: it has to be a DNS label.\"
                  type: string
                weight:
                  format: int32
                  type: integer
              required:
                - name
"
        );
    }
    text
}

fn config_map(number: usize, part: usize) -> String {
    let mut text = String::new();
    source(&mut text, number, "config");
    let _ = write!(
        text,
        "apiVersion: v1
kind: ConfigMap
metadata:
  name: release-{number}-config-{part}
data:
  run.sh: |
    #!/bin/sh
    set -eu
"
    );
    for line in 0..12 {
        let _ = writeln!(
            text,
            "    if [ \"$STEP\" -le {line} ]; then echo \"step {line} of {part}\"; ./step-{line} \"$@\"; fi # {number}"
        );
    }
    text
}

fn deployment(number: usize, part: usize) -> String {
    let mut text = String::new();
    source(&mut text, number, "deployment");
    let _ = write!(
        text,
        "apiVersion: apps/v1
kind: Deployment
metadata:
  name: release-{number}-{part}
  labels:
    app.kubernetes.io/name: chart-{number}
    app.kubernetes.io/instance: release-{number}
spec:
  replicas: {part}
  selector:
    matchLabels:
      app.kubernetes.io/name: chart-{number}
  template:
    metadata:
      annotations:
        checksum/config: 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08
      labels:
        app.kubernetes.io/name: chart-{number}
    spec:
      containers:
        - name: app
          image: \"registry.example.com/app-{part}:1.{number}.0\"
          ports:
            - {{name: http, containerPort: 8080, protocol: TCP}}
          livenessProbe:
            httpGet: {{path: /healthz, port: http}}
          env:
            - name: PART
              value: \"{part}\"
          resources:
            limits: {{cpu: 500m, memory: 256Mi}}
"
    );
    text
}
