// Formulas from TeX to MathML by Temml: a line of JSON in, a line of JSON out, until the input ends.
const [folder] = process.argv.slice(2);
const temml = require(`${folder}/temml/dist/temml.cjs`);

const THIN = '<mspace width="0.1667em"></mspace>';
// What Temml does not do: TeX's thin space between a term and the name of a function (p₁ ln p₁), for terms of more than a sign.
const BEFORE_FUNCTION = /(<\/(?:msub|msup|msubsup|mfrac|mover|mstyle)>|form="postfix"[^>]*>[^<]*<\/mo><\/mrow>)((?:<mrow>)?<mi[^>]*>[^<]{2,}<\/mi><mo>\u2061<\/mo>)/g;
// "0,1" is two numbers; a decimal comma is written "0{,}1". Temml would take both for one number.
const TWO_NUMBERS = /(\d),(?=\d)/g;

function convert({ tex, display }) {
  try {
    const mathml = temml.renderToString(tex.replace(TWO_NUMBERS, "$1,{}"), { displayMode: display, throwOnError: true, strict: false });
    return { mathml: mathml.replace(BEFORE_FUNCTION, `$1${THIN}$2`) };
  } catch (error) {
    return { error: error.message.split("\n")[0] };
  }
}

require("readline").createInterface({ input: process.stdin }).on("line", (line) => {
  process.stdout.write(JSON.stringify(convert(JSON.parse(line))) + "\n");
});
