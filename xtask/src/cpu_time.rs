//! CPU seconds of this process and of the processes that it has waited for: on a busy machine the figure to trust.

/// CPU seconds (user and system) so far.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CpuTime {
    pub own_s: f64,
    /// Of children that have ended and were waited for.
    pub children_s: f64,
}

impl CpuTime {
    /// `None` where the system doesn't say.
    pub fn now() -> Option<CpuTime> {
        Some(CpuTime { own_s: used_s(0)?, children_s: used_s(-1)? }) // RUSAGE_SELF, RUSAGE_CHILDREN
    }

    /// CPU seconds since `earlier`, of this process and of children.
    pub fn since(&self, earlier: &CpuTime) -> CpuTime {
        CpuTime { own_s: self.own_s - earlier.own_s, children_s: self.children_s - earlier.children_s }
    }
}

#[cfg(all(any(target_os = "linux", target_os = "macos"), target_pointer_width = "64"))]
fn used_s(who: i32) -> Option<f64> {
    unsafe extern "C" {
        fn getrusage(who: i32, usage: *mut [i64; 18]) -> i32;
    }
    let mut usage = [0i64; 18]; // struct rusage of both systems on 64 bits: 144 bytes
    // SAFETY: `usage` has the size and alignment of the struct that the call fills in.
    let status = unsafe { getrusage(who, &mut usage) };
    let [user_s, user_us, system_s, system_us, ..] = usage;
    (status == 0).then(|| (user_s + system_s) as f64 + 1e-6 * (user_us + system_us) as f64)
}

#[cfg(not(all(any(target_os = "linux", target_os = "macos"), target_pointer_width = "64")))]
fn used_s(_who: i32) -> Option<f64> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(target_os = "linux")]
    fn our_own_time_agrees_with_what_proc_says() {
        let mut sum = 0u64;
        for i in 0..100_000_000u64 {
            sum = std::hint::black_box(sum ^ i);
        }
        let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
        let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
        let ticks = |i: usize| fields[i].parse::<f64>().unwrap() / 100.0; // proc(5) counts hundredths of a second
        let now = CpuTime::now().unwrap();
        // The clock went on between the two readings, and hundredths are cut off; other tests run beside this one.
        assert!(now.own_s >= ticks(11) + ticks(12) && now.own_s < ticks(11) + ticks(12) + 60.0);
        assert!(now.children_s >= ticks(13) + ticks(14));
    }
}
