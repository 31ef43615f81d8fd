// Search: every word typed must occur in a card's name, summary, parameters or family.
const box = document.getElementById("search");
const cards = [...document.querySelectorAll("article")];
function search() {
  const words = box.value.toLowerCase().split(/\s+/).filter(Boolean);
  let found = 0;
  for (const card of cards) {
    const hit = words.every((word) => card.dataset.words.includes(word));
    card.hidden = !hit;
    found += hit ? 1 : 0;
  }
  for (const section of document.querySelectorAll("section")) {
    section.hidden = ![...section.querySelectorAll("article")].some((card) => !card.hidden);
  }
  document.getElementById("none").hidden = found > 0;
}
box.addEventListener("input", search);
document.addEventListener("keydown", (event) => {
  if (event.key === "/" && document.activeElement !== box) { event.preventDefault(); box.focus(); }
});
