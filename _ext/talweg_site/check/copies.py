"""Copies of this process (fork): each goes on with all that has been computed, and what it changes is changed there only."""

from __future__ import annotations

import json
import os
import signal
import tempfile
import traceback
from collections.abc import Callable
from typing import Any, NoReturn

LONGEST = 300  # seconds that a copy may live


class Copy:
    """A copy of this process, made here. `child` is 0 in the copy, which goes on from here until it tells its answer."""

    def __init__(self) -> None:
        self._file = tempfile.TemporaryFile("w+", encoding="utf-8")
        self.child = os.fork()
        if not self.child:
            signal.alarm(LONGEST)

    def tell(self, answer: Any) -> NoReturn:
        """In the copy: hand over a JSON value, and end there."""
        json.dump(answer, self._file)
        self._file.flush()
        os._exit(0)

    def hear(self) -> Any:
        """In the original: wait for the answer. ChildProcessError where the copy ended without one."""
        _, status = os.waitpid(self.child, 0)
        with self._file as file:
            file.seek(0)
            said = file.read()
        if status or not said:
            raise ChildProcessError(f"a copy of the process ended without an answer (status {status})")
        return json.loads(said)


def in_a_copy(work: Callable[[], Any]) -> Any:
    """What `work` returns (a JSON value) in a copy of this process; ChildProcessError with its traceback where it raises."""
    copy = Copy()
    if not copy.child:
        try:
            answer = [work(), None]
        except BaseException:
            answer = [None, traceback.format_exc()]
        copy.tell(answer)
    answer, error = copy.hear()
    if error:
        raise ChildProcessError(error)
    return answer
