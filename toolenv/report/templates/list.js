// The list of episodes: filters, search, sorting, pages; all of it stands in the address.

const listView = document.getElementById("episodes");
const PAGE = 100;

let filter = {};
let found = []; // the rows that fit, in order
let controls = null;

const ORDERS = {
  "": ["by task", null],
  outcome: ["by outcome", (a, b) => OUTCOMES.indexOf(a.outcome) - OUTCOMES.indexOf(b.outcome)],
  reward: ["lowest reward first", (a, b) => a.reward - b.reward],
  steps: ["most steps first", (a, b) => b.steps - a.steps],
  calls: ["most API calls first", (a, b) => b.apiCalls - a.apiCalls],
  tokens: ["most tokens first", (a, b) => b.tokens - a.tokens],
  money: ["most money first", (a, b) => b.money - a.money],
  errors: ["most errors first", (a, b) => errorCount(b) - errorCount(a)],
};

const errorCount = (row) => row.errors.reduce((sum, [, times]) => sum + times, 0);

// Name in the address, label, the values there are, and whether a row has one.
const CHOICES = [
  ["run", "Run", () => known.runs, (row, value) => row.run === value],
  ["agent", "Agent", () => known.agents, (row, value) => row.agent === value],
  ["policy", "Policy", () => known.policies, (row, value) => row.policy === value],
  ["split", "Split", () => known.splits.filter(Boolean), (row, value) => row.split === value],
  ["outcome", "Outcome", () => OUTCOMES.filter((one) => known.rows.some((row) => row.outcome === one)), (row, value) => row.outcome === value],
  ["ended", "Ended", () => known.ended.filter(Boolean), (row, value) => row.ended === value],
  ["error", "Error", () => known.kinds.map(([kind]) => kind).filter((kind) => known.rows.some((row) => hasError(row, kind))), (row, value) => hasError(row, value)],
  ["verdict", "Verdict", () => [...new Set(known.rows.flatMap((row) => row.verdicts.map(saidVerdict)))].sort(), (row, value) => row.verdicts.some((one) => saidVerdict(one) === value)],
];

const hasError = (row, kind) => row.errors.some(([one]) => one === kind);
const saidVerdict = ([set, decision]) => `${set}: ${decision}`;
const haystack = (row) => (row.haystack ??= `${row.task}\n${row.instruction}\n${row.answer ?? ""}`.toLowerCase());

const inSteps = { text: null, rows: new Set() };

const fits = (row, text) => CHOICES.every(([name, , , has]) => !filter[name] || has(row, filter[name]))
  && (!text || haystack(row).includes(text) || (filter.steps && inSteps.rows.has(row.number)));

const neighbours = (row) => {
  const among = found.includes(row) ? found : known.rows;
  const place = among.indexOf(row);
  return [among[place - 1], among[place + 1]];
};

// The values there are, in the selects, which keep what is chosen.
const fillChoices = () => {
  for (const [name, label, values] of CHOICES) {
    const select = controls.form.elements[name];
    const there = values();
    select.replaceChildren(make("option", { value: "" }, `${label}: any`), ...there.map((value) => make("option", { value }, words(value))));
    select.hidden = there.length < 2 && !filter[name];
    select.value = filter[name] ?? "";
  }
};

const buildControls = () => {
  const changed = () => {
    filter = Object.fromEntries([...new FormData(form)].filter(([, value]) => value !== ""));
    history.replaceState(null, "", listLink(filter));
    drawRows();
  };
  const form = make(
    "form", { class: "filter", role: "search", "aria-label": "Episodes", input: changed, submit: (event) => { event.preventDefault(); changed(); } },
    make("input", { type: "search", name: "text", id: "search", placeholder: "Search instructions and answers (/)", "aria-label": "Search instructions and answers", autocomplete: "off" }),
    make("label", { class: "check" }, make("input", { type: "checkbox", name: "steps", value: "yes" }), " steps too"),
    CHOICES.map(([name, label]) => make("select", { name, "aria-label": label })),
    make("select", { name: "sort", "aria-label": "Order" }, Object.entries(ORDERS).map(([value, [label]]) => make("option", { value }, label))),
    make("button", { type: "reset", click: () => setTimeout(changed) }, "Clear"),
  );
  const told = make("output", { id: "shown", class: "soft" });
  const rows = make("ol", { class: "rows" });
  const pages = make("nav", { class: "pages", "aria-label": "Pages" });
  controls = { form, told, rows, pages };
  listView.replaceChildren(make("h2", { class: "hidden-title", tabindex: "-1" }, "Episodes"), form, make("p", { class: "list-head" }, told, pages), rows);
  fillChoices();
};

const fillControls = () => {
  for (const field of controls.form.elements) {
    if (field.type === "checkbox") field.checked = Boolean(filter[field.name]);
    else if (field.name) field.value = filter[field.name] ?? "";
  }
};

const rowItem = (row) => make("li", {}, make(
  "a", { class: "row", href: episodeLink(row) },
  outcomeMark(row.outcome),
  make("span", { class: "task" }, row.task),
  make("span", { class: "what" }, shortened(row.instruction, 160)),
  make("span", { class: "who" }, known.runs.length > 1 ? `${row.agent} · ${row.policy} · ${row.run}` : `${row.agent} · ${row.policy}`, row.seed ? ` · ${row.seed}` : ""),
  make("span", { class: "ends" }, row.ended || "–"),
  make("span", { class: "amount" }, counted(row.steps, "step")),
  make("span", { class: "amount" }, counted(row.apiCalls, "call")),
  make("span", { class: "amount" }, row.errors.length ? counted(errorCount(row), "error") : ""),
));

const focusRow = (link) => [...controls.rows.querySelectorAll(".row")].find((row) => row.hash === link)?.focus({ preventScroll: true });

const drawRows = async () => {
  const text = (filter.text ?? "").trim().toLowerCase();
  if (filter.steps && text && inSteps.text !== `${known.version} ${text}`) {
    const wanted = `${known.version} ${text}`;
    controls.told.textContent = "searching steps …";
    const rows = await searchedSteps(text, (share) => { controls.told.textContent = `searching steps, ${Math.round(100 * share)} %`; });
    if ((filter.text ?? "").trim().toLowerCase() !== text) return;
    Object.assign(inSteps, { text: wanted, rows });
  }
  found = known.rows.filter((row) => fits(row, text));
  const order = ORDERS[filter.sort ?? ""]?.[1];
  if (order) found.sort(order);
  const last = Math.max(0, Math.ceil(found.length / PAGE) - 1);
  const page = Math.min(last, Math.max(0, (Number(filter.page) || 1) - 1));
  const shown = found.slice(page * PAGE, (page + 1) * PAGE);
  const focused = document.activeElement?.closest(".row")?.hash;
  controls.rows.replaceChildren(...shown.map(rowItem));
  if (focused) focusRow(focused);
  const passed = found.filter((row) => row.outcome === "passed").length;
  const decided = found.filter((row) => row.outcome === "passed" || row.outcome === "failed").length;
  controls.told.textContent = `${found.length.toLocaleString("en")} of ${known.rows.length.toLocaleString("en")}`
    + (decided ? `, ${(100 * passed / decided).toFixed(1)} % of ${decided.toLocaleString("en")} decided passed` : "");
  const turn = (label, to) => (to >= 0 && to <= last ? make("a", { class: "button", href: listLink({ ...filter, page: to ? to + 1 : "" }) }, label) : null);
  controls.pages.replaceChildren(...present([
    turn("‹ Earlier", page - 1),
    last ? make("span", { class: "soft" }, `${page * PAGE + 1}–${page * PAGE + shown.length}`) : null,
    turn("Later ›", page + 1),
  ]));
};

const showList = async (wanted) => {
  if (!controls) buildControls();
  filter = wanted;
  fillControls();
  await drawRows();
};
