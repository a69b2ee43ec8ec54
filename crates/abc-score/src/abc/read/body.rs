//! From tokens to voices: what each note sounds like, how long it lasts, and what stands between the notes.

mod changes;
mod performing;

use super::fields::{self, Reach, Shift};
use super::place::{Complaints, Place};
use super::source::Source;
use super::time::{Fraction, STEPS_PER_WHOLE};
use super::token::{Bar, Item, Length, Ornament, Token, Tone};
use crate::abc::Performance;
use crate::{Key, Meter};
use performing::Hornpipe;

/// MIDI pitch of the letters A to G in the octave that begins at middle C.
const PITCHES: [i16; 7] = [69, 71, 60, 62, 64, 65, 67];

/// A longer note or rest would be a mistake, and an endless score.
const MAX_WHOLE_NOTES: u64 = 20_000;

const MAX_VOICES: usize = 256;

/// Every part is marked in every voice, so that there must be a bound.
const MAX_PARTS: usize = 1000;

/// Grace notes take this part of their written length from the note behind them, as in abc2midi.
pub(super) const GRACE_PART: u64 = 4;

/// Loudness of a note without dynamics.
pub(crate) const DEFAULT_VELOCITY: u8 = 90;

/// One head of a note that has sound.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Head {
    pub pitch: u8,
    pub duration: Fraction,
    pub tied: bool,
    /// Only where the tune is read as played.
    pub figure: Option<Figure>,
}

/// An ornament and what is needed to play it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Figure {
    pub ornament: Ornament,
    /// The neighbours by the key signature.
    pub upper: u8,
    pub lower: u8,
    /// The unit note length.
    pub unit: Fraction,
}

/// What happens in a voice, in written order.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Event {
    /// Notes that begin together (none: a rest) and the time until the next event.
    Sound {
        heads: Vec<Head>,
        advance: Fraction,
    },
    Grace(Vec<Vec<Head>>),
    Bar(Bar),
    Ending(Vec<u32>),
    Part(char),
    Overlay,
    /// The end of a line behind a note or rest, and whether accidentals still hold there.
    LineEnd {
        altered: bool,
    },
    Meter(Option<Meter>),
    Key(Key),
    Tempo(u32),
    Program(u8),
    Velocity(u8),
}

#[derive(Debug, Clone)]
pub(crate) struct PlacedEvent {
    pub place: Place,
    pub event: Event,
}

/// One voice as written.
#[derive(Debug, Clone)]
pub(crate) struct VoiceText {
    pub id: String,
    pub name: Option<String>,
    /// 0..=15
    pub channel: Option<u8>,
    pub events: Vec<PlacedEvent>,
    state: State,
}

/// The whole tune, understood but not yet played.
#[derive(Debug, Clone)]
pub(crate) struct TuneBody {
    pub performance: Performance,
    pub meter: Option<Meter>,
    pub key: Key,
    pub tempo: Option<u32>,
    pub parts: Option<Vec<char>>,
    pub voices: Vec<VoiceText>,
}

#[derive(Debug, Clone)]
struct State {
    unit: Length,
    meter: Option<Meter>,
    /// Semitones for the letters A to G by the key signature.
    key: [i8; 7],
    /// Accidentals since the bar line: letter (0 is A), octave, semitones.
    accidentals: Vec<(usize, i8, i8)>,
    shift: Shift,
    /// `%%MIDI transpose`, in semitones.
    transpose: i16,
    tuplet: Option<TupletState>,
    /// Broken rhythm that waits for its second note.
    broken: i8,
    /// The last sound, for broken rhythm.
    last_sound: Option<usize>,
    /// Letter, octave and semitones of notes whose tie reaches into what follows.
    tied: Vec<(char, i8, i8)>,
    /// Of the note, chord or rest that comes next.
    ornaments: Vec<Ornament>,
    beat: Beat,
}

#[derive(Debug, Clone, Copy)]
struct TupletState {
    left: u32,
    num: u64,
    den: u64,
}

/// Understands a tune. Never fails: what makes no sense is left out and complained about.
pub(crate) fn understand(source: &Source, performance: Performance, complaints: &mut Complaints) -> TuneBody {
    let mut reader = Reader::new(performance, complaints);
    reader.header(&source.header);
    reader.hornpipe = reader.hornpipe(source.rhythm.as_deref());
    for item in &source.body {
        reader.item(item);
    }
    reader.finish()
}

struct Reader<'a> {
    tune: TuneBody,
    /// What a new voice begins with.
    initial: State,
    current: usize,
    in_header: bool,
    reach: Reach,
    /// The part that runs, for voices that enter later.
    part: Option<char>,
    n_parts: usize,
    /// Program and channel that stand before any `V:`.
    program: Option<u8>,
    channel: Option<u8>,
    hornpipe: Hornpipe,
    complaints: &'a mut Complaints,
}

impl<'a> Reader<'a> {
    fn new(performance: Performance, complaints: &'a mut Complaints) -> Self {
        let initial = State {
            unit: Length { num: 1, den: 8 },
            meter: Some(Meter::COMMON),
            key: [0; 7],
            accidentals: Vec::new(),
            shift: Shift::default(),
            transpose: 0,
            tuplet: None,
            broken: 0,
            last_sound: None,
            tied: Vec::new(),
            ornaments: Vec::new(),
            beat: Beat::default(),
        };
        let key = Key { fifths: 0, mode: crate::Mode::Major };
        let meter = Some(Meter::COMMON);
        let tune = TuneBody { performance, meter, key, tempo: None, parts: None, voices: Vec::new() };
        Reader {
            tune,
            initial,
            current: 0,
            in_header: true,
            reach: Reach::default(),
            part: None,
            n_parts: 0,
            program: None,
            channel: None,
            hornpipe: Hornpipe::No,
            complaints,
        }
    }

    /// `M:` and `L:` come first, since `Q:` and the voices depend on them wherever they stand.
    fn header(&mut self, items: &[Item]) {
        let fields = |letter: char| {
            items.iter().filter_map(move |item| match &item.token {
                Token::Field { letter: found, value } if *found == letter => Some((item.place, value.as_str())),
                _ => None,
            })
        };
        for (place, value) in fields('M') {
            self.initial.meter = self.checked(place, fields::meter(value)).unwrap_or(Some(Meter::COMMON));
        }
        self.tune.meter = self.initial.meter;
        self.initial.unit = fields::default_unit_length(self.initial.meter);
        for (place, value) in fields('L') {
            self.initial.unit = self.checked(place, fields::unit_length(value)).unwrap_or(self.initial.unit);
        }
        for item in items {
            match &item.token {
                Token::Field { letter: 'M' | 'L', .. } => {}
                Token::Field { letter, value } => self.field(item.place, *letter, value),
                Token::Directive(text) => self.directive(item.place, text),
                _ => {}
            }
        }
        self.in_header = false;
        self.current = 0; // music without a V: belongs to the first voice
        for voice in &mut self.tune.voices {
            voice.state = State { shift: voice.state.shift, transpose: voice.state.transpose, ..self.initial.clone() };
            voice.state.shift.octaves = voice.state.shift.octaves.or(self.initial.shift.octaves);
            voice.state.shift.semitones = voice.state.shift.semitones.or(self.initial.shift.semitones);
        }
    }

    fn checked<T>(&mut self, place: Place, value: Result<T, String>) -> Option<T> {
        value.map_err(|message| self.complaints.add(place, message)).ok()
    }

    fn voice(&mut self) -> &mut VoiceText {
        if self.tune.voices.is_empty() {
            self.add_voice("1".to_string(), None);
        }
        let last = self.tune.voices.len().saturating_sub(1);
        &mut self.tune.voices[self.current.min(last)] // never empty: see above
    }

    fn add_voice(&mut self, id: String, name: Option<String>) {
        let events = self.program.map(Event::Program).into_iter().chain(self.part.map(Event::Part));
        let events = events.map(|event| PlacedEvent { place: Place::default(), event }).collect();
        let state = self.initial.clone();
        self.tune.voices.push(VoiceText { id, name, channel: self.channel.take(), events, state });
        self.current = self.tune.voices.len() - 1;
    }

    fn push(&mut self, place: Place, event: Event) {
        self.voice().events.push(PlacedEvent { place, event });
    }

    fn item(&mut self, item: &Item) {
        let place = item.place;
        match &item.token {
            Token::Note(tone) => self.sound(place, std::slice::from_ref(tone), Length::ONE),
            Token::Chord { tones, length } => self.sound(place, tones, *length),
            Token::Rest(length) => self.rest(place, *length),
            Token::BarRest(bars) => self.bar_rest(place, *bars),
            Token::Grace(sounds) => self.grace(place, sounds),
            Token::Tuplet { p, q, r } => self.tuplet(place, *p, *q, *r),
            Token::Broken(count) => self.broken(place, *count),
            Token::Ornament(ornament) => self.ornament(*ornament),
            Token::Bar(bar) => {
                self.bar_ends(place);
                self.push(place, Event::Bar(*bar));
            }
            Token::Ending(passes) => self.push(place, Event::Ending(passes.clone())),
            Token::Overlay => {
                self.bar_ends(place);
                self.push(place, Event::Overlay);
            }
            Token::Field { letter, value } => self.field(place, *letter, value),
            Token::Directive(text) => self.directive(place, text),
            Token::Dynamic(name) => self.push(place, Event::Velocity(velocity(name))),
            Token::LineEnd => self.line_ends(place),
            Token::Space => {}
        }
    }

    /// At a bar line accidentals end, and nothing may hang over it.
    fn bar_ends(&mut self, place: Place) {
        let state = &mut self.voice().state;
        state.accidentals.clear();
        state.last_sound = None;
        state.beat = Beat::default();
        let broken = std::mem::take(&mut state.broken);
        let tuplet = state.tuplet.take().map(|tuplet| tuplet.left);
        if broken != 0 {
            self.complaints.add(place, "broken rhythm (> or <) needs a note on each side within the bar");
        }
        if let Some(left) = tuplet {
            self.complaints.add(place, format!("the bar ends while a tuplet still wants {left} more notes"));
        }
    }

    /// The end of a line may stand for a bar line that was left out, if nothing hangs over it.
    fn line_ends(&mut self, place: Place) {
        let Some(voice) = self.tune.voices.get(self.current) else { return };
        let State { accidentals, tuplet, broken, .. } = &voice.state;
        let (altered, hangs_over) = (!accidentals.is_empty(), tuplet.is_some() || *broken != 0);
        let silent = |placed: &&PlacedEvent| matches!(placed.event, Event::Velocity(_));
        let last = voice.events.iter().rev().find(|placed| !silent(placed));
        if !hangs_over && matches!(last, Some(PlacedEvent { event: Event::Sound { .. }, .. })) {
            self.push(place, Event::LineEnd { altered });
        }
    }

    /// Semitones that accidental, tie, bar or key put on a letter. A tie carries its accidental over the bar line, unless
    /// the new bar has said something else of this very place before (as `[=G^G]-|[=G^GG]` does).
    fn semitones(&mut self, tone: &Tone) -> i8 {
        let (letter, reach) = (letter_index(tone), self.reach);
        let state = &self.voice().state;
        let in_bar = state
            .accidentals
            .iter()
            .find(|(altered, octave, _)| *altered == letter && (reach == Reach::Letter || *octave == tone.octave));
        let here = in_bar.filter(|(_, octave, _)| *octave == tone.octave);
        let tied = state.tied.iter().find(|(tied, octave, _)| *tied == tone.letter && *octave == tone.octave);
        let carried = here.map(|found| found.2).or(tied.map(|tied| tied.2)).or(in_bar.map(|found| found.2));
        tone.accidental.or(carried).unwrap_or(state.key[letter])
    }

    /// The pitch that a tone sounds, in semitones by accidental or key, and remembers its accidental.
    fn pitch(&mut self, place: Place, tone: &Tone) -> u8 {
        let letter = letter_index(tone);
        let semitones = self.semitones(tone);
        let reach = self.reach;
        let state = &mut self.voice().state;
        if let Some(semitones) = tone.accidental.filter(|_| reach != Reach::Note) {
            state
                .accidentals
                .retain(|&(altered, octave, _)| altered != letter || (reach == Reach::Octave && octave != tone.octave));
            state.accidentals.push((letter, tone.octave, semitones));
        }
        let octave = i16::from(tone.octave) + i16::from(state.shift.octaves.unwrap_or(0));
        let transpose = state.transpose + i16::from(state.shift.semitones.unwrap_or(0));
        let pitch = PITCHES[letter] + i16::from(semitones) + 12 * octave + transpose;
        if !(0..=127).contains(&pitch) {
            self.complaints
                .add(place, format!("this note is out of the range of MIDI (pitch {pitch}, not in 0..=127)"));
        }
        u8::try_from(pitch.clamp(0, 127)).unwrap_or(60)
    }

    fn sound(&mut self, place: Place, tones: &[Tone], times: Length) {
        let unit = Fraction::of(self.voice().state.unit)
            .times_fraction(Fraction::of(times))
            .times_fraction(self.tuplet_part());
        self.swing(tones, unit);
        let figure = self.figure(tones);
        let unit = unit.times(self.stretch_of_fermata(), 1);
        let mut heads = Vec::with_capacity(tones.len());
        let mut tied = Vec::new();
        for tone in tones {
            let pitch = self.pitch(place, tone);
            let duration = unit.times_fraction(Fraction::of(tone.length));
            heads.push(Head { pitch, duration, tied: tone.tied, figure });
            if tone.tied {
                tied.push((tone.letter, tone.octave, self.semitones(tone)));
            }
        }
        self.voice().state.tied = tied;
        let advance = heads.first().map_or(Fraction::ZERO, |head| head.duration);
        self.push_sound(place, heads, advance);
    }

    fn rest(&mut self, place: Place, length: Length) {
        let unit = Fraction::of(self.voice().state.unit).times_fraction(self.tuplet_part());
        let length = unit.times_fraction(Fraction::of(length));
        self.voice().state.beat.rests(length);
        let length = length.times(self.stretch_of_fermata(), 1);
        self.voice().state.tied.clear();
        self.push_sound(place, Vec::new(), length);
    }

    fn bar_rest(&mut self, place: Place, bars: u32) {
        let bar = self.voice().state.meter.unwrap_or(Meter::COMMON);
        let advance = Fraction::new(u64::from(bar.numerator), u64::from(bar.denominator)).times(u64::from(bars), 1);
        self.voice().state.tied.clear();
        self.push_sound(place, Vec::new(), advance);
    }

    fn push_sound(&mut self, place: Place, mut heads: Vec<Head>, mut advance: Fraction) {
        if advance.steps() > MAX_WHOLE_NOTES * STEPS_PER_WHOLE {
            self.complaints.add(place, format!("longer than {MAX_WHOLE_NOTES} whole notes: this must be a mistake"));
            (heads, advance) = (Vec::new(), Fraction::ZERO);
        }
        let state = &mut self.voice().state;
        let broken = std::mem::take(&mut state.broken);
        let first = state.last_sound;
        self.push(place, Event::Sound { heads, advance });
        let last = self.voice().events.len() - 1;
        self.voice().state.last_sound = Some(last);
        if let Some(first) = first.filter(|&first| broken != 0 && self.can_be_broken(first, last)) {
            let (long, short, den) = match broken.unsigned_abs() {
                1 if self.hornpipe == Hornpipe::No => (3, 1, 2),
                1 => (4, 2, 3), // a hornpipe's dots are played as triplets
                count => (2u64.pow(u32::from(count) + 1) - 1, 1, 2u64.pow(u32::from(count))), // a3/2 b/2, a7/4 b/4
            };
            let (before, after) = if broken > 0 { (long, short) } else { (short, long) };
            self.stretch(first, before, den);
            self.stretch(last, after, den);
        }
    }

    fn stretch(&mut self, index: usize, num: u64, den: u64) {
        if let Some(PlacedEvent { event: Event::Sound { heads, advance }, .. }) = self.voice().events.get_mut(index) {
            *advance = advance.times(num, den);
            heads.iter_mut().for_each(|head| head.duration = head.duration.times(num, den));
        }
    }

    fn grace(&mut self, place: Place, sounds: &[Vec<Tone>]) {
        let unit = Fraction::of(self.voice().state.unit).times(1, GRACE_PART);
        self.voice().state.beat.last_written = None; // a grace note stands between the two of a pair
        let mut groups = Vec::with_capacity(sounds.len());
        for tones in sounds {
            let mut heads = Vec::with_capacity(tones.len());
            for tone in tones {
                let pitch = self.pitch(place, tone);
                let duration = unit.times_fraction(Fraction::of(tone.length));
                heads.push(Head { pitch, duration, tied: false, figure: None });
            }
            groups.push(heads);
        }
        self.push(place, Event::Grace(groups));
    }

    /// (p:q:r: the next r notes last q/p of what is written.
    fn tuplet(&mut self, place: Place, p: u32, q: Option<u32>, r: Option<u32>) {
        let state = &mut self.voice().state;
        let compound = state.meter.is_some_and(|meter| meter.numerator % 3 == 0 && meter.numerator > 3);
        let default_q = match p {
            2 | 4 | 8 => 3,
            3 | 6 => 2,
            _ if compound => 3,
            _ => 2,
        };
        let new = TupletState { left: r.unwrap_or(p), num: u64::from(q.unwrap_or(default_q)), den: u64::from(p) };
        if let Some(before) = state.tuplet.replace(new) {
            let message = format!("a tuplet begins while another still wants {} more notes", before.left);
            self.complaints.add(place, message);
        }
    }

    /// The factor of the running tuplet; counts one note of it.
    fn tuplet_part(&mut self) -> Fraction {
        let state = &mut self.voice().state;
        let Some(tuplet) = state.tuplet.as_mut() else { return Fraction::new(1, 1) };
        let part = Fraction::new(tuplet.num, tuplet.den);
        tuplet.left = tuplet.left.saturating_sub(1);
        if tuplet.left == 0 {
            state.tuplet = None;
        }
        part
    }

    fn broken(&mut self, place: Place, count: i8) {
        let state = &mut self.voice().state;
        if state.last_sound.is_some() && state.broken == 0 {
            state.broken = count;
        } else {
            self.complaints.add(place, "broken rhythm (> or <) needs a note on each side");
        }
    }

    fn finish(mut self) -> TuneBody {
        let unfinished: Vec<Place> = self
            .tune
            .voices
            .iter()
            .filter(|voice| voice.state.broken != 0 || voice.state.tuplet.is_some())
            .filter_map(|voice| voice.events.last().map(|event| event.place))
            .collect();
        for place in unfinished {
            self.complaints.add(place, "the tune ends within a tuplet or a broken rhythm");
        }
        self.voice(); // a tune has at least one voice, even if it is silent
        self.tune
    }
}

/// How far the bar has come, for the swing of hornpipes.
#[derive(Debug, Clone, Copy, Default)]
struct Beat {
    /// Steps since the bar line, as written.
    steps: u64,
    /// The note before, if it stood alone and nothing came between.
    last_written: Option<Fraction>,
}

impl Beat {
    fn rests(&mut self, length: Fraction) {
        self.steps = self.steps.saturating_add(length.steps());
        self.last_written = None;
    }
}

/// 0 is A.
fn letter_index(tone: &Tone) -> usize {
    usize::from((tone.letter as u8).saturating_sub(b'A')).min(6)
}

/// Loudness by the marks of dynamics, as in abc2midi.
fn velocity(name: &str) -> u8 {
    match name {
        "pppp" | "ppp" => 30,
        "pp" => 45,
        "p" => 60,
        "mp" => 75,
        "mf" => 90,
        "f" => 105,
        "ff" => 120,
        _ => 127,
    }
}
