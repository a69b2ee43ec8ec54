//! A whole trial game of the budget game: what it pays, refuses, repeats and notices.

use music_scaling::game::{Class, Game, GameScore, Grid, Rules, Setting, Shape, interval_score};
use music_scaling::models::Family;
use std::fs::{read_to_string, write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Small enough for a test: four final runs of 100 to 200 steps.
fn rules() -> Rules {
    Rules { ledger: 6e8, n_composed: 120, block_size: 16, batch_size: 4, ..Rules::trial(3) }
}

/// Trainings side by side in one process share their threads, which can change late digits: one test at a time.
static ALONE: Mutex<()> = Mutex::new(());

fn room(name: &str) -> (PathBuf, MutexGuard<'static, ()>) {
    let alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("game-{name}"));
    let _ = std::fs::remove_dir_all(&folder);
    (folder, alone)
}

fn game(room: &Path, player: &str) -> Game {
    Game::open(&room.join(player), room, player, &rules()).unwrap()
}

const SMALL: Shape = Shape { family: Family::Lstm, n_layer: 1, width: 8 };

/// Read from JSON, its last digit is another.
const RATE: f64 = 0.0048000000000000004;

#[test]
fn a_run_is_paid_once_and_before_it_is_trained() {
    let (room, _alone) = room("pays");
    let game = game(&room, "ada");
    let cost = game.cost(SMALL, 20_000.0).unwrap();
    let loss = game.run(SMALL, 20_000.0, 0.03).unwrap();
    assert_eq!(game.left().unwrap(), 6e8 - cost);
    assert_eq!(game.run(SMALL, 20_000.0, 0.03).unwrap(), loss); // free
    assert_eq!(game.left().unwrap(), 6e8 - cost);

    let said = game.run(SMALL, 2e5, 0.03).unwrap_err().to_string();
    assert!(said.contains("would cost") && said.contains("tokens of lstm:1x8"), "{said}");
    assert_eq!(game.left().unwrap(), 6e8 - cost, "what is refused costs nothing");
    for (tokens, rate) in [(6_000.0, 0.03), (f64::NAN, 0.03), (-1e9, 0.03), (20_000.0, f64::NAN), (20_000.0, -1.0)] {
        game.run(SMALL, tokens, rate).unwrap_err();
    }
    let points = game.points(Family::Lstm).unwrap();
    assert_eq!((points.len(), points[0].val_loss, points[0].flops), (1, loss, Some(cost)));
    assert_eq!(std::fs::read_dir(room.join("ada/runs")).unwrap().count(), 1, "nothing else was trained");
}

#[test]
fn a_stopped_run_goes_on_at_no_further_cost() {
    let (room, _alone) = room("stops");
    let (game, other) = (game(&room, "ada"), game(&room, "ben"));
    let whole = other.run(SMALL, 40_000.0, 0.03).unwrap();
    let stop = room.join("ada/runs");
    let stopper = std::thread::spawn(move || {
        for _ in 0..2000 {
            let runs = std::fs::read_dir(&stop).into_iter().flatten().flatten();
            runs.for_each(|run| drop(write(run.path().join("STOP"), "")));
            std::thread::sleep(std::time::Duration::from_millis(1));
        }
    });
    let mut stops = 0;
    let loss = loop {
        match game.run(SMALL, 40_000.0, 0.03) {
            Ok(loss) => break loss,
            Err(error) => assert!(error.to_string().contains("at no further cost"), "{error}"),
        }
        stops += 1;
        assert!(stops < 10_000);
    };
    stopper.join().unwrap();
    assert_eq!(loss, whole, "the same seed, the same loss, stopped {stops} times");
    assert_eq!(game.left().unwrap(), other.left().unwrap());
}

#[test]
fn a_whole_game_is_scored_against_the_grid_and_in_a_class() {
    let (room, _alone) = room("whole");
    let game = game(&room, "ada");
    let losses = [6, 8, 12].map(|width| game.run(Shape::lstm(1, width), 20_000.0, 0.03).unwrap());
    assert_eq!(game.families().unwrap().lstms.len(), losses.len());
    let unfinished = Class::of(&[room.join("ada")], None);
    assert!(unfinished.failed[0].contains("is not over"), "{unfinished}");

    game.commit(SMALL, RATE, 1.0, 1.5..=2.0).unwrap_err(); // does not hold the prediction
    let loss = game.commit(SMALL, RATE, 1.0, 0.9..=1.25).unwrap();
    assert_eq!(game.commit(SMALL, RATE, 1.0, 0.9..=1.25).unwrap(), loss);
    assert!(game.commit(SMALL, RATE, 2.0, 1.0..=3.0).unwrap_err().to_string().contains("cannot be taken back"));
    assert!(game.run(SMALL, 30_000.0, 0.03).unwrap_err().to_string().contains("takes no further runs"));

    let grid = Grid::get_or_train(&Setting::open(&rules(), &room).unwrap(), &room.join("grid")).unwrap();
    assert_eq!(grid.to_string(), Grid::read(&room.join("grid/grid.json")).unwrap().to_string());
    let score = game.score(Some(&grid)).unwrap();
    let best = grid.runs.iter().map(|(_, run)| run.summary.val_loss).fold(f64::INFINITY, f64::min);
    assert_eq!((score.loss, score.regret, score.error), (loss, Some(loss - best), loss - 1.0));
    assert_eq!((score.held, score.n_runs), ((0.9..=1.25).contains(&loss), 3));
    assert_eq!(score.interval_score, interval_score(0.9, 1.25, loss));
    assert_eq!(score.points, Some(loss - best + score.interval_score));
    assert!(score.floor > 0.0 && score.floor < loss, "{score}");

    let class = Class::of(&[room.join("nobody"), room.join("ada")], Some(&grid));
    assert_eq!((class.scores, class.failed.len()), (vec![score], 1));
    let replayed = game.replay().unwrap();
    assert_eq!(replayed.len(), 4);
    assert!(replayed.iter().all(|(_, before, now)| before == now), "{replayed:?}");
}

#[test]
fn a_record_that_was_edited_is_noticed_in_the_ledger_and_in_the_runs_folder() {
    let (room, _alone) = room("edited");
    let game = game(&room, "ada");
    let loss = game.run(SMALL, 20_000.0, 0.03).unwrap();
    let (ledger, runs) = (room.join("ada/ledger.jsonl"), room.join("ada/runs"));
    let summary = std::fs::read_dir(&runs).unwrap().next().unwrap().unwrap().path().join("summary.json");
    for (path, what) in
        [(&ledger, "line 3, or a line before it was changed"), (&summary, "says otherwise than the ledger")]
    {
        let text = read_to_string(path).unwrap();
        write(path, text.replace(&loss.to_string(), "0.123")).unwrap();
        let said = game.left().unwrap_err().to_string();
        assert!(said.contains(what), "{said}");
        write(path, text).unwrap();
        game.left().unwrap();
    }
    let text = read_to_string(&ledger).unwrap(); // its end cut off: the run is free, and betrays it
    write(&ledger, text.split_inclusive('\n').next().unwrap()).unwrap();
    assert!(game.left().unwrap_err().to_string().contains("is a run that the ledger did not pay for"));

    write(&ledger, text).unwrap();
    std::fs::remove_dir_all(runs).unwrap(); // a game that is handed in needs no folders of runs
    game.left().unwrap();
    let other = Game::open(&room.join("ada"), &room, "ada", &Rules { ledger: 9e9, ..rules() }).unwrap_err().to_string();
    assert!(other.contains("name another folder"), "{other}");
    assert!(matches!(GameScore::of(&room.join("ada"), None), Err(error) if error.to_string().contains("is not over")));
}

#[test]
fn the_committed_games_are_whole_and_their_scores_follow_from_their_records() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("data/results/game");
    let grid = Grid::read(&folder.join("grid.json")).unwrap();
    for played in [folder.clone(), folder.join("by_hand")] {
        let class = Class::of(&[&played], Some(&grid));
        // of `game --score FOLDER --against data/results/game/grid.json --json`
        let committed = read_to_string(played.join("score.json")).unwrap();
        assert_eq!(serde_json::to_string_pretty(&class).unwrap() + "\n", committed);
        assert_eq!(class.scores[0].rules, Rules::new(1), "a game by the default rules");
    }
}
