//! Any text: the strict reader, the lenient reader, the tune book, the canonical form and the cutter neither panic nor hang;
//! a canonical text is its own canonical form and sounds the same notes.

#![no_main]

use abc_score::abc;
use libfuzzer_sys::fuzz_target;
use music_scaling_fuzz::all_notes;

fuzz_target!(|text: &str| {
    let _ = abc::parse_lenient(text);
    let _ = abc::parse_lenient_as(text, abc::Performance::AsPlayed);
    let _ = abc::bar_errors(text);
    for tune in abc::split_tunebook(text) {
        let _ = abc::split_long(&tune.text, 500);
    }
    let Ok(canonical) = abc::canonical(text) else { return };
    let again = abc::canonical(&canonical).unwrap_or_else(|error| panic!("refused: {error}\n{canonical}"));
    assert_eq!(again, canonical, "the canonical form changes when it is made again");
    let (before, after) = (abc::parse(text), abc::parse(&canonical));
    if let (Ok(before), Ok(after)) = (before, after) {
        assert_eq!(all_notes(&before), all_notes(&after), "the notes differ from those of\n{canonical}");
    }
});
