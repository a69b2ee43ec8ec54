//! `generate`: tunes that a model writes.

use super::output::print_json;
use lab::Result;
use music_scaling::generation::{self, Melodies, Prompt, Rates};
use music_scaling::study::Subject;
use std::path::{Path, PathBuf};

#[derive(clap::Args)]
pub(crate) struct GenerateOptions {
    /// The prepared corpus; without it, the one that the run was trained on
    #[arg(long)]
    data: Option<PathBuf>,
    /// Where the tune starts, such as $'X:1\nM:6/8\n'; without it, ten different prompts and temperatures
    #[arg(long)]
    prefix: Option<String>,
    /// With --prefix: below 1 is more cautious, above 1 more daring
    #[arg(long, requires = "prefix", default_value = "0.8")]
    temperature: f64,
    /// With --prefix: draw among the k likeliest characters only
    #[arg(long, requires = "prefix")]
    top_k: Option<usize>,
    #[arg(long, default_value_t = 1000)]
    max_tokens: usize,
    #[arg(long, default_value_t = 1337)]
    seed: u64,
    /// Folder for the tunes
    #[arg(long, default_value = "samples")]
    out: PathBuf,
    #[arg(long)]
    json: bool,
}

pub(crate) fn generate(folder: &Path, options: GenerateOptions) -> Result<()> {
    let GenerateOptions { data, prefix, temperature, top_k, max_tokens, seed, out, json } = options;
    let subject = Subject::open(folder, data.as_deref())?;
    let data = &subject.data;
    let prompts = match prefix {
        Some(prefix) => vec![Prompt::new(prefix, temperature, top_k)],
        None => Prompt::varied(data, 10),
    };
    let settings = generation::Settings { max_tokens, context: Some(subject.block_size), seed, quiet: json };
    let samples = generation::generate(&subject.model, data, &Melodies::of_train(data), &prompts, &settings)?;
    let files = generation::write_samples(&samples, &out)?;
    let rates = Rates::of(samples.iter().map(|sample| &sample.validity));
    if json {
        return print_json(&serde_json::json!({ "rates": rates, "samples": samples }));
    }
    for sample in &samples {
        println!("{}", sample.text);
    }
    println!("{rates}\n{} files in {}", files.len(), out.display());
    Ok(())
}
