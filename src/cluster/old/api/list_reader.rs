//! Reads a list item by item while it arrives, so that only one item at a time takes memory.
//!
//! serde_json reads from a blocking reader only, but a response arrives in chunks. So the reader looks for the start of the items,
//! and lets serde_json read one item after the other, as soon as it is complete. If the items start in another way than the API
//! server writes them, the list is read as a whole.

use memchr::memmem;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::failure::Failure;

/// How the API server writes the end of the metadata and the start of the items. No string contains this, because JSON escapes quotes.
const ITEMS: &[u8] = br#"},"items":["#;
/// The start of the items is searched for only in this many bytes.
const MAX_START: usize = 64 * 1024;

#[derive(Debug)]
pub(crate) struct List<T> {
    pub items: Vec<T>,
    /// The token of the next page.
    pub next: Option<String>,
    pub version: String,
}

pub(super) struct ListReader<T> {
    kind: &'static str,
    read_item: fn(&[u8]) -> Result<T, serde_json::Error>,
    items: Vec<T>,
    /// The list up to its first item. Empty until that is found.
    start: Vec<u8>,
    /// What follows the last item that was read.
    rest: Vec<u8>,
    /// How much of the next item was there when it was last found incomplete.
    incomplete: usize,
}

impl<T> ListReader<T> {
    pub(super) fn new(kind: &'static str, read_item: fn(&[u8]) -> Result<T, serde_json::Error>) -> Self {
        Self { kind, read_item, items: Vec::new(), start: Vec::new(), rest: Vec::new(), incomplete: 0 }
    }

    pub(super) fn read(&mut self, chunk: &[u8]) -> Result<(), Failure> {
        self.rest.extend_from_slice(chunk);
        if self.start.is_empty() {
            let Some(end) = start_of_items(&self.rest) else { return Ok(()) };
            self.start.extend(self.rest.drain(..end));
        }
        // A long item would be read again with each chunk.
        if self.rest.len() >= 2 * self.incomplete { self.read_items() } else { Ok(()) }
    }

    fn read_items(&mut self) -> Result<(), Failure> {
        let mut read = 0;
        while let Some((item, end)) = next_item(&self.rest[read..], self.items.is_empty()) {
            self.items.push(self.item(item)?);
            read += end;
        }
        self.rest.drain(..read);
        self.incomplete = self.rest.len();
        Ok(())
    }

    fn item(&self, item: &RawValue) -> Result<T, Failure> {
        if !item.get().starts_with('{') {
            return Err(Failure::unreadable("an item is no object"));
        }
        (self.read_item)(item.get().as_bytes()).map_err(Failure::unreadable)
    }

    /// The list, if the response was a complete one of the expected kind.
    pub(super) fn finish(mut self) -> Result<List<T>, Failure> {
        if !self.start.is_empty() {
            self.read_items()?;
        }
        // Without the items that were read, this is a list again. Any item in it now lacked a comma.
        self.start.append(&mut self.rest);
        let Whole { kind, metadata, items } =
            serde_json::from_slice(&self.start).map_err(Failure::unreadable)?;
        if kind != self.kind || metadata.resource_version.is_empty() {
            let expected = self.kind;
            return Err(Failure::unreadable(format_args!(
                "expected a {expected} with a version, got {kind}"
            )));
        }
        let items = items.unwrap_or_default();
        if !self.items.is_empty() && !items.is_empty() {
            return Err(Failure::unreadable("no comma between two items"));
        }
        for item in items {
            self.items.push(self.item(item)?);
        }
        Ok(List {
            items: self.items,
            next: Some(metadata.r#continue).filter(|token| !token.is_empty()),
            version: metadata.resource_version,
        })
    }
}

/// A list with the items that were not read before.
#[derive(Deserialize)]
struct Whole<'a> {
    kind: String,
    #[serde(default)]
    metadata: Metadata,
    #[serde(borrow)]
    items: Option<Vec<&'a RawValue>>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Metadata {
    r#continue: String,
    resource_version: String,
}

/// Where the first item starts, if the API server wrote the list.
fn start_of_items(text: &[u8]) -> Option<usize> {
    let end = memmem::find(&text[..text.len().min(MAX_START)], ITEMS)? + ITEMS.len();
    // Only at the top level do two brackets complete the list.
    let completed = [&text[..end], b"]}"].concat();
    serde_json::from_slice::<Whole<'_>>(&completed).is_ok().then_some(end)
}

/// The next item, if it is complete, and where it ends. A malformed item is never complete, and `finish` reports it.
fn next_item(text: &[u8], is_first: bool) -> Option<(&RawValue, usize)> {
    let item = if is_first { text } else { text.trim_ascii_start().strip_prefix(b",")? };
    let item = item.trim_ascii_start();
    let raw: &RawValue = serde_json::Deserializer::from_slice(item).into_iter().next()?.ok()?;
    Some((raw, text.len() - item.len() + raw.get().len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = r#" { "kind" : "JobList", "metadata": {"items":[{"a":1}],"resourceVersion":"9","note":"\"items\":["},
        "items" : [ {"a":"}]\\"}, {"b":[{"items":[{}]}],"c":"\\\""} ,{} ], "more": [[{"items":[]}]] } "#;

    fn read(chunks: impl Iterator<Item = Vec<u8>>) -> Result<List<serde_json::Value>, Failure> {
        let mut reader = ListReader::new("JobList", |item| serde_json::from_slice(item));
        for chunk in chunks {
            reader.read(&chunk)?;
        }
        reader.finish()
    }

    #[test]
    fn items_are_found_wherever_the_response_is_cut() {
        let as_the_api_server_writes_it = TEXT.replace(",\n        \"items\" : [", ",\"items\":[");
        let with_nested_items = TEXT.replace("{\"items\":[{\"a\":1}]", "{\"x\":{},\"items\":[{\"a\":1}]");
        assert!(as_the_api_server_writes_it != TEXT && with_nested_items != TEXT);
        for text in [TEXT, &as_the_api_server_writes_it, &with_nested_items] {
            found_wherever_cut(text);
        }
    }

    fn found_wherever_cut(text: &str) {
        let whole: serde_json::Value = serde_json::from_str(text).expect("JSON");
        let items = whole["items"].as_array().expect("items");
        let (start, end) = (0..=text.len(), text.len());
        let splits = start.clone().flat_map(|from| (from..=end).map(move |to| (from, to)));
        for (from, to) in splits {
            let parts = [&text[..from], &text[from..to], &text[to..]];
            let list = read(parts.into_iter().map(|part| part.as_bytes().to_vec())).expect("a list");
            assert_eq!((&list.items, list.version.as_str()), (items, "9"), "{parts:?}");
        }
        let list = read(text.bytes().map(|byte| vec![byte])).expect("a list");
        assert_eq!(&list.items, items);
    }

    #[test]
    fn a_list_that_breaks_off_or_is_not_json_is_not_read() {
        let end = TEXT.trim_end().len();
        for cut in 0..end {
            assert!(read(std::iter::once(TEXT.as_bytes()[..cut].to_vec())).is_err(), "{}", &TEXT[..cut]);
        }
        for items in [
            "[{}{}]",
            "[{},]",
            "[,{}]",
            "[{}],",
            "{}",
            "[3]",
            "[[]]",
            "[[{}]]",
            "[null]",
            "[{]}",
            "[{\"a\"}]",
            "[{}",
            "{}]",
        ] {
            let text =
                format!(r#"{{"kind":"JobList","metadata":{{"resourceVersion":"9"}},"items":{items}}}"#);
            assert!(read(std::iter::once(text.clone().into_bytes())).is_err(), "{text}");
        }
    }

    #[test]
    fn only_one_item_at_a_time_takes_memory() {
        let item = format!(r#"{{"a":"{}"}}"#, "x".repeat(100_000));
        let mut reader =
            ListReader::new("JobList", |item| serde_json::from_slice::<serde::de::IgnoredAny>(item));
        reader.read(br#"{"kind":"JobList","metadata":{"resourceVersion":"9"},"items":["#).expect("JSON");
        for number in 0..100 {
            let text = if number == 0 { item.clone() } else { format!(",{item}") };
            text.as_bytes().chunks(8192).for_each(|chunk| reader.read(chunk).expect("JSON"));
        }
        reader.read(b"]}").expect("JSON");
        assert!(reader.rest.capacity() + reader.start.capacity() < 300_000);
        assert_eq!(reader.finish().expect("a list").items.len(), 100);
    }
}
