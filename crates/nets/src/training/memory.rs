//! The memory that training takes: of this process (resident set size), or on a CUDA device of candle's pool there; now, and the most
//! at once.
//!
//! Linux: `VmHWM` of `/proc/self/status`, which can be set back, so that each run of a sweep has its own peak. macOS:
//! `getrusage`, which cannot: there a run's peak includes what came before it. Elsewhere 0 stands for "not known".

use candle_core::Device;

const BYTES_PER_MB: f64 = 1e6;

/// Peak memory in MB (10⁶ bytes) since the process began or [`reset_peak_memory`]; 0 where it is not known.
pub fn peak_memory_mb(device: &Device) -> f64 {
    let bytes = if device.is_cuda() { pool(device, Pool::Peak) } else { peak_rss() };
    bytes.map_or(0.0, |bytes| bytes / BYTES_PER_MB)
}

/// Memory in MB now; 0 where it is not known.
pub fn memory_mb(device: &Device) -> f64 {
    let bytes = if device.is_cuda() { pool(device, Pool::Now) } else { field_of(STATUS, "VmRSS:") };
    bytes.map_or(0.0, |bytes| bytes / BYTES_PER_MB)
}

/// Memory in MB that the device still has for a training; `None` where it is not known.
pub fn free_memory_mb(device: &Device) -> Option<f64> {
    #[cfg(feature = "cuda")]
    if let Device::Cuda(device) = device {
        let (free, _) = device.cuda_stream().context().mem_get_info().ok()?;
        return Some(free as f64 / BYTES_PER_MB);
    }
    let bytes = if device.is_cpu() { field_of("/proc/meminfo", "MemAvailable:") } else { None };
    bytes.map(|bytes| bytes / BYTES_PER_MB)
}

/// Starts the peak again from what is held now. Does nothing where the system has no way to.
pub fn reset_peak_memory(device: &Device) {
    if device.is_cuda() {
        pool(device, Pool::StartAgain);
    } else {
        let _ = std::fs::write("/proc/self/clear_refs", "5"); // proc(5): 5 resets the peak; a refusal leaves an upper bound
    }
}

/// Lets a CUDA device keep what is freed for the next step, instead of giving it back whenever the host waits.
pub(super) fn keep_pool(device: &Device) {
    pool(device, Pool::Keep);
}

/// What a pool is asked, or told.
#[derive(Clone, Copy)]
enum Pool {
    Now,
    Peak,
    StartAgain,
    Keep,
}

/// Bytes; `None` where the driver has no answer.
#[cfg(feature = "cuda")]
fn pool(device: &Device, what: Pool) -> Option<f64> {
    use candle_core::cuda_backend::cudarc::driver::sys::{
        CUmemPool_attribute as Attribute, CUmemoryPool, cuDeviceGetDefaultMemPool, cuMemPoolGetAttribute,
        cuMemPoolSetAttribute,
    };
    let Device::Cuda(device) = device else { return None };
    let stream = device.cuda_stream();
    let (attribute, new) = match what {
        Pool::Now => (Attribute::CU_MEMPOOL_ATTR_USED_MEM_CURRENT, None),
        Pool::Peak => (Attribute::CU_MEMPOOL_ATTR_USED_MEM_HIGH, None),
        Pool::StartAgain => (Attribute::CU_MEMPOOL_ATTR_USED_MEM_HIGH, Some(0)),
        Pool::Keep => (Attribute::CU_MEMPOOL_ATTR_RELEASE_THRESHOLD, Some(u64::MAX)),
    };
    let mut value: u64 = new.unwrap_or(0);
    // SAFETY: the device is open, and each of these attributes is one u64, which the call reads or writes.
    unsafe {
        let mut pool: CUmemoryPool = std::ptr::null_mut();
        cuDeviceGetDefaultMemPool(&raw mut pool, stream.context().cu_device()).result().ok()?;
        let value = (&raw mut value).cast();
        match new {
            Some(_) => cuMemPoolSetAttribute(pool, attribute, value).result().ok()?,
            None => cuMemPoolGetAttribute(pool, attribute, value).result().ok()?,
        }
    }
    Some(value as f64)
}

#[cfg(not(feature = "cuda"))]
fn pool(_: &Device, what: Pool) -> Option<f64> {
    match what {
        Pool::Now | Pool::Peak | Pool::StartAgain | Pool::Keep => None, // this build has no such device
    }
}

/// `NVIDIA H100 80GB HBM3 (driver for CUDA 13.0)`; `None` where it is no CUDA device.
pub(super) fn gpu_name(device: &Device) -> Option<String> {
    #[cfg(feature = "cuda")]
    if let Device::Cuda(device) = device {
        let mut version = 0;
        // SAFETY: the call writes one integer, 1000·major + 10·minor.
        unsafe { candle_core::cuda_backend::cudarc::driver::sys::cuDriverGetVersion(&raw mut version) }
            .result()
            .ok()?;
        let name = device.cuda_stream().context().name().ok()?;
        return Some(format!("{name} (driver for CUDA {}.{})", version / 1000, version % 1000 / 10));
    }
    let _ = device;
    None
}

fn peak_rss() -> Option<f64> {
    field_of(STATUS, "VmHWM:").or_else(usage_peak_bytes)
}

const STATUS: &str = "/proc/self/status";

/// A memory line of a file of Linux, which counts in units of 1024 bytes; in bytes.
fn field_of(file: &str, field: &str) -> Option<f64> {
    let text = std::fs::read_to_string(file).ok()?;
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
        let peak = peak_memory_mb(&Device::Cpu);
        assert!(peak > 64.0, "{peak} MB while 67 MB are held");
        // VmHWM may have been set back by another test's run; the process's own record never is.
        assert!(usage_peak_bytes().unwrap() / BYTES_PER_MB > peak * 0.9);
    }
}
