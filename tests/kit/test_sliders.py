"""Sliders: where they stop, and the numbers that may be typed."""

import math

import pytest

import talweg
from talweg import figures
from talweg.playground.surfaces import SETUP

SLIDER, PLOT = "widgets/slider.js", "widgets/plot.js"


def stops(javascript, low, high, **scale):
    [found] = javascript(SLIDER, ("ladder", [{"low": low, "high": high, **scale.pop("range", {})}, scale]))
    return found


def test_equal_ratios_stop_at_round_values_and_at_both_ends(javascript):
    found = stops(javascript, 0.02, 1.2, log=True)
    assert found == sorted(found) and (found[0], found[-1]) == (0.02, 1.2)
    assert {0.05, 0.1, 0.2, 0.25, 0.4, 0.5, 0.8, 1} <= set(found)
    assert all(float(f"{value:.2g}") == value for value in found)
    assert max(b / a for a, b in zip(found, found[1:], strict=False)) < 1.2


def test_zero_marks_and_whole_numbers(javascript):
    assert stops(javascript, 0, 0.1, log=True, zero=1e-4)[:3] == [0, 1e-4, 1.1e-4]
    assert math.sqrt(2) in stops(javascript, 0.2, 5, log=True, range={"marks": [math.sqrt(2)]})
    whole = stops(javascript, 1, 100, log=True, range={"whole": True})
    assert whole[:12] == [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12] and whole[-1] == 100
    assert stops(javascript, 0, 0.3, step=0.1) == [0, 0.1, 0.2, 0.3]  # no dust of sums


def test_a_memory_stops_at_round_betas(javascript):
    found = stops(javascript, 0, 0.9999, memory=True)
    assert {0, 0.5, 0.8, 0.9, 0.95, 0.99, 0.999, 0.9999} <= set(found)
    assert found == sorted(found)


@pytest.mark.parametrize("name", SETUP["sliders"])
def test_a_slider_of_the_playground_stops_at_its_usual_value(javascript, name):
    low, high = SETUP["sliders"][name]["low"], SETUP["sliders"][name]["high"]
    usual = {method["sliders"][name] for method in SETUP["methods"].values() if name in method["sliders"]}
    found = stops(javascript, low, high, **{key: SETUP["sliders"][name].get(key, False) for key in ("log", "memory")})
    assert all(min(abs(stop - value) for stop in found) < 0.01 * (value or 1) for value in usual)


@pytest.mark.parametrize(
    ("text", "value"),
    [("0,05", 0.05), (".05", 0.05), ("5e-2", 0.05), ("5·10⁻²", 0.05), ("5*10^-2", 0.05), (" 1 000 ", 1000), ("−3", -3),
     ("10⁻⁴", 1e-4), ("０．５", 0.5), ("2.", 2)],
)  # fmt: skip
def test_numbers_as_people_type_them(javascript, text, value):
    assert javascript(SLIDER, ("typed", [text])) == [pytest.approx(value, rel=1e-12)]


@pytest.mark.parametrize("text", ["", "abc", "1,5,2", "1.000,5", "0,5 η", "1/2x", "--1", "e5", "1" * 400 + "x"])
def test_what_is_no_number_is_none(javascript, text):
    [found] = javascript(SLIDER, ("typed", [text]))
    assert math.isnan(found)


def test_dust_beside_the_scale_is_nought(javascript):
    found = javascript(PLOT, *(("settled", pair) for pair in ([-9.25e-18, 1.0], [1e-6, 1.0], [1e-13, 1e-3])))
    assert found == [0, 1e-6, 1e-13]


def test_the_gain_stops_where_the_chapter_speaks_of_it(javascript):
    talweg.use("es")
    declared = figures.signal_depth().ranges["gain"]
    found = stops(javascript, declared["low"], declared["high"], log=True, range={"marks": declared["marks"]})
    assert {math.sqrt(2), 5 / 3, 1.59} <= set(found)
