//! Measurements beside the tools that people use today: `cargo xtask music …`, `cargo xtask train …`.

use clap::Parser;
use music_scaling::{Error, Result, messages};
use serde::Serialize;
use std::path::PathBuf;
use std::process::ExitCode;
use xtask::{MusicOptions, Peer, music, sweep, train};

#[derive(Parser)]
#[command(name = "xtask")]
enum Bench {
    /// Training: tokens a second, FLOP/s, memory, the share of the matrix product's rate; beside PyTorch where given
    Train {
        /// A rung of a ladder, such as b-transformer-xl; without it, a table of the nine of project B and four of A
        #[arg(long)]
        model: Option<String>,
        /// How cost grows with the model, the block size and the batch size, instead
        #[arg(long, conflicts_with = "model")]
        sweep: bool,
        /// With --sweep: pictures of the table, and their numbers, in this folder
        #[arg(long, requires = "sweep", value_name = "FOLDER")]
        figure: Option<PathBuf>,
        #[arg(long, default_value_t = 75)]
        vocab_size: usize,
        #[arg(long, default_value_t = 256)]
        block_size: usize,
        #[arg(long, default_value_t = 16)]
        batch_size: usize,
        /// Rounds, in each of which everything that is compared has its turn
        #[arg(long, default_value_t = 3)]
        rounds: usize,
        /// Steps in a round, of which the best counts
        #[arg(long, default_value_t = 4)]
        steps: usize,
        /// The command of a program that trains the same model, such as "python3 torch_peer.py"
        #[arg(long)]
        peer: Option<String>,
        #[arg(long)]
        json: bool,
    },
    /// MIDI ⇄ ABC: round-trip F1, speed and size, abcmidi's beside ours where it is installed
    Music {
        /// Files, folders, .tar.gz or .zip archives of .mid and .abc files
        #[arg(required = true)]
        paths: Vec<PathBuf>,
        /// Measure a sample of so many files
        #[arg(long)]
        limit: Option<usize>,
        #[arg(long, default_value_t = 1337)]
        seed: u64,
        #[arg(long)]
        json: bool,
    },
}

fn main() -> ExitCode {
    match run(Bench::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(bench: Bench) -> Result<()> {
    match bench {
        Bench::Music { paths, limit, seed, json } => {
            keep_stdout_for(json);
            let corpora = limit.is_none(); // a sample says nothing of how much is the same
            let options = MusicOptions { limit, seed, corpora, quiet: json, ..MusicOptions::default() };
            let report = music(&paths, &options)?;
            if json {
                return print_json(&serde_json::json!({ "rows": report.rows(), "report": report }));
            }
            println!("{report}");
            Ok(())
        }
        Bench::Train {
            model,
            sweep: growth,
            figure,
            vocab_size,
            block_size,
            batch_size,
            rounds,
            steps,
            peer,
            json,
        } => {
            let setting =
                |model: &str| train::Setting { model: model.into(), vocab_size, block_size, batch_size, rounds, steps };
            if !json {
                println!("{}", train::TrainSpeed::table_head());
            }
            if let Some(model) = model {
                let peer = peer.map(|command| Peer::new(&command)).transpose()?;
                return print_speed(&train::measure(&setting(&model), peer.as_ref())?, json);
            }
            let settings = if growth { sweep::growth() } else { sweep::COMPARED.map(setting).to_vec() };
            let mut speeds = Vec::new();
            for speed in sweep::measure_apart(&settings, peer.as_deref()) {
                speeds.push(speed?);
                print_speed(&speeds[speeds.len() - 1], json)?;
            }
            if let Some(folder) = figure {
                for (name, figure) in sweep::growth_figures(&speeds) {
                    figure.save(&folder, &name)?;
                }
            }
            Ok(())
        }
    }
}

fn print_speed(speed: &train::TrainSpeed, json: bool) -> Result<()> {
    println!("{}", if json { json_line(speed)? } else { speed.to_string() });
    Ok(())
}

/// Where stdout is to hold JSON only, messages about the work go to stderr.
fn keep_stdout_for(json: bool) {
    if json {
        messages::keep_off_stdout();
    }
}

fn print_json(result: &impl Serialize) -> Result<()> {
    let text =
        serde_json::to_string_pretty(result).map_err(|error| Error::Config(format!("cannot write JSON: {error}")))?;
    println!("{text}");
    Ok(())
}

fn json_line(result: &impl Serialize) -> Result<String> {
    serde_json::to_string(result).map_err(|error| Error::Config(format!("cannot write JSON: {error}")))
}
