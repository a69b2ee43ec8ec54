//! What a reader may conclude and what not: sentences that follow from verdicts and intervals alone.

use super::{Axis, BestNGram, Families, Outcome};
use crate::Result;
use crate::figures::human;
use crate::fitting::{Comparison, Fit, Law, Verdict};
use crate::models::Family;

impl Families {
    /// The conclusions, one sentence each, beginning with MAY, WITH CARE or MAY NOT.
    ///
    /// # Errors
    /// The runs allow no law.
    pub fn limits(&self, ngram: &BestNGram, outcome: Option<&Outcome>) -> Result<Vec<String>> {
        let mut sentences = Vec::new();
        for family in Family::ALL {
            let law = Law::Power.fit(&self.points(family, Axis::Params))?;
            sentences.push(of_exponent(family, &law));
            sentences.push(of_floor(family, &law));
        }
        for (what, axis) in [("parameters", Axis::Params), ("FLOPs", Axis::Flops)] {
            sentences.extend(of_comparison(what, &self.compare(axis)?));
        }
        sentences.push(self.of_noise());
        let losing = self.once().filter(|run| run.summary.val_loss >= ngram.val_loss);
        let losing: Vec<&str> = losing.map(|run| run.config.name.as_str()).collect();
        sentences.push(match losing.as_slice() {
            [] => format!("MAY: say that every model beats the best n-gram, of order {}.", ngram.order),
            losing => format!(
                "MAY NOT: call {} useful models of this text: the best n-gram, of order {}, predicts it better.",
                losing.join(", "),
                ngram.order
            ),
        });
        if let Some(Outcome { prediction, error, inside, .. }) = outcome {
            let judged = match inside {
                Some(true) => "inside its interval",
                Some(false) => "OUTSIDE its interval",
                None => "without an interval",
            };
            sentences.push(match prediction.void {
                true => {
                    "MAY NOT: speak of a prediction: the largest Transformer was trained before there was one.".into()
                }
                false => format!(
                    "MAY: say that the prediction for the largest Transformer was off by {error:+.4} nats, {judged}."
                ),
            });
        }
        Ok(sentences)
    }

    /// How well the scatter of one size is known.
    fn of_noise(&self) -> String {
        match self.all().filter(|run| run.config.seed != self.seed).count() {
            0 => "MAY NOT: tell a difference from luck: one seed a size, so the noise is known only from the misfit of the curves.".into(),
            n => format!("WITH CARE: read the intervals: {n} repeats of the smallest sizes stand for the noise of all."),
        }
    }
}

fn of_exponent(family: Family, law: &Fit) -> String {
    let alpha = law["alpha"].value;
    match law.verdict() {
        Verdict::Identified => format!("MAY: say that the {family}'s exponent is about {alpha:.2} at this budget."),
        Verdict::WeaklyIdentified(why) => format!("WITH CARE: the {family}'s exponent is about {alpha:.2}: {why}."),
        Verdict::NotIdentified(why) => format!("MAY NOT: quote {alpha:.2} as the exponent of {family}s: {why}."),
    }
}

fn of_floor(family: Family, law: &Fit) -> String {
    let c = law["c"].value;
    match &law["c"].verdict {
        Verdict::Identified => {
            format!("WITH CARE: read the {family}'s floor c = {c:.2} as what no size removes at this budget.")
        }
        Verdict::WeaklyIdentified(why) | Verdict::NotIdentified(why) => {
            format!("MAY NOT: quote the {family}'s floor c = {c:.2} as the entropy of this music: {why}.")
        }
    }
}

fn of_comparison(what: &str, comparison: &Comparison) -> Vec<String> {
    let sentence = |loss: &crate::fitting::compare::LossDifference| {
        let value = loss.difference.value;
        let ahead = if value < 0.0 { &comparison.first_name } else { &comparison.second_name };
        let may = match loss.difference.interval {
            Some(interval) if !interval.contains(0.0) => "MAY: say",
            _ => "MAY NOT: claim",
        };
        format!("{may} that at {} {what} the {ahead} is ahead, by {:.3} nats.", human(loss.n_params), value.abs())
    };
    comparison.losses.iter().map(sentence).collect()
}
