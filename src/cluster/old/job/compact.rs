//! How a Job is kept small, because a sweep may hold a hundred thousand of them: UIDs and versions are numbers, and what
//! many Jobs have in common is stored once.
//!
//! `uuid` has no room for the discriminant of [`Compact`], and interners such as `lasso` never free a value that no Job uses any more.

use std::collections::HashSet;
use std::error::Error;
use std::fmt::{self, Display, Formatter};
use std::hash::Hash;
use std::num::NonZeroU64;
use std::str::FromStr;
use std::sync::Arc;

use super::{Job, SharedFields};

pub(crate) type Uid = Compact<Uuid>;
/// A `resourceVersion`. jobsweep compares it only for equality.
pub(crate) type Version = Compact<u64>;

/// A text. It is stored as a number if formatting that number gives the same text.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Compact<N> {
    Number(N),
    /// A pointer to a `str` would be twice as long.
    Other(Box<Box<str>>),
}

/// The high and the low 64 bits. `NonZeroU64` leaves room for the discriminant of [`Compact`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Uuid(u64, NonZeroU64);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct OptionalSeconds(u32);

impl OptionalSeconds {
    pub(crate) const NONE: Self = Self(u32::MAX);

    pub(crate) fn get(self) -> Option<u32> {
        (self != Self::NONE).then_some(self.0)
    }
}

impl<N: TryInto<u32>> From<Option<N>> for OptionalSeconds {
    fn from(number: Option<N>) -> Self {
        number.and_then(|number| number.try_into().ok()).map_or(Self::NONE, Self)
    }
}

/// Stores each value once, however many Jobs have it.
#[derive(Default)]
pub(crate) struct Interner {
    namespaces: HashSet<Arc<str>>,
    fields: HashSet<Arc<SharedFields>>,
}

impl Interner {
    pub(crate) fn intern(&mut self, job: &mut Job) {
        intern(&mut self.namespaces, &mut job.id.namespace);
        intern(&mut self.fields, &mut job.shared);
    }
}

fn intern<T: Hash + Eq + ?Sized>(values: &mut HashSet<Arc<T>>, value: &mut Arc<T>) {
    if let Some(same) = values.get(&**value) {
        *value = Arc::clone(same);
        return;
    }
    // Before the set grows, drop the values that no Job uses any more.
    if values.len() == values.capacity() {
        values.retain(|value| Arc::strong_count(value) > 1);
    }
    values.insert(Arc::clone(value));
}

impl<N: FromStr + Display> From<&str> for Compact<N> {
    fn from(text: &str) -> Self {
        let number = text.parse::<N>().ok().filter(|number| number.to_string() == text);
        number.map_or_else(|| Self::Other(Box::new(text.into())), Self::Number)
    }
}

impl<N: Display> Display for Compact<N> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => number.fmt(f),
            Self::Other(text) => text.fmt(f),
        }
    }
}

impl FromStr for Uuid {
    type Err = Box<dyn Error>;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let number = u128::from_str_radix(&text.replace('-', ""), 16)?;
        let low = NonZeroU64::try_from(number as u64)?;
        Ok(Self((number >> 64) as u64, low))
    }
}

impl Display for Uuid {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let digits = format!("{:016x}{:016x}", self.0, self.1);
        let (a, b, c, d, e) = (&digits[..8], &digits[8..12], &digits[12..16], &digits[16..20], &digits[20..]);
        write!(f, "{a}-{b}-{c}-{d}-{e}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_text_comes_back_as_it_was() {
        for (text, is_number) in [
            ("0b5a8c1e-00f2-4d3c-9a77-0123456789ab", true),
            ("00000000-0000-0000-0000-000000000001", true),
            ("00000000-0000-0000-0000-000000000000", false),
            ("0B5A8C1E-00F2-4D3C-9A77-0123456789AB", false),
            ("0b5a8c1e00f24d3c9a770123456789ab", false),
            ("0b5a8c1e-00f2-4d3c-9a77-0123456789a", false),
            ("0b5a8c1e-00f2-4d3c-9a77-0123456789abc", false),
            ("+b5a8c1e-00f2-4d3c-9a77-0123456789ab", false),
            ("7", false),
            ("größer", false),
            ("", false),
        ] {
            let uid = Uid::from(text);
            assert_eq!((uid.to_string().as_str(), matches!(uid, Uid::Number(_))), (text, is_number));
        }
        for (text, is_number) in
            [("0", true), ("184467", true), ("007", false), ("+7", false), ("7a", false), ("", false)]
        {
            let version = Version::from(text);
            assert_eq!(
                (version.to_string().as_str(), matches!(version, Version::Number(_))),
                (text, is_number)
            );
        }
    }

    #[test]
    fn seconds_that_do_not_fit_are_none() {
        for (number, expected) in [
            (None, None),
            (Some(0), Some(0)),
            (Some(1_700_000_000), Some(1_700_000_000)),
            (Some(i64::from(u32::MAX)), None),
            (Some(i64::MAX), None),
            (Some(-1), None),
        ] {
            assert_eq!(OptionalSeconds::from(number).get(), expected, "{number:?}");
        }
    }

    #[test]
    fn what_jobs_have_in_common_is_stored_once_and_only_as_long_as_a_job_has_it() {
        let job = |namespace: &str, policy: &str| {
            let json = format!(
                r#"{{"metadata":{{"namespace":"{namespace}","name":"a","uid":"u","resourceVersion":"1",
                    "annotations":{{"kots.io/hook-delete-policy":"{policy}"}}}}}}"#
            );
            Job::decode(json.as_bytes()).expect("a Job")
        };
        let mut interner = Interner::default();
        let mut jobs = [job("shop", "x"), job("shop", "x"), job("shop", "y")];
        jobs.iter_mut().for_each(|job| interner.intern(job));
        let [a, b, c] = &jobs;
        assert!(Arc::ptr_eq(&a.id.namespace, &c.id.namespace));
        assert!(Arc::ptr_eq(&a.shared, &b.shared) && !Arc::ptr_eq(&a.shared, &c.shared));
        (0..1000).for_each(|number| interner.intern(&mut job(&number.to_string(), &number.to_string())));
        assert!(interner.fields.len() < 100 && interner.namespaces.len() < 100);
        assert_eq!(*jobs[2].id.namespace, *"shop");
    }

    #[test]
    fn a_job_is_small() {
        assert!(size_of::<Job>() <= 80, "{} bytes", size_of::<Job>());
    }
}
