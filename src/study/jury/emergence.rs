//! What emerges when.

use super::{Judged, Start};
use crate::Result;
use crate::figures::{Figure, heatmap, human};
use crate::generation::{Ability, Rate};
use crate::models::Family;
use polars::prelude::{DataFrame, df};
use serde::{Deserialize, Serialize};

/// The size at which a family first shows an ability in half as many tunes as people do.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Emergence {
    /// What is asked.
    pub ability: Ability,
    /// Of people's tunes.
    pub people: Rate,
    /// For each family the parameters of the smallest model from which on every larger one reaches half of that rate; `None`: not even
    /// the largest does.
    pub reached_at: Vec<(Family, Option<usize>)>,
}

impl Emergence {
    /// Every ability; that to write a header is asked of the tunes that start from nothing, the others of those that start from a header.
    pub fn of(judged: &[Judged], people: &Judged) -> Vec<Emergence> {
        let reached_at = |ability: Ability, family: Family| {
            let half = people.ability(ability).rate / 2.0;
            let mut sizes: Vec<&Judged> = asked(judged, ability).filter(|one| one.family == Some(family)).collect();
            sizes.sort_by_key(|one| one.n_params);
            let reaching = sizes.iter().rev().take_while(|one| one.ability(ability).rate >= half);
            reaching.last().and_then(|one| one.n_params)
        };
        let one = |ability: Ability| Emergence {
            ability,
            people: people.ability(ability),
            reached_at: Family::ALL.map(|family| (family, reached_at(ability, family))).to_vec(),
        };
        Ability::ALL.map(one).to_vec()
    }

    /// One row an ability.
    ///
    /// # Errors
    /// The table cannot be put together.
    pub fn table(all: &[Emergence]) -> Result<DataFrame> {
        let size = |family: Family| {
            let of =
                |one: &Emergence| one.reached_at.iter().find(|(found, _)| *found == family).and_then(|(_, size)| *size);
            all.iter().map(|one| of(one).map_or("not reached".into(), |n| human(n as f64))).collect::<Vec<String>>()
        };
        Ok(df!(
            "ability" => all.iter().map(|one| one.ability.to_string()).collect::<Vec<_>>(),
            "people_percent" => all.iter().map(|one| (100.0 * one.people.rate).round()).collect::<Vec<_>>(),
            "transformer_from" => size(Family::Transformer),
            "lstm_from" => size(Family::Lstm),
        )?)
    }

    /// What emerges when: each ability's rate as a share of people's; the Transformers, then the LSTMs, each by falling loss.
    pub fn figure(judged: &[Judged], people: &Judged) -> Figure {
        let of = |ability: Ability| {
            let mut columns: Vec<&Judged> = asked(judged, ability).collect();
            columns.sort_by_key(|one| one.family == Some(Family::Lstm)); // stable: they come by falling loss
            columns
        };
        let size = |one: &Judged| match one.n_params.unwrap_or(0) {
            n @ 1_000_000.. => format!("{:.1}M", n as f64 / 1e6),
            n => format!("{:.0}K", n as f64 / 1e3),
        };
        let shares = |ability: Ability| {
            let ceiling = people.ability(ability).rate.max(1e-9);
            let share = |one: &Judged| 100.0 * (one.ability(ability).rate / ceiling).min(1.0);
            of(ability).into_iter().map(share).collect::<Vec<f64>>()
        };
        let columns: Vec<String> = of(Ability::Bar).into_iter().map(size).collect();
        let rows = Ability::ALL.map(|ability| ability.to_string());
        heatmap(rows, columns, Ability::ALL.map(shares), "Share of people's rate (%)")
            .x_label("Transformers, then LSTMs, by falling loss (parameters)")
    }
}

/// The tunes that an ability is asked of.
fn asked(judged: &[Judged], ability: Ability) -> impl Iterator<Item = &Judged> {
    let start = if ability == Ability::Header { Start::Nothing } else { Start::Header };
    judged.iter().filter(move |one| one.start == Some(start))
}
