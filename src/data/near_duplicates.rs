//! Near-duplicates: two editions of a reel, in whatever keys, or a MIDI file that was re-saved, mended or sung to another end.
//!
//! Two tunes are the same music when a quarter of their phrases, and five at least, are common ([`super::melody`]). Time grows
//! with the number of tunes times its logarithm, memory by 1 KB a tune: each tune is compared with those that hold one
//! of its hashes, of more than eight with the eight before it. So the hundred versions of a song hang together as a chain, and
//! a turn of phrase that everybody uses costs no more than another.

use super::melody::{SKETCH_SIZE, shared};
use super::row::Row;
use rayon::prelude::*;
use std::collections::{BTreeMap, HashMap};

const MIN_SIMILARITY: f64 = 0.25;
const MIN_SHARED: usize = 5;
const N_COMPARED: usize = 8;

/// The sketches of whole tunes; long tunes have one for all their pieces.
#[derive(Debug, Default)]
pub struct Sketches {
    /// Of each tune the hash of its fingerprint, as its rows have it, and where its hashes end.
    tunes: Vec<(u64, usize)>,
    hashes: Vec<u64>,
}

impl Sketches {
    /// Adds the sketch of the tune whose rows have these `notes`.
    pub fn add(&mut self, notes: u64, sketch: &[u64]) {
        self.hashes.extend(sketch.iter().take(SKETCH_SIZE));
        self.tunes.push((notes, self.hashes.len()));
    }

    fn iter(&self) -> impl Iterator<Item = (u64, &[u64])> {
        let starts = std::iter::once(0).chain(self.tunes.iter().map(|(_, end)| *end));
        let sketch = |start, end| self.hashes.get(start..end).unwrap_or_default();
        self.tunes.iter().zip(starts).map(move |((notes, end), start)| (*notes, sketch(start, *end)))
    }
}

/// Pairs of rows (earlier, later) that are near-duplicates, among the kept ones. Of tunes with the same notes the first stands
/// for all.
pub fn near_duplicates(rows: &[Row], sketches: &Sketches) -> Vec<(usize, usize)> {
    let mut first_with: HashMap<u64, usize> = HashMap::new();
    for (index, row) in rows.iter().enumerate().filter(|(_, row)| row.is_kept()) {
        first_with.entry(row.notes).or_insert(index);
    }
    let with_row = |(notes, sketch)| Some((first_with.remove(&notes)?, sketch));
    let tunes: Vec<(usize, &[u64])> = sketches.iter().filter_map(with_row).collect();
    let holders = Holders::new(tunes.iter().map(|(_, sketch)| *sketch));
    let row = |tune: usize| tunes.get(tune).map_or(0, |(row, _)| *row);
    let sketch = |tune: usize| tunes.get(tune).map_or(&[][..], |(_, sketch)| *sketch);
    let earlier = |later: usize| {
        let enough = move |earlier: &usize| {
            let (n_shared, n) = shared(sketch(*earlier), sketch(later));
            n_shared >= MIN_SHARED && n_shared as f64 >= MIN_SIMILARITY * n as f64
        };
        holders.before(later).into_iter().filter(enough).map(move |earlier| (row(earlier), row(later)))
    };
    (0..tunes.len()).into_par_iter().flat_map_iter(earlier).collect()
}

/// Which tunes hold a hash: all places of all sketches in the order of their hashes.
struct Holders {
    /// (hash, tune), sorted.
    places: Vec<(u64, u32)>,
    /// For each tune where its hashes stand among the places, in its sketch's order; `ends` says where a tune's end.
    ranks: Vec<u32>,
    ends: Vec<usize>,
}

impl Holders {
    fn new<'a>(sketches: impl Iterator<Item = &'a [u64]>) -> Holders {
        let (mut places, mut ends) = (Vec::new(), Vec::new());
        for (sketch, tune) in sketches.zip(0u32..) {
            places.extend(sketch.iter().map(|hash| (*hash, tune)));
            ends.push(places.len());
        }
        places.par_sort_unstable();
        let starts = std::iter::once(0).chain(ends.iter().copied());
        let mut next: Vec<usize> = starts.take(ends.len()).collect(); // where a tune's next rank goes: its hashes come in order
        let mut ranks = vec![0; places.len()];
        for ((_, tune), rank) in places.iter().zip(0u32..) {
            if let Some(next) = next.get_mut(*tune as usize) {
                if let Some(slot) = ranks.get_mut(*next) {
                    *slot = rank;
                }
                *next += 1;
            }
        }
        Holders { places, ranks, ends }
    }

    /// Earlier tunes that share at least [`MIN_SHARED`] hashes with this one, as far as they are compared.
    fn before(&self, tune: usize) -> Vec<usize> {
        let start = tune.checked_sub(1).and_then(|before| self.ends.get(before)).copied().unwrap_or(0);
        let ranks = self.ends.get(tune).and_then(|end| self.ranks.get(start..*end)).unwrap_or_default();
        let mut n_shared: BTreeMap<u32, usize> = BTreeMap::new();
        for rank in ranks {
            let Some((before, [(hash, _), ..])) = self.places.split_at_checked(*rank as usize) else { continue };
            let same = before.iter().rev().take(N_COMPARED).take_while(|(other, _)| other == hash);
            same.for_each(|(_, earlier)| *n_shared.entry(*earlier).or_default() += 1);
        }
        n_shared.into_iter().filter(|(_, n)| *n >= MIN_SHARED).map(|(earlier, _)| earlier as usize).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::melody::tests::sketch_of;
    use crate::data::row::tests::row;

    fn pairs(sketches: &[Vec<u64>]) -> Vec<(usize, usize)> {
        let rows: Vec<Row> = (0..sketches.len()).map(|i| row(&format!("text {i}"), &i.to_string())).collect();
        let mut all = Sketches::default();
        rows.iter().zip(sketches).for_each(|(row, sketch)| all.add(row.notes, sketch));
        near_duplicates(&rows, &all)
    }

    const REEL: &str = "F2 AF dFAF|G2 BG dGBG|F2 AF dFAF|E2 GE cEGE|\nF2 AF dFAF|G2 BG dGBG|ABcd efge|f2 d2 d4|]\n\n";

    #[test]
    fn an_edition_in_another_key_with_another_ending_is_found() {
        let reel = format!("X:1\nM:4/4\nL:1/8\nK:D\n{REEL}");
        let in_g = "X:1\nM:4/4\nL:1/8\nQ:1/4=90\nK:G\nB2 dB gBdB|c2 ec gcec|B2 dB gBdB|A2 cA fAcA|\nB2 dB gBdB|c2 ec gcec|bagf edcA|BGAF G4|]\n\n";
        let stranger = "X:1\nM:4/4\nL:1/8\nK:D\nd3e fdAd|BdAd BdFA|d3e fdfa|gfed cAce|\nd3e fdAd|BdAd BAFA|G2BG F2AF|E2C2 D4|]\n\n";
        assert_eq!(pairs(&[sketch_of(&reel), sketch_of(stranger), sketch_of(in_g)]), [(0, 2)]);
    }

    #[test]
    fn strangers_over_the_same_drums_rests_and_scales_are_not() {
        let with = |melody: &str| {
            let drums = "[V:2]F,,F,,D,,F,,F,,F,,D,,F,,|F,,F,,D,,F,,F,,F,,D,,F,,|F,,F,,D,,F,,F,,F,,D,,F,,|F,,F,,D,,F,,F,,F,,D,,F,,|\n";
            let scales = "[V:3]CDEFGABc|cBAGFEDC|CDEFGABc|cBAGFEDC|\n[V:4]z8|z8|z8|z8|\n";
            format!("X:1\nM:4/4\nL:1/8\nK:C\nV:1\nV:2\n%%MIDI channel 10\nV:3\nV:4\n[V:1]{melody}\n{drums}{scales}\n")
        };
        let (a, b) = (
            sketch_of(&with("cEGcBGEC|FAcfecAF|GBdgfdBG|cGEGC4|")),
            sketch_of(&with("eccegeef|dBBdfdde|ecegc'bag|fedBc4|")),
        );
        assert!(a.len() > 10 && b.len() > 10, "{} {}", a.len(), b.len());
        assert_eq!(pairs(&[a, b]), []);
    }

    #[test]
    fn a_hundred_versions_of_a_song_hang_together_and_commonplaces_link_nobody() {
        let of = |tune: u64, i: u64| crate::data::hash(&[&tune.to_le_bytes(), &i.to_le_bytes()]);
        let sketch = |tune: u64, own: u64| -> Vec<u64> {
            let common = (0..8).map(|i| of(0, i)); // in every tune
            let mut hashes: Vec<u64> =
                common.chain((0..30).map(|i| of(own, i))).chain((0..20).map(|i| of(tune, i))).collect();
            hashes.sort_unstable();
            hashes
        };
        // Tunes 1 to 100 are versions of song 1000, the others are strangers.
        let sketches: Vec<Vec<u64>> =
            (1..=300).map(|tune| sketch(tune, if tune <= 100 { 1000 } else { 1000 + tune })).collect();
        let found = pairs(&sketches);
        assert!((1..100).all(|later| found.iter().any(|pair| pair.1 == later)));
        assert!(found.iter().all(|(_, later)| *later < 100), "{found:?}");
    }
}
