//! Another program that trains the same model or samples from it, timed in turn with ours.
//!
//! It is called as `COMMAND speed --arch transformer --n-layer 6 … --steps 4` and prints one line of `key=value` pairs, of
//! which `tokens_per_s` and `peak_rss_mb` are read; `COMMAND sample … --tokens 512` prints `sampled_tokens_per_s`.

use super::music::percentile;
use super::train::Setting;
use music_scaling::models::ModelConfig;
use music_scaling::{Error, Result};
use serde::{Deserialize, Serialize};
use std::process::Command;

/// The command of the other program.
#[derive(Debug, Clone, PartialEq)]
pub struct Peer {
    words: Vec<String>,
}

/// One round of the other program.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Round {
    tokens_per_s: f64,
    peak_rss_mb: f64,
}

/// How the other program did.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PeerSpeed {
    /// The median of its rounds.
    pub tokens_per_s: f64,
    /// Its peak resident memory, MB.
    pub peak_rss_mb: f64,
    /// The median of our rounds / the median of its rounds.
    pub ratio: f64,
}

impl PeerSpeed {
    pub(super) fn of(ours: &[f64], theirs: &[Round]) -> Option<Self> {
        let tokens_per_s = median(&theirs.iter().map(|round| round.tokens_per_s).collect::<Vec<f64>>())?;
        let peak_rss_mb = theirs.iter().map(|round| round.peak_rss_mb).fold(0.0, f64::max);
        Some(PeerSpeed { tokens_per_s, peak_rss_mb, ratio: median(ours)? / tokens_per_s })
    }
}

/// `None` of no values.
pub(super) fn median(values: &[f64]) -> Option<f64> {
    (!values.is_empty()).then(|| percentile(values, 0.5))
}

impl Peer {
    /// From a command line such as `python3 torch_peer.py`, its words parted by blanks. Errors: no word.
    pub fn new(command: &str) -> Result<Self> {
        let words: Vec<String> = command.split_whitespace().map(String::from).collect();
        if words.is_empty() {
            return Err(Error::Config("the peer's command is empty; try \"python3 torch_peer.py\"".into()));
        }
        Ok(Peer { words })
    }

    pub(super) fn train(&self, config: &ModelConfig, setting: &Setting) -> Result<Round> {
        let said = self.run(&arguments("speed", config, setting))?;
        match (value(&said, "tokens_per_s"), value(&said, "peak_rss_mb")) {
            (Some(tokens_per_s), Some(mebibytes)) => Ok(Round { tokens_per_s, peak_rss_mb: mebibytes * 1.048_576 }),
            _ => Err(self.error(&format!("printed no tokens_per_s=… and peak_rss_mb=…, but {:?}", said.trim()))),
        }
    }

    /// Sampled tokens a second, of `n_tokens` for each sequence of the setting's batch.
    pub(super) fn sample(&self, config: &ModelConfig, setting: &Setting, n_tokens: usize) -> Result<f64> {
        let mut arguments = arguments("sample", config, setting);
        arguments.extend(["--tokens".to_string(), n_tokens.to_string()]);
        let said = self.run(&arguments)?;
        let missing = || self.error(&format!("printed no sampled_tokens_per_s=…, but {:?}", said.trim()));
        value(&said, "sampled_tokens_per_s").ok_or_else(missing)
    }

    fn run(&self, arguments: &[String]) -> Result<String> {
        let (program, first) = self.words.split_first().ok_or_else(|| self.error("is empty"))?;
        let output = Command::new(program).args(first).args(arguments).output();
        let output = output.map_err(|error| self.error(&format!("cannot be started ({error})")))?;
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr);
            return Err(self.error(&format!("failed: {}", said.trim().lines().last().unwrap_or("it said nothing"))));
        }
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }

    fn error(&self, what: &str) -> Error {
        Error::Config(format!("the peer's command {:?} {what}", self.words.join(" ")))
    }
}

/// The number of a pair `key=value` in what the peer printed.
fn value(said: &str, key: &str) -> Option<f64> {
    said.split_whitespace().filter_map(|pair| pair.split_once('=')).find(|(k, _)| *k == key)?.1.parse().ok()
}

/// The model and the setting as options of the peer's `speed` or `sample`.
fn arguments(task: &str, config: &ModelConfig, setting: &Setting) -> Vec<String> {
    let (sizes, flags): (Vec<(&str, usize)>, Vec<&str>) = match config {
        ModelConfig::Transformer(c) => {
            let sizes = [("n-layer", c.n_layer), ("d-model", c.d_model), ("n-head", c.n_head), ("d-ff", c.d_ff)];
            let flags = [("--untied", !c.tied), ("--no-bias", !c.bias)];
            let sizes = sizes.into_iter().chain([("n-positions", c.n_positions)]).collect();
            (sizes, flags.into_iter().filter_map(|(flag, on)| on.then_some(flag)).collect())
        }
        ModelConfig::Lstm(c) => {
            (vec![("n-layer", c.n_layer), ("d-embed", c.d_embed), ("d-hidden", c.d_hidden)], vec![])
        }
    };
    let arch = config.family().to_string().to_lowercase();
    let shared = [
        ("vocab-size", config.vocab_size()),
        ("batch-size", setting.batch_size),
        ("block-size", setting.block_size),
        ("steps", setting.steps),
    ];
    let numbers = sizes.into_iter().chain(shared).flat_map(|(name, size)| [format!("--{name}"), size.to_string()]);
    let words = [task, "--arch", &arch, "--dtype", "f32"].map(String::from);
    words.into_iter().chain(numbers).chain(flags.into_iter().map(String::from)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_model_is_described_in_the_peers_words() {
        let words = |model: &str| {
            let setting = Setting::of(model);
            arguments("speed", &setting.config().unwrap(), &setting).join(" ")
        };
        assert_eq!(
            words("a-transformer-1m"),
            "speed --arch transformer --dtype f32 --n-layer 4 --d-model 144 --n-head 4 --d-ff 576 --n-positions 256 \
             --vocab-size 75 --batch-size 16 --block-size 256 --steps 4 --no-bias"
        );
        assert!(words("b-transformer-tiny").ends_with("--steps 4 --untied"));
        assert!(words("b-lstm-tiny").contains("--arch lstm --dtype f32 --n-layer 2 --d-embed 64 --d-hidden 128"));
    }

    #[test]
    #[cfg(unix)]
    fn what_the_peer_prints_is_read_and_what_it_should_not_is_an_error() {
        let setting = Setting::of("b-lstm-tiny");
        let config = setting.config().unwrap();
        let fine = Peer::new("echo tokens_per_s=100 peak_rss_mb=1000").unwrap().train(&config, &setting).unwrap();
        let speed = PeerSpeed::of(&[150.0, 400.0, 200.0], &[fine, fine]).unwrap();
        assert_eq!(speed, PeerSpeed { tokens_per_s: 100.0, peak_rss_mb: 1048.576, ratio: 2.0 });
        let mute = Peer::new("true").unwrap().train(&config, &setting).unwrap_err().to_string();
        assert_eq!(mute, "the peer's command \"true\" printed no tokens_per_s=… and peak_rss_mb=…, but \"\"");
        let failed = Peer::new("false").unwrap().train(&config, &setting).unwrap_err().to_string();
        assert_eq!(failed, "the peer's command \"false\" failed: it said nothing");
        assert_eq!(PeerSpeed::of(&[1.0], &[]), None);
        let sampler = Peer::new("echo batch_size=1 sampled_tokens_per_s=41").unwrap();
        assert_eq!(sampler.sample(&config, &setting, 512).unwrap(), 41.0);
        let mute = Peer::new("echo").unwrap().sample(&config, &setting, 9).unwrap_err().to_string();
        assert!(mute.contains("printed no sampled_tokens_per_s=…, but \"sample --arch lstm"), "{mute}");
        assert!(mute.ends_with("--tokens 9\""), "{mute}");
    }
}
