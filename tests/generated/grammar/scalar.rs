//! Scalars: plain, quoted, escaped, folded, literal.

use super::content::{Node, Value};
use super::dice::Dice;

/// The position of a scalar, which decides the allowed styles.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Style {
    Block,
    Flow,
    Json,
}

/// Writes a key on one line.
pub(super) fn key(dice: &mut Dice<'_>, text: &mut String, key: &Node, json: bool) {
    match &key.value {
        Value::Text(value) if json => double_quoted(dice, text, value, None),
        Value::Text(value) => one_line(dice, text, value, Style::Flow, None),
        Value::Plain(value) => text.push_str(value),
        _ => text.push_str("{}"),
    }
}

/// Writes a value. All lines after the first are indented by at least `inside` columns.
pub(super) fn value(dice: &mut Dice<'_>, text: &mut String, value: &str, style: Style, inside: usize) {
    let line_break = (style != Style::Json && dice.one_in(8)).then(|| {
        let further = dice.below(3);
        let empty = dice.pick(&["", "", "  ", "\t"]);
        format!("{empty}\n{}", " ".repeat(inside + further))
    });
    one_line(dice, text, value, style, line_break.as_deref());
}

/// Writes a string as a literal or folded scalar below `parent`, with its last line break. Returns false if that is impossible.
pub(super) fn literal_or_folded(dice: &mut Dice<'_>, text: &mut String, value: &str, parent: usize) -> bool {
    if value.trim().is_empty() || value.contains('\t') {
        return false;
    }
    let further = 1 + dice.below(4);
    let indent = " ".repeat(parent + further);
    let folded = dice.one_in(2);
    text.push(if folded { '>' } else { '|' });
    let indicator = (value.starts_with([' ', '\n']) || dice.one_in(6)).then(|| further.to_string());
    let chomping = dice.pick(&["", "-", "+"]);
    let header = [indicator.as_deref().unwrap_or_default(), chomping];
    text.extend(if dice.one_in(2) { header } else { [header[1], header[0]] });
    text.push_str(dice.pick(&["\n", "\n", "\n", " \n", " # a comment\n"]));
    if indicator.is_none() && dice.one_in(10) {
        text.push('\n');
    }
    for line in value.trim_end_matches('\n').split('\n') {
        if !line.is_empty() {
            text.push_str(&indent);
            match line.split_once(' ').filter(|(start, end)| folded && !start.is_empty() && !end.is_empty()) {
                Some((start, end)) => text.extend([start, "\n", &indent, end]),
                None => text.push_str(line),
            }
        }
        text.push('\n');
    }
    if dice.one_in(4) {
        text.push_str(dice.pick(&["\n", "\n\n", " \n", "\n  \n"]));
    }
    true
}

fn one_line(dice: &mut Dice<'_>, text: &mut String, value: &str, style: Style, line_break: Option<&str>) {
    let wish = if style == Style::Json { 5 } else { dice.below(7) };
    let can_be_single_quoted = !value.contains(['\n', '\t']);
    match wish {
        0..=3 if can_be_plain(value, style) => fold(text, value, line_break),
        4 if can_be_single_quoted => {
            text.push('\'');
            fold(text, &value.replace('\'', "''"), line_break);
            text.push('\'');
        }
        _ => double_quoted(dice, text, value, line_break),
    }
}

/// Writes a text with a line break for its first blank between words.
fn fold(text: &mut String, value: &str, line_break: Option<&str>) {
    let at = line_break.and_then(|line_break| Some((value.find(' ')?, line_break)));
    match at {
        Some((at, line_break))
            if at > 0 && !value[at + 1..].starts_with([' ', '#']) && at + 1 < value.len() =>
        {
            text.extend([&value[..at], line_break, &value[at + 1..]]);
        }
        _ => text.push_str(value),
    }
}

fn double_quoted(dice: &mut Dice<'_>, text: &mut String, value: &str, line_break: Option<&str>) {
    let escapes = dice.one_in(6);
    let cut = line_break.map(|_| dice.below(value.chars().count() + 1));
    text.push('"');
    for (number, c) in value.chars().enumerate() {
        if cut == Some(number) {
            text.push('\\');
            text.push_str(line_break.unwrap_or_default().trim_start_matches([' ', '\t']));
            if c == ' ' || c == '\t' {
                text.push('\\');
            }
        }
        match c {
            '"' | '\\' => text.extend(['\\', c]),
            '\n' => text.push_str("\\n"),
            '/' if escapes && dice.one_in(2) => text.push_str("\\/"),
            c if c.is_control() || escapes && dice.one_in(4) => {
                let code = u32::from(c);
                match dice.below(3) {
                    0 if code < 0x1_0000 => text.push_str(&format!("\\u{code:04x}")),
                    1 if code < 0x100 => text.push_str(&format!("\\x{code:02X}")),
                    _ => text.push_str(&format!("\\U{code:08x}")),
                }
            }
            c => text.push(c),
        }
    }
    text.push('"');
}

/// Whether a plain scalar with this text is this string.
fn can_be_plain(value: &str, style: Style) -> bool {
    let is_word = value.starts_with(|c: char| c.is_ascii_alphabetic() || c == '/')
        && !matches!(value, "true" | "null" | "n" | "y");
    let is_text = !(value.ends_with(' ')
        || value.contains(['\n', '\t'])
        || value.contains(": ")
        || value.contains(" #")
        || value.ends_with(':'));
    is_word && is_text && (style == Style::Block || !value.contains([',', '[', ']', '{', '}']))
}
