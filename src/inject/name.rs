//! Derives names from the stream, because Helm tells a post-renderer neither the release nor the namespace.

use crate::translate::string_at;

/// The label with which charts name the release of a resource.
const INSTANCE: &str = "app.kubernetes.io/instance";
/// The longest value of a label. The name of a Job becomes a label of its pods.
const MAX: usize = 63;
/// A dash and eight hexadecimal digits.
const SUFFIX: usize = 9;

/// `jobsweep-` and the release, from the label `app.kubernetes.io/instance`. Without such a label, `jobsweep-` and the first
/// name in the stream: two releases cannot have the same resource.
pub(super) fn derived(documents: &[&[u8]]) -> String {
    let first = |path: &[&'static str]| documents.iter().find_map(|document| string_at(document, path));
    let release = first(&["metadata", "labels", INSTANCE]).or_else(|| first(&["metadata", "name"]));
    release.map_or_else(|| "jobsweep".to_owned(), |release| legal(&format!("jobsweep-{release}")))
}

/// A name that changes when one of the texts changes.
pub(super) fn changing_with(name: &str, texts: &[&[u8]]) -> String {
    format!("{name}-{}", hash(texts.iter().copied().flatten()))
}

/// Checks that a name from the user is a name and leaves room for a suffix.
///
/// # Errors
/// Returns what is wrong with it.
pub(crate) fn check(name: &str) -> Result<String, String> {
    if legal(name) == name && !name.is_empty() {
        Ok(name.to_owned())
    } else {
        let longest = MAX - SUFFIX;
        Err(format!("a name has only lower-case letters, digits and dashes between them, at most {longest}"))
    }
}

/// The nearest legal name that leaves room for a suffix. A changed name gets a hash, so that different names stay different.
fn legal(name: &str) -> String {
    let lower = |letter: char| if letter.is_ascii_alphanumeric() { letter.to_ascii_lowercase() } else { '-' };
    let near: String = name.chars().map(lower).take(MAX - SUFFIX).collect();
    let near = near.trim_matches('-');
    if near == name {
        return near.to_owned();
    }
    let near: String = near.chars().take(MAX - 2 * SUFFIX).collect();
    format!("{}-{}", near.trim_end_matches('-'), hash(name.as_bytes()))
}

/// FNV-1a, folded to 32 bits. Unlike the hashes of the standard library, it is the same on every machine and in every version.
fn hash<'t>(text: impl IntoIterator<Item = &'t u8>) -> String {
    let hash = text.into_iter().fold(0xcbf2_9ce4_8422_2325_u64, |hash, &byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    });
    format!("{:08x}", (hash >> 32) ^ (hash & 0xffff_ffff))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_comes_from_the_release() {
        let named = |name: &str| format!("kind: Service\nmetadata: {{name: {name}}}\n");
        let labelled = "kind: Job\nmetadata: {labels: {app.kubernetes.io/instance: shop}}\n";
        for (documents, name) in [
            (vec![named("web"), labelled.to_owned()], "jobsweep-shop"),
            (vec![named("web"), named("db")], "jobsweep-web"),
            (vec!["not: [yaml".to_owned(), named("db")], "jobsweep-db"),
            (vec!["kind: List\nitems: []\n".to_owned()], "jobsweep"),
        ] {
            let documents: Vec<&[u8]> = documents.iter().map(|text| text.as_bytes()).collect();
            assert_eq!(derived(&documents), name);
        }
    }

    #[test]
    fn every_name_is_legal_and_different_ones_stay_different() {
        let long = "a".repeat(60);
        let names =
            ["Web", "web", "web.example", "web-example", "web_example", &long, &format!("{long}b"), "ü"];
        let mut legal: Vec<String> = names.iter().map(|name| super::legal(&format!("x-{name}"))).collect();
        for name in &legal {
            assert_eq!(check(name).as_ref(), Ok(name));
            assert!(changing_with(name, &[]).len() <= MAX);
        }
        legal.sort();
        legal.dedup();
        assert_eq!(legal.len(), names.len());
    }

    #[test]
    fn a_users_name_must_be_legal_as_it_is() {
        assert!(check("shop-cleanup").is_ok());
        for name in ["", "Shop", "-shop", "shop-", "shop/x", &"a".repeat(55)] {
            assert!(check(name).is_err(), "{name:?}");
        }
    }
}
