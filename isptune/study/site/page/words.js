// The page's words in its language, as the server put them into the page.

const held = document.getElementById("words");
const words = held ? JSON.parse(held.textContent) : {};
const plurals = new Intl.PluralRules(document.documentElement.lang);

// The text of a key; of one that counts, in the form of the number `n`. `{name}` stands for a value.
export function say(key, values = {}) {
  const found = words[key];
  const text = typeof found === "object" ? (found[plurals.select(values.n)] ?? found.other) : found;
  return text.replace(/\{(\w+)\}/g, (_, name) => values[name]);
}

// A text of the program's own, which the owner left as it was, in the page's language; the owner's own words as they are.
export const own = (text) => words.defaults[text] ?? text;
