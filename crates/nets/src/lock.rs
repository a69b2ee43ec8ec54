//! One process at a time: a lease, which needs no file locks and holds between machines that share a file system.
//!
//! The file holds its holder's name and a number that a thread of the holder raises every few seconds. It belongs to nobody where
//! the holder was a process of this machine that is gone, or where the number has stood still for three beats.

use crate::files::make_folder_of;
use crate::{Error, Result};
use std::fs::{self, File};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::{self, JoinHandle, sleep};
use std::time::{Duration, Instant, SystemTime};

const BEAT: Duration = Duration::from_secs(5);
const PATIENCE: u32 = 3; // beats that a holder may miss on a busy machine or a slow network
const SETTLE: Duration = Duration::from_millis(100); // whoever takes a file that is nobody's has written their name by then

/// A file that one process holds at a time. It is let go with this value, or with the process however it ends.
#[derive(Debug)]
pub struct Lock {
    path: PathBuf,
    holder: String,
    /// Ends the thread when it goes.
    beating: Option<(Sender<()>, JoinHandle<()>)>,
}

impl Lock {
    /// Waits until nobody else holds the file, which is made where it is missing, with its folder.
    ///
    /// # Errors
    /// The file cannot be made.
    pub fn wait(path: impl AsRef<Path>) -> Result<Lock> {
        loop {
            if let Some(lock) = Lock::try_take(path.as_ref())? {
                return Ok(lock);
            }
            sleep(SETTLE / 2);
        }
    }

    /// The same without waiting: `None` while another holds the file. Where the last holder is of another machine, it takes some
    /// seconds to see whether that still lives.
    ///
    /// # Errors
    /// The file cannot be made.
    pub fn try_take(path: impl AsRef<Path>) -> Result<Option<Lock>> {
        Lock::take(path.as_ref(), &place(), BEAT)
    }

    fn take(path: &Path, place: &str, beat: Duration) -> Result<Option<Lock>> {
        make_folder_of(path)?;
        let since_1970 = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let holder = format!("{place} {} {:x} ", std::process::id(), since_1970.as_nanos()); // no two locks have one name
        let made = File::create_new(path).and_then(|mut file| file.write_all(holder.as_bytes()));
        match made {
            Ok(()) => {}
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {
                if is_held(path, place, beat) {
                    return Ok(None);
                }
                fs::write(path, &holder).map_err(Error::file("write", path))?;
                sleep(SETTLE);
                if !read(path).starts_with(&holder) {
                    return Ok(None); // another came to the same conclusion, and wrote later
                }
            }
            Err(error) => return Err(Error::file("create", path)(error)),
        }
        let (end, ended) = channel();
        let (file, name) = (path.to_path_buf(), holder.clone());
        let beating = thread::spawn(move || {
            let mut n = 0u64;
            while ended.recv_timeout(beat) == Err(RecvTimeoutError::Timeout) {
                n += 1;
                if read(&file).starts_with(&name) {
                    let _ = fs::write(&file, format!("{name}{n}")); // a beat may be missed
                }
            }
        });
        Ok(Some(Lock { path: path.to_path_buf(), holder, beating: Some((end, beating)) }))
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        if let Some((end, beating)) = self.beating.take() {
            drop(end);
            let _ = beating.join(); // it does not panic
        }
        if read(&self.path).starts_with(&self.holder) {
            let _ = fs::remove_file(&self.path); // left behind, it is nobody's once this process is gone
        }
    }
}

/// The file's text; a file that is just being written is looked at again.
fn read(path: &Path) -> String {
    let text = || fs::read_to_string(path).unwrap_or_default();
    let first = text();
    if !first.is_empty() {
        return first;
    }
    sleep(SETTLE / 10);
    text()
}

fn is_held(path: &Path, place: &str, beat: Duration) -> bool {
    let (text, began) = (read(path), Instant::now());
    let mut words = text.split(' ');
    let is_here = words.next() == Some(place);
    let process = words.next().and_then(|pid| pid.parse::<i32>().ok());
    let Some(process) = process else { return false }; // empty: an earlier version's, or cut off
    if is_here && !is_alive(process) {
        return false;
    }
    let age = fs::metadata(path).and_then(|metadata| metadata.modified()).map(|written| written.elapsed());
    if is_here && matches!(age, Ok(Ok(age)) if age < beat * PATIENCE) {
        return true;
    }
    // Another machine's clock and processes are not seen from here, and a number of a process may be another's by now.
    while began.elapsed() < beat * PATIENCE {
        sleep(beat / 20);
        if read(path) != text {
            return path.exists();
        }
    }
    false
}

/// This start of this machine, and its room for processes: a number means the same process wherever this is the same.
fn place() -> String {
    let start = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    let room = fs::read_link("/proc/self/ns/pid").unwrap_or_default();
    if start.is_empty() { "elsewhere".to_string() } else { format!("{}-{}", start.trim(), room.display()) }
}

#[cfg(unix)]
fn is_alive(process: i32) -> bool {
    // SAFETY: signal 0 is sent to nobody; the call only says whether it could be.
    let status = unsafe { libc::kill(process, 0) };
    status == 0 || std::io::Error::last_os_error().raw_os_error() == Some(libc::EPERM)
}

#[cfg(not(unix))]
fn is_alive(_: i32) -> bool {
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    const QUICK: Duration = Duration::from_millis(200);

    #[test]
    fn a_lock_is_held_by_one_at_a_time() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("new/.lock");
        let held = Lock::wait(&path).unwrap();
        assert!(Lock::try_take(&path).unwrap().is_none());
        drop(held);
        assert!(Lock::try_take(&path).unwrap().is_some());
        assert!(!path.exists(), "nothing is left behind");
    }

    #[test]
    fn two_machines_that_share_a_folder_do_not_hold_it_together() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(".lock");
        let held = Lock::take(&path, "one", QUICK).unwrap().unwrap();
        assert!(Lock::take(&path, "other", QUICK).unwrap().is_none(), "its number rises");
        drop(held);
        std::fs::write(&path, "one 1 abc 7").unwrap(); // as a machine leaves it that was switched off
        assert!(Lock::take(&path, "other", QUICK).unwrap().is_some(), "its number stands still");
    }

    #[test]
    fn what_a_killed_process_or_an_earlier_version_left_is_taken_at_once() {
        let folder = tempfile::tempdir().unwrap();
        let mut child = std::process::Command::new("true").spawn().unwrap();
        child.wait().unwrap();
        for left in [format!("{} {} abc 3", place(), child.id()), String::new(), "cut".to_string()] {
            let path = folder.path().join(".lock");
            std::fs::write(&path, &left).unwrap();
            assert!(Lock::try_take(&path).unwrap().is_some(), "{left:?}");
        }
    }
}
