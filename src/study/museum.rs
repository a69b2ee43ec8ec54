//! A museum: every published table of music scaling that could be found, each under the one law that ours stand under.
//!
//! `data/museum.csv` has a row a model; repositories are named as they name themselves. A table that counts its parameters without the
//! token and position tables too is fitted in both ways.

use super::records::read_records;
use super::{Axis, Families, RunRecord, Study};
use crate::figures::{self, Figure, NamedValue};
use crate::fitting::{ALPHA_RANGE, Fit, Interval, Law, Point, Verdict};
use crate::models::Family;
use crate::{Error, Result};
use polars::prelude::{DataFrame, df};
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::path::Path;

/// One family of one table, with our fit of it.
#[derive(Debug, Clone, Serialize)]
pub struct Exhibit {
    /// Repository and family, and how N was counted where there are two ways.
    pub name: String,
    /// Which it is.
    pub family: Family,
    /// What was published about this family, as it was written; empty where nothing was.
    pub claim: String,
    /// What the losses count: `characters, V 98; 120M seen`.
    pub tokens: String,
    /// L(N) = a·N^-alpha + c.
    #[serde(flatten)]
    pub fit: Fit,
}

/// A row of the file.
#[derive(Debug, Clone, PartialEq, Deserialize)]
struct Row {
    repository: String,
    family: Family,
    n_params: f64,
    n_params_non_embedding: Option<f64>,
    val_loss: f64,
    tokens_are: String,
    n_tokens: String,
    published_claim: String,
}

impl Study {
    /// Our two families, then those of `data/museum.csv`; recorded.
    ///
    /// # Errors
    /// As [`Families::museum`], or `results.json` cannot be written.
    pub fn museum(&self, families: &Families) -> Result<Vec<Exhibit>> {
        let all = families.museum(&self.root)?;
        self.record(|results| results.exponents = json!(all))?;
        Ok(all)
    }
}

impl Families {
    /// Our two families, the same of project B's shapes on Lakh from the committed records of the study `course`, then those of the
    /// project's `data/museum.csv`.
    ///
    /// # Errors
    /// The runs allow no law, or a file cannot be read or has a table that allows none.
    pub fn museum(&self, root: &Path) -> Result<Vec<Exhibit>> {
        let records = read_records(&root.join("data/results/course/runs.jsonl"))?;
        let [transformers, lstms] = Family::ALL.map(|family| {
            records.iter().filter(|run| run.config.model.family() == family).cloned().collect::<Vec<RunRecord>>()
        });
        let course = Families { transformers, lstms, music: None, seed: self.seed };
        let mut all = Vec::new();
        for (name, families) in [("ours", self), ("ours on Lakh", &course)] {
            for family in Family::ALL {
                let fit = Law::Power.fit(&families.points(family, Axis::Params))?;
                let n_tokens = families.of(family).iter().map(|run| run.summary.n_tokens).max().unwrap_or(0);
                let tokens = format!("characters; {} seen", figures::human(n_tokens as f64));
                all.push(Exhibit { name: format!("{name}, {family}"), family, claim: String::new(), tokens, fit });
            }
        }
        all.extend(exhibits(&root.join("data/museum.csv"))?);
        Ok(all)
    }
}

/// A way to count the parameters of a row; `None` where the table does not say.
type Count = fn(&Row) -> Option<f64>;

/// Every family of a file such as `data/museum.csv`, in its order.
///
/// # Errors
/// The file cannot be read, has a value that is none, or a table that allows no law.
fn exhibits(path: &Path) -> Result<Vec<Exhibit>> {
    let broken = |error| Error::Data(format!("{} is not a table of published losses: {error}", path.display()));
    let rows = csv::Reader::from_path(path).and_then(|mut reader| reader.deserialize().collect());
    let rows: Vec<Row> = rows.map_err(broken)?;
    let mut all = Vec::new();
    for rows in rows.chunk_by(|p, q| (&p.repository, p.family) == (&q.repository, q.family)) {
        let countings: [(&str, Count); 2] =
            [("", |row| Some(row.n_params)), (", without tables", |row| row.n_params_non_embedding)];
        for (counting, size) in countings {
            let point = |row: &Row| Some(Point::new(size(row)?, row.val_loss));
            let Some(points) = rows.iter().map(point).collect::<Option<Vec<Point>>>() else { continue };
            let Row { repository, family, tokens_are, n_tokens, published_claim, .. } = &rows[0];
            let name = format!("{repository}, {family}{counting}");
            let fit = Law::Power.fit(&points).map_err(|error| broken_table(path, &name, error))?;
            let (family, claim) = (*family, claim_about(*family, published_claim));
            all.push(Exhibit { name, family, claim, tokens: format!("{tokens_are}; {n_tokens} seen"), fit });
        }
    }
    Ok(all)
}

fn broken_table(path: &Path, name: &str, error: crate::fitting::Error) -> Error {
    Error::Data(format!("the table of {name} in {} allows no law: {error}", path.display()))
}

/// A claim such as `alpha=.2 (T); log law (L)` speaks of Transformers and of LSTMs.
fn claim_about(family: Family, claim: &str) -> String {
    let mark = if family == Family::Lstm { "(L)" } else { "(T)" };
    let part = claim.split(';').find_map(|part| part.trim().strip_suffix(mark));
    part.unwrap_or(claim).trim().to_owned()
}

impl Exhibit {
    /// 95 % of alpha; None where the loss does not fall.
    pub fn interval(&self) -> Option<Interval> {
        self.fit["alpha"].interval
    }

    /// Whether the table identifies its exponent, even weakly.
    pub fn is_identified(&self) -> bool {
        !matches!(self.fit.verdict(), Verdict::NotIdentified(_))
    }
}

/// One row an exhibit: what was claimed, what we find, for `show::table`.
///
/// # Errors
/// The table cannot be put together.
pub fn museum_table(exhibits: &[Exhibit]) -> Result<DataFrame> {
    let text = |of: &dyn Fn(&Exhibit) -> String| exhibits.iter().map(of).collect::<Vec<String>>();
    let end = |of: fn(Interval) -> f64| exhibits.iter().map(|it| it.interval().map(of)).collect::<Vec<Option<f64>>>();
    Ok(df!(
        "table" => text(&|it| it.name.clone()),
        "tokens" => text(&|it| it.tokens.clone()),
        "sizes" => exhibits.iter().map(|it| it.fit.n_points as u64).collect::<Vec<u64>>(),
        "claim" => text(&|it| it.claim.replace(',', ", ")),
        "alpha" => exhibits.iter().map(|it| it.fit["alpha"].value).collect::<Vec<f64>>(),
        "low" => end(|interval| interval.low),
        "high" => end(|interval| interval.high),
        "alpha_is" => text(&|it| it.fit.verdict().in_brief().to_owned())
    )?)
}

/// The exponents with their intervals, in the family's colour where they are identified, even weakly, and grey where they are not; an exponent of
/// a loss that does not fall stands at the left end, without an interval.
pub fn museum_figure(exhibits: &[Exhibit]) -> Figure {
    let bar = |it: &Exhibit| {
        let alpha = it.fit["alpha"].value;
        let bar = NamedValue::new(it.name.as_str(), alpha.max(ALPHA_RANGE.0)).family(it.family);
        let bar = if it.is_identified() { bar } else { bar.grey() };
        match it.interval() {
            Some(found) => bar.note(format!("{alpha:.3}")).interval(found.low, found.high),
            None => bar.note("does not fall"),
        }
    };
    let bars: Vec<NamedValue> = exhibits.iter().map(bar).collect();
    figures::bars(bars, "Exponent alpha with its 95 % interval (grey: not identified; searched: 0.001 to 5)").log_x()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fitting::published_fits;

    fn museum() -> Vec<Exhibit> {
        exhibits(&Path::new(env!("CARGO_MANIFEST_DIR")).join("data/museum.csv")).unwrap()
    }

    fn named(name: &str) -> Exhibit {
        museum().into_iter().find(|it| it.name == name).unwrap()
    }

    #[test]
    fn the_file_agrees_with_the_tables_that_the_fitter_was_tested_on() {
        let names = ["thisisadi, Transformer", "thisisadi, LSTM", "megacodes24, Transformer", "megacodes24, LSTM"];
        for (name, published) in names.into_iter().zip(published_fits()) {
            let again = Law::Power.fit(&published.points).unwrap();
            assert_eq!(json!(named(name).fit), json!(again), "{name} and {}", published.name);
        }
        assert_eq!(named("megacodes24, LSTM").claim, "alpha=.7904 c=1.5479");
        assert_eq!(named("prabhjeet2570, LSTM").claim, "alpha=.8813");
    }

    #[test]
    fn thirteen_families_two_of_them_counted_twice() {
        let all = museum();
        let twice = all.iter().filter(|it| it.name.ends_with("without tables")).count();
        assert_eq!((all.len() - twice, twice), (13, 2));
        assert!(named("meghapatil, LSTM").interval().is_none(), "its loss rises with N");
        let drawn = museum_figure(&all).title("t").csv().unwrap();
        assert_eq!(drawn.lines().count(), 1 + all.len());
    }

    #[test]
    fn tables_of_a_large_vocabulary_make_an_exponent() {
        for (name, alpha, low, high) in [
            ("prabhjeet2570, Transformer", 0.8717, 0.7582, 0.9954),
            ("prabhjeet2570, Transformer, without tables", 0.3643, 0.2397, 0.5088),
        ] {
            let (it, near) = (named(name), |x: f64, y: f64| (x - y).abs() < 1e-4);
            let found = it.interval().unwrap();
            assert!(near(it.fit["alpha"].value, alpha) && near(found.low, low) && near(found.high, high), "{}", it.fit);
            assert!(matches!(it.fit.verdict(), Verdict::WeaklyIdentified(_)), "two points to spare: {}", it.fit);
        }
    }
}
