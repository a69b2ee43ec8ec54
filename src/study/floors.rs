//! A source whose answer is known: each family's fitted floor c beside the entropy of the corpus `composed`, which is computed.

use super::budgets::seen;
use super::records::points;
use super::{Axis, Families, RunRecord, Study};
use crate::data::SourceEntropy;
use crate::figures::{Figure, Line, Reference, human, lines};
use crate::fitting::{Fit, Interval, Law, Verdict};
use crate::models::Family;
use crate::{Error, Result};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::fmt;

/// The study whose committed records stand in where a corpus is real music, whose entropy nobody knows.
const KNOWN: &str = "composed";

/// One family's floor against the truth.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Floor {
    /// Whose floor it is.
    pub family: Family,
    /// Tokens that each of its runs saw: c of L(N) = a·N^-alpha + c. `None`: E of L(N, D) = E + A/N^alpha + B/D^beta over all budgets.
    pub n_tokens: Option<u64>,
    /// Nats per token.
    pub c: f64,
    /// 95 %, profile likelihood.
    pub interval: Option<Interval>,
    /// On c.
    pub verdict: Verdict,
    /// Lowest loss of these runs, nats per token.
    pub lowest: f64,
    /// (times the ladder's tokens, lowest loss) of the largest model trained for longer, where it was. Not in `results.json`: it may
    /// be trained after the floors were recorded.
    #[serde(skip)]
    pub longer: Option<(f64, f64)>,
}

/// Both floors, and the runs that they come from.
#[derive(Debug, Clone, PartialEq)]
pub struct Floors {
    /// The study that the runs belong to.
    pub study: String,
    /// What a perfect reader of whole tunes would pay.
    pub source: SourceEntropy,
    /// The runs.
    pub families: Families,
    /// Those of each family: at each budget, the smallest first, and over all where there are several.
    pub floors: Vec<Floor>,
    references: Vec<Reference>,
}

impl Floor {
    /// The floor of runs of one family that saw the same number of tokens.
    ///
    /// # Errors
    /// The runs allow no law.
    pub fn of(runs: &[RunRecord]) -> Result<Floor> {
        let n_tokens = runs.iter().map(|run| run.summary.n_tokens).max();
        Floor::new(runs, Law::Power.fit(&points(runs, Axis::Params))?, n_tokens)
    }

    /// The floor of runs of one family at several budgets.
    ///
    /// # Errors
    /// The runs allow no law.
    pub fn over_budgets(runs: &[RunRecord]) -> Result<Floor> {
        Floor::new(runs, Law::Plane.fit(&runs.iter().map(seen).collect::<Vec<_>>())?, None)
    }

    fn new(runs: &[RunRecord], law: Fit, n_tokens: Option<u64>) -> Result<Floor> {
        let floor = &law[if n_tokens.is_some() { "c" } else { "E" }];
        let family = runs.first().map(|run| run.config.model.family());
        Ok(Floor {
            family: family.ok_or_else(|| Error::Data("a floor needs runs".into()))?,
            n_tokens,
            c: floor.value,
            interval: floor.interval,
            verdict: floor.verdict.clone(),
            lowest: runs.iter().map(|run| run.summary.val_loss).fold(f64::INFINITY, f64::min),
            longer: None,
        })
    }

    /// All that the runs of a ladder at several budgets give.
    ///
    /// # Errors
    /// The runs allow no law.
    pub fn all(ladder: &[RunRecord], shorter: &[RunRecord]) -> Result<Vec<Floor>> {
        let budgets: BTreeSet<u64> = shorter.iter().map(|run| run.summary.n_tokens).collect();
        let at = |budget: u64| {
            Floor::of(&shorter.iter().filter(|run| run.summary.n_tokens == budget).cloned().collect::<Vec<_>>())
        };
        let mut floors = budgets.into_iter().map(at).collect::<Result<Vec<_>>>()?;
        floors.push(Floor::of(ladder)?);
        if !shorter.is_empty() {
            floors.push(Floor::over_budgets(&[ladder, shorter].concat())?);
        }
        Ok(floors)
    }
}

impl Study {
    /// Each family's floors beside the known entropy: of this study where its source is known, and recorded, else of the study
    /// `composed`, from its committed records where it was not run here. Trains the preset's `shorter` where they are missing.
    ///
    /// # Errors
    /// The runs allow no law, or the records cannot be read.
    pub fn floors(&self, families: &Families) -> Result<Floors> {
        let Some(source) = self.corpus()?.source_entropy() else {
            return Study::beside(KNOWN)?.or_committed().recorded_floors();
        };
        self.train_shorter()?;
        let found = self.floors_above(source, families.clone())?;
        self.record(|results| {
            results.source = Some(source);
            results.floors = found.floors.clone();
        })?;
        Ok(found)
    }

    /// The same from this study's records alone, nothing prepared or trained.
    fn recorded_floors(&self) -> Result<Floors> {
        let (results, runs) = (self.results()?, self.run_records()?);
        let named = |losses: &[(String, f64)]| -> Option<Vec<RunRecord>> {
            losses.iter().map(|(name, _)| runs.iter().find(|run| run.config.name == *name).cloned()).collect()
        };
        let families = named(&results.transformers).zip(named(&results.lstms));
        let Some((source, (transformers, lstms))) = results.source.zip(families) else {
            let (folder, name) = (self.results_folder(), self.name());
            let folder = folder.display();
            return Err(Error::Data(format!(
                "{folder} lacks the records of the study {name}: cargo run -- study --preset {name}"
            )));
        };
        self.floors_above(source, Families { transformers, lstms, music: None, seed: self.preset.seed })
    }

    fn floors_above(&self, source: SourceEntropy, families: Families) -> Result<Floors> {
        let runs = self.run_records()?;
        let shares: Vec<String> = self.preset.shorter.iter().map(|share| format!("-{share}x")).collect();
        let is_shorter = |run: &&RunRecord| shares.iter().any(|share| run.config.name.ends_with(share));
        let mut floors = Vec::new();
        for family in Family::ALL {
            let of_family = || runs.iter().filter(|run| run.config.model.family() == family);
            let shorter: Vec<RunRecord> = of_family().filter(is_shorter).cloned().collect();
            let mut found = Floor::all(families.of(family), &shorter)?;
            let longer = of_family().filter(|run| run.config.name.ends_with("-longer"));
            let longest = longer.min_by(|p, q| p.summary.best_val_loss.total_cmp(&q.summary.best_val_loss));
            let ladder = found.iter_mut().rfind(|floor| floor.n_tokens.is_some());
            if let Some((floor, run)) = ladder.zip(longest) {
                let times = run.summary.n_tokens as f64 / floor.n_tokens.unwrap_or(1) as f64;
                floor.longer = Some((times, run.summary.best_val_loss));
            }
            floors.extend(found);
        }
        let references = self.results()?.baselines.references();
        Ok(Floors { study: self.name().to_owned(), source, families, floors, references })
    }
}

impl Floors {
    /// Both ladders with their laws and floors above the entropy.
    ///
    /// # Errors
    /// The runs allow no law.
    pub fn figure(&self) -> Result<Figure> {
        let entropy = Reference::new("entropy", self.source.nats_per_char);
        let lines = std::iter::once(entropy).chain(self.references.clone()).collect();
        self.families.scaling_figure(Axis::Params, lines)
    }

    /// Each family's fitted c, and the lowest loss that it has seen, against the tokens of the runs.
    pub fn by_budget(&self) -> Figure {
        let of = |family: Family, value: fn(&Floor) -> f64| {
            let of_family = self.floors.iter().filter(move |floor| floor.family == family);
            of_family.filter_map(move |floor| Some((floor.n_tokens? as f64, value(floor)))).collect::<Vec<_>>()
        };
        let of_family = |family: Family| {
            let line = |name: &str, points| Line::new(format!("{family}, {name}"), points).with_dots().family(family);
            [line("fitted c", of(family, |floor| floor.c)), line("best", of(family, |floor| floor.lowest)).dashed()]
        };
        let entropy = Reference::new("entropy", self.source.nats_per_char);
        lines(Family::ALL.map(of_family).concat(), "Tokens seen", "Loss (nats per token)", [entropy]).log_x()
    }

    /// The floor that came closest of those that are identified, even weakly, and how many times the entropy it is.
    pub fn closest(&self) -> Option<(&Floor, f64)> {
        let known = self.source.nats_per_char;
        let identified = self.floors.iter().filter(|floor| !matches!(floor.verdict, Verdict::NotIdentified(_)));
        let closest = identified.min_by(|p, q| (p.c - known).abs().total_cmp(&(q.c - known).abs()));
        closest.map(|floor| (floor, floor.c / known))
    }
}

impl fmt::Display for Floors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let SourceEntropy { entropy, chars_per_tune, nats_per_char, .. } = self.source;
        write!(
            f,
            "Study {}: a tune has {:.2} bits, computed, in {chars_per_tune:.0} characters: {nats_per_char:.4} nats per token.",
            self.study, entropy.bits
        )?;
        self.floors.iter().try_for_each(|floor| write!(f, "\n{}", floor.beside(nats_per_char)))?;
        let block_size = self.families.all().map(|run| run.config.block_size).max().unwrap_or(0);
        let below = self.floors.iter().any(|floor| floor.longer.is_some_and(|(_, loss)| loss < floor.c));
        let seen = if below { ", and more tokens took the same model below it" } else { "" };
        write!(f, "\nWhy not closer: c is what no size removes at one budget of tokens{seen}. ")?;
        match chars_per_tune > block_size as f64 {
            true => write!(
                f,
                "A model that reads windows of {block_size} characters cannot know what a tune of {chars_per_tune:.0} said before its window."
            ),
            false => {
                write!(
                    f,
                    "Windows of {block_size} characters hold whole tunes of {chars_per_tune:.0}: what is missing was not learned."
                )
            }
        }
    }
}

impl Floor {
    /// `Transformer at 2M tokens`
    pub fn whose(&self) -> String {
        let budget = self.n_tokens.map_or("over all budgets".into(), |n| format!("at {} tokens", human(n as f64)));
        format!("{} {budget}", self.family)
    }

    /// One sentence about this floor and a known entropy, nats per token.
    fn beside(&self, known: f64) -> String {
        let Floor { n_tokens, c, interval, verdict, lowest, longer, .. } = self;
        let (whose, name) = (self.whose(), if n_tokens.is_some() { "c" } else { "E" });
        let held = match interval {
            Some(interval) if interval.contains(known) => format!("its 95 % interval, {interval}, holds the entropy"),
            Some(interval) => format!("its 95 % interval, {interval}, does NOT hold the entropy"),
            None => "it has no interval".into(),
        };
        let longer = longer.map_or(String::new(), |(times, loss)| {
            let side = if loss < *c { ", BELOW the fitted c" } else { "" };
            format!("; with {times:.0} times the tokens {loss:.4}{side}")
        });
        let impossible = if *c < known { ", BELOW it, which no floor can be" } else { "" };
        format!(
            "{whose}: fitted {name} {c:.4}, {:.2} times the entropy{impossible} ({}); {held}. The best of these models is at {lowest:.4}{longer}.",
            c / known,
            verdict.in_brief()
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_floor_is_set_beside_the_entropy_in_words() {
        let floor = Floor {
            family: Family::Lstm,
            n_tokens: Some(2_000_000),
            c: 0.15,
            interval: Some(Interval { low: 0.1, high: 0.17, level: 0.95 }),
            verdict: Verdict::WeaklyIdentified("its 95 % interval is wide".into()),
            lowest: 0.18,
            longer: Some((5.0, 0.12)),
        };
        assert_eq!(
            floor.beside(0.05),
            "LSTM at 2M tokens: fitted c 0.1500, 3.00 times the entropy (weakly identified); its 95 % interval, 0.1 to 0.17, does NOT hold \
             the entropy. The best of these models is at 0.1800; with 5 times the tokens 0.1200, BELOW the fitted c."
        );
        assert!(floor.beside(0.12).contains("0.1 to 0.17, holds the entropy"));
        assert!(
            floor.beside(0.16).contains("0.94 times the entropy, BELOW it, which no floor can be (weakly identified)")
        );
    }

    #[test]
    fn the_committed_study_of_a_known_source_can_be_read_by_every_other() {
        let floors = Study::beside(KNOWN).unwrap().or_committed().recorded_floors().unwrap();
        println!("{floors}");
        assert_eq!(floors.source, SourceEntropy::new(floors.source.entropy, floors.source.chars_per_tune));
        assert!(floors.floors.iter().all(|floor| floor.lowest > floors.source.nats_per_char));
        assert!(floors.figure().unwrap().svg().unwrap().contains("entropy"));
        assert!(floors.by_budget().svg().unwrap().contains("Transformer, best"));
        let all_budgets = Floor { n_tokens: None, ..floors.floors[0].clone() };
        assert_eq!(all_budgets.whose(), "Transformer over all budgets");
        let (closest, times) = floors.closest().unwrap();
        assert!(!matches!(closest.verdict, Verdict::NotIdentified(_)) && times > 1.0);
        let mut one_budget = floors.clone();
        one_budget.floors.retain(|floor| floor.n_tokens > Some(2_000_000));
        assert!(one_budget.floors.len() == 2 && one_budget.by_budget().svg().unwrap().contains("entropy"));
    }
}
