//! A study of tiny models in a folder of its own: when a prediction may be made, and when not.

use super::*;
use crate::data::Split;
use crate::study::{Axis, Subject, TestResult};

/// The smoke preset on few tunes and few tokens.
fn study(folder: &tempfile::TempDir) -> Study {
    let mut study = Study::smoke_in(folder.path());
    study.preset.corpus.n_composed = 40;
    study.preset.training.n_tokens = Some(4000);
    study.preset.training.block_size = 32;
    study
}

#[test]
fn a_prediction_is_written_before_the_largest_is_trained_and_stands() {
    let folder = tempfile::tempdir().unwrap();
    let study = study(&folder);
    let error = study.predict(Family::Transformer).unwrap_err().to_string();
    assert_eq!(error, "smoke-transformer-tiny is not trained yet: a prediction needs all smaller Transformers");
    let error = study.outcome(Family::Transformer).unwrap_err().to_string();
    assert!(
        error.starts_with("smoke-transformer-xl is not trained yet, so there is nothing to compare with"),
        "{error}"
    );

    let runs = study.train(Family::Transformer).unwrap(); // predicts before it trains the last
    let prediction = study.predict(Family::Transformer).unwrap();
    assert_eq!((prediction.points.len(), prediction.runs.len()), (4, 4));
    assert_eq!(prediction.model_hash, runs[4].config.hash());
    let outcome = study.outcome(Family::Transformer).unwrap();
    assert_eq!(outcome.measured, runs[4].summary.val_loss);
    assert_eq!(outcome.prediction, prediction, "it stands with its date");
    let recorded = study.results().unwrap().outcome.unwrap(); // JSON keeps an error to its last digit but one
    assert!((recorded.error - outcome.error).abs() < 1e-12 && recorded.prediction == outcome.prediction);
}

#[test]
fn what_is_said_after_the_largest_was_trained_is_void_and_the_study_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let study = study(&folder);
    study.train_size("smoke-transformer-xl").unwrap(); // before the smaller ones: nothing can be predicted
    let runs = study.train(Family::Transformer).unwrap();
    assert!(runs.iter().all(|run| run.summary.finished) && runs.len() == 5);
    let (prediction, outcome) =
        (study.predict(Family::Transformer).unwrap(), study.outcome(Family::Transformer).unwrap());
    let first_line = prediction.to_string().lines().next().unwrap_or_default().to_owned();
    assert_eq!(
        first_line,
        "VOID: smoke-transformer-xl was trained before anything was predicted; what follows was computed afterwards."
    );
    assert!(outcome.prediction.void && outcome.measured == runs[4].summary.val_loss);
    assert!(
        outcome
            .to_string()
            .starts_with("The prediction is VOID: it was computed after smoke-transformer-xl was trained.")
    );
    let lstms = study.train(Family::Lstm).unwrap(); // of four; three points leave no degree of freedom
    let of_lstms = study.outcome(Family::Lstm).unwrap();
    assert!(!of_lstms.prediction.void && of_lstms.inside.is_none() && of_lstms.measured == lstms[3].summary.val_loss);
    assert_eq!(study.results().unwrap().lstm_outcome.unwrap().prediction, of_lstms.prediction);
    let limits = study.families().unwrap().limits(&study.best_ngram().unwrap(), Some(&outcome)).unwrap();
    assert!(limits.iter().any(|sentence| sentence.starts_with("MAY NOT: speak of a prediction")), "{limits:?}");
}

#[test]
fn repeats_are_points_at_the_same_size() {
    let folder = tempfile::tempdir().unwrap();
    let study = study(&folder);
    for family in [Family::Transformer, Family::Lstm] {
        study.train(family).unwrap();
        assert_eq!(study.repeats(family).unwrap(), vec![]);
        study.train_repeats(family).unwrap();
    }
    let families = study.families().unwrap();
    assert_eq!((families.transformers.len(), families.lstms.len()), (6, 5));
    let [first, second] = [0, 1].map(|i| &families.transformers[i]);
    assert_eq!(first.summary.n_params, second.summary.n_params);
    assert_ne!(first.summary.val_loss, second.summary.val_loss);
    study.record_laws(&families, &study.budgets().unwrap()).unwrap();
    let laws = study.results().unwrap().laws.unwrap();
    assert_eq!(laws.transformer["n_points"], 6);
    assert!(laws.transformer.to_string().contains("Runs of the same size scatter by"), "{}", laws.transformer);
    assert!(laws.isoflop.as_str().unwrap().contains("0 of 0 budgets"), "{}", laws.isoflop);
    assert_eq!(families.table().unwrap().height(), 11);
    let limits = families.limits(&study.best_ngram().unwrap(), None).unwrap();
    assert!(limits.iter().all(|it| ["MAY: ", "MAY NOT: ", "WITH CARE: "].iter().any(|start| it.starts_with(start))));
    assert!(limits.iter().any(|it| it.contains("2 repeats of the smallest sizes")), "{limits:?}");
    assert_eq!(study.run_records().unwrap().len(), 11);
    assert_eq!(study.run_table(&study.train(Family::Lstm).unwrap()).unwrap().height(), 4);
    assert_eq!(study.sizes_table(Family::Lstm).unwrap().height(), 4);
    let figure = families.scaling_figure(Axis::Params, study.references().unwrap()).unwrap();
    assert!(figure.svg().unwrap().contains("gzip"));
    assert!(families.cost_figure(Axis::Flops, vec![]).csv().unwrap().contains("frontier"));
}

#[test]
fn the_best_model_is_the_lowest_of_both_ladders_and_the_longer_runs() {
    let folder = tempfile::tempdir().unwrap();
    let mut study = study(&folder);
    study.preset.best.n_tokens = Some(6000);
    let error = study.best_run().unwrap_err().to_string();
    assert_eq!(error, "the study tiny has no finished run: train one first");
    let mut all = study.train_longer().unwrap();
    assert_eq!(all[0].config.name, "smoke-transformer-xl-longer");
    assert_eq!(all[1].config.name, format!("{}-longer", study.largest(Family::Lstm).unwrap().name));
    all.push(study.train_size("smoke-lstm-tiny").unwrap());
    let lowest = all.iter().map(|run| run.summary.best_val_loss).fold(f64::INFINITY, f64::min);
    assert_eq!(study.best_run().unwrap().summary.best_val_loss, lowest);
    study.preset.best.families = vec![Family::Lstm];
    assert_eq!(study.longer_configs().unwrap().len(), 1);
}

#[test]
fn a_test_result_is_kept_for_the_model_that_was_tested_only() {
    let folder = tempfile::tempdir().unwrap();
    let study = study(&folder);
    let run = study.train_size("smoke-lstm-tiny").unwrap();
    let tested = study.test_once(&run).unwrap();
    let keep = |result| study.record(|results| drop(results.test.insert(run.config.hash(), result))).unwrap();
    keep(TestResult { test_loss: 9.0, ..tested.clone() });
    assert_eq!(study.test_once(&run).unwrap().test_loss, 9.0, "kept, not measured again");
    keep(TestResult { test_loss: 9.0, val_loss: tested.val_loss + 0.01, ..tested.clone() });
    assert_eq!(study.test_once(&run).unwrap(), tested, "a result of other weights does not count");
}

#[test]
fn a_run_and_its_file_are_scored_on_the_text_that_belongs_to_them() {
    let folder = tempfile::tempdir().unwrap();
    let study = study(&folder);
    let run = study.train_size("smoke-transformer-tiny").unwrap();
    let data = study.corpus().unwrap().dir.clone();
    let of_run = Subject::open(&run.dir, Some(&data)).unwrap();
    assert!((of_run.loss(Split::Val).unwrap() - run.summary.best_val_loss).abs() < 1e-6);
    let file = run.dir.join("best.safetensors");
    let of_file = Subject::open(&file, Some(&data)).unwrap();
    assert_eq!((of_file.name.as_str(), of_file.block_size, of_file.run.is_none()), ("best.safetensors", 32, true));
    let shorter = Subject { batch_size: of_run.batch_size, ..of_file };
    assert_eq!(shorter.loss(Split::Val).unwrap(), of_run.loss(Split::Val).unwrap());
    let error = Subject::open(&file, None).unwrap_err().to_string();
    assert!(error.ends_with("is a file: say which folder of tokens it belongs to (--data)"), "{error}");
    let error = Subject::open(study.folder().join("runs/nothing"), None).unwrap_err().to_string();
    assert!(error.starts_with("there is no run"), "{error}");
    assert!(!study.folder().join("runs/nothing").exists(), "nothing is created");
}
