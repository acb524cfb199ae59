"""Judging of answers in the browser's code."""

import math

import pytest

from talweg.exercises import loader

ANSWERS = "exercises/answers.js"


# What people write, and what it is worth, computed by Python.
WRITTEN = {
    "0,5": 0.5, "0.5": 0.5, ".5": 0.5, "5.": 5, " 1 234 ": 1234, "1\u202f234,5": 1234.5, "1e-3": 1e-3, "1E-3": 1e-3,
    "1е-3": 1e-3, "1/3": 1 / 3, "−1/4": -0.25, "+2": 2, "２，５": 2.5, "2·10^-3": 2e-3, "2 × 10⁻³": 2e-3, "10^4": 1e4,
    "1,5e2": 150, "0,5/0,25": 2, "1e-400": 0.0, "4e-5": 4e-5, "2 x 10^-3": 2e-3, "1:8": 0.125, "3÷4": 0.75,
    "√2/100": math.sqrt(2) / 100, "0,01*√2": 0.01 * math.sqrt(2), "sqrt(2)": math.sqrt(2), "√(1/2)": math.sqrt(0.5),
    "(19/21)^2": (19 / 21) ** 2, "(19/21)²": (19 / 21) ** 2, "(19/21)**2": (19 / 21) ** 2, "0,01*40": 0.4, "72 %": 0.72,
    "π/2": math.pi / 2, "2π": 2 * math.pi, "pi^2": math.pi**2, "3√2": 3 * math.sqrt(2), "2(1+1)": 4, "e^-1": math.exp(-1),
    "exp(-1)": math.exp(-1), "ln(2)": math.log(2), "-2^2": -4, "2^3^2": 512, "2^-1": 0.5, "8/2/2": 2, "10-2-3": 5,
    "1+2*3": 7, "2·-3": -6, "((1))": 1, "θ=0,72": 0.72, "η = 0.4": 0.4, "L(θ₂) ≈ 32,8": 32.8, "１／３": 1 / 3, "（1+2）×3": 9,
    "10⁻⁶": 1e-6, "√4^2": 4, "100%/3": 1 / 3,
}  # fmt: skip
# What is none, and what the reader is told: a key of the widget's words.
UNREADABLE = {
    "": "not_a_number", "1.234,5": "not_a_number", "1,2,3": "not_a_number", "--1": "not_a_number", "1e": "not_a_number",
    "e3": "not_a_number", "½": "not_a_number", "1 1/2": "not_a_number", "(1": "not_a_number", "1)": "not_a_number",
    "1+": "not_a_number", "√": "not_a_number", "2^": "not_a_number", "%": "not_a_number", "sqrt 2": "not_a_number",
    "1=2": "not_a_number", "0x10": "unknown", "abc": "unknown", "10η": "unknown", "alert(1)": "unknown",
    "constructor(1)": "unknown", "__proto__": "unknown", "Infinity": "unknown", "NaN": "unknown", "½x": "unknown",
    "1/0": "by_zero", "1/(2-2)": "by_zero", "1/2π": "brackets", "1/2(3)": "brackets", "√-1": "not_a_number",
    "√(-1)": "no_value", "ln(0)": "no_value", "(-8)^(1/3)": "no_value", "9^9^9^9": "no_value", "1e400": "no_value",
    "0^-1": "no_value", "1" * 10_000: "too_long", "(" * 10_000: "too_long", "(" * 200: "not_a_number",
    "-" * 10_000: "too_long", "2^" * 99 + "2": "no_value",
}  # fmt: skip


def test_numbers_and_calculations_are_read_as_people_write_them(javascript):
    read = javascript("exercises/expression.js", *(("evaluate", [text]) for text in WRITTEN))
    assert {text: found.get("value") for text, found in zip(WRITTEN, read, strict=True)} == pytest.approx(
        WRITTEN, rel=1e-14
    )


def test_what_has_no_value_is_not_guessed_and_the_reader_is_told_why(javascript):
    read = javascript("exercises/expression.js", *(("evaluate", [text]) for text in UNREADABLE))
    assert {text: found.get("problem", [found])[0] for text, found in zip(UNREADABLE, read, strict=True)} == UNREADABLE
    [told] = javascript("exercises/expression.js", ("evaluate", ["10η"]))
    assert told["problem"] == ["unknown", {"name": "η"}]


def _spec(entry):
    return {
        "answer": {"value": entry.answer, "relative": entry.relative, "absolute": entry.absolute},
        "wrong": entry.wrong,
        "precision": entry.precision(),
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


def test_answer_rounded_as_the_prompt_asks_is_right(javascript):
    calls = []
    for entry in NUMBERS:
        [(kind, n)] = entry.precision().items()
        texts = [f"{entry.answer:.{n + more}{'g' if kind == 'digits' else 'f'}}" for more in (0, 1)]
        calls += [("judgeNumber", [_spec(entry), text]) for text in texts]
    judged = javascript(ANSWERS, *calls)
    assert [call[1] for call, result in zip(calls, judged, strict=True) if result["state"] != "right"] == []


def test_fewer_digits_and_digits_rounded_wrongly_are_only_close(javascript):
    spec = {"answer": {"value": 0.0141421, "relative": 1e-3}, "wrong": [], "precision": {"digits": 3}}
    given = {
        "0,0141": "right",
        "0,01414": "right",
        "√2/100": "right",
        "0,014": "close",
        "0,0142": "close",
        "0,01": "not_yet",
    }
    judged = javascript(ANSWERS, *(("judgeNumber", [spec, text]) for text in given))
    assert [result["feedback"][0] for result in judged] == list(given.values())


def test_the_unit_that_stands_beside_may_be_written(javascript):
    spec = {"answer": {"value": 1.81, "relative": 1e-2}, "wrong": [], "unit": "°", "precision": {"digits": 2}}
    judged = javascript(ANSWERS, ("judgeNumber", [spec, "1,8°"]), ("judgeNumber", [spec, "1,8 ° "]))
    assert [result["state"] for result in judged] == ["right", "right"]


def test_general_feedback_names_sign_and_rounding(javascript):
    spec = {"answer": {"value": 2.0, "relative": 1e-3}, "wrong": []}
    given = {"-2": "sign", "2,01": "close", "7": "not_yet", "x": "unknown", "2,001": "right"}
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
