//! The melodies of the training tunes, so that whatever else is played can be looked up in them, free of key and tempo.
//!
//! A melody is a voice's onsets with the highest pitch of each, as on the page; drums have none. A run of notes stands in the
//! training tunes if somewhere in one voice consecutive notes have the same steps in semitones and proportional times between
//! the onsets. Times are proportional where each stands in the same ratio to the one before, so a melody is written as
//!
//! ```text
//! x_k = (p_{k+1} - p_k, t_k : t_{k-1}),   t_k = o_{k+1} - o_k
//! ```
//!
//! and a run from note k on is the step of x_k followed by x_{k+1}, x_{k+2}, …. All places of all training tunes lie in the
//! alphabetical order of what follows them (a suffix array; Manber and Myers 1993), in which the longest run is found by halving.

use crate::data::TokenData;
use crate::data::fingerprint::greatest_common_divisor;
use crate::data::melody::{LineNote, lines, moves};
use crate::music::{Score, abc};
use rayon::prelude::*;
use std::cmp::Ordering;
use std::collections::HashMap;

/// What ends a melody; every x has a larger number.
const END: u32 = 0;
/// An x that no training tune has.
const UNKNOWN: u32 = u32::MAX;

/// A step in semitones, and the ratio of its time to the time before (0 : 0 for a melody's first).
type Move = (i16, u32, u32);

/// The melodies of some tunes, ready to be searched: about 20 bytes a note. Build it once; it is never changed, so an `Arc` or a
/// reference serves all who look something up.
#[derive(Debug, Clone, Default)]
pub struct Melodies {
    /// Of every x, melody after melody, each with an [`END`].
    symbols: Vec<u32>,
    /// The steps alone.
    steps: Vec<i16>,
    /// Every place but the ends, in the order of the step there and the symbols behind it.
    order: Vec<u32>,
    /// (first place, tune) of each melody.
    starts: Vec<(u32, u32)>,
    symbol_of: HashMap<Move, u32>,
    n_tunes: usize,
}

/// The longest run of notes from some note on that stands in the training tunes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct CopiedRun {
    /// Its notes; 0 where not even the step to the next note occurs.
    pub n_notes: usize,
    /// A training tune that has it, counted from 0.
    pub tune: usize,
}

impl Melodies {
    /// Of these tunes.
    pub fn of(tunes: &[Score]) -> Melodies {
        let lines_of = |tune: &Score| lines(&tune.page()).collect::<Vec<_>>();
        Melodies::of_lines(tunes.par_iter().map(lines_of).collect())
    }

    /// Of the training split: its tunes stand between blank lines; what cannot be read as music has no melody.
    pub fn of_train(data: &TokenData) -> Melodies {
        let text = data.tokenizer.decode(&data.train);
        let tunes: Vec<&str> = text.split("\n\n").filter(|tune| !tune.trim().is_empty()).collect();
        let lines_of = |tune: &&str| match abc::parse_lenient(tune) {
            Ok((score, _)) => lines(&score.page()).collect::<Vec<_>>(),
            Err(_) => Vec::new(),
        };
        Melodies::of_lines(tunes.par_iter().map(lines_of).collect())
    }

    fn of_lines(tunes: Vec<Vec<Vec<LineNote>>>) -> Melodies {
        let mut all = Melodies { n_tunes: tunes.len(), ..Melodies::default() };
        let mut longest = 0;
        for (tune, line) in
            tunes.iter().enumerate().flat_map(|(tune, lines)| lines.iter().map(move |line| (tune, line)))
        {
            all.starts.push((all.symbols.len() as u32, tune as u32));
            for x in with_ratios(line) {
                let next = all.symbol_of.len() as u32 + END + 1;
                all.symbols.push(*all.symbol_of.entry(x).or_insert(next));
                all.steps.push(x.0);
            }
            all.symbols.push(END);
            all.steps.push(0);
            longest = longest.max(line.len());
        }
        let ranks = suffix_ranks(&all.symbols, longest);
        let mut keyed: Vec<(i16, u32, u32)> = (0_u32..)
            .zip(all.symbols.iter().zip(&all.steps).zip(ranks.iter().skip(1)))
            .filter(|(_, ((symbol, _), _))| **symbol != END)
            .map(|(place, ((_, step), rank_behind))| (*step, *rank_behind, place))
            .collect();
        keyed.par_sort_unstable();
        all.order = keyed.into_iter().map(|(_, _, place)| place).collect();
        all
    }

    /// How many tunes were read.
    pub fn n_tunes(&self) -> usize {
        self.n_tunes
    }

    /// The longest run from each note of a melody on that stands in the tunes.
    pub(super) fn copied_runs(&self, line: &[LineNote]) -> Vec<CopiedRun> {
        let xs: Vec<Move> = with_ratios(line).collect();
        let symbols: Vec<u32> = xs.iter().map(|x| self.symbol_of.get(x).copied().unwrap_or(UNKNOWN)).collect();
        let steps = xs.iter().map(|(step, ..)| *step);
        let mut runs: Vec<CopiedRun> =
            steps.enumerate().map(|(i, step)| self.longest(step, symbols.get(i + 1..).unwrap_or_default())).collect();
        runs.resize(line.len(), CopiedRun::default()); // the last note begins no step
        runs
    }

    /// The longest run that begins with this step and goes on with these symbols.
    fn longest(&self, step: i16, behind: &[u32]) -> CopiedRun {
        let compared = |place: &u32| self.step(*place).cmp(&step).then_with(|| self.behind(*place).cmp(behind));
        let at = self.order.partition_point(|place| compared(place) == Ordering::Less);
        let neighbours = [at.checked_sub(1), Some(at)].into_iter().flatten().filter_map(|at| self.order.get(at));
        let run = |place: &u32| {
            let same = self.behind(*place).iter().zip(behind).take_while(|(a, b)| a == b);
            (self.step(*place) == step).then(|| (same.count() + 2, *place))
        };
        let longest = neighbours.filter_map(run).max_by_key(|(n_notes, _)| *n_notes);
        longest.map_or(CopiedRun::default(), |(n_notes, place)| CopiedRun { n_notes, tune: self.tune_of(place) })
    }

    fn step(&self, place: u32) -> i16 {
        self.steps.get(place as usize).copied().unwrap_or_default()
    }

    fn behind(&self, place: u32) -> &[u32] {
        self.symbols.get(place as usize + 1..).unwrap_or_default()
    }

    fn tune_of(&self, place: u32) -> usize {
        let line = self.starts.partition_point(|(start, _)| *start <= place).saturating_sub(1);
        self.starts.get(line).map_or(0, |(_, tune)| *tune as usize)
    }
}

impl std::fmt::Display for Melodies {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} tunes, {} melodies, {} steps", self.n_tunes, self.starts.len(), self.order.len())
    }
}

/// x_0, x_1, … of a melody.
fn with_ratios(line: &[LineNote]) -> impl Iterator<Item = Move> {
    let mut before = None;
    moves(line).map(move |(step, time)| {
        let unit = before.map_or(0, |before| greatest_common_divisor(time, before)).max(1);
        let ratio = before.map_or((0, 0), |before| (time / unit, before / unit));
        before = Some(time);
        (step, ratio.0, ratio.1)
    })
}

/// Place of each suffix in the alphabetical order of all, those equal in their first `n_symbols` perhaps alike. Known for h
/// symbols, it is known for 2h: by the rank of a suffix, then by that of the suffix h behind.
fn suffix_ranks(symbols: &[u32], n_symbols: usize) -> Vec<u32> {
    let (mut ranks, mut h) = (symbols.to_vec(), 1);
    while h < n_symbols.max(1) {
        let behind = ranks.iter().skip(h).map(|rank| rank + 1).chain(std::iter::repeat(0));
        let key = |(rank, behind): (&u32, u32)| (u64::from(*rank) << 32) | u64::from(behind);
        let mut keyed: Vec<(u64, u32)> = ranks.iter().zip(behind).map(key).zip(0..).collect();
        keyed.par_sort_unstable();
        let (mut rank, mut before) = (0, None);
        for (key, place) in keyed {
            rank += u32::from(before.is_some_and(|before| before != key));
            before = Some(key);
            if let Some(of_place) = ranks.get_mut(place as usize) {
                *of_place = rank;
            }
        }
        h *= 2;
    }
    ranks
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::{Rng, SeedableRng};

    /// Random melodies of few pitches and lengths, so that much comes back.
    fn random_line(rng: &mut rand_pcg::Pcg64, n_notes: usize) -> Vec<LineNote> {
        let mut onset = 0;
        let mut note = |rng: &mut rand_pcg::Pcg64| {
            onset += 240 * rng.random_range(1..3);
            (onset, rng.random_range(60..63))
        };
        (0..n_notes).map(|_| note(rng)).collect()
    }

    /// The same by trying every run against every place: steps equal, times proportional.
    fn by_trying(line: &[LineNote], train: &[Vec<LineNote>]) -> Vec<usize> {
        let same = |a: &[LineNote], b: &[LineNote]| {
            let ratio = |a: u32, b: u32| f64::from(a) / f64::from(b);
            let pairs: Vec<_> = moves(a).zip(moves(b)).collect();
            let of_first = pairs.first().map(|((_, a), (_, b))| ratio(*a, *b));
            pairs.iter().all(|((step, a), (other, b))| step == other && Some(ratio(*a, *b)) == of_first)
        };
        let occurs = |run: &[LineNote]| train.iter().any(|line| line.windows(run.len()).any(|other| same(run, other)));
        let longest = |start: usize| (2..=line.len() - start).rev().find(|n| occurs(&line[start..start + n]));
        (0..line.len()).map(|start| longest(start).unwrap_or(0)).collect()
    }

    #[test]
    fn longest_runs_are_those_found_by_trying_every_run() {
        let mut rng = rand_pcg::Pcg64::seed_from_u64(5);
        for n_tunes in [0, 1, 2, 12] {
            for _ in 0..20 {
                let train: Vec<Vec<LineNote>> = (0..n_tunes).map(|n| random_line(&mut rng, 4 * n)).collect();
                let line = random_line(&mut rng, 25);
                let melodies = Melodies::of_lines(train.iter().map(|line| vec![line.clone()]).collect());
                let found: Vec<usize> = melodies.copied_runs(&line).iter().map(|run| run.n_notes).collect();
                assert_eq!(found, by_trying(&line, &train));
            }
        }
    }

    #[test]
    fn a_run_names_a_tune_that_has_it() {
        let mut rng = rand_pcg::Pcg64::seed_from_u64(6);
        let train: Vec<Vec<LineNote>> = (0..9).map(|_| random_line(&mut rng, 40)).collect();
        let melodies = Melodies::of_lines(train.iter().map(|line| vec![line.clone()]).collect());
        for (tune, line) in train.iter().enumerate() {
            assert_eq!(melodies.copied_runs(line)[0], CopiedRun { n_notes: 40, tune });
        }
    }
}
