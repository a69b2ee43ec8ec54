//! The budget game: a ledger of FLOPs, runs that it pays for, and one bet on a run four times as large as the whole ledger.
//!
//! ```text
//! open ─► run ─► run ─► … ─► commit(shape, rate, predicted, interval) ─► the final run ─► score
//!          each is charged, then trained
//! ```
//! The corpus is `composed`, of the game's seed: nothing is downloaded, every seed is another hidden corpus, and its exact entropy, the
//! floor, is told at the end. A loss depends on the rules, the run and the number of threads alone, so that a class can be compared.
//!
//! What is kept honest: the ledger's lines are chained ([`GameScore`] and every call refuse a changed one), each carries the whole record
//! of its run, and that is held against the run's folder where it is still there. What is not: a player can compute the floor, or
//! train outside of the game, since the corpus lies on their disk; in an examination the room and the clock see to that.

mod ledger;
mod score;
mod setting;

pub use ledger::Commitment;
pub use score::{Class, GameScore, Grid, interval_score};
pub use setting::{Rules, Setting, Shape};

use crate::data::Split;
use crate::fitting::Point;
use crate::models::Family;
use crate::study::{Families, MusicCount, RunRecord, Study};
use crate::training::{Run, RunConfig, Runs};
use crate::words::{flops, human};
use crate::{Error, Result};
use ledger::{Event, Ledger};
use std::fmt;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};

/// A game at any stage. The ledger on disk is what counts: it is read and verified by every call.
#[derive(Debug, Clone)]
pub struct Game {
    folder: PathBuf,
    /// Rules and corpus.
    pub setting: Setting,
}

/// The ledger of a folder, held against the runs that are still there.
fn verified(folder: &Path) -> Result<Ledger> {
    let ledger = Ledger::read(folder)?;
    let dir = folder.join("runs");
    let runs = if dir.exists() { Runs::open(dir)?.all()? } else { Vec::new() }; // a game that was handed in may have none
    for run in runs {
        let hash = run.config.hash();
        let records = ledger.records().chain(ledger.end().map(|(record, _)| record));
        let record = records.into_iter().find(|record| record.config.hash() == hash);
        let is_known = ledger.is_charged(&hash) || ledger.is_committed(&hash); // finished, and not yet written down
        let what = match record {
            None if is_known => continue,
            None => "is a run that the ledger did not pay for",
            Some(record) if record.summary != run.summary => "says otherwise than the ledger what came of its run",
            Some(_) => continue,
        };
        let folder = run.dir.display();
        return Err(Error::Checkpoint(format!("{folder} {what}: put back what the game wrote")));
    }
    Ok(ledger)
}

fn stopped(run: &Run) -> Error {
    Error::Checkpoint(format!(
        "{} was stopped and saved: the same call goes on from there, at no further cost",
        run.config.name
    ))
}

impl Game {
    /// Opens the game in `folder`, or begins it. The corpus is composed below `data_folder` where that is not done.
    ///
    /// # Errors
    /// The folder holds a game by other rules, its ledger was changed, or something cannot be written.
    pub fn open(folder: &Path, data_folder: &Path, player: &str, rules: &Rules) -> Result<Game> {
        let setting = Setting::open(rules, data_folder)?;
        Ledger::open(folder, player, rules)?;
        let found = verified(folder)?.rules;
        if found != *rules {
            return Err(Error::Config(format!(
                "{} holds a game of seed {} and {}, not of seed {} and {}: name another folder",
                folder.display(),
                found.seed,
                flops(found.ledger),
                rules.seed,
                flops(rules.ledger)
            )));
        }
        Ok(Game { folder: folder.to_path_buf(), setting })
    }

    /// The game of a notebook, in `data/game` beside the studies: a trial where the study is `smoke`, else by the default rules.
    ///
    /// # Errors
    /// As [`Game::open`].
    pub fn of_notebook(study: &Study, player: &str, seed: u64) -> Result<Game> {
        let (kind, rules) =
            if study.name() == "smoke" { ("trial", Rules::trial(seed)) } else { ("game", Rules::new(seed)) };
        let data = study.data_folder();
        Game::open(
            &data.join(format!("game/{kind}-{seed}-{}", player.replace(['/', '\\', ' '], "-"))),
            &data,
            player,
            &rules,
        )
    }

    /// The rules that a folder's game is played by; `None` where there is no game.
    ///
    /// # Errors
    /// Its ledger was changed.
    pub fn rules_of(folder: &Path) -> Result<Option<Rules>> {
        if folder.join(ledger::FILE).exists() { Ok(Some(Ledger::read(folder)?.rules)) } else { Ok(None) }
    }

    /// Where its ledger is.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// What a run would cost, FLOPs.
    ///
    /// # Errors
    /// As [`Setting::config`].
    pub fn cost(&self, shape: Shape, n_tokens: f64) -> Result<f64> {
        Ok(self.setting.config(shape, n_tokens, shape.usual_rate())?.flops())
    }

    /// FLOPs that are left.
    ///
    /// # Errors
    /// The ledger was changed.
    pub fn left(&self) -> Result<f64> {
        let ledger = verified(&self.folder)?;
        Ok(ledger.rules.ledger - ledger.spent())
    }

    /// Trains a shape and returns its loss over the validation split, nats per token. The ledger pays before the training begins; the same run
    /// again is free, and one that was stopped goes on at no further cost. A training whose loss is no number has been paid too.
    ///
    /// # Errors
    /// The ledger cannot pay, or was changed; the shape is committed; no such run; it failed or was stopped.
    pub fn run(&self, shape: Shape, n_tokens: f64, rate: f64) -> Result<f64> {
        let config = self.setting.config(shape, n_tokens, rate)?;
        if let Some(record) = verified(&self.folder)?.records().find(|record| record.config.hash() == config.hash()) {
            return Ok(record.summary.val_loss);
        }
        self.change(|ledger| self.charge(ledger, shape, &config))?;
        let record = self.train(&config)?;
        let loss = record.summary.val_loss;
        self.change(|ledger| {
            let is_known = ledger.records().any(|known| known.config.hash() == config.hash()); // another process had waited for it
            if is_known { Ok(()) } else { ledger.add(Event::Trained { record: Box::new(record) }) }
        })?;
        Ok(loss)
    }

    fn charge(&self, ledger: &mut Ledger, shape: Shape, config: &RunConfig) -> Result<()> {
        if let Some(Commitment { shape, .. }) = ledger.commitment() {
            return Err(Error::Config(format!("{shape} is committed: this game takes no further runs")));
        }
        if ledger.is_charged(&config.hash()) {
            return Ok(());
        }
        let (cost, left) = (config.flops(), ledger.rules.ledger - ledger.spent());
        if cost > left {
            let fit = human((left / config.model.flops_per_token(config.block_size)).floor());
            return Err(Error::Config(format!(
                "{} would cost {}, the ledger has {} left: at most {fit} tokens of {shape}",
                config.name,
                flops(cost),
                flops(left)
            )));
        }
        ledger.add(Event::Charged { flops: cost, config: config.clone() })
    }

    fn train(&self, config: &RunConfig) -> Result<RunRecord> {
        let run = Runs::open(self.folder.join("runs"))?.get_or_train(config, &self.setting.data)?;
        if run.summary.finished { Ok(RunRecord::from(&run)) } else { Err(stopped(&run)) }
    }

    /// Reads, verifies and changes the ledger while no other process does.
    fn change<T>(&self, change: impl FnOnce(&mut Ledger) -> Result<T>) -> Result<T> {
        let _alone = Ledger::lock(&self.folder)?;
        change(&mut verified(&self.folder)?)
    }

    /// The finished runs of both families, which have tables, laws and figures.
    ///
    /// # Errors
    /// The ledger was changed.
    pub fn families(&self) -> Result<Families> {
        let mut records: Vec<RunRecord> = verified(&self.folder)?.records().cloned().collect();
        records.sort_by_key(|record| (record.summary.n_params, record.summary.n_tokens));
        let (lstms, transformers) = records.into_iter().partition(|run| run.config.model.family() == Family::Lstm);
        Ok(Families {
            transformers,
            lstms,
            music: MusicCount::of(&self.setting.data, Split::Val),
            seed: self.setting.rules.seed,
        })
    }

    /// One point a finished run: N, tokens, FLOPs and loss.
    ///
    /// # Errors
    /// The ledger was changed.
    pub fn points(&self, family: Family) -> Result<Vec<Point>> {
        let point = |RunRecord { summary, .. }: &RunRecord| {
            Point::new(summary.n_params as f64, summary.val_loss)
                .with_tokens(summary.n_tokens as f64)
                .with_flops(summary.flops)
        };
        Ok(self.families()?.of(family).iter().map(point).collect())
    }

    /// Ends the runs: bets on a shape, its predicted loss and a 95 % interval, then trains it for four ledgers and returns its loss. A
    /// bet cannot be taken back; the same call again goes on with the final run, or returns its loss.
    ///
    /// # Errors
    /// Another bet stands, the interval does not hold the prediction, or the training failed or was stopped.
    pub fn commit(&self, shape: Shape, rate: f64, predicted: f64, interval: RangeInclusive<f64>) -> Result<f64> {
        let config = self.setting.final_config(shape, rate)?;
        let (low, high) = interval.into_inner();
        if !(0.0 < low && low <= predicted && predicted <= high && high.is_finite() && low < high) {
            return Err(Error::Config(format!(
                "the interval {low} to {high} must begin above 0, have a width, and hold the prediction {predicted}"
            )));
        }
        let commitment = Commitment { shape, rate, predicted, low, high };
        self.change(|ledger| match ledger.commitment() {
            Some(standing) if standing.is(&commitment) => Ok(()),
            Some(Commitment { shape, predicted, .. }) => Err(Error::Config(format!(
                "{shape} with a loss of {predicted} is committed: a bet cannot be taken back"
            ))),
            None => ledger.add(Event::Committed { commitment, config: config.clone() }),
        })?;
        if let Some((record, _)) = verified(&self.folder)?.end() {
            return Ok(record.summary.val_loss);
        }
        let record = self.train(&config)?;
        let (loss, floor) = (record.summary.val_loss, self.setting.floor);
        self.change(|ledger| match ledger.end() {
            Some(_) => Ok(()),
            None => ledger.add(Event::Ended { record: Box::new(record), floor }),
        })?;
        Ok(loss)
    }

    /// Of the finished game; see [`GameScore::of`].
    ///
    /// # Errors
    /// As [`GameScore::of`].
    pub fn score(&self, grid: Option<&Grid>) -> Result<GameScore> {
        GameScore::of(&self.folder, grid)
    }

    /// Trains every run of the ledger again, apart from the game: (name, recorded loss, loss now). The same kind of processor with as many threads
    /// gives the same bits; another differs in late digits, by far less than a loss that was invented.
    ///
    /// # Errors
    /// A training failed or was stopped; the same call goes on.
    pub fn replay(&self) -> Result<Vec<(String, f64, f64)>> {
        let (ledger, runs) = (verified(&self.folder)?, Runs::open(self.folder.join("replay"))?);
        let mut again = Vec::new();
        for RunRecord { config, summary, .. } in ledger.records().chain(ledger.end().map(|(record, _)| record)) {
            let run = runs.get_or_train(config, &self.setting.data)?;
            if !run.summary.finished {
                return Err(stopped(&run));
            }
            again.push((config.name.clone(), summary.val_loss, run.summary.val_loss));
        }
        Ok(again)
    }
}

impl fmt::Display for Game {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ledger = match verified(&self.folder) {
            Ok(ledger) => ledger,
            Err(error) => return write!(f, "{error}"),
        };
        let (rules, left) = (&ledger.rules, flops(ledger.rules.ledger - ledger.spent()));
        writeln!(f, "{}, {rules}; {left} left", ledger.player)?;
        for RunRecord { config, summary, .. } in ledger.records() {
            let (n, loss) = (human(summary.n_params as f64), summary.val_loss);
            writeln!(f, "{:<34} {n:>6} parameters {:>12}  loss {loss:.4}", config.name, flops(summary.flops))?;
        }
        if let Some(Commitment { shape, rate, predicted, low, high }) = ledger.commitment() {
            writeln!(f, "committed: {shape} at {rate:.2e}, {predicted:.4} ({low:.4} to {high:.4})")?;
        }
        write!(f, "last hash {}", ledger.hash)
    }
}
