// Formulas from TeX to MathML by Temml: a line of JSON in, a line of JSON out, until the input ends.
const [folder] = process.argv.slice(2);
const temml = require(`${folder}/temml/dist/temml.cjs`);

function convert({ tex, display }) {
  try {
    return { mathml: temml.renderToString(tex, { displayMode: display, throwOnError: true, strict: false }) };
  } catch (error) {
    return { error: error.message };
  }
}

require("readline").createInterface({ input: process.stdin }).on("line", (line) => {
  process.stdout.write(JSON.stringify(convert(JSON.parse(line))) + "\n");
});
