//! Makes the pipes at both ends of the filter fast.

use std::io::{self, BufWriter, StdoutLock, Write};

/// The size of the output buffer. Longer pieces of the input are lent to the pipe.
const BUFFER: usize = 64 * 1024;

/// Standard output with a buffer, because the one of the standard library is flushed after every line.
pub(crate) struct Output<'a>(BufWriter<StdoutLock<'a>>);

impl<'a> Output<'a> {
    pub(crate) fn new(stdout: StdoutLock<'a>) -> Self {
        widen(&stdout);
        Self(BufWriter::with_capacity(BUFFER, stdout))
    }

    /// Writes bytes that never change.
    pub(crate) fn write_static(&mut self, bytes: &'static [u8]) -> io::Result<()> {
        if bytes.len() <= BUFFER {
            return self.0.write_all(bytes);
        }
        self.0.flush()?;
        let lent = lend(self.0.get_ref(), bytes);
        self.0.write_all(&bytes[lent..])
    }
}

impl Write for Output<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

#[cfg(target_os = "linux")]
use linux::lend;
#[cfg(target_os = "linux")]
pub(crate) use linux::widen;

#[cfg(target_os = "linux")]
mod linux {
    use std::io::IoSlice;
    use std::os::fd::AsFd;

    use nix::errno::Errno;
    use nix::fcntl::{FcntlArg, OFlag, SpliceFFlags, fcntl, vmsplice};

    /// By default, Linux allows 1 MiB without privileges.
    const SIZES: [i32; 2] = [1 << 20, 256 << 10];

    /// Enlarges a pipe, so that the processes at both ends wait for each other less often. Failures and files that are no pipe are
    /// ignored.
    pub(crate) fn widen(end: &impl AsFd) {
        let _ = SIZES.into_iter().find(|&size| fcntl(end, FcntlArg::F_SETPIPE_SZ(size)).is_ok());
    }

    /// Whether a file was opened for writing. From the other end of a pipe, `vmsplice` would read.
    fn is_writable(file: &impl AsFd) -> bool {
        let flags = fcntl(file, FcntlArg::F_GETFL).map(OFlag::from_bits_truncate);
        flags.is_ok_and(|flags| matches!(flags & OFlag::O_ACCMODE, OFlag::O_WRONLY | OFlag::O_RDWR))
    }

    /// Lends bytes to a pipe: it refers to them, and its reader copies them from where they are, even after this process has
    /// ended. This takes half as long as copying them into the pipe. They must never change, so they are `'static`.
    ///
    /// Returns how many bytes were lent: none if the file is no pipe. The caller writes the rest, and so gets the error, if there is
    /// one.
    pub(super) fn lend(pipe: &impl AsFd, bytes: &'static [u8]) -> usize {
        if !is_writable(pipe) {
            return 0;
        }
        let mut lent = 0;
        while lent < bytes.len() {
            match vmsplice(pipe, &[IoSlice::new(&bytes[lent..])], SpliceFFlags::empty()) {
                Ok(0) => break,
                Ok(count) => lent += count,
                Err(Errno::EINTR) => {}
                Err(_) => break,
            }
        }
        lent
    }
}

/// Other systems do not let a process set the size of a pipe.
#[cfg(not(target_os = "linux"))]
pub(crate) fn widen<T>(_: &T) {}

#[cfg(not(target_os = "linux"))]
fn lend<T>(_: &T, _: &'static [u8]) -> usize {
    0
}
