//! Wider pipes: the fewer times two processes wait for each other, the sooner a long stream is through.

/// Makes a pipe, if it is one, four times as wide as Linux makes it. That it stays as it is, is no fault.
#[cfg(target_os = "linux")]
pub(crate) fn widen(end: &impl std::os::fd::AsFd) {
    const WIDE: usize = 256 * 1024;
    let _ = rustix::pipe::fcntl_setpipe_size(end, WIDE);
}

/// Elsewhere a pipe is as wide as it is.
#[cfg(not(target_os = "linux"))]
pub(crate) fn widen<T>(_: &T) {}
