//! Reads the paths that Rust code uses, such as `crate::cluster::api`.

/// Replaces the items under `#[cfg(test)]` with empty lines. rustfmt aligns an item's last brace with its first line.
pub(crate) fn without_tests(text: &str) -> String {
    let mut kept = String::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        if line.trim_start().starts_with("#[cfg(test)]") {
            let indent = &line[..line.len() - line.trim_start().len()];
            let ends = |line: &str| {
                let item = line.strip_prefix(indent).unwrap_or(" ");
                item.starts_with('}') || item.ends_with(';') && !item.starts_with(' ')
            };
            let mut item = line;
            while !ends(item) {
                kept.push('\n');
                let Some(next) = lines.next() else { return kept };
                item = next;
            }
        } else {
            kept.push_str(line);
        }
        kept.push('\n');
    }
    kept
}

/// All paths in a file with their lines (from 1). A path that begins in the file's own module is given from the crate's
/// root, and also as it stands, because it may begin with the name of another crate.
pub(crate) fn paths_in(file: &str, text: &str) -> Vec<(usize, String)> {
    let module = module_of(file);
    let mut found = Vec::new();
    // One prefix for each open brace: that of the group in a `use`, or an empty one.
    let mut groups = vec![String::new()];
    let mut tokens = tokens(text).into_iter().peekable();
    while let Some((line, token)) = tokens.next() {
        match token {
            "{" => groups.push(String::new()),
            "}" if groups.len() > 1 => drop(groups.pop()),
            name if is_name(name) => {
                let mut path = groups.last().cloned().unwrap_or_default() + name;
                while tokens.next_if(|(_, token)| *token == "::").is_some() {
                    path += "::";
                    match tokens.next_if(|(_, token)| is_name(token) || *token == "{") {
                        Some((_, "{")) => {
                            groups.push(path);
                            path = String::new();
                        }
                        Some((_, name)) => path += name,
                        None => {}
                    }
                }
                if path.contains("::") || groups.last().is_some_and(String::is_empty) {
                    found.extend(resolved(&module, path.trim_end_matches("::")).map(|path| (line, path)));
                }
            }
            _ => {}
        }
    }
    found
}

/// `src/cleanup/sweep/ending.rs` is `crate::cleanup::sweep::ending`.
fn module_of(file: &str) -> Vec<&str> {
    let path = file.trim_start_matches("src/").trim_end_matches(".rs").trim_end_matches("/mod");
    std::iter::once("crate").chain(path.split('/').filter(|name| !matches!(*name, "lib" | "main"))).collect()
}

fn resolved(module: &[&str], path: &str) -> impl Iterator<Item = String> {
    let mut names = path.split("::").peekable();
    let mut from = module;
    while names.next_if_eq(&"super").is_some() {
        from = &from[..from.len().saturating_sub(1)];
    }
    names.next_if_eq(&"self");
    let from_root = path.starts_with("crate");
    let relative = from.iter().copied().chain(names).collect::<Vec<_>>().join("::");
    [(!path.is_empty()).then(|| path.to_owned()), (!path.is_empty() && !from_root).then_some(relative)]
        .into_iter()
        .flatten()
}

fn is_name(token: &str) -> bool {
    token.starts_with(|first: char| first.is_alphabetic() || first == '_')
}

/// Names, `::` and single characters with their lines, without comments and literals.
fn tokens(text: &str) -> Vec<(usize, &str)> {
    let mut tokens = Vec::new();
    let (mut rest, mut line) = (text, 1);
    while let Some(first) = rest.chars().next() {
        let length = literal(rest).unwrap_or_else(|| {
            let length = match first {
                _ if rest.starts_with("::") => 2,
                _ if is_name(rest) => {
                    rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len())
                }
                _ => first.len_utf8(),
            };
            if !first.is_whitespace() {
                tokens.push((line, &rest[..length]));
            }
            length
        });
        line += rest[..length].matches('\n').count();
        rest = &rest[length..];
    }
    tokens
}

/// The length of the comment, string or character at the start of the text.
fn literal(text: &str) -> Option<usize> {
    let raw = text.strip_prefix('b').unwrap_or(text).strip_prefix('r');
    let hashes = raw.map(|raw| raw.len() - raw.trim_start_matches('#').len());
    if text.starts_with("//") {
        Some(text.find('\n').unwrap_or(text.len()))
    } else if let (Some(raw), Some(hashes)) = (raw, hashes)
        && raw[hashes..].starts_with('"')
    {
        let end = format!("\"{}", "#".repeat(hashes));
        let start = text.len() - raw.len() + hashes + 1;
        Some(text[start..].find(&end).map_or(text.len(), |at| start + at + end.len()))
    } else if let Some(string) = text.strip_prefix('"') {
        let mut escaped = false;
        let end = string.find(|c: char| {
            let ends = c == '"' && !escaped;
            escaped = c == '\\' && !escaped;
            ends
        });
        Some(end.map_or(text.len(), |at| at + 2))
    } else if let Some(quoted) = text.strip_prefix('\'') {
        // A lifetime has no second quote right after its first character.
        let mut characters = quoted.char_indices();
        match characters.next()?.1 {
            '\\' => quoted[2..].find('\'').map(|at| at + 4),
            _ => characters.next().filter(|(_, c)| *c == '\'').map(|(at, _)| at + 2),
        }
    } else {
        None
    }
}
