//! What of a tune's melodies stands in the training tunes, in whatever key and tempo.
//!
//! Judged is what the model wrote itself: the notes of the prompt are left out. A copy is a run of consecutive notes of one
//! voice with the steps and the proportions in time of a training tune ([`Melodies`]); a phrase is eight notes, and phrases that
//! strangers share, too (scales, broken chords, two notes in turn), are not counted, as for near duplicates in the corpus.
//!
//! How much people share with each other says what a copy of some length means: [`Copying::of`] takes the same from held-out tunes.

use super::Melodies;
use super::distribution::Distribution;
use crate::data::melody::{LineNote, NOTES_A_PHRASE, is_commonplace, lines};
use crate::music::Score;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

/// How much of a tune stands in the training tunes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Originality {
    /// Notes judged: the melodies of all voices together.
    pub n_notes: usize,
    /// Notes of the longest run that stands in a training tune.
    pub longest_copy_notes: usize,
    /// A training tune that has it, counted from 0; `None` without a copy.
    pub copied_from: Option<usize>,
    /// Phrases of eight notes judged.
    pub n_phrases: usize,
    /// Share of them that stand in training tunes; `None` where there is no phrase.
    pub copied_phrases: Option<f64>,
}

impl Originality {
    /// Judges a whole tune.
    pub fn of(score: &Score, train: &Melodies) -> Originality {
        Originality::behind(&Score::default(), score, train)
    }

    /// Judges a tune that goes on from `given`: as many notes of each voice as `given` has on its page are left out.
    pub fn behind(given: &Score, score: &Score, train: &Melodies) -> Originality {
        let given = given.page();
        let n_given = lines(&given).map(|line| line.len()).chain(std::iter::repeat(0));
        let (mut n_notes, mut n_phrases, mut n_copied) = (0, 0, 0);
        let (mut longest_copy_notes, mut copied_from) = (0, None);
        for (line, n_given) in lines(&score.page()).zip(n_given) {
            let written: &[LineNote] = line.get(n_given..).unwrap_or_default();
            let runs = train.copied_runs(written);
            n_notes += written.len();
            for run in runs.iter().filter(|run| run.n_notes > 0) {
                if run.n_notes > longest_copy_notes {
                    (longest_copy_notes, copied_from) = (run.n_notes, Some(run.tune));
                }
            }
            for (_, run) in written.windows(NOTES_A_PHRASE).zip(&runs).filter(|(phrase, _)| !is_commonplace(phrase)) {
                n_phrases += 1;
                n_copied += usize::from(run.n_notes >= NOTES_A_PHRASE);
            }
        }
        let copied_phrases = (n_phrases > 0).then(|| n_copied as f64 / n_phrases as f64);
        Originality { n_notes, longest_copy_notes, copied_from, n_phrases, copied_phrases }
    }
}

impl std::fmt::Display for Originality {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "longest copy {} of {} notes, ", self.longest_copy_notes, self.n_notes)?;
        match self.copied_phrases {
            Some(share) => write!(f, "{:.0} % of {} phrases copied", 100.0 * share, self.n_phrases),
            None => write!(f, "no phrase of {NOTES_A_PHRASE} notes"),
        }
    }
}

/// What many tunes have copied: of samples, or of people's held-out tunes, to compare with.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Copying {
    /// Notes of each tune's longest copy. Long tunes have longer ones by chance alone: compare tunes of like length.
    pub longest_copy_notes: Distribution,
    /// Share of each tune's phrases that are copied, in tunes that have phrases.
    pub copied_phrases: Distribution,
}

impl Copying {
    /// Of the tunes judged.
    pub fn of(tunes: &[Originality]) -> Copying {
        Copying {
            longest_copy_notes: Distribution::of(tunes.iter().map(|tune| tune.longest_copy_notes as f64)),
            copied_phrases: Distribution::of(tunes.iter().filter_map(|tune| tune.copied_phrases)),
        }
    }

    /// Of people's tunes that were held out.
    pub fn of_people(tunes: &[Score], train: &Melodies) -> Copying {
        Copying::of(&tunes.par_iter().map(|tune| Originality::of(tune, train)).collect::<Vec<_>>())
    }
}

impl std::fmt::Display for Copying {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(f, "longest copy (notes)         {}", self.longest_copy_notes)?;
        write!(f, "phrases copied (share)       {}", self.copied_phrases)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::{TokenData, Tokenizer};
    use crate::music::abc;

    const HEADER: &str = "X:1\nM:4/4\nL:1/8\nK:D\n";
    const TUNE: &str = "F2AF dFAF|G2BG dGBG|F2AF E2GE|ABcd efge|]\n";
    const OTHER: &str = "d>ef d2B|A3 cBA|G2E FED|B,>CE F3|]\n";

    fn score(music: &str) -> Score {
        abc::parse(&format!("{HEADER}{music}")).unwrap()
    }

    fn train() -> Melodies {
        Melodies::of(&[score(OTHER), score(TUNE)])
    }

    #[test]
    fn a_training_tune_a_tone_higher_or_twice_as_slow_is_a_complete_copy() {
        let (mut higher, mut slower) = (score(TUNE), score(TUNE));
        higher.voices[0].notes.iter_mut().for_each(|note| note.pitch += 2);
        for note in &mut slower.voices[0].notes {
            (note.onset_ticks, note.duration_ticks) = (2 * note.onset_ticks, 2 * note.duration_ticks);
        }
        for copy in [score(TUNE), higher, slower] {
            let found = Originality::of(&copy, &train());
            // 28 notes; of their 21 phrases three are scales
            let complete = Originality {
                n_notes: 28,
                longest_copy_notes: 28,
                copied_from: Some(1),
                n_phrases: 18,
                copied_phrases: Some(1.0),
            };
            assert_eq!(found, complete);
        }
    }

    #[test]
    fn a_planted_copy_of_nine_notes_is_found_in_a_tune_of_its_own() {
        // behind two notes of its own the first nine of the tune, a fifth higher; the tenth would be d and is a
        let found = Originality::of(&score("D4 D4|c2ec acec|d2f a b4|]\n"), &train());
        assert_eq!((found.n_notes, found.longest_copy_notes, found.copied_from), (13, 9, Some(1)));
        assert_eq!((found.n_phrases, found.copied_phrases), (6, Some(2.0 / 6.0)));
    }

    #[test]
    fn the_prompts_notes_are_not_judged() {
        let prompt = score("F2AF dFAF|G2");
        let found = Originality::behind(&prompt, &score("F2AF dFAF|G2BG dGBG|]\n"), &train());
        assert_eq!((found.n_notes, found.longest_copy_notes), (6, 6));
        let nothing = Originality::behind(&score(TUNE), &score(TUNE), &train());
        assert_eq!((nothing.n_notes, nothing.longest_copy_notes, nothing.copied_phrases), (0, 0, None));
    }

    #[test]
    fn the_training_text_and_its_scores_have_the_same_melodies() {
        let text = format!("{HEADER}{OTHER}\n{HEADER}{TUNE}\n");
        let tokenizer = Tokenizer::from_text(&text).unwrap();
        let train_tokens = tokenizer.encode(&text).unwrap();
        let data = TokenData { dir: "".into(), tokenizer, train: train_tokens, val: Vec::new(), test: Vec::new() };
        let from_text = Melodies::of_train(&data);
        assert_eq!((from_text.n_tunes(), from_text.to_string()), (2, train().to_string()));
        assert_eq!(Originality::of(&score(TUNE), &from_text), Originality::of(&score(TUNE), &train()));
    }

    #[test]
    fn people_share_what_they_share_and_a_band_says_how_much() {
        let found = Copying::of_people(&[score(TUNE), score(TUNE), score("z4 c'C c'C|]\n")], &train());
        assert_eq!((found.longest_copy_notes.n, found.longest_copy_notes.mean), (3, 56.0 / 3.0));
        assert_eq!((found.copied_phrases.n, found.copied_phrases.mean), (2, 1.0));
    }
}
