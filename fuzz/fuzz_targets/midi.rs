//! Any bytes: the MIDI reader neither panics nor hangs, and what it reads it can write and read again with the same notes.

#![no_main]

use abc_score::midi;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Ok(score) = midi::read(bytes) else { return };
    let again = midi::read(&midi::write(&score)).expect("our own file is read");
    assert_eq!(again.n_notes(), score.n_notes());
});
