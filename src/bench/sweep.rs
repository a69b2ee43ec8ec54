//! Several models or settings, each in a process of its own, so that each peak of memory is its own.

use super::train::{Setting, TrainSpeed};
use crate::{Error, Result};
use std::process::{Command, Stdio};

/// The models that are compared where none is named: project B's nine, and project A's two smallest of both families.
pub const COMPARED: [&str; 13] = [
    "b-transformer-tiny",
    "b-transformer-small",
    "b-transformer-medium",
    "b-transformer-large",
    "b-transformer-xl",
    "b-lstm-tiny",
    "b-lstm-small",
    "b-lstm-medium",
    "b-lstm-large",
    "a-transformer-1m",
    "a-transformer-5m",
    "a-lstm-1m",
    "a-lstm-5m",
];

/// How cost grows: with the model, then with the block size, then with the batch size.
pub fn growth() -> Vec<Setting> {
    let sizes = COMPARED.iter().take(9).map(|&model| Setting::of(model));
    let both = || ["b-transformer-small", "b-lstm-small"].map(Setting::of);
    let blocks = [128, 256, 512, 1024, 2048].into_iter();
    let blocks = blocks.flat_map(|block_size| both().map(|setting| Setting { block_size, batch_size: 4, ..setting }));
    let batches = [1, 2, 4, 8, 16, 32, 64].into_iter();
    let batches = batches.flat_map(|batch_size| both().map(|setting| Setting { batch_size, ..setting }));
    sizes.chain(blocks).chain(batches).collect()
}

/// Measures each setting by calling this program's own `bench train` for it.
pub fn measure_apart<'a>(
    settings: &'a [Setting],
    peer: Option<&'a str>,
) -> impl Iterator<Item = Result<TrainSpeed>> + 'a {
    settings.iter().map(move |setting| {
        let own = std::env::current_exe().map_err(Error::file("find", "this program"))?;
        let mut command = Command::new(&own);
        command.args(["bench", "train", "--json", "--model", &setting.model]);
        let sizes = [("--vocab-size", setting.vocab_size), ("--block-size", setting.block_size)];
        let counts = [("--batch-size", setting.batch_size), ("--rounds", setting.rounds), ("--steps", setting.steps)];
        sizes.into_iter().chain(counts).for_each(|(option, n)| _ = command.arg(option).arg(n.to_string()));
        peer.into_iter().for_each(|peer| _ = command.args(["--peer", peer]));
        let output = command.stderr(Stdio::inherit()).output().map_err(Error::file("start", &own))?;
        serde_json::from_slice(&output.stdout)
            .map_err(|_| Error::Config(format!("the measurement of {} ended without a result", setting.model)))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_setting_is_of_a_model_that_exists() {
        let compared = COMPARED.map(Setting::of);
        let growth = growth();
        compared.iter().chain(&growth).for_each(|setting| setting.config().unwrap().validate().unwrap());
        assert_eq!(growth.len(), 9 + 2 * 5 + 2 * 7);
    }
}
