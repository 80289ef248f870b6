//! Enlarges pipes, so that the processes at both ends wait for each other less often.

/// Enlarges a pipe to four times the default of Linux. Failures and files that are no pipe are ignored.
#[cfg(target_os = "linux")]
pub(crate) fn widen(end: &impl std::os::fd::AsFd) {
    const WIDE: usize = 256 * 1024;
    let _ = rustix::pipe::fcntl_setpipe_size(end, WIDE);
}

/// Other systems do not let a process set the size of a pipe.
#[cfg(not(target_os = "linux"))]
pub(crate) fn widen<T>(_: &T) {}
