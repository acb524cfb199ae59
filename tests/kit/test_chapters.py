"""Finding the chapters' folders: what is wrong is named, not skipped."""

import pytest

from talweg.chapters import chapters, folder, module
from talweg.exercises import ExerciseDataError, loader


def make_book(path, listed, *folders):
    path.mkdir()
    (path / "chapters.toml").write_text(f"chapters = {listed!r}\n", encoding="utf-8")
    for name in folders:
        (path / name).mkdir()
    return path


def test_chapters_come_in_the_order_of_the_list(tmp_path):
    book = make_book(tmp_path / "book", ["second-one", "first"], "first", "second_one")
    assert chapters(book) == ("second-one", "first")
    assert folder("second-one", book) == book / "second_one"


@pytest.mark.parametrize(
    ("listed", "folders", "wrong"), [(["a"], ["a", "stray_one"], "stray-one"), (["a", "gone"], ["a"], "gone")]
)
def test_a_folder_without_a_name_and_a_name_without_a_folder_are_refused(tmp_path, listed, folders, wrong):
    book = make_book(tmp_path / "book", listed, *folders)
    with pytest.raises(ValueError, match=rf"chapters\.toml and the folders beside it must name the same .*: {wrong}$"):
        chapters(book)


def test_a_module_that_a_chapter_lacks_is_none_and_a_broken_one_is_an_error():
    assert module("gradient-descent", "nothing") is None
    assert module("gradient-descent", "figures").Ravine


def test_words_of_exercises_without_the_exercises_are_refused(tmp_path):
    book = make_book(tmp_path / "book", ["a"], "a")
    (book / "a" / "exercises.es.toml").write_text('[x]\ntitle = "T"\n', encoding="utf-8")
    with pytest.raises(ExerciseDataError, match=r"a/exercises\.toml: is missing, but a/exercises\.es\.toml is there"):
        loader.load(book)


def test_one_id_in_two_chapters_is_refused(tmp_path):
    book = make_book(tmp_path / "book", ["a", "b"], "a", "b")
    text = '[x]\nkind = "choice"\nanswer = "p"\noptions = ["p", "q", "r"]\n'
    for name in ("a", "b"):
        (book / name / "exercises.toml").write_text(text, encoding="utf-8")
    with pytest.raises(ExerciseDataError, match=r"b/exercises\.toml: x: is already defined by the chapter a"):
        loader.load(book)
