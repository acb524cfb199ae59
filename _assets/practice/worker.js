// Python beside the page: Pyodide with NumPy, and the book's judge with its cases, all from the site itself.

let run;

onmessage = async ({ data }) => {
  try {
    if (data.vendor) {
      run = await load(data.vendor);
      postMessage({ ready: true });
    } else {
      postMessage({ outcome: run(data.language, data.exercise, data.code) });
    }
  } catch (error) {
    postMessage({ failed: String(error) });
  }
};

async function load(vendor) {
  const { loadPyodide } = await import(`${vendor}pyodide/pyodide.mjs`);
  const [python, archive] = await Promise.all([loadPyodide({ indexURL: `${vendor}pyodide/` }), fetch(`${vendor}practice.zip`)]);
  await python.loadPackage("numpy");
  python.unpackArchive(await archive.arrayBuffer(), "zip", { extractDir: "/home/pyodide/practice" });
  return python.runPython(`
import sys
sys.path.insert(0, "/home/pyodide/practice")
from talweg.exercises.page import run
run
`);
}
