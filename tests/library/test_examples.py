"""The examples in docstrings: each prints what it says, imports what it uses, and every public name has one."""

import doctest
import importlib
import inspect
from pathlib import Path

import pytest
import torch

LIBRARY = Path(importlib.import_module("talweg").__file__).parent
FLAGS = doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS

# Public names whose docstring needs no example, and why.
EXEMPT = {
    "talweg.experiments.run": "it trains for minutes; tests/kit runs it with tiny=True",
    "talweg.training.Training": "users meet it as the argument of a listener: see the example of Listener",
}

# Rooms whose names are the book's, gathered from the chapters: figures are shown in them.
OF_THE_BOOK = ("book", "figures")


def address(path):
    parts = ("talweg", *path.relative_to(LIBRARY).with_suffix("").parts)
    return ".".join(parts).removesuffix(".__init__")


def modules_with_examples():
    return [address(p) for p in sorted(LIBRARY.rglob("*.py")) if ">>> " in p.read_text(encoding="utf-8")]


def rooms():
    """What stands directly in the package: where users import from."""
    inside = [p.parent.name if p.name == "__init__.py" else p.stem for p in LIBRARY.glob("*.py")]
    inside += [p.parent.name for p in LIBRARY.glob("*/__init__.py")]
    return [f"talweg.{name}" for name in sorted(inside) if name not in ("talweg", *OF_THE_BOOK)]


def has_example(thing):
    """An example in the docstring itself; for a class, or in one of its own methods."""
    inside = vars(thing).values() if isinstance(thing, type) else ()
    methods = [one for one in inside if inspect.isroutine(one) or isinstance(one, property | classmethod)]
    return any(">>> " in (one.__doc__ or "") for one in (thing, *methods))


def public_names(room):
    """Address → function or class, of what a room says is public."""
    module = importlib.import_module(room)
    found = {f"{room}.{name}": getattr(module, name) for name in getattr(module, "__all__", ())}
    return {name: thing for name, thing in found.items() if callable(thing)}


@pytest.fixture
def undisturbed(tmp_path, monkeypatch):
    """Examples may write files here, draw at random and change the language, and nobody else notices."""
    from talweg import i18n

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(i18n, "_current", None)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        yield


@pytest.mark.parametrize("name", modules_with_examples())
def test_examples_print_what_they_say(name, undisturbed):
    module = importlib.import_module(name)
    runner, said = doctest.DocTestRunner(optionflags=FLAGS, verbose=False), []
    # Without the module's own names: what a reader copies must run as it stands.
    for example in doctest.DocTestFinder().find(module, name, globs={"__name__": "__main__"}):
        runner.run(example, out=said.append)
    assert runner.failures == 0, "".join(said)


@pytest.mark.parametrize("room", rooms())
def test_every_public_name_has_an_example(room):
    without = [name for name, thing in public_names(room).items() if not has_example(thing)]
    assert [name for name in without if name not in EXEMPT] == []


def test_exemptions_are_public_names_without_an_example():
    there = {name: thing for room in rooms() for name, thing in public_names(room).items()}
    assert [name for name in EXEMPT if name not in there or has_example(there[name])] == []


def test_a_wrong_result_is_found():
    wrong = doctest.DocTestParser().get_doctest(">>> 1 + 1\n3\n", {}, "wrong", None, 0)
    runner = doctest.DocTestRunner(optionflags=FLAGS, verbose=False)
    runner.run(wrong, out=lambda text: None)
    assert runner.failures == 1
