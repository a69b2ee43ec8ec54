use super::*;

#[test]
fn right_wrong_and_absurd_answers() {
    let exercise = Exercise { ..answer(720, "a dot adds half").not(360, "that is a dotted eighth") };
    assert_eq!(exercise.judge(&720.into()), None);
    assert_eq!(exercise.judge(&723.0.into()), None); // within half a percent
    assert_eq!(exercise.judge(&360.into()), Some("that is a dotted eighth"));
    assert_eq!(exercise.judge(&(-1e9).into()), Some("a dot adds half"));
    assert_eq!(exercise.judge(&f64::NAN.into()), Some("a dot adds half"));
    assert_eq!(exercise.judge(&"a lot".into()), Some("a number is asked for"));
    assert_eq!(exercise.judge(&(1..9).into()), Some("give one value, not a range"));
    let choice = answer("log", "compare the errors");
    assert_eq!(choice.judge(&"LOG".into()), None);
    assert_eq!(choice.judge(&"power".into()), Some("compare the errors"));
    assert_eq!(choice.judge(&3.into()), Some("a word is asked for, in quotation marks"));
}

#[test]
fn a_line_close_to_all_points_leaves_the_exponent_open() {
    let fit = Law::Power.fit(&STRAIGHT.map(|(n, loss)| Point::new(n, loss))).unwrap();
    assert!(fit.r_squared > 0.99, "{}", fit.r_squared);
    assert_eq!(fit.verdict().in_brief(), "not identified");
}

#[test]
fn exercises_whose_answers_are_closed_forms() {
    let study = Study::open("smoke").unwrap();
    let right = |solve: Solve, value: f64| assert_eq!(solve(&study).unwrap().judge(&value.into()), None, "{value}");
    right(forget_bias, 3.344); // ln(.96594 / .03406)
    right(millions, 0.1787);
    right(bits_from_perplexity, 1.356);
    right(scatter_of_a_difference, 0.02828);
    // B's table: 1 − RSS / TSS of the straight line, by hand: s_xy² / (s_xx s_yy)
    right(r_squared_that_can_be, 0.8657);
    assert_eq!(wilson(&study).unwrap().judge(&72.into()), Some("72 / (72 + 3.84) is just below 0.95"));
}

#[test]
fn every_exercise_refuses_absurd_answers_and_explains_its_mistakes() {
    let study = Study::open("smoke").unwrap();
    if !study.folder().join("executed.json").exists() {
        println!("skipped: the smoke study was not run here");
        return;
    }
    for (number, solve) in EXERCISES {
        let exercise = solve(&study).unwrap();
        for absurd in [Answer::from(-1e99), Answer::from("nonsense"), Answer::from(0..9)] {
            assert!(exercise.judge(&absurd).is_some(), "{number}: {absurd}");
        }
        for (wrong, _) in &exercise.mistakes {
            let said = exercise.judge(wrong);
            let is_known = |why| exercise.mistakes.iter().any(|(_, known)| *known == why);
            assert!(said.is_none_or(is_known), "{number}: {wrong} hears {said:?}");
        }
        assert_eq!(exercise.judge(&exercise.right[0]), None, "{number}");
    }
}
