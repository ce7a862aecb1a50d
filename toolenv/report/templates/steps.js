// One episode: what was asked, how it went, its tree, and every step with all that was said.

const episodeView = document.getElementById("episode");
let formatted = false;

const readable = (text) => {
  if (!formatted) return text;
  try { return JSON.stringify(JSON.parse(text), null, 2); } catch { return text; }
};

const block = (label, text) => [
  make("pre", { tabindex: "0", role: "region", "aria-label": label }, readable(whole(text))),
  saidMissing(text),
];

const folded = (title, text) => (whole(text)
  ? make("details", {}, make("summary", {}, title), make("p", { class: "quote" }, whole(text)), saidMissing(text)) : null);

const fact = (name, value, kind = "") => make("span", {}, `${name} `, make("b", { class: kind }, value));

const callParts = (call, where) => [
  call.function === undefined ? null : make("p", { class: "call" },
    make("b", {}, call.function), `(${whole(call.arguments)})`, call.unknown ? make("span", { class: "failed" }, " no such function") : null),
  call.arguments === undefined ? null : saidMissing(call.arguments),
  call.invalid ? make("p", { class: "failed" }, `invalid: ${whole(call.invalid)}`) : null,
  call.text === undefined ? null : make("p", { class: "facts-line" },
    make("b", { class: call.failed ? "failed" : "passed" }, call.status), fact("source", call.source), fact("origin", call.origin),
    call.completeness ? make("b", {}, call.completeness) : null, call.recording ? fact("recording", call.recording) : null),
  call.text === undefined ? null : block(`Response of ${where}`, call.text),
];

const stepParts = (row, step, number) => present([
  make("p", { class: "step-head" },
    make("a", { href: episodeLink(row, number) }, `Step ${number}`),
    make("span", { class: "state" }, known.states[step.state]),
    step.reward ? fact("reward", String(step.reward)) : null,
    step.tokens ? make("span", {}, `${step.tokens[0].toLocaleString("en")} → ${step.tokens[1].toLocaleString("en")} tokens`) : null,
    step.repaired ? fact("repaired", whole(step.repaired)) : null,
    step.ended ? fact("ended", whole(step.ended)) : null),
  folded("Diversity message, shown for this decision alone", step.diversity),
  folded("Reasoning", step.reasoning),
  step.thought ? make("p", { class: "quote" }, whole(step.thought)) : null,
  step.thought ? saidMissing(step.thought) : null,
  step.calls.map((call) => callParts(call, `step ${number}`)),
  step.observation ? [make("p", { class: "soft" }, "Observation, as the policy saw it"), block(`Observation of step ${number}`, step.observation)] : null,
]);

const FILLED_AT_ONCE = 200;

// The steps of an episode. Of very long ones those are filled that come near what is seen.
const stepItems = (row, steps) => {
  const items = steps.map((step, number) => make("li", { class: `step state-${step.state}`, id: `step-${number}`, tabindex: "-1" }));
  const filledIn = (number) => {
    if (!items[number].hasChildNodes()) items[number].append(...stepParts(row, steps[number], number));
    return items[number];
  };
  if (items.length <= FILLED_AT_ONCE) items.forEach((_, number) => filledIn(number));
  else {
    const near = new IntersectionObserver((entries) => {
      for (const { target, isIntersecting } of entries) if (isIntersecting) filledIn(Number(target.id.slice(5)));
    }, { rootMargin: "1500px" });
    items.forEach((item) => near.observe(item));
  }
  return { items, filledIn };
};

const about = (row) => make("p", { class: "facts-line" },
  outcomeMark(row.outcome), fact("reward", String(row.reward)), fact("ended", row.ended || "not at all"),
  fact("agent", row.agent), fact("policy", row.policy), fact("seed", String(row.seed)),
  row.split ? fact("split", row.split) : null, known.runs.length > 1 ? fact("run", row.run) : null,
  make("span", {}, counted(row.steps, "step")), make("span", {}, counted(row.policyCalls, "policy call")),
  make("span", {}, counted(row.apiCalls, "API call")), row.tokens ? make("span", {}, counted(row.tokens, "token")) : null,
  row.money ? fact("money", row.money.toFixed(4)) : null);

const errorsOf = (row) => (row.errors.length ? make("p", { class: "facts-line" }, make("span", { class: "soft" }, "What went wrong:"),
  row.errors.map(([kind, times]) => make("span", { class: "kind" }, times > 1 ? `${words(kind)} ×${times}` : words(kind)))) : null);

// Two benchmarks may have tasks of one name: the instruction tells them apart.
const othersOf = (row) => known.rows.filter((other) => other !== row && other.task === row.task && other.instruction === row.instruction);

const nameOf = (row) => `${row.agent} · ${row.policy} · seed ${row.seed}${known.runs.length > 1 ? ` · ${row.run}` : ""}`;

const comparePicker = (row) => {
  const others = othersOf(row);
  if (!others.length) return null;
  return make("select", {
    "aria-label": "Compare with another episode of this task",
    change: (event) => { if (event.target.value) location.hash = compareLink(row, others[event.target.value]); },
  }, make("option", { value: "" }, "Compare with …"), others.map((other, place) => make("option", { value: place }, `${outcomeWord(other.outcome)}: ${nameOf(other)}`)));
};

const formatButton = (again) => make("button", {
  type: "button", "aria-pressed": String(formatted), title: "Format JSON (f)", id: "format",
  click: () => { formatted = !formatted; again(); },
}, "Format JSON");

let atEpisode = null; // the episode that is shown, and what moves in it

// What tells whether an episode that is shown is still what it was.
const stateOf = (row) => row && JSON.stringify([...keyOf(row), row.outcome, row.ended, row.steps, row.reward, row.answer, row.verdicts]);

const showEpisode = async (row, at) => {
  if (atEpisode?.state === stateOf(row)) {
    atEpisode.at(at);
    return;
  }
  episodeView.setAttribute("aria-busy", "true");
  const episode = await episodeOf(row);
  if (readRoute(location.hash).view !== "episode" || rowAt(readRoute(location.hash).parts) !== row) return;
  drawEpisode(row, episode, at);
  if (at === undefined) scrollTo(0, 0);
  episodeView.removeAttribute("aria-busy");
};

const drawEpisode = (row, episode, at) => {
  const { items, filledIn } = stepItems(row, episode.steps);
  let marked = 0;
  const mark = (number, scroll) => {
    items[marked].classList.remove("at");
    filledIn(number).classList.add("at");
    marked = number;
    if (scroll) items[number].scrollIntoView({ block: "start" });
  };
  const tree = treeDrawing(episode, (number, enter) => {
    mark(number, true);
    history.replaceState(null, "", episodeLink(row, number));
    if (enter) items[number].focus({ preventScroll: true });
  });
  const [before, after] = neighbours(row);
  const step = (label, other, key) => (other
    ? make("a", { href: episodeLink(other), class: "button", title: `${label} (${key})`, id: key === "[" ? "before" : "after" }, label) : null);
  episodeView.replaceChildren(...present([
    make("p", { class: "crumbs" }, make("a", { href: listLink(filter), class: "button", id: "back" }, "‹ Episodes"),
      step("Previous", before, "["), step("Next", after, "]"), comparePicker(row), formatButton(() => {
        drawEpisode(row, episode, readRoute(location.hash).parts[5]);
        document.getElementById("format").focus();
      })),
    make("section", { class: "card", "aria-labelledby": "episode-title" },
      make("h2", { id: "episode-title", tabindex: "-1" }, `Task ${row.task}`),
      make("p", { class: "quote instruction" }, row.instruction),
      about(row), errorsOf(row),
      make("h3", {}, "Answer"),
      row.answer === null ? make("p", { class: "soft" }, "None.") : make("p", { class: "quote" }, row.answer),
      episode.verdicts.length ? make("h3", {}, "Verdicts") : null, episode.verdicts.map(verdictCard),
      make("details", {}, make("summary", {}, `${counted(episode.functions.length, "function")} offered; fingerprints`),
        make("ul", { class: "lines" }, episode.functions.map(([name, text]) => make("li", {}, make("code", {}, name), " ", make("span", { class: "soft" }, text)))),
        make("dl", { class: "facts" }, episode.fingerprints.flatMap(([part, digest]) => [make("dt", {}, part), make("dd", {}, make("code", {}, digest))])))),
    items.length ? make("div", { class: "two" },
      make("section", { class: "card tree-card", "aria-label": "Decision tree" }, make("h3", {}, "Decision tree"), tree.tools, tree.svg, treeLegend(episode), treeList(row, episode)),
      make("section", { "aria-label": "Steps" }, make("ol", { class: "steps", start: "0" }, items))) : make("p", { class: "soft" }, "No step was taken."),
  ]));
  atEpisode = {
    state: stateOf(row),
    at: (number) => {
      const wanted = number === undefined ? -1 : Number(number);
      if (!items[wanted]) return;
      mark(wanted, true);
      tree.mark(wanted);
    },
  };
  if (items.length) atEpisode.at(at);
};
