//! The command line: one function per sub-command, each a few calls into the library.

use clap::{Parser, Subcommand};
use lab::{Error, Lab, Result, kernel, open_jupyter, run_study};
use music_scaling::data::split::Groups;
use music_scaling::data::{Corpus, CorpusConfig, Split, Target, TokenData, Tokenizer, convert_as};
use music_scaling::fitting::{self, Claim, Objective, PowerCurve};
use music_scaling::generation::{self, Prompt, Rates};
use music_scaling::messages;
use music_scaling::models::{Family, Model, ModelConfig};
use music_scaling::music::abc::Performance;
use music_scaling::study::Study;
use music_scaling::training::{self, Run, Runs, evaluate};
use serde::Serialize;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// A scaling-law laboratory for music language models.
#[derive(Parser)]
#[command(name = "music-scaling", version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run the whole study: set up the kernel, execute the seven notebooks, write figures, results and one HTML report
    Study {
        /// smoke, laptop, course, full, composed, or the path of a .toml file
        #[arg(long, default_value = "laptop")]
        preset: String,
        /// Execute every notebook again, also those that are up to date (finished trainings are still not repeated)
        #[arg(long)]
        force: bool,
    },
    /// Open JupyterLab with the Rust kernel ready
    Lab {
        #[arg(long, default_value = "laptop")]
        preset: String,
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
        /// folk, composed, lakh-clean, lakh-full, or the path of a folder or archive of .mid and .abc files
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
    Train {
        #[arg(long, default_value = "laptop")]
        preset: String,
        /// The name of one size, such as laptop-transformer-s; without it, all of them
        #[arg(long)]
        size: Option<String>,
        /// Instead, the repeats from other seeds that the preset asks for
        #[arg(long, conflicts_with = "size")]
        repeats: bool,
        /// Instead, the Transformers at equal FLOPs that the preset asks for
        #[arg(long, conflicts_with_all = ["size", "repeats"])]
        isoflop: bool,
        /// Instead, the largest models for the longer budget of the preset
        #[arg(long, conflicts_with_all = ["size", "repeats", "isoflop"])]
        longer: bool,
        #[arg(long)]
        json: bool,
    },
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
        run: PathBuf,
        #[command(flatten)]
        options: GenerateOptions,
    },
    /// Start a kernel (Jupyter calls this)
    #[command(hide = true)]
    Kernel { connection_file: PathBuf },
}

#[derive(clap::Args)]
struct FitOptions {
    /// power (L = a·N^-alpha + c), power-without-c, log (L = A + B·ln N), or nd (L = E + A/N^alpha + B/D^beta)
    #[arg(long, default_value = "power")]
    law: String,
    /// For the laws power and nd: least-squares, log (squares of ln loss) or huber (the Chinchilla objective)
    #[arg(long, default_value = "least-squares")]
    objective: String,
    /// Bootstrap resamples for the intervals
    #[arg(long, default_value_t = 1000)]
    resamples: usize,
    #[arg(long, default_value_t = 1337)]
    seed: u64,
    /// Published numbers to check against the table, such as a=8.42,alpha=0.152,c=1.45
    #[arg(long)]
    claim: Option<String>,
    /// The R² published with the claim
    #[arg(long, requires = "claim")]
    claim_r2: Option<String>,
    #[arg(long)]
    json: bool,
}

#[derive(clap::Args)]
struct GenerateOptions {
    /// The prepared corpus; without it, the one that the run was trained on
    #[arg(long)]
    data: Option<PathBuf>,
    /// Where the tune starts, such as $'X:1\nM:6/8\n'; without it, ten different prompts and temperatures
    #[arg(long)]
    prefix: Option<String>,
    /// With --prefix: below 1 is more cautious, above 1 more daring
    #[arg(long, default_value_t = 0.8)]
    temperature: f64,
    /// With --prefix: draw among the k likeliest characters only
    #[arg(long)]
    top_k: Option<usize>,
    #[arg(long, default_value_t = 1000)]
    max_tokens: usize,
    #[arg(long, default_value_t = 1337)]
    seed: u64,
    /// Folder for the tunes
    #[arg(long, default_value = "samples")]
    out: PathBuf,
    #[arg(long)]
    json: bool,
}

fn main() -> ExitCode {
    let command = Arguments::parse().command;
    if matches!(command, Command::Study { .. } | Command::Train { .. }) {
        training::stop_on_ctrl_c(); // what else can be broken off may end at once
    }
    match run(command) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(command: Command) -> Result<ExitCode> {
    match command {
        Command::Study { preset, force } => study(&preset, force)?,
        Command::Lab { preset, arguments } => lab(&preset, &arguments)?,
        Command::Convert { inputs, to, out, as_played, json } => {
            keep_stdout_for(json);
            let performance = if as_played { Performance::AsPlayed } else { Performance::AsWritten };
            show(json, &convert_as(&inputs, to, performance, &out)?)?;
        }
        Command::Prepare { corpus, max_tunes, data, json } => prepare(corpus, max_tunes, data, json)?,
        Command::Train { preset, size, repeats, isoflop, longer, json } => {
            train(&Study::open(&preset)?, size.as_deref(), [repeats, isoflop, longer], json)?;
        }
        Command::Evaluate { run, split, all, data, json } => score(&run, split, all, data, json)?,
        Command::Fit { points, options } => fit(&points, &options)?,
        Command::Generate { run, options } => generate(&run, options)?,
        Command::Kernel { connection_file } => {
            let code = kernel::start(&Lab::open()?, &connection_file)?;
            return Ok(ExitCode::from(u8::try_from(code).unwrap_or(1)));
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn study(preset: &str, force: bool) -> Result<()> {
    let started = std::time::Instant::now();
    let study = Study::open(preset)?;
    println!("{study}");
    let lab = Lab::open()?;
    lab.set_up()?;
    let report = run_study(&lab, &study, force)?;
    println!("notebooks  {}", study.notebooks_folder().display());
    println!("figures    {}", study.figures_folder().display());
    println!("results    {}", study.results_folder().join("results.json").display());
    println!("report     {}", report.display());
    println!("finished in {:.1} minutes", started.elapsed().as_secs_f64() / 60.0);
    Ok(())
}

fn lab(preset: &str, arguments: &[String]) -> Result<()> {
    Study::open(preset)?; // an unknown preset is an error now, not in the first cell
    let lab = Lab::open()?;
    lab.set_up()?;
    open_jupyter(&lab, preset, arguments)
}

fn prepare(corpus: String, max_tunes: Option<usize>, data: Option<PathBuf>, json: bool) -> Result<()> {
    #[derive(Serialize)]
    struct Prepared {
        folder: PathBuf,
        n_files: usize,
        success_rate: f64,
        n_tunes: [usize; 3],
        n_tokens: [usize; 3],
        vocab_size: usize,
        groups_of_same_music: Groups,
    }
    keep_stdout_for(json);
    let config = CorpusConfig { max_tunes, ..CorpusConfig::of(corpus) };
    let data_folder = match data {
        Some(folder) => folder,
        None => Lab::open()?.root.join("data"),
    };
    let corpus = Corpus::get_or_prepare(&config, &data_folder)?;
    if !json {
        println!("{corpus}");
        return Ok(());
    }
    print_json(&Prepared {
        n_files: corpus.n_files,
        success_rate: corpus.success_rate(),
        n_tunes: Split::ALL.map(|split| corpus.n_tunes(split)),
        n_tokens: Split::ALL.map(|split| corpus.n_chars(split)), // a token is a character
        vocab_size: Tokenizer::load(&corpus.dir)?.vocab_size(),
        groups_of_same_music: corpus.groups,
        folder: corpus.dir,
    })
}

fn train(study: &Study, size: Option<&str>, [repeats, isoflop, longer]: [bool; 3], json: bool) -> Result<()> {
    keep_stdout_for(json);
    if (repeats || isoflop) && !json {
        println!("{}", study.extra_cost()?);
    }
    let runs = match size {
        Some(name) => vec![study.train_size(name)?],
        None if repeats => [study.train_repeats(Family::Transformer)?, study.train_repeats(Family::Lstm)?].concat(),
        None if isoflop => study.train_isoflop()?,
        None if longer => study.train_longer()?,
        None => [study.train(Family::Transformer)?, study.train(Family::Lstm)?].concat(),
    };
    for run in &runs {
        if json {
            println!("{}", json_line(&run.summary)?);
        } else {
            println!("{run}");
        }
    }
    Ok(())
}

fn score(folder: &Path, split: Split, all: bool, data: Option<PathBuf>, json: bool) -> Result<()> {
    #[derive(Serialize)]
    struct Score {
        run: String,
        split: Split,
        /// Optimiser steps of the checkpoint; absent for the best one.
        step: Option<usize>,
        /// Nats per token.
        loss: f64,
        perplexity: f64,
        bits_per_char: f64,
        n_tokens: usize,
    }
    let subject = Subject::open(folder, data)?;
    let tokens = subject.data.split(split);
    let score = |step, model| -> Result<Score> {
        let loss = evaluate(&model, tokens, subject.block_size, subject.batch_size)?;
        let bits_per_char = loss / std::f64::consts::LN_2;
        let run = subject.name.clone();
        Ok(Score { run, split, step, loss, perplexity: loss.exp(), bits_per_char, n_tokens: tokens.len() })
    };
    let scores = match &subject.source {
        Source::Run(run) if all => {
            let saved = run.checkpoints()?;
            saved.iter().map(|saved| score(Some(saved.step), run.model_at(saved)?)).collect::<Result<Vec<_>>>()?
        }
        _ => vec![score(None, subject.model()?)?],
    };
    for score in &scores {
        if json {
            println!("{}", json_line(score)?);
        } else {
            let which = match (score.step, &subject.source) {
                (Some(step), _) => format!(" step {step}"),
                (None, Source::Run(_)) => " best checkpoint".into(),
                (None, Source::File(_)) => String::new(),
            };
            println!(
                "{}{which}: {split} loss {:.4} nats per token, perplexity {:.3}, {:.3} bits per character",
                score.run, score.loss, score.perplexity, score.bits_per_char
            );
        }
    }
    Ok(())
}

/// What is scored or writes tunes, and its corpus.
struct Subject {
    name: String,
    source: Source,
    block_size: usize,
    batch_size: usize,
    data: TokenData,
}

/// A run of ours, or a file of a model that was trained anywhere.
enum Source {
    Run(Box<Run>),
    File(Box<Model>),
}

impl Subject {
    /// Refuses a corpus with another vocabulary than the model's.
    fn open(path: &Path, data: Option<PathBuf>) -> Result<Self> {
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        if path.is_file() {
            return Self::open_file(path, name, data);
        }
        let runs = Runs::open(path.parent().unwrap_or(Path::new(".")))?;
        let run = runs.get(&name)?;
        let data_folder = match data {
            Some(folder) => folder,
            None => Lab::open()?.root.join("data").join(&run.config.corpus),
        };
        let data = TokenData::open(&data_folder)?;
        run.check_vocabulary(&data.tokenizer.hash())?;
        let (block_size, batch_size) = (run.config.block_size, run.config.batch_size);
        Ok(Subject { name: run.config.name.clone(), source: Source::Run(Box::new(run)), block_size, batch_size, data })
    }

    fn open_file(path: &Path, name: String, data: Option<PathBuf>) -> Result<Self> {
        let folder = data.ok_or_else(|| {
            Error::Config(format!("{} is a file: say with --data which folder of tokens it belongs to", path.display()))
        })?;
        let (model, data) = (Model::open(path, &training::device()?)?, TokenData::open(&folder)?);
        let (of_model, of_data) = (model.config().vocab_size(), data.tokenizer.vocab_size());
        if of_model != of_data {
            return Err(Error::Config(format!(
                "{} has a vocabulary of {of_model}, but {} of {of_data}: name the folder that it was trained on",
                path.display(),
                folder.display()
            )));
        }
        let block_size = match model.config() {
            ModelConfig::Transformer(config) => config.n_positions,
            ModelConfig::Lstm(_) => 256, // its state dict does not say: nanoGPT's and ours
        };
        Ok(Subject { name, source: Source::File(Box::new(model)), block_size, batch_size: 16, data })
    }

    fn model(&self) -> Result<Model> {
        match &self.source {
            Source::Run(run) => Ok(run.best_model()?),
            Source::File(model) => Ok((**model).clone()),
        }
    }
}

fn fit(file: &Path, options: &FitOptions) -> Result<()> {
    let FitOptions { law, objective, resamples, seed, claim, claim_r2, json } = options;
    let objective: Objective = objective.parse()?;
    if law == "nd" && claim.is_none() {
        return show(
            *json,
            &fitting::report_in_n_and_d(&fitting::read_run_points(file)?, objective, *resamples, *seed)?,
        );
    }
    let points = fitting::read_points(file)?;
    let Some(claim) = claim else {
        if objective == Objective::LeastSquares {
            return show(*json, &fitting::report(&points, law, *resamples, *seed)?);
        }
        if law != "power" {
            return Err(Error::Config(format!(
                "--objective {} is offered for --law power and --law nd",
                objective.name()
            )));
        }
        let curve = PowerCurve::fit(&points, objective)?;
        return show(*json, &if *resamples > 0 { curve.with_intervals(&points, *resamples, *seed)? } else { curve });
    };
    let mut claim: Claim = claim.parse()?;
    if let Some(r_squared) = claim_r2 {
        claim = claim.with_r_squared(r_squared)?;
    }
    show(*json, &claim.check(&points)?)
}

fn generate(folder: &Path, options: GenerateOptions) -> Result<()> {
    let GenerateOptions { data, prefix, temperature, top_k, max_tokens, seed, out, json } = options;
    let subject = Subject::open(folder, data)?;
    let data = &subject.data;
    let prompts = match prefix {
        Some(prefix) => vec![Prompt::new(prefix, temperature, top_k)],
        None => Prompt::varied(data, 10),
    };
    let settings = generation::Settings { max_tokens, context: Some(subject.block_size), seed, quiet: json };
    let samples = generation::generate_with(&subject.model()?, &data.tokenizer, &prompts, &data.train, &settings)?;
    let files = generation::write_samples(&samples, &out)?;
    let rates = Rates::of(&samples);
    if json {
        return print_json(&serde_json::json!({ "rates": rates, "samples": samples }));
    }
    for sample in &samples {
        println!("{}", sample.text);
    }
    println!("{rates}\n{} files in {}", files.len(), out.display());
    Ok(())
}

/// Where stdout is to hold JSON only, messages about the work go to stderr.
fn keep_stdout_for(json: bool) {
    if json {
        messages::keep_off_stdout();
    }
}

/// Prints a result as one JSON object, or as text for people.
fn show(json: bool, result: &(impl Serialize + std::fmt::Display)) -> Result<()> {
    if json {
        return print_json(result);
    }
    println!("{result}");
    Ok(())
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
