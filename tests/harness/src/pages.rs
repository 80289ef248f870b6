//! README and the guides, whose lines tests type.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

/// A line of a page, for a namespace that is not called `shop`.
pub fn in_namespace(line: &str, namespace: &str) -> String {
    let line = line.replace("-n shop", &format!("-n {namespace}"));
    line.replace("--namespace=shop", &format!("--namespace={namespace}"))
}

/// The indented block of a page, such as `docs/cleanup.md`, that begins with this text.
pub fn block(page: &str, begins: &str) -> Result<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(page);
    let text = fs::read_to_string(&path).with_context(|| path.display().to_string())?;
    let (_, rest) =
        text.split_once(&format!("\n    {begins}")).with_context(|| format!("{page} has no {begins}"))?;
    let rest = rest.split("\n\n").next().unwrap_or_default().replace("\n    ", "\n");
    Ok(format!("{begins}{rest}"))
}
