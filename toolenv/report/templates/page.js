// The page: views by address, theme, keys, and a live run's growth.

const VIEWS = Object.fromEntries(["summary", "episodes", "episode", "compare", "runs"].map((name) => [name, document.getElementById(name)]));
// With a script an address opens a view; the browser itself is to find nothing there to scroll to.
for (const [name, view] of Object.entries(VIEWS)) view.id = `view-${name}`;
const tools = document.querySelector(".tools");
const status = document.getElementById("status");

const tell = (text) => { status.textContent = text; };

const show = async () => {
  const route = readRoute(location.hash);
  const row = rowAt(route.parts);
  const other = rowAt(route.parts.slice(5));
  let { view } = route;
  if (!(view in VIEWS)) view = "summary";
  const gone = (view === "episode" && !row) || (view === "compare" && !(row && other));
  for (const [name, section] of Object.entries(VIEWS)) section.hidden = name !== view;
  for (const link of document.querySelectorAll(".top nav a")) {
    const here = link.hash === `#${view}` || (link.hash === "#episodes" && (view === "episode" || view === "compare"));
    if (here) link.setAttribute("aria-current", "page"); else link.removeAttribute("aria-current");
  }
  if (gone) {
    atEpisode = null;
    VIEWS[view].replaceChildren(make("p", { class: "card" }, "There is no such episode in these runs. ", make("a", { href: "#episodes" }, "All episodes")));
    return;
  }
  if (view === "episodes") await showList(route.filter);
  else if (view === "episode") await showEpisode(row, route.parts[5]);
  else if (view === "compare") await showCompare(row, other);
};

let left = { link: "", scrolled: 0, opened: "" }; // the list as it was left

const move = async (from) => {
  const before = new URL(from).hash;
  const [was, is] = [readRoute(before).view, readRoute(location.hash).view];
  if (was === "episodes" && is === "episode") left = { link: before, scrolled: scrollY, opened: location.hash };
  const back = is === "episodes" && was === "episode" && location.hash === left.link;
  if (was !== is) scrollTo(0, 0);
  try {
    await show();
  } catch (error) {
    tell(error.message);
  }
  if (back) {
    scrollTo(0, left.scrolled);
    focusRow(left.opened);
  } else if (was !== is && is === "episode") document.getElementById("episode-title")?.focus({ preventScroll: true });
};

// --- theme ---

const THEMES = ["auto", "dark", "light"];
const themeButton = document.getElementById("theme");

const setTheme = (theme) => {
  document.documentElement.dataset.theme = theme;
  themeButton.textContent = `Theme: ${theme}`;
  try { localStorage.setItem("toolenv-theme", theme); } catch { /* the browser keeps nothing */ }
};

const keptTheme = () => {
  try { return localStorage.getItem("toolenv-theme"); } catch { return null; }
};

const nextTheme = () => setTheme(THEMES[(THEMES.indexOf(document.documentElement.dataset.theme) + 1) % THEMES.length]);

// --- keys ---

const KEYS = [
  ["/", "search episodes"], ["j, k or ↓, ↑", "move in the list"], ["Enter", "open what is marked"], ["Esc", "back to the list"],
  ["[, ]", "previous, next episode"], ["f", "format JSON"], ["t", "theme"], ["g", "go to the decision tree; there: ↑ ↓ parent and child, ← → branches, Enter reads the step, + − 0 zoom"],
  ["?", "this help"],
];

const helpDialog = make("dialog", { "aria-labelledby": "help-title" },
  make("h2", { id: "help-title" }, "Keys"),
  make("dl", { class: "facts" }, KEYS.flatMap(([key, does]) => [make("dt", {}, make("kbd", {}, key)), make("dd", {}, does)])),
  make("form", { method: "dialog" }, make("button", {}, "Close")));

const press = (id) => () => document.getElementById(id)?.click();

const moveInList = (way) => () => {
  const rows = listView.hidden ? [] : [...listView.querySelectorAll(".row")];
  const next = rows[rows.indexOf(document.activeElement) + way] ?? (way > 0 ? rows[0] : null);
  next?.focus();
};

const ACTS = {
  "/": () => { if (readRoute(location.hash).view !== "episodes") location.hash = listLink(filter); setTimeout(() => document.getElementById("search")?.focus()); },
  j: moveInList(1), k: moveInList(-1), ArrowDown: moveInList(1), ArrowUp: moveInList(-1),
  "[": press("before"), "]": press("after"), Escape: press("back"), f: press("format"), t: nextTheme,
  g: () => (episodeView.hidden ? null : episodeView.querySelector("[role=treeitem][tabindex='0']"))?.focus(),
  "?": () => helpDialog.showModal(),
};

const onKey = (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || helpDialog.open) return;
  const typing = event.target.closest?.("input, select, textarea, pre");
  if (typing) {
    if (event.key === "Escape") event.target.blur();
    return;
  }
  const arrow = event.key.startsWith("Arrow");
  if (arrow && !event.target.closest?.(".rows")) return; // arrows scroll elsewhere
  const act = ACTS[event.key];
  if (!act) return;
  event.preventDefault();
  act();
};

// --- a run that grows ---

const EVERY = 2000;

const pageAgain = () => new Promise((resolve, reject) => {
  const request = new XMLHttpRequest();
  request.open("GET", location.pathname);
  request.responseType = "document"; // nothing in it runs
  request.onload = () => resolve(request.response);
  request.onerror = () => reject(new Error("The server does not answer."));
  request.send();
});

const refresh = async () => {
  const data = await asked("index", { known: known.version });
  if (data === null) return;
  known = readIndex(data);
  const page = await pageAgain();
  for (const id of ["summary", "runs"]) {
    const [here, there] = [VIEWS[id], page.getElementById(id)];
    if (there) here.replaceChildren(...[...there.childNodes].map((node) => document.importNode(node, true)));
  }
  tell(data.problem ? `${data.problem} Shown is what was read before.` : counted(known.rows.length, "episode"));
  await showGrown();
};

// Whoever reads an episode is not disturbed because another one has finished.
const showGrown = async () => {
  const { view, parts } = readRoute(location.hash);
  if (controls) fillChoices();
  if (view === "episodes" && controls) await drawRows();
  else if (view === "episode" && atEpisode && atEpisode.state === stateOf(rowAt(parts))) return;
  else if (view === "compare" && compareView.querySelector(".pairs")) return;
  else await show();
};

const follow = async () => {
  try {
    if (!document.hidden) await refresh();
  } catch (error) {
    tell(error.message === "Failed to fetch" ? "The server does not answer." : error.message);
  }
  setTimeout(follow, EVERY);
};

// --- begin ---

const begin = async () => {
  setTheme(THEMES.includes(keptTheme()) ? keptTheme() : "auto");
  themeButton.addEventListener("click", nextTheme);
  document.body.append(helpDialog);
  document.getElementById("help").addEventListener("click", () => helpDialog.showModal());
  tools.hidden = false;
  addEventListener("keydown", onKey);
  addEventListener("hashchange", ({ oldURL }) => move(oldURL));
  if (live) {
    await follow();
  } else {
    known = readIndex(await unpacked(document.getElementById("index").textContent));
    await show();
  }
  if (readRoute(location.hash).parts[5] === undefined) scrollTo(0, 0); // from where the address led before there was a script
  document.documentElement.dataset.ready = "yes";
};

begin().catch((error) => tell(error.message));
