//! A sweep as one array of Slurm's `sbatch`: each task trains one run, and goes on where it was when it is started again.

use crate::{Error, Result};
use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

/// Before the time is up by so many seconds, a task is told to save.
const SECONDS_TO_SAVE: u32 = 60;

/// The batch script of `n_tasks` tasks, `command TASK` each. A task whose time is nearly up saves and is put back into the queue; one
/// that Slurm ends or pre-empts saves, and Slurm puts it back.
#[must_use]
pub fn script(name: &str, n_tasks: usize, folder: &Path, command: &str, options: &BTreeMap<String, String>) -> String {
    let mut lines = vec!["#!/bin/bash".to_string()];
    let mut option = |name: &str, value: &str| lines.push(format!("#SBATCH --{name}={value}"));
    option("job-name", name);
    option("array", &format!("0-{}", n_tasks.saturating_sub(1)));
    option("signal", &format!("B:USR1@{SECONDS_TO_SAVE}"));
    option("open-mode", "append");
    option("output", &folder.join("slurm-%a.log").display().to_string());
    for (name, value) in options {
        option(name, value);
    }
    lines.push("#SBATCH --requeue".to_string());
    let body = format!(
        "{command} \"$SLURM_ARRAY_TASK_ID\" &
trap 'again=1; kill -USR1 $!' USR1
trap 'kill -TERM $!' TERM
wait $!; code=$?
while kill -0 $! 2>/dev/null; do wait $!; code=$?; done # a signal ends the first wait
if [ -n \"$again\" ] && [ $code = 75 ]; then scontrol requeue \"${{SLURM_ARRAY_JOB_ID}}_$SLURM_ARRAY_TASK_ID\"; fi
exit $code"
    );
    lines.push(body);
    lines.join("\n") + "\n"
}

/// Gives the script to `sbatch`, and returns what that says: the job's number.
///
/// # Errors
/// There is no `sbatch`, or it refuses.
pub fn submit(script: &str) -> Result<String> {
    let started = Command::new("sbatch").stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    let mut sbatch = started.map_err(|error| {
        Error::Config(format!("there is no Slurm here (sbatch: {error}); on one machine --jobs N trains side by side"))
    })?;
    if let Some(mut stdin) = sbatch.stdin.take() {
        stdin.write_all(script.as_bytes()).map_err(Error::file("write to", "sbatch"))?;
    }
    let done = sbatch.wait_with_output().map_err(Error::file("wait for", "sbatch"))?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_string();
    if done.status.success() {
        Ok(text(&done.stdout))
    } else {
        Err(Error::Config(format!("sbatch refuses the sweep: {}", text(&done.stderr))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_script_has_the_tables_lines_and_one_task_a_run() {
        let options = BTreeMap::from([("time".to_string(), "02:00:00".to_string())]);
        let text = script("mine", 18, Path::new("/runs"), "'/bin/x' sweep 'mine.toml' --task", &options);
        assert!(text.starts_with("#!/bin/bash\n#SBATCH --job-name=mine\n#SBATCH --array=0-17\n"), "{text}");
        for line in ["#SBATCH --time=02:00:00", "#SBATCH --requeue", "#SBATCH --output=/runs/slurm-%a.log"] {
            assert!(text.lines().any(|found| found == line), "{text}");
        }
        assert!(text.contains("\n'/bin/x' sweep 'mine.toml' --task \"$SLURM_ARRAY_TASK_ID\" &\n"), "{text}");
    }
}
