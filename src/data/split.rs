//! Which tunes a model trains on and which it never sees: 98 % train, 1 % val, 1 % test, unless told otherwise, by tune.
//!
//! Tunes that are the same music stay together: the same fingerprint, the same artist and title (Lakh's `Title.mid`,
//! `Title.1.mid` are versions of one song), or many phrases in common. Pieces of a long tune share its fingerprint.

use super::Split;
use super::row::{Fate, Row};
use rand::SeedableRng;
use rand::seq::SliceRandom;
use serde::{Deserialize, Serialize};
use std::collections::HashMap;

/// How the tunes of a corpus hang together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Groups {
    /// Groups of the same music; a tune without relatives is one by itself.
    pub n_groups: usize,
    /// Tunes of the largest one, pieces of long tunes counted.
    pub largest: usize,
}

/// Gives every kept tune its split and returns the order of the tunes in the text: groups of the same music shuffled, the
/// tunes of a group as they came. `near_duplicates` are pairs of kept tunes that belong together beside those whose notes or
/// songs are equal; `shares` those of train, val and test. With fewer than three groups val and test may stay empty.
pub fn assign_splits(
    rows: &mut [Row],
    near_duplicates: &[(usize, usize)],
    shares: [f64; 3],
    seed: u64,
) -> (Vec<usize>, Groups) {
    let mut groups = groups_of_same_music(rows, near_duplicates);
    groups.shuffle(&mut rand_pcg::Pcg64::seed_from_u64(seed));
    let n_tunes: usize = groups.iter().map(Vec::len).sum();
    let target = |share: f64| ((share / shares.iter().sum::<f64>() * n_tunes as f64).round() as usize).max(1);
    let targets = [(Split::Val, target(shares[1])), (Split::Test, target(shares[2]))];
    let splits = splits_of_groups(&groups.iter().map(Vec::len).collect::<Vec<_>>(), targets);
    for (group, split) in groups.iter().zip(splits) {
        group.iter().for_each(|&index| rows[index].fate = Fate::In(split));
    }
    let found = Groups { n_groups: groups.len(), largest: groups.iter().map(Vec::len).max().unwrap_or(0) };
    (groups.into_iter().flatten().collect(), found)
}

/// Fills val and then test with groups that still fit; where none fits at all, the smallest group is taken.
fn splits_of_groups(sizes: &[usize], targets: [(Split, usize); 2]) -> Vec<Split> {
    let mut splits = vec![Split::Train; sizes.len()];
    for (held_out, target) in targets {
        let mut n_left = target;
        for (split, &size) in splits.iter_mut().zip(sizes) {
            if *split == Split::Train && size <= n_left {
                *split = held_out;
                n_left -= size;
            }
        }
        let n_train = splits.iter().filter(|split| **split == Split::Train).count();
        if n_left == target && n_train > 1 {
            let in_train = splits.iter_mut().zip(sizes).filter(|(split, _)| **split == Split::Train);
            if let Some((split, _)) = in_train.min_by_key(|(_, size)| **size) {
                *split = held_out;
            }
        }
    }
    splits
}

/// Indices of kept tunes, those of the same music together, in order of first appearance.
fn groups_of_same_music(rows: &[Row], near_duplicates: &[(usize, usize)]) -> Vec<Vec<usize>> {
    let mut leader: Vec<usize> = (0..rows.len()).collect(); // union-find: a tune's leader leads to the first of its group
    let (mut first_with_notes, mut first_with_song) = (HashMap::new(), HashMap::new());
    let kept = || rows.iter().enumerate().filter(|(_, row)| row.is_kept());
    for (index, row) in kept() {
        join(&mut leader, *first_with_notes.entry(row.notes).or_insert(index), index);
        if let Some(song) = row.song {
            join(&mut leader, *first_with_song.entry(song).or_insert(index), index);
        }
    }
    for (earlier, later) in near_duplicates {
        join(&mut leader, *earlier, *later);
    }
    let mut group_of_leader: HashMap<usize, usize> = HashMap::new();
    let mut groups: Vec<Vec<usize>> = Vec::new();
    for (index, _) in kept() {
        let n_groups = groups.len();
        let group = *group_of_leader.entry(find(&mut leader, index)).or_insert(n_groups);
        groups.resize(groups.len().max(group + 1), Vec::new());
        groups[group].push(index);
    }
    groups
}

/// Makes the groups of two tunes one.
fn join(leader: &mut [usize], a: usize, b: usize) {
    let (a, b) = (find(leader, a), find(leader, b));
    leader[a.max(b)] = a.min(b);
}

/// The first tune of the group that `index` belongs to; shortens the way for the next search.
fn find(leader: &mut [usize], mut index: usize) -> usize {
    while leader[index] != index {
        leader[index] = leader[leader[index]];
        index = leader[index];
    }
    index
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::row::tests::row;
    use std::collections::HashSet;

    const USUAL: [f64; 3] = [98.0, 1.0, 1.0];

    fn rows(n: usize, group: impl Fn(usize) -> usize) -> Vec<Row> {
        (0..n).map(|i| row(&format!("text {i}"), &group(i).to_string())).collect()
    }

    fn count(rows: &[Row], split: Split) -> usize {
        rows.iter().filter(|row| row.split() == Some(split)).count()
    }

    #[test]
    fn splits_are_98_1_1_and_the_same_for_the_same_seed() {
        let mut first = rows(10_000, |i| i);
        let (order, groups) = assign_splits(&mut first, &[], USUAL, 7);
        assert_eq!(groups, Groups { n_groups: 10_000, largest: 1 });
        assert_eq!(
            [count(&first, Split::Train), count(&first, Split::Val), count(&first, Split::Test)],
            [9800, 100, 100]
        );
        assert_eq!(order.iter().collect::<HashSet<_>>().len(), 10_000);
        let mut again = rows(10_000, |i| i);
        assert_eq!(assign_splits(&mut again, &[], USUAL, 7).0, order);
        assert_eq!(first, again);
        assert_ne!(assign_splits(&mut rows(10_000, |i| i), &[], USUAL, 8).0, order);
    }

    #[test]
    fn shares_of_ones_own_are_obeyed() {
        let mut all = rows(300, |i| i);
        assign_splits(&mut all, &[], [8.0, 1.5, 0.5], 7);
        assert_eq!(Split::ALL.map(|split| count(&all, split)), [240, 45, 15]);
    }

    #[test]
    fn duplicates_stay_in_one_split() {
        let mut rows = rows(3000, |i| i % 1100); // groups of two or three
        assign_splits(&mut rows, &[], USUAL, 1);
        for row in &rows {
            let same = rows.iter().filter(|other| other.notes == row.notes);
            assert!(same.clone().all(|other| other.split() == row.split()));
        }
        assert!((28..=30).contains(&count(&rows, Split::Val)) && (28..=30).contains(&count(&rows, Split::Test)));
    }

    #[test]
    fn the_same_music_stays_together_whatever_links_it() {
        let mut rows = rows(300, |i| i);
        (rows[3].song, rows[200].song) = (Some(7), Some(7));
        rows[250].notes = rows[200].notes; // so the same song as 3
        assert_eq!(groups_of_same_music(&rows, &[(120, 250)])[3], [3, 120, 200, 250]);
        assert_eq!(assign_splits(&mut rows, &[(120, 250)], USUAL, 5).1, Groups { n_groups: 297, largest: 4 });
        assert!([120, 200, 250].iter().all(|i| rows[*i].split() == rows[3].split()));
    }

    #[test]
    fn three_groups_fill_three_splits_whatever_their_size() {
        let mut rows = rows(30, |i| i / 10);
        assign_splits(&mut rows, &[], USUAL, 0);
        for split in Split::ALL {
            assert_eq!(count(&rows, split), 10);
        }
    }

    #[test]
    fn dropped_tunes_get_no_split() {
        let mut rows = rows(10, |i| i);
        rows[4].fate = Fate::Repeated;
        assert_eq!(assign_splits(&mut rows, &[], USUAL, 0).0.len(), 9);
        assert_eq!(rows[4].split(), None);
    }
}
