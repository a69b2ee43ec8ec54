//! Which device trains: the CPU, or with the cargo feature `cuda` or `metal` that one; and how many threads.

use crate::ops::keep_memory;
use crate::{Error, Result};
use candle_core::Device;
use std::sync::OnceLock;

// One handle for the whole process: candle takes tensors of two handles on the same GPU for tensors on two devices.
static DEVICE: OnceLock<Device> = OnceLock::new();

/// The device that this build was made for.
///
/// # Errors
/// The feature is on, but no such device answers.
pub fn device() -> Result<Device> {
    if let Some(device) = DEVICE.get() {
        return Ok(device.clone());
    }
    let opened = open()?;
    Ok(DEVICE.get_or_init(|| opened).clone())
}

fn open() -> Result<Device> {
    let (kind, device) = if cfg!(feature = "cuda") {
        ("CUDA", Device::new_cuda(0))
    } else if cfg!(feature = "metal") {
        ("Metal", Device::new_metal(0))
    } else {
        return Ok(Device::Cpu);
    };
    device.map_err(|error| {
        let reason = error.to_string();
        let reason = reason.lines().next().unwrap_or("no reason given").to_string();
        Error::Config(format!(
            "this build wants a {kind} device, but none could be opened ({reason}); check the driver, or build without --features {}",
            kind.to_lowercase()
        ))
    })
}

/// The device that this build computes on, as its cargo feature is called: `cpu`, `cuda` or `metal`.
pub fn device_name() -> &'static str {
    if cfg!(feature = "cuda") {
        "cuda"
    } else if cfg!(feature = "metal") {
        "metal"
    } else {
        "cpu"
    }
}

/// The device in words, for summaries: `CPU (AMD EPYC 9B45), 2 threads`.
pub fn describe_device(device: &Device) -> String {
    match device {
        Device::Cpu => {
            let model = cpu_model().map(|model| format!(" ({model})")).unwrap_or_default();
            format!("CPU{model}, {} threads", rayon::current_num_threads())
        }
        Device::Cuda(_) => "CUDA GPU 0".to_string(),
        Device::Metal(_) => "Metal GPU 0".to_string(),
    }
}

/// The processor's name as Linux knows it; `None` elsewhere.
fn cpu_model() -> Option<String> {
    let text = std::fs::read_to_string("/proc/cpuinfo").ok()?;
    let line = text.lines().find(|line| line.starts_with("model name"))?;
    line.split_once(':').map(|(_, model)| model.trim().to_string())
}

/// Threads used where nothing else is said: all of rayon's (the environment variable RAYON_NUM_THREADS sets them).
pub fn default_threads() -> usize {
    rayon::current_num_threads()
}

/// Runs `work` with `threads` threads, or with the process's usual ones, on one of them: to hand work to another thread is
/// cheaper from there than from outside. A private pool, because the process-wide one cannot change its size once a notebook
/// cell has used it.
///
/// # Errors
/// That many threads cannot be started; else whatever `work` fails with.
pub fn with_threads<T: Send, E: Send + From<Error>>(
    threads: Option<usize>,
    work: impl FnOnce() -> Result<T, E> + Send,
) -> Result<T, E> {
    keep_memory(); // before there are threads with memory of their own
    match threads {
        None => rayon::scope(|_| work()),
        Some(threads) => rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .map_err(|error| Error::Config(format!("cannot start {threads} threads ({error}); ask for fewer")))?
            .install(work),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_runs_with_as_many_threads_as_asked() {
        assert_eq!(with_threads(Some(3), || Ok::<_, Error>(rayon::current_num_threads())).unwrap(), 3);
        assert!(describe_device(&Device::Cpu).contains("threads"));
    }
}
