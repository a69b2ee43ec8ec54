//! CPU seconds of this process and of the processes that it has waited for: on a busy machine the figure to trust.

/// CPU seconds (user and system).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CpuTime {
    pub own_s: f64,
    /// Of children that have ended and were waited for.
    pub children_s: f64,
}

impl CpuTime {
    /// So far; `None` where the system doesn't say.
    pub fn now() -> Option<CpuTime> {
        Some(CpuTime { own_s: used_s(libc::RUSAGE_SELF)?, children_s: used_s(libc::RUSAGE_CHILDREN)? })
    }

    /// What a piece of work takes.
    pub fn of<T>(work: impl FnOnce() -> T) -> Option<CpuTime> {
        let before = CpuTime::now()?;
        work();
        let after = CpuTime::now()?;
        Some(CpuTime { own_s: after.own_s - before.own_s, children_s: after.children_s - before.children_s })
    }
}

fn used_s(who: libc::c_int) -> Option<f64> {
    // SAFETY: a rusage of zeros is one, and the call fills in that one.
    let (status, usage) = unsafe {
        let mut usage: libc::rusage = std::mem::zeroed();
        (libc::getrusage(who, &mut usage), usage)
    };
    let seconds = |time: libc::timeval| time.tv_sec as f64 + 1e-6 * time.tv_usec as f64;
    (status == 0).then(|| seconds(usage.ru_utime) + seconds(usage.ru_stime))
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
