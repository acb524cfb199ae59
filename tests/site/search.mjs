// What pagefind's own search answers, without a browser: node search.mjs FOLDER < questions > answers, both JSON,
// {language: [question]} → {language: {question: [[address, excerpt], the first three]}}.
import { readFile } from "node:fs/promises";
import { text } from "node:stream/consumers";
import { fileURLToPath, pathToFileURL } from "node:url";
import { find } from "../../_assets/question.js";

const folder = `${pathToFileURL(process.argv[2]).href}/`;
globalThis.fetch = async (address) => new Response(await readFile(fileURLToPath(new URL(String(address).split("?")[0]))));
globalThis.location = new URL(folder);
globalThis.window = { location };

const answers = {};
for (const [language, questions] of Object.entries(JSON.parse(await text(process.stdin)))) {
  globalThis.document = { querySelector: () => ({ getAttribute: () => language }), currentScript: null };
  const { createInstance } = await import(`${folder}pagefind.js?${language}`); // a module of its own: it keeps one language
  const search = createInstance({ basePath: folder, excerptLength: 22, noWorker: true });
  await search.init(language);
  answers[language] = {};
  for (const question of questions) {
    answers[language][question] = (await find(search, question, 3)).map(({ address, excerpt }) => [address, excerpt]);
  }
}
console.log(JSON.stringify(answers));
