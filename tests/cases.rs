//! Every `tests/cases/<topic>/<name>.in.yaml` is a test named `<topic>/<name>`.
//!
//! The filter must write exactly `<name>.out.yaml` and succeed. Without that file it must write nothing and exit with 65. A KRM function
//! writes its input and the error, and exits with 65.
//! stderr must be exactly `<name>.err`, or empty without that file. The file `args` in the topic's folder holds arguments
//! for all its cases, one in each line. Every case must also pass the shared `checks`.
//!
//! With `JOBSWEEP_BLESS=1` the output is written to these files instead. Check the difference before you commit it.

#[path = "checks/mod.rs"]
mod checks;

use std::error::Error;
use std::fs;
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Output, Stdio};

use clap::Parser;
use jobsweep::cli::Cli;
use jobsweep::policy::DefaultPolicy;
use jobsweep::translate::{Options, krm};
use libtest_mimic::{Arguments, Failed, Trial};

fn main() -> io::Result<ExitCode> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases");
    let mut inputs = inputs_below(&root)?;
    inputs.sort();
    let trials = inputs.into_iter().map(|input| {
        let name = input.strip_prefix(&root).unwrap_or(&input).to_string_lossy().replace(".in.yaml", "");
        Trial::test(name, move || case(&input))
    });
    Ok(libtest_mimic::run(&Arguments::from_args(), trials.collect()).exit_code())
}

fn inputs_below(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut inputs = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            inputs.extend(inputs_below(&path)?);
        } else if path.to_string_lossy().ends_with(".in.yaml") {
            inputs.push(path);
        }
    }
    Ok(inputs)
}

fn case(input: &Path) -> Result<(), Failed> {
    let beside = |ending: &str| PathBuf::from(input.to_string_lossy().replace(".in.yaml", ending));
    let (out, err) = (beside(".out.yaml"), beside(".err"));
    let args = fs::read_to_string(input.with_file_name("args")).unwrap_or_default();
    let given = fs::read(input)?;
    let found = jobsweep(&args, &given)?;
    if std::env::var_os("JOBSWEEP_BLESS").is_some() {
        return bless(&found, &out, &err);
    }
    let expected = read_if_there(&out)?;
    let messages = read_if_there(&err)?.unwrap_or_default();
    let code = if expected.is_none() || messages.starts_with(b"jobsweep: document") { 65 } else { 0 };
    same("stderr", &messages, &found.stderr)?;
    same("stdout", expected.as_deref().unwrap_or_default(), &found.stdout)?;
    if found.status.code() != Some(code) {
        return Err(format!("expected exit code {code}, found {}", found.status).into());
    }
    match checks::check(&given, &options(&args)?)?.0 {
        Ok(written) => same("stdout of the library", &found.stdout, &written),
        Err(error) => {
            let written = krm::with_error(&given, &error).unwrap_or_default();
            same("stdout of the library", &found.stdout, &written)?;
            same("stderr of the library", &found.stderr, format!("jobsweep: {error}\n").as_bytes())
        }
    }
}

/// The translator's options for these arguments.
fn options(args: &str) -> Result<Options, Box<dyn Error>> {
    let filter = Cli::try_parse_from(["jobsweep"].into_iter().chain(args.lines()))?.filter;
    let name_suffix = filter.name_suffix(false);
    let default_policy = match filter.default_policy {
        Some(text) => text.parse::<DefaultPolicy>()?.0,
        None => None,
    };
    let fill_nulls = name_suffix.is_some();
    Ok(Options { default_policy, strict: filter.strict, read_jobs: false, fill_nulls, name_suffix })
}

fn jobsweep(args: &str, input: &[u8]) -> io::Result<Output> {
    let mut jobsweep = Command::new(env!("CARGO_BIN_EXE_jobsweep"))
        .args(args.lines())
        .env_clear()
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    if let Some(mut stdin) = jobsweep.stdin.take() {
        stdin.write_all(input)?;
    }
    jobsweep.wait_with_output()
}

fn read_if_there(path: &Path) -> io::Result<Option<Vec<u8>>> {
    match fs::read(path) {
        Ok(content) => Ok(Some(content)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

fn same(what: &str, expected: &[u8], found: &[u8]) -> Result<(), Failed> {
    if expected == found {
        return Ok(());
    }
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).replace('\r', "␍");
    Err(format!("{what} differs\n--- expected\n{}\n--- found\n{}\n---", text(expected), text(found)).into())
}

fn bless(found: &Output, out: &Path, err: &Path) -> Result<(), Failed> {
    let files = [
        (out, &found.stdout, found.status.success() || !found.stdout.is_empty()),
        (err, &found.stderr, !found.stderr.is_empty()),
    ];
    for (path, content, wanted) in files {
        if wanted {
            fs::write(path, content)?;
        } else if path.exists() {
            fs::remove_file(path)?;
        }
    }
    Ok(())
}
