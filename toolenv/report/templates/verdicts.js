// What judges said: votes, the questions they answered on the way, and what they quoted.

const evidenceOf = (step) => (whole(step.evidence)
  ? make("blockquote", {}, whole(step.evidence), saidMissing(step.evidence),
    step.fact ? null : make("footer", { class: step.quoted ? "soft" : "failed" }, step.quoted ? "stands in what was shown" : "does not stand in what was shown"))
  : null);

const answeredQuestion = (step) => make(
  "li", {},
  make("p", {}, make("b", {}, words(step.node)), " ", make("span", { class: "soft" }, step.asks)),
  make("p", {}, "→ ", make("b", {}, step.answer), step.fact ? make("span", { class: "soft" }, " (a fact of the episode)") : null,
    whole(step.reason) ? `: ${whole(step.reason)}` : null),
  evidenceOf(step),
);

const passVote = (vote, number) => make(
  "details", { class: "vote" },
  make("summary", {}, `Vote ${number + 1}: `, outcomeMark(vote.decision), " ",
    make("span", { class: "soft path" }, vote.path.map((step) => `${words(step.node)}: ${step.answer}`).join(" → "))),
  make("ol", { class: "asked" }, vote.path.map(answeredQuestion)),
  make("p", {}, whole(vote.problem) ? `The vote says nothing: ${whole(vote.problem)}` : make("b", {}, `${vote.decision}: ${vote.leaf}`)),
);

const winVote = (vote, number) => make(
  "details", { class: "vote" },
  make("summary", {}, `Vote ${number + 1}: `, make("b", {}, vote.decision), " ",
    make("span", { class: "soft path" }, `shown ${vote.shown.join(", then ")}; chose ${vote.choice}`)),
  whole(vote.reason) ? make("p", {}, whole(vote.reason)) : null,
  whole(vote.problem) ? make("p", { class: "failed" }, whole(vote.problem)) : null,
  evidenceOf(vote),
);

const verdictCard = (verdict) => make(
  "section", { class: "verdict", "aria-label": `Verdict ${verdict.set}` },
  make("p", {}, make("b", {}, verdict.set), verdict.reference ? ` against ${verdict.reference}` : null, ": ",
    verdict.reference === undefined ? outcomeMark(verdict.decision) : make("b", {}, verdict.decision),
    whole(verdict.reason) ? make("span", { class: "soft" }, ` ${whole(verdict.reason)}`) : null,
    verdict.tree ? make("span", { class: "soft" }, ` · tree ${verdict.tree}`) : null),
  verdict.check ? make("p", {}, `The task's check says: ${verdict.check}. Votes decide nothing.`) : null,
  verdict.rule ? make("p", {}, `Decided without votes, by: ${verdict.rule}.`) : null,
  verdict.warnings.map((warning) => make("p", { class: "failed" }, `Text in the data speaks to the judge: ${whole(warning)}`)),
  verdict.votes.map(verdict.reference === undefined ? passVote : winVote),
);
