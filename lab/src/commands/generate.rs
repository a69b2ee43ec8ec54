//! `generate`: tunes that a model writes.

use super::output::print_json;
use lab::{Error, Result};
use music_scaling::generation::{self, Drawing, Prompt, Rates, Settings};
use music_scaling::study::Subject;
use std::path::{Path, PathBuf};

#[derive(clap::Args)]
#[command(group(clap::ArgGroup::new("start").args(["prefix", "from_file"])))]
pub(crate) struct GenerateOptions {
    /// The prepared corpus; without it, the one that the run was trained on
    #[arg(long)]
    data: Option<PathBuf>,
    /// Where the tune starts, such as $'X:1\nM:6/8\n'; without it and --continue, different prompts and temperatures
    #[arg(long)]
    prefix: Option<String>,
    /// Go on with the tune of a file: .abc, or MIDI, which becomes canonical ABC first
    #[arg(long = "continue", value_name = "FILE")]
    from_file: Option<PathBuf>,
    /// How many tunes; without it, one with --prefix or --continue, else ten
    #[arg(long)]
    n: Option<usize>,
    /// With --prefix or --continue: below 1 is more cautious, above 1 more daring
    #[arg(long, requires = "start", default_value = "0.8")]
    temperature: f64,
    /// With --prefix or --continue: draw among the k likeliest characters only
    #[arg(long, requires = "start")]
    top_k: Option<usize>,
    /// Draw among the likeliest characters that together have this probability
    #[arg(long)]
    top_p: Option<f64>,
    /// Draw among the characters that have this part of the likeliest one's probability
    #[arg(long)]
    min_p: Option<f64>,
    /// Draw only what leaves a tune of one voice that parses and whose bars add up
    #[arg(long)]
    guided: bool,
    /// End each tune behind so many bars
    #[arg(long)]
    bars: Option<usize>,
    /// End each tune where the model has written this, too
    #[arg(long)]
    stop: Option<String>,
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

impl GenerateOptions {
    fn prompts(&self, subject: &Subject) -> Result<Vec<Prompt>> {
        let GenerateOptions { prefix, from_file, n, temperature, top_k, top_p, min_p, guided, .. } = self;
        if *n == Some(0) {
            return Err(Error::Config("--n 0 asks for no tune; ask for 1 or more".to_string()));
        }
        let start = match from_file {
            Some(file) => Some(generation::beginning(file)?),
            None => prefix.clone(),
        };
        let mut prompts = match start {
            Some(start) => {
                let drawing = Drawing { top_k: *top_k, ..Drawing::at(*temperature) };
                vec![Prompt::new(start, drawing); n.unwrap_or(1)]
            }
            None => Prompt::varied(&subject.data, n.unwrap_or(10)),
        };
        for Prompt { drawing, .. } in &mut prompts {
            *drawing = Drawing { top_p: *top_p, min_p: *min_p, guided: *guided, ..*drawing };
        }
        Ok(prompts)
    }
}

pub(crate) fn generate(folder: &Path, options: GenerateOptions) -> Result<()> {
    let subject = Subject::open(folder, options.data.as_deref())?;
    let prompts = options.prompts(&subject)?;
    let GenerateOptions { max_tokens, bars, stop, seed, out, json, .. } = options;
    let context = Some(subject.block_size);
    let settings = Settings { max_tokens, bars, stop, context, seed, quiet: json, ..Settings::default() };
    let samples = generation::generate(&subject.model, &subject.data, &prompts, &settings)?;
    let files = generation::write_samples(&samples, &out)?;
    let rates = Rates::of(&samples);
    if json {
        return print_json(&serde_json::json!({ "rates": rates, "samples": samples }));
    }
    for sample in &samples {
        println!("{}", sample.text);
    }
    println!("{rates}\n{} files in {}", files.len(), out.display());
    Ok(())
}
