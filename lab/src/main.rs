//! The command line: what can be asked for, and which function answers.

mod commands;

use clap::{Parser, Subcommand};
use commands::{
    FiguresOptions, FitOptions, GameOptions, GenerateOptions, ReportOptions, RunsOptions, SiteOptions, SweepOptions,
    TrainOptions,
};
use lab::{Lab, Result, kernel, stand_ins};
use music_scaling::data::{Split, Target, convert};
use music_scaling::music::abc::Performance;
use music_scaling::study::{Study, place};
use music_scaling::training;
use std::path::PathBuf;
use std::process::ExitCode;

/// A scaling-law laboratory for music language models.
#[derive(Parser)]
#[command(name = "music-scaling", version)]
struct Arguments {
    /// The checkout to work on; without it, MUSIC_SCALING_ROOT, or the one around the current folder
    #[arg(long, global = true)]
    root: Option<PathBuf>,
    /// cpu, cuda, cuda:1 or metal; without it, the environment variable DEVICE, or what the program was built for
    #[arg(long, global = true)]
    device: Option<String>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run the whole study: set up the kernel, execute the seven notebooks, write figures, results and one HTML report
    Study {
        /// smoke, lesson, laptop, course, full, composed, or the path of a .toml file
        #[arg(long, default_value = "laptop")]
        preset: String,
        /// Execute every notebook again, also those that are up to date (finished trainings are still not repeated)
        #[arg(long)]
        force: bool,
        /// Execute solutions.ipynb and game.ipynb, too
        #[arg(long)]
        extra: bool,
        /// In the end, put its results, and the laptop study's notebooks and figures, where they are committed
        #[arg(long)]
        publish: bool,
    },
    /// Write a study's report to hand in: its text is yours to finish, its numbers and figures come from the study
    Report(ReportOptions),
    /// Put a study's report, tunes, notebooks and figures into one folder to host: pages that ask no other host for anything
    Site(SiteOptions),
    /// Draw a study's figures again from what was saved of them, at another width, in another format or style
    Figures(FiguresOptions),
    /// Say what a study trains and what each run takes here: FLOPs, time by a measured rate, memory, disk; trains nothing
    Plan {
        /// smoke, lesson, laptop, course, full, composed, or the path of a .toml file
        #[arg(default_value = "laptop")]
        preset: String,
    },
    /// Open JupyterLab with the Rust kernel ready, on copies of the notebooks in notebooks/mine
    Lab {
        /// smoke, lesson, laptop, course, full, composed, or the path of a .toml file
        #[arg(long, default_value = "laptop")]
        preset: String,
        /// Instead, let every Jupyter of this user find the kernel: VS Code, JupyterHub, one of your own
        #[arg(long)]
        install_kernel: bool,
        /// With --install-kernel: every Jupyter of every user that looks below PREFIX, such as /usr/local (docs/class.md)
        #[arg(long, requires = "install_kernel")]
        prefix: Option<PathBuf>,
        /// Instead, undo --install-kernel
        #[arg(long, conflicts_with = "install_kernel")]
        remove_kernel: bool,
        /// Passed on to JupyterLab, such as --no-browser --port 8890
        #[arg(last = true)]
        arguments: Vec<String>,
    },
    /// Convert music files: MIDI to ABC, or ABC to MIDI; one output an input, relative paths kept, failed.csv beside them
    Convert {
        /// Files, folders, .tar.gz or .zip archives
        #[arg(required = true)]
        inputs: Vec<PathBuf>,
        /// abc or midi
        #[arg(long)]
        to: Target,
        /// Folder for the converted files
        #[arg(long)]
        out: PathBuf,
        /// With --to midi: ABC as it is played, not as it stands: hornpipes swing, fermatas, trills, rolls and ~ sound
        #[arg(long)]
        as_played: bool,
        #[arg(long)]
        json: bool,
    },
    /// Prepare a corpus: convert, filter, find duplicates, split, tokenise
    Prepare {
        /// folk, composed, airs, lakh-clean, lakh-full, or the path of a folder or archive of .mid and .abc files
        #[arg(long, default_value = "folk")]
        corpus: String,
        /// Take at most this many tunes
        #[arg(long)]
        max_tunes: Option<usize>,
        /// The folder that holds the corpora; without it, the project's data/
        #[arg(long)]
        data: Option<PathBuf>,
        #[arg(long)]
        json: bool,
    },
    /// Train the models of a study: a whole family, or one size; finished runs are kept, half-done ones continue
    Train(TrainOptions),
    /// Sweep the learning rate of every size, or of one, by factors of 2 until the best lies between two others
    Tune {
        /// smoke, lesson, laptop, course, full, composed, or the path of a .toml file
        #[arg(long, default_value = "laptop")]
        preset: String,
        /// The name of one size, such as laptop-transformer-small; without it, all of them
        #[arg(long)]
        size: Option<String>,
    },
    /// Train every combination that a preset's sweep lists: here, or as an array of a Slurm cluster
    Sweep(SweepOptions),
    /// List the finished runs of any folders, of this machine or copied from others
    Runs(RunsOptions),
    /// Score a run, or a model that was trained elsewhere, on a split of its corpus
    Evaluate {
        /// The run's folder, such as data/studies/laptop/runs/laptop-transformer-xl-longer; or nanoGPT's ckpt.pt, an LSTM's state
        /// dict or a safetensors file, with --data
        run: PathBuf,
        #[arg(long, default_value = "val")]
        split: Split,
        /// Score every kept checkpoint, not only the best
        #[arg(long)]
        all: bool,
        /// The prepared corpus, such as nanoGPT's data/shakespeare_char; without it, the one that the run was trained on
        #[arg(long)]
        data: Option<PathBuf>,
        #[arg(long)]
        json: bool,
    },
    /// Fit a law to a table of sizes and losses
    Fit {
        /// A CSV file with the columns n_params and val_loss; for --law nd also n_tokens
        points: PathBuf,
        #[command(flatten)]
        options: FitOptions,
    },
    /// Let a trained model write tunes; each is checked and written as ABC and MIDI
    Generate {
        /// The run's folder; or nanoGPT's ckpt.pt, an LSTM's state dict or a safetensors file, with --data
        #[arg(required_unless_present = "judge")]
        run: Option<PathBuf>,
        #[command(flatten)]
        options: GenerateOptions,
    },
    /// Play the budget game: runs that a ledger of FLOPs pays for, then one bet; alone it shows the ledger
    Game(GameOptions),
    /// Judge every tune of ABC files from anywhere by the validity ladder; the exit code is 1 where one fails a rung
    Check {
        /// ABC files
        #[arg(required = true)]
        files: Vec<PathBuf>,
        #[arg(long)]
        json: bool,
    },
    /// Start a kernel (Jupyter calls this)
    #[command(hide = true)]
    Kernel { connection_file: PathBuf },
    /// Shorten what `cargo metadata` says of a kernel's crates, from stdin to stdout (a kernel calls this)
    #[command(hide = true)]
    WithoutInnerCrates,
}

/// What was typed; a number that is none is said to be none, not in Rust's words.
fn arguments() -> Arguments {
    const WORDS: [(&str, &str); 4] = [
        ("invalid digit found in string", "expected a whole number"),
        ("cannot parse integer from empty string", "expected a whole number"),
        ("number too large to fit in target type", "the number is too large"),
        ("invalid float literal", "expected a number"),
    ];
    Arguments::try_parse().unwrap_or_else(|error| {
        let text = error.to_string();
        match WORDS.iter().find(|(rust, _)| text.contains(rust)) {
            Some((rust, plain)) => {
                eprint!("{}", text.replace(rust, plain));
                std::process::exit(error.exit_code())
            }
            None => error.exit(),
        }
    })
}

fn main() -> ExitCode {
    let Arguments { root, device, command } = arguments();
    if let Some(root) = root {
        place::use_root(root);
    }
    if let Some(Err(error)) = device.as_deref().map(training::use_device) {
        eprintln!("error: {error}");
        return ExitCode::FAILURE;
    }
    if matches!(
        command,
        Command::Study { .. } | Command::Train(_) | Command::Tune { .. } | Command::Sweep(_) | Command::Game(_)
    ) {
        training::stop_on_ctrl_c(); // what else can be broken off may end at once
    }
    let is_task = matches!(&command, Command::Sweep(options) if options.task.is_some());
    let result = run(command);
    if let Some(signal) = training::interrupted_by().filter(|_| !is_task) {
        eprintln!(
            "stopped by {}: what was done is kept, the same command goes on from here",
            if signal == 2 { "Ctrl-C" } else { "a signal" }
        );
        return ExitCode::from(u8::try_from(128 + signal).unwrap_or(1));
    }
    result.unwrap_or_else(|error| {
        eprintln!("error: {error}");
        ExitCode::FAILURE
    })
}

fn run(command: Command) -> Result<ExitCode> {
    match command {
        Command::Study { preset, force, extra, publish } => commands::study(&preset, force, extra, publish)?,
        Command::Report(options) => commands::report(&options)?,
        Command::Site(options) => commands::site(&options)?,
        Command::Figures(options) => commands::figures(&options)?,
        Command::Plan { preset } => commands::plan(&preset)?,
        Command::Lab { install_kernel, remove_kernel, prefix, .. } if install_kernel || remove_kernel => {
            commands::share_kernel(install_kernel, prefix.as_deref())?
        }
        Command::Lab { preset, arguments, .. } => commands::lab(&preset, &arguments)?,
        Command::Convert { inputs, to, out, as_played, json } => {
            commands::keep_stdout_for(json);
            let performance = if as_played { Performance::AsPlayed } else { Performance::AsWritten };
            let report = convert(&inputs, to, performance, &out)?;
            commands::show(json, &report)?;
            if report.n_converted == 0 {
                return Ok(ExitCode::FAILURE);
            }
        }
        Command::Prepare { corpus, max_tunes, data, json } => commands::prepare(corpus, max_tunes, data, json)?,
        Command::Train(options) => return commands::train(&options),
        Command::Tune { preset, size } => {
            Study::open(&preset)?.tune(size.as_deref(), |sweep| println!("{sweep}"))?;
        }
        Command::Sweep(options) => return commands::sweep(&options),
        Command::Runs(options) => commands::runs(&options)?,
        Command::Evaluate { run, split, all, data, json } => commands::score(&run, split, all, data.as_deref(), json)?,
        Command::Fit { points, options } => commands::fit(&points, options)?,
        Command::Generate { run, options } => commands::generate(run.as_deref(), options)?,
        Command::Game(options) => return commands::game(&options),
        Command::Check { files, json } => return Ok(ExitCode::from(u8::from(!commands::check(&files, json)?))),
        Command::WithoutInnerCrates => {
            let metadata = std::io::read_to_string(std::io::stdin()).map_err(lab::Error::file("read", "stdin"))?;
            println!("{}", stand_ins::without_inner_crates(&metadata)?);
        }
        Command::Kernel { connection_file } => {
            let code = kernel::start(&Lab::open()?, &connection_file)?;
            return Ok(ExitCode::from(u8::try_from(code).unwrap_or(1)));
        }
    }
    Ok(ExitCode::SUCCESS)
}
