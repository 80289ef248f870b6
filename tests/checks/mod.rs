//! What must hold for every translation.
//!
//! The cases, the generated streams and the fuzz targets share these checks. Each check compares an input with its output,
//! and returns an error message.

mod diagnostics;
mod meaning;
mod second_reader;

use jobsweep::translate::{Diagnostic, Options, Problem, krm, translate};

pub(crate) use meaning::Judged;

/// Translates a stream and applies all checks. The result is the output, or an error that is justified.
pub(crate) fn check(
    input: &[u8],
    options: &Options,
) -> Result<(Result<Vec<u8>, Diagnostic>, Judged), String> {
    let options = &match krm::function_config(input) {
        Ok(Some(config)) => configured(options, config),
        _ => options.clone(),
    };
    match run(input, options) {
        Ok((output, warnings)) => {
            for warning in &warnings {
                diagnostics::check(input, warning)?;
            }
            // A hash replaces the end of a long name, and a second run appends another one.
            if options.name_suffix.is_none() {
                keeps_every_byte(input, &output, options)?;
                changes_nothing_the_second_time(&output, options)?;
            }
            is_the_same_with_the_jobs(input, &output, options)?;
            let judged = means_the_same_and_the_policy(input, &output, options)?;
            Ok((Ok(output), judged))
        }
        Err(error) => {
            diagnostics::check(input, &error)?;
            is_justified(input, options, &error)?;
            Ok((Err(error), Judged::default()))
        }
    }
}

/// Translates a stream, as a KRM function if it is a `ResourceList`.
pub(crate) fn run(input: &[u8], options: &Options) -> Result<(Vec<u8>, Vec<Diagnostic>), Diagnostic> {
    let config = krm::function_config(input)?.unwrap_or_default();
    let translated = translate(input, &configured(options, config))?;
    let mut output = Vec::with_capacity(input.len());
    let _ = translated.write_to(&mut output);
    let output = krm::with_warnings(&translated).unwrap_or(output);
    Ok((output, translated.warnings))
}

fn configured(options: &Options, config: krm::FunctionConfig) -> Options {
    Options {
        default_policy: options.default_policy.clone().or(config.default_policy.and_then(|given| given.0)),
        strict: options.strict || config.strict,
        name_suffix: options.name_suffix.clone().or(config.name_suffix_hash.then(Default::default)),
        ..options.clone()
    }
}

/// The output is the same if the Jobs are read too, which needs whole documents and not only their heads.
fn is_the_same_with_the_jobs(input: &[u8], output: &[u8], options: &Options) -> Result<(), String> {
    match run(input, &Options { read_jobs: true, ..options.clone() }) {
        Ok((found, _)) if found != output => Err(format!("with the Jobs it is:\n{}", lossy(&found))),
        // The rest of a document may be invalid.
        _ => Ok(()),
    }
}

/// A second translation changes nothing.
pub(crate) fn changes_nothing_the_second_time(output: &[u8], options: &Options) -> Result<(), String> {
    match run(output, options) {
        Ok((again, _)) if again == output => Ok(()),
        Ok((again, _)) => Err(format!("the second run changes more:\n{}", lossy(&again))),
        Err(error) => Err(format!("the second run fails: {error}\nThe first gave:\n{}", lossy(output))),
    }
}

/// All bytes of the input are in the output, in order. Only a null that a default policy replaces may go.
pub(crate) fn keeps_every_byte(input: &[u8], output: &[u8], options: &Options) -> Result<(), String> {
    if is_subsequence(input, output) {
        return Ok(());
    }
    let without_nulls =
        ["null", "Null", "NULL", "~"].iter().fold(lossy(input), |text, null| text.replace(null, ""));
    if options.default_policy.is_some() && is_subsequence(without_nulls.as_bytes(), output) {
        return Ok(());
    }
    Err(format!("a byte of the input is lost:\n{}", lossy(output)))
}

fn is_subsequence(input: &[u8], output: &[u8]) -> bool {
    let mut rest = output.iter();
    input.iter().all(|byte| rest.any(|found| found == byte))
}

/// For a second reader the output is the input plus the annotations of the specification.
pub(crate) fn means_the_same_and_the_policy(
    input: &[u8],
    output: &[u8],
    options: &Options,
) -> Result<Judged, String> {
    let policy = options.default_policy.as_ref().map(ToString::to_string);
    meaning::compare(input, output, policy.as_deref(), options.name_suffix.is_some())
}

/// Errors of YAML 1.2 that the filter's parser reports and the second reader accepts.
const STRICTER: [&str; 2] = [
    // c-byte-order-mark is no nb-char, so a document may contain it only in quotes.
    "a BOM must not appear inside a document",
    // s-b-comment begins with s-separate-in-line, also after quotes and brackets.
    "comments must be separated from other tokens by whitespace",
];

/// An error has a reason in the input.
fn is_justified(input: &[u8], options: &Options, error: &Diagnostic) -> Result<(), String> {
    let justified = match &error.problem {
        Problem::WideEncoding(_) => input.iter().take(4).any(|byte| matches!(byte, 0 | 0xfe | 0xff)),
        Problem::NotUtf8 { byte } => {
            std::str::from_utf8(input).is_err_and(|error| error.valid_up_to() == *byte)
        }
        Problem::NotYaml(why) => {
            STRICTER.contains(&why.as_str()) || !meaning::is_readable(input, error.place.document)
        }
        Problem::DuplicateKey(_) => !meaning::is_readable(input, error.place.document),
        Problem::UnknownWords { .. } | Problem::NameUsed(_) => options.strict,
        Problem::ContestedKey(_) => lossy(input).contains("<<"),
        Problem::ResourceList(_) | Problem::FunctionConfig(_) => lossy(input).contains("ResourceList"),
        Problem::TooLong => input.len() > 16 << 20,
        // An anchor, or an explicit key with a comment and no value.
        Problem::CannotExtend(_) => lossy(input).contains(['&', '?']),
        // `NotProven` in particular is always a bug.
        _ => false,
    };
    if justified {
        return Ok(());
    }
    Err(format!("an error without reason: {error}"))
}

fn lossy(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
