#![allow(unused, clippy::all)]
fn main() -> std::result::Result<(), Box<dyn std::error::Error>> {
// cell 1
use music_scaling::prelude::*;

let study = Study::open_default()?;
println!("{study}");
;
// cell 3
let families: Families = study.families()?;
let of_transformers: Vec<Point> = families.points(Family::Transformer, Axis::Params);
let of_lstms: Vec<Point> = families.points(Family::Lstm, Axis::Params);
println!("on {}", families.transformers[0].summary.device);
show::table(&families.table()?)
;let _ = &families;let _ = &of_transformers;let _ = &of_lstms;
// cell 5
/// For one alpha the least squares of loss = a·x + c, x = (N / N0)^-alpha, a and c ≥ 0: (a, c, sum of squares).
fn best_line(points: &[Point], alpha: f64) -> (f64, f64, f64) {
    let n = points.len() as f64;
    let x: Vec<f64> = points.iter().map(|point| (point.n_params / points[0].n_params).powf(-alpha)).collect();
    let y: Vec<f64> = points.iter().map(|point| point.val_loss).collect();
    let (mean_x, mean_y) = (x.iter().sum::<f64>() / n, y.iter().sum::<f64>() / n);
    let s_xy: f64 = x.iter().zip(&y).map(|(x, y)| (x - mean_x) * (y - mean_y)).sum();
    let s_xx: f64 = x.iter().map(|x| (x - mean_x).powi(2)).sum();
    let mut a = (s_xy / s_xx).max(0.0);
    let mut c = mean_y - a * mean_x;
    if c < 0.0 {
        // a floor below zero is no loss: then the line goes through the origin
        c = 0.0;
        a = x.iter().zip(&y).map(|(x, y)| x * y).sum::<f64>() / x.iter().map(|x| x * x).sum::<f64>();
    }
    let squares = x.iter().zip(&y).map(|(x, y)| (y - a * x - c).powi(2)).sum();
    (a, c, squares)
}
;
// cell 7
/// (alpha, root mean square misfit in nats) over the whole range that is searched.
fn valley(points: &[Point]) -> Vec<(f64, f64)> {
    let (low, high) = fitting::ALPHA_RANGE;
    let alphas = (0..=800).map(|i| low * (high / low).powf(f64::from(i) / 800.0));
    alphas.map(|alpha| (alpha, (best_line(points, alpha).2 / points.len() as f64).sqrt())).collect()
}
fn lowest(valley: &[(f64, f64)]) -> (f64, f64) {
    valley.iter().copied().min_by(|p, q| p.1.total_cmp(&q.1)).unwrap_or((f64::NAN, f64::NAN))
}
/// The exponents whose misfit stays within a hundredth of a nat of the best.
fn as_good(valley: &[(f64, f64)]) -> (f64, f64) {
    let good: Vec<f64> =
        valley.iter().filter(|(_, misfit)| *misfit < lowest(valley).1 + 0.01).map(|(alpha, _)| *alpha).collect();
    (good[0], good[good.len() - 1])
}
;
// cell 8
let (valley_t, valley_l) = (valley(&of_transformers), valley(&of_lstms));
let (good_t, good_l) = (as_good(&valley_t), as_good(&valley_l));
for (family, valley, good) in [("Transformer", &valley_t, good_t), ("LSTM", &valley_l, good_l)] {
    let best = lowest(valley).0;
    println!("{family:<11} best alpha {best:.4}; within 0.01 nats of the best: {:.3} to {:.3}", good.0, good.1);
}
let lines = vec![
    Line::new("Transformer", valley_t.clone()).family(Family::Transformer),
    Line::new("LSTM", valley_l.clone()).family(Family::Lstm),
];
figures::lines(&lines, "Exponent alpha (held fixed)", "Best misfit (nats, root mean square)", [])
    .log_x()
    .log_y()
    .title(&format!(
        "Any alpha from {:.2} to {:.2} fits the Transformers to within 0.01 nats of the best",
        good_t.0, good_t.1
    ))
    .save("06_misfit")?
;let _ = &lines;let _ = &valley_t;let _ = &valley_l;let _ = &good_t;let _ = &good_l;
// cell 11
let law_t: Fit = Law::Power.fit(&of_transformers)?;
let law_l: Fit = Law::Power.fit(&of_lstms)?;
let report_t = families.report(Family::Transformer, Law::Power)?;
println!("TRANSFORMER\n{report_t}\n\nLSTM\n{}", families.report(Family::Lstm, Law::Power)?);
for (law, valley) in [(&law_t, &valley_t), (&law_l, &valley_l)] {
    let (by_hand, alpha) = (lowest(valley).0, law["alpha"].value);
    assert!(
        alpha == 0.0 || (by_hand / alpha).ln().abs() < 0.03 || law.rss.sqrt() < 1e-9,
        "by hand {by_hand}, library {alpha}"
    );
};
;
// cell 13
let alpha: f64 = law_t["alpha"].value;
let log: fn(f64) -> f64 = |alpha| alpha.max(1e-3).log10();
let drawn: Vec<f64> = match &report_t.bootstrap {
    Some(resamples) => resamples.values("alpha").into_iter().map(log).collect(),
    None => vec![log(alpha)], // too few points to resample
};
let spread: (f64, f64) = match &report_t.bootstrap {
    Some(resamples) => (resamples.intervals["alpha"].low, resamples.intervals["alpha"].high),
    None => (f64::NAN, f64::NAN),
};
let fitted = vec![Reference::vertical("fit", log(alpha))];
figures::histogram(&drawn, "Resampled exponent (log10 of alpha)", "resamples", &fitted)
    .title(&format!(
        "95 % of the resampled Transformer exponents lie between {:.3} and {:.3}; the fit says {:.3}",
        spread.0, spread.1, alpha
    ))
    .save("06_bootstrap")?
;let _ = &alpha;let _ = &log;let _ = &drawn;let _ = &spread;let _ = &fitted;
// cell 15
let (log_t, log_l): (Fit, Fit) = (Law::Log.fit(&of_transformers)?, Law::Log.fit(&of_lstms)?);
println!("Transformer\n{log_t}\n\nLSTM\n{log_l}\n");
println!(
    "a doubling of N buys {:.4} nats (Transformer), {:.4} nats (LSTM)",
    -log_t["B"].value * 2f64.ln(),
    -log_l["B"].value * 2f64.ln()
);
show::table(&study::laws_table(&families.rank_laws()?)?)
;let _ = &log_t;let _ = &log_l;
// cell 17
let floors: Floors = study.floors(&families)?;
println!("{floors}\n");
for (family, law) in [("Transformer", &law_t), ("LSTM", &law_l)] {
    println!("This study's {family}: c = {:.3} is {}", law["c"].value, law["c"].verdict);
}
let title = floors.closest().map_or(String::new(), |(floor, times)| {
    let (family, verdict) = (floor.family, floor.verdict.in_brief());
    format!("Where the entropy is known, the closest floor (the {family}'s, {verdict}) is {times:.1} times as high")
});
floors.figure()?.title(&title).save("06_composed")?
;let _ = &floors;let _ = &title;
// cell 19
fn last(points: &[Point]) -> f64 { points.last().map_or(f64::NAN, |point| point.val_loss) }
families
    .scaling_figure(Axis::Params, study.references()?)?
    .title(&format!(
        "The Transformer comes down to {:.2} nats (alpha {}), the LSTM to {:.2} (alpha {})",
        last(&of_transformers),
        law_t.verdict().in_brief(),
        last(&of_lstms),
        law_l.verdict().in_brief()
    ))
    .save("06_scaling")?
;
// cell 22
fn cost(study: &Study, families: &Families, axis: Axis, name: &str) -> Result<Figure> {
    let frontier = families.frontier(axis);
    let n_transformers = frontier.iter().filter(|run| run.0.contains("transformer")).count();
    families
        .cost_figure(axis, study.references()?)
        .title(&format!("{n_transformers} of {} runs on the frontier are Transformers", frontier.len()))
        .save(name)
}
show::side_by_side(&[
    cost(&study, &families, Axis::Flops, "06_cost_flops")?,
    cost(&study, &families, Axis::Seconds, "06_cost_seconds")?,
    cost(&study, &families, Axis::Megabytes, "06_cost_memory")?,
])?
;
// cell 24
println!("{}", families.compare(Axis::Params)?);
println!("\nThe same with N standing for the FLOPs of the whole training.\n{}", families.compare(Axis::Flops)?);
;
// cell 26
show::one_after_another(&[
    show::table(&study::sensitivity_table(&families.sensitivity()?)?),
    show::table(&study::objectives_table(&families.objectives()?)?),
])
;
// cell 28
println!("{}", study.extra_cost()?);
if study.preset.isoflop.is_some() {
    study.train_isoflop()?;
} else {
    println!("this preset has no IsoFLOP budgets");
}
let budgets: Budgets = study.budgets()?;
study.record_families(&families)?;
study.record_budgets(&budgets, &families)?;
match budgets.profiles() {
    Ok(found) => println!("{found}"),
    Err(reason) => println!("no exponents: {reason}"),
};
;
// cell 29
let title = match budgets.profiles() {
    Ok(found) => format!("At equal FLOPs the best size grows as {}", found.n_params),
    Err(_) => "At equal FLOPs these runs show no exponent of the best size".to_string(),
};
let profiles: show::Html = if budgets.runs.is_empty() {
    show::text("this preset has no IsoFLOP budgets")
} else {
    show::figure(&budgets.figure(study.references()?).title(&title).save("06_isoflop")?)?
};
profiles
;let _ = &title;let _ = &profiles;
// cell 30
match budgets.in_n_and_d(&families, Objective::LeastSquares) {
    Ok(law) => println!("{law}"),
    Err(reason) => println!("L(N, D): {reason}"),
}
println!("(without the {} runs that saw text more than once)\n", budgets.n_repeating(&families));
match budgets.repeated(&families) {
    Ok(law) => println!("{law}"),
    Err(reason) => println!("repeated text: {reason}"),
}
show::table(&study::countings_table(&budgets.countings(&families)?)?)
;
// cell 32
let published = fitting::published_fits();
let mut reproduced: Vec<(String, bool)> = Vec::new();
for fit in &published {
    let check = fit.check()?;
    println!(
        "{}  {}: {}, R² {:.4}",
        if check.holds() { "PASS" } else { "FAIL" },
        fit.name,
        fit.claim,
        check.r_squared
    );
    reproduced.push((fit.name.to_string(), check.holds()));
}
assert!(reproduced.iter().all(|(_, holds)| *holds));
study.record("published/reproduced", &reproduced)?;
;
// cell 33
let mut exponents: Vec<(String, Family, Fit)> = vec![
    ("ours, Transformer".into(), Family::Transformer, law_t.clone()),
    ("ours, LSTM".into(), Family::Lstm, law_l.clone()),
];
for fit in &published {
    let family = if fit.name.contains("LSTM") { Family::Lstm } else { Family::Transformer };
    exponents.push((fit.name.to_string(), family, Law::Power.fit(&fit.points)?));
}
for (name, _, law) in &exponents {
    println!("{name:<18} alpha {:.3} is {}", law["alpha"].value, law.verdict());
}
study.record("published/exponents", &exponents)?;
for pair in published.chunks(2) {
    let at = [pair[1].points.last().map_or(f64::NAN, |largest| largest.n_params)]; // of the largest LSTM
    let families = ((pair[0].name, &pair[0].points[..]), (pair[1].name, &pair[1].points[..]));
    println!("\n{}", Comparison::new(families.0, families.1, &at, 1000, study.preset.seed)?);
};
;
// cell 34
fn bar((name, family, law): &(String, Family, Fit)) -> NamedValue {
    let alpha = &law["alpha"];
    let bar = NamedValue::new(name.as_str(), alpha.value).family(*family).note(format!("{:.2}", alpha.value));
    match &alpha.interval {
        Some(found) => bar.interval(found.low, found.high),
        None => bar,
    }
}
let identified = exponents[2..]
    .iter()
    .filter(|(_, _, law)| matches!(law.verdict(), Verdict::Identified | Verdict::WeaklyIdentified(_)))
    .count();
figures::bars(exponents.iter().map(bar).collect::<Vec<_>>(), "Exponent alpha with its 95 % interval (searched: 0.001 to 5)")
    .title(&format!("{identified} of the 4 published tables identify their exponent, even weakly"))
    .save("06_exponents")?
;let _ = &identified;
// cell 36
let outcome: Outcome = study.outcome()?;
for sentence in families.limits(&study.best_ngram()?, Some(&outcome))? {
    println!("{sentence}");
};
;
Ok(())
}
