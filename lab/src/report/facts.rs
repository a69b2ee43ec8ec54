//! Every number of a study by a name: `{{test.best.perplexity}}` in a report is looked up here.

use crate::{Error, Result};
use music_scaling::figures::{as_shown, named_values};
use music_scaling::generation::Rates;
use music_scaling::models::Family;
use music_scaling::study::{Judged, Results, RunRecord, Start, Study};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::process::Command;

/// Name → number, word, or yes and no.
pub(super) struct Facts(BTreeMap<String, Value>);

impl Facts {
    /// What `results.json`, `runs.jsonl` and the preset say, and what a cover does.
    pub fn of(study: &Study) -> Result<Facts> {
        let file = study.results_folder().join("results.json");
        if !file.exists() {
            let (file, preset) = (file.display(), study.preset_argument());
            let message = format!("there is no {file}: run the study first (cargo run -- study --preset {preset})");
            return Err(Error::Config(message));
        }
        let (results, runs) = (study.results()?, study.run_records()?);
        let mut facts = Facts(BTreeMap::new());
        facts.add(&json(&results)?);
        facts.add(&json!({ "preset": json(&study.preset)?, "cover": cover(study, &runs) }));
        facts.add(&of_families(study, &results, &runs)?);
        facts.add(&of_best(&results)?);
        Ok(facts)
    }

    /// Where a name stands for two values, the second is called `name.2`.
    fn add(&mut self, values: &Value) {
        for (place, value) in named_values(values) {
            let name = place.join(".").replace(' ', "_");
            let numbered = (2..).map(|i: usize| format!("{name}.{i}"));
            let free = std::iter::once(name.clone()).chain(numbered).find(|name| !self.0.contains_key(name));
            self.0.extend(free.map(|name| (name, value.clone())));
        }
    }

    /// The text of `name`, of `name .4` (decimals), of `name %` and of `name %.1` (percent). The error completes a sentence.
    pub fn text(&self, wanted: &str) -> Result<String, String> {
        let (name, format) = wanted.split_once(' ').unwrap_or((wanted, ""));
        let value = self.0.get(name).ok_or_else(|| self.unknown(name))?;
        let percent = format.starts_with('%');
        let decimals = format.trim_start_matches('%').strip_prefix('.');
        let Some(number) = value.as_f64().filter(|_| !format.is_empty()) else {
            let text = as_shown(value);
            return Ok(if name.ends_with(".kind") { text.replace('_', " ") } else { text });
        };
        let decimals = decimals.map_or(Ok(0), str::parse::<usize>).ok().filter(|n| *n <= 12);
        let decimals = decimals.filter(|_| percent || format.starts_with('.')).ok_or_else(|| {
            format!("asks for the format \"{format}\"; give .2 for two decimals, % or %.1 for percent")
        })?;
        Ok(if percent { format!("{:.decimals$} %", 100.0 * number) } else { format!("{number:.decimals$}") })
    }

    /// Names that begin as the one that is not there does.
    fn unknown(&self, name: &str) -> String {
        const MOST: usize = 12;
        let shared = |other: &str| name.bytes().zip(other.bytes()).take_while(|(a, b)| a == b).count();
        let longest = self.0.keys().map(|other| shared(other)).max().unwrap_or_default();
        let alike: Vec<&str> =
            self.0.keys().map(String::as_str).filter(|other| shared(other) == longest).take(MOST).collect();
        format!("names no result of this study; numbers.csv lists all names, such as {}", alike.join(", "))
    }

    /// `name,value` of all, every digit.
    pub fn table(&self) -> Result<Vec<u8>> {
        let mut writer = csv::Writer::from_writer(Vec::new());
        let failed = |error: String| Error::Config(format!("the numbers could not be written as CSV: {error}"));
        writer.write_record(["name", "value"]).map_err(|error| failed(error.to_string()))?;
        for (name, value) in &self.0 {
            let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            writer.write_record([name, &value]).map_err(|error| failed(error.to_string()))?;
        }
        writer.into_inner().map_err(|error| failed(error.to_string()))
    }
}

fn json(value: &impl serde::Serialize) -> Result<Value> {
    serde_json::to_value(value).map_err(|error| Error::Config(format!("cannot write JSON: {error}")))
}

fn cover(study: &Study, runs: &[RunRecord]) -> Value {
    let said = |program: &str, arguments: &[&str]| {
        let output = Command::new(program).args(arguments).output().ok().filter(|output| output.status.success());
        output.and_then(|output| String::from_utf8(output.stdout).ok()).map(|text| text.trim().to_owned())
    };
    let longest = runs.iter().max_by(|a, b| a.summary.elapsed_s.total_cmp(&b.summary.elapsed_s));
    json!({
        "study": study.name(),
        "commit": said("git", &["log", "-1", "--format=%h of %cs"]),
        "date": said("date", &["-u", "+%Y-%m-%d"]),
        "machine": longest.map(|run| run.summary.device.as_str()),
        "budget": study.preset.training.to_string(),
        "budget_of_best": study.preset.best.to_string(),
        "n_runs": runs.len(),
        "hours": runs.iter().map(|run| run.summary.elapsed_s).sum::<f64>() / 3600.0,
    })
}

/// The runs of a family's ladder, smallest first.
pub(super) fn ladder<'a>(study: &Study, family: Family, runs: &'a [RunRecord]) -> Vec<&'a RunRecord> {
    let sizes = study.preset.ladder(family, 1); // the names alone: no vocabulary is needed
    sizes.iter().filter_map(|size| runs.iter().find(|run| run.config.name == size.name)).collect()
}

/// `largest.lstm.val_loss`, `smallest.transformer.n_params`, `written.lstm.rates.passes_all.rate` (from a header, by the family's best).
fn of_families(study: &Study, results: &Results, runs: &[RunRecord]) -> Result<Value> {
    let mut facts = json!({});
    for family in Family::ALL {
        let key = family.to_string().to_lowercase();
        let ladder = ladder(study, family, runs);
        facts["n_sizes"][&key] = ladder.len().into();
        for (end, run) in [("smallest", ladder.first()), ("largest", ladder.last())] {
            let Some(run) = run else { continue };
            facts[end][&key] = json(&run.summary)?;
            facts[end][&key]["run"] = run.config.name.clone().into();
        }
        let is_its = |judged: &&Judged| judged.family == Some(family) && judged.start == Some(Start::Header);
        facts["written"][&key] = written(results.generation.judged.iter().rfind(is_its))?;
    }
    facts["written"]["people"] = written(results.generation.people.as_ref())?;
    Ok(facts)
}

fn written(judged: Option<&Judged>) -> Result<Value> {
    let Some(Judged { writer, rates: Rates { rungs, passes_all, bar_alignment_error, .. }, .. }) = judged else {
        return Ok(Value::Null);
    };
    let rungs: BTreeMap<String, Value> = rungs
        .iter()
        .map(|(rung, rate)| Ok((json(rung)?.as_str().unwrap_or_default().into(), json(rate)?)))
        .collect::<Result<_>>()?;
    Ok(json!({ "run": writer, "rungs": rungs, "passes_all": passes_all, "wrong_bars": bar_alignment_error }))
}

/// The tested run by name: in the file its test is named by a hash.
fn of_best(results: &Results) -> Result<Value> {
    let best = results.test.values().find(|test| Some(&test.run) == results.best_run.as_ref());
    Ok(json!({ "best": json(&best)? }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts() -> Facts {
        let mut facts = Facts(BTreeMap::new());
        facts.add(&json!({"test": {"rate": 0.2856, "n": 1234567, "ok": true}, "runs": [["a b", 1.5], ["a b", 2.5]]}));
        facts
    }

    #[test]
    fn a_name_is_a_place_and_may_say_how_it_is_written() {
        let text = |wanted: &str| facts().text(wanted).unwrap();
        assert_eq!(text("test.rate"), "0.2856");
        assert_eq!(
            (text("test.rate %"), text("test.rate %.1"), text("test.rate .2")),
            ("29 %".into(), "28.6 %".into(), "0.29".into())
        );
        assert_eq!((text("test.n"), text("test.ok %")), ("1\u{202F}234\u{202F}567".into(), "yes".into()));
        assert_eq!((text("runs.a_b"), text("runs.a_b.2")), ("1.500".into(), "2.500".into()));
    }

    #[test]
    fn what_is_not_there_names_what_begins_alike() {
        let error = facts().text("test.rats").unwrap_err();
        assert_eq!(error, "names no result of this study; numbers.csv lists all names, such as test.rate");
        assert!(facts().text("test.rate .x").unwrap_err().contains("give .2 for two decimals"));
        assert_eq!(String::from_utf8(facts().table().unwrap()).unwrap().lines().nth(3), Some("test.n,1234567"));
    }
}
