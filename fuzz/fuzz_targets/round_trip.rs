//! MIDI bytes or ABC text → score → ABC → score: see `check_round_trip` for what must hold.

#![no_main]

use abc_score::{abc, midi};
use libfuzzer_sys::fuzz_target;
use music_scaling_fuzz::check_round_trip;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(score) = midi::read(bytes) {
        check_round_trip(&score);
    } else if let Ok(Ok((score, _))) = std::str::from_utf8(bytes).map(abc::parse_lenient) {
        check_round_trip(&score);
    }
});
