//! A score as sound: additive synthesis, 16-bit mono WAV.
//!
//! A note of frequency `f` sounds as `s(t) = env(t) · Σ_k a_k · e^(-k·d·t) · sin(2π·k·f·t)`, with the amplitudes `a_k`
//! of its partials, the decay `d` and the envelope chosen by the family of its program. Drums are noise and falling tones.

use super::score::{Note, Score, Voice};

/// Sounds end this long after their note, so that nothing clicks.
const RELEASE_SECONDS: f64 = 0.08;

/// How long the end of music that is cut off takes to die away, at most.
const FADE_SECONDS: f64 = 1.0;

/// Loudest sample of the result.
const PEAK: f32 = 0.89; // one decibel below full scale

/// What a family of instruments sounds like.
struct Timbre {
    /// Amplitudes of the partials, the fundamental first.
    partials: &'static [f64],
    attack_seconds: f64,
    /// Decay of the fundamental, per second; higher partials decay faster. 0 holds the note.
    decay: f64,
}

const PIANO: Timbre = Timbre { partials: &[1.0, 0.5, 0.28, 0.16, 0.09, 0.05], attack_seconds: 0.004, decay: 1.1 };
const BELL: Timbre = Timbre { partials: &[1.0, 0.1, 0.4, 0.05, 0.2], attack_seconds: 0.002, decay: 2.2 };
const ORGAN: Timbre =
    Timbre { partials: &[1.0, 0.6, 0.2, 0.35, 0.0, 0.1, 0.0, 0.15], attack_seconds: 0.015, decay: 0.0 };
const GUITAR: Timbre = Timbre { partials: &[1.0, 0.6, 0.45, 0.25, 0.15, 0.08], attack_seconds: 0.003, decay: 1.8 };
const BASS: Timbre = Timbre { partials: &[1.0, 0.45, 0.15, 0.05], attack_seconds: 0.006, decay: 1.0 };
const STRINGS: Timbre = Timbre { partials: &[1.0, 0.5, 0.4, 0.25, 0.2, 0.1, 0.08], attack_seconds: 0.06, decay: 0.0 };
const BRASS: Timbre = Timbre { partials: &[1.0, 0.8, 0.6, 0.45, 0.3, 0.2, 0.1], attack_seconds: 0.03, decay: 0.15 };
const REED: Timbre = Timbre { partials: &[1.0, 0.15, 0.55, 0.1, 0.3, 0.05, 0.12], attack_seconds: 0.025, decay: 0.05 };
const PIPE: Timbre = Timbre { partials: &[1.0, 0.2, 0.06, 0.02], attack_seconds: 0.03, decay: 0.0 };

/// General MIDI orders its 128 programs in families of eight.
fn timbre(program: u8) -> &'static Timbre {
    match program / 8 {
        0 => &PIANO,
        1 | 14 => &BELL,
        2 => &ORGAN,
        3 | 13 => &GUITAR,
        4 => &BASS,
        5 | 6 | 11 | 12 => &STRINGS,
        7 => &BRASS,
        8 => &REED,
        _ => &PIPE,
    }
}

/// Plays the score as a mono WAV file, normalised: all of it for `None`, else at most so many seconds, which fade out where
/// music would follow. A silent score gives a file without samples; none is longer than an hour.
pub fn wav(score: &Score, sample_rate: u32, seconds: impl Into<Option<f64>>) -> Vec<u8> {
    const LONGEST_SECONDS: f64 = 3600.0; // a bound on memory
    let sample_rate = sample_rate.clamp(1_000, 192_000);
    let wanted = seconds.into().filter(|seconds| seconds.is_finite()).unwrap_or(LONGEST_SECONDS);
    let wanted = wanted.clamp(0.0, LONGEST_SECONDS);
    let clock = Clock::new(score);
    let end = if score.n_notes() > 0 { clock.seconds(score.end_ticks()) + RELEASE_SECONDS } else { 0.0 };
    let n_samples = (end.min(wanted) * f64::from(sample_rate)).ceil() as usize;
    let mut mix = Mix { samples: vec![0.0; n_samples], rate: f64::from(sample_rate) };
    for voice in &score.voices {
        for note in &voice.notes {
            mix.note(voice, note, &clock);
        }
    }
    if end > wanted {
        mix.fade_out();
    }
    riff(&mix.normalised(), sample_rate)
}

/// From ticks to seconds by the tempo changes.
struct Clock {
    /// Tick, seconds at that tick, seconds per tick from there on.
    segments: Vec<(u32, f64, f64)>,
}

impl Clock {
    fn new(score: &Score) -> Clock {
        let per_tick =
            |micros_per_beat: u32| f64::from(micros_per_beat) / 1e6 / f64::from(super::score::TICKS_PER_BEAT);
        let mut clock = Clock { segments: vec![(0, 0.0, per_tick(500_000))] };
        for change in &score.tempos {
            let seconds = clock.seconds(change.tick);
            clock.segments.push((change.tick, seconds, per_tick(change.micros_per_beat)));
        }
        clock
    }

    fn seconds(&self, tick: u32) -> f64 {
        let behind = self.segments.partition_point(|segment| segment.0 <= tick);
        let segment = behind.checked_sub(1).and_then(|index| self.segments.get(index));
        segment.map_or(0.0, |&(start, seconds, per_tick)| seconds + f64::from(tick - start) * per_tick)
    }
}

struct Mix {
    samples: Vec<f32>,
    rate: f64,
}

impl Mix {
    fn note(&mut self, voice: &Voice, note: &Note, clock: &Clock) {
        let start = clock.seconds(note.onset_ticks);
        let held = (clock.seconds(note.onset_ticks.saturating_add(note.duration_ticks)) - start).max(0.02);
        let gain = (f64::from(note.velocity) / 127.0).powi(2);
        if voice.is_drums() {
            self.drum(note.pitch, start, gain);
        } else {
            let change = voice.programs.iter().rev().find(|change| change.tick <= note.onset_ticks);
            self.tone(timbre(change.map_or(0, |change| change.program)), note.pitch, start, held, gain);
        }
    }

    /// The samples of a sound, as many as there is room for.
    fn window(&mut self, start: f64, seconds: f64) -> &mut [f32] {
        let from = ((start * self.rate) as usize).min(self.samples.len());
        let to = (((start + seconds) * self.rate) as usize).clamp(from, self.samples.len());
        self.samples.get_mut(from..to).unwrap_or_default()
    }

    fn tone(&mut self, timbre: &Timbre, pitch: u8, start: f64, held: f64, gain: f64) {
        let frequency = 440.0 * 2f64.powf((f64::from(pitch) - 69.0) / 12.0);
        let rate = self.rate;
        let window = self.window(start, held + RELEASE_SECONDS);
        for (index, &amplitude) in timbre.partials.iter().enumerate() {
            let number = (index + 1) as f64;
            if number * frequency > 0.45 * rate {
                break; // beyond what the sample rate can hold
            }
            // a rotating and shrinking phasor: one complex product a sample instead of a sine and an exponential
            let (sin, cos) = (std::f64::consts::TAU * number * frequency / rate).sin_cos();
            let shrink = (-timbre.decay * number.sqrt() / rate).exp();
            let (turn_re, turn_im) = (cos * shrink, sin * shrink);
            let (mut re, mut im) = (gain * amplitude, 0.0);
            for (sample, slot) in window.iter_mut().enumerate() {
                *slot += (im * envelope(sample as f64 / rate, timbre.attack_seconds, held)) as f32;
                (re, im) = (re * turn_re - im * turn_im, re * turn_im + im * turn_re);
            }
        }
    }

    /// Kicks and toms are falling tones; snares, claps, hats and cymbals are noise that dies away.
    fn drum(&mut self, sound: u8, start: f64, gain: f64) {
        let (tone_hertz, noise, seconds) = match sound {
            35 | 36 => (55.0, 0.1, 0.25),
            37..=40 => (180.0, 0.7, 0.18),
            41 | 43 | 45 | 47 | 48 | 50 => (f64::from(sound) * 3.5, 0.15, 0.3),
            42 | 44 | 54 | 69 | 70 => (0.0, 0.45, 0.06),
            46 => (0.0, 0.45, 0.3),
            49 | 51..=53 | 55 | 57 | 59 => (0.0, 0.5, 0.9),
            _ => (f64::from(sound) * 8.0, 0.2, 0.12),
        };
        let rate = self.rate;
        let mut phase = 0.0;
        let mut state = 0x9E37_79B9u32 ^ u32::from(sound); // the same hit sounds the same every time
        for (sample, slot) in self.window(start, seconds).iter_mut().enumerate() {
            let time = sample as f64 / rate;
            let fade = (-6.0 * time / seconds).exp() * (1.0 - time / seconds);
            phase += std::f64::consts::TAU * tone_hertz * (1.0 + 2.0 * (-40.0 * time).exp()) / rate;
            state ^= state << 13;
            state ^= state >> 17;
            state ^= state << 5;
            let hiss = f64::from(state) / f64::from(u32::MAX) * 2.0 - 1.0;
            *slot += (1.6 * gain * fade * (phase.sin() * f64::from(u8::from(tone_hertz > 0.0)) + noise * hiss)) as f32;
        }
    }

    /// From full loudness to silence: a sound that is cut off clicks.
    fn fade_out(&mut self) {
        let n_faded = ((FADE_SECONDS * self.rate) as usize).min(self.samples.len() / 4);
        for (i, sample) in self.samples.iter_mut().rev().take(n_faded).enumerate() {
            *sample *= i as f32 / n_faded as f32;
        }
    }

    fn normalised(&self) -> Vec<i16> {
        let loudest = self.samples.iter().fold(0f32, |loudest, sample| loudest.max(sample.abs()));
        let scale = if loudest > 0.0 { PEAK * f32::from(i16::MAX) / loudest } else { 0.0 };
        self.samples.iter().map(|sample| (sample * scale) as i16).collect()
    }
}

/// Rises in the attack, holds, and falls to nothing in the release.
fn envelope(time: f64, attack_seconds: f64, held: f64) -> f64 {
    let rise = (time / attack_seconds).min(1.0);
    let fall = (1.0 - (time - held) / RELEASE_SECONDS).clamp(0.0, 1.0);
    rise * fall
}

/// RIFF header and samples: PCM, one channel, 16 bits.
fn riff(samples: &[i16], sample_rate: u32) -> Vec<u8> {
    let data_bytes = u32::try_from(2 * samples.len()).unwrap_or(u32::MAX - 36);
    let mut bytes = Vec::with_capacity(44 + 2 * samples.len());
    bytes.extend_from_slice(b"RIFF");
    bytes.extend_from_slice(&(36 + data_bytes).to_le_bytes());
    bytes.extend_from_slice(b"WAVEfmt ");
    bytes.extend_from_slice(&16u32.to_le_bytes());
    bytes.extend_from_slice(&1u16.to_le_bytes()); // PCM
    bytes.extend_from_slice(&1u16.to_le_bytes()); // mono
    bytes.extend_from_slice(&sample_rate.to_le_bytes());
    bytes.extend_from_slice(&(2 * sample_rate).to_le_bytes());
    bytes.extend_from_slice(&2u16.to_le_bytes()); // bytes per sample
    bytes.extend_from_slice(&16u16.to_le_bytes());
    bytes.extend_from_slice(b"data");
    bytes.extend_from_slice(&data_bytes.to_le_bytes());
    samples.iter().for_each(|sample| bytes.extend_from_slice(&sample.to_le_bytes()));
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::score::{DRUM_CHANNEL, ProgramChange, TempoChange};

    fn one_note(pitch: u8, channel: u8, program: u8) -> Score {
        let note = Note { onset_ticks: 0, pitch, duration_ticks: 960, velocity: 100 };
        let programs = vec![ProgramChange { tick: 0, program }];
        Score { voices: vec![Voice { channel, programs, notes: vec![note], ..Voice::default() }], ..Score::default() }
    }

    fn samples(wav: &[u8]) -> Vec<f64> {
        wav[44..].chunks_exact(2).map(|pair| f64::from(i16::from_le_bytes([pair[0], pair[1]]))).collect()
    }

    /// Strength of one frequency: |Σ x(n)·e^(-2πi·f·n/rate)|.
    fn strength(samples: &[f64], hertz: f64, rate: f64) -> f64 {
        let turn = |n: usize| std::f64::consts::TAU * hertz * n as f64 / rate;
        let re: f64 = samples.iter().enumerate().map(|(n, x)| x * turn(n).cos()).sum();
        let im: f64 = samples.iter().enumerate().map(|(n, x)| x * turn(n).sin()).sum();
        re.hypot(im)
    }

    #[test]
    fn two_beats_at_120_last_one_second_and_a_release() {
        let wav = wav(&one_note(69, 0, 0), 8000, 60.0);
        assert_eq!(wav.len(), 44 + 2 * 8640);
        assert_eq!(&wav[0..4], b"RIFF");
        assert_eq!(u32::from_le_bytes([wav[40], wav[41], wav[42], wav[43]]), 2 * 8640);
    }

    #[test]
    fn tempo_changes_stretch_time_and_max_seconds_cuts_it() {
        let mut score = one_note(69, 0, 0);
        score.tempos = vec![
            TempoChange { tick: 0, micros_per_beat: 500_000 },
            TempoChange { tick: 480, micros_per_beat: 1_000_000 },
        ];
        assert_eq!(wav(&score, 8000, None).len(), 44 + 2 * (12_000 + 640));
        assert_eq!(wav(&score, 8000, 0.5).len(), 44 + 2 * 4000);
    }

    #[test]
    fn what_is_cut_off_fades_out_and_a_whole_tune_does_not() {
        let loudness = |samples: &[f64]| samples.iter().fold(0.0, |loudest: f64, x| loudest.max(x.abs()));
        let mut score = one_note(69, 0, 16); // an organ holds its note
        score.voices[0].notes[0].duration_ticks = 4800;
        let (whole, cut) = (samples(&wav(&score, 8000, None)), samples(&wav(&score, 8000, 4.0)));
        assert_eq!((whole.len(), cut.len()), (8000 * 5 + 640, 8000 * 4));
        let second = |samples: &[f64], n: usize| loudness(&samples[8000 * n..8000 * (n + 1)]);
        assert!((second(&whole, 3) - second(&whole, 0)).abs() < 600.0);
        let last_tenths: Vec<f64> = cut[8000 * 3..].chunks(800).map(loudness).collect();
        assert!(last_tenths.is_sorted_by(|a, b| a > b), "{last_tenths:?}");
        assert!(loudness(&cut[cut.len() - 8..]) < 40.0); // a click was 9,000
    }

    #[test]
    fn the_a_above_middle_c_sounds_at_440_hertz_in_every_family() {
        for program in (0..128).step_by(8) {
            let samples = samples(&wav(&one_note(69, 0, program), 8000, 1.0));
            let loudest =
                (200..900).step_by(10).max_by_key(|&hertz| strength(&samples, f64::from(hertz), 8000.0) as u64);
            assert_eq!(loudest, Some(440), "program {program}");
        }
    }

    #[test]
    fn the_loudest_sample_is_one_decibel_below_full_scale() {
        for score in [one_note(69, 0, 0), one_note(38, DRUM_CHANNEL, 0), one_note(127, 0, 80)] {
            let loudest =
                samples(&wav(&score, 44_100, 5.0)).into_iter().fold(0.0, |loudest: f64, x| loudest.max(x.abs()));
            assert!((29_000.0..29_200.0).contains(&loudest), "{loudest}");
        }
    }

    #[test]
    fn silence_is_a_header_without_samples() {
        assert_eq!(wav(&Score::default(), 22_050, 10.0).len(), 44);
    }
}
