//! Kernels of our own on a CUDA device. Each stands as `NAME.cu` beside its operation and is compiled for the GPU at hand by NVRTC
//! when it is first used.

#![cfg_attr(not(feature = "cuda"), expect(dead_code, reason = "no tensor is on a CUDA device"))]

use candle_core::{Result, Shape, Tensor};

/// The text of one `.cu` file.
pub(crate) struct Kernels {
    pub(crate) name: &'static str,
    pub(crate) text: &'static str,
}

/// What a kernel is given.
#[derive(Clone, Copy)]
pub(crate) enum Arg<'a> {
    /// The address of a contiguous tensor's first number.
    Numbers(&'a Tensor),
    Size(usize),
    Bits(u32),
    Float(f32),
}

/// How many threads run it.
#[derive(Clone, Copy)]
pub(crate) enum Threads {
    /// One for each of n entries.
    Each(usize),
    /// A warp of 32 for each of n rows.
    WarpEach(usize),
    /// n by m blocks of 256.
    Blocks(usize, usize),
}

/// Room for f32 numbers on the device of `like`. They are not set: a kernel must write each of them.
pub(crate) fn empty(shape: impl Into<Shape>, like: &Tensor) -> Result<Tensor> {
    cuda::empty(shape.into(), like)
}

/// Runs a kernel after all that was launched before.
pub(crate) fn launch(kernels: &Kernels, kernel: &str, threads: Threads, args: &[Arg]) -> Result<()> {
    cuda::launch(kernels, kernel, threads, args)
}

/// Where a contiguous tensor's first number is.
pub(crate) fn address(tensor: &Tensor) -> Result<i64> {
    cuda::address(tensor)
}

/// The sum of the rows of x (rows, n), as one product: (n).
pub(crate) fn sum_of_rows(x: &Tensor) -> Result<Tensor> {
    let (n_rows, width) = x.dims2()?;
    Tensor::ones((1, n_rows), x.dtype(), x.device())?.matmul(x)?.reshape(width)
}

/// Numbers that one candle operation may not have been given in one piece.
pub(crate) fn in_one_piece(tensors: &[&Tensor]) -> Result<Vec<Tensor>> {
    tensors.iter().map(|tensor| tensor.detach().contiguous()).collect()
}

/// The one place that knows CUDA.
#[cfg(feature = "cuda")]
mod cuda {
    use super::*;
    use candle_core::backend::BackendStorage;
    use candle_core::cuda_backend::cudarc::driver::{DevicePtr, LaunchConfig, PushKernelArg};
    use candle_core::cuda_backend::cudarc::nvrtc::compile_ptx;
    use candle_core::op::BackpropOp;
    use candle_core::{CudaDevice, CudaStorage, DType, Device, Storage, bail};
    use std::collections::HashMap;
    use std::sync::{Arc, LazyLock, Mutex, PoisonError};

    const BLOCK: usize = 256; // threads
    const WARP: usize = 32;

    fn device_of(tensor: &Tensor) -> Result<&CudaDevice> {
        match tensor.device() {
            Device::Cuda(device) => Ok(device),
            _ => bail!("a kernel was given numbers that are not on a CUDA device"),
        }
    }

    pub(super) fn empty(shape: Shape, like: &Tensor) -> Result<Tensor> {
        let device = device_of(like)?;
        // SAFETY: room that is not set; whoever asks for it fills it by a kernel before anything reads it.
        let slice = unsafe { device.alloc::<f32>(shape.elem_count())? };
        let storage = Storage::Cuda(CudaStorage::wrap_cuda_slice(slice, device.clone()));
        Ok(Tensor::from_storage(storage, shape, BackpropOp::none(), false))
    }

    pub(super) fn launch(kernels: &Kernels, kernel: &str, threads: Threads, args: &[Arg]) -> Result<()> {
        let Some(device) =
            args.iter().find_map(|arg| if let Arg::Numbers(x) = arg { Some(device_of(x)) } else { None })
        else {
            bail!("{kernel}: a kernel without numbers")
        };
        let function = device?.get_or_load_custom_func(kernel, kernels.name, &compiled(kernels)?)?;
        let values = args.iter().map(value).collect::<Result<Vec<Value>>>()?;
        let mut builder = function.builder();
        for value in &values {
            match value {
                Value::Address(address) => builder.arg(address),
                Value::Size(size) => builder.arg(size),
                Value::Float(float) => builder.arg(float),
            };
        }
        let (grid, block) = match threads {
            Threads::Each(n) => ((n.div_ceil(BLOCK), 1), (BLOCK, 1)),
            Threads::WarpEach(n) => ((n.div_ceil(BLOCK / WARP), 1), (WARP, BLOCK / WARP)),
            Threads::Blocks(n, m) => ((n, m), (BLOCK, 1)),
        };
        let config = LaunchConfig {
            grid_dim: (size(grid.0)?, size(grid.1)?, 1),
            block_dim: (size(block.0)?, size(block.1)?, 1),
            shared_mem_bytes: 0,
        };
        // SAFETY: the kernels of this crate take these arguments in this order and write only what they are given the size of; the
        // device has one stream, so that every address is valid when the kernel runs.
        unsafe { builder.launch(config) }.map_err(candle_core::Error::wrap)?;
        Ok(())
    }

    enum Value {
        Address(i64),
        Size(u32),
        Float(f32),
    }

    fn value(arg: &Arg) -> Result<Value> {
        Ok(match *arg {
            Arg::Numbers(tensor) => Value::Address(address(tensor)?),
            Arg::Size(n) => Value::Size(size(n)?),
            Arg::Bits(bits) => Value::Size(bits),
            Arg::Float(x) => Value::Float(x),
        })
    }

    /// Kernels count with 32 bits.
    fn size(n: usize) -> Result<u32> {
        u32::try_from(n).map_err(|_| {
            candle_core::Error::Msg(format!("{n} numbers are too many for one kernel; take a smaller micro_batch"))
        })
    }

    pub(super) fn address(tensor: &Tensor) -> Result<i64> {
        let (storage, layout) = tensor.storage_and_layout();
        let (Storage::Cuda(storage), Some((start, _))) = (&*storage, layout.contiguous_offsets()) else {
            bail!("a kernel takes contiguous numbers on a CUDA device, not {:?}", tensor.layout())
        };
        let stream = storage.device().cuda_stream();
        let base = match storage.dtype() {
            DType::F32 => storage.as_cuda_slice::<f32>()?.device_ptr(&stream).0,
            DType::U32 => storage.as_cuda_slice::<u32>()?.device_ptr(&stream).0,
            DType::I64 => storage.as_cuda_slice::<i64>()?.device_ptr(&stream).0,
            other => bail!("a kernel takes f32, u32 and i64 numbers, not {other:?}"),
        };
        Ok((base + (storage.dtype().size_in_bytes() * start) as u64) as i64)
    }

    /// The file's PTX, compiled once in a process.
    fn compiled(kernels: &Kernels) -> Result<Arc<str>> {
        static COMPILED: LazyLock<Mutex<HashMap<&'static str, Arc<str>>>> = LazyLock::new(Mutex::default);
        let mut files = COMPILED.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(ptx) = files.get(kernels.name) {
            return Ok(ptx.clone());
        }
        let text = [include_str!("warp.cu"), kernels.text].concat();
        let ptx = compile_ptx(text)
            .map_err(|error| candle_core::Error::Msg(format!("{}.cu does not compile: {error:?}", kernels.name)))?;
        let ptx: Arc<str> = ptx.to_src().into();
        files.insert(kernels.name, ptx.clone());
        Ok(ptx)
    }
}

/// A build without CUDA has no tensors there.
#[cfg(not(feature = "cuda"))]
mod cuda {
    use super::*;

    pub(super) fn empty(shape: Shape, _: &Tensor) -> Result<Tensor> {
        candle_core::bail!("this build has no CUDA: no room for {shape:?}")
    }

    pub(super) fn address(_: &Tensor) -> Result<i64> {
        candle_core::bail!("this build has no CUDA: no tensor has an address there")
    }

    pub(super) fn launch(kernels: &Kernels, kernel: &str, _: Threads, _: &[Arg]) -> Result<()> {
        candle_core::bail!(
            "this build has no CUDA: {kernel} of {}.cu ({} bytes) was not run",
            kernels.name,
            kernels.text.len()
        )
    }
}
