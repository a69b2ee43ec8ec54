//! The closed exercises of the notebooks: the right answer is computed from the study, and common wrong ones are answered by what
//! went wrong, without giving the right one away.

use super::Answer;
use super::guesses::line;
use crate::figures::show::Html;
use crate::fitting::{Fit, Law, Point, published_fits};
use crate::models::{Family, ModelConfig, NGram};
use crate::study::{Axis, Study};
use crate::{Error, Result};

/// Half a percent: three digits are enough.
const TOLERANCE: f64 = 0.005;

/// What is right, and what is said to whom it is not.
struct Exercise {
    right: Vec<Answer>,
    /// (a wrong answer, what it is instead).
    mistakes: Vec<(Answer, &'static str)>,
    /// For all other wrong ones.
    hint: &'static str,
    tolerance: f64,
}

fn answer(right: impl Into<Answer>, hint: &'static str) -> Exercise {
    Exercise { right: vec![right.into()], mistakes: Vec::new(), hint, tolerance: TOLERANCE }
}

impl Exercise {
    fn or(mut self, right: impl Into<Answer>) -> Self {
        self.right.push(right.into());
        self
    }

    fn not(mut self, wrong: impl Into<Answer>, why: &'static str) -> Self {
        self.mistakes.push((wrong.into(), why));
        self
    }

    fn within(self, tolerance: f64) -> Self {
        Exercise { tolerance, ..self }
    }

    /// `None` where `given` is right, else what to say.
    fn judge(&self, given: &Answer) -> Option<&'static str> {
        let is = |one: &Answer| match (one, given) {
            (Answer::Number(one), Answer::Number(given)) => (one - given).abs() <= self.tolerance * one.abs().max(1e-9),
            (Answer::Word(one), Answer::Word(given)) => one.eq_ignore_ascii_case(given),
            _ => false,
        };
        let asked_for_number = matches!(self.right[0], Answer::Number(_));
        match given {
            _ if self.right.iter().any(&is) => None,
            Answer::Range(..) => Some("give one value, not a range"),
            Answer::Word(_) if asked_for_number => Some("a number is asked for"),
            Answer::Number(_) if !asked_for_number => Some("a word is asked for, in quotation marks"),
            _ => Some(self.mistakes.iter().find(|(wrong, _)| is(wrong)).map_or(self.hint, |(_, why)| *why)),
        }
    }
}

/// Finds the right answer of an exercise.
type Solve = fn(&Study) -> Result<Exercise>;

const EXERCISES: [(&str, Solve); 24] = [
    ("01.1", dotted_quarter),
    ("01.2", short_tunes),
    ("01.3", twin_in_training),
    ("02.1", perplexity),
    ("02.2", conditional_entropy),
    ("02.3", order_on_little_text),
    ("02.4", another_tokenizer),
    ("03.1", double_width),
    ("03.2", heads_that_divide),
    ("03.3", context_as_dear_as_parameters),
    ("04.1", mean_of_cosine),
    ("04.2", closer_law),
    ("04.3", useful_work),
    ("05.1", lstm_parameters),
    ("05.2", forget_bias),
    ("05.3", scatter_of_a_difference),
    ("06.1", floor_in_r_squared),
    ("06.2", without_tables),
    ("06.3", r_squared_that_can_be),
    ("06.4", close_and_not_identified),
    ("06.5", millions),
    ("07.1", bits_from_perplexity),
    ("07.2", wilson),
    ("07.3", evaluation_bug),
];

impl Study {
    /// Says whether the answer to a closed exercise is right; of a wrong one, in a sentence, what went wrong.
    ///
    /// # Errors
    /// No such exercise; or what it asks about is not there yet, such as a run.
    pub fn check(&self, number: &str, given: impl Into<Answer>) -> Result<Html> {
        let Some((_, solve)) = EXERCISES.iter().find(|(known, _)| *known == number) else {
            let known = EXERCISES.map(|(number, _)| number).join(", ");
            return Err(Error::Config(format!("there is no exercise {number} with one answer; there are {known}")));
        };
        let given = given.into();
        Ok(match given {
            Answer::Blank => line(number, "Your answer, in place of BLANK."),
            given => match solve(self)?.judge(&given) {
                None => line(number, &format!("{given}: right.")),
                Some(why) => line(number, &format!("{given}: not that; {why}.")),
            },
        })
    }
}

fn dotted_quarter(_: &Study) -> Result<Exercise> {
    Ok(answer(720, "a beat, a quarter note, is 480 ticks here, and a dot adds half of a note")
        .not(360, "that is a dotted eighth")
        .not(480, "that is a quarter without its dot")
        .not(960, "a dot adds half of the note, not all of it"))
}

fn short_tunes(study: &Study) -> Result<Exercise> {
    let corpus = study.corpus()?;
    let n_short = |lengths: Vec<f64>| lengths.iter().filter(|n| **n < 200.0).count();
    let of_all = n_short(corpus.map_tunes(|tune| tune.n_chars as f64)?);
    let kept = n_short(corpus.map_kept(|tune| tune.n_chars as f64)?);
    Ok(answer(kept, "count the kept tunes whose n_chars is below 200: corpus.map_kept gives them")
        .not(of_all, "you counted tunes that are left out already: map_kept, not map_tunes")
        .within(1e-9))
}

fn twin_in_training(_: &Study) -> Result<Exercise> {
    Ok(answer(0.8, "the twin is drawn like every other tune, whatever happened to the first one")
        .not(0.2, "that is the chance that the twin is held out, too")
        .not(0.16, "the tune in question is held out for certain: only its twin is drawn")
        .not(0.98, "that was one tune in fifty"))
}

fn perplexity(study: &Study) -> Result<Exercise> {
    let loss = study.best_ngram()?.val_loss;
    Ok(answer(loss.exp(), "perplexity is the number whose logarithm is the loss")
        .not(loss.exp2(), "the loss is in nats: its base is e, not 2")
        .not(loss / std::f64::consts::LN_2, "these are bits per character, not yet a perplexity"))
}

/// −Σ p ln p of what `keys` counts.
fn entropy<K: Ord>(keys: impl Iterator<Item = K>) -> f64 {
    let mut counts = std::collections::BTreeMap::<K, f64>::new();
    keys.for_each(|key| *counts.entry(key).or_default() += 1.0);
    let n: f64 = counts.values().sum();
    counts.values().map(|count| -count / n * (count / n).ln()).sum()
}

fn conditional_entropy(study: &Study) -> Result<Exercise> {
    let data = study.data()?;
    let joint = entropy(data.train.windows(2).map(|pair| (pair[0], pair[1])));
    let first = entropy(data.train.iter());
    Ok(answer(joint - first, "count pairs: H(c2 | c1) is what a pair costs less what its first character costs")
        .not(joint, "that is the entropy of pairs, both characters together")
        .not(first, "that is the entropy of single characters")
        .not((joint - first) / std::f64::consts::LN_2, "these are bits; nats are asked for"))
}

fn order_on_little_text(study: &Study) -> Result<Exercise> {
    let (data, highest) = (study.data()?, study.best_ngram()?.val_loss_by_order.len());
    let text = &data.train[..data.train.len().min(5000)];
    let losses = NGram::train(text, data.tokenizer.vocab_size(), highest)?.loss_by_order(&data.val);
    let best = (1..=losses.len()).min_by(|&p, &q| losses[p - 1].total_cmp(&losses[q - 1])).unwrap_or(1);
    Ok(answer(best, "train on data.train[..5_000] and look where loss_by_order(&data.val) is lowest")
        .not(highest, "that is the order of lowest loss on the text that was counted; validation is asked for"))
}

fn another_tokenizer(_: &Study) -> Result<Exercise> {
    Ok(answer(0.25, "0.65 nats pay for 2.6 characters")
        .not(0.65, "that is per token, and theirs are longer than yours")
        .not(0.65 * 2.6, "a token is longer than a character, so each character costs less than it"))
}

fn double_width(study: &Study) -> Result<Exercise> {
    let ladder = study.ladder(Family::Transformer)?;
    let mut model = ladder[ladder.len() - 1].model.clone();
    let before = model.n_params();
    if let ModelConfig::Transformer(config) = &mut model {
        (config.d_model, config.d_ff) = (2 * config.d_model, 2 * config.d_ff);
    }
    Ok(answer(model.n_params(), "double d_model and d_ff in a clone of its config, and ask n_params()")
        .within(1e-9)
        .not(4 * before, "the matrices grow by four, tables and norms by two")
        .not(2 * before, "a matrix has two sides, and both double"))
}

fn heads_that_divide(_: &Study) -> Result<Exercise> {
    Ok(answer(96, "a width that eight heads share evenly, next to 100")
        .or(104)
        .within(1e-9)
        .not(100, "eight heads cannot share a hundred evenly"))
}

fn context_as_dear_as_parameters(study: &Study) -> Result<Exercise> {
    let ladder = study.ladder(Family::Transformer)?;
    let model = &ladder[ladder.len() - 1].model;
    // All that grows with the context grows in proportion to T + 1.
    let attention = model.flops_per_token(1) - model.flops_per_token(0);
    let parameters = model.flops_per_token(0) - attention;
    let with_tables = 6.0 * model.n_params() as f64 / attention;
    Ok(answer(parameters / attention - 1.0, "set 6·n_layer·d_model·(T + 1) equal to what does not depend on T")
        .within(0.02)
        .not(with_tables - 1.0, "6·n_params counts tables that are looked up, not multiplied"))
}

fn mean_of_cosine(_: &Study) -> Result<Exercise> {
    Ok(answer(0.55, "the cosine runs from the peak down to a tenth of it: what is its middle")
        .not(0.5, "the schedule ends at a tenth of the peak, not at zero")
        .not(0.45, "that is half of the way down, counted from the lower end"))
}

fn closer_law(study: &Study) -> Result<Exercise> {
    let outcome = study.outcome(Family::Transformer)?;
    let is_log = outcome.log_law_error.abs() < outcome.error.abs();
    Ok(answer(
        if is_log { "log" } else { "power" },
        "\"power\" or \"log\": compare the sizes of the two errors, not their signs",
    ))
}

fn useful_work(study: &Study) -> Result<Exercise> {
    let families = study.families()?;
    let runs = families.of(Family::Transformer);
    let (Some(small), Some(large)) = (runs.first(), runs.last()) else {
        return Err(Error::Data("no Transformer is trained yet".into()));
    };
    let ratio = |of: fn(&crate::study::RunRecord) -> f64| of(large) / of(small);
    let per_second = ratio(|run| run.summary.flops / run.summary.elapsed_s);
    Ok(answer(per_second, "FLOPs of the run by its seconds, of the largest, over the same of the smallest")
        .within(0.03)
        .not(
            ratio(|run| run.summary.tokens_per_s),
            "these are tokens a second, and a large model does more for each token",
        )
        .not(ratio(|run| run.summary.flops), "these are FLOPs; how many a second?")
        .not(1.0 / per_second, "the other way round: largest over smallest"))
}

fn lstm_parameters(study: &Study) -> Result<Exercise> {
    let ladder = study.ladder(Family::Lstm)?;
    let model = &ladder[0].model;
    let ModelConfig::Lstm(config) = model else {
        return Err(Error::Config("the ladder of LSTMs holds another family".into()));
    };
    let (n, bias) = (model.n_params(), 4 * config.d_hidden * config.n_layer);
    let head = config.d_hidden * config.vocab_size + config.vocab_size;
    Ok(answer(n, "add the embedding, for each layer four gates of matrices and biases, and the head with its bias")
        .within(1e-9)
        .not(n - bias, "torch's layout has two biases a layer, b_ih and b_hh")
        .not(n - head, "the head is missing")
        .not(n - config.vocab_size, "the head has a bias"))
}

fn forget_bias(_: &Study) -> Result<Exercise> {
    let gate = 0.5_f64.powf(1.0 / 20.0);
    Ok(answer((gate / (1.0 - gate)).ln(), "which f has f^20 = 1/2, and which bias b has σ(b) = f")
        .within(0.02)
        .not(gate, "that is the gate; its bias is asked for")
        .not(0.5, "that is what is left"))
}

fn scatter_of_a_difference(_: &Study) -> Result<Exercise> {
    Ok(answer(0.02 * 2_f64.sqrt(), "variances add up")
        .within(0.02)
        .not(0.02, "that is one run; a difference has the luck of two")
        .not(0.04, "standard deviations do not add up, variances do"))
}

fn floor_in_r_squared(study: &Study) -> Result<Exercise> {
    let points = study.families()?.points(Family::Lstm, Axis::Params);
    let r_squared = |law: Law| -> Result<f64> { Ok(law.fit(&points)?.r_squared) };
    let (with, without) = (r_squared(Law::Power)?, r_squared(Law::PowerWithoutC)?);
    let lost = with - without;
    Ok(Exercise {
        tolerance: (5e-4 / lost.abs().max(1e-9)).max(TOLERANCE),
        ..answer(lost, "fit both laws to of_lstms and subtract r_squared")
    }
    .not(without, "that is the R² that is left, not what is lost")
    .not(-lost, "the other way round: with a floor less without"))
}

fn alpha(law: &Fit) -> f64 {
    law["alpha"].value
}

fn without_tables(study: &Study) -> Result<Exercise> {
    let all = study.families()?.museum(study.root())?;
    let of = |end: &str| {
        let it = all.iter().find(|it| it.name.starts_with("prabhjeet2570, Transformer") && it.name.ends_with(end));
        it.map(|it| alpha(&it.fit)).ok_or_else(|| Error::Data("data/museum.csv has no table of prabhjeet2570".into()))
    };
    Ok(answer(
        of("without tables")?,
        "fit Law::Power to its three columns' last but one: n_params_non_embedding and val_loss",
    )
    .not(of("Transformer")?, "that counts the tables: 27,224 words make most of N"))
}

/// Project B's LSTMs.
fn b_lstms() -> Result<Vec<Point>> {
    let all = published_fits();
    let it = all.into_iter().find(|fit| fit.name == "B LSTM");
    Ok(it.ok_or_else(|| Error::Data("no published table of B's LSTMs".into()))?.points)
}

fn r_squared_that_can_be(_: &Study) -> Result<Exercise> {
    let points = b_lstms()?;
    let of = |law: Law| -> Result<f64> { Ok(law.fit(&points)?.r_squared) };
    Ok(answer(of(Law::Log)?, "least squares finds the highest R² that a straight line can have: fit Law::Log")
        .not(0.98, "that is the claim; what do the points allow")
        .not(of(Law::Power)?, "that is the power law's, which has a parameter more"))
}

/// Four losses that fall almost like a straight line in ln N.
const STRAIGHT: [(f64, f64); 4] = [(1e4, 1.80), (1e5, 1.60), (1e6, 1.43), (1e7, 1.22)];

fn close_and_not_identified(_: &Study) -> Result<Exercise> {
    let points = STRAIGHT.map(|(n, loss)| Point::new(n, loss));
    let verdict = Law::Power.fit(&points)?.verdict().in_brief();
    Ok(answer(verdict, "\"identified\", \"weakly identified\" or \"not identified\": fit.verdict().in_brief()")
        .not("identified", "a high R² says that the curve passes near the points, not that only this exponent does"))
}

fn millions(_: &Study) -> Result<Exercise> {
    let (a, alpha) = (14857.89, 0.81999);
    Ok(answer(a * 10_f64.powf(-6.0 * alpha), "a·N^-alpha has to stay the same when N is written as 10^6 times M")
        .within(0.01)
        .not(a / 1e6, "the million has an exponent, too")
        .not(a * 10_f64.powf(6.0 * alpha), "the sign: N is larger than M"))
}

fn bits_from_perplexity(_: &Study) -> Result<Exercise> {
    Ok(answer(2.56_f64.log2(), "how many fair yes-or-no questions choose among 2.56 characters")
        .within(0.01)
        .not(2.56_f64.ln(), "these are nats")
        .not(2.56 / std::f64::consts::LN_2, "a perplexity is a number of choices: take its logarithm"))
}

fn wilson(_: &Study) -> Result<Exercise> {
    Ok(answer(73, "with all n passing, Wilson's lower end is n / (n + 1.96²)")
        .within(1e-9)
        .not(72, "72 / (72 + 3.84) is just below 0.95")
        .not(59, "that is the rule of three, one-sided")
        .not(60, "that is the rule of three, one-sided"))
}

fn evaluation_bug(_: &Study) -> Result<Exercise> {
    Ok(answer(1, "which line makes something that the model was not trained with")
        .within(1e-9)
        .not(2, "this line is right for the tokenizer that it is handed")
        .not(3, "this line does on test what was done on validation")
        .not(4, "this line comes after the loss, which is wrong already"))
}

#[cfg(test)]
mod tests;
