// An episode's decision tree as a drawing: time runs down, each branch has a column of its own.

const DRAWN_AT_ONCE = 400; // steps
const READABLE = 0.6; // a tree that does not fit at this scale is shown in part
const NODE = { width: 152, height: 40, across: 172, down: 62 };

// The column and the depth of each step. Steps come in pre-order, so a first child stands under its
// parent, and any other right of everything that is drawn at its depth or below.
const laidOut = (steps) => {
  const places = [];
  const seen = new Set();
  const used = [];
  steps.forEach((step, number) => {
    const parent = step.parent < 0 ? { column: 0, depth: -1 } : places[step.parent];
    const depth = parent.depth + 1;
    let column = parent.column;
    if (seen.has(step.parent)) {
      for (let below = depth; below < used.length; below += 1) column = Math.max(column, used[below] + 1);
    }
    seen.add(step.parent);
    used[depth] = column;
    places[number] = { column, depth };
  });
  return places;
};

const calledIn = (step) => {
  const [call, ...more] = step.calls.filter((one) => one.function !== undefined);
  if (!call) return "no call";
  return more.length ? `${call.function} +${more.length}` : call.function;
};

const endOf = (step) => whole(step.ended) || step.calls.map((call) => call.status).filter(Boolean).join(", ");

const spokenStep = (step, number) => `Step ${number}, ${calledIn(step)}: ${endOf(step)}; ${known.states[step.state]}`
  + (step.diversity ? "; made when shown its siblings" : "");

const childrenOf = (steps) => {
  const children = steps.map(() => []);
  steps.forEach((step, number) => { if (step.parent >= 0) children[step.parent].push(number); });
  return children;
};

const treeDrawing = (episode, select) => {
  const { steps } = episode;
  const places = laidOut(steps);
  const children = childrenOf(steps);
  const roots = steps.flatMap((step, number) => (step.parent < 0 ? [number] : []));
  const left = (number) => places[number].column * NODE.across;
  const top = (number) => places[number].depth * NODE.down;
  const edges = steps.map((step, number) => {
    if (step.parent < 0) return null;
    const [x, y] = [left(step.parent) + NODE.width / 2, top(step.parent) + NODE.height];
    const turn = y + (NODE.down - NODE.height) / 2;
    const to = left(number) + NODE.width / 2;
    return draw("path", {
      d: `M${x} ${y}V${turn}H${to}V${top(number)}`,
      class: `edge state-${step.state}${step.diversity ? " diversity" : ""}`,
    });
  });
  const nodes = steps.map((step, number) => draw(
    "g",
    {
      role: "treeitem", tabindex: "-1", "aria-level": places[number].depth + 1, "aria-selected": "false",
      "aria-label": spokenStep(step, number), class: `node state-${step.state}`,
      transform: `translate(${left(number)} ${top(number)})`,
      click: () => { if (!moved) select(number, true); }, focus: () => show(number),
    },
    draw("rect", { width: NODE.width, height: NODE.height, rx: 6 }),
    draw("text", { x: 10, y: 17, class: "name" }, shortened(`${number} ${calledIn(step)}`, 18)),
    draw("text", { x: 10, y: 32, class: "end" }, shortened(endOf(step), 25)),
    step.diversity ? draw("path", { d: "M0 -6l6 6-6 6-6-6z", transform: `translate(${NODE.width / 2} 0)`, class: "diamond" }) : null,
    step.calls.some((call) => call.failed) && !whole(step.ended) ? draw("circle", { cx: NODE.width - 10, cy: 12, r: 4, class: "alarm" }) : null,
  ));
  const size = {
    width: Math.max(...places.map((place) => place.column), 0) * NODE.across + NODE.width,
    height: Math.max(...places.map((place) => place.depth), 0) * NODE.down + NODE.height,
  };
  const [lines, boxes] = [draw("g", { "aria-hidden": "true" }), draw("g", { role: "group" })];
  const svg = draw("svg", { role: "tree", "aria-label": "Decision tree", class: "tree" }, lines, boxes);

  svg.style.setProperty("--drawn", `${size.height + 28}px`);

  const view = { x: 0, y: 0, scale: 1 };
  let moved = false;
  let touched = false;
  const box = () => ({ width: svg.clientWidth || 600, height: svg.clientHeight || 400 });
  const drawn = new Set();
  const look = () => {
    const { width, height } = box();
    const [wide, high] = [width / view.scale, height / view.scale];
    svg.setAttribute("viewBox", `${view.x} ${view.y} ${wide} ${high}`);
    svg.classList.toggle("far", view.scale < 0.2);
    // Of a very large tree only what is seen is in the page: browsers are slow to draw thousands.
    const all = steps.length <= DRAWN_AT_ONCE;
    steps.forEach((step, number) => {
      const from = step.parent < 0 ? number : step.parent;
      const seen = all || (left(number) + NODE.width > view.x && left(from) < view.x + wide
        && top(number) + NODE.height > view.y && top(from) < view.y + high);
      if (seen === drawn.has(number)) return;
      if (seen) {
        drawn.add(number);
        boxes.append(nodes[number]);
        if (edges[number]) lines.append(edges[number]);
      } else if (nodes[number] !== document.activeElement) {
        drawn.delete(number);
        nodes[number].remove();
        edges[number]?.remove();
      }
    });
  };
  const fit = (smallest = 0.05) => {
    const { width, height } = box();
    view.scale = Math.min(1, Math.max(smallest, Math.min(width / (size.width + 24), height / (size.height + 24))));
    view.x = Math.min(-12, -(width / view.scale - size.width) / 2);
    view.y = -12;
    look();
  };
  const zoom = (factor) => {
    const { width, height } = box();
    const before = view.scale;
    view.scale = Math.min(3, Math.max(0.05, view.scale * factor));
    view.x += (width / before - width / view.scale) / 2;
    view.y += (height / before - height / view.scale) / 2;
    touched = true;
    look();
  };
  // Bring a node into view, without moving more than needed.
  const show = (number) => {
    const { width, height } = box();
    const [wide, high] = [width / view.scale, height / view.scale];
    const [x, y] = [left(number), top(number)];
    view.x = Math.min(x - 12, Math.max(view.x, x + NODE.width + 12 - wide));
    view.y = Math.min(y - 12, Math.max(view.y, y + NODE.height + 12 - high));
    look();
  };
  let current = 0;
  const mark = (number) => {
    for (const [place, is] of [[current, false], [number, true]]) {
      nodes[place].setAttribute("aria-selected", String(is));
      nodes[place].setAttribute("tabindex", is ? "0" : "-1");
    }
    current = number;
  };
  const go = (number) => {
    if (number === undefined || number < 0) return;
    show(number);
    mark(number);
    nodes[number].focus({ preventScroll: true });
    select(number, false);
  };
  const beside = (way) => {
    const level = steps.flatMap((_, number) => (places[number].depth === places[current].depth ? [number] : []));
    return level[level.indexOf(current) + way];
  };
  const keys = {
    ArrowDown: () => go(children[current][0]),
    ArrowUp: () => go(steps[current].parent),
    ArrowRight: () => go(beside(1)),
    ArrowLeft: () => go(beside(-1)),
    Home: () => go(roots[0]),
    End: () => go(episode.chosen.at(-1) ?? steps.length - 1),
    Enter: () => select(current, true),
    " ": () => select(current, true),
    "+": () => zoom(1.25),
    "-": () => zoom(0.8),
    0: () => fit(),
  };
  svg.addEventListener("keydown", (event) => {
    const act = !event.ctrlKey && !event.metaKey && !event.altKey && keys[event.key];
    if (!act) return;
    event.preventDefault();
    event.stopPropagation();
    act();
  });
  let held = null;
  svg.addEventListener("pointerdown", (event) => { held = { x: event.clientX, y: event.clientY }; moved = false; });
  svg.addEventListener("pointermove", (event) => {
    if (!held || !event.buttons) return;
    const [x, y] = [event.clientX - held.x, event.clientY - held.y];
    if (!moved && Math.hypot(x, y) < 4) return;
    moved = touched = true;
    svg.setPointerCapture(event.pointerId);
    view.x -= x / view.scale;
    view.y -= y / view.scale;
    held = { x: event.clientX, y: event.clientY };
    look();
  });
  svg.addEventListener("pointerup", () => { held = null; });
  svg.addEventListener("wheel", (event) => {
    if (!event.ctrlKey && !event.metaKey) return;
    event.preventDefault();
    zoom(event.deltaY < 0 ? 1.15 : 0.87);
  }, { passive: false });
  new ResizeObserver(() => { if (touched) look(); else { fit(READABLE); show(current); } }).observe(svg);
  if (nodes.length) mark(0);
  const button = (text, title, act) => make("button", { type: "button", title, "aria-label": title, click: act }, text);
  const tools = make(
    "p", { class: "tree-tools" },
    button("−", "Zoom out", () => zoom(0.8)), button("+", "Zoom in", () => zoom(1.25)),
    button("Fit", "Fit the tree", () => { touched = true; fit(); }),
  );
  return { svg, tools, mark: (number) => { mark(number); show(number); } };
};

const treeLegend = (episode) => make("ul", { class: "legend" }, [...new Set(episode.steps.map((step) => step.state))].map(
  (state) => make("li", { class: `state-${state}` }, known.states[state]),
), episode.steps.some((step) => step.diversity) ? make("li", { class: "diversity" }, "made when shown what its siblings had tried") : null);

// The same as nested lists: a chain is one list, its branches are lists in it.
const treeList = (row, episode) => {
  const children = childrenOf(episode.steps);
  const list = make("ul", {});
  const waiting = episode.steps.flatMap((step, number) => (step.parent < 0 ? [[number, list]] : [])).reverse();
  while (waiting.length) {
    const [number, under] = waiting.pop();
    const item = make("li", {}, make("a", { href: episodeLink(row, number) }, spokenStep(episode.steps[number], number)));
    under.append(item);
    const next = children[number];
    let inner = under;
    if (next.length > 1) {
      inner = make("ul", {});
      item.append(inner);
    }
    for (const child of [...next].reverse()) {
      if (next.length === 1) waiting.push([child, inner]);
      else {
        const branch = make("ul", {});
        waiting.push([child, branch]);
        inner.prepend(make("li", {}, `Branch ${next.indexOf(child) + 1} of ${next.length}`, branch));
      }
    }
  }
  return make("details", { class: "tree-list" }, make("summary", {}, "The tree as a list"), list);
};
