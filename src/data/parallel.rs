//! Files through a function on every core: read in order on one thread, worked on in batches, taken in order.

use super::FailedFile;
use super::archives::{MusicFile, Visitor};
use crate::Result;
use crate::messages::say;
use rayon::prelude::*;
use std::ops::ControlFlow;
use std::time::{Duration, Instant};

/// A batch is this many files or bytes, whichever comes first: enough to keep the cores busy, little enough to hold.
const BATCH_FILES: usize = 64;
const BATCH_BYTES: usize = 32 << 20;

/// A file that was read, or the reason why not.
pub type Input = Result<MusicFile, FailedFile>;

/// Runs `work` over all files that `visit` finds, in parallel, and hands the results to `take` in the files' order; `take` may
/// ask to stop. A panic in `work` is a bug in one conversion: it becomes that file's failure, not the end of the others.
///
/// # Errors
/// Those of `visit`.
pub fn for_each_file<T: Send>(
    visit: impl FnOnce(Visitor) -> Result<()>,
    work: impl Fn(Input) -> T + Sync,
    take: &mut dyn FnMut(T) -> ControlFlow<()>,
) -> Result<()> {
    let mut batch: Vec<Input> = Vec::new();
    let mut n_bytes = 0;
    let mut stopped = false;
    let mut work_off = |batch: &mut Vec<Input>| {
        let results: Vec<T> = std::mem::take(batch).into_par_iter().map(|file| guarded(file, &work)).collect();
        results.into_iter().try_for_each(&mut *take)
    };
    visit(&mut |file| {
        n_bytes += file.as_ref().map_or(0, |file| file.bytes.len());
        batch.push(file);
        if batch.len() < BATCH_FILES && n_bytes < BATCH_BYTES {
            return ControlFlow::Continue(());
        }
        n_bytes = 0;
        let flow = work_off(&mut batch);
        stopped = flow.is_break();
        flow
    })?;
    if !stopped {
        let _ = work_off(&mut batch); // the last batch: nothing comes after it to stop
    }
    Ok(())
}

fn guarded<T>(file: Input, work: &(impl Fn(Input) -> T + Sync)) -> T {
    let path = file.as_ref().map_or_else(|failed| failed.source.clone(), |file| file.path.clone());
    let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| work(file)));
    result.unwrap_or_else(|_| {
        work(Err(FailedFile::new(path, "convert", "the converter panicked: please report this file")))
    })
}

/// A message every few seconds: files, files a second, time left.
#[derive(Debug)]
pub struct Progress {
    label: String,
    started: Instant,
    shown: Instant,
    n_files: usize,
    n_in_all: Option<usize>,
}

const PROGRESS_INTERVAL: Duration = Duration::from_secs(3);

impl Progress {
    /// `n_in_all` files are to come, if that is known.
    pub fn new(label: impl Into<String>, n_in_all: Option<usize>) -> Progress {
        Progress { label: label.into(), started: Instant::now(), shown: Instant::now(), n_files: 0, n_in_all }
    }

    /// Counts one file; `detail` is what stands behind the count when it is time for a line.
    pub fn count(&mut self, detail: impl FnOnce() -> String) {
        self.n_files += 1;
        if self.shown.elapsed() >= PROGRESS_INTERVAL {
            self.shown = Instant::now();
            say(self.line(&detail(), self.seconds()));
        }
    }

    fn line(&self, detail: &str, seconds: f64) -> String {
        let n_files = self.n_files;
        let files_per_second = n_files as f64 / seconds.max(1e-9);
        let of = self.n_in_all.map(|n| format!(" of {n}")).unwrap_or_default();
        let left = self.n_in_all.filter(|_| n_files > 0).map(|n| n.saturating_sub(n_files) as f64 / files_per_second);
        let left = left.map(|seconds| format!(", {} left", nets::words::duration(seconds))).unwrap_or_default();
        format!("{}: {n_files}{of} files, {detail}, {files_per_second:.0} files/s{left}", self.label)
    }

    /// Files so far.
    pub fn n_files(&self) -> usize {
        self.n_files
    }

    /// Time so far.
    pub fn seconds(&self) -> f64 {
        self.started.elapsed().as_secs_f64()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_left_is_the_files_left_at_the_speed_so_far() {
        let progress = |n_files, n_in_all| Progress { n_files, ..Progress::new("x", n_in_all) };
        assert_eq!(
            progress(500, Some(178_561)).line("3 failures", 2.0),
            "x: 500 of 178561 files, 3 failures, 250 files/s, 11 min 52 s left"
        );
        assert_eq!(progress(500, None).line("3 failures", 2.0), "x: 500 files, 3 failures, 250 files/s");
    }

    fn files(n: usize) -> impl FnOnce(Visitor) -> Result<()> {
        move |visitor| {
            let _ = (0..n).map(|i| Ok(MusicFile { path: i.to_string(), bytes: vec![0] })).try_for_each(visitor);
            Ok(())
        }
    }

    fn path(file: Input) -> String {
        file.map_or_else(|failed| format!("{} failed", failed.source), |file| file.path)
    }

    #[test]
    fn results_come_in_the_order_of_the_files() {
        let mut taken = Vec::new();
        for_each_file(files(1000), path, &mut |result| {
            taken.push(result);
            ControlFlow::Continue(())
        })
        .unwrap();
        assert_eq!(taken, (0..1000).map(|i| i.to_string()).collect::<Vec<_>>());
    }

    #[test]
    fn taking_may_stop_the_reading() {
        let mut n_taken = 0;
        for_each_file(files(10_000), path, &mut |_| {
            n_taken += 1;
            if n_taken == 300 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        })
        .unwrap();
        assert_eq!(n_taken, 300);
    }

    #[test]
    fn a_panic_is_one_files_failure() {
        let work = |file: Input| match file {
            Ok(file) if file.path == "2" => panic!("a bug"),
            file => path(file),
        };
        let mut taken = Vec::new();
        for_each_file(files(4), work, &mut |result| {
            taken.push(result);
            ControlFlow::Continue(())
        })
        .unwrap();
        assert_eq!(taken, ["0", "1", "2 failed", "3"]);
    }
}
