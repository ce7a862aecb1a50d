// The list of episodes, and the episodes, which are unpacked once they are asked for.

const live = document.documentElement.dataset.live === "yes";

const COLUMNS = ["runs", "agents", "policies", "splits", "ended", "texts"];

// What the page knows; replaced as a whole when a live run has grown.
let known = { version: "", runs: [], kinds: [], states: {}, rows: [] };

const readIndex = (data) => {
  const [runs, agents, policies, splits, ended, texts] = COLUMNS.map((name) => data[name]);
  const rows = data.rows.map((row, number) => {
    const [run, task, text, agent, policy, seed, split, outcome, end, reward, answer, steps, cost, errors, verdicts, chunk, place] = row;
    return {
      number, task, seed, outcome, reward, answer, verdicts, chunk, place,
      run: runs[run], agent: agents[agent], policy: policies[policy], split: splits[split],
      instruction: texts[text], ended: ended[end], steps: steps[0], chosen: steps[1],
      policyCalls: cost[0], apiCalls: cost[1], tokens: cost[2] + cost[3], money: cost[4],
      errors: Object.entries(errors).map(([kind, times]) => [data.kinds[kind][0], times]),
    };
  });
  return { version: data.version ?? "", runs, agents, policies, splits, ended, kinds: data.kinds, states: data.states, rows };
};

const unpacked = async (base64) => {
  const bytes = Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
  return JSON.parse(await new Response(stream).text());
};

const parsedWholly = () => (document.readyState === "loading"
  ? new Promise((resolve) => document.addEventListener("DOMContentLoaded", resolve, { once: true }))
  : Promise.resolve());

const opened = new Map();
const OPEN_AT_ONCE = 8;

const chunkOf = (number) => {
  if (!opened.has(number)) {
    opened.set(number, (async () => {
      const at = () => document.getElementById(`chunk-${number}`);
      if (!at()?.nextSibling) await parsedWholly(); // the page is still arriving
      return unpacked(at().textContent);
    })());
    if (opened.size > OPEN_AT_ONCE) opened.delete(opened.keys().next().value);
  }
  return opened.get(number);
};

const asked = async (path, fields = {}) => {
  const reply = await fetch(`${path}?${new URLSearchParams(fields)}`, { credentials: "omit" });
  if (reply.status === 204) return null;
  const said = await reply.json();
  if (!reply.ok) throw new Error(said.error);
  return said;
};

const episodeOf = async (row) => {
  if (live) return asked("episode", { run: row.run, task: row.task, agent: row.agent, policy: row.policy, seed: row.seed });
  return (await chunkOf(row.chunk))[row.place];
};

// The numbers of the rows in whose steps a text stands.
const searchedSteps = async (text, tell) => {
  const found = new Set();
  if (live) {
    const numbers = new Map(known.rows.map((row) => [JSON.stringify(keyOf(row)), row.number]));
    for (const key of (await asked("search", { text })).found) found.add(numbers.get(JSON.stringify(key.map(String))));
    return found;
  }
  const chunks = Map.groupBy(known.rows, (row) => row.chunk);
  let done = 0;
  for (const [number, rows] of chunks) {
    const episodes = await chunkOf(number);
    for (const row of rows) if (holds(episodes[row.place].steps, text)) found.add(row.number);
    done += 1;
    tell(done / chunks.size);
  }
  return found;
};

const holds = (value, text) => {
  if (typeof value === "string") return value.toLowerCase().includes(text);
  return value !== null && typeof value === "object" && Object.values(value).some((one) => holds(one, text));
};
