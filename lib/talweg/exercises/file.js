// The file of progress, the same from the page and from Jupyter; what can be loaded, and what two sides make together.

const book = "talweg";
const version = 1;
const ranks = { untried: 0, wrong: 1, right: 2 };

export function written(exercises) {
  return JSON.stringify({ book, version, exercises }, null, 1);
}

// { records } or { problem: key of the words }. A file is taken whole or not at all.
export function readProgress(text) {
  let stored;
  try {
    stored = JSON.parse(text);
  } catch {
    return { problem: "damaged" };
  }
  if (!isTable(stored)) return { problem: "damaged" };
  // The first files had no book's name.
  if ((stored.book ?? book) !== book) return { problem: "another_book" };
  if (stored.version > version) return { problem: "newer" };
  const { exercises } = stored;
  const good = stored.version === version && isTable(exercises) && Object.entries(exercises).every(isRecord);
  return good ? { records: exercises } : { problem: "damaged" };
}

// What is solved on either side stays solved; of two records alike, the one that is here.
export function merged(mine, theirs) {
  const better = (ranks[theirs.state] - ranks[mine.state] || theirs.attempts - mine.attempts) > 0 ? theirs : mine;
  return { ...better, hints: Math.max(mine.hints, theirs.hints) };
}

const isTable = (value) => typeof value === "object" && value !== null && !Array.isArray(value);
const isCount = (value) => Number.isInteger(value) && value >= 0;
const isAnswer = (value) => value == null || typeof value === "string" || (Array.isArray(value) && value.every((one) => typeof one === "string"));

function isRecord([id, record]) {
  return /^[a-z0-9-]{1,80}$/.test(id) && isTable(record) && Object.hasOwn(ranks, record.state) && isCount(record.attempts) &&
    isCount(record.hints) && isAnswer(record.answer);
}
