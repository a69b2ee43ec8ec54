#![allow(unused, clippy::all)]
fn main() -> std::result::Result<(), Box<dyn std::error::Error>> {
// cell 1
use music_scaling::prelude::*;

let study = Study::open_default()?;
println!("{study}");
;
// cell 3
let data: Arc<TokenData> = study.data()?;
let ladder: Vec<Size> = study.ladder(Family::Transformer)?;
show::table(&study.sizes_table(Family::Transformer)?)
;let _ = &data;let _ = &ladder;
// cell 6
fn rates(config: &RunConfig) -> Vec<(f64, f64)> {
    let schedule = training::Schedule::new(config);
    (1..=schedule.n_steps).map(|step| (step as f64, schedule.at(step))).collect()
}
let (first, last): (RunConfig, RunConfig) =
    (study.run_config(&ladder[0], &data), study.run_config(&ladder[4], &data));
let mean_rate: f64 = rates(&first).iter().map(|(_, rate)| rate).sum::<f64>() / first.n_steps() as f64;
println!("{} steps, mean rate {:.3} of the peak", first.n_steps(), mean_rate / first.learning_rate);
figures::lines(
    vec![Line::new("smallest", rates(&first)), Line::new("largest", rates(&last)).family(Family::Transformer)],
    "Step",
    "Learning rate",
    vec![],
)
.title(&format!("The rate falls to a tenth of its peak by step {}, the last of the run", first.n_steps()))
.save("04_schedule")?
;let _ = &mean_rate;let _ = &first;let _ = &last;
// cell 9
let ngram: BestNGram = study.best_ngram()?;
println!("{ngram}");
println!(
    "gzip: {:.3} bits per character, which is {:.4} nats per token",
    study.gzip_bits_per_char()?,
    study.gzip_bits_per_char()? * 2f64.ln()
);
;
// cell 11
live::watch(ladder[..4].iter().map(|size| &size.name), "figures")
;
// cell 12
let mut four: Vec<Run> = Vec::new();
for size in &ladder[..4] {
    four.push(study.train_size(&size.name)?);
    println!("{}", four[four.len() - 1]);
};
;
// cell 14
fn loss_curve(run: &Run) -> LossCurve {
    let name = run.config.name.rsplit('-').next().unwrap_or("model");
    LossCurve::new(name, run.config.model.family(), run.summary.n_params as f64, run.val_curve())
}
let losses: Vec<f64> = four.iter().map(|run| run.summary.val_loss).collect();
println!("(1) falls with size: {}", losses.is_sorted_by(|p, q| p > q));
println!("(2) {}", ngram.judge("the smallest", losses[0]));
println!(
    "(3) gains from size to size: {:.3?} nats",
    losses.windows(2).map(|pair| pair[0] - pair[1]).collect::<Vec<f64>>()
);
figures::loss_curves(four.iter().map(loss_curve).collect::<Vec<_>>(), study.references()?).title(&format!(
    "Four sizes end between {:.2} and {:.2} nats per token",
    losses[0],
    losses[losses.len() - 1]
))
;let _ = &losses;
// cell 17
let points: Vec<Point> =
    four.iter().map(|run| Point::new(run.summary.n_params as f64, run.summary.val_loss)).collect();
println!("{}\n\n{}\n", Law::Power.fit(&points)?, Law::Log.fit(&points)?);
let prediction: Prediction = study.predict()?; // written to prediction.json, once
println!("{prediction}");
;
// cell 19
live::watch(&[ladder[4].name.as_str()], "figures")
;
// cell 20
let xl: Run = study.train_size(&ladder[4].name)?;
println!("{xl}");
;
// cell 22
let outcome: Outcome = study.outcome()?;
println!("{outcome}");
println!(
    "The error is {:.0} % of what the last step up bought.",
    100.0 * (outcome.error / outcome.gain_of_last_step).abs()
);
;
// cell 25
let five: Vec<Run> = four.iter().cloned().chain([xl.clone()]).collect();
let beating = five.iter().filter(|run| run.summary.val_loss < ngram.val_loss).count();
figures::loss_curves(five.iter().map(loss_curve).collect::<Vec<_>>(), study.references()?)
    .title(&format!(
        "After {} tokens {beating} of {} Transformers beat the {}-gram",
        figures::human(five[0].summary.n_tokens as f64),
        five.len(),
        ngram.order
    ))
    .save("04_loss_curves")?
;let _ = &five;let _ = &beating;
// cell 27
println!("ran on {}", five[0].summary.device);
show::table(&study::run_table(&five)?)
;
// cell 29
/// Mean loss of the last `n` points of a curve.
fn end_of(curve: &[(f64, f64)], n: usize) -> f64 {
    let last = &curve[curve.len().saturating_sub(n)..];
    last.iter().map(|point| point.1).sum::<f64>() / last.len() as f64
}
let epochs = xl.summary.n_tokens as f64 / data.train.len() as f64;
let gap = end_of(&xl.val_curve(), 1) - end_of(&xl.train_curve(), 10);
let side = if gap < 0.0 { "below" } else { "above" };
let lines = vec![
    Line::new("training batches", xl.train_curve()).grey(),
    Line::new("validation", xl.val_curve()).with_dots().family(Family::Transformer),
];
figures::lines(&lines, "Training tokens", "Loss (nats per token)", study.references()?)
    .title(&format!("After {epochs:.1} epochs validation lies {:.3} nats {side} the last training batches", gap.abs()))
    .save("04_gap")?
;let _ = &epochs;let _ = &gap;let _ = &side;let _ = &lines;
// cell 31
let limit = xl.config.grad_clip;
fn norms(run: &Run) -> Line {
    let name = run.config.name.rsplit('-').next().unwrap_or("model").to_string();
    Line::new(name, run.metrics.iter().map(|metric| (metric.step as f64, metric.grad_norm)).collect::<Vec<_>>())
}
let clipped =
    xl.metrics.iter().filter(|metric| metric.grad_norm > limit).count() as f64 / xl.metrics.len().max(1) as f64;
figures::lines(
    vec![norms(&five[0]), norms(&xl).family(Family::Transformer)],
    "Step",
    "Gradient norm",
    vec![Reference::new("clipped above", limit)],
)
.log_y()
.title(&format!("{:.0} % of the largest model's recorded steps were clipped", 100.0 * clipped))
.save("04_gradients")?
;let _ = &limit;let _ = &clipped;
// cell 33
fn one_line(model: &Model, tokenizer: &Tokenizer, n: usize) -> Result<String> {
    let mut sampler = generation::Sampler::new(0.7, None, 1)?; // the same luck for every checkpoint
    let mut decoder = model.decoder()?;
    let mut written: Vec<u16> = tokenizer.encode("\n\nX:1\n")?;
    let mut logits = vec![0.0];
    for token in &written {
        logits = decoder.next(u32::from(*token))?;
    }
    for _ in 0..n {
        let next = sampler.draw(&logits)?;
        written.push(next as u16);
        logits = decoder.next(next)?;
    }
    Ok(tokenizer.decode(&written).trim_start().replace('\n', "⏎"))
}
for saved in xl.checkpoints()? {
    println!("{:>9} tokens  {}", saved.n_tokens, one_line(&xl.model_at(&saved)?, &data.tokenizer, 90)?);
};
;
// cell 35
let again = evaluate(&xl.last_model()?, &data.val, xl.config.block_size, xl.config.batch_size)?;
println!("recorded {:.6}, evaluated again {again:.6}", xl.summary.val_loss);
assert!((again - xl.summary.val_loss).abs() < 1e-4);
;
Ok(())
}
