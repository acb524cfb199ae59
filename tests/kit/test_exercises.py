"""Exercises: the data of every edition, answers against the library, hidden cases, remembered progress."""

import importlib
import json
import re
from pathlib import Path

import pytest
import torch

import talweg
from talweg.chapters import BOOK, folder
from talweg.exercises import Exercise, ExerciseDataError, exercise, judge, loader, progress, schema, storage
from talweg.exercises.kinds import Choice, Code, Number, Ordering
from talweg.i18n import EDITIONS

ENTRIES = loader.load()


@pytest.fixture(autouse=True)
def live_spanish_reader(monkeypatch, tmp_path):
    monkeypatch.delenv("TALWEG_BATCH", raising=False)
    monkeypatch.setattr(storage, "path", lambda: tmp_path / "talweg" / "progress.json")
    talweg.use("es")


# Data


@pytest.mark.parametrize("code", EDITIONS)
def test_every_edition_says_everything(code):
    found = loader.texts(code)
    assert list(found) == list(ENTRIES)
    assert all(len(text.hints) >= 2 for text in found.values())


def test_at_most_a_third_of_a_chapter_is_multiple_choice():
    chapters = {entry.chapter for entry in ENTRIES.values()}
    for chapter in chapters:
        kinds = [entry.kind for entry in ENTRIES.values() if entry.chapter == chapter]
        assert kinds.count("choice") <= len(kinds) / 3, chapter


def disagreement(entry, oracle):
    """Where the data file and the oracle differ: file, id, key, and both values; "" where they agree."""
    places = [("answer", entry.answer, oracle())] if not isinstance(entry, Code) else []
    for i, case in enumerate(entry.cases if isinstance(entry, Code) else []):
        found = oracle(*judge.tensors(case["args"]))
        found = found if isinstance(found, tuple | list) else (found,)
        values = [value.tolist() if isinstance(value, torch.Tensor) else value for value in found]
        places.append((f"cases[{i}].expected", case["expected"], values))
    file = f"{folder(entry.chapter).name}/exercises.toml"
    return "\n".join(
        f"{file}: {entry.id}.{key}: {stated}; {entry.oracle} says {computed}"
        for key, stated, computed in places
        if not same(stated, computed)
    )


def same(stated, computed):
    """Equal, numbers up to 1e-12, lists entry by entry."""
    if isinstance(stated, list):
        return isinstance(computed, list) and len(stated) == len(computed) and all(map(same, stated, computed))
    return stated == computed if isinstance(stated, str) else computed == pytest.approx(stated, rel=1e-12, abs=1e-12)


def _oracle(entry):
    module, name = entry.oracle.split(":")
    return getattr(importlib.import_module(module), name)


WITH_ORACLES = [entry for entry in ENTRIES.values() if not isinstance(entry, Choice)]


@pytest.mark.parametrize("entry", WITH_ORACLES, ids=lambda entry: entry.id)
def test_answers_and_hidden_cases_are_those_of_the_library(entry):
    assert disagreement(entry, _oracle(entry)) == ""


@pytest.mark.parametrize(
    ("name", "wrong_oracle", "message"),
    [
        ("gd-by-hand", lambda: 32.8, r"gradient_descent/exercises.toml: gd-by-hand.answer: 32.805; .*:gd_by_hand says 32.8"),
        ("gd-order", lambda: ["a"], r"exercises.toml: gd-order.answer: \['lr01-b64', .*says \['a'\]"),
        ("gd-code", lambda t, v, g, lr, m: (t - lr * (m * v + g), v), r"gd-code.cases\[0\].expected: .*says \[\[0.95, "),
    ],
)  # fmt: skip
def test_an_oracle_that_disagrees_is_told_with_file_id_and_both_values(name, wrong_oracle, message):
    assert re.search(message, disagreement(ENTRIES[name], wrong_oracle))


def test_momentum_cases_are_torchs():
    for case in ENTRIES["gd-code"].cases:
        theta, velocity, gradient, lr, momentum = judge.tensors(case["args"])
        parameter = torch.nn.Parameter(theta)
        optimizer = torch.optim.SGD([parameter], lr=lr, momentum=momentum)
        if momentum:
            optimizer.state[parameter]["momentum_buffer"] = velocity
        parameter.grad = gradient
        optimizer.step()
        torch.testing.assert_close(parameter.detach(), judge.tensors(case["expected"])[0])


def test_variance_by_drawing():
    """The formula behind the answer, on a population small enough to draw every batch."""
    import itertools

    g = torch.tensor([3.0, -1.0, 4.0, 0.0, -6.0], dtype=torch.float64)
    means = torch.stack([g[list(batch)].mean() for batch in itertools.combinations(range(5), 2)])
    assert means.var(correction=0).item() == pytest.approx(g.var(correction=0).item() / 2 * (5 - 2) / (5 - 1))


def test_readers_do_not_see_the_right_option_first_or_the_items_in_order():
    for entry in ENTRIES.values():
        if isinstance(entry, Choice | Ordering):
            shown = entry.shuffled()
            assert shown[0] != entry.answer and shown != entry.answer
            assert shown == entry.shuffled()


def test_hints_do_not_state_a_numeric_answer():
    for code in EDITIONS:
        for name, text in loader.texts(code).items():
            if isinstance(ENTRIES[name], Number):
                written = f"{ENTRIES[name].answer:.4g}"
                alone = re.compile(rf"(?<![\d.]){re.escape(written)}(?!\.?\d)")
                assert not any(alone.search(hint.replace(",", ".")) for hint in text.hints), (code, name)


def test_both_whitelists_of_mathml_agree():
    source = (Path(schema.__file__).parent / "rich.js").read_text(encoding="utf-8")
    tags = re.search(r"new Set\(\((.*?)\)\.split", source, re.S)[1]
    assert set(" ".join(re.findall(r'"([^"]*)"', tags)).split()) == schema.MATHML


GOOD = 'kind = "number"\nanswer = 2.0\nrelative = 1e-3\noracle = "m:f"\nwrong = [{ value = 1.0, relative = 1e-3, feedback = "half" }]\n'
SAYS = 'title = "T"\nprompt = "P"\nhints = ["a", "b"]\n[x.feedback]\nhalf = "H"\n'


def chapter_folder(book: Path) -> Path:
    """A book with the one chapter `c`."""
    book.mkdir()
    (book / "chapters.toml").write_text('chapters = ["c"]\n', encoding="utf-8")
    (book / "c").mkdir()
    return book / "c"


@pytest.mark.parametrize(
    ("neutral", "edition", "message"),
    [
        (
            GOOD.replace('"number"', '"essay"'),
            SAYS,
            r"exercises\.toml: x\.kind: must be one of number, choice, .* got 'essay'",
        ),
        (GOOD.replace("answer = 2.0\n", ""), SAYS, r"exercises\.toml: x: lacks answer"),
        (GOOD.replace("2.0", "nan"), SAYS, r"exercises\.toml: x\.value: must be a finite number"),
        (GOOD.replace("relative = 1e-3\n", ""), SAYS, r"exercises\.toml: x: needs a tolerance"),
        (
            GOOD.replace("value = 1.0", "value = 2.001"),
            SAYS,
            r"exercises\.toml: x\.wrong\[0\]\.value: 2\.001 counts as right",
        ),
        (GOOD.replace("m:f", "f"), SAYS, r"exercises\.toml: x\.oracle: must read 'module:function'"),
        (GOOD + "colour = 3\n", SAYS, r"exercises\.toml: x: has the unknown colour"),
        (GOOD + "= 3", SAYS, r"exercises\.toml: is not valid TOML"),
        (GOOD, SAYS.replace('"a", "b"', '"a"'), r"exercises\.es\.toml: x\.hints: must be a list of at least 2 hints"),
        (GOOD, SAYS.replace("half", "double"), r"exercises\.es\.toml: x\.feedback: lacks half; has the unknown double"),
        (GOOD, SAYS.replace('"P"', '" "'), r"exercises\.es\.toml: x\.prompt: must be a text"),
        (GOOD, SAYS.replace('"P"', '"<b>P</b>"'), r"exercises\.es\.toml: x\.prompt: must be plain text"),
        (
            GOOD,
            SAYS.replace('"P"', '"<math><mi>x</math>"'),
            r"exercises\.es\.toml: x\.prompt: MathML that cannot be parsed",
        ),
        (GOOD, SAYS.replace('"P"', '"<math><script>x</script></math>"'), r"x\.prompt: MathML elements .* script"),
        (GOOD, None, r"exercises\.es\.toml: is missing"),
    ],
)
def test_malformed_data_names_file_and_key(tmp_path, neutral, edition, message):
    here = chapter_folder(tmp_path / "book")
    (here / "exercises.toml").write_text("[x]\n" + neutral, encoding="utf-8")
    if edition is not None:
        (here / "exercises.es.toml").write_text("[x]\n" + edition, encoding="utf-8")
    with pytest.raises(ExerciseDataError, match=message):
        loader.texts("es", tmp_path / "book")


def test_good_data_of_the_same_form_is_accepted(tmp_path):
    here = chapter_folder(tmp_path / "book")
    (here / "exercises.toml").write_text("[x]\n" + GOOD, encoding="utf-8")
    (here / "exercises.es.toml").write_text("[x]\n" + SAYS, encoding="utf-8")
    assert loader.texts("es", tmp_path / "book")["x"].feedback == {"half": "H"}


# Widgets


def test_widgets_are_small_parse_and_have_a_stable_repr():
    found = exercise("gd-by-hand")
    assert len(found._esm.encode()) <= 16_000
    assert repr(found) == "Exercise('gd-by-hand')"
    assert repr(progress()) == "Progress()"
    assert found._repr_mimebundle_()[0]["text/plain"] == "Exercise('gd-by-hand')"


def test_words_follow_the_language():
    names = {code: (talweg.use(code), exercise("gd-by-hand"))[1] for code in EDITIONS}
    assert len({found.spec["title"] for found in names.values()}) == len(EDITIONS)
    assert len({found.words["check"] for found in names.values()}) == len(EDITIONS)
    assert names["zh"].language == "zh-CN"


def test_what_exercise_makes_does_not_depend_on_what_was_made_before(monkeypatch):
    """Not on an earlier exercise, nor on making the notebooks for the page."""
    monkeypatch.setenv("TALWEG_BATCH", "1")
    first, second = exercise("gd-by-hand"), exercise("gd-by-hand")
    assert isinstance(first, Exercise) and isinstance(second, Exercise)
    assert first._anywidget_id == second._anywidget_id == "talweg.exercises.widgets.Exercise"
    assert first._esm == second._esm and first._css == second._css


def test_unknown_exercise_suggests_the_nearest():
    with pytest.raises(ValueError, match="exercise must be one of .*; got 'gd-by-hnd'. Did you mean 'gd-by-hand'"):
        exercise("gd-by-hnd")


def test_wrong_use_is_explained():
    with pytest.raises(ValueError, match="solution is for exercises of kind 'code'; 'gd-by-hand' is of kind 'number'"):
        exercise("gd-by-hand", print)
    with pytest.raises(TypeError, match="solution must be a function, got float"):
        exercise("gd-code", 3.0)
    with pytest.raises(ValueError, match="no exercises in chapter 'x'"):
        progress("x")


def test_hidden_cases_stay_in_python():
    assert "cases" not in json.dumps(exercise("gd-code").get_state()["spec"])


def test_code_skeleton_is_not_tried():
    for skeleton in (lambda *args: None, lambda *args: ...):
        found = exercise("gd-code", skeleton)
        assert found.outcome["state"] == "untried" and found.record == {}


def right(theta, velocity, gradient, lr, momentum):
    velocity = momentum * velocity + gradient
    return theta - lr * velocity, velocity


def test_code_that_is_right_is_right_and_remembered():
    assert exercise("gd-code", right).outcome["state"] == "right"
    assert storage.read()["gd-code"]["attempts"] == 1
    assert exercise("gd-code", right).record["attempts"] == 1, "what is solved counts nothing any more"
    assert exercise("gd-code", ema).outcome["state"] == "wrong"
    assert storage.read()["gd-code"]["state"] == "right", "and stays solved"


def ema(theta, v, g, lr, mu):
    v = mu * v + (1 - mu) * g
    return theta - lr * v, v


def lr_inside(theta, v, g, lr, mu):
    v = mu * v + lr * g
    return theta - v, v


SLIPS = {
    "average": ema,
    "inside": lr_inside,
    "uphill": lambda theta, v, g, lr, mu: (theta + lr * (mu * v + g), mu * v + g),
    "old-velocity": lambda theta, v, g, lr, mu: (theta - lr * v, mu * v + g),
    "unused": lambda theta, v, g, lr, mu: (theta - lr * g, mu * v + g),
    "forget": lambda theta, v, g, lr, mu: (theta - lr * (v + g), v + g),
    "velocity": lambda theta, v, g, lr, mu: (theta - lr * (0.9 * mu * v + g), 0.9 * mu * v + g),
}


@pytest.mark.parametrize("slip", SLIPS)
def test_code_slips_get_their_own_feedback(slip):
    outcome = exercise("gd-code", SLIPS[slip]).outcome
    assert outcome["state"] == "wrong"
    assert loader.texts("es")["gd-code"].feedback[slip] in outcome["text"]


def raising(*args):
    raise KeyError("momentum")


@pytest.mark.parametrize(
    "function",
    [
        raising,
        lambda *a: a[0],
        lambda *a: (a[0], "v"),
        lambda *a: (a[0], a[1][:1]),
        lambda: None,
        lambda *a: (a[0], None),
    ],
)
def test_code_that_fails_is_explained_not_raised(function):
    outcome = exercise("gd-code", function).outcome
    assert outcome["state"] == "wrong" and outcome["text"].count("1") >= 1


def test_every_case_catches_something():
    """Without the last case a method that ignores a zero gradient would pass: each case has its reason."""
    stops = lambda t, v, g, lr, mu: right(t, v, g, lr, mu) if g.any() else (t, v)  # noqa: E731
    assert loader.texts("es")["gd-code"].feedback["coast"] in exercise("gd-code", stops).outcome["text"]


# Progress


def test_progress_lies_in_the_users_folder_and_a_file_of_before_is_used_on(monkeypatch, tmp_path):
    """platformdirs follows XDG_DATA_HOME on macOS, where there was one place before."""
    monkeypatch.undo()
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr(storage, "user_data_path", lambda name, appauthor: tmp_path / "data" / name)
    assert storage.path() == tmp_path / "data" / "talweg" / "progress.json"
    before = tmp_path / "Library" / "Application Support" / "talweg" / "progress.json"
    before.parent.mkdir(parents=True)
    before.write_text("{}", encoding="utf-8")
    assert storage.path() == before
    (tmp_path / "data" / "talweg").mkdir(parents=True)
    (tmp_path / "data" / "talweg" / "progress.json").write_text("{}", encoding="utf-8")
    assert storage.path() == tmp_path / "data" / "talweg" / "progress.json"


def test_progress_is_remembered_across_widgets_and_editions():
    record = {"state": "right", "attempts": 2, "hints": 1, "answer": "32,805"}
    exercise("gd-by-hand").record = record
    talweg.use("ru")
    assert exercise("gd-by-hand").record == record
    assert progress().records == {"gd-by-hand": record}
    assert not list(storage.path().parent.glob("*.part"))


def test_batch_neither_reads_nor_writes(monkeypatch):
    storage.write("gd-by-hand", {"state": "right", "attempts": 1, "hints": 0, "answer": "1"})
    before = storage.path().read_bytes()
    monkeypatch.setenv("TALWEG_BATCH", "1")
    found = exercise("gd-by-hand")
    assert (found.record, found.remember) == ({}, "browser")
    found.record = {"state": "wrong", "attempts": 9, "hints": 0, "answer": "2"}
    assert exercise("gd-code", right).record == {}
    assert progress().records == {}
    assert storage.path().read_bytes() == before


@pytest.mark.parametrize(
    "text",
    [
        "{",
        "[]",
        '{"exercises": {"a": {}}}',
        '{"exercises": {"a": {"state": "done", "attempts": 0, "hints": 0}}}',
        '{"book": "another", "version": 1, "exercises": {}}',
        '{"book": "talweg", "version": 2, "exercises": {}}',
    ],
)
def test_unreadable_progress_is_reported_and_left_alone(text):
    storage.path().parent.mkdir()
    storage.path().write_text(text, encoding="utf-8")
    found = exercise("gd-by-hand")
    assert str(storage.path()) in found.notice
    found.record = {"state": "wrong", "attempts": 1, "hints": 0, "answer": "2"}
    assert storage.path().read_text(encoding="utf-8") == text


def test_unwritable_folder_is_reported(monkeypatch):
    storage.path().parent.write_text("a file where a folder should be", encoding="utf-8")
    found = exercise("gd-by-hand")
    found.record = {"state": "wrong", "attempts": 1, "hints": 0, "answer": "2"}
    assert found.notice


def test_reset_forgets_and_keeps_an_unreadable_file_aside():
    found = progress()
    storage.write("gd-by-hand", {"state": "right", "attempts": 1, "hints": 0, "answer": "1"})
    found._receive(found, {"type": "reset"}, [])
    assert storage.read() == {}
    storage.path().write_text("{", encoding="utf-8")
    found._receive(found, {"type": "reset"}, [])
    assert storage.read() == {}
    assert storage.path().with_suffix(".json.unreadable").read_text(encoding="utf-8") == "{"


RECORD = {"state": "right", "attempts": 2, "hints": 1, "answer": "0,5"}


def test_a_file_loaded_in_the_list_is_kept_beside_what_is_there():
    storage.write("gd-by-hand", RECORD)
    found = progress("curvature")
    found._receive(found, {"type": "load", "records": {"curv-border": RECORD}}, [])
    assert storage.read() == found.records == {"gd-by-hand": RECORD, "curv-border": RECORD}
    before = storage.path().read_bytes()
    found._receive(found, {"type": "load", "records": {"curv-power": {"state": "done"}}}, [])
    assert found.notice and storage.path().read_bytes() == before


FILE = "exercises/file.js"


def test_page_and_kernel_write_the_same_file(javascript):
    storage.write("gd-by-hand", RECORD)
    [written] = javascript(FILE, ("written", [{"gd-by-hand": RECORD}]))
    assert written == storage.path().read_text(encoding="utf-8")
    assert javascript(FILE, ("readProgress", [written])) == [{"records": {"gd-by-hand": RECORD}}]


def test_files_that_are_none_are_refused_whole(javascript):
    def file(**change):
        return json.dumps({"book": "talweg", "version": 1, "exercises": {"gd-by-hand": RECORD}} | change)

    refused = {
        "": "damaged", "{": "damaged", "[]": "damaged", "null": "damaged", "7": "damaged", '"text"': "damaged", "{}": "damaged",
        file()[:-9]: "damaged", file(exercises=[]): "damaged", file(exercises=None): "damaged", file(version="1"): "damaged",
        file(version=0): "damaged", file(exercises={"gd-by-hand": RECORD | {"state": "done"}}): "damaged",
        file(exercises={"gd-by-hand": RECORD | {"attempts": -1}}): "damaged",
        file(exercises={"gd-by-hand": RECORD | {"hints": 0.5}}): "damaged",
        file(exercises={"gd-by-hand": RECORD | {"answer": {"a": 1}}}): "damaged",
        file(exercises={"gd-by-hand": RECORD, "<b>": RECORD}): "damaged", file(exercises={"gd-by-hand": None}): "damaged",
        file(book="other"): "another_book", file(book=["talweg"]): "another_book", file(version=2): "newer",
        file(version=99, exercises="unknown form"): "newer",
    }  # fmt: skip
    found = javascript(FILE, *(("readProgress", [text]) for text in refused))
    assert {text: one.get("problem", "taken") for text, one in zip(refused, found, strict=True)} == refused
    taken = javascript(FILE, ("readProgress", [json.dumps({"version": 1, "exercises": {}})]))
    assert taken == [{"records": {}}], "the first files had no book's name"


def test_what_is_solved_on_either_side_stays_solved(javascript):
    def made(state, attempts, hints=0, answer=None):
        return {"state": state, "attempts": attempts, "hints": hints, "answer": answer}

    pairs = [
        (made("right", 1, 0, "here"), made("wrong", 9, 2, "there"), made("right", 1, 2, "here")),
        (made("wrong", 9, 2, "here"), made("right", 1, 0, "there"), made("right", 1, 2, "there")),
        (made("untried", 0), made("wrong", 1, 0, "there"), made("wrong", 1, 0, "there")),
        (made("wrong", 3, 1, "here"), made("wrong", 2, 0, "there"), made("wrong", 3, 1, "here")),
        (made("right", 2, 1, "here"), made("right", 2, 0, "there"), made("right", 2, 1, "here")),
    ]
    found = javascript(FILE, *(("merged", [mine, theirs]) for mine, theirs, _ in pairs))
    assert found == [both for *_, both in pairs]


@pytest.mark.parametrize("code", EDITIONS)
def test_titles_of_chapters_are_those_of_the_pages(code):
    for chapter in dict.fromkeys(entry.chapter for entry in ENTRIES.values()):
        page = Path(__file__).parents[2] / "chapters" / code / f"{chapter}.md"
        heading = re.search(r"^# (.*)$", page.read_text(encoding="utf-8"), re.M)[1]
        assert loader.title(chapter, code) == heading


def test_forgotten_record_leaves_the_file():
    found = exercise("gd-by-hand")
    found.record = {"state": "wrong", "attempts": 1, "hints": 0, "answer": "2"}
    found.record = {"state": "untried", "attempts": 0, "hints": 0, "answer": None}
    assert storage.read() == {}


def test_oracles_are_all_used():
    """Every function of the modules that are named, apart from their own helpers, answers an exercise."""
    named = {entry.oracle for entry in WITH_ORACLES}
    modules = {name.split(":")[0] for name in named}
    found = {path.parent.name for path in BOOK.glob("*/oracles.py")}
    assert modules == {f"talweg.book.{name}.oracles" for name in found}
    for module in modules:
        public = {
            name
            for name, value in vars(importlib.import_module(module)).items()
            if getattr(value, "__module__", "") == module and not name.startswith("_")
        }
        assert {name.split(":")[1] for name in named if name.split(":")[0] == module} == public
    assert Exercise is talweg.exercises.Exercise
