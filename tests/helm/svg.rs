//! Lines of a terminal as a picture, for light and dark pages.

use std::fmt::Write;

/// Narrow enough to be read on a phone.
const COLUMNS: usize = 62;
const LINE_HEIGHT: usize = 19;
const MARGIN: usize = 16;
const TITLE_BAR: usize = 34;
/// What a character of 14 pixels takes in the widest of the usual fonts, in hundredths of a pixel.
const ADVANCE: usize = 845;

const STYLE: &str = "\
text{font:14px ui-monospace,SFMono-Regular,Menlo,Consolas,'DejaVu Sans Mono',monospace;white-space:pre;fill:#1f2328}\
.window{fill:#f6f8fa;stroke:#d1d9e0}.button{fill:#d1d9e0}.command{font-weight:bold}.error{fill:#d1242f}.jobsweep{fill:#1a7f37}\
@media(prefers-color-scheme:dark){text{fill:#f0f6fc}.window{fill:#151b23;stroke:#3d444d}.button{fill:#3d444d}\
.error{fill:#ff7b72}.jobsweep{fill:#56d364}}";

/// A window with these lines. Commands begin with `$`, and have an empty line before them.
pub(crate) fn terminal(title: &str, lines: &[String]) -> String {
    let mut rows = Vec::new();
    for line in lines {
        let class = class(line);
        if class == "command" && !rows.is_empty() {
            rows.push((String::new(), ""));
        }
        rows.extend(wrapped(line).into_iter().map(|row| (row, class)));
    }
    let (width, height) =
        (2 * MARGIN + COLUMNS * ADVANCE / 100, TITLE_BAR + MARGIN + rows.len() * LINE_HEIGHT);
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" height=\"{height}\" \
         role=\"img\" aria-labelledby=\"title\">\n<title id=\"title\">{title}</title>\n<style>{STYLE}</style>\n\
         <rect class=\"window\" x=\".5\" y=\".5\" width=\"{}\" height=\"{}\" rx=\"8\"/>\n",
        width - 1,
        height - 1
    );
    for x in [20, 38, 56] {
        let _ = writeln!(svg, "<circle class=\"button\" cx=\"{x}\" cy=\"18\" r=\"6\"/>");
    }
    for (row, (text, class)) in rows.iter().enumerate().filter(|(_, (text, _))| !text.is_empty()) {
        let y = TITLE_BAR + MARGIN + row * LINE_HEIGHT;
        let text = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
        let _ = writeln!(svg, "<text class=\"{class}\" x=\"{MARGIN}\" y=\"{y}\">{text}</text>");
    }
    svg + "</svg>\n"
}

fn class(line: &str) -> &'static str {
    match line.split([' ', ':']).next() {
        Some("$") => "command",
        Some("Error") => "error",
        Some("jobsweep") => "jobsweep",
        _ => "",
    }
}

/// Breaks a line between words where the window ends.
fn wrapped(line: &str) -> Vec<String> {
    let mut rows = vec![String::new()];
    for word in line.split(' ') {
        let row = rows.len() - 1;
        if !rows[row].is_empty() && rows[row].chars().count() + 1 + word.chars().count() > COLUMNS {
            rows.push(word.to_owned());
        } else {
            let blank = if rows[row].is_empty() { "" } else { " " };
            rows[row] += &format!("{blank}{word}");
        }
    }
    rows
}
