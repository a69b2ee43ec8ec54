//! The memory that this process holds (resident set size), and the most that it has held at once.
//!
//! Linux: `VmHWM` of `/proc/self/status`, which can be set back, so that each run of a sweep has its own peak. macOS:
//! `getrusage`, which cannot: there a run's peak includes what came before it. Elsewhere 0 stands for "not known".

const BYTES_PER_MB: f64 = 1e6;

/// Peak resident memory in MB (10⁶ bytes) since the process began or [`reset_peak_rss`]; 0 where it is not known.
pub fn peak_rss_mb() -> f64 {
    status_field("VmHWM:").or_else(usage_peak_bytes).map_or(0.0, |bytes| bytes / BYTES_PER_MB)
}

/// Resident memory in MB now; 0 where it is not known.
pub fn rss_mb() -> f64 {
    status_field("VmRSS:").map_or(0.0, |bytes| bytes / BYTES_PER_MB)
}

/// Starts the peak again from what is held now. Does nothing where the system has no way to.
pub fn reset_peak_rss() {
    let _ = std::fs::write("/proc/self/clear_refs", "5"); // proc(5): 5 resets the peak; a refusal leaves an upper bound
}

/// A memory line of `/proc/self/status`, which counts in units of 1024 bytes; in bytes.
fn status_field(field: &str) -> Option<f64> {
    let text = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = text.lines().find(|line| line.starts_with(field))?;
    line.split_whitespace().nth(1)?.parse::<f64>().ok().map(|kibibytes| kibibytes * 1024.0)
}

#[cfg(unix)]
fn usage_peak_bytes() -> Option<f64> {
    let unit = if cfg!(target_os = "macos") { 1.0 } else { 1024.0 }; // bytes there, KiB elsewhere
    // SAFETY: an all-zero rusage is a valid one, and the call fills in the one that it is given.
    let mut usage: libc::rusage = unsafe { std::mem::zeroed() };
    let status = unsafe { libc::getrusage(libc::RUSAGE_SELF, &mut usage) };
    (status == 0).then_some(usage.ru_maxrss as f64 * unit)
}

#[cfg(not(unix))]
fn usage_peak_bytes() -> Option<f64> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(target_os = "linux")]
    fn the_peak_rises_with_what_is_held_and_both_sources_agree() {
        let held = vec![1u8; 64 << 20];
        std::hint::black_box(&held);
        let peak = peak_rss_mb();
        assert!(peak > 64.0, "{peak} MB while 67 MB are held");
        // VmHWM may have been set back by another test's run; the process's own record never is.
        assert!(usage_peak_bytes().unwrap() / BYTES_PER_MB > peak * 0.9);
    }
}
