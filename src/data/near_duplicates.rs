//! Near-duplicates: two editions of a reel, in whatever keys, or a MIDI file that was re-saved, mended or sung to another end.
//!
//! Two tunes are the same music when a quarter of their phrases, and five at least, are common ([`super::melody`]). Time grows
//! with the number of tunes times its logarithm, memory by 1 to 9 KB a tune: each tune is compared with those that hold one
//! of its hashes, of more than eight with the eight before it. So the hundred versions of a song hang together as a chain, and
//! a turn of phrase that everybody uses costs no more than another.

use super::melody::shared;
use super::row::Row;
use rayon::prelude::*;
use std::collections::HashMap;

const MIN_SIMILARITY: f64 = 0.25;
const MIN_SHARED: usize = 5;
const N_COMPARED: usize = 8;

/// The sketches of whole tunes, each with the hash of the fingerprint that its rows have; long tunes have one for all their pieces.
pub type Sketches = Vec<(u64, Vec<u64>)>;

/// Pairs of rows (earlier, later) that are near-duplicates, among the kept ones. Of tunes with the same notes the first stands
/// for all.
pub fn near_duplicates(rows: &[Row], sketches: &Sketches) -> Vec<(usize, usize)> {
    let mut first_with: HashMap<u64, usize> = HashMap::new();
    for (index, row) in rows.iter().enumerate().filter(|(_, row)| row.is_kept()) {
        first_with.entry(row.notes).or_insert(index);
    }
    let tunes: Vec<(usize, &Vec<u64>)> =
        sketches.iter().filter_map(|(notes, sketch)| Some((first_with.remove(notes)?, sketch))).collect();
    let mut places: Vec<(u64, usize)> = Vec::new(); // (hash, tune)
    for (tune, (_, sketch)) in tunes.iter().enumerate() {
        places.extend(sketch.iter().map(|hash| (*hash, tune)));
    }
    places.par_sort_unstable();
    let mut pairs: Vec<(usize, usize)> = Vec::new(); // one for each hash that two tunes share
    for holders in places.chunk_by(|a, b| a.0 == b.0) {
        for (n_before, (_, later)) in holders.iter().enumerate() {
            let before = &holders[n_before.saturating_sub(N_COMPARED)..n_before];
            pairs.extend(before.iter().map(|(_, earlier)| (*earlier, *later)));
        }
    }
    pairs.par_sort_unstable();
    let of_enough = pairs.chunk_by(|a, b| a == b).filter(|same| same.len() >= MIN_SHARED).map(|same| same[0]);
    let are_similar = |(earlier, later): &(usize, usize)| {
        let (n_shared, n) = shared(tunes[*earlier].1, tunes[*later].1);
        n_shared >= MIN_SHARED && n_shared as f64 >= MIN_SIMILARITY * n as f64
    };
    of_enough.filter(are_similar).map(|(earlier, later)| (tunes[earlier].0, tunes[later].0)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::melody::tests::sketch_of;
    use crate::data::row::tests::row;

    fn pairs(sketches: &[Vec<u64>]) -> Vec<(usize, usize)> {
        let rows: Vec<Row> = (0..sketches.len()).map(|i| row(&format!("text {i}"), &i.to_string())).collect();
        let all = rows.iter().zip(sketches).map(|(row, sketch)| (row.notes, sketch.clone())).collect();
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
