"use strict";
(() => {
  const form = document.querySelector(".filter");
  if (!form) return;
  const episodes = [...document.querySelectorAll("details.episode")];
  const [text, outcome, shown] = ["#text", "#outcome", "#shown"].map((id) => form.querySelector(id));
  const words = new Map();
  const wordsOf = (episode) => {
    if (!words.has(episode)) words.set(episode, episode.textContent.toLowerCase());
    return words.get(episode);
  };
  const apply = () => {
    const wanted = text.value.trim().toLowerCase();
    let left = 0;
    for (const episode of episodes) {
      const fits = (!outcome.value || episode.dataset.outcome === outcome.value)
        && (!wanted || wordsOf(episode).includes(wanted));
      episode.hidden = !fits;
      left += fits;
    }
    shown.textContent = `${left} of ${episodes.length}`;
  };
  const openTarget = () => {
    const target = location.hash && document.getElementById(location.hash.slice(1));
    const episode = target && target.closest("details.episode");
    if (episode) { episode.open = true; target.scrollIntoView(); }
  };
  form.hidden = false;
  form.addEventListener("input", apply);
  form.addEventListener("submit", (event) => event.preventDefault());
  addEventListener("hashchange", openTarget);
  apply();
  openTarget();
})();
