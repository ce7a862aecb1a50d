// Elements, made of text alone: nothing that comes from a run is ever read as markup.

// Children may come in lists of lists, and be left out.
const present = (children) => children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false);

const filled = (element, attributes, children) => {
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") element.addEventListener(name, value);
    else if (value !== false && value !== null && value !== undefined) {
      element.setAttribute(name, value === true ? "" : value);
    }
  }
  element.append(...present(children));
  return element;
};

const make = (name, attributes = {}, ...children) =>
  filled(document.createElement(name), attributes, children);

const draw = (name, attributes = {}, ...children) =>
  filled(document.createElementNS("http://www.w3.org/2000/svg", name), attributes, children);

const counted = (number, word) => `${number.toLocaleString("en")} ${word}${number === 1 ? "" : "s"}`;

// A text may come as its beginning and how many more characters it has.
const whole = (text) => (Array.isArray(text) ? text[0] : text ?? "");
const missing = (text) => (Array.isArray(text) ? text[1] : 0);
const saidMissing = (text) => (missing(text)
  ? make("p", { class: "note" }, `… ${missing(text).toLocaleString("en")} more characters are not in this page.`)
  : null);

const shortened = (text, length) => (text.length > length ? `${text.slice(0, length - 1)}…` : text);

const words = (name) => name.replaceAll("_", " ");

const OUTCOMES = ["passed", "failed", "unsure", "infrastructure_error"];

const outcomeWord = (outcome) => (outcome === "infrastructure_error" ? "broken" : words(outcome));

const outcomeMark = (outcome) => make("span", {
  class: `outcome ${OUTCOMES.includes(outcome) ? outcome : "unsure"}`, title: words(outcome),
}, outcomeWord(outcome));
