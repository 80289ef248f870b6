//! The chart's README and schema have the same values as `values.yaml`.

use std::fs;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::chart;
use jobsweep_harness::{trials, trials::Trial};

pub(crate) fn trials() -> Vec<Trial> {
    trials![the_table_is_made_of_the_values, the_schema_knows_every_value,]
}

const BEGIN: &str =
    "<!-- values: made of values.yaml by `JOBSWEEP_BLESS=1 cargo test --test chart readme` -->\n";
const END: &str = "<!-- end of values -->\n";

pub(crate) async fn the_table_is_made_of_the_values() -> Result<()> {
    let path = chart().join("README.md");
    let readme = fs::read_to_string(&path)?;
    let (head, rest) = readme.split_once(BEGIN).context("the table's begin is marked")?;
    let (found, tail) = rest.split_once(END).context("the table's end is marked")?;
    let mut table = String::from("| value | what it does | default |\n|---|---|---|\n");
    for Documented { path, text, default } in documented()? {
        table += &format!("| `{path}` | {} | `{default}` |\n", text.replace('|', "\\|"));
    }
    if std::env::var_os("JOBSWEEP_BLESS").is_some() {
        fs::write(&path, format!("{head}{BEGIN}{table}{END}{tail}"))?;
        return Ok(());
    }
    ensure!(found == table, "the table of README.md differs from values.yaml:\n{table}");
    Ok(())
}

pub(crate) async fn the_schema_knows_every_value() -> Result<()> {
    let schema: Value = serde_json::from_str(&fs::read_to_string(chart().join("values.schema.json"))?)?;
    for Documented { path, .. } in documented()? {
        let pointer = format!("/properties/{}", path.replace('.', "/properties/"));
        ensure!(schema.pointer(&pointer).is_some(), "values.schema.json does not know {path}");
    }
    Ok(())
}

struct Documented {
    path: String,
    text: String,
    default: String,
}

/// All values with their comments. A value without a comment is an error, unless it is a group.
fn documented() -> Result<Vec<Documented>> {
    let yaml = fs::read_to_string(chart().join("values.yaml"))?;
    let values: Value = serde_yaml::from_str(&yaml)?;
    let (mut all, mut comment, mut group) = (Vec::new(), None, String::new());
    for line in yaml.lines() {
        let Some((key, _)) = line.split_once(':').filter(|_| !line.trim_start().starts_with('#')) else {
            comment = line.trim_start().strip_prefix("# -- ").or(comment);
            continue;
        };
        let name = key.trim_start();
        let path = match (key.len() - name.len(), comment.take()) {
            (0, None) => {
                group = name.to_owned();
                continue;
            }
            (0, Some(text)) => {
                group = String::new();
                (name.to_owned(), text)
            }
            (2, Some(text)) if !group.is_empty() => (format!("{group}.{name}"), text),
            (_, None) if group.is_empty() => continue,
            (_, _) => anyhow::bail!("no comment for {key}"),
        };
        let (path, text) = path;
        let default =
            values.pointer(&format!("/{}", path.replace('.', "/"))).context("the value is there")?;
        all.push(Documented { path, text: text.to_owned(), default: serde_json::to_string(default)? });
    }
    Ok(all)
}
