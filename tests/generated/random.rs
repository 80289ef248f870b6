//! Random bytes, and their reduction to the smallest ones that still fail.

use std::hash::{BuildHasher, RandomState};

/// A new seed.
pub(crate) fn seed() -> u64 {
    RandomState::new().hash_one(()) % 1_000_000_000
}

/// An endless sequence of byte strings of different lengths, which follows from the seed.
pub(crate) fn byte_strings(seed: u64) -> impl Iterator<Item = Vec<u8>> {
    let mut state = seed;
    // SplitMix64, by Sebastiano Vigna, public domain.
    let mut next = move || {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    };
    std::iter::from_fn(move || {
        let words = 1 + next() % 100;
        Some((0..words).flat_map(|_| next().to_le_bytes()).collect())
    })
}

/// Removes and zeroes bytes while the rest still fails. A zero is the simplest choice.
pub(crate) fn smallest(bytes: &[u8], fails: impl Fn(&[u8]) -> bool) -> Vec<u8> {
    let mut best = bytes.to_vec();
    let mut step = best.len();
    while step > 0 {
        let mut improved = false;
        for at in (0..best.len()).step_by(step) {
            let end = (at + step).min(best.len());
            let without = [&best[..at.min(best.len())], &best[end..]].concat();
            let mut zeroed = best.clone();
            zeroed[at.min(end)..end].fill(0);
            let smaller = [without, zeroed].into_iter().find(|other| *other != best && fails(other));
            if let Some(smaller) = smaller {
                best = smaller;
                improved = true;
                break;
            }
        }
        if !improved {
            step /= 2;
        }
    }
    best
}
