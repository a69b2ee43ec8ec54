
const content = JSON.parse(document.getElementById("content").textContent), n = content.tunes.length;
const part = (id) => document.getElementById(id);
const kept = `listening-${content.page}`; // answers survive a reload, in this browser only
const fresh = () => ({ at: -1, answers: [], heard: [] });
let state = fresh();
try {
  state = JSON.parse(localStorage.getItem(kept)) ?? state;
} catch {} // no storage: nothing is kept

function show() {
  player.stop();
  try {
    localStorage.setItem(kept, JSON.stringify(state));
  } catch {}
  const { at } = state;
  part("intro").hidden = at >= 0;
  part("pair").hidden = at < 0 || at >= n;
  part("end").hidden = at < n;
  if (at >= n) return end();
  if (at < 0) return;
  part("count").textContent = `Pair ${at + 1} of ${n}`;
  document.querySelector("progress").value = at;
  ["a", "b"].forEach((side, index) => {
    part(side).replaceChildren();
    player.mount(part(side), content.tunes[at][index], side.toUpperCase(), null, () => hear(index));
  });
  for (const box of document.querySelectorAll("[name=answer]")) box.checked = box.value === String(state.answers[at]);
  part("back").disabled = at === 0;
  part("next").textContent = at === n - 1 ? "Finish" : "Next";
  allow();
}

function hear(index) {
  state.heard[state.at] = (state.heard[state.at] ?? 0) | (1 << index);
  allow();
}

function allow() {
  const both = state.heard[state.at] === 3;
  part("choice").disabled = !both;
  part("hint").hidden = both;
  part("next").disabled = !both || state.answers[state.at] === undefined;
}

function end() {
  part("code").textContent = encode(content.page, state.answers);
  part("copied").textContent = "";
  const sides = JSON.parse(unveiled(content.sides, content.page));
  const items = sides.map((both, index) => {
    const item = document.createElement("li");
    const chosen = ["no preference", "you chose A", "you chose B"][state.answers[index]];
    item.append(`A: ${both[0].name}. B: ${both[1].name}. Here ${chosen}.`);
    for (const [side, { text }] of both.entries()) {
      const details = document.createElement("details"), summary = document.createElement("summary"), pre = document.createElement("pre");
      summary.textContent = `The text of ${"AB"[side]}`;
      pre.textContent = text;
      details.append(summary, pre);
      item.append(details);
    }
    return item;
  });
  part("heard").replaceChildren(...items);
}

// The reverse of `veiled` in listening.rs.
function unveiled(text, page) {
  let next = page + 1;
  const byte = (c) => {
    next = (Math.imul(next, 1103515245) + 12345) & 0x7fffffff;
    return c.charCodeAt(0) ^ ((next >> 16) & 255);
  };
  return new TextDecoder().decode(Uint8Array.from(atob(text), byte));
}

part("begin").onclick = () => ((state.at = 0), show());
part("back").onclick = () => (state.at--, show());
part("next").onclick = () => (state.at++, show());
part("again").onclick = () => ((state = fresh()), show());
part("choice").onchange = (event) => ((state.answers[state.at] = Number(event.target.value)), allow());
part("copy").onclick = () => {
  const said = (words) => () => (part("copied").textContent = words);
  const refused = said("Copying is not allowed here: select the code and copy it.");
  if (!navigator.clipboard) return refused();
  navigator.clipboard.writeText(part("code").textContent).then(said("Copied."), refused);
};
show();
