//! MIDI bytes → ABC text → MIDI bytes: `cargo run -p abc-score --example convert`.

use abc_score::{TICKS_PER_BEAT, abc, f1, midi, quantise};

/// A played scale as a MIDI file of 96 ticks a beat. Nobody plays on the grid: each note has its time since the one before
/// and its length, both in ticks.
fn played_scale() -> Vec<u8> {
    let notes = [(62, 0, 44), (64, 3, 47), (66, 2, 45), (67, 1, 46), (69, 4, 90), (62, 5, 94)];
    let note = |(pitch, wait, length)| [wait, 0x90, pitch, 80, length, 0x80, pitch, 0];
    let track = notes.map(note).concat();
    let length = (track.len() as u32).to_be_bytes();
    [b"MThd\0\0\0\x06\0\0\0\x01\0\x60MTrk".as_slice(), &length, &track].concat()
}

fn main() -> abc_score::Result<()> {
    let played = midi::read(&played_scale())?;
    let text = abc::write(&quantise::quantise(&played), &abc::WriteOptions::default());
    print!("{text}");

    let score = abc::parse(&text)?;
    let file = midi::write(&score);
    let kept = f1(&played, &midi::read(&file)?, TICKS_PER_BEAT / 16);
    println!("{} notes in {}; {} bytes of MIDI; F1 of the notes {kept:.3}", score.n_notes(), score.key(), file.len());
    Ok(())
}
