//! One file of music to tunes: MIDI → score → quantised → ABC, or ABC → canonical ABC; then the length filter.

use super::archives::{MusicFile, is_abc_name, is_text_name};
use super::fingerprint::fingerprint;
use super::melody::sketch;
use super::{CorpusConfig, FailedFile, LongTunes, Split, Tune, short_hash};
use crate::music::abc::{self, TuneText, WriteOptions};
use crate::music::{Score, midi, quantise};

/// A score of more bars is an accident (one stray event after hours of silence), not a piece of music.
const MAX_BARS: usize = 10_000;

/// Characters of a piece of plain text that has no blank line.
const LONGEST_PIECE: usize = 1000;

/// What became of one file.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Reading {
    /// Kept and dropped.
    pub tunes: Vec<Tune>,
    /// Of each whole tune its fingerprint and the sketch of its melodies.
    pub sketches: Vec<(String, Vec<u64>)>,
    /// What could not be read.
    pub failed: Vec<FailedFile>,
    /// What was tried: one for a MIDI file, one for each tune of an ABC file.
    pub n_inputs: usize,
}

/// A tune as it was read, whole and before the length filter, with its sketch.
type WholeTune = (Tune, Vec<u64>);

/// Every tune of a file, kept or dropped with its reason; and what failed, with its stage and reason.
pub fn read_tunes(file: &MusicFile, config: &CorpusConfig) -> Reading {
    if let Some(split) = Split::ALL.into_iter().find(|split| file.path == format!("{split}.bin")) {
        return read_text(file, |_| split);
    }
    if is_text_name(&file.path) {
        let total: f64 = config.split.iter().sum();
        let [end_of_train, end_of_val] = [config.split[0] / total, (config.split[0] + config.split[1]) / total];
        return read_text(file, |place| match place {
            place if place < end_of_train => Split::Train,
            place if place < end_of_val => Split::Val,
            _ => Split::Test,
        });
    }
    let wholes = if is_abc_name(&file.path) { read_abc(file) } else { vec![read_midi(file, config)] };
    let mut reading = Reading { n_inputs: wholes.len(), ..Reading::default() };
    for whole in wholes {
        match whole.and_then(|(whole, sketch)| Ok((pieces(&whole, config)?, (whole.fingerprint, sketch)))) {
            Ok((tunes, sketch)) => {
                reading.tunes.extend(tunes);
                reading.sketches.push(sketch);
            }
            Err(failed) => reading.failed.push(failed),
        }
    }
    reading
}

/// The pieces of a plain text, in order and nothing left out: up to each blank line, a thousand characters behind the last. `split_at` says where the piece goes whose middle lies at so large a share of the text.
fn read_text(file: &MusicFile, split_at: impl Fn(f64) -> Split) -> Reading {
    let mut reading = Reading { n_inputs: 1, ..Reading::default() };
    let Ok(text) = std::str::from_utf8(&file.bytes) else {
        reading.failed =
            vec![FailedFile::new(file.path.clone(), "read text", "the text is not UTF-8: save it as UTF-8")];
        return reading;
    };
    let (mut start, mut blank_lines) = (0, text.match_indices("\n\n"));
    while start < text.len() {
        let rest = &text[start..];
        let to_longest = || rest.char_indices().nth(LONGEST_PIECE).map_or(rest.len(), |(end, _)| end);
        let piece = &rest[..blank_lines.next().map_or_else(to_longest, |(place, _)| place + 2 - start)];
        let tune_id = format!("{}:{}", file.path, reading.tunes.len() + 1);
        reading.tunes.push(Tune {
            source: tune_id.clone(),
            fingerprint: tune_id.clone(),
            tune_id,
            source_hash: short_hash(&[piece.as_bytes()]),
            n_chars: piece.chars().count(),
            abc: piece.to_string(),
            split: Some(split_at((start as f64 + 0.5 * piece.len() as f64) / text.len() as f64)),
            ..Tune::default()
        });
        start += piece.len();
    }
    reading
}

fn read_midi(file: &MusicFile, config: &CorpusConfig) -> Result<WholeTune, FailedFile> {
    let score = score_of_midi(file)?;
    let (artist, title) = artist_and_title(&file.path);
    let tune = Tune {
        source: file.path.clone(),
        source_hash: short_hash(&[&file.bytes]),
        artist,
        title: title.or_else(|| score.title.clone()),
        fingerprint: fingerprint(&score),
        abc: abc::write(&score, &WriteOptions { layout: config.layout, ..WriteOptions::default() }),
        ..Tune::default()
    };
    Ok((tune, sketch(&score)))
}

/// The quantised score of a MIDI file that holds music.
///
/// # Errors
/// It is not MIDI, holds no notes, or spans more bars than any piece of music.
pub fn score_of_midi(file: &MusicFile) -> Result<Score, FailedFile> {
    let failed = |reason: &dyn std::fmt::Display| FailedFile::new(file.path.clone(), "read midi", reason);
    let score = midi::read(&file.bytes).map_err(|error| failed(&error))?;
    if score.n_notes() == 0 {
        return Err(failed(&"the file holds no notes"));
    }
    if score.n_bars() > MAX_BARS {
        let n_bars = score.n_bars();
        return Err(failed(&format!("the music spans {n_bars} bars; more than {MAX_BARS} are taken for damage")));
    }
    Ok(quantise::quantise(&score))
}

fn read_abc(file: &MusicFile) -> Vec<Result<WholeTune, FailedFile>> {
    match tunes_of(file) {
        Ok(book) => book.into_iter().map(|tune| read_abc_tune(&file.path, tune)).collect(),
        Err(failed) => vec![Err(failed)],
    }
}

/// The tunes of an ABC file, one at least.
pub(super) fn tunes_of(file: &MusicFile) -> Result<Vec<TuneText>, FailedFile> {
    let book = abc::split_tunebook(&abc::decode(&file.bytes));
    let none = || FailedFile::new(file.path.clone(), "read abc", "the file holds no tune: no line begins with X:");
    if book.is_empty() { Err(none()) } else { Ok(book) }
}

fn read_abc_tune(path: &str, tune: TuneText) -> Result<WholeTune, FailedFile> {
    let source = format!("{path}:{}", tune.line);
    let failed = |reason: &dyn std::fmt::Display| FailedFile::new(source.clone(), "read abc", reason);
    let text = abc::canonical(&tune.text).map_err(|error| failed(&error))?;
    let score = abc::parse(&text).map_err(|error| failed(&format!("its canonical text does not parse: {error}")))?;
    if score.n_notes() == 0 {
        return Err(failed(&"the tune holds no notes"));
    }
    let (fingerprint, source_hash) = (fingerprint(&score), short_hash(&[tune.text.as_bytes()]));
    Ok((Tune { source, source_hash, title: tune.title, fingerprint, abc: text, ..Tune::default() }, sketch(&score)))
}

/// The tune itself if its length passes the filter, its pieces if it is to be split, or one dropped tune.
fn pieces(whole: &Tune, config: &CorpusConfig) -> Result<Vec<Tune>, FailedFile> {
    if whole.abc.chars().count() < config.max_chars || config.long_tunes == LongTunes::Drop {
        return Ok(vec![filtered(whole, whole.source.clone(), &whole.abc, config)?]);
    }
    let texts = abc::split_long(&whole.abc, config.max_chars);
    let texts = texts.iter().enumerate().map(|(index, text)| (format!("{}~{}", whole.source, index + 1), text));
    texts.map(|(tune_id, text)| filtered(whole, tune_id, text, config)).collect()
}

/// A tune with its numbers, dropped if its length doesn't pass. Only text that parses strictly comes through here.
fn filtered(whole: &Tune, tune_id: String, text: &str, config: &CorpusConfig) -> Result<Tune, FailedFile> {
    let unreadable =
        |error| FailedFile::new(tune_id.clone(), "write abc", format!("the text does not parse back: {error}"));
    let score = abc::parse(text).map_err(unreadable)?;
    let n_chars = text.chars().count();
    let mut tune = Tune {
        tune_id,
        key: score.key().to_string(),
        meter: score.meter().to_string(),
        tempo_bpm: (1000.0 * score.tempo_bpm()).round() / 1000.0, // short decimals survive JSON unchanged
        n_voices: score.voices.iter().filter(|voice| !voice.notes.is_empty()).count(),
        n_notes: score.n_notes(),
        n_bars: score.n_bars(),
        n_chars,
        abc: text.to_string(),
        ..whole.clone()
    };
    if tune.n_notes == 0 {
        tune.drop_because("a piece without notes");
    } else if n_chars <= config.min_chars {
        tune.drop_because(format!("at most {} characters", config.min_chars));
    } else if n_chars >= config.max_chars {
        tune.drop_because(format!("{} characters or more", config.max_chars));
    }
    Ok(tune)
}

/// Lakh's clean_midi names its files `clean_midi/Artist/Title.mid`, further versions `Title.1.mid`, `Title.2.mid`. Elsewhere
/// the file's name is all that is known.
fn artist_and_title(path: &str) -> (Option<String>, Option<String>) {
    let mut parts = path.rsplit('/');
    let stem = parts.next().and_then(|name| name.rsplit_once('.')).map(|(stem, _)| stem);
    match (parts.next(), parts.next()) {
        (Some(artist), Some("clean_midi")) => {
            let version = |(title, number): (&str, &str)| number.parse::<u32>().is_ok().then(|| title.to_string());
            let title = stem.map(|stem| stem.rsplit_once('.').and_then(version).unwrap_or_else(|| stem.to_string()));
            (Some(artist.to_string()), title)
        }
        _ => (None, None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(path: &str, bytes: &[u8]) -> MusicFile {
        MusicFile { path: path.to_string(), bytes: bytes.to_vec() }
    }

    const BOOK: &str = "X:1\nT:First\nM:4/4\nL:1/8\nK:G\nGABc d2B2|GABc d4|GABc d2B2|A4 G4|\n\nX:2\nT:Broken\nM:4/4\nL:1/8\nK:G\n[GAB %% |\n\n";

    #[test]
    fn an_abc_book_gives_its_tunes_and_names_the_line_of_the_broken_one() {
        let config = CorpusConfig { min_chars: 10, ..CorpusConfig::default() };
        let reading = read_tunes(&file("book.abc", BOOK.as_bytes()), &config);
        assert_eq!(reading.n_inputs, 2);
        assert_eq!(reading.tunes.len(), 1, "{reading:?}");
        let tune = &reading.tunes[0];
        assert_eq!(
            (tune.tune_id.as_str(), tune.title.as_deref(), tune.key.as_str()),
            ("book.abc:1", Some("First"), "G major")
        );
        assert_eq!((tune.meter.as_str(), tune.n_notes, tune.n_bars), ("4/4", 19, 4));
        assert_eq!((reading.failed[0].source.as_str(), reading.failed[0].stage.as_str()), ("book.abc:8", "read abc"));
    }

    #[test]
    fn files_that_are_not_music_fail_with_a_reason() {
        for (path, bytes) in
            [("a.mid", &b"<html>404</html>"[..]), ("b.mid", b"MThd"), ("c.abc", b"no tune"), ("d.mid", &[0; 4096])]
        {
            let reading = read_tunes(&file(path, bytes), &CorpusConfig::default());
            assert_eq!((reading.n_inputs, reading.tunes.len(), reading.failed.len()), (1, 0, 1));
            assert!(reading.failed[0].reason.len() > 10, "{:?}", reading.failed);
        }
    }

    #[test]
    fn a_tune_outside_the_length_filter_is_dropped_or_split() {
        let body = "GABc d2B2|".repeat(200);
        let book = format!("X:1\nM:4/4\nL:1/8\nK:G\n{body}\n\n");
        let dropping = CorpusConfig { long_tunes: LongTunes::Drop, max_chars: 500, ..CorpusConfig::default() };
        let reading = read_tunes(&file("long.abc", book.as_bytes()), &dropping);
        assert_eq!(reading.tunes[0].dropped_because.as_deref(), Some("500 characters or more"));
        assert!(reading.tunes[0].abc.is_empty() && reading.tunes[0].n_chars > 2000);
        let reading =
            read_tunes(&file("long.abc", book.as_bytes()), &CorpusConfig { max_chars: 500, ..CorpusConfig::default() });
        assert!(reading.tunes.len() > 4 && reading.failed.is_empty(), "{:?}", reading.failed);
        assert_eq!(reading.tunes.iter().map(|tune| tune.n_notes).sum::<usize>(), 200 * 6);
        assert!(
            reading.tunes.iter().all(|tune| tune.n_chars < 500 && tune.fingerprint == reading.tunes[0].fingerprint)
        );
        assert_eq!(reading.tunes[1].tune_id, "long.abc:1~2");
        let short = read_tunes(&file("short.abc", b"X:1\nL:1/4\nK:C\nCDEF|\n"), &CorpusConfig::default());
        assert_eq!(short.tunes[0].dropped_because.as_deref(), Some("at most 100 characters"));
    }

    #[test]
    fn lakh_paths_name_artist_and_title() {
        let some = |text: &str| Some(text.to_string());
        assert_eq!(artist_and_title("clean_midi/AC_DC/T.N.T.2.mid"), (some("AC_DC"), some("T.N.T")));
        assert_eq!(artist_and_title("x/clean_midi/a-ha/Take on Me.mid"), (some("a-ha"), some("Take on Me")));
        assert_eq!(artist_and_title("lmd_full/0/0a.mid"), (None, None));
    }
}
