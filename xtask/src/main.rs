//! Measurements beside the tools that people use today: `cargo xtask music …`, `cargo xtask train …`, `cargo xtask sample …`.

mod grammar;
mod music;
mod peer;
mod sample;
mod sweep;
mod train;

use clap::Parser;
use music_scaling::{Error, Result};
use peer::Peer;
use std::path::PathBuf;
use std::process::ExitCode;

#[derive(Parser)]
#[command(name = "xtask")]
enum Bench {
    /// Training: tokens a second, FLOP/s, memory, the share of the matrix product's rate; beside PyTorch where given
    Train(TrainOptions),
    /// Sampling: tokens a second of one tune, beside PyTorch where given, and of batches
    Sample(sample::Options),
    /// The grammar of guided sampling: the share of a corpus's tunes that it accepts
    Grammar(grammar::Options),
    /// MIDI ⇄ ABC: round-trip F1, speed and size, abcmidi's beside ours where it is installed
    Music(music::Options),
}

#[derive(clap::Args)]
struct TrainOptions {
    /// A rung of a ladder, such as b-transformer-xl; without it, a table of the nine of project B and four of A
    #[arg(long)]
    model: Option<String>,
    /// How cost grows with the model, the block size and the batch size, instead
    #[arg(long, conflicts_with = "model")]
    sweep: bool,
    /// With --sweep: pictures of the table, and their numbers, in this folder
    #[arg(long, requires = "sweep", value_name = "FOLDER")]
    figure: Option<PathBuf>,
    #[command(flatten)]
    setting: train::Setting,
    /// The command of a program that trains the same model, such as "python3 torch_peer.py"
    #[arg(long)]
    peer: Option<String>,
    #[arg(long)]
    json: bool,
}

fn main() -> ExitCode {
    let done = match Bench::parse() {
        Bench::Music(options) => music::measure(&options).map(|report| println!("{report}")),
        Bench::Train(options) => measure_training(options),
        Bench::Sample(options) => sample::measure(&options),
        Bench::Grammar(options) => grammar::measure(&options).map(|accepted| print!("{accepted}")),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn measure_training(options: TrainOptions) -> Result<()> {
    let TrainOptions { model, sweep: growth, figure, setting, peer, json } = options;
    if !json {
        println!("{}", train::TABLE_HEAD);
    }
    let print = |speed: &train::TrainSpeed| -> Result<()> {
        let line =
            || serde_json::to_string(speed).map_err(|error| Error::Config(format!("cannot write JSON: {error}")));
        println!("{}", if json { line()? } else { speed.to_string() });
        Ok(())
    };
    if let Some(model) = model {
        let peer = peer.map(|command| Peer::new(&command)).transpose()?;
        return print(&train::measure(&train::Setting { model, ..setting }, peer.as_ref())?);
    }
    let compared = || sweep::COMPARED.map(|model| train::Setting { model: model.into(), ..setting.clone() }).to_vec();
    let settings = if growth { sweep::growth() } else { compared() };
    let mut speeds = Vec::new();
    for setting in &settings {
        let speed = sweep::measure_apart(setting, peer.as_deref())?;
        print(&speed)?;
        speeds.push(speed);
    }
    if let Some(folder) = figure {
        for (name, figure) in sweep::growth_figures(&speeds) {
            figure.save_in(&folder, &name)?;
        }
    }
    Ok(())
}
