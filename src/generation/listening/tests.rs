//! Claims about pairs, page and judgement; `pages_tests` opens the page in a browser.

use super::*;
use crate::generation::pages_tests::{TUNE, sample};
use crate::models::Family;

fn groups() -> Vec<Group> {
    let group = |name: &str, family, n_params: Option<usize>, val_loss| Group {
        name: name.into(),
        family,
        n_params,
        val_loss,
        samples: (0..8)
            .map(|seed| sample(seed, if seed % 2 == 0 { "" } else { "X:1\n" }, if seed == 7 { "???" } else { TUNE }))
            .collect(),
    };
    let lstm = Some(Family::Lstm);
    vec![
        group("tiny", lstm, Some(1000), Some(2.0)),
        group("small", lstm, Some(10_000), Some(1.5)),
        group("large", lstm, Some(100_000), Some(1.0)),
        group("people", None, None, None),
    ]
}

#[test]
fn people_meet_the_best_model_and_the_best_model_one_half_way_down() {
    let groups = groups();
    assert_eq!(usual_comparisons(&groups), [["people", "large"], ["large", "small"]]);
    assert_eq!(usual_comparisons(&groups[..1]), Vec::<[&str; 2]>::new());
    assert_eq!(usual_comparisons(&groups[3..]), Vec::<[&str; 2]>::new());
}

#[test]
fn pairs_are_drawn_from_the_seed_each_tune_once_with_the_same_prompt() {
    let groups = groups();
    let draw = |seed| draw_pairs(&groups, &usual_comparisons(&groups), 12, seed);
    let pairs = draw(5);
    assert_eq!(pairs, draw(5));
    assert_ne!(pairs, draw(6));
    assert_eq!(pairs.len(), 12);
    let with_people: Vec<&Pair> = pairs.iter().filter(|pair| pair.names[0] == "people").collect();
    assert_eq!(with_people.len(), 6);
    for index in [0, 1] {
        let mut seeds: Vec<u64> = with_people.iter().map(|pair| pair.samples[index].seed).collect();
        seeds.sort_unstable();
        seeds.dedup();
        assert!(seeds.len() == 6 && !seeds.contains(&7), "each once, and none that has no note: {seeds:?}");
    }
    let same = pairs.iter().filter(|pair| pair.samples[0].prompt == pair.samples[1].prompt).count();
    assert!(same >= 10, "seven tunes, four of one prompt: at most one pair of each comparison differs");
}

#[test]
fn the_page_shows_no_name_at_a_glance() {
    let groups = groups();
    let (page, key) = page(&draw_pairs(&groups, &usual_comparisons(&groups), 12, 5)).unwrap();
    for word in ["people", "large", "small", "GABc", "{{", "https:"] {
        assert!(!page.contains(word), "{word}");
    }
    let read: Key = serde_json::from_str(&key.json().unwrap()).unwrap();
    assert_eq!(read, key);
    assert!(super::page(&[]).is_err());
}

#[test]
fn codes_become_preferences_with_intervals_and_a_sentence() {
    let groups = groups();
    let (_, key) = page(&draw_pairs(&groups, &usual_comparisons(&groups), 12, 5)).unwrap();
    let number = page_number(&draw_pairs(&groups, &usual_comparisons(&groups), 12, 5));
    let for_first = |pair: &KeyPair| if pair.first_is_a { Answer::A } else { Answer::B };
    let sheet =
        |choose: &dyn Fn(&KeyPair) -> Answer| code::encode(number, &key.pairs.iter().map(choose).collect::<Vec<_>>());
    let people_always = sheet(&|pair| if pair.first == "people" { for_first(pair) } else { Answer::Neither });
    let first_always = sheet(&for_first);
    let judged = judge(&key, &[people_always.clone(), first_always.clone()]).unwrap();
    let found = |first: &str| judged.preferences.iter().find(|one| one.first == first).unwrap();
    let counts = |one: &Preference| (one.n_first, one.n_second, one.n_neither);
    assert_eq!((counts(found("people")), counts(found("large"))), ((12, 0, 0), (6, 0, 6)));
    let said = judged.to_string();
    assert!(said.contains("2 listeners") && said.contains("Of 12 that chose, 100 % [76 %, 100 %]"), "{said}");
    let twice = judge(&key, &[first_always.clone(), people_always, first_always]).unwrap_err().to_string();
    assert!(twice.contains("code 3 (") && twice.contains("is code 1 again"), "{twice}");
    assert!(judge(&key, &[]).unwrap_err().to_string().contains("no code"));
}
