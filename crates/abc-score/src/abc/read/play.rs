//! From voices as written to a score: every event gets its time.

use super::body::performing::{Ornament, Ornamented, strokes};
use super::body::{DEFAULT_VELOCITY, Event, Head, PlacedEvent, TuneBody, VoiceText};
use super::place::{Complaints, Place};
use super::repeats::{MAX_PLAYED, Stretch, playing_order, unplayed_endings};
use super::token::{Bar, BarStyle, ticks};
use crate::midi::sort_notes;
use crate::score::{DEFAULT_MICROS_PER_BEAT, keep_last_of_each_tick, meters_with_lines};
use crate::{
    DRUM_CHANNEL, KeyChange, Meter, MeterChange, Note, ProgramChange, Score, Sign, SignKind, TempoChange, Voice,
};
use crate::{Error, Result};
use std::ops::Range;

/// Plays all voices. Fails only where the result would be absurdly long.
pub(crate) fn play(tune: &TuneBody, title: Option<String>, complaints: &mut Complaints) -> Result<Score> {
    let mut score = Score { title, ..Score::default() };
    score.meters.push(MeterChange { tick: 0, meter: tune.meter.unwrap_or(Meter::COMMON) });
    score.tempos.extend(tune.tempo.map(|micros_per_beat| TempoChange { tick: 0, micros_per_beat }));
    score.keys.push(KeyChange { tick: 0, key: tune.key });
    let parts = tune.parts.as_deref().filter(|parts| tune.voices.iter().any(|voice| has_part(voice, parts)));
    let sounds = |voice: &VoiceText| voice.events.iter().any(|placed| matches!(placed.event, Event::Sound { .. }));
    let key_voice = tune.voices.iter().position(|voice| voice.channel != Some(DRUM_CHANNEL)).unwrap_or(0); // drums have none
    let leader = tune.voices.iter().position(sounds).unwrap_or(0);
    let mut lines = Vec::new();
    for (index, voice) in tune.voices.iter().enumerate() {
        let order = playing_order(&voice.events, parts, tune.performance)
            .ok_or_else(|| too_long(voice, Place { line: 1, column: 1 }))?;
        if parts.is_none() {
            let unplayed = unplayed_endings(&voice.events, &order);
            unplayed
                .into_iter()
                .for_each(|at| complaints.remark(at, "no repeat comes to this ending: it is not played"));
        }
        let mut player = Player::play(tune, voice, order, parts.is_some())?;
        player.changes_into(&mut score, index == key_voice);
        let too_long = || too_long(voice, Place::default());
        let mut notes = player.notes(tune.tempo.unwrap_or(DEFAULT_MICROS_PER_BEAT)).ok_or_else(too_long)?;
        sort_notes(&mut notes);
        let channel = voice.channel.unwrap_or_else(|| free_channel(index));
        score.voices.push(Voice { name: voice.name.clone(), channel, programs: player.programs, notes });
        if index == leader {
            (score.signs, score.repeats) = (player.signs, player.repeats);
            lines.clear();
        }
        let led = lines.last().copied();
        player.lines.retain(|&tick| led.is_none_or(|last| tick > last));
        lines.append(&mut player.lines);
    }
    settle(&mut score);
    let end = lines.last().copied().unwrap_or(0);
    score.signs.retain(|sign| sign.tick < end || !matches!(sign.kind, SignKind::Double | SignKind::Final)); // the end has one anyway
    score.signs.sort_by_key(|sign| sign.tick);
    if let Some(leader) = score.voices.get(leader) {
        score.meters = with_lines(&score.meters, lines, leader);
    }
    Ok(score)
}

/// A bar so many times as long as its metre asks for is taken for music without bar lines.
const LONGEST_BAR: u32 = 4;

/// The metre changes, and one wherever a bar line stands that the metre alone would not put there. A bar that is too long gets
/// a metre of its own; but bars of rest, and music without bar lines, are counted by the metre.
fn with_lines(meters: &[MeterChange], mut lines: Vec<u32>, leader: &Voice) -> Vec<MeterChange> {
    let changes: Vec<(u32, Meter)> = meters.iter().map(|change| (change.tick, change.meter)).collect();
    lines.extend(changes.iter().map(|change| change.0));
    lines.sort_unstable();
    lines.dedup();
    let sounds_in = |bar: Range<u32>| {
        let next = leader.notes.partition_point(|note| note.onset_ticks < bar.start);
        leader.notes.get(next).is_some_and(|note| note.onset_ticks < bar.end)
    };
    let ends = lines.iter().skip(1).copied().chain(lines.last().copied());
    meters_with_lines(lines.iter().copied().zip(ends).map(|(start, end)| {
        let meter = in_force(&changes, start).unwrap_or(Meter::COMMON);
        let too_long = meter.bar_ticks() + 1..=LONGEST_BAR * meter.bar_ticks();
        let own = too_long.contains(&(end - start)) && sounds_in(start..end);
        (start, Meter::of_bar(end - start, meter.denominator).filter(|_| own).unwrap_or(meter))
    }))
}

/// The first value, and those that events of the voice set, in the order of the text: a repeat goes back to those of its beginning.
fn written<T>(first: T, voice: &VoiceText, value: impl Fn(&Event) -> Option<T>) -> Vec<(usize, T)> {
    let later = voice.events.iter().enumerate().filter_map(|(index, placed)| Some((index, value(&placed.event)?)));
    std::iter::once((0, first)).chain(later).collect()
}

/// The last value at `place` or before.
fn in_force<P: Ord + Copy, T: Copy>(changes: &[(P, T)], place: P) -> Option<T> {
    let behind = changes.partition_point(|change| change.0 <= place);
    behind.checked_sub(1).and_then(|last| changes.get(last)).map(|change| change.1)
}

fn has_part(voice: &VoiceText, parts: &[char]) -> bool {
    voice.events.iter().any(|placed| matches!(placed.event, Event::Part(name) if parts.contains(&name)))
}

/// Channels in order, but not the drums'.
fn free_channel(index: usize) -> u8 {
    let channel = u8::try_from(index % 15).unwrap_or(0);
    if channel >= DRUM_CHANNEL { channel + 1 } else { channel }
}

/// Changes in order of time, one at a time, and only where something changes.
fn settle(score: &mut Score) {
    fn settle_list<T, V: PartialEq>(list: &mut Vec<T>, tick: fn(&T) -> u32, value: fn(&T) -> V) {
        list.sort_by_key(tick);
        keep_last_of_each_tick(list, tick);
        list.dedup_by_key(|change| value(change));
    }
    settle_list(&mut score.meters, |c| c.tick, |c| c.meter);
    settle_list(&mut score.tempos, |c| c.tick, |c| c.micros_per_beat);
    settle_list(&mut score.keys, |c| c.tick, |c| c.key);
    for voice in &mut score.voices {
        settle_list(&mut voice.programs, |c| c.tick, |c| c.program);
    }
}

/// A note and the exact time of its end, which a tie may move.
struct PlayedNote {
    note: Note,
    onset: u64,
    end: u64,
    ornament: Option<Ornamented>,
}

#[derive(Default)]
struct Player {
    now: u64,
    bar_start: u64,
    /// Where the longest layer of the bar ends, if the bar has overlays.
    bar_end: u64,
    velocity: u8,
    notes: Vec<PlayedNote>,
    /// Notes whose tie waits for its second note, in whichever layer of the bar that comes.
    tied: Vec<usize>,
    meters: Vec<MeterChange>,
    tempos: Vec<TempoChange>,
    keys: Vec<KeyChange>,
    programs: Vec<ProgramChange>,
    /// Where bar lines stand, the end of the music among them.
    lines: Vec<u32>,
    signs: Vec<Sign>,
    /// Signs that stand before the next sound of the page.
    opening: Vec<SignKind>,
    /// Whether the page has a sound since the last sign that ends something.
    has_sounded: bool,
    repeats: Vec<Range<u32>>,
}

impl Player {
    fn play(tune: &TuneBody, voice: &VoiceText, order: Vec<Stretch>, in_parts: bool) -> Result<Player> {
        let mut player = Player { velocity: DEFAULT_VELOCITY, ..Player::default() };
        let too_long = |place: Place| too_long(voice, place);
        let meters = written(tune.meter.unwrap_or(Meter::COMMON), voice, |event| match event {
            Event::Meter(meter) => *meter,
            _ => None,
        });
        let keys = written(tune.key, voice, |event| if let Event::Key(key) = event { Some(*key) } else { None });
        let mut grace: Option<&[Vec<Head>]> = None;
        let mut next = 0;
        for Stretch { events, again } in order {
            let start = player.tick().ok_or_else(|| too_long(Place::default()))?;
            if events.start != next {
                let meter = in_force(&meters, events.start).unwrap_or(Meter::COMMON);
                player.meters.push(MeterChange { tick: start, meter });
                player.keys.push(KeyChange { tick: start, key: in_force(&keys, events.start).unwrap_or_default() });
            }
            next = events.end;
            for placed in voice.events.get(events).unwrap_or_default() {
                match &placed.event {
                    Event::Grace(sounds) => grace = Some(sounds),
                    Event::Bar(_) => grace = None, // grace notes with nothing behind them do not sound
                    _ => {}
                }
                let host_grace = if matches!(placed.event, Event::Sound { .. }) { grace.take() } else { None };
                if !again {
                    player.sign_before(&placed.event, in_parts);
                }
                player.event(placed, host_grace).ok_or_else(|| too_long(placed.place))?;
                if !again {
                    player.sign_behind(&placed.event);
                }
                player.line_behind(&placed.event, tune.meter);
            }
            player.played_again(start, again);
        }
        player.lines.extend(player.tick());
        Ok(player)
    }

    /// Now, or the end of a longer layer of the bar.
    fn tick(&self) -> Option<u32> {
        ticks(self.now.max(self.bar_end))
    }

    /// What begins stands where the next sound of the page does.
    fn sign_before(&mut self, event: &Event, in_parts: bool) {
        let tick = self.tick().unwrap_or(0);
        match event {
            Event::Part(_) if in_parts => {
                self.opening.clear();
                self.close(SignKind::Double, tick);
            }
            Event::Ending(passes) => self.opening.push(SignKind::Ending(passes.clone())),
            Event::Sound { .. } => {
                let is_thick = |sign: &mut Sign| matches!(sign.kind, SignKind::Double | SignKind::Final);
                if self.opening.contains(&SignKind::RepeatBegins) && !self.has_sounded {
                    self.signs.pop_if(is_thick); // one bar line is both
                }
                self.signs.extend(self.opening.drain(..).map(|kind| Sign { tick, kind }));
                self.has_sounded = true;
            }
            _ => {}
        }
    }

    /// What ends stands behind the last sound of the page.
    fn sign_behind(&mut self, event: &Event) {
        let (Event::Bar(bar), Some(tick)) = (event, self.tick()) else { return };
        match bar {
            Bar { ends: 1.., .. } => self.close(SignKind::RepeatEnds(bar.ends), tick),
            Bar { begins: 1.., .. } | Bar { style: BarStyle::Plain | BarStyle::Invisible, .. } => {}
            Bar { style: BarStyle::Final, .. } => self.close(SignKind::Final, tick),
            Bar { style: BarStyle::Double | BarStyle::Opening, .. } => self.close(SignKind::Double, tick),
        }
        self.opening.extend((bar.begins > 0).then_some(SignKind::RepeatBegins));
    }

    /// Nothing ends twice.
    fn close(&mut self, kind: SignKind, tick: u32) {
        self.signs.extend(std::mem::take(&mut self.has_sounded).then_some(Sign { tick, kind }));
    }

    /// A line of text that ends with a full bar needs no bar line.
    fn line_behind(&mut self, event: &Event, first: Option<Meter>) {
        let Some(tick) = self.tick() else { return };
        let meter = self.meters.last().map(|change| change.meter).or(first);
        let since = tick - self.lines.last().copied().unwrap_or(0);
        let is_full = || meter.is_some_and(|meter| meter.bar_ticks() == since);
        if matches!(event, Event::Bar(_)) || (matches!(event, Event::LineEnd { .. }) && is_full()) {
            self.lines.push(tick);
        }
    }

    fn played_again(&mut self, start: u32, again: bool) {
        let Some(end) = self.tick().filter(|&end| again && end > start) else { return };
        match self.repeats.last_mut() {
            Some(last) if last.end == start => last.end = end,
            _ => self.repeats.push(start..end),
        }
    }

    /// `None` if time runs beyond what a score can hold.
    fn event(&mut self, placed: &PlacedEvent, grace: Option<&[Vec<Head>]>) -> Option<()> {
        let tick = ticks(self.now)?;
        match &placed.event {
            Event::Sound { heads, advance } => {
                let stolen = self.grace(grace.unwrap_or_default(), *advance)?;
                self.sound(heads, stolen)?;
                self.now += *advance;
            }
            Event::Bar(_) => {
                self.now = self.now.max(self.bar_end);
                self.bar_start = self.now;
                let (notes, now) = (&self.notes, self.now);
                self.tied.retain(|&index| notes.get(index).is_some_and(|tied| tied.end >= now));
            }
            Event::Overlay => {
                self.bar_end = self.bar_end.max(self.now);
                self.now = self.bar_start;
            }
            Event::Meter(meter) => self.meters.extend(meter.map(|meter| MeterChange { tick, meter })),
            Event::Key(key) => self.keys.push(KeyChange { tick, key: *key }),
            Event::Tempo(micros_per_beat) => self.tempos.push(TempoChange { tick, micros_per_beat: *micros_per_beat }),
            Event::Program(program) => self.programs.push(ProgramChange { tick, program: *program }),
            Event::Velocity(velocity) => self.velocity = *velocity,
            Event::Grace(_) | Event::Mark(_) | Event::Ending(_) | Event::Part(_) | Event::LineEnd { .. } => {}
        }
        Some(())
    }

    /// Grace notes take their time from the note behind them; where that is too short, they do not sound.
    fn grace(&mut self, sounds: &[Vec<Head>], host: u64) -> Option<u64> {
        let total: u64 = sounds.iter().filter_map(|heads| heads.first()).map(|head| head.duration).sum();
        if total >= host {
            return Some(0);
        }
        let start = self.now;
        for heads in sounds {
            self.sound(heads, 0)?;
            self.now += heads.first().map_or(0, |head| head.duration);
        }
        self.now = start;
        Some(total)
    }

    /// Begins the heads, or prolongs the notes that are tied to them.
    fn sound(&mut self, heads: &[Head], stolen: u64) -> Option<()> {
        let onset = self.now + stolen;
        for head in heads {
            let end = self.now.saturating_add(head.duration).max(onset);
            let joins = |&index: &usize| {
                self.notes.get(index).is_some_and(|tied| tied.note.pitch == head.pitch && tied.end == self.now)
            };
            let is_struck = head.figure.is_some_and(|figure| figure.ornament == Ornament::Cut); // in spite of a tie
            let joined = self
                .tied
                .iter()
                .position(|index| !is_struck && joins(index))
                .map(|waiting| self.tied.swap_remove(waiting));
            let index = joined.unwrap_or(self.notes.len());
            match self.notes.get_mut(index) {
                Some(tied) => tied.end = end,
                None => {
                    let note = Note {
                        onset_ticks: ticks(onset)?,
                        pitch: head.pitch,
                        duration_ticks: 0,
                        velocity: self.velocity,
                    };
                    let (pitch, written) = (head.pitch, head.duration);
                    let ornamented = |figure| Ornamented { figure, pitch, steps: 0, written, late: stolen };
                    let ornament = head.figure.map(ornamented);
                    self.notes.push(PlayedNote { note, onset, end, ornament });
                }
            }
            let played = self.notes.get_mut(index)?;
            played.note.duration_ticks = (ticks(played.end)?.saturating_sub(ticks(played.onset)?)).max(1);
            if head.tied {
                self.tied.push(index);
            }
        }
        Some(())
    }

    /// All notes, the ornaments played out; none if there are absurdly many.
    fn notes(&self, micros_per_beat: u32) -> Option<Vec<Note>> {
        let mut notes = Vec::with_capacity(self.notes.len());
        for played in &self.notes {
            let Some(ornament) = &played.ornament else {
                notes.push(played.note);
                continue;
            };
            let steps = played.end.saturating_sub(played.onset); // with what was tied to it
            let strokes = strokes(&Ornamented { steps, ..*ornament }, micros_per_beat);
            let ends = strokes.iter().skip(1).map(|next| played.onset + next.at).chain([played.end]);
            for (stroke, end) in strokes.iter().zip(ends) {
                let onset = played.onset + stroke.at;
                if onset < end {
                    let onset_ticks = ticks(onset)?;
                    let duration_ticks = ticks(end)?.saturating_sub(onset_ticks).max(1);
                    notes.push(Note { onset_ticks, pitch: stroke.pitch, duration_ticks, ..played.note });
                }
            }
            if notes.len() > MAX_PLAYED {
                return None;
            }
        }
        Some(notes)
    }

    /// The first voice but drums says what key the score has; metre and tempo may change in any voice.
    fn changes_into(&self, score: &mut Score, is_first: bool) {
        fn add<T: Copy>(known: &mut Vec<T>, changes: &[T], tick: fn(&T) -> u32) {
            let is_new = |change: &&T| known.iter().all(|known| tick(known) != tick(change));
            let new: Vec<T> = changes.iter().filter(is_new).copied().collect();
            known.extend(new);
        }
        if is_first {
            score.meters.extend(&self.meters);
            score.tempos.extend(&self.tempos);
            score.keys.extend(&self.keys);
        } else {
            add(&mut score.meters, &self.meters, |change| change.tick);
            add(&mut score.tempos, &self.tempos, |change| change.tick);
        }
    }
}

fn too_long(voice: &VoiceText, place: Place) -> Error {
    let message = format!("voice {} becomes endlessly long here; look for a huge length, rest or repeat", voice.id);
    Error::Abc { line: place.line.max(1), column: place.column.max(1), message }
}
