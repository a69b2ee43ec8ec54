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
