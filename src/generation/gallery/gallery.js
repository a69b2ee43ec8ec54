
const tunes = JSON.parse(document.getElementById("tunes").textContent);
const cards = [...document.querySelectorAll(".card")], filter = document.querySelector(".filter");

for (const place of document.querySelectorAll(".player")) {
  const tune = tunes[place.dataset.tune];
  player.mount(place, tune, place.closest(".card").querySelector("h3").textContent, player.picture(tune));
}

function show() {
  const { model, prompt } = filter.elements;
  const outcomes = [...filter.querySelectorAll("[name=outcome]:checked")].map((box) => box.value);
  const wanted = (wish, is) => wish.value === "" || wish.value === is;
  for (const card of cards) {
    const { model: of, prompt: from, outcome } = card.dataset;
    card.hidden = !(wanted(model, of) && wanted(prompt, from) && outcomes.includes(outcome));
  }
  for (const section of document.querySelectorAll("section")) section.hidden = !section.querySelector(".card:not([hidden])");
  filter.querySelector("output").textContent = `${cards.filter((card) => !card.hidden).length} of ${cards.length} tunes`;
}

// A link to a tune shows it, whatever the filter hides.
function reveal() {
  const card = document.querySelector(".card:target");
  if (!card?.hidden) return;
  filter.reset();
  show();
  card.scrollIntoView();
}

filter.hidden = false;
filter.onchange = show;
filter.onsubmit = () => false;
addEventListener("hashchange", reveal);
show();
