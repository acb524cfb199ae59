// What pagefind's own search answers, without a browser: node search.mjs FOLDER < questions > answers, both JSON,
// {language: [question]} → {language: {question: [[address, excerpt], the first three]}}.
import { readFile } from "node:fs/promises";
import { text } from "node:stream/consumers";
import { fileURLToPath, pathToFileURL } from "node:url";

const folder = `${pathToFileURL(process.argv[2]).href}/`;
globalThis.fetch = async (address) => new Response(await readFile(fileURLToPath(new URL(String(address).split("?")[0]))));
globalThis.location = new URL(folder);
globalThis.window = { location };

const answers = {};
for (const [language, questions] of Object.entries(JSON.parse(await text(process.stdin)))) {
  globalThis.document = { querySelector: () => ({ getAttribute: () => language }), currentScript: null };
  const { createInstance } = await import(`${folder}pagefind.js`);
  const search = createInstance({ basePath: folder, excerptLength: 22, noWorker: true });
  await search.init(language);
  answers[language] = {};
  for (const question of questions) {
    const { results } = await search.search(question);
    const data = await Promise.all(results.slice(0, 3).map((result) => result.data()));
    answers[language][question] = data.map(({ meta, excerpt }) => [meta.address, excerpt]);
  }
}
console.log(JSON.stringify(answers));
