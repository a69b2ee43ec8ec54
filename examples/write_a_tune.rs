//! A tune from the composer of the `composed` corpus, as text and as MIDI: `cargo run -p music-scaling --example write_a_tune`.

use music_scaling::data::composed;
use music_scaling::files;
use music_scaling::music::{abc, midi};
use std::path::Path;

fn main() -> music_scaling::Result<()> {
    let score = composed::compose(1337, 0);
    println!("{}", abc::write(&score, &abc::WriteOptions::default()));
    println!("{} notes in {} bars", score.n_notes(), score.bars().len());
    let path = Path::new("target/example-tune.mid");
    files::write_atomic(path, midi::write(&score))?;
    println!("played by any MIDI player: {}", path.display());
    Ok(())
}
