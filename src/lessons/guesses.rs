//! The reader's own predictions: kept before a result, judged by it, counted at the end of a notebook.

use super::Answer;
use crate::figures::show::{self, Html};
use crate::figures::svg::escape;
use crate::files::{Lock, read_json, write_json};
use crate::study::{Study, now};
use crate::{Error, Result};
use polars::prelude::df;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// One prediction, by its number: the notebook's and its own, `02.4`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Entry {
    /// The reader's.
    yours: Answer,
    /// When it was given (UTC); empty for a blank.
    given_at: String,
    /// The authors', and what came out; both blank until then.
    ours: Answer,
    found: Answer,
}

impl Default for Entry {
    fn default() -> Self {
        Entry { yours: Answer::Blank, given_at: String::new(), ours: Answer::Blank, found: Answer::Blank }
    }
}

impl Entry {
    /// The reader has seen the result with a prediction on record: it stands from then on.
    fn is_settled(&self) -> bool {
        self.yours != Answer::Blank && self.found != Answer::Blank
    }
}

type Entries = BTreeMap<String, Entry>;

fn verdict(answer: &Answer, found: &Answer) -> &'static str {
    match answer.holds(found) {
        Some(true) => "held",
        Some(false) => "failed",
        None => "no prediction",
    }
}

pub(super) fn line(number: &str, text: &str) -> Html {
    show::html(&format!(
        "<p style=\"border-left:3px solid #888;padding-left:.6em;margin:.3em 0\"><b>{number}</b> {}</p>",
        escape(text)
    ))
}

impl Study {
    fn guesses_file(&self) -> PathBuf {
        self.folder().join("predictions.json")
    }

    fn guesses(&self) -> Result<Entries> {
        let file = self.guesses_file();
        if file.exists() { Ok(read_json(file, "remove it, and predict again")?) } else { Ok(Entries::new()) }
    }

    fn change_guess(&self, number: &str, change: impl FnOnce(&mut Entry)) -> Result<Entry> {
        let is_number = number.split_once('.').is_some_and(|(notebook, own)| notebook.len() == 2 && !own.is_empty());
        if !is_number {
            let rule = "predictions are numbered by notebook and own number, such as \"02.4\"";
            return Err(Error::Config(format!("\"{number}\": {rule}")));
        }
        let _alone = Lock::wait(self.guesses_file().with_extension("lock"))?;
        let mut entries = self.guesses()?;
        let entry = entries.entry(number.to_owned()).or_default();
        change(entry);
        let entry = entry.clone();
        write_json(self.guesses_file(), &entries)?;
        Ok(entry)
    }

    /// Keeps the reader's prediction, before the result: a number (right within a tenth), a range, or a word. It may be changed until
    /// the result is shown; a blank changes nothing.
    ///
    /// # Errors
    /// Not a finite number, or the file of predictions in the study's folder cannot be read or written.
    pub fn guess(&self, number: &str, yours: impl Into<Answer>) -> Result<Html> {
        let yours = yours.into();
        if !yours.is_finite() {
            return Err(Error::Config(format!("prediction {number} is not a number that one can hold to: {yours}")));
        }
        let mut came_late = false;
        let entry = self.change_guess(number, |entry| {
            came_late = entry.is_settled() && entry.yours != yours && yours != Answer::Blank;
            if yours != Answer::Blank && !came_late {
                *entry = Entry { yours, given_at: now(), ..entry.clone() };
            }
        })?;
        let Entry { yours, given_at, .. } = entry;
        Ok(match yours {
            Answer::Blank => {
                line(number, "Your prediction, in place of BLANK: a number, a range such as 1.5..2.0, or a word.")
            }
            yours if came_late => {
                line(number, &format!("The result was shown already: your prediction stays {yours} ({given_at})."))
            }
            yours => line(number, &format!("Your prediction: {yours} ({given_at}).")),
        })
    }

    /// Holds the reader's prediction and the authors' against the result, in one line; a result that is no number, since the study lacks
    /// it, decides nothing.
    ///
    /// # Errors
    /// The file of predictions cannot be read or written.
    pub fn reveal(&self, number: &str, found: impl Into<Answer>, ours: impl Into<Answer>) -> Result<Html> {
        let (found, ours) = (found.into(), ours.into());
        if !found.is_finite() || !ours.is_finite() || found == Answer::Blank {
            return Ok(line(number, "This study has no such result, so the predictions stay open."));
        }
        let entry = self.change_guess(number, |entry| *entry = Entry { ours, found, ..entry.clone() })?;
        let Entry { yours, ours, found, .. } = &entry;
        let you = match yours {
            Answer::Blank => "You: no prediction.".to_owned(),
            yours => format!("You: {yours}, {}.", verdict(yours, found)),
        };
        Ok(line(number, &format!("Found: {found}. {you} We: {ours}, {}.", verdict(ours, found))))
    }

    /// Every prediction of a notebook, such as `"02"`, and how many held.
    ///
    /// # Errors
    /// The file of predictions cannot be read.
    pub fn tally(&self, notebook: &str) -> Result<Html> {
        let entries = self.guesses()?;
        let of_it = |(number, entry): &(&String, &Entry)| {
            number.starts_with(&format!("{notebook}.")) && entry.found != Answer::Blank
        };
        let mut rows: Vec<(&String, &Entry)> = entries.iter().filter(of_it).collect();
        rows.sort_by_key(|row| row.0.len()); // "07.10" after "07.9"
        let texts = |text: fn(&Entry) -> String| rows.iter().map(|row| text(row.1)).collect::<Vec<_>>();
        let table = df!(
            "prediction" => rows.iter().map(|row| row.0.as_str()).collect::<Vec<_>>(),
            "found" => texts(|entry| entry.found.to_string()),
            "you_said" => texts(|entry| entry.yours.to_string()),
            "yours" => texts(|entry| verdict(&entry.yours, &entry.found).into()),
            "we_said" => texts(|entry| entry.ours.to_string()),
            "ours" => texts(|entry| verdict(&entry.ours, &entry.found).into()),
        )?;
        let count = |whose: fn(&Entry) -> &Answer| {
            let judged: Vec<bool> = rows.iter().filter_map(|row| whose(row.1).holds(&row.1.found)).collect();
            format!("{} of {}", judged.iter().filter(|held| **held).count(), judged.len())
        };
        let (yours, ours) = (count(|entry| &entry.yours), count(|entry| &entry.ours));
        let sum = line(notebook, &format!("Predictions that held: yours {yours}, ours {ours}."));
        Ok(show::one_after_another(&[show::table(&table), sum]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lessons::BLANK;

    fn says(page: Result<Html>, words: &str) {
        let page = page.unwrap();
        assert!(page.as_str().contains(words), "{}", page.as_str());
    }

    #[test]
    fn a_prediction_may_change_until_its_result_is_shown() {
        let folder = tempfile::tempdir().unwrap();
        let study = Study::smoke_in(folder.path());
        says(study.guess("02.1", BLANK), "in place of BLANK");
        says(study.guess("02.1", 20), "Your prediction: 20");
        says(study.guess("02.1", 60), "Your prediction: 60");
        says(study.guess("02.1", BLANK), "Your prediction: 60"); // the notebook run again by `study`
        says(study.reveal("02.1", 69, 30..=50), "Found: 69. You: 60, failed. We: 30 to 50, failed.");
        says(study.guess("02.1", 69), "your prediction stays 60");
        says(study.reveal("02.2", 0.75, 0.75), "You: no prediction. We: 0.75, held.");
        says(study.reveal("02.3", f64::NAN, 1.0..2.0), "no such result");
        says(study.tally("02"), "yours 0 of 1, ours 1 of 2");
        says(study.tally("03"), "yours 0 of 0, ours 0 of 0");
    }

    #[test]
    fn what_is_no_prediction_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let study = Study::smoke_in(folder.path());
        assert!(study.guess("02.1", f64::NAN).unwrap_err().to_string().contains("02.1"));
        assert!(study.guess("two", 1).unwrap_err().to_string().contains("such as \"02.4\""));
        std::fs::create_dir_all(study.folder()).unwrap();
        std::fs::write(study.folder().join("predictions.json"), "{").unwrap();
        assert!(study.guess("02.1", 1).unwrap_err().to_string().contains("predictions.json"));
    }
}
