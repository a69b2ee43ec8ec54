//! Claims about L(N, D), its rival with a term of both, and repeated data: planted laws, outliers, refusals.

use crate::*;

/// E 1.69, A 406.4, alpha .34, B 410.7, beta .28 (Hoffmann et al. 2022) on a grid of runs.
pub(crate) fn hoffmann(sizes: &[f64], tokens: &[f64]) -> Vec<Point> {
    let loss = |n: f64, d: f64| 1.69 + 406.4 / n.powf(0.34) + 410.7 / d.powf(0.28);
    let row = |&n: &f64| tokens.iter().map(move |&d| Point::new(n, loss(n, d)).with_tokens(d));
    sizes.iter().flat_map(row).collect()
}

fn assert_hoffmann(law: &Fit) {
    println!("{law}");
    let found = [law["E"].value, law["A"].value, law["alpha"].value, law["B"].value, law["beta"].value];
    for (found, planted) in found.into_iter().zip([1.69, 406.4, 0.34, 410.7, 0.28]) {
        assert!((found / planted - 1.0).abs() < 1e-6, "{found} {planted}");
    }
}

#[test]
fn recovers_all_five_parameters_of_hoffmann_to_six_digits() {
    assert_hoffmann(&Law::Plane.fit(&hoffmann(&[1e7, 1e8, 1e9, 1e10], &[1e9, 1e10, 1e11])).unwrap());
}

#[test]
fn the_chinchilla_objective_recovers_them_too_and_shrugs_off_outliers() {
    let mut points = hoffmann(&[1e7, 1e8, 1e9, 1e10], &[1e9, 1e10, 1e11]);
    assert_hoffmann(&Fit::new(Law::Plane, Objective::CHINCHILLA, &points).unwrap());
    points[5].val_loss *= 1.1;
    let alpha = |objective| Fit::new(Law::Plane, objective, &points).unwrap()["alpha"].value;
    assert!((alpha(Objective::LeastSquares) - 0.34).abs() > 0.01);
    assert!((alpha(Objective::CHINCHILLA) - 0.34).abs() < 0.003, "{}", alpha(Objective::CHINCHILLA));
}

#[test]
fn the_bootstrap_holds_the_planted_exponents() {
    let mut points = hoffmann(&[1e7, 1e8, 1e9, 1e10], &[1e9, 1e10, 1e11]);
    points.iter_mut().enumerate().for_each(|(index, point)| point.val_loss += 0.01 * (37.0 * index as f64).sin());
    let law = Law::Plane.fit(&points).unwrap();
    let found = law.bootstrap(500, 1).unwrap();
    println!("{found:?}");
    for (name, planted) in [("alpha", 0.34), ("beta", 0.28), ("E", 1.69)] {
        assert!(found.intervals[name].contains(planted) && law[name].interval.unwrap().contains(planted), "{name}");
    }
    assert!(found.intervals["optimal_exponent"].contains(law.optimal_exponent().unwrap()));
}

#[test]
fn two_hundred_and_forty_points_are_fitted() {
    let points = hoffmann(&search::log_grid(5e7, 1.6e10, 20), &search::log_grid(5e9, 5e11, 12));
    assert_hoffmann(&Law::Plane.fit(&points).unwrap());
}

#[test]
fn noise_leaves_the_fit_at_least_as_close_to_the_points_as_the_truth() {
    let mut points = hoffmann(&[1e7, 1e8, 1e9, 1e10], &[1e9, 1e10, 1e11]);
    let noise = |index: usize| 0.01 * (37.0 * index as f64).sin();
    points.iter_mut().enumerate().for_each(|(index, point)| point.val_loss += noise(index));
    let law = Law::Plane.fit(&points).unwrap();
    println!("{law}");
    assert!(law.rss <= (0..points.len()).map(|index| noise(index).powi(2)).sum());
    assert!((law["alpha"].value - 0.34).abs() < 0.05 && (law["beta"].value - 0.28).abs() < 0.05);
}

#[test]
fn a_data_term_that_is_absent_gets_no_share() {
    let mut points = hoffmann(&[1e7, 1e8, 1e9, 1e10], &[1e9, 1e10, 1e11]);
    points.iter_mut().for_each(|point| point.val_loss = 1.69 + 406.4 / point.n_params.powf(0.34));
    let law = Law::Plane.fit(&points).unwrap();
    assert!((law["alpha"].value - 0.34).abs() < 1e-6 && (law["E"].value - 1.69).abs() < 1e-6, "{law}");
    let at = |n: f64, d: f64| law.predict(Point::from(n).with_tokens(d));
    assert!(at(1e8, 1e9) - at(1e8, 1e11) < 1e-6, "{law}");
}

#[test]
fn one_token_count_cannot_tell_the_data_term_from_the_floor() {
    let error = Law::Plane.fit(&hoffmann(&[1e7, 1e8, 1e9, 3e9, 1e10], &[1e10])).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the points have 1 different values of D; L(N, D) = E + A/N^alpha + B/D^beta needs at least 3"
    );
}

/// R* = 15.4 (Muennighoff et al. 2023) on three sizes, three texts and one to forty epochs.
fn planted(r_star: f64, noise: f64) -> Vec<Point> {
    let mut points = Vec::new();
    for n_params in [1e7_f64, 1e8, 1e9] {
        for n_unique_tokens in [1e8_f64, 4e8, 1.6e9] {
            for epochs in [1.0, 4.0, 12.0, 40.0] {
                let n_tokens = epochs * n_unique_tokens;
                let d = effective_tokens(n_tokens, n_unique_tokens, r_star);
                let wobble = noise * (53.0 * points.len() as f64).sin();
                let val_loss = 1.69 + 406.4 / n_params.powf(0.34) + 410.7 / d.powf(0.28) + wobble;
                points.push(Point::new(n_params, val_loss).with_tokens(n_tokens).with_unique_tokens(n_unique_tokens));
            }
        }
    }
    points
}

#[test]
fn effective_tokens_by_hand() {
    assert_eq!(effective_tokens(5e8, 1e9, 15.0), 5e8); // less than one epoch: every token is new
    assert_eq!(effective_tokens(1e9, 1e9, 15.0), 1e9);
    let once_again = effective_tokens(2e9, 1e9, 1.0); // R = R* = 1: 1 + (1 - 1/e)
    assert!((once_again / 1e9 - 2.0 + (-1.0f64).exp()).abs() < 1e-12);
    assert!(effective_tokens(1e15, 1e9, 15.0) <= 16.0 * 1e9 * (1.0 + 1e-12)); // at most U·(1 + R*)
}

#[test]
fn a_planted_worth_of_repetition_is_recovered() {
    let found = Law::Repeated.fit(&planted(15.4, 0.0)).unwrap();
    println!("{found}");
    assert!((found["r_star"].value / 15.4 - 1.0).abs() < 1e-4, "{}", found["r_star"].value);
    assert!((found["alpha"].value / 0.34 - 1.0).abs() < 1e-4 && (found["beta"].value / 0.28 - 1.0).abs() < 1e-4);
}

#[test]
fn with_noise_the_interval_holds_the_truth() {
    let found = Law::Repeated.fit(&planted(15.4, 0.01)).unwrap();
    let seen = |n_tokens: f64| Point::new(1e8, 0.0).with_tokens(n_tokens).with_unique_tokens(4e8);
    println!("{found}");
    assert!(found["r_star"].interval.unwrap().contains(15.4));
    assert!(found.predict(seen(4e9)) < found.predict(seen(4e8)));
}

#[test]
fn one_epoch_says_nothing_about_repetition() {
    let mut points = planted(15.4, 0.0);
    points.retain(|point| point.n_tokens == point.n_unique_tokens);
    let error = Law::Repeated.fit(&points).unwrap_err().to_string();
    assert!(error.starts_with("no run saw its text for more than one epoch"), "{error}");
}

/// Hoffmann's law with d/(N^alpha·D^beta), which at the smallest N and D is worth as much as the term of N: 1.7 nats.
const MUPT: [f64; 6] = [1.69, 406.4, 0.34, 410.7, 0.28, 1.3e5];

/// On four sizes and four texts, with noise that repeats.
fn on_a_grid(law: Law, values: &[f64], noise: f64) -> Vec<Point> {
    let places = [1e7, 1e8, 1e9, 1e10].into_iter().flat_map(|n| [1e9, 4e9, 1.6e10, 6.4e10].map(|d| (n, d)));
    let point = |(i, (n, d)): (usize, (f64, f64))| {
        let at = Point::from(n).with_tokens(d);
        Point { val_loss: law.loss(values, &at) + noise * (37.0 * i as f64).sin(), ..at }
    };
    places.enumerate().map(point).collect()
}

#[test]
fn mupts_law_by_hand() {
    let at = Point::from(100.0).with_tokens(10_000.0);
    // 1 + 20/10 + 300/100 + 4000/(10·100)
    assert!((Law::Mupt.loss(&[1.0, 20.0, 0.5, 300.0, 0.5, 4000.0], &at) - 10.0).abs() < 1e-12);
}

#[test]
fn all_six_parameters_of_mupts_law_are_recovered() {
    let law = Law::Mupt.fit(&on_a_grid(Law::Mupt, &MUPT, 0.0)).unwrap();
    println!("{law}");
    for (name, planted) in Law::Mupt.parameters().into_iter().zip(MUPT) {
        assert!((law[name].value / planted - 1.0).abs() < 1e-4, "{name}: {law}");
    }
    assert!(law.optimal_exponent().is_none());
}

#[test]
fn where_the_plane_is_true_the_term_of_both_gets_no_share_and_the_plane_wins() {
    let exact = Law::Mupt.fit(&on_a_grid(Law::Plane, &MUPT[..5], 0.0)).unwrap();
    let share = |fit: &Fit| fit["d"].value / (1e7f64.powf(fit["alpha"].value) * 1e9f64.powf(fit["beta"].value));
    assert!(share(&exact) < 1e-5, "{exact}");
    let points = on_a_grid(Law::Plane, &MUPT[..5], 0.003);
    let fit = Law::Mupt.fit(&points).unwrap();
    println!("{fit}\nat the smallest N and D: {} nats", share(&fit));
    assert!(fit["d"].interval.unwrap().low == 0.0 && matches!(fit["d"].verdict, Verdict::NotIdentified(_)));
    assert_eq!(rank_laws(&points, &Law::OF_N_AND_D).unwrap()[0].law, Law::Plane);
}

#[test]
fn on_its_own_data_mupts_law_beats_the_plane() {
    let points = on_a_grid(Law::Mupt, &MUPT, 0.003);
    let scores = rank_laws(&points, &Law::OF_N_AND_D).unwrap();
    let better = scores[1].aicc.unwrap() - scores[0].aicc.unwrap();
    println!("AICc better by {better}; {}", Law::Mupt.fit(&points).unwrap());
    assert!(scores[0].law == Law::Mupt && better > 10.0);
    let fit = Law::Mupt.fit(&points).unwrap();
    for (name, planted) in Law::Mupt.parameters().into_iter().zip(MUPT) {
        assert!(fit[name].interval.unwrap().contains(planted), "{name}: {fit}");
    }
}
