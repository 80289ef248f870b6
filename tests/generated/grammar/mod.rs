//! Streams of manifests in all styles of YAML, derived from bytes.
//!
//! [`content`] decides what a stream contains, and [`block`], [`flow`] and [`scalar`] how it is written. [`Dice`] makes all
//! choices from bytes, and makes the simplest choice when the bytes are used up. Fewer bytes give a smaller stream, so
//! that streams can be reduced and a fuzzer's mutations are meaningful.

mod block;
mod content;
mod dice;
mod flow;
mod scalar;

use jobsweep::translate::Options;

use dice::Dice;

/// A stream, and the options to translate it with.
#[derive(Debug, Clone)]
pub(crate) struct Generated {
    pub(crate) input: String,
    pub(crate) options: Options,
}

/// Makes a stream from bytes.
pub(crate) fn generate(bytes: &[u8]) -> Generated {
    let mut dice = Dice::new(bytes);
    let policies = [None, None, Some("hook-succeeded"), Some("hook-succeeded,hook-failed")];
    let default_policy = dice.pick(&policies).and_then(|policy| policy.parse().ok());
    let strict = dice.one_in(10);
    Generated { input: stream(&mut dice), options: Options { default_policy, strict, ..Options::default() } }
}

fn stream(dice: &mut Dice<'_>) -> String {
    let mut text = String::new();
    if dice.one_in(12) {
        text.push('\u{feff}');
    }
    let documents = 1 + dice.below(3);
    // A second document and a directive need a marker.
    let mut needs_marker = false;
    for _ in 0..documents {
        document(dice, &mut text, needs_marker);
        needs_marker = true;
        if dice.one_in(6) {
            text.push_str(dice.pick(&["...\n", "... # the end\n", "...\t\n"]));
            needs_marker = dice.one_in(2);
        }
    }
    if dice.one_in(4) {
        text.truncate(text.trim_end_matches('\n').len());
    }
    with_line_breaks(dice, text)
}

fn document(dice: &mut Dice<'_>, text: &mut String, needs_marker: bool) {
    if dice.one_in(6) {
        text.push_str(dice.pick(&["# Source: chart/templates/job.yaml\n", "\n", "  # kind: Job\n", "#\n\n"]));
    }
    let ended = text.trim_start_matches('\u{feff}').is_empty() || text.ends_with("...\n");
    let directives: &[&str] = &["%YAML 1.1\n", "%YAML 1.2\n", "%TAG !k! tag:yaml.org,2002:\n"];
    let directive = ended && dice.one_in(12);
    if directive {
        text.push_str(dice.pick(directives));
    }
    let body = content::document(dice);
    if directive || needs_marker || dice.one_in(2) {
        text.push_str("---");
        block::Block::new(dice, text).after_marker(&body);
    } else {
        block::Block::new(dice, text).at_the_margin(&body);
    }
}

/// Mostly LF, but also CRLF, CR, or a mixture.
fn with_line_breaks(dice: &mut Dice<'_>, text: String) -> String {
    match dice.below(8) {
        5 => text.replace('\n', "\r\n"),
        6 => text.replace('\n', "\r"),
        7 => {
            let mut mixed = String::new();
            for line in text.split_inclusive('\n') {
                match line.strip_suffix('\n') {
                    Some(line) => mixed.extend([line, dice.pick(&["\n", "\r\n", "\r"])]),
                    None => mixed.push_str(line),
                }
            }
            mixed
        }
        _ => text,
    }
}
