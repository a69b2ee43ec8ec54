//! Memory that one training step frees is kept for the next.
//!
//! glibc returns each freed block above 128 KB to the system, and the next step's page faults, one for 4 KB, take up to a
//! seventh of its time. Here it is told to keep what is freed until [`release_memory`]. Other C libraries do as they like.

#[cfg(all(target_os = "linux", target_env = "gnu"))]
static KEPT: std::sync::Once = std::sync::Once::new();

/// From now on freed memory stays with this process.
pub(crate) fn keep_memory() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    KEPT.call_once(|| {
        // SAFETY: mallopt takes two numbers and may be called at any time.
        unsafe {
            libc::mallopt(libc::M_TRIM_THRESHOLD, -1); // never
            libc::mallopt(libc::M_MMAP_MAX, 0); // no block by mmap, which would be returned when it is freed
            libc::mallopt(libc::M_ARENA_MAX, 1); // threads that allocate from now on share what any of them has freed
            libc::mallopt(libc::M_TOP_PAD, 16 << 20); // ask the system for 16 MB more than is needed: few calls
        }
    });
}

/// Gives memory that is free back to the system: after a training, so that the process is as small as before.
pub fn release_memory() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    // SAFETY: malloc_trim only returns pages that no allocation holds.
    unsafe {
        libc::malloc_trim(0);
    }
}
