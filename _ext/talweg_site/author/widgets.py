"""The models of widgets in a stored notebook: only those that are used, each script once, names that repeat."""

from __future__ import annotations

import json
import re

import nbformat

MODEL_ID = re.compile(r"(?<![0-9a-f])[0-9a-f]{32}(?![0-9a-f])")
STATE = "application/vnd.jupyter.widget-state+json"
RENDERS = "export default { render };\n"  # the end of a script that a later model may borrow

BORROWED = """\
// Draws with the script of an earlier widget of this notebook, so that the file holds it once.
async function render(context) {
  const first = await context.model.widget_manager.get_model("MODEL");
  const url = URL.createObjectURL(new Blob([first.get("_esm")], { type: "text/javascript" }));
  const { default: script } = await import(url);
  URL.revokeObjectURL(url);
  return script.render(context);
}
export default { render };
"""
BORROWING = re.compile(re.escape(BORROWED).replace("MODEL", "([0-9a-f]{32})"))


def with_scripts(models: dict) -> dict:
    """The same models, each with the script and style that it borrows from an earlier one: what the program made."""
    whole = {}
    for name, entry in models.items():
        state = dict(entry.get("state", {}))
        if borrowed := BORROWING.fullmatch(state.get("_esm", "")):
            holder = models[borrowed[1]]["state"]
            state |= {"_esm": holder["_esm"], "_css": state.get("_css") or holder.get("_css", "")}
        whole[name] = {**entry, "state": state}
    return whole


def tidy(notebook: nbformat.NotebookNode) -> None:
    """Make the stored models small, and the same in every run."""
    models = notebook.metadata.get("widgets", {}).get(STATE, {}).get("state", {})
    _drop_unused(models, notebook.cells)
    if not models:
        notebook.metadata.pop("widgets", None)
        return
    _hold_scripts_once(models)
    _rename(notebook, list(models))


def _drop_unused(models: dict, cells: list) -> None:
    """Remove the output-capturing and style models that nothing shows or refers to."""
    shown = set(MODEL_ID.findall(json.dumps([cell.get("outputs", []) for cell in cells])))
    texts = {model: json.dumps(entry.get("state", {})) for model, entry in models.items()}
    # links and anywidgets act without being shown; a bare layout or style does not
    passive = {m for m, entry in models.items() if re.search(r"(Layout|Style)Model$", entry.get("model_name", ""))}
    used = shown | {ref for m, text in texts.items() for ref in MODEL_ID.findall(text)}
    for model in passive - used:
        del models[model]


def _hold_scripts_once(models: dict) -> None:
    """Let each model whose script an earlier one holds borrow it from there, with the style that comes with it."""
    holders: dict[str, str] = {}
    for model, entry in models.items():
        state = entry.get("state", {})
        source = state.get("_esm", "")
        if not source.endswith(RENDERS) or holders.setdefault(source, model) == model:
            continue
        state["_esm"] = BORROWED.replace("MODEL", holders[source])
        if state.get("_css") == models[holders[source]]["state"].get("_css"):
            state["_css"] = ""  # the page has it as soon as the earlier model is there


def _rename(notebook: nbformat.NotebookNode, models: list[str]) -> None:
    """Number the models in the order in which the program made them, which is that of the stored state."""
    names = {old: f"{number:032x}" for number, old in enumerate(models, start=1)}
    for holder in [notebook.metadata, *(cell for cell in notebook.cells if cell.cell_type == "code")]:
        text = json.dumps(holder)
        renamed = MODEL_ID.sub(lambda match: names.get(match[0], match[0]), text)
        if renamed != text:
            holder.clear()
            holder.update(nbformat.from_dict(json.loads(renamed)))
