use super::*;

#[test]
fn every_built_in_preset_is_valid_and_has_the_sizes_of_a_built_in_ladder_of_its_name() {
    for (name, text) in BUILT_IN {
        let preset = Preset::parse(text, name).unwrap();
        for family in Family::ALL {
            let ours = preset.ladder(family, 75);
            let ladder = ours[0].name.rsplit_once('-').unwrap().0;
            if let Ok(built_in) = crate::models::ladder(ladder, 75, preset.training.block_size) {
                assert_eq!(ours, built_in, "{name}");
            } else {
                assert!(
                    ["laptop-", "lesson-"].iter().any(|own| ladder.starts_with(own)),
                    "{name} has a ladder of its own, {ladder}"
                );
            }
        }
    }
}

/// What is said about the preset `smoke` with `old` changed to `new`.
fn refusal(old: &str, new: &str) -> String {
    assert!(BUILT_IN[0].1.contains(old), "{old}");
    Preset::parse(&BUILT_IN[0].1.replace(old, new), "mine.toml").unwrap_err().to_string()
}

#[test]
fn what_is_not_valid_is_said_in_words_with_its_line() {
    let start = "the preset mine.toml is not valid: ";
    for (old, new, expected) in [
        ("n_evals = 4", "n_evaluations = 4", "line 27: unknown field `n_evaluations`, expected one of `block_size`"),
        ("source = \"composed\"", "sauce = \"composed\"", "line 18: unknown field `sauce`, expected one of `source`"),
        ("n_evals = 4", "n_evals = 0.5", "line 27: the number `0.5`, expected a whole number"),
        ("{ peak = 1e-2 }", "\"high\"", "line 26: a learning rate is a number, the peak, or { peak"),
        ("{ peak = 1e-2 }", "{ peek = 1e-2 }", "line 26: a learning rate is a number, the peak, or { peak"),
        ("n_samples = 20", "n_samples = 0", "generation.n_samples must be above 0"),
        (
            "n_evals = 4",
            "n_evals = 4\ngrad_clip = -1.0",
            "run smoke-transformer-tiny: grad_clip -1 must be a number from 0 up",
        ),
        ("n_tokens = 60_000\n", "", "training needs n_tokens or n_epochs"),
        ("\n[best]", "\n[best]\nfamilies = []", "best.families names no family"),
        ("n_head = 2, d_model = 12", "n_head = 5, d_model = 12", "d_model 12 is not divisible"),
        ("smoke-lstm-tiny", "smoke-lstm-small", "two sizes are named smoke-lstm-small"),
    ] {
        let error = refusal(old, new);
        assert!(error.starts_with(start) && error.contains(expected), "{error}");
    }
}

#[test]
fn sizes_of_the_other_family_are_refused() {
    let swapped = BUILT_IN[0].1.replace("lstm = [", "other = [").replace("transformer = [", "lstm = [");
    let error = Preset::parse(&swapped.replace("other = [", "transformer = ["), "mine.toml").unwrap_err().to_string();
    assert!(error.contains("line 4: unknown field `d_model`, expected one of `name`, `n_layer`, `d_embed`"), "{error}");
}

#[test]
fn an_unknown_preset_is_answered_with_the_names() {
    let error = Preset::load("latop").unwrap_err().to_string();
    assert_eq!(
        error,
        "there is no preset \"latop\": choose one of smoke, lesson, laptop, course, full, composed, or name a .toml file"
    );
}

#[test]
fn a_relative_source_is_taken_from_the_file_and_is_not_in_the_hash() {
    let folder = tempfile::tempdir().unwrap();
    let load = |place: &str| {
        let file = folder.path().join(place).join("mine.toml");
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(&file, BUILT_IN[0].1.replace("\"composed\"", "\"tunes\"")).unwrap();
        Preset::load(&file.to_string_lossy()).unwrap()
    };
    let ((name, here), (_, there)) = (load("here"), load("there"));
    assert_eq!((name.as_str(), Path::new(&here.corpus.source)), ("mine", &*folder.path().join("here/tunes")));
    assert_ne!(here.corpus.source, there.corpus.source);
    assert_eq!(here.hash(), there.hash());
}

#[test]
fn every_constant_of_the_training_can_be_set() {
    let constants = "n_evals = 4\nfinal_rate_share = 0.5\nwarmup_fraction = 0.2\nweight_decay = 0.3\nbeta1 = 0.8\nbeta2 = 0.7\n\
                     grad_clip = 2.0\ndropout = 0.25\ncool_down = 0.3\npatience = 5\nmicro_batch = 2\nallow_tf32 = true";
    let text = BUILT_IN[0].1.replace("n_evals = 4", constants).replace("{ peak = 1e-2 }", "1e-2");
    let preset = Preset::parse(&text, "mine.toml").unwrap();
    let size = &preset.ladder(Family::Lstm, 75)[0];
    let tokenizer = crate::data::Tokenizer::from_text("ab\n").unwrap();
    let data = crate::data::TokenData { dir: "".into(), tokenizer, train: vec![], val: vec![], test: vec![] };
    let base = RunConfig::new("", &size.model, &data, 0);
    let set = preset.run_config(base.clone(), size, 9);
    assert_eq!((set.learning_rate, set.min_learning_rate, set.n_tokens), (1e-2, 5e-3, 9));
    assert_eq!((set.warmup_fraction, set.weight_decay, set.beta1), (0.2, 0.3, 0.8));
    assert_eq!((set.beta2, set.grad_clip, set.dropout), (0.7, 2.0, 0.25));
    assert_eq!((set.decay, set.patience, set.micro_batch), (Decay::CoolDown { share: 0.3 }, Some(5), Some(2)));
    assert!(set.allow_tf32);
    let default = Preset::parse(BUILT_IN[0].1, "smoke").unwrap().run_config(base.clone(), size, 9);
    assert_eq!((default.min_learning_rate, default.warmup_fraction), (1e-2 / 10.0, base.warmup_fraction));
}

#[test]
fn the_learning_rate_falls_with_the_width_where_the_preset_says_so() {
    let rate = LearningRate { peak: 2e-3, at_width: Some(128), power: 1.0 };
    assert_eq!((rate.at(128), rate.at(64)), (2e-3, 4e-3));
    assert_eq!(LearningRate { at_width: None, ..rate }.at(64), 2e-3);
    assert_eq!(LearningRate { power: 0.5, ..rate }.at(32), 4e-3);
}

#[test]
fn both_families_are_trained_for_longer_unless_the_preset_names_one() {
    let smoke = |best: &str| Preset::parse(&BUILT_IN[0].1.replace("[best]", best), "mine.toml");
    assert_eq!(smoke("[best]").unwrap().best.to_string(), "180000 tokens for the largest Transformer and LSTM");
    assert_eq!(smoke("[best]\nfamilies = [\"lstm\"]").unwrap().best.families, [Family::Lstm]);
}
