//! Claims about guided sampling: what the grammar accepts, and that nothing else comes out.

use super::super::{Drawing, Sampler, headers};
use super::*;
use crate::data::Tokenizer;
use crate::music::abc;

const HEADER: &str = "X:1\nM:4/4\nL:1/8\nK:G\n";

fn accepts(body: &str) -> bool {
    Grammar::read(&format!("{HEADER}{body}\n\n")).is_ok_and(|grammar| grammar.has_ended())
}

#[test]
fn tunes_whose_bars_add_up_are_accepted() {
    for body in [
        "GABc d2B2|G8|]",
        "|:G2>A2 B<c d2|[Gd]4 ^F,,4-:|",
        "D2|(3GAB (3:2:2c2d (3::2e2f g2|{ga}b8||",
        "|:G8|1A8:|2B8|]\n[K:D][M:3/4][L:1/4]d3|",
        "G4\nA4|B3/2c/ d/4z3/4e3/2e3/2f2|d",
        "G8|[1,2G8:|[3A8[|]B8",
        "c>>B A<<<G (5cdefg|",
        "^G8\nG8|{AB}(3:2:3cde c2 d2{e}[1f2|",
    ] {
        let text = format!("{HEADER}{body}\n");
        assert!(accepts(body), "{:?}", Grammar::read(&text).err());
        assert!(abc::parse(&text).is_ok() && abc::bar_errors(&text).unwrap().is_empty(), "{body}");
    }
}

#[test]
fn what_does_not_parse_or_add_up_is_refused_at_its_character() {
    for (body, at) in [
        ("GABc d2B2G|", 'G'),
        ("G4|A2|B8|", 'B'),
        ("[GB", '\n'),
        ("(3GA|", '|'),
        ("G>|", '|'),
        ("|:[Z", 'Z'),
        ("G0", '0'),
        ("V:1", 'V'),
        ("G8|1\n", '\n'),
        ("G8\nA4|", '\n'),
    ] {
        let error = Grammar::read(&format!("{HEADER}{body}\n")).unwrap_err().to_string();
        assert!(error.starts_with(&format!("{at:?} in line")), "{body}: {error}");
    }
    assert!(!accepts("z8|"), "a tune has notes");
    let error = Grammar::read("X:1\nM:4/4\nK:G\n").unwrap_err().to_string();
    assert!(error.starts_with("'K' in line 3, column 1 is outside the grammar"), "{error}");
}

/// A model that knows nothing: all characters are as likely at each place.
fn babble(seed: u64, chars: &[char], prefix: &str, n_most: usize) -> (String, bool) {
    let mut sampler = Sampler::new(Drawing::default(), seed).unwrap();
    let mut guide = Guide::new(chars, prefix).unwrap();
    let mut text = prefix.to_string();
    for n_left in (1..=n_most).rev() {
        let logits: Vec<f32> =
            guide.allowed(n_left).unwrap().iter().map(|is| if *is { 0.0 } else { f32::NEG_INFINITY }).collect();
        let c = chars[sampler.draw(&logits).unwrap() as usize];
        guide.take(c);
        text.push(c);
        if guide.grammar.has_ended() {
            return (text, true);
        }
    }
    (text, false)
}

#[test]
fn whatever_a_model_that_knows_nothing_writes_parses_and_adds_up() {
    let chars: Vec<char> = "\n #'(),-/0123456789:<=>ABCDEFGKLMQXZ[]^_abcdefghilmnoprstxyz{|}".chars().collect();
    let tokenizer = Tokenizer::from_chars(chars.clone()).unwrap();
    let prefixes = ["", HEADER, "X:1\nM:6/8\nL:1/8\nK:D\n|:", "X:1\nM:3/4\nL:1/16\nK:C\nC4 "];
    let (mut n_ended, mut n_bars) = (0, 0);
    for seed in 0..400 {
        let prefix = prefixes[seed as usize % prefixes.len()];
        let (text, ended) = babble(seed, tokenizer.chars(), prefix, 400);
        if !ended {
            continue;
        }
        n_ended += 1;
        assert!(headers::complete(&text).added.is_empty(), "{text}");
        let score = abc::parse(&text).unwrap_or_else(|error| panic!("{error}\n{text}"));
        assert!(score.n_notes() > 0, "{text}");
        let errors = abc::bar_errors(&text).unwrap();
        assert!(errors.is_empty(), "{}\n{text}", errors[0]);
        n_bars += abc::closed_bars(&text);
    }
    assert!(n_ended >= 300, "{n_ended} of 400 tunes ended");
    assert!(n_bars > 5 * n_ended, "{n_bars} bars in {n_ended} tunes");
}

#[test]
fn a_tempo_and_a_mode_stand_in_the_header() {
    let tune = "X:1\nM:6/8\nL:1/8\nQ:3/8=120\nK:Edor\n|:EGA BGA|B2e dBA:|\n\n";
    assert!(Grammar::read(tune).unwrap().has_ended());
}
