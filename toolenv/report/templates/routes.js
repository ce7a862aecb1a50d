// What is shown stands in the address, so that a link opens it again.

const keyOf = (row) => [row.run, row.task, row.agent, row.policy, String(row.seed)];
const joined = (parts) => parts.map(encodeURIComponent).join("/");

const episodeLink = (row, step) => `#episode/${joined(step === undefined ? keyOf(row) : [...keyOf(row), String(step)])}`;
const compareLink = (one, other) => `#compare/${joined([...keyOf(one), ...keyOf(other)])}`;

const listLink = (filter) => {
  const set = Object.entries(filter).filter(([, value]) => value !== "" && value !== undefined);
  return set.length ? `#episodes?${new URLSearchParams(set)}` : "#episodes";
};

const decoded = (part) => {
  try { return decodeURIComponent(part); } catch { return part; }
};

const readRoute = (hash) => {
  const [path, query] = hash.replace(/^#/, "").split("?", 2);
  const [view, ...parts] = path.split("/").map(decoded);
  return { view: view || "summary", parts, filter: Object.fromEntries(new URLSearchParams(query ?? "")) };
};

const rowAt = (parts) => known.rows.find((row) => keyOf(row).every((part, place) => part === parts[place]));
