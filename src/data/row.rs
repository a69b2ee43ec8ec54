//! What stays in memory of a tune while its corpus is prepared: 64 bytes. The tune itself waits on disk.

use super::{Split, Tune, hash};

/// One tune as the choices need it: which are the same music, which are taken, and where they go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// Where the tune's line begins on disk, in bytes, and how long it is.
    pub place: u64,
    pub n_bytes: u32,
    /// Hash of the text.
    pub text: u64,
    /// Hash of the fingerprint of the whole tune's notes.
    pub notes: u64,
    /// Hash of artist and title in small letters, where both are known.
    pub song: Option<u64>,
    /// Decides which tunes a sample takes: those of the lowest lots. Pieces of one tune draw the same.
    pub lot: u64,
    pub fate: Fate,
}

/// What is to become of a tune.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// Kept so far.
    Kept,
    In(Split),
    /// Dropped when it was read; its line says why.
    Dropped,
    Repeated,
    NotSampled,
}

impl Row {
    /// The row of a tune that was just read, whose line is at `place`; the seed decides the lots.
    pub fn new(tune: &Tune, place: u64, n_bytes: usize, seed: u64) -> Row {
        let song = tune.artist.as_ref().zip(tune.title.as_ref()).map(|(artist, title)| song(artist, title));
        Row {
            place,
            n_bytes: u32::try_from(n_bytes).unwrap_or(u32::MAX),
            text: hash(&[tune.abc.as_bytes()]),
            notes: hash(&[tune.fingerprint.as_bytes()]),
            song,
            lot: hash(&[&seed.to_le_bytes(), tune.source.as_bytes()]),
            fate: match tune.split {
                Some(split) => Fate::In(split), // a piece of a text
                None if tune.is_kept() => Fate::Kept,
                None => Fate::Dropped,
            },
        }
    }

    pub fn is_kept(&self) -> bool {
        matches!(self.fate, Fate::Kept | Fate::In(_))
    }

    pub fn split(&self) -> Option<Split> {
        match self.fate {
            Fate::In(split) => Some(split),
            _ => None,
        }
    }

    /// Writes what became of the tune into it.
    pub fn decide(&self, tune: &mut Tune) {
        match self.fate {
            Fate::Kept | Fate::Dropped => {}
            Fate::In(split) => tune.split = Some(split),
            Fate::Repeated => tune.drop_because("the same text as an earlier tune"),
            Fate::NotSampled => tune.drop_because("not in the sample (max_tunes)"),
        }
    }
}

fn song(artist: &str, title: &str) -> u64 {
    let letters = |text: &str| text.to_lowercase().chars().filter(|c| c.is_alphanumeric()).collect::<String>();
    hash(&[letters(artist).as_bytes(), letters(title).as_bytes()])
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::data::tune::tests::tune;

    /// The row of a plain tune with this text and these notes.
    pub fn row(text: &str, fingerprint: &str) -> Row {
        Row::new(&Tune { fingerprint: fingerprint.to_string(), ..tune(text, text) }, 0, 0, 0)
    }

    #[test]
    fn a_million_rows_take_64_megabytes() {
        assert!(size_of::<Row>() <= 64);
    }

    #[test]
    fn versions_of_one_song_are_told_by_artist_and_title() {
        let of = |artist: &str, title: &str| {
            let (artist, title) = (Some(artist.to_string()), Some(title.to_string()));
            Row::new(&Tune { artist, title, ..tune("t", "x") }, 0, 0, 0).song
        };
        assert_eq!(of("Band", "Hey You"), of("BAND", "hey you!"));
        assert_ne!(of("Band", "Hey You"), of("Band", "Hey Me"));
        assert_eq!(row("x", "y").song, None);
    }
}
