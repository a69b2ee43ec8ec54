//! `generate --judge` turns listeners' codes into preferences, and says what is wrong with a code.

use music_scaling::generation::listening::{Key, KeyPair, QUESTION};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// A key of two pairs for page 7, as `listen.json` in a folder of its own.
fn folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::create_dir_all(&folder).unwrap();
    let pair = |first_is_a| KeyPair { first: "people".into(), second: "xl".into(), seeds: [1, 2], first_is_a };
    let key = Key { page: "007Y".into(), question: QUESTION.into(), pairs: vec![pair(true), pair(false)] };
    std::fs::write(folder.join("listen.json"), key.json().unwrap()).unwrap();
    folder
}

fn judge(folder: &Path, codes: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_music-scaling"));
    command.args(["generate", "--out"]).arg(folder).arg("--judge").args(codes).output().unwrap()
}

#[test]
fn codes_become_preferences() {
    let output = judge(&folder("judge"), &["007Y-ANQA"]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(
        said.contains("people against xl: 2 answers for the first, 0 for the second, 0 without preference."),
        "{said}"
    );
}

#[test]
fn a_bad_code_and_a_missing_key_are_one_sentence_each() {
    let error = |folder: &Path, codes: &[&str]| {
        let output = judge(folder, codes);
        assert!(!output.status.success());
        let text = String::from_utf8(output.stderr).unwrap();
        assert_eq!(text.trim_end().lines().count(), 1, "{text}");
        text
    };
    let folder = folder("judge-bad");
    let said = error(&folder, &["007Y-ANQA", "007U-0000"]);
    assert!(said.contains("code 2 (007U-0000): character 4 is 'U', which no code has"), "{said}");
    let said = error(&folder.join("elsewhere"), &["007Y-ANQA"]);
    assert!(said.contains("listen.json"), "{said}");
}
