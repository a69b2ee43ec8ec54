//! Many users, one checkout: what a user writes goes to their own folder, what is finished in the checkout they find, and it stays
//! as it is. Tried with three users of a JupyterHub as docs/class.md tells.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A checkout with nothing in it but what tells it from other folders.
fn checkout(folder: &Path) -> PathBuf {
    let root = folder.canonicalize().unwrap().join("checkout");
    std::fs::create_dir_all(root.join("notebooks")).unwrap();
    std::fs::write(root.join("Cargo.toml"), "name = \"music-scaling\"").unwrap();
    root
}

/// Whether the command succeeded, and what it said on stderr.
fn run(root: &Path, home: Option<&Path>, arguments: &[&str]) -> (bool, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_music-scaling"));
    command.arg("--root").arg(root).args(arguments).env_remove("MUSIC_SCALING_DATA").env_remove("MUSIC_SCALING_HOME");
    if let Some(home) = home {
        command.env("MUSIC_SCALING_HOME", home);
    }
    let output = command.output().unwrap();
    (output.status.success(), String::from_utf8_lossy(&output.stderr).into_owned())
}

fn files(folder: &Path) -> BTreeSet<PathBuf> {
    let below = |path: PathBuf| if path.is_dir() { files(&path) } else { BTreeSet::from([path]) };
    std::fs::read_dir(folder).unwrap().flatten().flat_map(|entry| below(entry.path())).collect()
}

#[test]
fn a_user_finds_the_corpus_of_the_checkout_and_leaves_it_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let (root, own) = (checkout(folder.path()), folder.path().join("own"));
    let (prepared, error) = run(&root, None, &["plan", "smoke"]); // whoever owns the checkout works in it
    assert!(prepared, "{error}");
    let shared = files(&root);
    let corpus = shared.iter().find(|path| path.ends_with("corpus.json")).unwrap().parent().unwrap();
    assert!(run(&root, Some(&own), &["plan", "smoke"]).0);
    let link = own.join("data").join(corpus.file_name().unwrap());
    assert_eq!(std::fs::read_link(link).unwrap(), corpus);
    assert!(run(&root, Some(&own), &["train", "--preset", "smoke", "--size", "smoke-lstm-tiny"]).0);
    assert!(own.join("data/studies/smoke/runs/smoke-lstm-tiny/summary.json").exists());
    assert!(own.join("figures/live/smoke-lstm-tiny.svg").exists());
    assert_eq!(files(&root), shared);
}

#[test]
fn what_a_user_cannot_do_is_said_with_whoever_can() {
    let folder = tempfile::tempdir().unwrap();
    let root = checkout(folder.path());
    let (succeeded, error) = run(&root, Some(&folder.path().join("own")), &["lab"]);
    let sentence = format!(
        "error: {} is shared and not set up: whoever may write there runs `cargo run -- lab --install-kernel` in it, once\n",
        root.display()
    );
    assert_eq!((succeeded, error), (false, sentence));
    let (succeeded, error) = run(&root, Some(Path::new("/dev/null/own")), &["lab"]);
    assert!(!succeeded && error.contains("/dev/null/own/.lab"), "{error}");
    assert!(error.contains("name a folder of yours with MUSIC_SCALING_HOME"), "{error}");
}
