//! The ledger of a game: `ledger.jsonl`, one event a line, each bound to every line before it.
//!
//! ```text
//! {"event":"charged", …,"hash":"5f0c…"}      hash = SHA-256(hash of the line before, then this line up to `,"hash"`)
//! ```
//! A line that is changed, moved, put in or taken out breaks the chain there, and the ledger is refused. The chain has no secret: who
//! writes it anew with a program, or cuts off its end together with the folders of the runs, is not noticed by it. That is noticed by
//! whoever wrote down the last hash (`game --status` shows it), and by training a run again (`game --replay`): invented losses do not
//! come out.

use super::{Rules, Shape};
use crate::files::{Lock, read_text, write_atomic};
use crate::study::RunRecord;
use crate::training::RunConfig;
use crate::{Error, Result};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::path::{Path, PathBuf};

/// The file's name in a game's folder.
pub(super) const FILE: &str = "ledger.jsonl";

/// What the player bets, before the final run is trained.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Commitment {
    /// Taken for the best at the final budget.
    pub shape: Shape,
    /// Peak learning rate.
    pub rate: f64,
    /// Its loss, nats per token.
    pub predicted: f64,
    /// Lower end of the 95 % interval.
    pub low: f64,
    /// Upper end.
    pub high: f64,
}

impl Commitment {
    /// To twelve digits: a number that went through a file may differ in the last.
    pub(super) fn is(&self, other: &Commitment) -> bool {
        let numbers = |bet: &Commitment| [bet.rate, bet.predicted, bet.low, bet.high];
        let mut pairs = numbers(self).into_iter().zip(numbers(other));
        self.shape == other.shape && pairs.all(|(a, b)| (a - b).abs() <= 1e-12 * b.abs())
    }
}

/// One line.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub(super) enum Event {
    /// The first line.
    Opened { player: String, rules: Rules },
    /// A run is paid, before it is trained.
    Charged { flops: f64, config: RunConfig },
    /// It came to its end.
    Trained { record: Box<RunRecord> },
    /// No more runs after this; the final one costs the ledger nothing.
    Committed { commitment: Commitment, config: RunConfig },
    /// The final run came to its end; the floor is told.
    Ended { record: Box<RunRecord>, floor: f64 },
}

/// A ledger whose chain holds.
#[derive(Debug, Clone)]
pub(super) struct Ledger {
    path: PathBuf,
    text: String,
    pub events: Vec<Event>,
    /// Of the last line: it stands for all lines.
    pub hash: String,
    pub player: String,
    pub rules: Rules,
}

const HASH: &str = ",\"hash\":\"";

fn link(before: &str, body: &str) -> String {
    format!("{:x}", Sha256::new().chain_update(before).chain_update(body).finalize())
}

/// `body` is the line up to `,"hash"`.
fn parse(line: &str, before: &str) -> Result<(Event, String), &'static str> {
    let halves = line.strip_suffix("\"}").and_then(|line| line.rsplit_once(HASH));
    let (body, hash) = halves.ok_or("is cut off")?;
    if link(before, body) != hash {
        return Err("or a line before it was changed after it was written: its hash does not fit");
    }
    let event = serde_json::from_str(&format!("{body}}}")).map_err(|_| "is from another version of the game")?;
    Ok((event, hash.to_owned()))
}

impl Ledger {
    /// Reads and verifies it.
    pub fn read(folder: &Path) -> Result<Ledger> {
        let path = folder.join(FILE);
        let text = read_text(&path)?;
        let (mut events, mut hash) = (Vec::new(), String::new());
        for (index, line) in text.lines().enumerate() {
            let (event, of_line) = parse(line, &hash).map_err(|what| {
                let (path, line) = (path.display(), index + 1);
                Error::Checkpoint(format!(
                    "{path}, line {line}, {what}: put back the file as the game wrote it, or begin in another folder"
                ))
            })?;
            (hash, _) = (of_line, events.push(event));
        }
        let Some(Event::Opened { player, rules }) = events.first().cloned() else {
            return Err(Error::Checkpoint(format!(
                "{} does not begin with the rules: begin the game in another folder",
                path.display()
            )));
        };
        Ok(Ledger { path, text, events, hash, player, rules })
    }

    /// Begins one where there is none.
    pub fn open(folder: &Path, player: &str, rules: &Rules) -> Result<Ledger> {
        let _alone = Ledger::lock(folder)?;
        let path = folder.join(FILE);
        if path.exists() {
            return Ledger::read(folder);
        }
        let (player, rules) = (player.to_owned(), rules.clone());
        let mut ledger = Ledger { path, text: String::new(), events: vec![], hash: String::new(), player, rules };
        ledger.add(Event::Opened { player: ledger.player.clone(), rules: ledger.rules.clone() })?;
        Ok(ledger)
    }

    /// Held from reading to writing, so that two processes do not spend the same FLOPs.
    pub fn lock(folder: &Path) -> Result<Lock> {
        Ok(Lock::wait(folder.join(".lock"))?)
    }

    /// Writes one more line.
    pub fn add(&mut self, event: Event) -> Result<()> {
        let json = serde_json::to_string(&event).map_err(|error| {
            Error::Checkpoint(format!("{} cannot be written as JSON ({error})", self.path.display()))
        })?;
        let body = json.strip_suffix('}').unwrap_or(&json);
        self.hash = link(&self.hash, body);
        self.text += &format!("{body}{HASH}{}\"}}\n", self.hash);
        write_atomic(&self.path, &self.text)?;
        self.events.push(event);
        Ok(())
    }

    pub fn spent(&self) -> f64 {
        self.events.iter().map(|event| if let Event::Charged { flops, .. } = event { *flops } else { 0.0 }).sum()
    }

    pub fn is_charged(&self, hash: &str) -> bool {
        self.events.iter().any(|event| matches!(event, Event::Charged { config, .. } if config.hash() == hash))
    }

    /// The finished runs, but for the final one.
    pub fn records(&self) -> impl Iterator<Item = &RunRecord> {
        self.events
            .iter()
            .filter_map(|event| if let Event::Trained { record } = event { Some(&**record) } else { None })
    }

    pub fn is_committed(&self, hash: &str) -> bool {
        self.events.iter().any(|event| matches!(event, Event::Committed { config, .. } if config.hash() == hash))
    }

    pub fn commitment(&self) -> Option<&Commitment> {
        self.events.iter().find_map(|event| match event {
            Event::Committed { commitment, .. } => Some(commitment),
            _ => None,
        })
    }

    /// The final run and the floor.
    pub fn end(&self) -> Option<(&RunRecord, f64)> {
        self.events.iter().find_map(|event| match event {
            Event::Ended { record, floor } => Some((&**record, *floor)),
            _ => None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bet(predicted: f64) -> Commitment {
        Commitment { shape: Shape::lstm(2, 8), rate: 0.01, predicted, low: 0.5, high: 2.0 }
    }

    fn written() -> (tempfile::TempDir, String) {
        let folder = tempfile::tempdir().unwrap();
        let mut ledger = Ledger::open(folder.path(), "A \"quoted\",\"hash\":\" player", &Rules::trial(7)).unwrap();
        let config: RunConfig = serde_json::from_str(
            r#"{"name":"n","corpus":"c","data_hash":"d","vocab_hash":"v","model":{"family":"lstm","vocab_size":9,"d_embed":4,"d_hidden":4,
            "n_layer":1},"block_size":8,"batch_size":2,"learning_rate":0.1,"min_learning_rate":0.01,"warmup_fraction":0.05,
            "weight_decay":0.1,"beta1":0.9,"beta2":0.99,"grad_clip":1.0,"dropout":0.0,"n_tokens":160,"n_evals":1,"n_checkpoints":0,"seed":1}"#,
        )
        .unwrap();
        ledger.add(Event::Charged { flops: 0.1 + 0.2, config: config.clone() }).unwrap();
        ledger.add(Event::Committed { commitment: bet(1.1), config }).unwrap();
        let text = read_text(folder.path().join(FILE)).unwrap();
        (folder, text)
    }

    #[test]
    fn what_is_written_is_read_to_the_bit() {
        let (folder, text) = written();
        let ledger = Ledger::read(folder.path()).unwrap();
        assert_eq!((ledger.events.len(), ledger.spent(), ledger.commitment()), (3, 0.1 + 0.2, Some(&bet(1.1))));
        assert!(text.ends_with(&format!("{HASH}{}\"}}\n", ledger.hash)) && ledger.rules == Rules::trial(7));
        let first = text.lines().next().unwrap().rsplit_once(HASH).unwrap();
        assert_eq!(first.1, format!("{:x}\"}}", Sha256::digest(first.0))); // of nothing before it: sha256sum agrees
    }

    #[test]
    fn an_edit_of_any_character_is_noticed_and_its_line_named() {
        let (folder, text) = written();
        let path = folder.path().join(FILE);
        for (at, was) in text.char_indices().filter(|(_, was)| *was != '\n') {
            let edited =
                format!("{}{}{}", &text[..at], if was == '1' { '2' } else { '1' }, &text[at + was.len_utf8()..]);
            std::fs::write(&path, edited).unwrap();
            let said = Ledger::read(folder.path()).unwrap_err().to_string();
            let line = 1 + text[..at].matches('\n').count();
            assert!(said.contains(&format!("{FILE}, line {line}, ")), "{at}: {said}");
        }
    }

    #[test]
    fn lines_that_are_taken_out_moved_or_doubled_are_noticed() {
        let (folder, text) = written();
        let lines: Vec<&str> = text.lines().collect();
        for order in [&[0, 2][..], &[1, 2], &[0, 2, 1], &[0, 1, 1, 2], &[]] {
            let edited: String = order.iter().map(|index| format!("{}\n", lines[*index])).collect();
            std::fs::write(folder.path().join(FILE), edited).unwrap();
            Ledger::read(folder.path()).unwrap_err();
        }
    }
}
