"""Intervals hold the truth as often as they promise, on simulated seeds and test samples."""

from __future__ import annotations

import math

import pytest
import torch
from scipy import stats
from torch import Tensor

from talweg.uncertainty import Interval, crossed_interval, share_interval, t_interval

DRAWS = 2000


def coverage(intervals: list[Interval], truth: float) -> float:
    return sum(not found.excludes(truth) for found in intervals) / len(intervals)


def table(generator: torch.Generator, S: int, n: int, of_seeds: float, of_samples: float) -> Tensor:
    """A part of the seed, a part of the sample, and a rest of variance 1."""
    rows, columns, rest = (
        torch.randn(*shape, generator=generator, dtype=torch.float64) for shape in ((S, 1), (n,), (S, n))
    )
    return of_seeds * rows + of_samples * columns + rest


def students(values: Tensor) -> list[float]:
    """Mean and ends of Student's interval."""
    mean, half = (number.item() for number in t_interval(values))
    return [mean, mean - half, mean + half]


@pytest.mark.parametrize(
    ("S", "n", "of_seeds", "of_samples"),
    [(10, 400, 0.1, 2.0), (10, 400, 0.5, 0.5), (10, 1000, 0.3, 5.0), (20, 100, 0.2, 1.0), (5, 400, 0.1, 2.0)],
)
def test_an_interval_for_numbers_holds_the_truth(S: int, n: int, of_seeds: float, of_samples: float) -> None:
    """95 % ± 1.5 over 2,000 draws, whichever of the parts is the largest."""
    generator = torch.Generator().manual_seed(S + n)
    found = [crossed_interval(table(generator, S, n, of_seeds, of_samples)) for _ in range(DRAWS)]
    assert coverage(found, 0.0) == pytest.approx(0.95, abs=0.015)


@pytest.mark.parametrize(("S", "n", "hardness", "of_samples"), [(10, 400, -8, 4), (10, 400, -5, 2), (20, 1000, -5, 2)])
def test_an_interval_for_errors_holds_the_truth(S: int, n: int, hardness: float, of_samples: float) -> None:
    """Errors of three per cent, most of them on images that every seed finds hard; over the seeds alone it fails."""
    generator = torch.Generator().manual_seed(S * n)
    wrong = [
        (torch.rand(S, n, generator=generator) < (hardness + table(generator, S, n, 0.2, of_samples)).sigmoid())
        for _ in range(DRAWS)
    ]
    # E σ(h + s·N) by quadrature over the normal distribution
    points = torch.linspace(-10, 10, 20_001, dtype=torch.float64)
    weights = (-(points**2) / 2).exp()
    spread = math.sqrt(of_samples**2 + 0.2**2 + 1)
    truth = ((hardness + spread * points).sigmoid() * weights).sum().item() / weights.sum().item()
    assert coverage([share_interval(table) for table in wrong], truth) == pytest.approx(0.95, abs=0.015)
    assert coverage([Interval(*students(rows.double().mean(1))) for rows in wrong], truth) < 0.9


def test_with_one_value_for_all_samples_it_is_students_interval_over_the_seeds() -> None:
    seeds = torch.tensor([1.0, 2.0, 4.0, 5.0], dtype=torch.float64)
    assert list(crossed_interval(seeds[:, None].expand(4, 6))) == pytest.approx(students(seeds))


def test_with_equal_seeds_it_is_students_interval_over_the_samples() -> None:
    samples = torch.tensor([0.1, 0.7, 0.4, 0.9, 0.3], dtype=torch.float64)
    assert list(crossed_interval(samples.expand(3, 5))) == pytest.approx(students(samples))


def test_the_variance_is_that_of_resampled_rows_and_columns() -> None:
    """Owen's pigeonhole bootstrap counts the rest three times; without that it agrees."""
    generator = torch.Generator().manual_seed(0)
    values = table(generator, 30, 200, 0.4, 1.0)
    means = torch.stack(
        [
            values[torch.randint(30, (30,), generator=generator)][
                :, torch.randint(200, (200,), generator=generator)
            ].mean()
            for _ in range(4000)
        ]
    )
    found = crossed_interval(values)
    assert found.half_width / 1.96 == pytest.approx(means.std().item(), rel=0.1)


def test_no_error_at_all_leaves_room_for_some() -> None:
    """Of 300 images none wrong: the exact bound for a binomial share."""
    none = share_interval(torch.zeros(10, 300, dtype=torch.bool))
    assert none == (0.0, 0.0, pytest.approx(stats.beta.ppf(0.975, 1, 300)))
    assert share_interval(torch.ones(10, 300)) == (1.0, pytest.approx(1 - none.high), 1.0)


def test_a_difference_of_two_methods_is_paired_by_seed_and_sample() -> None:
    """What both find hard cancels: the difference is known far better than either."""
    generator = torch.Generator().manual_seed(1)
    shared = table(generator, 10, 400, 0.5, 3.0)
    first = shared + 0.1 + 0.1 * torch.randn(10, 400, generator=generator)
    assert crossed_interval(first - shared).half_width < crossed_interval(first).half_width / 10
    assert crossed_interval(first - shared).excludes(0)


@pytest.mark.parametrize("shape", [(10,), (1, 5), (5, 1), (2, 3, 4)])
def test_another_shape_is_refused(shape: tuple[int, ...]) -> None:
    for function in (crossed_interval, share_interval):
        with pytest.raises(ValueError, match=r"at least two seeds \(rows\) and two samples"):
            function(torch.zeros(shape))


def test_what_is_no_number_or_no_share_is_refused() -> None:
    with pytest.raises(ValueError, match="leave out the seeds that diverged"):
        crossed_interval(torch.tensor([[1.0, math.nan], [1.0, 2.0]]))
    with pytest.raises(ValueError, match="zeros and ones, got values from 0.25 to 1"):
        share_interval(torch.tensor([[1.0, 0.25], [1.0, 1.0]]))
