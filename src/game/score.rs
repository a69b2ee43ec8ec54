//! What a finished game is worth: regret, prediction, interval.
//!
//! ```text
//! regret         = loss − lowest loss of the hidden grid          nats per token; below 0: better than the grid
//! interval score = (u − l) + 2/α·(l − x)₊ + 2/α·(x − u)₊           α = .05, x the loss; Gneiting & Raftery 2007, equation 43
//! points         = regret + interval score                        nats per token; the lower the better
//! ```
//! The interval score is proper: whoever wants the lowest expected score gives the 2.5 % and 97.5 % quantiles that they believe in. A
//! wider interval costs its width, a loss outside costs forty times its distance.

use super::ledger::{Commitment, Ledger};
use super::{Game, Rules, Setting, Shape};
use crate::files::{read_json, write_json};
use crate::study::{RunRecord, Study};
use crate::training::Runs;
use crate::words::{flops, human};
use crate::{Error, Result};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::path::{Path, PathBuf};

/// Of an interval that holds with 95 %.
const ALPHA: f64 = 0.05;

/// (u − l) + 2/α·(l − x)₊ + 2/α·(x − u)₊, α = .05: Gneiting & Raftery 2007, equation 43. In the unit of the loss, the lower the better.
///
/// ```
/// use music_scaling::game::interval_score;
/// assert_eq!(interval_score(1.0, 2.0, 1.5), 1.0);         // held: its width
/// assert_eq!(interval_score(1.0, 2.0, 2.25), 1.0 + 10.0); // missed by a quarter, which counts forty times
/// assert_eq!(interval_score(1.0, 2.0, 0.5), 1.0 + 20.0);
/// ```
pub fn interval_score(low: f64, high: f64, loss: f64) -> f64 {
    (high - low) + 2.0 / ALPHA * ((low - loss).max(0.0) + (loss - high).max(0.0))
}

/// The final runs of some shapes that a player is measured against, trained beforehand.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Grid {
    /// It counts for games by these alone.
    pub rules: Rules,
    /// One a shape.
    pub runs: Vec<(Shape, RunRecord)>,
}

impl Grid {
    /// Trains four shapes, two of each family, at their usual rates; what is trained is kept in `folder`, with the records in `grid.json`.
    ///
    /// # Errors
    /// A training failed or was stopped, or the folder cannot be written.
    pub fn get_or_train(setting: &Setting, folder: &Path) -> Result<Grid> {
        let (all, mut runs) = (Runs::open(folder.join("runs"))?, Vec::new());
        for shape in setting.grid_shapes()? {
            let run = all.get_or_train(&setting.final_config(shape, shape.usual_rate())?, &setting.data)?;
            if !run.summary.finished {
                return Err(super::stopped(&run));
            }
            runs.push((shape, RunRecord::from(&run)));
        }
        let grid = Grid { rules: setting.rules.clone(), runs };
        write_json(folder.join("grid.json"), &grid)?;
        Ok(grid)
    }

    /// Where it is trained: below `data/`, one folder for the rules of each.
    pub fn folder(data_folder: &Path, rules: &Rules) -> PathBuf {
        data_folder.join(format!("game/grid-{}-{:e}", rules.seed, rules.ledger))
    }

    /// The committed grid of this project, where it is of the same rules; else trained.
    ///
    /// # Errors
    /// As [`Grid::read`] and [`Grid::get_or_train`].
    pub fn of_notebook(study: &Study, game: &Game) -> Result<Grid> {
        let (committed, setting) = (study.committed_results_folder().with_file_name("game/grid.json"), &game.setting);
        let committed = if committed.exists() { Some(Grid::read(&committed)?) } else { None };
        match committed.filter(|grid| grid.rules == setting.rules) {
            Some(grid) => Ok(grid),
            None => Grid::get_or_train(setting, &Grid::folder(&study.data_folder(), &setting.rules)),
        }
    }

    /// The records that a teacher kept.
    ///
    /// # Errors
    /// The file cannot be read, or is no such record.
    pub fn read(path: &Path) -> Result<Grid> {
        Ok(read_json(path, "train it again: game --grid")?)
    }

    /// The shape of the lowest loss, and that loss, nats per token.
    pub fn best(&self) -> Option<(Shape, f64)> {
        let losses = self.runs.iter().map(|(shape, run)| (*shape, run.summary.val_loss));
        losses.min_by(|p, q| p.1.total_cmp(&q.1))
    }
}

impl fmt::Display for Grid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "grid of seed {}, {} a run", self.rules.seed, flops(self.rules.final_flops()))?;
        self.runs.iter().try_for_each(|(shape, RunRecord { config, summary, .. })| {
            let (n, tokens) = (human(summary.n_params as f64), human(summary.n_tokens as f64));
            write!(f, "\n{shape:<18} {n:>6} parameters {tokens:>6} tokens  rate {:.2e}", config.learning_rate)?;
            write!(f, "  loss {:.4}", summary.val_loss)
        })
    }
}

/// A finished game. Losses, errors and scores in nats per token.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct GameScore {
    /// As the ledger's first line names them.
    pub player: String,
    /// Games of one seed and ledger can be compared.
    pub rules: Rules,
    /// Runs that the ledger paid for.
    pub n_runs: usize,
    /// FLOPs of theirs.
    pub spent: f64,
    /// What was bet.
    pub commitment: Commitment,
    /// Of the final run.
    pub loss: f64,
    /// The best of the hidden grid; `None` without a grid of these rules.
    pub best_of_grid: Option<(Shape, f64)>,
    /// loss − lowest loss of the grid.
    pub regret: Option<f64>,
    /// loss − predicted.
    pub error: f64,
    /// The interval holds the loss.
    pub held: bool,
    /// [`interval_score`]
    pub interval_score: f64,
    /// regret + interval score.
    pub points: Option<f64>,
    /// Entropy of the corpus's source, computed: no loss over many tunes can stay below it.
    pub floor: f64,
    /// Of the ledger's last line.
    pub last_hash: String,
}

impl GameScore {
    /// Of the game in a folder, whose ledger is verified. Needs no corpus. `grid` counts where it is of the same rules.
    ///
    /// # Errors
    /// There is no ledger, it was changed, or the game is not over.
    pub fn of(folder: &Path, grid: Option<&Grid>) -> Result<GameScore> {
        let ledger = super::verified(folder)?;
        let over = ledger.commitment().cloned().zip(ledger.end().map(|(run, floor)| (run.summary.val_loss, floor)));
        let Some((commitment, (loss, floor))) = over else {
            return Err(Error::Checkpoint(format!(
                "the game in {} is not over: commit a shape, and let its run come to its end",
                folder.display()
            )));
        };
        Ok(GameScore::new(ledger, commitment, loss, floor, grid))
    }

    fn new(ledger: Ledger, commitment: Commitment, loss: f64, floor: f64, grid: Option<&Grid>) -> GameScore {
        let Commitment { predicted, low, high, .. } = commitment;
        let best_of_grid = grid.filter(|grid| grid.rules == ledger.rules).and_then(Grid::best);
        let regret = best_of_grid.map(|(_, best)| loss - best);
        let interval_score = interval_score(low, high, loss);
        GameScore {
            n_runs: ledger.records().count(),
            spent: ledger.spent(),
            error: loss - predicted,
            held: (low..=high).contains(&loss),
            points: regret.map(|regret| regret + interval_score),
            player: ledger.player,
            rules: ledger.rules,
            last_hash: ledger.hash,
            commitment,
            loss,
            best_of_grid,
            regret,
            interval_score,
            floor,
        }
    }
}

impl fmt::Display for GameScore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let GameScore { commitment: Commitment { shape, rate, predicted, low, high }, loss, error, floor, .. } = self;
        let share = 100.0 * self.spent / self.rules.ledger;
        writeln!(f, "{}, seed {}: {} runs, {share:.0} % of the ledger", self.player, self.rules.seed, self.n_runs)?;
        writeln!(
            f,
            "shape       {shape} at {rate:.2e}: loss {loss:.4}, {:.1} times the floor {floor:.4}",
            loss / floor
        )?;
        if let Some(((best, of_best), regret)) = self.best_of_grid.zip(self.regret) {
            writeln!(f, "regret      {regret:+.4} against the grid's best, {best} with {of_best:.4}")?;
        }
        writeln!(f, "prediction  {predicted:.4}, error {error:+.4}")?;
        let held = if self.held { "held" } else { "did NOT hold" };
        write!(f, "interval    {low:.4} to {high:.4} {held}; interval score {:.4}", self.interval_score)?;
        self.points.map_or(Ok(()), |points| {
            write!(f, "\npoints      {points:.4} (regret + interval score, the lower the better)")
        })
    }
}

/// A table of a class, best first: a row a game, then a sentence for each folder that has no score.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Class {
    /// By points; those without a grid by loss, at the end.
    pub scores: Vec<GameScore>,
    /// Why a folder has none.
    pub failed: Vec<String>,
}

impl Class {
    /// Scores every folder; one that fails keeps no other from its row. `grid` counts for the games of its own rules.
    pub fn of<P: AsRef<Path>>(folders: &[P], grid: Option<&Grid>) -> Class {
        let (mut scores, mut failed) = (Vec::new(), Vec::new());
        for folder in folders {
            match GameScore::of(folder.as_ref(), grid) {
                Ok(score) => scores.push(score),
                Err(error) => failed.push(error.to_string()),
            }
        }
        let rank = |score: &GameScore| (score.points.is_none(), score.points.unwrap_or(score.loss));
        scores.sort_by(|p, q| rank(p).0.cmp(&rank(q).0).then(rank(p).1.total_cmp(&rank(q).1)));
        Class { scores, failed }
    }
}

impl fmt::Display for Class {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = ["points", "regret", "interval", "held", "width", "error", "loss"];
        write!(f, "{:<20} {:>5} {:<18}", "player", "seed", "shape")?;
        names.iter().try_for_each(|name| write!(f, " {name:>8}"))?;
        let number = |value: Option<f64>| value.map_or("–".to_string(), |value| format!("{value:.4}"));
        for score in &self.scores {
            let Commitment { shape, low, high, .. } = &score.commitment;
            write!(f, "\n{:<20} {:>5} {shape:<18}", score.player, score.rules.seed)?;
            write!(f, " {:>8} {:>8}", number(score.points), number(score.regret))?;
            write!(f, " {:>8.4} {:>8}", score.interval_score, if score.held { "yes" } else { "no" })?;
            write!(f, " {:>8.4} {:>8.4} {:>8.4}", high - low, score.error, score.loss)?;
        }
        self.failed.iter().try_for_each(|why| write!(f, "\n{why}"))
    }
}
