//! From tokens to voices: what each note sounds like, how long it lasts, and what stands between the notes.

mod changes;
pub(super) mod performing;
mod sounds;

use super::fields::{self, DrumNote, Reach, Shift};
use super::place::{Complaints, Place};
use super::source::Source;
use super::token::{Bar, Item, Length, Mark, Token, Until};
use crate::{DRUM_CHANNEL, Key, Meter};
use performing::{Beat, Figure, Hornpipe, Ornament, Performance};
use sounds::TupletState;

const MAX_VOICES: usize = 256;

/// Every part is marked in every voice, so that there must be a bound.
const MAX_PARTS: usize = 1000;

/// Loudness of a note without dynamics.
pub(crate) const DEFAULT_VELOCITY: u8 = 90;

/// One head of a note that has sound.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Head {
    pub pitch: u8,
    /// In steps.
    pub duration: u64,
    pub tied: bool,
    /// Only where the tune is read as played.
    pub figure: Option<Figure>,
}

/// What happens in a voice, in written order.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Event {
    /// Notes that begin together (none: a rest) and the steps until the next event.
    Sound {
        heads: Vec<Head>,
        advance: u64,
    },
    Grace(Vec<Vec<Head>>),
    Bar(Bar),
    Ending(Vec<u32>),
    Part(char),
    Overlay,
    Mark(Mark),
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
    pub head: VoiceHead,
    pub events: Vec<PlacedEvent>,
    state: State,
    /// Whether it has any music so far.
    started: bool,
}

/// What is said of a voice before its music.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct VoiceHead {
    pub program: Option<u8>,
    pub shift: Shift,
    pub transpose: Option<i16>,
}

/// The whole tune, understood but not yet played.
#[derive(Debug, Clone, Default)]
pub(crate) struct TuneBody {
    pub performance: Performance,
    pub meter: Option<Meter>,
    pub key: Key,
    /// Semitones for the letters A to G by the key signature at the start, and what the header's `K:` does to all voices.
    pub letters: [i8; 7],
    pub shift: Shift,
    pub unit: Length,
    pub reach: Reach,
    pub tempo: Option<u32>,
    pub parts: Option<Vec<char>>,
    /// Which drum each note is, in voices of drums.
    pub drums: Vec<DrumNote>,
    pub voices: Vec<VoiceText>,
}

#[derive(Debug, Clone, Default)]
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
    /// Whether its clef is that of drums.
    is_percussion: bool,
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

/// Understands a tune. Never fails: what makes no sense is left out and complained about.
pub(crate) fn understand(source: &Source, performance: Performance, complaints: &mut Complaints) -> TuneBody {
    let mut reader = Reader {
        tune: TuneBody { performance, ..TuneBody::default() },
        initial: State { meter: Some(Meter::COMMON), ..State::default() },
        current: 0,
        in_header: true,
        part: None,
        n_parts: 0,
        head: VoiceHead::default(),
        channel: None,
        hornpipe: Hornpipe::No,
        complaints,
    };
    reader.header(&source.header);
    reader.hornpipe = Hornpipe::of(&reader.tune, source.rhythm.as_deref());
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
    /// The part that runs, for voices that enter later.
    part: Option<char>,
    n_parts: usize,
    /// Program, transposition and channel that stand before any `V:`.
    head: VoiceHead,
    channel: Option<u8>,
    hornpipe: Hornpipe,
    complaints: &'a mut Complaints,
}

impl Reader<'_> {
    /// `M:` and `L:` come first, since `Q:` and the voices depend on them wherever they stand.
    fn header(&mut self, items: &[Item]) {
        let fields = |letter: char| items.iter().filter_map(move |item| Some((item.place, item.token.field(letter)?)));
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
        let State { unit, key, shift, .. } = self.initial;
        (self.tune.unit, self.tune.letters, self.tune.shift) = (unit, key, shift);
        self.current = 0; // music without a V: belongs to the first voice
        for voice in &mut self.tune.voices {
            let (shift, transpose) = (voice.state.shift.over(self.initial.shift), voice.state.transpose);
            let is_percussion = voice.state.is_percussion || self.initial.is_percussion;
            voice.state = State { shift, transpose, is_percussion, ..self.initial.clone() };
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
        let head = self.head;
        let events = head.program.map(Event::Program).into_iter().chain(self.part.map(Event::Part));
        let events = events.map(|event| PlacedEvent { place: Place::default(), event }).collect();
        let state = self.initial.clone();
        let channel = self.channel.take();
        self.tune.voices.push(VoiceText { id, name, channel, head, events, state, started: false });
        self.current = self.tune.voices.len() - 1;
    }

    fn push(&mut self, place: Place, event: Event) {
        self.voice().events.push(PlacedEvent { place, event });
    }

    fn item(&mut self, item: &Item) {
        let place = item.place;
        if !matches!(
            item.token,
            Token::Field { .. } | Token::Directive(_) | Token::Dynamic(_) | Token::Space | Token::LineEnd
        ) {
            self.voice().started = true;
        }
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
            Token::Mark(mark) => self.push(place, Event::Mark(*mark)),
            Token::Dynamic(velocity) => self.push(place, Event::Velocity(*velocity)),
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

    fn finish(mut self) -> TuneBody {
        for voice in self.tune.voices.iter().filter(|voice| voice.state.broken != 0 || voice.state.tuplet.is_some()) {
            let place = voice.events.last().map(|event| event.place);
            place
                .into_iter()
                .for_each(|at| self.complaints.add(at, "the tune ends within a tuplet or a broken rhythm"));
        }
        self.voice(); // a tune has at least one voice, even if it is silent
        self.check_marks();
        for voice in self.tune.voices.iter_mut().filter(|voice| voice.state.is_percussion) {
            voice.channel = voice.channel.or((!self.tune.drums.is_empty()).then_some(DRUM_CHANNEL));
        }
        self.tune
    }

    /// Marks such as `!D.C.!` are followed where all voices have them, and where they lead somewhere.
    fn check_marks(&mut self) {
        let marks = |voice: &VoiceText| {
            let of_event = |placed: &PlacedEvent| match placed.event {
                Event::Mark(mark) => Some((placed.place, mark)),
                _ => None,
            };
            voice.events.iter().filter_map(of_event).collect::<Vec<_>>()
        };
        let sounding = self.tune.voices.iter().filter(|voice| voice.started);
        let of_voices: Vec<Vec<(Place, Mark)>> = sounding.map(marks).collect();
        let jump = of_voices.iter().flatten().find(|(_, mark)| matches!(mark, Mark::Jump { .. }));
        let Some(&(place, Mark::Jump { to_segno, until })) = jump else { return };
        let has = |wanted: Mark| of_voices.iter().flatten().any(|(_, mark)| *mark == wanted);
        let kinds = |marks: &Vec<(Place, Mark)>| marks.iter().map(|(_, mark)| *mark).collect::<Vec<_>>();
        let has_part = |voice: &VoiceText| voice.events.iter().any(|placed| matches!(placed.event, Event::Part(_)));
        let problem = if self.tune.parts.is_some() && self.tune.voices.iter().any(has_part) {
            "P: gives the order of the parts"
        } else if of_voices.windows(2).any(|pair| matches!(pair, [a, b] if kinds(a) != kinds(b))) {
            "not all voices have it, or its segno, coda or fine"
        } else if to_segno && !has(Mark::Segno) {
            "there is no !segno! to go back to"
        } else if until == Until::Fine && !has(Mark::Fine) {
            "there is no !fine! to stop at"
        } else if until == Until::Coda && !has(Mark::Coda) {
            "there is no !coda! to go to"
        } else {
            return;
        };
        let name = Mark::Jump { to_segno, until }.name();
        self.complaints.remark(place, format!("!{name}! is not followed: {problem}"));
        for voice in &mut self.tune.voices {
            voice.events.retain(|placed| !matches!(placed.event, Event::Mark(_)));
        }
    }
}
