//! Several models or settings, each in a process of its own, so that each peak of memory is its own.

use super::train::{Setting, TrainSpeed};
use music_scaling::figures::{self, Figure, Line, human};
use music_scaling::models::Family;
use music_scaling::{Error, Result};
use std::process::{Command, Stdio};

/// The models that are compared where none is named: project B's nine, and project A's two smallest of both families.
#[rustfmt::skip]
pub const COMPARED: [&str; 13] = [
    "b-transformer-tiny", "b-transformer-small", "b-transformer-medium", "b-transformer-large", "b-transformer-xl",
    "b-lstm-tiny", "b-lstm-small", "b-lstm-medium", "b-lstm-large",
    "a-transformer-1m", "a-transformer-5m", "a-lstm-1m", "a-lstm-5m",
];

/// What grows in a sweep while the rest stays.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Grown {
    Model,
    BlockSize,
    BatchSize,
}

impl Grown {
    const ALL: [Grown; 3] = [Grown::Model, Grown::BlockSize, Grown::BatchSize];

    /// The settings in which this grows, for Transformers and LSTMs.
    pub fn settings(self) -> Vec<Setting> {
        let both = || ["b-transformer-small", "b-lstm-small"].map(Setting::of);
        let grow = |sizes: &[usize], set: fn(Setting, usize) -> Setting| {
            sizes.iter().flat_map(|&size| both().map(|setting| set(setting, size))).collect()
        };
        match self {
            Grown::Model => COMPARED.iter().take(9).map(|&model| Setting::of(model)).collect(),
            Grown::BlockSize => grow(&[128, 256, 512, 1024, 2048], |setting, block_size| Setting {
                block_size,
                batch_size: 4,
                ..setting
            }),
            Grown::BatchSize => {
                grow(&[1, 2, 4, 8, 16, 32, 64], |setting, batch_size| Setting { batch_size, ..setting })
            }
        }
    }

    fn label(self) -> &'static str {
        match self {
            Grown::Model => "Parameters",
            Grown::BlockSize => "Block size (tokens)",
            Grown::BatchSize => "Batch size (sequences)",
        }
    }

    fn of(self, speed: &TrainSpeed) -> usize {
        match self {
            Grown::Model => speed.n_params,
            Grown::BlockSize => speed.block_size,
            Grown::BatchSize => speed.batch_size,
        }
    }
}

/// How cost grows: with the model, then with the block size, then with the batch size.
pub fn growth() -> Vec<Setting> {
    Grown::ALL.into_iter().flat_map(Grown::settings).collect()
}

type Value = fn(&TrainSpeed) -> f64;

/// Tokens a second, FLOP/s and memory against what grows, a picture each: (name of its file, figure). `speeds` are those of
/// [`growth`], in its order.
pub fn growth_figures(speeds: &[TrainSpeed]) -> Vec<(String, Figure)> {
    let quantities: [(&str, &str, Value); 3] = [
        ("tokens_per_s", "Tokens a second", |speed| speed.tokens_per_s),
        ("gflops", "Training rate (GFLOP/s)", |speed| speed.gflops),
        ("peak_rss", "Peak memory (MB)", |speed| speed.peak_rss_mb),
    ];
    let mut rest = speeds;
    let mut figures = Vec::new();
    for grown in Grown::ALL {
        let (own, later) = rest.split_at(grown.settings().len().min(rest.len()));
        rest = later;
        for (name, label, value) in quantities {
            let file = format!("growth_{name}_by_{}", grown.label().split(" (").next().unwrap_or_default());
            figures.push((file.to_lowercase().replace(' ', "_"), growth_figure(grown, own, label, value)));
        }
    }
    figures
}

fn growth_figure(grown: Grown, speeds: &[TrainSpeed], label: &str, value: Value) -> Figure {
    let line = |family: Family, word: &str| {
        let own = speeds.iter().filter(|speed| speed.model.contains(word));
        let points: Vec<(f64, f64)> = own.map(|speed| (grown.of(speed) as f64, value(speed))).collect();
        (family, points)
    };
    let lines = [line(Family::Transformer, "transformer"), line(Family::Lstm, "lstm")];
    let change = |(family, points): &(Family, Vec<(f64, f64)>)| match (points.first(), points.last()) {
        (Some((_, from)), Some((_, to))) => format!("{family} {} to {}", human(*from), human(*to)),
        _ => format!("{family} not measured"),
    };
    let what = label.split(" (").next().unwrap_or_default();
    let grows = match grown {
        Grown::Model => "model",
        Grown::BlockSize => "block",
        Grown::BatchSize => "batch",
    };
    let title = format!("{what} as the {grows} grows: {}, {}", change(&lines[0]), change(&lines[1]));
    let drawn =
        lines.into_iter().map(|(family, points)| Line::new(family.to_string(), points).with_dots().family(family));
    figures::lines(drawn.collect::<Vec<_>>(), grown.label(), label, []).log_x().log_y().title(&title)
}

/// Measures a setting by calling this program's own `train` for it.
pub fn measure_apart(setting: &Setting, peer: Option<&str>) -> Result<TrainSpeed> {
    let own = std::env::current_exe().map_err(Error::file("find", "this program"))?;
    let mut command = Command::new(&own);
    command.args(["train", "--json", "--model", &setting.model]);
    let sizes = [("--vocab-size", setting.vocab_size), ("--block-size", setting.block_size)];
    let counts = [("--batch-size", setting.batch_size), ("--rounds", setting.rounds), ("--steps", setting.steps)];
    sizes.into_iter().chain(counts).for_each(|(option, n)| _ = command.arg(option).arg(n.to_string()));
    peer.into_iter().for_each(|peer| _ = command.args(["--peer", peer]));
    let output = command.stderr(Stdio::inherit()).output().map_err(Error::file("start", &own))?;
    serde_json::from_slice(&output.stdout)
        .map_err(|_| Error::Config(format!("the measurement of {} ended without a result", setting.model)))
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

    #[test]
    fn each_picture_holds_the_numbers_of_its_own_settings() {
        let speed = |(i, setting): (usize, Setting)| TrainSpeed {
            n_params: setting.config().unwrap().n_params(),
            block_size: setting.block_size,
            batch_size: setting.batch_size,
            tokens_per_s: 1000.0 + i as f64,
            model: setting.model,
            ..TrainSpeed::default()
        };
        let speeds: Vec<TrainSpeed> = growth().into_iter().enumerate().map(speed).collect();
        let figures = growth_figures(&speeds);
        let names: Vec<&str> = figures.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(
            (names.len(), names[0], names[5]),
            (9, "growth_tokens_per_s_by_parameters", "growth_peak_rss_by_block_size")
        );
        let csv = figures[3].1.csv().unwrap(); // tokens a second by block size: the settings after the nine models
        assert!(csv.contains("2048,1017") && csv.contains("2048,1018") && !csv.contains("1000"), "{csv}");
        assert_eq!(csv.lines().count(), 1 + 2 * 5, "{csv}");
    }
}
