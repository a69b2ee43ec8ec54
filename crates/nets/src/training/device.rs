//! Which device trains: what was asked for, else a GPU in a build for one, else the CPU; and how many threads.

use super::memory::{gpu_name, keep_pool};
use crate::ops::keep_memory;
use crate::{Error, Result};
use candle_core::Device;
use std::sync::OnceLock;

// One handle for the whole process: candle takes tensors of two handles on the same GPU for tensors on two devices.
static DEVICE: OnceLock<Device> = OnceLock::new();
static NAME: OnceLock<String> = OnceLock::new();

/// The device that is used when nothing else is said. The first call decides for the whole process.
///
/// # Errors
/// The build was not made for the device that [`use_device`] or the environment variable `DEVICE` names, or none answers.
pub fn device() -> Result<Device> {
    if let Some(device) = DEVICE.get() {
        return Ok(device.clone());
    }
    let opened = open(device_name())?;
    Ok(DEVICE.get_or_init(|| opened).clone())
}

/// From now on `name` is used: `cpu`, `cuda`, `cuda:1` (the second GPU) or `metal`.
///
/// # Errors
/// It is none of these, or the build has no such feature, or another device is in use already.
pub fn use_device(name: &str) -> Result<()> {
    number(name)?;
    match NAME.get_or_init(|| name.to_string()) {
        used if used == name => Ok(()),
        used => Err(Error::Config(format!("{used} is in use already; start again to use {name}"))),
    }
}

/// The name of the device that is used, as [`use_device`] takes it: without that, as the environment variable `DEVICE` says, else what
/// the build was made for.
pub fn device_name() -> &'static str {
    NAME.get_or_init(|| {
        std::env::var("DEVICE").ok().filter(|name| !name.is_empty()).unwrap_or_else(|| device_feature().into())
    })
}

/// What this build was made for, as its cargo feature is called: `cuda`, `metal`, or for none `cpu`.
pub fn device_feature() -> &'static str {
    if cfg!(feature = "cuda") {
        "cuda"
    } else if cfg!(feature = "metal") {
        "metal"
    } else {
        "cpu"
    }
}

/// The 1 of `cuda:1`.
fn number(name: &str) -> Result<usize> {
    let (kind, number) = name.split_once(':').unwrap_or((name, "0"));
    let known = matches!(kind, "cpu" | "cuda" | "metal") && (kind == "cuda" || !name.contains(':'));
    let Some(number) = number.parse().ok().filter(|_| known) else {
        return Err(Error::Config(format!("{name:?} is no device: take cpu, cuda, cuda:1 (the second GPU) or metal")));
    };
    if kind != "cpu" && kind != device_feature() {
        return Err(Error::Config(format!(
            "this build cannot use {kind}: build it with --features {kind}, or take cpu"
        )));
    }
    Ok(number)
}

fn open(name: &str) -> Result<Device> {
    let number = number(name)?;
    let device = match device_feature() {
        _ if name == "cpu" => return Ok(Device::Cpu),
        "cuda" => Device::new_cuda_with_stream(number), // one stream: `new_cuda` has one for each host thread, in no order
        _ => Device::new_metal(number),
    };
    let device = device.map_err(|error| {
        let reason = error.to_string();
        let reason = reason.lines().next().unwrap_or("no reason given");
        Error::Config(format!("the device {name} cannot be opened ({reason}); check its driver, or use the CPU: --device cpu, or the environment variable DEVICE=cpu"))
    })?;
    keep_pool(&device);
    Ok(device)
}

/// The device in words, for summaries: `CPU (AMD EPYC 9B45), 2 threads`, `NVIDIA H100 80GB HBM3 (driver for CUDA 13.0)`.
pub fn describe_device(device: &Device) -> String {
    match device {
        Device::Cpu => {
            let model = cpu_model().map(|model| format!(" ({model})")).unwrap_or_default();
            format!("CPU{model}, {} threads", rayon::current_num_threads())
        }
        Device::Cuda(_) => gpu_name(device).unwrap_or_else(|| device_name().to_string()),
        Device::Metal(_) => "Metal GPU".to_string(),
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

    #[test]
    fn a_device_that_cannot_be_is_refused_in_a_sentence() {
        assert_eq!(number("cpu").unwrap(), 0);
        for name in ["gpu", "cuda:", "cuda:x", "cpu:1", ""] {
            let said = number(name).unwrap_err().to_string();
            assert_eq!(said, format!("{name:?} is no device: take cpu, cuda, cuda:1 (the second GPU) or metal"));
        }
        let other = if device_feature() == "metal" { "cuda" } else { "metal" };
        let said = number(other).unwrap_err().to_string();
        assert_eq!(said, format!("this build cannot use {other}: build it with --features {other}, or take cpu"));
        #[cfg(feature = "cuda")]
        assert_eq!(number("cuda:3").unwrap(), 3);
    }
}
