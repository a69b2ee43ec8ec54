//! Which tunes a model trains on and which it never sees: 98 % train, 1 % val, 1 % test, by tune.
//!
//! Tunes that are the same music stay together: the same fingerprint, the same artist and title (Lakh's `Title.mid`,
//! `Title.1.mid` are versions of one song), or long passages in common. Pieces of a long tune share its fingerprint.

use super::passages::near_duplicates;
use super::{Split, Tune};
use rand::SeedableRng;
use rand::seq::SliceRandom;
use std::collections::HashMap;

/// Share of the tunes in val, and again in test.
const HELD_OUT_SHARE: f64 = 0.01;

/// Gives every kept tune its split and returns the order of the tunes in the text: groups of the same music shuffled, the
/// tunes of a group as they came. With fewer than three groups val and test may stay empty.
pub fn assign_splits(tunes: &mut [Tune], seed: u64) -> Vec<usize> {
    let mut groups = groups_of_same_music(tunes);
    groups.shuffle(&mut rand_pcg::Pcg64::seed_from_u64(seed));
    let n_tunes: usize = groups.iter().map(Vec::len).sum();
    let target = ((HELD_OUT_SHARE * n_tunes as f64).round() as usize).max(1);
    let splits = splits_of_groups(&groups.iter().map(Vec::len).collect::<Vec<_>>(), target);
    for (group, split) in groups.iter().zip(splits) {
        for &index in group {
            if let Some(tune) = tunes.get_mut(index) {
                tune.split = Some(split);
            }
        }
    }
    groups.into_iter().flatten().collect()
}

/// Fills val and then test with groups that still fit; where none fits at all, the smallest group is taken.
fn splits_of_groups(sizes: &[usize], target: usize) -> Vec<Split> {
    let mut splits = vec![Split::Train; sizes.len()];
    for held_out in [Split::Val, Split::Test] {
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
fn groups_of_same_music(tunes: &[Tune]) -> Vec<Vec<usize>> {
    let mut leader: Vec<usize> = (0..tunes.len()).collect(); // union-find: a tune's leader leads to the first of its group
    let mut first_with: HashMap<String, usize> = HashMap::new();
    let kept = || tunes.iter().enumerate().filter(|(_, tune)| tune.is_kept());
    for (index, tune) in kept() {
        let song = tune.artist.as_ref().zip(tune.title.as_ref()).map(|(artist, title)| song_key(artist, title));
        for key in std::iter::once(format!("notes {}", tune.fingerprint)).chain(song) {
            let first = *first_with.entry(key).or_insert(index);
            join(&mut leader, first, index);
        }
    }
    for (earlier, later) in near_duplicates(tunes) {
        join(&mut leader, earlier, later);
    }
    let mut group_of_leader: HashMap<usize, usize> = HashMap::new();
    let mut groups: Vec<Vec<usize>> = Vec::new();
    for (index, _) in kept() {
        let n_groups = groups.len();
        let group = *group_of_leader.entry(find(&mut leader, index)).or_insert(n_groups);
        match groups.get_mut(group) {
            Some(members) => members.push(index),
            None => groups.push(vec![index]),
        }
    }
    groups
}

fn song_key(artist: &str, title: &str) -> String {
    let letters = |text: &str| text.to_lowercase().chars().filter(|c| c.is_alphanumeric()).collect::<String>();
    format!("song {}/{}", letters(artist), letters(title))
}

/// Makes the groups of two tunes one.
fn join(leader: &mut [usize], a: usize, b: usize) {
    let (a, b) = (find(leader, a), find(leader, b));
    if let Some(slot) = leader.get_mut(a.max(b)) {
        *slot = a.min(b);
    }
}

/// The first tune of the group that `index` belongs to; shortens the way for the next search.
fn find(leader: &mut [usize], mut index: usize) -> usize {
    while let Some(&above) = leader.get(index) {
        if above == index {
            break;
        }
        let top = leader.get(above).copied().unwrap_or(above);
        if let Some(slot) = leader.get_mut(index) {
            *slot = top;
        }
        index = above;
    }
    index
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::tune::tests::tune;
    use std::collections::HashSet;

    fn tunes(n: usize, group: impl Fn(usize) -> usize) -> Vec<Tune> {
        (0..n).map(|i| Tune { fingerprint: group(i).to_string(), ..tune(&format!("t{i}"), "X:1\n") }).collect()
    }

    fn count(tunes: &[Tune], split: Split) -> usize {
        tunes.iter().filter(|tune| tune.split == Some(split)).count()
    }

    #[test]
    fn splits_are_98_1_1_and_the_same_for_the_same_seed() {
        let mut first = tunes(10_000, |i| i);
        let order = assign_splits(&mut first, 7);
        assert_eq!(
            [count(&first, Split::Train), count(&first, Split::Val), count(&first, Split::Test)],
            [9800, 100, 100]
        );
        assert_eq!(order.iter().collect::<HashSet<_>>().len(), 10_000);
        let mut again = tunes(10_000, |i| i);
        assert_eq!(assign_splits(&mut again, 7), order);
        assert_eq!(first, again);
        let mut other = tunes(10_000, |i| i);
        assert_ne!(assign_splits(&mut other, 8), order);
    }

    #[test]
    fn duplicates_stay_in_one_split() {
        let mut tunes = tunes(3000, |i| i % 1100); // groups of two or three
        assign_splits(&mut tunes, 1);
        for tune in &tunes {
            let same = tunes.iter().filter(|other| other.fingerprint == tune.fingerprint);
            assert!(same.clone().all(|other| other.split == tune.split));
        }
        assert!((28..=30).contains(&count(&tunes, Split::Val)) && (28..=30).contains(&count(&tunes, Split::Test)));
    }

    #[test]
    fn versions_of_one_song_stay_together_whatever_links_them() {
        let mut tunes = tunes(300, |i| i);
        for (index, title) in [(3, "Hey You"), (200, "hey you!")] {
            tunes[index].artist = Some("Band".to_string());
            tunes[index].title = Some(title.to_string());
        }
        tunes[250].fingerprint = "200".to_string(); // the same notes as 200, so the same song as 3
        assert_eq!(groups_of_same_music(&tunes)[3], [3, 200, 250]);
        assign_splits(&mut tunes, 5);
        assert!(tunes[3].split == tunes[200].split && tunes[3].split == tunes[250].split);
    }

    #[test]
    fn three_groups_fill_three_splits_whatever_their_size() {
        let mut tunes = tunes(30, |i| i / 10);
        assign_splits(&mut tunes, 0);
        for split in Split::ALL {
            assert_eq!(count(&tunes, split), 10);
        }
    }

    #[test]
    fn dropped_tunes_get_no_split() {
        let mut tunes = tunes(10, |i| i);
        tunes[4].drop_because("shorter than the filter");
        assert_eq!(assign_splits(&mut tunes, 0).len(), 9);
        assert_eq!(tunes[4].split, None);
    }
}
