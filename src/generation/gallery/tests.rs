//! Claims about the page as text; `pages_tests` opens it in a browser.

use super::*;
use crate::generation::pages_tests::{OPEN_CHORD, SHORT_BAR, TUNE, sample};

fn groups() -> Vec<Group> {
    let group = |name: &str, family: Option<Family>, n_params, samples| {
        let val_loss = family.map(|_| 1.25);
        Group { name: name.into(), family, n_params, val_loss, samples }
    };
    let large = vec![sample(2, "", SHORT_BAR), sample(1, "", TUNE), sample(3, "X:1\n", TUNE)];
    let small = vec![sample(1, "", OPEN_CHORD), sample(3, "X:1\n", "X:1\n<b>&1||2\n")];
    vec![
        group("small", Some(Family::Lstm), Some(7000), small),
        group("large", Some(Family::Lstm), Some(1_000_000), large),
        group("tunes by people", None, None, vec![sample(1, "", TUNE), sample(2, "K:D\n", TUNE)]),
    ]
}

#[test]
fn outcomes_are_by_the_first_rung_that_fails() {
    let outcome = |raw: &str| Outcome::of(&sample(1, "", raw));
    assert_eq!([TUNE, SHORT_BAR, OPEN_CHORD].map(outcome), Outcome::ALL);
    assert_eq!(["", "X:1\nK:G\n", "???\n"].map(outcome), [Outcome::Miss; 3]);
}

#[test]
fn the_first_by_seed_are_shown_and_all_are_counted() {
    let groups = groups();
    let headings = headings(&groups);
    let titles: Vec<String> = headings.iter().map(Heading::title).collect();
    assert_eq!(titles[0], "From nothing, temperature 0.8");
    assert_eq!(titles.len(), 3, "two prompts, and people's tunes that start otherwise: {titles:?}");
    let shown = choose(&groups, &headings, 1);
    let places: Vec<(usize, usize, u64)> = shown.iter().map(|one| (one.prompt, one.group, one.sample.seed)).collect();
    assert_eq!(places, [(0, 0, 1), (0, 1, 1), (0, 2, 1), (1, 0, 3), (1, 1, 3), (2, 2, 2)]);
    assert_eq!(choose(&groups, &headings, 5).len(), 7);
    let page = page(&groups, "Tunes & more", 1).unwrap();
    assert!(page.contains("6 of 7 tunes are shown"));
    assert!(page.contains("<title>Tunes &amp; more</title>") && page.matches("<article").count() == 6);
}

#[test]
fn the_page_says_where_a_tune_fails_and_lets_no_tune_write_html() {
    let page = page(&groups(), "Tunes", 9).unwrap();
    assert!(page.contains("Fails at &quot;bars fit&quot; (line 5, column"), "the short bar is placed");
    assert!(page.contains("<mark>"));
    assert!(!page.contains("<b>&1") && page.contains("&lt;"));
    assert!(
        !page.contains("http://")
            || page.matches("http://").count() == page.matches("http://www.w3.org/2000/svg").count()
    );
    assert!(!page.contains("https://") && !page.contains("{{"));
}
