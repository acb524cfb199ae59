// A number as people write it: 0,5 · 1/3 · √2/100 · (19/21)^2 · 72 % · 2·10⁻³ · θ = 0.72. Read by descent, without eval:
//
//   sum     = product, then any number of "+" or "-" and a product
//   product = factor, then any number of "·" or "/" and a factor, or straight a root, a bracket, π or a function
//   factor  = perhaps a sign, then a power
//   power   = percent, perhaps "^" and a factor
//   percent = atom, perhaps "%"
//   atom    = number, π, e, "√" power, function "(" sum ")" or "(" sum ")"

const longest = 200;
const constants = { "π": Math.PI, pi: Math.PI, e: Math.E };
const functions = { sqrt: Math.sqrt, exp: Math.exp, ln: Math.log };
const token = /\s*(?:(?<number>(?:\d+(?:[.,]\d*)?|[.,]\d+)(?:e[+-]?\d+)?)|(?<name>\p{L}[\p{L}\p{M}]*)|(?<sign>\S))/uy;

// What keeps a text from having a value: a key of the widget's words, and what to fill in.
class Problem extends Error {
  constructor(...feedback) {
    super(feedback[0]);
    this.feedback = feedback;
  }
}

// { value } or { problem: [key, values] }
export function evaluate(text) {
  try {
    if ([...text].length > longest) throw new Problem("too_long", { n: longest });
    const value = new Reader(plain(text)).whole();
    if (!Number.isFinite(value)) throw new Problem("no_value");
    return { value };
  } catch (problem) {
    if (problem instanceof Problem) return { problem: problem.feedback };
    throw problem;
  }
}

// One way of writing for each sign, without the name that an answer may begin with (θ = …).
function plain(text) {
  return text.replace(/[⁺⁻]?[⁰¹²³⁴-⁹]+/g, (power) => `^(${power.normalize("NFKC")})`)
    .normalize("NFKC").toLowerCase()
    .replace(/[−–—]/g, "-").replace(/[×*⋅∙•]{1,2}/g, (times) => (times === "**" ? "^" : "·")).replace(/[÷:]/g, "/")
    .replace(/。/g, ".").replace(/е/g, "e").replace(/[xх](?=\s*10\s*\^)/g, "·")
    .replace(/^\s*\p{L}[^=≈]{0,20}[=≈]/u, "")
    .replace(/(?<=\d)[\s_](?=\d{3}(?!\d))/g, "");
}

class Reader {
  constructor(text) {
    this.tokens = [];
    token.lastIndex = 0;
    for (let found; (found = token.exec(text)); ) this.tokens.push({ text: found[0].trim(), ...found.groups });
    this.at = 0;
  }

  whole() {
    const value = this.sum();
    if (this.at < this.tokens.length) this.refuse();
    return value;
  }

  sum() {
    let value = this.product();
    for (let sign; (sign = this.take("+", "-")); ) value += sign === "+" ? this.product() : -this.product();
    return value;
  }

  product() {
    let value = this.factor();
    let divided = false;
    for (;;) {
      const sign = this.take("·", "/");
      if (!sign && !this.opens()) return value;
      // 1/2π could mean either of two numbers.
      if (!sign && divided) throw new Problem("brackets");
      const next = this.factor();
      if (sign === "/" && next === 0) throw new Problem("by_zero");
      value = sign === "/" ? value / next : value * next;
      divided ||= sign === "/";
    }
  }

  factor() {
    const sign = this.take("+", "-");
    return sign === "-" ? -this.power() : this.power();
  }

  power() {
    const base = this.percent();
    return this.take("^") ? base ** this.factor() : base;
  }

  percent() {
    const value = this.atom();
    return this.take("%") ? value / 100 : value;
  }

  atom() {
    const { number, name } = this.tokens[this.at] ?? {};
    if (this.take("√")) return Math.sqrt(this.power());
    if (this.take("(")) return this.closed();
    if (number) this.at += 1;
    if (number) return Number(number.replace(",", "."));
    if (Object.hasOwn(constants, name ?? "")) return constants[this.tokens[this.at++].name];
    if (!Object.hasOwn(functions, name ?? "")) this.refuse();
    this.at += 1;
    if (!this.take("(")) this.refuse();
    return functions[name](this.closed());
  }

  closed() {
    const value = this.sum();
    if (!this.take(")")) this.refuse();
    return value;
  }

  take(...signs) {
    const { sign } = this.tokens[this.at] ?? {};
    if (!sign || !signs.includes(sign)) return null;
    this.at += 1;
    return sign;
  }

  // Whether the next sign begins a factor that needs no "·" before it.
  opens() {
    const { sign, name } = this.tokens[this.at] ?? {};
    return sign === "√" || sign === "(" || name === "π" || name === "pi" || Object.hasOwn(functions, name ?? "");
  }

  refuse() {
    const unknown = this.tokens.find(({ name }) => name && !Object.hasOwn(constants, name) && !Object.hasOwn(functions, name));
    throw unknown ? new Problem("unknown", { name: unknown.name }) : new Problem("not_a_number");
  }
}
