"""The figures of loss landscapes: decoding, projection and the facts that the sentence tells, against NumPy and Python."""

import math

import numpy as np
import pytest
import torch

from talweg.landscape import Surface
from talweg.widgets.planes import _coded

SLICES, RESCALING = "widgets/slices.js", "book/landscapes/rescaling.js"


def test_what_python_writes_is_what_the_browser_reads(javascript):
    heights = torch.cat([torch.linspace(-2.5, 4.25, 1000), torch.tensor([torch.nan, torch.inf])]).double()
    text = _coded(heights, -2.5, 4.25)
    [found] = javascript(SLICES, ("decode", [text, [-2.5, 4.25]]))
    assert np.allclose(found[:1000], heights[:1000], rtol=0, atol=6.75 / 4094 / 2 + 1e-9)
    assert all(math.isnan(value) for value in found[1000:])


def test_projection_is_a_rotation_seen_from_the_given_side(javascript):
    calls = [("project", [point, 30, 50]) for point in np.eye(3).tolist()]
    calls += [
        ("project", [[0.3, -0.7, 0.4], 30, 50]),
        ("project", [[0, 0, 1], 77, 0]),
        ("project", [[0, 0, 1], 77, 90]),
    ]
    *columns, one, side, above = javascript(SLICES, *calls)
    axes = np.array(columns).T
    assert np.allclose(axes @ axes.T, np.eye(3), atol=1e-12)
    assert np.allclose(axes @ [0.3, -0.7, 0.4], one, atol=1e-12)
    assert np.allclose(side, [0, 1, 0], atol=1e-12)  # from the side, height is up
    assert np.allclose(above, [0, 0, -1], atol=1e-12)  # from above, height is towards the reader
    turned = math.radians(30)
    assert np.allclose(axes[0], [math.cos(turned), -math.sin(turned), 0], atol=1e-12)


def test_facts_are_those_of_the_surface(javascript):
    rng = np.random.default_rng(0)
    z = rng.normal(size=(7, 7))
    [found] = javascript(SLICES, ("facts", [z.flatten().tolist(), 2.0]))
    axis = np.linspace(-2, 2, 7)
    x, y, low = Surface(*map(np.asarray, (axis, axis, 10**z))).lowest()
    assert [found["x"], found["y"], found["low"]] == pytest.approx([x, y, low], rel=1e-12)
    rim = np.concatenate([z[0], z[-1], z[:, 0], z[:, -1]])
    assert found["rim"] == pytest.approx(10 ** rim.min(), rel=1e-12)
    assert found["center"] == pytest.approx(10 ** z[3, 3], rel=1e-12)
    assert found["high"] == pytest.approx(10 ** z.max(), rel=1e-12)


def test_colours_run_from_dark_to_light_and_shade(javascript):
    found = javascript(
        SLICES, *(("colour", [share, 1]) for share in (0, 0.5, 1)), ("colour", [1, 0.5]), ("colour", [7, 1])
    )
    sums = [sum(map(int, text[4:-1].split(","))) for text in found]
    assert found[0] == "rgb(0,34,78)" and sums[0] < sums[1] < sums[2] and sums[3] < sums[2] == sums[4]


def test_times_compares_with_the_middle_of_the_list(javascript):
    assert javascript(RESCALING, ("times", [[8, 6, 4, 3, 2], 0]), ("times", [[8, 6, 4, 3, 2], 2])) == [2, 1]
