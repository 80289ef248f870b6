//! Finds the paths that Rust code uses, such as `crate::cluster::api`.
//!
//! The paths come from the tokens of `proc-macro2`, because `syn` does not parse what is inside macros such as `assert!`.

use std::str::FromStr;

use proc_macro2::{Delimiter, Ident, Span, TokenStream, TokenTree};

/// A path that a file uses.
#[derive(Debug)]
pub(crate) struct Used {
    /// The line, from 1.
    pub(crate) line: usize,
    /// A path that begins in the file's own module is given from the crate's root, and also as it stands, because it may begin
    /// with the name of another crate.
    pub(crate) paths: [String; 2],
    /// Whether a `use` imports the path or everything below it.
    pub(crate) is_import: bool,
}

/// The paths in a file, without the items under `#[cfg(test)]`.
pub(crate) fn paths_in(file: &str, text: &str) -> Vec<Used> {
    let mut reader = Reader { module: module_of(file), found: Vec::new() };
    reader.read(TokenStream::from_str(text).unwrap(), "", false);
    reader.found
}

/// `src/cleanup/sweep/ending.rs` is `crate::cleanup::sweep::ending`.
fn module_of(file: &str) -> Vec<String> {
    let path = file.trim_start_matches("src/").trim_end_matches(".rs").trim_end_matches("/mod");
    let names = path.split('/').filter(|name| !matches!(*name, "lib" | "main"));
    std::iter::once("crate").chain(names).map(str::to_owned).collect()
}

struct Reader {
    module: Vec<String>,
    found: Vec<Used>,
}

impl Reader {
    /// Reads the tokens of a file or of a group. `prefix` is the path before the braces of a group in a `use`.
    fn read(&mut self, tokens: TokenStream, prefix: &str, mut in_use: bool) {
        let tokens: Vec<TokenTree> = tokens.into_iter().collect();
        let mut rest = &tokens[..];
        while let [first, after @ ..] = rest {
            rest = after;
            match (first, after) {
                (TokenTree::Punct(hash), [TokenTree::Group(attribute), item @ ..])
                    if hash.as_char() == '#' && is_cfg_test(&attribute.stream()) =>
                {
                    let end = item.iter().position(ends_item).map_or(item.len(), |last| last + 1);
                    rest = &item[end..];
                }
                (TokenTree::Punct(end), _) if end.as_char() == ';' => in_use = false,
                (TokenTree::Ident(word), _) if word == "use" => in_use = true,
                (TokenTree::Ident(word), [_, after @ ..]) if in_use && word == "as" => rest = after,
                (TokenTree::Ident(word), [TokenTree::Ident(name), TokenTree::Group(body), after @ ..])
                    if word == "mod" =>
                {
                    self.module.push(name.to_string());
                    self.read(body.stream(), "", false);
                    self.module.pop();
                    rest = after;
                }
                (TokenTree::Punct(star), _) if in_use && star.as_char() == '*' => {
                    self.add(star.span(), prefix.trim_end_matches("::"), true);
                }
                (TokenTree::Ident(name), _) => rest = self.read_path(name, after, prefix, in_use),
                (TokenTree::Group(group), _) => self.read(group.stream(), prefix, in_use),
                _ => {}
            }
        }
    }

    /// Reads the rest of a path after its first name. Returns the tokens after it.
    fn read_path<'t>(
        &mut self,
        first: &Ident,
        mut rest: &'t [TokenTree],
        prefix: &str,
        in_use: bool,
    ) -> &'t [TokenTree] {
        let mut path = format!("{prefix}{first}");
        while let [TokenTree::Punct(a), TokenTree::Punct(b), after @ ..] = rest
            && (a.as_char(), b.as_char()) == (':', ':')
        {
            rest = after;
            match after {
                [TokenTree::Ident(name), after @ ..] => {
                    path = format!("{path}::{name}");
                    rest = after;
                }
                [TokenTree::Group(group), after @ ..] if in_use => {
                    self.read(group.stream(), &format!("{path}::"), true);
                    return after;
                }
                [TokenTree::Punct(star), after @ ..] if star.as_char() == '*' => rest = after,
                _ => {}
            }
        }
        self.add(first.span(), path.strip_suffix("::self").unwrap_or(&path), in_use);
        rest
    }

    fn add(&mut self, span: Span, path: &str, is_import: bool) {
        let paths = [path.to_owned(), self.path_from_root(path)];
        self.found.push(Used { line: span.start().line, paths, is_import });
    }

    fn path_from_root(&self, path: &str) -> String {
        let mut names = path.split("::").peekable();
        let mut module = &self.module[..];
        if names.next_if_eq(&"crate").is_some() {
            module = &module[..1];
        }
        names.next_if_eq(&"self");
        while names.next_if_eq(&"super").is_some() {
            module = &module[..module.len().saturating_sub(1)];
        }
        module.iter().map(String::as_str).chain(names).collect::<Vec<_>>().join("::")
    }
}

fn is_cfg_test(attribute: &TokenStream) -> bool {
    attribute.to_string().replace(' ', "") == "cfg(test)"
}

fn ends_item(token: &TokenTree) -> bool {
    match token {
        TokenTree::Punct(punct) => punct.as_char() == ';',
        TokenTree::Group(group) => group.delimiter() == Delimiter::Brace,
        _ => false,
    }
}
