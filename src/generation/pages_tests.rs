//! Claims about both pages, opened in Chromium where it is installed.

use super::gallery::Group;
use super::listening::{self, Answer};
use super::{Continuation, Drawing, Melodies, PageOptions, Prompt, Sample, write_pages};
use crate::data::{TokenData, Tokenizer};
use crate::models::Family;
use std::path::Path;
use std::process::Command;

pub(super) const TUNE: &str = "X:1\nM:4/4\nL:1/8\nK:G\nGABc d2B2|G8|]\n";
pub(super) const SHORT_BAR: &str = "X:1\nM:4/4\nL:1/8\nK:G\nGABc d2B2|GABc d2|G8|]\n";
pub(super) const OPEN_CHORD: &str = "X:1\nM:4/4\nL:1/8\nK:G\nGABc d2B2|[Gd 4 G4|]\n";

/// A tune as if a model had written it.
pub(super) fn sample(seed: u64, prefix: &str, raw: &str) -> Sample {
    let tokenizer = Tokenizer::from_text(TUNE).unwrap();
    let train = tokenizer.encode(TUNE).unwrap();
    let data = TokenData { dir: "".into(), tokenizer, train, val: Vec::new(), test: Vec::new() };
    let written = Continuation { text: raw.to_string(), n_tokens: raw.len(), ended: true, allowed_log_mass: None };
    Sample::judge(seed as usize, Prompt::new(prefix, Drawing::at(0.8)), seed, written, &Melodies::of_train(&data))
}

/// Three models and people; every outcome, two prompts, three seeds.
fn groups() -> Vec<Group> {
    let long = format!("X:1\nM:4/4\nL:1/8\nK:G\n{}G8|]\n", "GABc d2B2|ABcd e2c2|".repeat(10));
    let tunes = [TUNE, SHORT_BAR, OPEN_CHORD, "X:1\n???\n", &long, TUNE];
    let group = |(index, (name, family)): (usize, (&str, Option<Family>))| Group {
        name: name.to_string(),
        family,
        n_params: family.map(|_| 1000 << (4 * index)),
        val_loss: family.map(|_| 2.0 - 0.3 * index as f64),
        samples: (0..6)
            .map(|i| sample(i as u64 / 2, if i % 2 == 0 { "" } else { "X:1\n" }, tunes[(i + index) % tunes.len()]))
            .collect(),
    };
    let lstm = Some(Family::Lstm);
    let names = [("LSTM tiny", lstm), ("LSTM small", lstm), ("LSTM large", lstm), ("people", None)];
    names.into_iter().enumerate().map(group).collect()
}

fn browser() -> Option<&'static str> {
    let answers =
        |name: &&str| Command::new(name).arg("--version").output().is_ok_and(|output| output.status.success());
    ["chromium", "chromium-browser", "google-chrome"].into_iter().find(answers)
}

/// Notes errors and refused requests from the first line on.
const WATCH: &str = "<script>const seen = { errors: [], refused: [] };
addEventListener('error', (event) => seen.errors.push(event.message));
addEventListener('unhandledrejection', (event) => seen.errors.push(String(event.reason)));
document.addEventListener('securitypolicyviolation', (event) => seen.refused.push(event.blockedURI));</script>";

/// What `probe` (JavaScript, may await) adds to `seen` once the page is loaded, in a browser that finds no other host. `None`
/// where there is no browser.
fn open(page: &Path, probe: &str) -> Option<serde_json::Value> {
    let Some(browser) = browser() else {
        println!("skipped: Chromium is not installed, so {} is not opened", page.display());
        return None;
    };
    let html = std::fs::read_to_string(page).unwrap();
    let last = format!(
        "<script>addEventListener('load', async () => {{
           const pause = () => new Promise((done) => setTimeout(done, 200));
           try {{ {probe} }} catch (error) {{ seen.errors.push(String(error)) }}
           seen.loaded = performance.getEntriesByType('resource').map((entry) => entry.name);
           await fetch('https://example.org/').catch(() => 0);
           await pause();
           document.body.textContent = 'SEEN' + JSON.stringify(seen) + 'END';
         }})</script></body>"
    );
    let watched = html.replacen("<head>", &format!("<head>{WATCH}"), 1).replacen("</body>", &last, 1);
    let copy = page.with_extension("watched.html");
    std::fs::write(&copy, watched).unwrap();
    let profile = page.with_file_name("profile");
    let output = Command::new(browser)
        .args(["--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--mute-audio"])
        .args(["--autoplay-policy=no-user-gesture-required", "--host-resolver-rules=MAP * ~NOTFOUND"])
        .args(["--virtual-time-budget=60000", "--dump-dom"])
        .arg(format!("--user-data-dir={}", profile.display()))
        .arg(format!("file://{}", copy.display()))
        .output()
        .unwrap();
    let dom = String::from_utf8_lossy(&output.stdout);
    let seen = dom.split_once("SEEN").and_then(|(_, rest)| Some(rest.split_once("END")?.0));
    let seen = seen.unwrap_or_else(|| panic!("{dom}\n{}", String::from_utf8_lossy(&output.stderr)));
    let seen: serde_json::Value = serde_json::from_str(&seen.replace("&amp;", "&").replace("&gt;", ">")).unwrap();
    assert_eq!(seen["errors"], serde_json::json!([]));
    assert_eq!(seen["loaded"], serde_json::json!([]), "the page loads nothing");
    assert_eq!(
        seen["refused"],
        serde_json::json!(["https://example.org/"]),
        "and its policy refuses only what the probe asks for"
    );
    Some(seen)
}

#[test]
fn the_gallery_shows_filters_and_plays_and_asks_no_other_host() {
    let folder = tempfile::tempdir().unwrap();
    let paths = write_pages(&groups(), folder.path(), &PageOptions::default()).unwrap();
    let names: Vec<_> = paths.iter().filter_map(|path| path.file_name()?.to_str()).collect();
    assert_eq!(names, ["index.html", "listen.html", "listen.json"]);
    let probe = "
        const visible = () => cards.filter((card) => !card.hidden).length;
        seen.cards = visible();
        seen.rolls = document.querySelectorAll('.roll svg').length;
        const button = document.querySelector('.player button');
        button.click();
        seen.playing = button.textContent;
        button.click();
        seen.stopped = button.textContent;
        const seek = document.querySelector('.roll input');
        seek.value = 1000;
        seek.dispatchEvent(new Event('input'));
        seen.cursor = document.querySelector('.roll i').style.left;
        filter.elements.model.value = '0'; show(); seen.of_one = visible();
        filter.elements.model.value = '';
        filter.querySelector('[value=success]').checked = false; show(); seen.failed = visible();
        seen.said = filter.querySelector('output').textContent;
        location.hash = '#tune-0'; await pause(); seen.revealed = visible();
        seen.wide = document.documentElement.scrollWidth <= innerWidth;";
    let Some(seen) = open(&paths[0], probe) else { return };
    let is = |name: &str, value: serde_json::Value| assert_eq!(seen[name], value, "{name} in {seen}");
    is("cards", 8.into()); // four groups, two prompts
    is("rolls", 6.into()); // two have no note
    is("playing", "Stop".into());
    is("stopped", "Play".into());
    is("cursor", "25%".into()); // two bars of 4/4 at 120 quarter notes a minute last four seconds
    is("of_one", 2.into());
    is("failed", 6.into());
    is("said", "6 of 8 tunes".into());
    is("revealed", 8.into());
    is("wide", true.into());
}

#[test]
fn a_listener_goes_through_the_page_and_the_code_says_what_was_chosen() {
    let folder = tempfile::tempdir().unwrap();
    let paths = write_pages(&groups(), folder.path(), &PageOptions { n_pairs: 10, ..PageOptions::default() }).unwrap();
    let probe = "
        seen.hidden = document.body.innerText.includes('LSTM');
        part('begin').click();
        seen.pairs = n;
        for (let pair = 0; pair < n; pair++) {
            seen.early ??= !part('choice').disabled || !part('next').disabled;
            for (const side of ['a', 'b']) { part(side).querySelector('button').click(); await pause(); }
            const box = document.querySelector(`[name=answer][value='${pair % 3}']`);
            box.checked = true;
            box.dispatchEvent(new Event('change', { bubbles: true }));
            part('next').click();
        }
        seen.code = part('code').textContent;
        seen.told = part('heard').textContent.includes('LSTM large');";
    let Some(seen) = open(&paths[1], probe) else { return };
    assert_eq!(
        (&seen["early"], &seen["hidden"], &seen["told"]),
        (&false.into(), &false.into(), &true.into()),
        "{seen}"
    );
    let key = listening::Key::read(&paths[2]).unwrap();
    assert_eq!(seen["pairs"], key.pairs.len());
    let code = seen["code"].as_str().unwrap().to_string();
    let chosen = [Answer::Neither, Answer::A, Answer::B].into_iter().cycle();
    let mut n_first = 0;
    for (pair, answer) in key.pairs.iter().zip(chosen) {
        n_first += usize::from(answer == if pair.first_is_a { Answer::A } else { Answer::B });
    }
    let judged = listening::judge_in(folder.path(), &[code]).unwrap();
    assert_eq!(judged.preferences.iter().map(|one| one.n_first).sum::<usize>(), n_first);
    let n_answers: usize = judged.preferences.iter().map(|one| one.n_first + one.n_second + one.n_neither).sum();
    assert_eq!(n_answers, key.pairs.len());
}
