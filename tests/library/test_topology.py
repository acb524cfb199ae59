"""Persistence against union-find, bottleneck against brute force, and the stability theorem."""

import itertools
import math

import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st

from talweg.landscape import Surface
from talweg.topology import barcode, bottleneck, persistence

F64 = torch.float64
NEIGHBOURS = {4: [(0, 1), (1, 0)], 8: [(0, 1), (1, 0), (1, 1), (1, -1)]}


def grid(z):
    z = torch.as_tensor(z, dtype=F64)
    return Surface(torch.arange(z.shape[1]).double() / 2, torch.arange(z.shape[0]).double() - 3, z)


def noise(seed, shape=(9, 11)):
    return torch.randn(*shape, dtype=F64, generator=torch.Generator().manual_seed(seed))


def union_find(z, connectivity):
    """H0 by Kruskal: points in order of height, the younger component dies at a merger. [(birth, death)], sorted."""
    z = torch.as_tensor(z, dtype=F64)
    height, width = z.shape
    parent = {(j, i): (j, i) for j in range(height) for i in range(width) if z[j, i].isfinite()}

    def root(p):
        while parent[p] != p:
            p = parent[p]
        return p

    edges = []
    for j, i in parent:
        for dj, di in NEIGHBOURS[connectivity]:
            if (j + dj, i + di) in parent:
                edges.append((max(z[j, i].item(), z[j + dj, i + di].item()), (j, i), (j + dj, i + di)))
    bars = []
    for value, p, q in sorted(edges):
        p, q = sorted((root(p), root(q)), key=lambda r: (z[r].item(), r))
        if p != q:
            parent[q] = p
            if z[q] < value:
                bars.append((z[q].item(), value))
    return sorted(bars + [(z[p].item(), math.inf) for p in parent if parent[p] == p])


def components(diagram):
    bars = diagram.of(0)
    return sorted(zip(bars.birth.tolist(), bars.death.tolist(), strict=True))


@given(
    values=st.lists(st.integers(0, 9), min_size=12, max_size=12),
    holes=st.sets(st.integers(0, 11), max_size=4),
    connectivity=st.sampled_from([4, 8]),
)
@settings(max_examples=150, deadline=None)
def test_components_are_those_of_union_find(values, holes, connectivity):
    z = torch.tensor(values, dtype=F64).reshape(3, 4)
    for hole in holes:
        z.view(-1)[hole] = math.nan
    diagram = persistence(grid(z), connectivity)
    assert components(diagram) == union_find(z, connectivity) and diagram.holes == len(holes)


@pytest.mark.parametrize("connectivity", [4, 8])
def test_components_of_a_noisy_surface_are_those_of_union_find(connectivity):
    assert components(persistence(grid(noise(0, (30, 25))), connectivity)) == union_find(
        noise(0, (30, 25)), connectivity
    )


def test_diagonal_neighbours_are_what_tells_the_connectivities_apart():
    checkers = [[0.0, 1.0], [1.0, 0.5]]
    assert len(persistence(grid(checkers), 8)) == 1
    assert components(persistence(grid(checkers), 4)) == [(0.0, math.inf), (0.5, 1.0)]


@pytest.mark.parametrize("connectivity", [4, 8])
def test_births_and_deaths_are_where_their_values_are(connectivity):
    surface = grid(noise(1))
    diagram = persistence(surface, connectivity)
    assert set(diagram.dimension.tolist()) == {0, 1}
    for value, (x, y) in zip(diagram.birth, diagram.birth_at, strict=True):
        assert surface.z[(surface.y == y).nonzero().item(), (surface.x == x).nonzero().item()] == value
    for value, (x, y) in zip(diagram.death, diagram.death_at, strict=True):
        if value.isinf():
            assert x.isnan() and y.isnan()
        else:
            assert surface.z[(surface.y == y).nonzero().item(), (surface.x == x).nonzero().item()] == value


def test_two_wells_meet_at_the_saddle_between_them():
    axis = torch.linspace(-2, 2, 41, dtype=F64)
    y, x = torch.meshgrid(axis, axis, indexing="ij")
    double_well = (x**2 - 1) ** 2 + 0.1 * x + 3 * y**2
    diagram = persistence(Surface(axis, axis, double_well)).of(0)
    assert len(diagram) == 2 and diagram.birth_at[0].tolist() == pytest.approx([-1.0, 0.0], abs=0.06)
    assert diagram.birth_at[1].tolist() == pytest.approx([1.0, 0.0], abs=0.06)
    assert diagram.death_at[1].tolist() == pytest.approx([0.0, 0.0], abs=0.11)  # the saddle
    assert diagram.persistence[1] == diagram.death[1] - diagram.birth[1]
    assert len(diagram.longer_than(2.0)) == 1  # the infinite one


def test_a_crater_is_a_hole_that_fills_at_its_top():
    axis = torch.linspace(-2, 2, 41, dtype=F64)
    y, x = torch.meshgrid(axis, axis, indexing="ij")
    ring = ((x**2 + y**2) - 1) ** 2
    hole = persistence(Surface(axis, axis, ring), 8).of(1)
    assert hole.death[0] == 1.0 and hole.death_at[0].abs().max() < 1e-9


def test_what_is_not_finite_never_fills():
    z = torch.ones(5, 5, dtype=F64)
    z[2, 2] = math.nan
    hole = persistence(grid(z), 4).of(1)
    assert len(hole) == 1 and hole.birth[0] == 1 and hole.death[0] == math.inf
    z[2, 2] = math.inf
    assert persistence(grid(z), 4).of(1).death[0] == math.inf
    with pytest.raises(ValueError, match="surface must have a finite value"):
        persistence(grid(torch.full((3, 3), math.nan)))


def test_a_barcode_is_in_order():
    diagram = persistence(grid(noise(2)))
    bars = barcode(diagram)
    assert len(bars) == len(diagram) and bars.tolist() == sorted(bars.tolist())
    assert (barcode(diagram, 1)[:, 0] == 1).all() and len(barcode(diagram, 1)) == len(diagram.of(1))
    assert diagram.of(0).persistence.tolist() == sorted(diagram.of(0).persistence.tolist(), reverse=True)


def brute_force(first, second):
    """All matchings, unmatched points going to the diagonal."""
    n, m = len(first), len(second)
    rest = lambda p: (p[1] - p[0]) / 2  # noqa: E731
    best = math.inf
    for size in range(min(n, m) + 1):
        for ours in itertools.combinations(range(n), size):
            alone = max([rest(first[i]) for i in range(n) if i not in ours], default=0.0)
            for theirs in itertools.permutations(range(m), size):
                cost = max([rest(second[j]) for j in range(m) if j not in theirs], default=0.0)
                for i, j in zip(ours, theirs, strict=True):
                    cost = max(cost, abs(first[i][0] - second[j][0]), abs(first[i][1] - second[j][1]))
                best = min(best, max(cost, alone))
    return best


bars = st.lists(
    st.tuples(st.integers(0, 8), st.integers(1, 8)).map(lambda p: (float(p[0]), float(p[0] + p[1]))), max_size=4
)


@given(first=bars, second=bars)
@example(first=[(0.0, 1.0)] * 3, second=[(0.0, 3.0)] * 3)  # where gudhi.bottleneck_distance says 2
@settings(max_examples=80, deadline=None)
def test_bottleneck_is_the_best_of_all_matchings(first, second):
    as_points = lambda bars: torch.tensor(bars, dtype=F64).reshape(-1, 2)  # noqa: E731
    assert bottleneck(as_points(first), as_points(second)) == pytest.approx(brute_force(first, second), rel=1e-11)


@pytest.mark.parametrize("connectivity", [4, 8])
def test_the_diagram_moves_no_further_than_the_surface(connectivity):
    """Stability: d_B(D(f), D(g)) ≤ max |f − g|; and it does move, so that the bound is not met by standing still."""
    axis = torch.linspace(-1, 1, 21, dtype=F64)
    smooth = torch.sin(4 * axis)[:, None] * torch.cos(5 * axis) + axis**2
    for seed in range(20):
        other = smooth + 0.1 * torch.rand(21, 21, dtype=F64, generator=torch.Generator().manual_seed(seed))
        bound = (other - smooth).abs().max()
        for dimension in (0, 1):
            first, second = (
                persistence(Surface(axis, axis, smooth), connectivity),
                persistence(Surface(axis, axis, other), connectivity),
            )
            assert 0 < bottleneck(first, second, dimension) <= bound + 1e-12
        assert bottleneck(first, second) == max(bottleneck(first, second, d) for d in (0, 1))


def test_infinite_bars_are_matched_with_each_other():
    one, two = torch.tensor([[0.0, math.inf]]), torch.tensor([[0.0, math.inf], [1.0, math.inf]])
    assert bottleneck(one, torch.tensor([[0.25, math.inf]])) == pytest.approx(0.25)
    assert bottleneck(one, two) == math.inf and bottleneck(one, torch.empty(0, 2)) == math.inf
    assert bottleneck(torch.empty(0, 2), torch.empty(0, 2)) == 0


def test_a_diagram_is_compared_with_points_in_one_dimension():
    """Points were compared with both dimensions of the diagram: ∞ for the points of one of them."""
    first, second = persistence(grid(noise(3))), persistence(grid(noise(5)))
    for dimension in (0, 1):
        points = torch.stack([first.of(dimension).birth, first.of(dimension).death], 1)
        assert bottleneck(first, points, dimension) == 0 == bottleneck(points, first, dimension)
        assert bottleneck(second, points, dimension) == bottleneck(second, first, dimension) > 0
        for mixed in ((first, points), (points, second), (second, torch.empty(0, 2)), ([[0.0, 1.0]], first)):
            with pytest.raises(
                ValueError, match="dimension must be given .* only one of first and second is a Diagram"
            ):
                bottleneck(*mixed)


@pytest.mark.parametrize("dimension", [2, -1, "0", 0.5])
def test_a_dimension_without_bars_is_refused(dimension):
    diagram = persistence(grid(noise(3)))
    for arguments in (
        (diagram, diagram),
        (diagram, torch.tensor([[0.0, 1.0]])),
        (torch.empty(0, 2), torch.empty(0, 2)),
    ):
        with pytest.raises(ValueError, match="dimension must be 0, 1 or None; got"):
            bottleneck(*arguments, dimension)


@pytest.mark.parametrize(
    "points, message",
    [
        ([[1.0, 0.0]], "deaths not before them"),
        ([[math.nan, 1.0]], "finite births"),
        ([[-math.inf, 1.0]], "finite births"),
        ([1.0, 2.0], r"shape \(k, 2\); got shape \(2,\)"),
    ],
)
def test_points_that_are_no_diagram_are_refused(points, message):
    with pytest.raises(ValueError, match=message):
        bottleneck(torch.tensor(points), torch.empty(0, 2))


def test_diagrams_of_different_connectivity_are_not_compared():
    surface = grid(noise(3))
    with pytest.raises(ValueError, match="one connectivity; got 4 and 8"):
        bottleneck(persistence(surface, 4), persistence(surface, 8))
    with pytest.raises(ValueError, match="connectivity must be 4 or 8; got 6"):
        persistence(surface, 6)


@pytest.mark.parametrize("draw", ["diagram", "barcode"])
def test_diagrams_are_drawn_with_their_infinite_bars(draw):
    import matplotlib

    matplotlib.use("agg")
    from matplotlib import pyplot

    from talweg import plots

    diagram = persistence(grid(noise(4)))
    getattr(plots, draw)(diagram)
    axes = pyplot.gca()
    if draw == "barcode":
        drawn = [line for line in axes.lines if len(line.get_xdata()) == 2]
        assert len(drawn) == min(40, len(diagram.of(0))) + min(40, len(diagram.of(1)))
    else:
        points = sum(len(line.get_xdata()) for line in axes.lines if line.get_marker() in "os")
        assert points == len(diagram)
    pyplot.close("all")
    with pytest.raises(ValueError, match="at least one bar"):
        getattr(plots, draw)(diagram.longer_than(math.inf))
