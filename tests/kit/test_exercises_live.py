"""Exercises in a live kernel: hidden cases, and the messages with which the widget's page talks to Python."""

import json
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

from talweg.exercises import loader

pytestmark = pytest.mark.slow

SOLUTION = """
def step_with_momentum(theta, velocity, gradient, lr, momentum):
    velocity = momentum * velocity {sign} gradient
    return theta - lr * velocity, velocity
"""


def client(*sources: str) -> NotebookClient:
    """A notebook of these cells in German, not yet run."""
    cells = ["import talweg\ntalweg.use('de')", *sources]
    return NotebookClient(nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells]))


def printed(notebook: NotebookClient, i: int) -> Any:
    """What the cell with index `i` printed, as JSON."""
    [output] = [out for out in notebook.nb.cells[i].outputs if out.output_type == "stream"]
    return json.loads(output.text)


def tell(notebook: NotebookClient, model: str, data: dict) -> None:
    """Send a message of the page to the widget, as Jupyter's widget manager does."""
    message = notebook.kc.session.msg("comm_msg", {"comm_id": model, "data": data, "target_name": "jupyter.widget"})
    notebook.kc.shell_channel.send(message)


@pytest.fixture(autouse=True)
def reader(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A reader with an empty folder of their own; the file in which progress is kept."""
    monkeypatch.delenv("TALWEG_BATCH", raising=False)
    for name in ("XDG_DATA_HOME", "LOCALAPPDATA", "HOME"):
        monkeypatch.setenv(name, str(tmp_path))
    return tmp_path / "talweg" / "progress.json"


def test_hidden_cases_run_in_the_kernel_and_the_outcome_reaches_the_page(reader: Path) -> None:
    call = "talweg.exercise('gd-code', step_with_momentum)"
    notebook = client(SOLUTION.format(sign="-"), call, SOLUTION.format(sign="+"), call)
    notebook.execute()
    shown = [state for state in notebook.widget_state.values() if "exercise_id" in state]
    assert [state["outcome"]["state"] for state in shown] == ["wrong", "right"]
    assert loader.texts("de")["gd-code"].feedback["right"] in shown[1]["outcome"]["text"]
    assert json.loads(reader.read_text(encoding="utf-8"))["exercises"]["gd-code"]["attempts"] == 2


def test_answers_given_on_the_page_reach_the_kernel_and_are_remembered(reader: Path) -> None:
    record = {"state": "right", "attempts": 3, "hints": 1, "answer": "32,805"}
    notebook = client(
        "import json\nasked = talweg.exercise('gd-by-hand')\nlisted = talweg.exercises.progress()",
        "print(json.dumps(asked.record))",
        "print(json.dumps(listed.records))",
        "print(json.dumps(talweg.exercise('gd-by-hand').record))",
    )
    notebook.reset_execution_trackers()
    with notebook.setup_kernel():
        run = [lambda i=i, cell=cell: notebook.execute_cell(cell, i) for i, cell in enumerate(notebook.nb.cells)]
        run[0](), run[1]()
        models = {key: state for key, state in notebook.widget_state.items() if "_esm" in state}
        asked = next(key for key, state in models.items() if state.get("exercise_id") == "gd-by-hand")
        listed = next(key for key, state in models.items() if "items" in state)
        tell(notebook, asked, {"method": "update", "state": {"record": record}, "buffer_paths": []})
        run[2]()
        assert printed(notebook, 2) == record
        assert json.loads(reader.read_text(encoding="utf-8"))["exercises"] == {"gd-by-hand": record}
        tell(notebook, listed, {"method": "custom", "content": {"type": "reset"}})
        run[3](), run[4]()
        assert printed(notebook, 3) == {} and printed(notebook, 4) == {}
    assert json.loads(reader.read_text(encoding="utf-8"))["exercises"] == {}
