// Two episodes of one task side by side, their chosen paths aligned call by call.

const compareView = document.getElementById("compare");
const LONGEST_ALIGNED = 400;

const alike = (one, other) => {
  const [a, b] = [one, other].map((step) => step.calls.map((call) => call.function).join());
  if (a !== b) return 0;
  const [c, d] = [one, other].map((step) => step.calls.map((call) => whole(call.arguments)).join("\n"));
  return c === d ? 3 : 1;
};

// Pairs of numbers, with undefined where one side has no counterpart: the alignment in which most
// is alike. Steps that are not alike are paired where both sides have one between alike ones.
const aligned = (ours, theirs) => {
  const [high, wide] = [ours.length, theirs.length];
  if (Math.max(high, wide) > LONGEST_ALIGNED) {
    return Array.from({ length: Math.max(high, wide) }, (_, place) => [place < high ? place : undefined, place < wide ? place : undefined]);
  }
  const best = Array.from({ length: high + 1 }, () => new Array(wide + 1).fill(0));
  for (let i = high - 1; i >= 0; i -= 1) {
    for (let j = wide - 1; j >= 0; j -= 1) {
      best[i][j] = Math.max(best[i + 1][j], best[i][j + 1], best[i + 1][j + 1] + alike(ours[i], theirs[j]));
    }
  }
  const pairs = [];
  let [i, j] = [0, 0];
  while (i < high && j < wide) {
    const here = alike(ours[i], theirs[j]);
    if (best[i][j] === best[i + 1][j + 1] + here) pairs.push([i++, j++]);
    else if (best[i][j] === best[i + 1][j]) pairs.push([i++, undefined]);
    else pairs.push([undefined, j++]);
  }
  while (i < high) pairs.push([i++, undefined]);
  while (j < wide) pairs.push([undefined, j++]);
  return pairs;
};

const sameTexts = (one, other) => one.calls.map((call) => whole(call.text)).join("\n") === other.calls.map((call) => whole(call.text)).join("\n");

const pairWords = (one, other) => {
  if (!one || !other) return ["apart", "on one side alone"];
  const same = alike(one, other);
  if (same === 3) return sameTexts(one, other) ? ["same", "the same call, the same response"] : ["changed", "the same call, another response"];
  return same ? ["changed", "the same function, other arguments"] : ["apart", "another call"];
};

const sideStep = (row, step, number) => make("div", { class: "side" }, step === undefined
  ? make("p", { class: "soft" }, "–")
  : [make("p", { class: "step-head" }, make("a", { href: episodeLink(row, number) }, `Step ${number}`), step.ended ? fact("ended", whole(step.ended)) : null),
    step.thought ? make("p", { class: "quote" }, whole(step.thought)) : null,
    step.calls.map((call) => callParts(call, `${row.agent}, step ${number}`))]);

const sideHead = (row) => make("div", { class: "side" },
  make("h3", {}, make("a", { href: episodeLink(row) }, nameOf(row))), about(row), errorsOf(row),
  row.answer === null ? make("p", { class: "soft" }, "No answer.") : make("p", { class: "quote" }, row.answer));

const showCompare = async (ours, theirs) => {
  const [one, other] = await Promise.all([episodeOf(ours), episodeOf(theirs)]);
  if (readRoute(location.hash).view !== "compare") return;
  const again = () => {
    const [path, others] = [one, other].map((episode) => episode.chosen.map((number) => episode.steps[number]));
    const pairs = aligned(path, others);
    compareView.replaceChildren(...present([
      make("p", { class: "crumbs" }, make("a", { href: listLink(filter), class: "button", id: "back" }, "‹ Episodes"),
        make("a", { href: compareLink(theirs, ours), class: "button" }, "Swap sides"), formatButton(again)),
      make("section", { class: "card", "aria-labelledby": "compare-title" },
        make("h2", { id: "compare-title", tabindex: "-1" }, `Task ${ours.task}, side by side`),
        make("p", { class: "quote instruction" }, ours.instruction),
        make("div", { class: "sides" }, sideHead(ours), sideHead(theirs))),
      make("ol", { class: "pairs" }, pairs.map(([i, j]) => {
        const [kind, told] = pairWords(path[i], others[j]);
        return make("li", { class: `card pair ${kind}` }, make("p", { class: "told" }, told),
          make("div", { class: "sides" }, sideStep(ours, path[i], one.chosen[i]), sideStep(theirs, others[j], other.chosen[j])));
      })),
      pairs.length ? null : make("p", { class: "soft" }, "Neither has settled on a path."),
    ]));
  };
  again();
};
