//! The whole way in one small test: real MIDI files → corpus → tokens → trained models → a fitted law → a written tune.

use music_scaling::data::{Corpus, CorpusConfig};
use music_scaling::fitting::{Law, Point};
use music_scaling::generation::{self, Drawing, Prompt, Rates, Settings};
use music_scaling::models::{Family, NGram, ladder};
use music_scaling::training::{RunConfig, Runs, TrainOptions, evaluate};
use std::path::Path;

#[test]
fn composed_midi_files_become_a_law_and_new_tunes() {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("from-midi-to-a-law");
    let _ = std::fs::remove_dir_all(&folder);
    let config = CorpusConfig { n_composed: 120, ..CorpusConfig::of("composed") };
    let corpus = Corpus::get_or_prepare(&config, &folder).unwrap();
    assert_eq!(corpus.success_rate(), 1.0);
    let data = corpus.tokens().unwrap();

    let runs =
        Runs::open(folder.join("runs")).unwrap().with_options(TrainOptions { quiet: true, ..TrainOptions::default() });
    let sizes = ladder("smoke-transformer", data.tokenizer.vocab_size(), 32).unwrap();
    let mut points = Vec::new();
    for size in &sizes[..3] {
        let run_config = RunConfig {
            block_size: 32,
            batch_size: 4,
            learning_rate: 5e-3,
            n_evals: 2,
            ..RunConfig::new(&size.name, &size.model, &data, 12_000)
        };
        let run = runs.get_or_train(&run_config, &data).unwrap();
        assert!(run.summary.finished);
        let again = evaluate(&run.last_model().unwrap(), &data.val, 32, 4).unwrap();
        assert!(
            (again - run.summary.val_loss).abs() < 1e-6,
            "the checkpoint scores {again}, the record {}",
            run.summary.val_loss
        );
        points.push(Point::new(run.summary.n_params as f64, run.summary.val_loss));
    }
    let uniform = (data.tokenizer.vocab_size() as f64).ln();
    assert!(
        points.iter().all(|point| point.val_loss < 0.8 * uniform),
        "nothing was learnt: {points:?}, ln V = {uniform}"
    );
    assert_eq!(Law::Power.fit(&points).unwrap().n_points, 3);

    let six_gram = NGram::train(&data.train, data.tokenizer.vocab_size(), 6).unwrap().loss(&data.val);
    assert!(six_gram < uniform);

    let run = runs.get(&sizes[2].name).unwrap();
    let prompts = Prompt::varied(&data, 3);
    let model = run.best_model().unwrap();
    let settings = Settings { max_tokens: 200, seed: 1, ..Settings::default() };
    let samples = generation::generate(&model, &data, &prompts, &settings).unwrap();
    assert_eq!(samples.len(), 3);
    let files = generation::write_samples(&samples, &folder.join("samples")).unwrap();
    assert!(files.iter().any(|path| path.ends_with("metadata.json")));
    println!("{}", Rates::of(&samples));

    let outside = generation::generate(&model, &data, &[Prompt::new("X:1\nK:☃", Drawing::default())], &settings);
    assert!(outside.unwrap_err().to_string().contains('☃'));
    assert_eq!(run.config.model.family(), Family::Transformer);
}
