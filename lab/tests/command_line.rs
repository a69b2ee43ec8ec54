//! What the command line says about bad input: one clear sentence, a failing exit code, and nothing good is lost.

use music_scaling::data::{Tokenizer, composed};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

fn music_scaling(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_music-scaling")).args(arguments).output().unwrap()
}

/// The one sentence that a failing command prints.
fn error_of(arguments: &[&str]) -> String {
    let output = music_scaling(arguments);
    assert!(!output.status.success(), "{arguments:?} succeeded");
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(!text.contains("panicked"), "{text}");
    assert_eq!(text.trim_end().lines().count(), 1, "{text}");
    text.trim_end().to_owned()
}

fn folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

fn file(folder: &Path, name: &str, text: &str) -> String {
    let path = folder.join(name);
    std::fs::write(&path, text).unwrap();
    path.to_string_lossy().into_owned()
}

#[test]
fn an_unknown_preset_is_answered_with_the_known_ones() {
    let error = error_of(&["train", "--preset", "latop"]);
    assert_eq!(
        error,
        "error: there is no preset \"latop\": choose one of smoke, lesson, laptop, course, full, composed, or name a .toml file"
    );
}

#[test]
fn a_loss_that_is_not_a_number_is_named_by_its_row() {
    let points = file(&folder("fit-nan"), "points.csv", "n_params,val_loss\n1000,2.0\n2000,NaN\n4000,1.8\n");
    let error = error_of(&["fit", &points]);
    assert!(error.contains("points.csv") && error.contains('3') && error.contains("val_loss"), "{error}");
}

#[test]
fn one_point_is_too_few_for_a_law() {
    let points = file(&folder("fit-one"), "points.csv", "n_params,val_loss\n1000,2.0\n");
    assert!(error_of(&["fit", &points]).contains("point"));
}

#[test]
fn fit_prints_the_law_its_intervals_and_a_verdict_as_json() {
    let rows: String = (0..6)
        .map(|i| {
            let n = 1e5 * 4f64.powi(i);
            format!("{n},{}\n", 20.0 * n.powf(-0.3) + 0.5)
        })
        .collect();
    let points = file(&folder("fit-planted"), "points.csv", &format!("n_params,val_loss\n{rows}"));
    let output = music_scaling(&["fit", &points, "--law", "power", "--json"]);
    assert!(output.status.success());
    let fit: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    for (name, planted) in [("a", 20.0), ("alpha", 0.3), ("c", 0.5), ("r_squared", 1.0)] {
        let fitted = fit[name].as_f64().unwrap_or_else(|| panic!("{name} is missing in {fit}"));
        assert!((fitted / planted - 1.0).abs() < 1e-5, "{name}: {fitted}, planted {planted}");
    }
    assert!(fit.to_string().contains("interval"), "{fit}");
}

#[test]
fn fit_draws_its_points_its_law_and_a_claim() {
    let folder = folder("fit-figure");
    let points = file(&folder, "points.csv", "Size,Loss\n1e4,1.9\n1e5,1.5\n1e6,1.28\n1e7,1.1\n1e8,1.02\n");
    let picture = folder.join("law.svg").display().to_string();
    let columns = ["--x", "Size", "--y", "Loss"];
    let output = music_scaling(&[&["fit", &points, "--figure", &picture][..], &columns].concat());
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let svg = std::fs::read_to_string(&picture).unwrap();
    assert!(svg.contains("L(N) = ") && svg.contains(">Size (log scale)<") && svg.contains(">Loss<"), "{svg}");
    let claim = ["--claim", "a=8.42,alpha=0.2,c=0.9"];
    let output = music_scaling(&[&["fit", &points, "--figure", &picture][..], &columns, &claim].concat());
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(std::fs::read_to_string(&picture).unwrap().contains(">claim<"));
    assert!(error_of(&["fit", &points, "--figure", "law.jpg"]).contains("pdf, svg or png"));
}

#[test]
fn convert_keeps_relative_paths_and_lists_what_failed() {
    let folder = folder("convert");
    std::fs::create_dir_all(folder.join("in/deep")).unwrap();
    file(&folder, "in/deep/tune.abc", "X:1\nM:4/4\nL:1/4\nK:C\nCDEF|GABc|\n");
    file(&folder, "in/page.mid", "<html><body>404</body></html>");
    file(&folder, "in/empty.mid", "");
    let (input, out) = (folder.join("in"), folder.join("out"));
    let output = music_scaling(&["convert", &input.to_string_lossy(), "--to", "midi", "--out", &out.to_string_lossy()]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(out.join("deep/tune.mid").exists() || out.join("in/deep/tune.mid").exists());

    let output = music_scaling(&["convert", &input.to_string_lossy(), "--to", "abc", "--out", &out.to_string_lossy()]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let failed = std::fs::read_to_string(out.join("failed.csv")).unwrap();
    assert!(failed.contains("page.mid") && failed.contains("web page"), "{failed}");
    assert!(failed.contains("empty.mid") && failed.contains("empty"), "{failed}");
}

/// Every file below a folder with its bytes.
#[test]
fn convert_fails_and_says_why_where_nothing_could_be_converted() {
    let folder = folder("nothing_converted");
    let (tune, out) = (file(&folder, "a.abc", "no tune"), folder.join("out"));
    let output = music_scaling(&["convert", &tune, "--to", "midi", "--out", &out.to_string_lossy()]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("0 of 1 files converted") && text.contains("a.abc: the file holds no tune"), "{text}");
    assert_eq!(output.status.code(), Some(1));
}

#[test]
fn an_option_that_wants_a_number_says_so() {
    let error = String::from_utf8(music_scaling(&["game", "--folder", "g", "--seed", "one"]).stderr).unwrap();
    assert!(error.contains("invalid value 'one' for '--seed <SEED>': expected a whole number"), "{error}");
}

fn tree(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut files = BTreeMap::new();
    let mut waiting = vec![folder.to_path_buf()];
    while let Some(next) = waiting.pop() {
        for entry in std::fs::read_dir(next).unwrap().map(|entry| entry.unwrap().path()) {
            if entry.is_dir() {
                waiting.push(entry);
            } else {
                files.insert(entry.strip_prefix(folder).unwrap().to_path_buf(), std::fs::read(&entry).unwrap());
            }
        }
    }
    files
}

/// A folder of so many composed MIDI files, each tune under two names, and a file that isn't music.
fn music_folder(folder: &Path, n_files: usize) -> PathBuf {
    let input = folder.join("in");
    for index in 0..n_files {
        let path = input.join(format!("{}/{}.mid", index / 2 % 7, index / 2));
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        let path = path.with_extension(if index % 2 == 0 { "mid" } else { "MIDI" });
        std::fs::write(path, composed::midi_file(1, index).bytes).unwrap();
    }
    file(&input, "page.mid", "<html>404</html>");
    input
}

/// Starts the command again and again and kills it when one of the moments has come; then lets it end.
fn kill_at(start: &dyn Fn() -> Child, moments: &[&dyn Fn() -> bool]) {
    for has_come in moments {
        let mut child = start();
        while !has_come() && child.try_wait().unwrap().is_none() {}
        child.kill().unwrap(); // SIGKILL: nothing can be tidied up
        child.wait().unwrap();
    }
    assert!(start().wait().unwrap().success());
}

/// Starts the program and throws away what it says.
fn start(arguments: &[&str]) -> Child {
    let mut command = Command::new(env!("CARGO_BIN_EXE_music-scaling"));
    command.args(arguments).stdout(Stdio::null()).spawn().unwrap()
}

#[test]
fn a_conversion_and_a_preparation_that_were_killed_begin_again_and_end_with_the_same_bytes() {
    let folder = folder("killed");
    let input = music_folder(&folder, 400).to_string_lossy().into_owned();
    let (undisturbed, killed) = (folder.join("undisturbed"), folder.join("killed"));
    let convert = |out: &Path| start(&["convert", &input, "--to", "abc", "--out", &out.to_string_lossy()]);
    let prepare = |data: &Path| start(&["prepare", "--corpus", &input, "--data", &data.to_string_lossy()]);
    kill_at(&|| convert(&undisturbed.join("abc")), &[]);
    kill_at(
        &|| convert(&killed.join("abc")),
        &[&|| killed.join("abc").read_dir().is_ok_and(|entries| entries.count() > 3)],
    );
    kill_at(&|| prepare(&undisturbed.join("data")), &[]);
    let corpus = std::fs::read_dir(undisturbed.join("data")).unwrap().next().unwrap().unwrap().file_name();
    let unfinished = killed.join("data").join(&corpus).join(".unfinished");
    let has = |name: &'static str| unfinished.join(name).metadata().is_ok_and(|file| file.len() > 1000);
    kill_at(&|| prepare(&killed.join("data")), &[&|| has("read.jsonl"), &|| has("tunes.jsonl"), &|| has("val.bin")]);
    let but_its_time = |folder: &Path| {
        let mut files = tree(folder);
        files.remove(&Path::new("data").join(&corpus).join("corpus.json"));
        files
    };
    let (expected, found) = (but_its_time(&undisturbed), but_its_time(&killed));
    assert_eq!(expected.keys().collect::<Vec<_>>(), found.keys().collect::<Vec<_>>());
    assert!(expected.len() > 410 && expected == found); // 400 texts, the corpus, two lists of failures
}

#[test]
fn with_json_stdout_holds_json_and_nothing_else() {
    let folder = folder("json");
    let (input, out) = (music_folder(&folder, 10), folder.join("out"));
    let [input, out] = [&input, &out].map(|path| path.to_string_lossy().into_owned());
    let json = |arguments: &[&str]| -> serde_json::Value {
        let output = music_scaling(arguments);
        serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:?}"))
    };
    assert_eq!(json(&["convert", &input, "--to", "abc", "--out", &out, "--json"])["n_converted"], 10);
    let prepared = json(&["prepare", "--corpus", &input, "--data", &out, "--json"]);
    assert_eq!(prepared["n_tunes"].as_array().map(Vec::len), Some(3));
}

#[test]
fn a_folder_without_a_run_is_said_to_be_one() {
    let folder = folder("no-run");
    let error = error_of(&["evaluate", &folder.join("nothing").to_string_lossy()]);
    assert!(error.contains("nothing"), "{error}");
}

#[test]
fn a_nanogpt_checkpoint_is_scored_and_writes_on_its_own_folder() {
    let folder = folder("nanogpt");
    let checkpoint = concat!(env!("CARGO_MANIFEST_DIR"), "/../crates/nets/tests/fixtures/torch_nanogpt_ckpt.pt");
    let data = folder.to_string_lossy().into_owned();
    let tokens: Vec<u8> = (0..100u16).flat_map(|i| (i * i % 13).to_le_bytes()).collect();
    let tokenizer = Tokenizer::from_text("\nABCDEFG:1|/K").unwrap();
    tokenizer.save(&folder).unwrap();
    let tune: Vec<u8> =
        tokenizer.encode("K:C\nG|F|\n\n").unwrap().iter().flat_map(|token| token.to_le_bytes()).collect();
    for (name, tokens) in [("train.bin", &tokens), ("val.bin", &[&tune[..], &tokens[tune.len()..]].concat())] {
        std::fs::write(folder.join(name), tokens).unwrap();
    }
    let output = music_scaling(&["evaluate", checkpoint, "--data", &data, "--json"]);
    let score: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((score["run"].as_str(), score["n_tokens"].as_u64()), (Some("torch_nanogpt_ckpt.pt"), Some(100)));
    assert!((score["loss"].as_f64().unwrap() - 13f64.ln()).abs() < 0.2, "nearly untrained: {score}");
    let bits = 99.0 * score["loss"].as_f64().unwrap() / 2f64.ln(); // two notes of an eighth: one beat
    for (field, n) in [("bits_per_note", 2.0), ("bits_per_beat", 1.0)] {
        assert!((score[field].as_f64().unwrap() - bits / n).abs() < 1e-9, "{field} of {score}");
    }
    let out = folder.join("tunes").to_string_lossy().into_owned();
    let options = ["--prefix", "A", "--max-tokens", "40", "--out", &out];
    let output = music_scaling(&[["generate", checkpoint, "--data", &data].as_slice(), &options].concat());
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    for (more, what) in [
        (&["--all"][..], "is one model, --all is for a run's folder"),
        (&["--split", "test"], "test.bin, or it is empty: name a split that the folder has"),
    ] {
        let error = error_of(&[&["evaluate", checkpoint, "--data", &data], more].concat());
        assert!(error.contains(what), "{error}");
    }
    let refused = music_scaling(&["generate", checkpoint, "--data", &data, "--temperature", "1"]);
    assert!(!refused.status.success() && String::from_utf8_lossy(&refused.stderr).contains("--prefix"));
    let song = file(&folder, "song.abc", "X:1\nM:2/4\nL:1/4\nK:C\nz2|\n");
    for (options, what) in [
        (&["--n", "0"][..], "--n 0 asks for no tune; ask for 1 or more"),
        (&["--top-p", "2"], "a top-p of 2 is impossible"),
        (&["--stop", ""], "the stop string is empty"),
        (&["--guided", "--prefix", "A"], "'A' in line 1, column 1 is outside the grammar of guided sampling"),
        (&["--continue", &song], "song.abc cannot be continued: the tune holds no notes"),
    ] {
        let error = error_of(&[&["generate", checkpoint, "--data", &data], options].concat());
        assert!(error.contains(what), "{error}");
    }
    let error = error_of(&["evaluate", checkpoint]);
    assert!(error.contains("is a file: say which folder of tokens it belongs to (--data)"), "{error}");
    Tokenizer::from_text("AB").unwrap().save(&folder).unwrap();
    std::fs::write(folder.join("train.bin"), [0; 20]).unwrap();
    std::fs::write(folder.join("val.bin"), [0; 20]).unwrap();
    let error = error_of(&["evaluate", checkpoint, "--data", &data]);
    assert!(error.contains("has a vocabulary of 13, but ") && error.contains(" of 2: name the folder"), "{error}");
}

#[test]
fn a_plain_text_trains_and_its_run_is_refused_when_the_text_has_changed() {
    let folder = folder("text");
    let text = |i: usize| format!("Speaker {i}:\nWords and {} more words.\n\n", i % 7).repeat(3);
    file(&folder, "input.txt", &(0..200).map(text).collect::<String>());
    let preset = file(
        &folder,
        "mine.toml",
        "about = \"A text\"\nseed = 1\ntransformer = [{ name = \"t\", n_layer = 1, n_head = 1, d_model = 8 }]\n\
         lstm = [{ name = \"l\", n_layer = 1, d_embed = 8, d_hidden = 8 }]\ncorpus = { source = \"input.txt\", split = [8, 1, 1] }\n\
         training = { block_size = 16, batch_size = 4, n_tokens = 2000, transformer_learning_rate = 1e-2, lstm_learning_rate = 1e-2, \
         n_evals = 1 }\nbest = { n_tokens = 3000 }\ngeneration = { n_samples = 1, max_tokens = 20 }\n",
    );
    let data = folder.join("data");
    let run_here = |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_music-scaling"));
        command.args(arguments).env("MUSIC_SCALING_DATA", &data).output().unwrap()
    };
    let trained = run_here(&["train", "--preset", &preset, "--size", "t"]);
    assert!(trained.status.success(), "{trained:?}");
    let said = String::from_utf8_lossy(&trained.stdout).into_owned();
    assert!(said.contains("standard error of"), "{said}");
    let run = data.join("studies/mine/runs/t").to_string_lossy().into_owned();
    let score = run_here(&["evaluate", &run, "--json"]);
    let score: serde_json::Value = serde_json::from_slice(&score.stdout).unwrap();
    assert!(score["standard_error"].as_f64().unwrap() > 0.0 && score["n_tunes"].as_u64().unwrap() >= 30, "{score}");
    assert!(score["bits_per_note"].is_null() && score["bits_per_beat"].is_null(), "{score}");
    let corpora = std::fs::read_dir(&data).unwrap().map(|entry| entry.unwrap().path());
    let corpus = corpora.into_iter().find(|path| path.join("val.bin").exists()).unwrap();
    let tokens = std::fs::read(corpus.join("val.bin")).unwrap();
    std::fs::write(corpus.join("val.bin"), &tokens[..tokens.len() - 2]).unwrap();
    let refused = run_here(&["evaluate", &run]);
    let error = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(
        !refused.status.success() && error.contains("was trained on the data ") && error.contains("--data"),
        "{error}"
    );
    let corpus = corpus.to_string_lossy().into_owned();
    assert!(run_here(&["evaluate", &run, "--data", &corpus]).status.success());
}

#[test]
fn every_sub_command_has_help() {
    for command in ["study", "plan", "lab", "convert", "prepare", "train", "evaluate", "fit", "generate"] {
        let output = music_scaling(&[command, "--help"]);
        assert!(output.status.success() && !output.stdout.is_empty(), "{command}");
    }
}

#[test]
fn fit_takes_the_chinchilla_law_and_its_objective() {
    let rows: String = [1e7_f64, 1e8, 1e9]
        .iter()
        .flat_map(|&n| [1e9_f64, 1e10, 1e11].map(move |d| (n, d, 1.69 + 406.4 / n.powf(0.34) + 410.7 / d.powf(0.28))))
        .map(|(n, d, loss)| format!("{n},{d},{loss}\n"))
        .collect();
    let points = file(&folder("fit-nd"), "points.csv", &format!("n_params,n_tokens,val_loss\n{rows}"));
    for objective in ["least-squares", "huber"] {
        let output = music_scaling(&["fit", &points, "--law", "nd", "--objective", objective, "--json"]);
        let fit: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        for (name, planted) in [("E", 1.69), ("A", 406.4), ("alpha", 0.34), ("B", 410.7), ("beta", 0.28)] {
            let fitted = fit[name].as_f64().unwrap_or_else(|| panic!("{name} is missing in {fit}"));
            assert!((fitted / planted - 1.0).abs() < 1e-5, "{name}: {fitted}, planted {planted}");
        }
    }
    let error = error_of(&["fit", &points, "--objective", "median"]);
    assert!(error.contains("there is no objective `median`; the objectives are least-squares, log, huber"), "{error}");
    let error = error_of(&["fit", &points, "--law", "log", "--objective", "huber"]);
    assert!(error.contains("is offered for the laws power, power-without-c, nd, not for log"), "{error}");
}
