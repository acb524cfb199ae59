// The set-up of a figure in the page's address: #fig-ravine?step=0.9&start=-10,4. Only what differs from the default is
// said; numbers are written with a point in every language.

export function encode(figure, parameters, defaults, values) {
  const said = Object.keys(parameters).filter((name) => JSON.stringify(values[name]) !== JSON.stringify(defaults[name]));
  const text = said.map((name) => `${encodeURIComponent(name)}=${encodeURIComponent(values[name]).replaceAll("%2C", ",")}`);
  return `#${figure}${said.length ? "?" : ""}${text.join("&")}`;
}

// null: the address speaks of something else. Else {values}, or {refused: the first "name=value" that cannot be}.
export function decode(hash, figure, parameters) {
  const [label, query] = hash.replace(/^#/, "").split(/\?(.*)/s);
  if (label !== figure || !query) return null;
  const values = {};
  for (const part of query.split("&")) {
    const [name, text] = part.split(/=(.*)/s).map(plain);
    const value = Object.hasOwn(parameters, name) ? read(text ?? "", parameters[name]) : undefined;
    if (value === undefined) return { refused: plain(part) };
    values[name] = value;
  }
  return { values };
}

function plain(text) {
  try { return decodeURIComponent(text); } catch { return text; }
}

// The value that the text means, undefined if the parameter does not allow it.
function read(text, allows) {
  const number = (part) => (/^[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?$/i.test(part) ? Number(part) : NaN);
  const within = (v) => v >= allows.low && v <= allows.high && (!allows.whole || Number.isInteger(v));
  switch (allows.kind) {
    case "number": return within(number(text)) ? number(text) : text === "null" && allows.none ? null : undefined;
    case "numbers": {
      const list = text.split(",").map(number);
      return list.every(within) && list.length >= allows.least && list.length <= allows.most ? list : undefined;
    }
    case "switch": return { true: true, false: false }[text];
    case "choice": return allows.allowed.includes(text) ? text : undefined;
    default: return undefined;
  }
}
