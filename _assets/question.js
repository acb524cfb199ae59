// How a question is put to pagefind, and how its excerpts read: in Chinese each sign is a word of the index (passages.py).
const CHINESE = /[\u3400-\u9fff]/g;
const BETWEEN = /(?<=[\u3400-\u9fff，。、；：？！“”（）](?:<\/?mark>)*) +| +(?=(?:<\/?mark>)*[\u3400-\u9fff，。、；：？！“”（）])/g;

const LOOKED_AT = 24; // of the results that pagefind has ranked

// Pagefind's results: for Chinese those in which the signs follow each other, else those that have them all.
async function ask(pagefind, question) {
  const parted = question.replace(CHINESE, " $& ").trim().replace(/\s+/g, " ");
  if (parted === question) return (await pagefind.search(question)).results;
  const { results } = await pagefind.search(`"${parted.replaceAll('"', "")}"`);
  return results.length ? results : (await pagefind.search(parted)).results;
}

// Passages about what is asked come before those that mention it, and exercises last.
function rank({ address, title, also = "" }, question) {
  const about = `${title} · ${also}`.toLowerCase().includes(question.toLowerCase());
  return (about ? 0 : 1) + (address.includes("#exercise-") ? 2 : 0);
}

// The passages that answer a question, the best first: their metadata (passages.py) and an excerpt with <mark>.
export async function find(pagefind, question, limit) {
  const results = await ask(pagefind, question);
  const passages = await Promise.all(results.slice(0, LOOKED_AT).map((result) => result.data()));
  return passages
    .sort((one, other) => rank(one.meta, question) - rank(other.meta, question))
    .slice(0, limit)
    .map(({ meta, excerpt }) => ({ ...meta, excerpt: excerpt.replace(BETWEEN, "").replaceAll("</mark><mark>", "") }));
}
