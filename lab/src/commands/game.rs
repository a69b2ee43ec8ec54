//! `game`: a ledger of FLOPs, runs that it pays for, and one bet.

use super::output::{keep_stdout_for, show};
use lab::Result;
use music_scaling::game::{Class, Game, Grid, Rules, Setting, Shape};
use music_scaling::study::place;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

#[derive(clap::Args)]
pub(crate) struct GameOptions {
    /// The game's folder; without it, data/game/mine
    #[arg(long)]
    folder: Option<PathBuf>,
    /// Your name, for the first call
    #[arg(long, default_value = "player")]
    player: String,
    /// Decides the hidden corpus, for the first call
    #[arg(long)]
    seed: Option<u64>,
    /// A game of seconds, for the first call
    #[arg(long)]
    trial: bool,
    /// FLOPs that all runs may cost together, for the first call; without it, 6e12, some minutes of two cores
    #[arg(long, value_name = "FLOPS")]
    ledger: Option<f64>,
    /// Train a shape from the ledger: transformer:3x64 or lstm:2x128, layers x width
    #[arg(long, value_name = "SHAPE", requires_all = ["tokens", "rate"])]
    run: Option<Shape>,
    /// Of the run, such as 1e6
    #[arg(long)]
    tokens: Option<f64>,
    /// Peak of the learning rate
    #[arg(long)]
    rate: Option<f64>,
    /// End the runs and bet on a shape
    #[arg(long, value_name = "SHAPE", requires_all = ["rate", "predict", "between"], conflicts_with = "run")]
    commit: Option<Shape>,
    /// Its loss, nats per token
    #[arg(long)]
    predict: Option<f64>,
    /// The 95 % interval of it
    #[arg(long, value_name = "LOW,HIGH", value_parser = interval)]
    between: Option<(f64, f64)>,
    /// Make a table of finished games
    #[arg(long, value_name = "FOLDER", num_args = 1.., conflicts_with_all = ["run", "commit", "grid", "replay"])]
    score: Vec<PathBuf>,
    /// With --score: the grid.json to measure against; without it, the committed one, where it is of the same rules
    #[arg(long, value_name = "FILE", requires = "score")]
    against: Option<PathBuf>,
    /// Train the hidden grid of a seed, for a teacher: four final runs; without --folder into data/game
    #[arg(long, conflicts_with_all = ["run", "commit"])]
    grid: bool,
    /// Train every run of the ledger again, and print both losses
    #[arg(long, conflicts_with_all = ["run", "commit", "grid"])]
    replay: bool,
    /// With --score: as JSON
    #[arg(long, requires = "score")]
    json: bool,
}

pub(crate) fn game(options: &GameOptions) -> Result<ExitCode> {
    let GameOptions { run, commit, score, grid, replay, json, .. } = options;
    keep_stdout_for(*json);
    if !score.is_empty() {
        return table(score, options);
    }
    let root = place::find_root()?;
    let data = place::data_folder(&root);
    if *grid {
        let rules = rules(options, None);
        let folder = options.folder.clone().unwrap_or_else(|| Grid::folder(&data, &rules));
        println!("{}", Grid::get_or_train(&Setting::open(&rules, &data)?, &folder)?);
        return Ok(ExitCode::SUCCESS);
    }
    let folder = options.folder.clone().unwrap_or_else(|| data.join("game/mine"));
    let game = Game::open(&folder, &data, &options.player, &rules(options, Game::rules_of(&folder)?))?;
    if *replay {
        for (name, before, now) in game.replay()? {
            println!("{name:<34} recorded {before:.6}, now {now:.6}, difference {:+.1e}", now - before);
        }
    } else if let (Some(shape), Some(tokens), Some(rate)) = (run, options.tokens, options.rate) {
        println!("loss {:.4} nats per token", game.run(*shape, tokens, rate)?);
    } else if let (Some(shape), Some(rate), Some(predicted), Some((low, high))) =
        (commit, options.rate, options.predict, options.between)
    {
        game.commit(*shape, rate, predicted, low..=high)?;
        println!("{}", game.score(committed(&root)?.as_ref())?);
        return Ok(ExitCode::SUCCESS);
    }
    println!("{game}");
    Ok(ExitCode::SUCCESS)
}

fn interval(text: &str) -> Result<(f64, f64), String> {
    let ends = text.split_once(',').and_then(|(low, high)| Some((low.parse().ok()?, high.parse().ok()?)));
    ends.ok_or_else(|| "give two numbers with a comma between them, such as .19,.23".into())
}

/// What was asked for; where nothing was, what the game in the folder is played by, or the default.
fn rules(options: &GameOptions, standing: Option<Rules>) -> Rules {
    let default = if options.trial { Rules::trial(1) } else { standing.unwrap_or(Rules::new(1)) };
    Rules { seed: options.seed.unwrap_or(default.seed), ledger: options.ledger.unwrap_or(default.ledger), ..default }
}

fn table(folders: &[PathBuf], options: &GameOptions) -> Result<ExitCode> {
    let grid = match &options.against {
        Some(path) => Some(Grid::read(path)?),
        None => committed(&place::find_root()?)?,
    };
    let class = Class::of(folders, grid.as_ref());
    show(options.json, &class)?;
    Ok(ExitCode::from(u8::from(!class.failed.is_empty())))
}

fn committed(root: &Path) -> Result<Option<Grid>> {
    let path = root.join("data/results/game/grid.json");
    if path.exists() { Ok(Some(Grid::read(&path)?)) } else { Ok(None) }
}
