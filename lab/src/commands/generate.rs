//! `generate`: tunes that a model writes.

use super::output::{print_json, show};
use lab::Result;
use music_scaling::generation::{self, PageOptions, Prompt, Rates, listening};
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
    /// Folder for the tunes, the pages and the listening page's key
    #[arg(long, default_value = "samples")]
    out: PathBuf,
    /// Instead, write the pages of tunes kept in this file (JSON lines, one group a line): index.html to look through, listen.html
    /// to choose blindly
    #[arg(long, value_name = "FILE", conflicts_with_all = ["run", "judge"])]
    pages: Option<PathBuf>,
    /// Instead, say which tunes listeners preferred, from the codes that the listening page in --out gave them
    #[arg(long, value_name = "CODE", num_args = 1.., conflicts_with = "run")]
    judge: Option<Vec<String>>,
    #[arg(long)]
    json: bool,
}

pub(crate) fn generate(run: Option<&Path>, options: GenerateOptions) -> Result<()> {
    if let Some(codes) = &options.judge {
        return show(options.json, &listening::judge_in(&options.out, codes)?);
    }
    if let Some(groups) = &options.pages {
        return pages(groups, &options);
    }
    run.map_or(Ok(()), |run| write_tunes(run, options)) // clap asks for it
}

fn pages(groups: &Path, GenerateOptions { out, seed, json, .. }: &GenerateOptions) -> Result<()> {
    let settings = PageOptions { seed: *seed, ..PageOptions::default() };
    let files = generation::write_pages(&generation::read_groups(groups)?, out, &settings)?;
    if *json {
        return print_json(&files);
    }
    files.iter().for_each(|file| println!("{}", file.display()));
    Ok(())
}

fn write_tunes(folder: &Path, options: GenerateOptions) -> Result<()> {
    let GenerateOptions { data, prefix, temperature, top_k, max_tokens, seed, out, json, .. } = options;
    let subject = Subject::open(folder, data.as_deref())?;
    let data = &subject.data;
    let prompts = match prefix {
        Some(prefix) => vec![Prompt::new(prefix, temperature, top_k)],
        None => Prompt::varied(data, 10),
    };
    let settings = generation::Settings { max_tokens, context: Some(subject.block_size), seed, quiet: json };
    let samples = generation::generate(&subject.model, data, &prompts, &settings)?;
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
