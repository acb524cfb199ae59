"""In the kernel of a notebook that is checked: what its cells show in the other editions.

The editions hold the same code, so what a cell computes before it looks up its first word is the same in each. Where a cell
first asks for the language, the kernel is copied (fork) once for each other edition. A copy goes on from there in its own
language to the end of the cell, hands over what the cell shows, and ends; it sends nothing to the notebook. A cell that
never asks shows the same in every edition.

`talweg_site.check.nbcheck` has kernels load this as an IPython extension. The outputs of each cell are written as JSON into
the folder that `FOLDER` names, one file for a cell and an edition, for `talweg_site.check.together` to read. Where that folder
has mistakes to be made in a cell (see `mistakes`), each is made before the cell, in a copy too.
"""

from __future__ import annotations

import json
import os
import sys
from functools import partial
from pathlib import Path
from typing import Any

import ipywidgets
from ipykernel.zmqshell import ZMQInteractiveShell
from IPython.core.interactiveshell import ExecutionResult

from talweg import i18n
from talweg_site.check import mistakes
from talweg_site.check.copies import Copy, in_a_copy
from talweg_site.check.together import EDITIONS, FOLDER, NOTHING_RUN, VIEW, Unfolder, file_of, key_after


class _Asked:
    """Stands in `i18n` for an edition: whoever asks it for a word or a sign is heard."""

    def __init__(self, edition: i18n.Edition, listener: Listener) -> None:
        self._edition, self._listener = edition, listener

    def __getattr__(self, name: str) -> Any:
        return getattr(self._listener.asked(self._edition), name)


class _Stream:
    """Notes what is printed; what is printed in one go is one output."""

    def __init__(self, name: str, listener: Listener) -> None:
        self._name, self._listener, self._kernels = name, listener, getattr(sys, name)

    def write(self, text: str) -> int:
        outputs = self._listener.outputs
        if outputs and outputs[-1].get("name") == self._name:
            outputs[-1]["text"] += text
        elif text:
            outputs.append({"output_type": "stream", "name": self._name, "text": text})
        return len(text) if self._listener.silent else self._kernels.write(text)

    def flush(self) -> None:
        if not self._listener.silent:
            self._kernels.flush()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._kernels, name)


class Listener:
    """Follows the cells of a kernel from its first to its last."""

    def __init__(self, shell: ZMQInteractiveShell, folder: Path, codes: list[str]) -> None:
        self.shell, self.folder, self.codes = shell, folder, codes
        self.outputs: list[dict] = []
        self.copy: Copy | None = None  # in a copy for another edition: itself
        self.silent = False  # in any copy: the notebook hears nothing
        self._listening = False  # whether nothing in this cell has asked yet
        self._key = NOTHING_RUN
        self._unfolder = Unfolder()
        self._told: dict[str, Any] = {}  # edition → what its copy told of this cell
        self._spoken: i18n.Edition | None = None  # in a copy: its edition
        self._editions = dict(i18n.EDITIONS)
        asked: dict[str, Any] = {code: _Asked(edition, self) for code, edition in self._editions.items()}
        i18n.EDITIONS.update(asked)
        for stream in ("stdout", "stderr"):
            setattr(sys, stream, _Stream(stream, self))
        publishers: tuple[Any, ...] = (shell.display_pub, shell.displayhook)  # a kernel's own classes, which take hooks
        for publisher in publishers:
            publisher.register_hook(self._displayed)
        shell.events.register("pre_run_cell", self._begins)
        shell.events.register("post_run_cell", self._ends)

    def asked(self, edition: i18n.Edition) -> i18n.Edition:
        """The edition that answers. At the first question in a cell the others are asked too, each in a copy."""
        if self._listening:
            self._listening = False
            for code in [code for code in self.codes if code != edition.code]:
                copy = Copy()
                if not copy.child:
                    self.copy, self._spoken = copy, self._editions[code]
                    self._be_silent()
                    break
                self._told[code] = copy.hear()
        return self._spoken or edition

    def _be_silent(self) -> None:
        self.silent = True
        self.shell.kernel.session.send = lambda *_, **__: {}

    def _displayed(self, message: dict) -> dict | None:
        kind, content = message["header"]["msg_type"], message["content"]
        if kind in ("display_data", "execute_result"):
            self.outputs.append({"output_type": kind, "data": dict(content["data"])})
        return None if self.silent else message

    def _begins(self, info: Any) -> None:
        self._key = key_after(self._key, info.raw_cell)
        self._make_mistakes()
        self.outputs, self._told, self._listening = [], {}, True

    def _make_mistakes(self) -> None:
        """Those that are planned for the cell that is about to run."""
        plan, survived = mistakes.plan_of(self.folder, self._key), []
        if not plan.exists():
            return
        for claim, sources in json.loads(plan.read_text(encoding="utf-8")):
            try:
                survived.append(in_a_copy(partial(self._fails, claim, sources)))
            except ChildProcessError as error:  # the claim should fail, not the code around it
                survived.append(f"{claim}: {str(error).strip().splitlines()[-1]}")
        found = json.dumps([problem for problem in survived if problem])
        mistakes.survived_of(self.folder, self._key).write_text(found, encoding="utf-8")

    def _fails(self, claim: str, sources: list[str]) -> str:
        self._be_silent()
        formatter: Any = self.shell.display_formatter
        formatter.format = lambda *_, **__: ({}, {})  # nor need anything be drawn
        return mistakes.fails(claim, sources, self.shell.user_ns)

    def _ends(self, result: ExecutionResult) -> None:
        self._listening = False
        error = result.error_before_exec or result.error_in_exec
        shown = {
            "outputs": self._unfolder.unfold(self.outputs, self._states()),
            "error": f"{type(error).__name__}: {error}" if error else "",
        }
        if self.copy:
            self.copy.tell(shown)
        for code in self.codes:
            path = file_of(self.folder, self._key, code)
            path.write_text(json.dumps(self._told.get(code, shown)), encoding="utf-8")

    def _states(self) -> dict[str, dict]:
        """The states of all widgets, where one is shown."""
        if not any(VIEW in output.get("data", {}) for output in self.outputs):
            return {}
        return ipywidgets.Widget.get_manager_state()["state"]


def load_ipython_extension(shell: ZMQInteractiveShell) -> None:
    """IPython calls this when the kernel starts."""
    Listener(shell, Path(os.environ[FOLDER]), os.environ[EDITIONS].split())
