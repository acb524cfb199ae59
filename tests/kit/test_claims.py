"""A claim that does not hold must fail; one that does leaves the same record on every machine."""

import json
import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import talweg
from talweg import claims


@pytest.fixture
def notebook(monkeypatch):
    """What a notebook would store: the list of displayed mime bundles."""
    IPython = pytest.importorskip("IPython")
    shown = []
    monkeypatch.setattr(IPython, "get_ipython", lambda: type("Shell", (), {"kernel": object()})())
    monkeypatch.setattr("IPython.display.display", lambda data, raw: shown.append(data))
    return shown


@pytest.mark.parametrize(
    "ours, expected, options",
    [
        (1.1, 1.0, {}),
        (1.02, 1.0, {"rtol": 0.01}),
        (0.98, 1.0, {"rtol": 0.01}),
        (1e-11, 0.0, {"rtol": 1.0, "atol": 1e-12}),
        (2, 1, {"relation": "<="}),
        (1, 1, {"relation": "<"}),
        (1, 1, {"relation": ">"}),
        (1, 2, {"relation": ">="}),
        (math.nan, 1.0, {"rtol": 10.0}),
        (math.nan, math.nan, {}),
        (1.0, math.nan, {"relation": "<="}),
        (math.inf, 1.0, {"rtol": 10.0}),
        (math.inf, math.inf, {"relation": "<"}),
        (True, False, {}),
        ([1.0, 2.0, 9.0], [1.0, 2.0, 3.0], {"rtol": 0.1}),
        (torch.tensor([1.0, torch.nan]), 1.0, {"atol": 5.0}),
        (torch.tensor([[1, 2], [3, 4]]), 3, {"relation": "<="}),
        (-0.02, -0.01, {"rtol": 0.5, "relation": ">="}),
    ],
)
def test_a_claim_that_does_not_hold_fails(ours, expected, options, capsys):
    with pytest.raises(AssertionError, match="claim 'some-claim' fails: ours"):
        talweg.claim("some-claim", ours, expected, **options)
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    "ours, expected, options, line",
    [
        (1.0003, 1, {"rtol": 0.01}, "✓ c: 1.0003 = 1 (±1 %)"),
        (0.123456789, 0.1234567, {"atol": 1e-3}, "✓ c: 0.12346 = 0.12346 (±0.001)"),
        (True, True, {}, "✓ c: True = True"),
        (3, 3, {}, "✓ c: 3 = 3"),
        (torch.tensor(0.5), 0.6, {"relation": "<"}, "✓ c: 0.5 < 0.6"),
        (1.05, 1.0, {"relation": "<=", "rtol": 0.1}, "✓ c: 1.05 ≤ 1 (+10 %)"),
        (0.95, 1.0, {"relation": ">=", "rtol": 0.1, "atol": 0.5}, "✓ c: 0.95 ≥ 1 (−10 % −0.5)"),
        ([1.0, 2.2, 3.0], [1, 2, 3], {"rtol": 0.2}, "✓ c: 2.2 = 2 (±20 %)"),
        (math.inf, math.inf, {}, "✓ c: inf = inf"),
        (-0.0, 0.0, {}, "✓ c: 0 = 0"),
        (3.1e-15, 0.0, {"atol": 1e-12}, "✓ c: 0 = 0 (±1e-12)"),
        (3.1e-15, 1e-10, {"relation": "<="}, "✓ c: 0 ≤ 1e-10"),
    ],
)
def test_a_claim_that_holds_says_so_in_one_line(ours, expected, options, line, capsys):
    talweg.claim("c", ours, expected, **options)
    assert capsys.readouterr().out == line + "\n"


@given(x=st.floats(0.5, 2), slack=st.floats(1e-6, 0.5))
def test_the_tolerance_is_exactly_rtol_of_expected(x, slack):
    talweg.claim("edge", x * (1 + slack * 0.999), x, rtol=slack)
    with pytest.raises(AssertionError):
        talweg.claim("edge", x * (1 + slack * 1.001 + 1e-12), x, rtol=slack)


def test_rounding_errors_of_two_machines_leave_the_same_record(notebook):
    for ours in (0.46953092, 0.46953092 * (1 + 1e-8)):
        talweg.claim("same", ours, 0.47, rtol=0.01, source="eq. 1", seeds=range(3))
    for noise in (1e-16, -7e-15):
        talweg.claim("noise", noise, 0, atol=1e-12)
    assert notebook[0] == notebook[1] and notebook[2] == notebook[3]


def test_the_pair_that_is_shown_does_not_depend_on_rounding(capsys):
    """Two processors: on one the second entry is off by rounding, on the other the third."""
    for ours in ([1.0, 2.0 + 1e-13, 3.0], [1.0, 2.0, 3.0 - 2e-13]):
        talweg.claim("rounding", ours=ours, expected=[1.0, 2.0, 3.0], atol=1e-10)
    first, second = capsys.readouterr().out.splitlines()
    assert first == second
    talweg.claim("not-rounding", ours=[1.0, 2.5, 3.0], expected=[1.0, 2.0, 3.0], atol=1.0)
    assert "2.5 = 2" in capsys.readouterr().out


def test_a_notebook_stores_the_line_and_the_record(notebook, capsys):
    talweg.claim("rate", 0.9048374, 0.905, rtol=0.01, source="Polyak 1964", seeds=20)
    assert capsys.readouterr().out == ""
    assert notebook == [
        {
            "text/plain": "✓ rate: 0.90484 = 0.905 (±1 %)",
            claims.MIME: {
                "id": "rate",
                "ours": 0.90484,
                "expected": 0.905,
                "relation": "==",
                "rtol": 0.01,
                "atol": 0.0,
                "source": "Polyak 1964",
                "seeds": 20,
            },
        }
    ]


def test_records_are_json(notebook):
    talweg.claim("a", math.inf, 1.0, relation=">", seeds=torch.arange(2))
    talweg.claim("b", torch.tensor(True), True)
    for bundle in notebook:
        json.dumps(bundle, allow_nan=False)
    assert notebook[0][claims.MIME]["ours"] == "inf" and notebook[0][claims.MIME]["seeds"] == [0, 1]


@pytest.mark.parametrize(
    "arguments, options, error",
    [
        (("Bad Id", 1, 1), {}, "id of a claim"),
        (("", 1, 1), {}, "id of a claim"),
        (("año", 1, 1), {}, "id of a claim"),
        ((3, 1, 1), {}, "id of a claim"),
        (("c", 1, 1), {"relation": "!="}, "relation must be one of"),
        (("c", 1, 1), {"rtol": -0.1}, "rtol must be"),
        (("c", 1, 1), {"atol": math.nan}, "atol must be"),
        (("c", 1, 2), {"relation": "<", "rtol": 0.1}, "takes no tolerance"),
        (("c", [1, 2], [1, 2, 3]), {}, "as many numbers"),
        (("c", [], []), {}, "as many numbers"),
        (("c", [], 1), {}, "as many numbers"),
    ],
)
def test_a_claim_badly_put_is_a_value_error(arguments, options, error):
    with pytest.raises(ValueError, match=error):
        talweg.claim(*arguments, **options)


def test_words_are_no_numbers():
    with pytest.raises(TypeError, match="must be numbers"):
        talweg.claim("c", "one", 1)
