//! How much of a corpus the grammar of guided sampling accepts, character by character, and where it refuses the rest.

use music_scaling::Result;
use music_scaling::data::archives;
use music_scaling::generation::Grammar;
use music_scaling::music::abc;
use std::collections::BTreeMap;
use std::fmt;
use std::ops::ControlFlow;
use std::path::PathBuf;

/// Refusals that are shown, the commonest first.
const N_SHOWN: usize = 15;

#[derive(Debug, clap::Args)]
pub struct Options {
    /// Files, folders or archives of .abc files
    #[arg(required = true)]
    paths: Vec<PathBuf>,
}

/// What was counted. Only tunes that have a canonical form, one voice and bars that add up are asked about.
#[derive(Debug, Default)]
pub struct Accepted {
    n_tunes: usize,
    n_asked: usize,
    n_accepted: usize,
    /// The refused character with those before it in its line, how often, and one example.
    refused: BTreeMap<String, (usize, String)>,
}

/// Reads all tunes of the paths.
pub fn measure(options: &Options) -> Result<Accepted> {
    let mut accepted = Accepted::default();
    for path in &options.paths {
        archives::visit(path, &archives::is_abc_name, &mut |file| {
            let book = file.map(|file| abc::split_tunebook(&abc::decode(&file.bytes))).unwrap_or_default();
            book.iter().filter_map(|tune| abc::canonical(&tune.text).ok()).for_each(|text| accepted.count(&text));
            ControlFlow::Continue(())
        })?;
    }
    Ok(accepted)
}

impl Accepted {
    fn count(&mut self, text: &str) {
        self.n_tunes += 1;
        if text.contains("\nV:") || !abc::bar_errors(text).is_ok_and(|errors| errors.is_empty()) {
            return;
        }
        self.n_asked += 1;
        let mut grammar = Grammar::default();
        for (index, c) in text.char_indices() {
            let Some(next) = grammar.after(c) else {
                let line = text[..index].rsplit('\n').next().unwrap_or_default();
                let before: Vec<char> = line.chars().rev().take(2).collect();
                let place = before.into_iter().rev().chain([c]).collect::<String>();
                self.refused.entry(place).or_insert_with(|| (0, format!("{line}{c}"))).0 += 1;
                return;
            };
            grammar = next;
        }
        self.n_accepted += usize::from(grammar.has_ended());
    }
}

impl fmt::Display for Accepted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Accepted { n_tunes, n_asked, n_accepted, .. } = self;
        let share = |n: usize, of: usize| 100.0 * n as f64 / of.max(1) as f64;
        writeln!(f, "{n_tunes} tunes in canonical form; {n_asked} of them have one voice and bars that add up")?;
        write!(f, "the grammar accepts {n_accepted}: {:.1} % of these", share(*n_accepted, *n_asked))?;
        writeln!(f, ", {:.1} % of all", share(*n_accepted, *n_tunes))?;
        let mut refused: Vec<_> = self.refused.iter().collect();
        refused.sort_by_key(|(_, (n, _))| std::cmp::Reverse(*n));
        for (place, (n, example)) in refused.into_iter().take(N_SHOWN) {
            writeln!(f, "{n:>6} refused at the end of {place:?}, such as {example:?}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tunes_are_counted_by_what_becomes_of_them() {
        let mut accepted = Accepted::default();
        let header = "X:1\nM:2/4\nL:1/8\nK:C\n";
        for body in ["CDEF|G4|]", "CDEF|G4|]", "CDE|F|G|]", "P:A\nCDEF|", "V:1\n[V:1]C4|"] {
            accepted.count(&format!("{header}{body}\n\n"));
        }
        assert_eq!((accepted.n_tunes, accepted.n_asked, accepted.n_accepted), (5, 3, 2));
        assert_eq!(accepted.refused.iter().next().unwrap(), (&"P".to_string(), &(1, "P".to_string())));
    }
}
