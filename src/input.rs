//! Reads the whole input into memory, because the filter writes nothing before it has proven everything.

use std::io::{self, Read};
use std::ops::Deref;

/// The largest chart that Helm accepts. Most streams are shorter.
const SMALL: usize = 1 << 20;

/// Reads the whole source. `seen` gets all that has been read, after each read of the first MiB, and of the rest where large pages
/// could be reserved.
pub(crate) fn read(
    source: &mut dyn Read,
    seen: &mut dyn FnMut(&[u8]),
) -> io::Result<Box<dyn Deref<Target = [u8]>>> {
    let mut bytes = vec![0; SMALL];
    let length = fill(&mut bytes, source, seen)?;
    bytes.truncate(length);
    if length == SMALL {
        #[cfg(all(target_os = "linux", target_pointer_width = "64"))]
        if let Some(mut pages) = huge::Pages::reserve() {
            pages.read_to_end(&mut bytes.chain(source), seen)?;
            return Ok(Box::new(pages));
        }
        source.read_to_end(&mut bytes)?;
    }
    Ok(Box::new(bytes))
}

/// Reads until the source or the room ends. Each read gets all of the room, so that one call empties a pipe.
fn fill(room: &mut [u8], source: &mut dyn Read, seen: &mut dyn FnMut(&[u8])) -> io::Result<usize> {
    let mut length = 0;
    while length < room.len() {
        match source.read(&mut room[length..]) {
            Ok(0) => break,
            Ok(count) => {
                length += count;
                seen(&room[..length]);
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(length)
}

/// Keeps a large stream in huge pages.
///
/// With pages of 4 kB, Linux takes longer to provide the memory than the filter takes for all of its work. Pages of 2 MB must be
/// requested, which a `Vec` does not do; it also moves its content as it grows. So this module reserves a range of addresses
/// longer than any stream. Only the used part takes memory.
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
        /// None if the process may not reserve so many addresses.
        pub(super) fn reserve() -> Option<Self> {
            let map = MmapOptions::new().len(RESERVED).no_reserve_swap().map_anon().ok()?;
            // Without huge pages, reading only takes longer.
            let _ = map.advise(Advice::HugePage);
            Some(Self { map, used: 0 })
        }

        pub(super) fn read_to_end(
            &mut self,
            source: &mut dyn Read,
            seen: &mut dyn FnMut(&[u8]),
        ) -> io::Result<()> {
            self.used = super::fill(&mut self.map, source, seen)?;
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
    #[test]
    fn what_is_read_is_the_source_to_its_last_byte() {
        let small = super::SMALL;
        for length in [0, 1, small - 1, small, small + 1, 3 * small + 7] {
            let bytes: Vec<u8> = (0..length).map(|at| at as u8).collect();
            assert!(**super::read(&mut &*bytes, &mut |_| {}).unwrap() == bytes, "{length} bytes");
        }
    }
}
