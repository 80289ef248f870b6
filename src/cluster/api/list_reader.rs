//! Reads a list item by item while it arrives, so that only one item at a time takes memory.
//!
//! serde_json reads from a blocking reader only, but a response arrives in chunks. So the reader finds the end of each
//! item by counting brackets, and leaves all syntax to serde_json: it reads each item, and at the end the rest of the
//! list, where `{}` stands for each item.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde::de::IgnoredAny;

use super::failure::Failure;

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
    items: Result<Vec<T>, serde_json::Error>,
    envelope: Vec<u8>,
    item: Vec<u8>,
    place: Place,
    depth: usize,
    in_string: bool,
    after_backslash: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Envelope,
    BetweenItems,
    Item,
}

/// The depth of brackets between the items.
const ITEMS: usize = 2;

impl<T> ListReader<T> {
    pub(super) fn new(kind: &'static str, read_item: fn(&[u8]) -> Result<T, serde_json::Error>) -> Self {
        Self {
            kind,
            read_item,
            items: Ok(Vec::new()),
            envelope: Vec::new(),
            item: Vec::new(),
            place: Place::Envelope,
            depth: 0,
            in_string: false,
            after_backslash: false,
        }
    }

    pub(super) fn read(&mut self, chunk: &[u8]) {
        let (mut at, mut kept) = (0, 0);
        while let Some(byte) = chunk.get(at) {
            if self.in_string {
                at += self.skip_string(&chunk[at..]);
                continue;
            }
            match byte {
                b'"' => self.in_string = true,
                b'{' | b'[' => {
                    if self.depth <= ITEMS {
                        self.keep(&chunk[kept..at]);
                        kept = at;
                        self.place = match (self.place, self.depth, byte) {
                            (Place::Envelope, 1, b'[') if self.is_after_items_key() => Place::BetweenItems,
                            (Place::BetweenItems, ITEMS, b'{') => Place::Item,
                            (place, ..) => place,
                        };
                    }
                    self.depth += 1;
                }
                b'}' | b']' => {
                    self.depth = self.depth.saturating_sub(1);
                    if self.depth <= ITEMS {
                        self.keep(&chunk[kept..=at]);
                        kept = at + 1;
                        match (self.place, self.depth) {
                            (Place::Item, ITEMS) => self.finish_item(),
                            (Place::BetweenItems, 1) => self.place = Place::Envelope,
                            _ => {}
                        }
                    }
                }
                _ => {}
            }
            at += 1;
        }
        self.keep(&chunk[kept..]);
    }

    /// Skips a part of a string, and returns its length.
    fn skip_string(&mut self, bytes: &[u8]) -> usize {
        if self.after_backslash {
            self.after_backslash = false;
            return 1;
        }
        let Some(at) = memchr::memchr2(b'"', b'\\', bytes) else { return bytes.len() };
        self.after_backslash = bytes[at] == b'\\';
        self.in_string = self.after_backslash;
        at + 1
    }

    pub(super) fn finish(self) -> Result<List<T>, Failure> {
        #[derive(Deserialize)]
        struct Envelope {
            kind: String,
            #[serde(default)]
            metadata: Metadata,
            #[serde(rename = "items")]
            _items: Option<Vec<BTreeMap<String, IgnoredAny>>>,
        }
        #[derive(Default, Deserialize)]
        #[serde(rename_all = "camelCase", default)]
        struct Metadata {
            r#continue: String,
            resource_version: String,
        }

        let Envelope { kind, metadata, _items } =
            serde_json::from_slice(&self.envelope).map_err(Failure::unreadable)?;
        if kind != self.kind || metadata.resource_version.is_empty() {
            return Err(Failure::unreadable(format_args!(
                "expected a {} with a version, got {kind}",
                self.kind
            )));
        }
        Ok(List {
            items: self.items.map_err(Failure::unreadable)?,
            next: Some(metadata.r#continue).filter(|token| !token.is_empty()),
            version: metadata.resource_version,
        })
    }

    fn keep(&mut self, bytes: &[u8]) {
        match self.place {
            Place::Item => self.item.extend_from_slice(bytes),
            Place::Envelope | Place::BetweenItems => self.envelope.extend_from_slice(bytes),
        }
    }

    fn finish_item(&mut self) {
        self.place = Place::BetweenItems;
        self.envelope.extend_from_slice(b"{}");
        if let Ok(items) = &mut self.items {
            match (self.read_item)(&self.item) {
                Ok(item) => items.push(item),
                Err(error) => self.items = Err(error),
            }
        }
        self.item.clear();
    }

    fn is_after_items_key(&self) -> bool {
        let before = self.envelope.trim_ascii_end().strip_suffix(b":").unwrap_or_default();
        let before = before.trim_ascii_end().strip_suffix(b"\"items\"").unwrap_or_default();
        matches!(before.trim_ascii_end().last(), Some(b'{' | b','))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = r#" { "kind" : "JobList", "metadata": {"items":[{"a":1}],"resourceVersion":"9","note":"\"items\":["},
        "items" : [ {"a":"}]\\"}, {"b":[{"items":[{}]}],"c":"\\\""} ,{} ], "more": [[{"items":[]}]] } "#;

    fn read(chunks: impl Iterator<Item = Vec<u8>>) -> Result<List<serde_json::Value>, Failure> {
        let mut reader = ListReader::new("JobList", |item| serde_json::from_slice(item));
        chunks.for_each(|chunk| reader.read(&chunk));
        reader.finish()
    }

    #[test]
    fn items_are_found_wherever_the_response_is_cut() {
        let whole: serde_json::Value = serde_json::from_str(TEXT).expect("JSON");
        let items = whole["items"].as_array().expect("items");
        let (start, end) = (0..=TEXT.len(), TEXT.len());
        let splits = start.clone().flat_map(|from| (from..=end).map(move |to| (from, to)));
        for (from, to) in splits {
            let parts = [&TEXT[..from], &TEXT[from..to], &TEXT[to..]];
            let list = read(parts.into_iter().map(|part| part.as_bytes().to_vec())).expect("a list");
            assert_eq!((&list.items, list.version.as_str()), (items, "9"), "{parts:?}");
        }
        let list = read(TEXT.bytes().map(|byte| vec![byte])).expect("a list");
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
        let mut reader = ListReader::new("JobList", |item| serde_json::from_slice::<IgnoredAny>(item));
        reader.read(br#"{"kind":"JobList","metadata":{"resourceVersion":"9"},"items":["#);
        for number in 0..100 {
            let text = if number == 0 { item.clone() } else { format!(",{item}") };
            text.as_bytes().chunks(8192).for_each(|chunk| reader.read(chunk));
        }
        reader.read(b"]}");
        assert!(reader.item.capacity() + reader.envelope.capacity() < 300_000);
        assert_eq!(reader.finish().expect("a list").items.len(), 100);
    }
}
