//! Tables and figures of what was judged.

use super::Judged;
use crate::Result;
use crate::figures::{Figure, Line, Reference, human, lines};
use crate::generation::{Comparison, Distribution, Rate, Rung};
use crate::models::Family;
use polars::prelude::{DataFrame, df};

impl Judged {
    /// The same without its features one by one, as it is recorded: of these only the distance of all together is kept.
    pub fn brief(&self) -> Judged {
        let features = Comparison { scalars: Vec::new(), matrices: Vec::new(), ..self.features.clone() };
        Judged { features, ..self.clone() }
    }

    /// Such as `Transformer, 993K`, or `people`.
    pub fn label(&self) -> String {
        match self.family.zip(self.n_params) {
            Some((family, n_params)) => format!("{family}, {}", human(n_params as f64)),
            None => self.writer.clone(),
        }
    }

    /// One row a writer: the share (%) of its tunes that passes each rung, in the end that of bars that do not add up.
    ///
    /// # Errors
    /// The table cannot be put together.
    pub fn table<'a>(all: impl IntoIterator<Item = &'a Judged>) -> Result<DataFrame> {
        let all: Vec<&Judged> = all.into_iter().collect();
        let percent = |rate: Rate| (1000.0 * rate.rate).round() / 10.0;
        let rung = |rung| all.iter().map(|one| percent(one.rates.of_rung(rung))).collect::<Vec<f64>>();
        Ok(df!(
            "writer" => all.iter().map(|one| one.label()).collect::<Vec<_>>(),
            "start" => all.iter().map(|one| one.start.map_or("-".into(), |start| start.to_string())).collect::<Vec<_>>(),
            "val_loss" => all.iter().map(|one| one.val_loss).collect::<Vec<_>>(),
            "n" => all.iter().map(|one| one.rates.passes_all.n as u64).collect::<Vec<_>>(),
            "headers" => rung(Rung::HasHeaders),
            "parses" => rung(Rung::ParsesStrictly),
            "bars_fit" => rung(Rung::BarsFit),
            "is_music" => rung(Rung::IsMusic),
            "repeats" => rung(Rung::RepeatsBalance),
            "ends" => rung(Rung::EndsByItself),
            "all" => all.iter().map(|one| percent(one.rates.passes_all)).collect::<Vec<_>>(),
            "all_repaired" => all.iter().map(|one| percent(one.repaired.passes_all)).collect::<Vec<_>>(),
            "wrong_bars" => all.iter().map(|one| percent(one.rates.bar_alignment_error)).collect::<Vec<_>>(),
        )?)
    }

    /// A share of the tunes over the validation loss of their writers, one line a family, with intervals; people's interval is a band.
    pub fn quality_figure(all: &[Judged], people: &Judged, label: &str, quality: fn(&Judged) -> Rate) -> Figure {
        let percent = |rate: Rate| (100.0 * rate.rate, 100.0 * rate.low, 100.0 * rate.high);
        beside_people(all, people, label, |one| percent(quality(one))).y_range(0.0, 100.0)
    }

    /// The Fréchet distance of all features from people's tunes, at equal n, over the validation loss; the zero line is that between two
    /// halves of people's.
    pub fn distance_figure(all: &[Judged]) -> Figure {
        let distance = |one: &Judged| {
            let frechet = one.features.frechet.as_ref()?;
            Some((one.val_loss?, frechet.distance.ours.sqrt()))
        };
        let zero = Judged::distance_ends(all).1;
        let label = "Fréchet distance from people's tunes (standard deviations)";
        let reference = vec![Reference::new("people's halves", zero)];
        let curves = Family::ALL.map(|family| by_loss(all, family, distance));
        lines(curves, LOSS, label, reference).y_range(0.0, Judged::largest(all, distance) * 1.05)
    }

    /// The smallest distance of the figure above, and the zero line at the same number of tunes.
    pub fn distance_ends(all: &[Judged]) -> (f64, f64) {
        let measured = all.iter().filter_map(|one| Some(one.features.frechet.as_ref()?.distance));
        let nearest = measured.min_by(|a, b| a.ours.total_cmp(&b.ours));
        nearest.map_or((0.0, 0.0), |nearest| (nearest.ours.sqrt(), nearest.zero.sqrt()))
    }

    /// The mean share of a tune's phrases that stand in training tunes, over the validation loss, with its interval; people's is a band.
    pub fn copies_figure(all: &[Judged], people: &Judged) -> Figure {
        let mean = |copied: &Distribution| {
            (100.0 * copied.mean, 100.0 * copied.mean_interval.0, 100.0 * copied.mean_interval.1)
        };
        beside_people(all, people, "Phrases that stand in training tunes (%)", |one| mean(&one.copying.copied_phrases))
    }

    /// One row a way of drawing: the share (%) that passes the rungs and ends, the distance from people's tunes, what is copied.
    ///
    /// # Errors
    /// The table cannot be put together.
    pub fn drawings_table(all: &[Judged]) -> Result<DataFrame> {
        let column =
            |of: &dyn Fn(&Judged) -> f64| all.iter().map(|one| (10.0 * of(one)).round() / 10.0).collect::<Vec<f64>>();
        let rung = |rung: Rung| column(&|one| 100.0 * one.rates.of_rung(rung).rate);
        let distance = |one: &Judged| -> Option<f64> {
            Some((100.0 * one.features.frechet.as_ref()?.distance.ours.sqrt()).round() / 100.0)
        };
        Ok(df!(
            "drawing" => all.iter().map(|one| one.drawing.as_ref().map(ToString::to_string).unwrap_or_default()).collect::<Vec<_>>(),
            "start" => all.iter().map(|one| one.start.map_or("-".into(), |start| start.to_string())).collect::<Vec<_>>(),
            "parses" => rung(Rung::ParsesStrictly),
            "bars_fit" => rung(Rung::BarsFit),
            "is_music" => rung(Rung::IsMusic),
            "repeats" => rung(Rung::RepeatsBalance),
            "ends" => rung(Rung::EndsByItself),
            "all" => column(&|one| 100.0 * one.rates.passes_all.rate),
            "distance" => all.iter().map(distance).collect::<Vec<_>>(),
            "copied_phrases" => column(&|one| 100.0 * one.copying.copied_phrases.mean),
        )?)
    }

    fn largest(all: &[Judged], of: impl Fn(&Judged) -> Option<(f64, f64)>) -> f64 {
        all.iter().filter_map(of).map(|(_, y)| y).fold(0.0, f64::max)
    }
}

const LOSS: &str = "Validation loss (nats per token)";

/// One family's points in the order of their losses.
fn by_loss(all: &[Judged], family: Family, of: impl Fn(&Judged) -> Option<(f64, f64)>) -> Line {
    let mut points: Vec<(f64, f64)> = all.iter().filter(|one| one.family == Some(family)).filter_map(of).collect();
    points.sort_by(|a, b| a.0.total_cmp(&b.0));
    Line::new(family.to_string(), points).with_dots().family(family)
}

/// (value, low, high) of every model over its validation loss, and people's as a band.
fn beside_people(all: &[Judged], people: &Judged, label: &str, of: impl Fn(&Judged) -> (f64, f64, f64)) -> Figure {
    let losses: Vec<f64> = all.iter().filter_map(|one| one.val_loss).collect();
    let ends = [losses.iter().copied().fold(f64::MAX, f64::min), losses.iter().copied().fold(0.0, f64::max)];
    let line = |family: Family| {
        let mut of_family: Vec<&Judged> = all.iter().filter(|one| one.family == Some(family)).collect();
        of_family.sort_by(|a, b| a.val_loss.unwrap_or_default().total_cmp(&b.val_loss.unwrap_or_default()));
        let band = of_family.iter().filter_map(|one| Some((one.val_loss?, of(one).1, of(one).2))).collect();
        by_loss(all, family, |one| Some((one.val_loss?, of(one).0))).band(band)
    };
    let (middle, low, high) = of(people);
    let ceiling = Line::new("people", ends.map(|loss| (loss, middle))).grey();
    let mut curves = Family::ALL.map(line).to_vec();
    curves.push(ceiling.band(ends.map(|loss| (loss, low, high)).to_vec()));
    lines(curves, LOSS, label, Vec::<Reference>::new())
}
