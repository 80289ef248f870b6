//! The whole input in memory, because nothing is written before everything is known to be right.

use std::io::{self, Read};
use std::ops::Deref;

/// As long as one chart may be, and most streams are.
const SMALL: usize = 1 << 20;

/// Reads to the end.
pub(crate) fn read(source: &mut dyn Read) -> io::Result<Box<dyn Deref<Target = [u8]>>> {
    let mut bytes = vec![0; SMALL];
    let length = fill(&mut bytes, source)?;
    bytes.truncate(length);
    if length == SMALL {
        #[cfg(all(target_os = "linux", target_pointer_width = "64"))]
        if let Some(mut pages) = huge::Pages::reserve() {
            pages.read_to_end(&mut bytes.chain(source))?;
            return Ok(Box::new(pages));
        }
        source.read_to_end(&mut bytes)?;
    }
    Ok(Box::new(bytes))
}

/// Reads until there is no more, or no room. It reads into all the room there is: what a pipe holds comes at once.
fn fill(room: &mut [u8], source: &mut dyn Read) -> io::Result<usize> {
    let mut length = 0;
    while length < room.len() {
        match source.read(&mut room[length..]) {
            Ok(0) => break,
            Ok(count) => length += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(length)
}

/// A large stream in large pages.
///
/// Handing out memory in pages of 4 kB takes the system longer than all else that is done with the stream. Linux has
/// pages of 2 MB, for memory that asks for them. The standard library's does not, and it moves as it grows. So here a
/// range of addresses is reserved that is longer than any stream; only what is used of it takes memory.
#[cfg(all(target_os = "linux", target_pointer_width = "64"))]
mod huge {
    use std::io::{self, Read};
    use std::ops::Deref;

    use memmap2::{Advice, MmapMut, MmapOptions};

    const RESERVED: usize = 64 << 30;

    pub(super) struct Pages {
        map: MmapMut,
        used: usize,
    }

    impl Pages {
        /// None where even addresses are scarce.
        pub(super) fn reserve() -> Option<Self> {
            let map = MmapOptions::new().len(RESERVED).no_reserve_swap().map_anon().ok()?;
            // Without large pages it only takes longer.
            let _ = map.advise(Advice::HugePage);
            Some(Self { map, used: 0 })
        }

        pub(super) fn read_to_end(&mut self, source: &mut dyn Read) -> io::Result<()> {
            self.used = super::fill(&mut self.map, source)?;
            if self.used == RESERVED { Err(io::ErrorKind::FileTooLarge.into()) } else { Ok(()) }
        }
    }

    impl Deref for Pages {
        type Target = [u8];

        fn deref(&self) -> &[u8] {
            &self.map[..self.used]
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_read_is_the_source_to_its_last_byte() {
        for length in [0, 1, SMALL - 1, SMALL, SMALL + 1, 3 * SMALL + 7] {
            let bytes: Vec<u8> = (0..length).map(|at| at as u8).collect();
            assert!(**read(&mut &*bytes).unwrap() == bytes, "{length} bytes");
        }
    }
}
