"""Judging of answers in the browser's code."""

import math

import pytest

from talweg.exercises import loader

ANSWERS = "exercises/answers.js"


def test_numbers_are_read_as_people_write_them(javascript):
    written = {
        "0,5": 0.5, "0.5": 0.5, ".5": 0.5, "5.": 5, " 1 234 ": 1234, "1\u202f234,5": 1234.5, "1e-3": 1e-3, "1E-3": 1e-3,
        "1е-3": 1e-3, "1/3": 1 / 3, "−1/4": -0.25, "+2": 2, "２，５": 2.5, "2·10^-3": 2e-3, "2 × 10⁻³": 2e-3, "10^4": 1e4,
        "1,5e2": 150, "0,5/0,25": 2, "1e-400": 0.0,
    }  # fmt: skip
    read = javascript(ANSWERS, *(("parseNumber", [text]) for text in written))
    assert read == pytest.approx(list(written.values()), rel=1e-15)


def test_what_is_no_number_is_not_guessed(javascript):
    bad = ["", "abc", "1.234,5", "1,2,3", "1/0", "1/2/3", "--1", "0x10", "e3", "1e", "alert(1)", "Infinity", "½x"]
    read = javascript(ANSWERS, *(("parseNumber", [text]) for text in bad))
    assert [text for text, value in zip(bad, read, strict=True) if not math.isnan(value)] == []


def _spec(entry):
    return {
        "answer": {"value": entry.answer, "relative": entry.relative, "absolute": entry.absolute},
        "wrong": entry.wrong,
    }


NUMBERS = [entry for entry in loader.load().values() if entry.kind == "number"]


@pytest.mark.parametrize("entry", NUMBERS, ids=lambda entry: entry.id)
def test_answer_is_right_and_each_known_slip_gets_its_own_feedback(javascript, entry):
    spec = _spec(entry)
    texts = [str(entry.answer), str(entry.answer).replace(".", ",")]
    slips = entry.wrong
    calls = [("judgeNumber", [spec, text]) for text in texts + [repr(wrong["value"]) for wrong in slips]]
    judged = javascript(ANSWERS, *calls)
    assert [result["state"] for result in judged] == ["right"] * 2 + ["wrong"] * len(slips)
    assert [result["feedback"][0] for result in judged[2:]] == [wrong["feedback"] for wrong in slips]


def test_general_feedback_names_sign_and_rounding(javascript):
    spec = {"answer": {"value": 2.0, "relative": 1e-3}, "wrong": []}
    given = {"-2": "sign", "2,01": "close", "7": "not_yet", "x": "not_a_number", "2,001": "right"}
    judged = javascript(ANSWERS, *(("judgeNumber", [spec, text]) for text in given))
    assert [result["feedback"][0] for result in judged] == list(given.values())
    assert judged[3]["state"] == "untried"  # a slip of the pen is no attempt


def test_choice_and_ordering(javascript):
    choice = {"answer": "b"}
    order = {"answer": ["a", "b", "c"]}
    calls = [("judgeChoice", [choice, option]) for option in (None, "a", "b")]
    calls += [("judgeOrdering", [order, list(given)]) for given in ("abc", "acb", "bca")]
    judged = javascript(ANSWERS, *calls)
    assert [result["state"] for result in judged] == ["untried", "wrong", "right", "right", "wrong", "wrong"]
    assert judged[1]["feedback"] == ["a"]
    assert [result["feedback"][1]["k"] for result in judged[4:]] == [1, 0]
