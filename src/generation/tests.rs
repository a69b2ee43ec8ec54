//! Claims about generation as a whole, on models that were never trained.

use super::*;
use crate::data::{TokenData, Tokenizer};
use crate::models::{InitialSpread, LstmConfig, ModelConfig, Positions, TransformerConfig};
use crate::music::midi;
use candle_core::Device;
use std::path::PathBuf;

const TRAIN: &str = "X:1\nM:4/4\nL:1/8\nK:G\nGABc d2B2|G8|]\n\n";

fn models(vocab_size: usize) -> [Model; 2] {
    let transformer = TransformerConfig {
        vocab_size,
        n_positions: 32,
        n_layer: 1,
        n_head: 2,
        d_model: 8,
        d_ff: 16,
        bias: true,
        tied: false,
        positions: Positions::Learned,
        init: InitialSpread::Fixed,
    };
    let lstm = LstmConfig { vocab_size, d_embed: 6, d_hidden: 6, n_layer: 1 };
    [ModelConfig::Transformer(transformer), ModelConfig::Lstm(lstm)]
        .map(|config| Model::new(&config, 1, &Device::Cpu).unwrap())
}

fn data() -> TokenData {
    let tokenizer = Tokenizer::from_text(TRAIN).unwrap();
    let train = tokenizer.encode(TRAIN).unwrap();
    TokenData { dir: "".into(), tokenizer, val: train.clone(), train, test: Vec::new() }
}

fn settings(max_tokens: usize, seed: u64) -> Settings {
    Settings { max_tokens, seed, quiet: true, ..Settings::default() }
}

#[test]
fn the_same_seed_writes_the_same_tunes_and_another_seed_does_not() {
    let data = data();
    let train = Melodies::of_train(&data);
    let prompts =
        ["", "X:1\nK:G\n"].map(|prefix| Prompt::new(prefix, Drawing { top_k: Some(20), ..Drawing::default() }));
    for model in models(data.tokenizer.vocab_size()) {
        let write = |seed| generate(&model, &data, &train, &prompts, &settings(80, seed)).unwrap();
        let samples = write(3);
        assert_eq!(samples, write(3));
        assert_ne!(samples[0].raw, write(4)[0].raw);
        assert!(samples.iter().all(|sample| sample.raw.starts_with(&sample.prompt.prefix)));
        assert!(samples.iter().all(|sample| sample.ended || sample.n_tokens == 80));
    }
}

/// Prompts of every length, so that some rows draw while others read, over a context that is full before they end.
#[test]
fn tunes_are_the_same_whatever_the_batch() {
    let data = data();
    let prompts: Vec<Prompt> = (0..9)
        .map(|i| Prompt::new(TRAIN.chars().take(3 * i).collect::<String>(), Drawing::at(1.0 + 0.1 * i as f64)))
        .collect();
    for model in models(data.tokenizer.vocab_size()) {
        let write = |batch| {
            let settings = Settings { batch, context: Some(24), ..settings(300, 5) };
            write(&model, &data.tokenizer, &prompts, &settings).unwrap()
        };
        let alone = write(1);
        assert!(alone.iter().any(|tune| tune.ended) && alone.iter().any(|tune| !tune.ended));
        [2, 4, 64].into_iter().for_each(|batch| assert_eq!(write(batch), alone));
        let third = generate(
            &model,
            &data,
            &Melodies::default(),
            &prompts[3..4],
            &Settings { context: Some(24), ..settings(300, 8) },
        )
        .unwrap();
        assert_eq!(third[0].raw, alone[3].text, "sample i draws with seed + i");
    }
}

#[test]
fn settings_that_cannot_be_followed_are_refused() {
    let refusal = |settings: Settings| settings.check().unwrap_err().to_string();
    assert!(refusal(Settings { stop: Some(String::new()), ..settings(9, 0) }).starts_with("the stop string is empty"));
    assert!(refusal(Settings { bars: Some(0), ..settings(9, 0) }).starts_with("0 bars are no tune"));
    assert!(refusal(Settings { batch: 0, ..settings(9, 0) }).starts_with("a batch of 0 tunes"));
}

#[test]
fn a_vocabulary_without_line_breaks_needs_a_beginning_and_goes_on_to_the_longest_length() {
    let tokenizer = Tokenizer::from_text("ACGT").unwrap();
    let [model, _] = models(4);
    let written = |prefix: &str| {
        write(&model, &tokenizer, &[Prompt::new(prefix, Drawing::default())], &settings(3, 0))
            .map(|tunes| tunes[0].clone())
    };
    let tune = written("GC").unwrap();
    assert_eq!((tune.text.len(), tune.n_tokens, tune.ended), (5, 3, false));
    let error = written("").unwrap_err().to_string();
    assert!(error.contains("no line break") && error.contains("--prefix"), "{error}");
}

#[test]
fn a_prompt_outside_the_vocabulary_and_a_foreign_vocabulary_are_refused() {
    let data = data();
    let [model, _] = models(data.tokenizer.vocab_size());
    let refusal = |model: &Model, prefix: &str| {
        generate(model, &data, &Melodies::default(), &[Prompt::new(prefix, Drawing::default())], &settings(9, 0))
            .unwrap_err()
            .to_string()
    };
    let error = refusal(&model, "X:1\n?");
    assert!(error.contains("the character '?' in line 2, column 1 is not in the vocabulary"), "{error}");
    let [model, _] = models(5);
    let error = refusal(&model, "");
    assert!(error.contains("the model knows 5 characters, but the vocabulary"), "{error}");
}

fn sample(number: usize, raw: &str) -> Sample {
    let written = Continuation { text: raw.to_string(), n_tokens: raw.len(), ended: true, allowed_log_mass: None };
    Sample::judge(number, Prompt::new("", Drawing::default()), 0, written, &Melodies::of_train(&data()))
}

/// A good tune, one without its header, one that is only noise.
fn three() -> Vec<Sample> {
    vec![sample(1, TRAIN.trim_end()), sample(2, "GABc d2B2|G8|]\n"), sample(3, "1||2\n")]
}

#[test]
fn validity_is_judged_before_headers_are_added() {
    let samples = three();
    let parse = |of: fn(&Sample) -> &Validity| Rates::of(samples.iter().map(of)).of_rung(Rung::ParsesStrictly);
    assert_eq!(
        (parse(|sample| &sample.validity), parse(|sample| &sample.repaired)),
        (Rate::new(1, 3), Rate::new(2, 3))
    );
    assert_eq!(samples[1].headers_added, ["X:1", "K:C", "L:1/8", "M:4/4"]);
    assert_eq!(table(&samples).unwrap().height(), 3);
}

#[test]
fn numbers_go_on_and_what_lies_in_the_folder_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path();
    let mine = [("sample_02.abc", "my own"), ("sample_00 mine.mid", "mine, too"), ("metadata.json", "{}")];
    mine.iter().for_each(|(name, text)| std::fs::write(dir.join(name), text).unwrap());
    let ours = |paths: Vec<PathBuf>| -> Vec<String> {
        let names = paths.iter().map(|path| path.file_name().unwrap().to_string_lossy().into_owned());
        names.filter(|name| !name.contains("abc2midi")).collect()
    };
    let first = ours(write_samples(&three(), dir).unwrap());
    let names = ["sample_03.abc", "sample_03.mid", "sample_04.abc", "sample_04.mid", "sample_05.abc"];
    assert_eq!(first, [&names[..], &["metadata_03.json"]].concat());
    let bytes = |name: &str| std::fs::read(dir.join(name)).unwrap();
    let before: Vec<Vec<u8>> = first.iter().map(|name| bytes(name)).collect();
    assert_eq!(
        ours(write_samples(&three()[..1], dir).unwrap()),
        ["sample_06.abc", "sample_06.mid", "metadata_06.json"]
    );
    assert_eq!(first.iter().map(|name| bytes(name)).collect::<Vec<_>>(), before);
    mine.iter().for_each(|(name, text)| assert_eq!(bytes(name), text.as_bytes()));
}

#[test]
fn a_folder_holds_texts_midi_files_and_what_is_known_of_them() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("new");
    let paths = write_samples(&three(), &dir).unwrap();
    let mut names: Vec<String> =
        std::fs::read_dir(&dir).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    assert_eq!(paths.len(), names.len());
    let again = write_samples(&three(), &dir).unwrap();
    assert_eq!(
        (again.len(), std::fs::read_dir(&dir).unwrap().count()),
        (3, names.len()),
        "the same tunes again add nothing"
    );
    let (theirs, ours): (Vec<String>, Vec<String>) = names.into_iter().partition(|name| name.contains("abc2midi"));
    assert_eq!(
        ours,
        ["metadata.json", "sample_01.abc", "sample_01.mid", "sample_02.abc", "sample_02.mid", "sample_03.abc"]
    );
    let n_notes = |name: &str| midi::read(&std::fs::read(dir.join(name)).unwrap()).unwrap().n_notes();
    assert_eq!(n_notes("sample_01.mid"), 7);
    if crate::music::abc2midi::converts(TRAIN).is_none() {
        println!("abc2midi is not installed: its MIDI files are not compared with ours");
    } else {
        assert_eq!(theirs, ["sample_01_abc2midi.mid", "sample_02_abc2midi.mid"]);
        assert_eq!(n_notes("sample_01_abc2midi.mid"), 7);
    }
    let metadata: serde_json::Value =
        serde_json::from_slice(&std::fs::read(dir.join("metadata.json")).unwrap()).unwrap();
    assert_eq!(metadata["rates"]["passes_all"]["passed"], 1);
    assert_eq!(metadata["samples"][2]["midi_file"], serde_json::Value::Null);
}
