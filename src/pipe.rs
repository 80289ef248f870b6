//! Makes the pipes at both ends of the filter fast.

use std::io::{self, BufWriter, StdoutLock, Write};

/// The size of the output buffer.
const BUFFER: usize = 64 * 1024;

/// Standard output with a buffer, because the one of the standard library is flushed after every line.
pub(crate) struct Output<'a>(BufWriter<StdoutLock<'a>>);

impl<'a> Output<'a> {
    pub(crate) fn new(stdout: StdoutLock<'a>) -> Self {
        widen(&stdout);
        Self(BufWriter::with_capacity(BUFFER, stdout))
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
pub(crate) use linux::widen;

#[cfg(target_os = "linux")]
mod linux {
    use std::os::fd::AsFd;

    use nix::fcntl::{FcntlArg, fcntl};

    /// By default, Linux allows 1 MiB without privileges.
    const SIZES: [i32; 2] = [1 << 20, 256 << 10];

    /// Enlarges a pipe, so that the processes at both ends wait for each other less often. Failures and files that are no pipe are
    /// ignored.
    pub(crate) fn widen(end: &impl AsFd) {
        let _ = SIZES.into_iter().find(|&size| fcntl(end, FcntlArg::F_SETPIPE_SZ(size)).is_ok());
    }
}

/// Other systems do not let a process set the size of a pipe.
#[cfg(not(target_os = "linux"))]
pub(crate) fn widen<T>(_: &T) {}
