"use strict";
// Plays and draws tunes. A tune is { end, bars, voices, notes }: times in milliseconds; a note is [onset, duration, pitch,
// velocity, voice]; a voice is its General MIDI program, or -1 for drums.

const player = (() => {
  const AHEAD = 1.5; // seconds that are scheduled before they sound: timers of a page in the background come once a second
  const PLUCKED = [0, 1, 0.5, 0.28, 0.16, 0.09, 0.05]; // amplitudes of the partials, as in the project's WAV files
  const HELD = [0, 1, 0.5, 0.4, 0.25, 0.2, 0.1];
  let audio, waves, playing = null;

  function start(tune, from, show, ended) {
    stop();
    audio ??= new AudioContext();
    audio.resume();
    waves ??= [PLUCKED, HELD].map((partials) => audio.createPeriodicWave(new Float32Array(partials.length), Float32Array.from(partials)));
    const out = audio.createDynamicsCompressor(); // chords do not clip
    out.connect(audio.destination);
    const next = tune.notes.findIndex((note) => note[0] >= from - 1);
    playing = { tune, out, show, ended, next: next < 0 ? tune.notes.length : next, zero: audio.currentTime + 0.1 - from / 1000 };
    tick();
  }

  function tick() {
    const now = playing, time = audio.currentTime - now.zero;
    for (; now.next < now.tune.notes.length && now.tune.notes[now.next][0] / 1000 < time + AHEAD; now.next++) {
      sound(now, now.tune.notes[now.next]);
    }
    now.show(Math.max(0, Math.min(1000 * time, now.tune.end)));
    if (1000 * time > now.tune.end + 200) stop();
    else now.timer = setTimeout(tick, 33);
  }

  function stop() {
    if (!playing) return;
    const was = playing;
    playing = null;
    clearTimeout(was.timer);
    was.out.disconnect();
    was.ended();
  }

  function sound({ tune, out, zero }, [onset, duration, pitch, velocity, voice]) {
    const at = zero + onset / 1000, gain = audio.createGain(), loud = 0.35 * (velocity / 127) ** 2, program = tune.voices[voice];
    gain.connect(out);
    if (program < 0) return drum(gain, at, pitch, loud);
    const held = program >= 16 && !(program >= 24 && program < 40);
    const tone = audio.createOscillator(), end = at + Math.max(0.03, duration / 1000);
    tone.setPeriodicWave(waves[held ? 1 : 0]);
    tone.frequency.value = 440 * 2 ** ((pitch - 69) / 12);
    gain.gain.setValueAtTime(0, at);
    gain.gain.linearRampToValueAtTime(loud, at + (held ? 0.04 : 0.005));
    if (!held) gain.gain.setTargetAtTime(0, at + 0.005, 0.9);
    gain.gain.setTargetAtTime(0, end, 0.025);
    tone.connect(gain);
    tone.start(at);
    tone.stop(end + 0.2);
  }

  // Low sounds are falling tones, the others noise that dies away.
  function drum(gain, at, pitch, loud) {
    const low = pitch < 37 || [41, 43, 45, 47, 48, 50].includes(pitch), seconds = pitch > 45 && !low ? 0.5 : 0.15;
    const source = low ? audio.createOscillator() : audio.createBufferSource();
    if (low) {
      source.frequency.setValueAtTime(3 * (pitch + 10), at);
      source.frequency.exponentialRampToValueAtTime(pitch + 10, at + 0.1);
    } else {
      source.buffer = audio.createBuffer(1, audio.sampleRate / 2, audio.sampleRate);
      source.buffer.getChannelData(0).forEach((_, i, samples) => (samples[i] = Math.random() - 0.5));
    }
    gain.gain.setValueAtTime(1.5 * loud, at);
    gain.gain.setTargetAtTime(0, at, seconds / 4);
    source.connect(gain);
    source.start(at);
    source.stop(at + seconds);
  }

  // A button and a strip with a cursor; `picture` draws on the strip, where there is something to see.
  function mount(place, tune, name, picture, onplay) {
    const button = Object.assign(document.createElement("button"), { type: "button", textContent: "Play", ariaLabel: `Play ${name}` });
    const roll = Object.assign(document.createElement("div"), { className: "roll" }), cursor = document.createElement("i");
    const seek = Object.assign(document.createElement("input"), { type: "range", min: 0, max: tune.end, value: 0, step: 500 });
    seek.ariaLabel = `Place in ${name}`;
    if (picture) roll.append(picture);
    roll.append(cursor, seek);
    place.append(button, roll);
    const show = (time) => {
      cursor.style.left = `${(100 * time) / Math.max(1, tune.end)}%`;
      seek.value = time;
    };
    const ended = () => {
      button.textContent = "Play";
      button.ariaLabel = `Play ${name}`;
      if (Number(seek.value) > tune.end - 600) show(0);
    };
    const play = () => {
      start(tune, Number(seek.value), show, ended);
      button.textContent = "Stop";
      button.ariaLabel = `Stop ${name}`;
      onplay?.();
    };
    button.onclick = () => (button.textContent === "Stop" ? stop() : play());
    seek.oninput = () => {
      const time = Number(seek.value);
      button.textContent === "Stop" ? play() : show(time);
    };
  }

  // The piano roll: time to the right, pitch upwards, a shade a voice, thin lines where bars begin.
  function picture(tune) {
    const pitches = tune.notes.map((note) => note[2]), low = Math.min(...pitches), high = Math.max(...pitches);
    const top = Math.max(high, low + 12) + 1, rows = top - low + 2;
    const svg = svgElement("svg", { viewBox: `0 0 ${Math.max(1, tune.end)} ${rows}`, preserveAspectRatio: "none", "aria-hidden": "true" });
    const bars = tune.bars.map((bar) => `M${bar} 0v${rows}`).join("");
    svg.append(svgElement("path", { d: bars, stroke: "#d5d8db", "vector-effect": "non-scaling-stroke" }));
    tune.voices.forEach((_, voice) => {
      const gap = tune.end / 600; // so that repeated notes stay apart
      const notes = tune.notes.filter((note) => note[4] === voice);
      const d = notes.map((note) => `M${note[0]} ${top - note[2] + 0.1}h${Math.max(gap, note[1] - gap)}v.8h${-Math.max(gap, note[1] - gap)}z`);
      svg.append(svgElement("path", { d: d.join(""), fill: "var(--tone)", opacity: Math.max(0.3, 1 - 0.3 * voice) }));
    });
    return svg;
  }

  function svgElement(name, attributes) {
    const element = document.createElementNS("http://www.w3.org/2000/svg", name);
    Object.entries(attributes).forEach(([key, value]) => element.setAttribute(key, value));
    return element;
  }

  return { mount, picture, stop };
})();
