"""The playground's rules and surfaces in JavaScript against talweg.optimizers and talweg.surfaces."""

import math
from pathlib import Path

import pytest
import torch

from talweg import optimizers
from talweg.optimizers import sophia
from talweg.playground import load_slice, surface
from talweg.playground.surfaces import SETUP
from talweg.playground.widget import PRESETS, _complete

F64 = torch.float64
CALLS = Path(__file__).with_name("playground.mjs")
METHODS, SURFACES = list(SETUP["methods"]), list(SETUP["surfaces"])
FIXED = {"Nesterov": {"nesterov": True}, "Sophia": {"weight_decay": 0.0}, "Lion": {"weight_decay": 0.0}}
CLASSES = {"Momentum": "SGD", "Nesterov": "SGD"}


def optimizer_of(method: dict, theta: torch.nn.Parameter):
    """The Python optimizer with the playground's hyperparameters."""
    values = {key: value for key, value in method.items() if key != "name"}
    if "beta1" in values:
        values["betas"] = values.pop("beta1"), values.pop("beta2")
    kind = getattr(optimizers, CLASSES.get(method["name"], method["name"]))
    return kind([theta], **values, **FIXED.get(method["name"], {}))


# What the playground has no need to keep: the number of the step is the run's; Sophia's estimates are exact; with a
# constant learning rate the weights of Schedule-Free are equal.
NOT_KEPT = ("t", "estimates", "weight_sum", "lr_max")


def states(optimizer, theta) -> list[dict]:
    """The optimizer's state as the playground keeps it: one mapping of numbers for each coordinate."""
    state = optimizer.state.get(theta, {})
    return [{key: value[i].item() if torch.is_tensor(value) else value for key, value in state.items() if key not in NOT_KEPT}
            for i in (0, 1)]  # fmt: skip


def run(method: dict, f, start, steps: int, monkeypatch):
    """Python's parameters and states before each step, and the answers: for Schedule-Free, the average."""
    monkeypatch.setitem(
        sophia.ESTIMATORS, "hutchinson", lambda loss, parameters, generator: [diagonal(f, parameters[0])]
    )
    theta = torch.nn.Parameter(torch.tensor(start, dtype=F64))
    optimizer = optimizer_of(method, theta)

    def closure():
        theta.grad = f.grad(theta)
        return f(theta)

    before, answers = [], [theta.detach().clone()]
    for t in range(steps):
        before.append({"theta": theta.tolist(), "t": t, "s": states(optimizer, theta)})
        closure()
        if method["name"] == "Sophia":
            optimizer.update_curvature(lambda: f(theta))
        optimizer.step(closure if method["name"] == "SAM" else None)
        if hasattr(optimizer, "eval"):
            optimizer.eval()
        answers.append(theta.detach().clone())
        if hasattr(optimizer, "train"):
            optimizer.train()
    return before, torch.stack(answers)


def diagonal(f, theta):
    return f.hessian(theta.detach()).diagonal()


def grid():
    x, _, z = load_slice()
    return {"span": x[-1].item(), "z": z.tolist()}


def ground(name: str, kappa: float = 20.0) -> list:
    return [name, kappa, SETUP["surfaces"][name].get("constants"), grid() if name == "slice" else None]


def points(name: str) -> torch.Tensor:
    """Points on the map and somewhat beyond it."""
    low, high = SETUP["surfaces"][name]["view"]
    return 1.3 * low + 1.3 * (high - low) * torch.rand(60, 2, dtype=F64, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("name", SURFACES)
def test_surface_is_pythons(javascript, name):
    f, thetas = surface(name), points(name)
    [found] = javascript(CALLS, ("evaluate", [ground(name), thetas.tolist()]))
    expected = {
        "values": f.many(thetas),
        "gradients": f.grads(thetas),
        "curvatures": torch.stack([diagonal(f, theta) for theta in thetas]),
    }
    for what, values in expected.items():
        scale = values.abs().amax().item()  # of the whole map: sums of terms of that size are rounded
        there = torch.tensor(found[what], dtype=F64)
        torch.testing.assert_close(
            there, values, rtol=1e-12, atol=1e-12 * max(scale, 1.0) if what == "curvatures" else 1e-12
        )


def hyperparameters(method: dict) -> dict:
    return {key: value for key, value in method.items() if key != "name"}


def test_each_step_from_the_same_state_is_pythons(javascript, monkeypatch):
    """On the mixture, whose gradients are neither large nor simple: 60 steps, each from Python's own state."""
    f, methods = surface("mixture"), [_complete(name, "mixture", 20.0) for name in METHODS]
    runs = [run(method, f, [2.0, -1.75], 61, monkeypatch)[0] for method in methods]
    calls = [("steps", [method["name"], hyperparameters(method), ground("mixture"), before[:-1]])
             for method, before in zip(methods, runs, strict=True)]  # fmt: skip
    for name, found, before in zip(METHODS, javascript(CALLS, *calls), runs, strict=True):
        for after, expected in zip(found, before[1:], strict=True):
            where = f"{name}, step {expected['t']}"
            assert after["theta"] == pytest.approx(expected["theta"], rel=1e-12, abs=1e-12), where
            for mine, theirs in zip(after["s"], expected["s"], strict=True):
                theirs = {key: value for key, value in theirs.items() if key != "beta_of_y"}  # β stays what it is there
                assert {key: mine[key] for key in theirs} == pytest.approx(theirs, rel=1e-12, abs=1e-12), where


CHANGED = {"lr": 0.037, "momentum": 0.6, "alpha": 0.83, "beta1": 0.7, "beta2": 0.93, "weight_decay": 0.3, "rho": 0.4,
           "gamma": 0.9}  # fmt: skip


def test_every_slider_reaches_the_rule(javascript, monkeypatch):
    f, start = surface("beale"), [1.0, 1.2]
    methods = [
        {key: CHANGED.get(key, value) for key, value in _complete(name, "beale", 20.0).items()} for name in METHODS
    ]
    for method in methods:
        if SETUP["methods"][method["name"]]["rate"] in ("gradient", "momentum"):
            method["lr"] = 0.004
    calls = [("follow", [method["name"], hyperparameters(method), ground("beale"), start, 40]) for method in methods]
    for method, found in zip(methods, javascript(CALLS, *calls), strict=True):
        _, answers = run(method, f, start, 40, monkeypatch)
        assert close(found["points"], answers, 1e-10), method
        usual = _complete(method["name"], "beale", 20.0)
        for key in hyperparameters(method):  # and each of them matters
            _, without = run({**method, key: usual[key]}, f, start, 40, monkeypatch)
            assert not close(without.tolist(), answers, 1e-6), (method["name"], key)


def close(found: list, expected: torch.Tensor, tolerance: float) -> bool:
    there = torch.tensor(found, dtype=F64)
    return there.shape == expected.shape and torch.allclose(there, expected, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("place", SURFACES)
def test_default_paths_are_pythons(javascript, monkeypatch, place):
    """500 steps; on the turned ravine 60: there RMSprop ends in a cycle in which differences of rounding grow."""
    steps = 60 if place == "turned" else 500
    f, start = surface(place), SETUP["surfaces"][place]["start"]
    methods = [_complete(name, place, 20.0) for name in METHODS]
    calls = [("follow", [method["name"], hyperparameters(method), ground(place), start, steps]) for method in methods]
    for method, found in zip(methods, javascript(CALLS, *calls), strict=True):
        _, answers = run(method, f, start, steps, monkeypatch)
        assert close(found["points"], answers, 1e-9), method
        assert close(found["losses"], f.many(answers), 1e-9), method


VERDICT, TERRAIN = "playground/verdict.js", "playground/terrain.js"
MAP = {"view": [-1, 1], "middle": 0, "minima": [[0.5, 0.5]], "saddles": [[0, 0]]}


def told(javascript, *points, losses=None):
    losses = losses or [1.0] * len(points)
    return javascript(VERDICT, ("verdict", [{"points": points, "losses": losses}, MAP]))[0]


def test_verdict_tells_arrivals_from_visits(javascript):
    """A path that crosses the minimum, leaves it and comes back has arrived when it stays."""
    here, away = [0.5, 0.501], [0.8, 0.5]
    assert told(javascript, away, here, away, here, here) == {"kind": "reaches", "x": 0.5, "y": 0.5, "t": 3}
    assert told(javascript, here, away) == {"kind": "underway", "x": 0.8, "y": 0.5, "loss": 1.0}
    assert told(javascript, away, [0.001, 0.0]) == {"kind": "stuck", "x": 0, "y": 0, "t": 1}


def test_verdict_tells_a_fall_from_a_divergence(javascript):
    out = [[0, 0], [1, 1], [0, 2], [0, 9]]
    assert told(javascript, *out, losses=[1, 0, -1, -9]) == {"kind": "leaves", "t": 2}
    assert told(javascript, *out, losses=[1, 2, 3, 9]) == {"kind": "diverges", "t": 2}
    assert told(javascript, *out[:2], [1e200, 0], [1e300, 0], losses=[1, 2, 1e200, 1e300]) == {
        "kind": "diverges",
        "t": 2,
    }


def outcomes(javascript, monkeypatch, preset: dict) -> dict[str, dict]:
    """What became of each method of a preset: by the library's optimizers, and the same by the rules in the page."""
    f, facts = surface(preset["surface"], preset["kappa"]), SETUP["surfaces"][preset["surface"]]
    where, start, steps = ground(preset["surface"], preset["kappa"]), preset["start"], preset["steps"]
    found = {}
    for method in preset["methods"]:
        _, answers = run(method, f, start, steps, monkeypatch)
        [path] = javascript(CALLS, ("follow", [method["name"], hyperparameters(method), where, start, steps]))
        python = {"points": answers.tolist(), "losses": f.many(answers).tolist()}
        here, there = javascript(VERDICT, ("verdict", [path, facts]), ("verdict", [python, facts]))
        assert here["kind"] == there["kind"] and here.get("t") == there.get("t"), method
        found[method["name"]] = here
    return found


def test_with_one_rate_for_all_adam_wins_by_far(javascript, monkeypatch):
    """As in the story that opens the chapter."""
    told = outcomes(javascript, monkeypatch, PRESETS["same"])
    assert told["SGD"]["kind"] == "underway" and told["Momentum"]["kind"] == told["Adam"]["kind"] == "reaches"
    assert 2 * told["Adam"]["t"] < told["Momentum"]["t"]


def test_with_its_best_rate_momentum_wins_and_a_fifth_more_or_less_is_worse(javascript, monkeypatch):
    preset = PRESETS["tuned"]
    told = outcomes(javascript, monkeypatch, preset)
    assert told["Momentum"]["t"] < told["Adam"]["t"] < told["SGD"]["t"] < preset["steps"]
    root = math.sqrt(preset["kappa"])
    best = {
        "SGD": {"lr": 2 / (1 + preset["kappa"])},
        "Momentum": {"lr": 4 / (1 + root) ** 2, "momentum": ((root - 1) / (root + 1)) ** 2},
    }
    for method in preset["methods"]:
        for key, value in best.get(method["name"], {}).items():
            assert method[key] == pytest.approx(value, rel=1e-3)
        for factor in (0.8, 1.25):
            other = preset | {"methods": [method | {"lr": method["lr"] * factor}]}
            [found] = outcomes(javascript, monkeypatch, other).values()
            assert found["kind"] != "reaches" or found["t"] >= told[method["name"]]["t"], (method["name"], factor)


def test_turned_by_45_degrees_the_methods_of_one_step_per_coordinate_fall_behind(javascript, monkeypatch):
    turned, straight = PRESETS["turned"], PRESETS["turned"] | {"surface": "ravine", "start": [-10, 4]}
    told, before = (outcomes(javascript, monkeypatch, preset) for preset in (turned, straight))
    assert abs(told["SGD"]["t"] - before["SGD"]["t"]) <= 2
    assert before["Adagrad"]["t"] < before["Adam"]["t"] < told["SGD"]["t"] < told["Adagrad"]["t"]
    assert told["Adam"]["kind"] == "underway"


def test_at_the_saddle_gradient_descent_leaves_last(javascript, monkeypatch):
    told = outcomes(javascript, monkeypatch, PRESETS["saddle"])
    assert {found["kind"] for found in told.values()} == {"leaves"}
    assert max(told, key=lambda name: told[name]["t"]) == "SGD"


def usual_state():
    methods = [_complete(name, "beale", 20.0) for name in ("SGD", "AdamW", "Sophia")]
    return {"surface": "beale", "kappa": 20, "start": [1.25, -0.5], "steps": 300, "methods": methods}


def test_link_keeps_the_set_up(javascript):
    [[link]] = javascript(CALLS, ("write", [usual_state()]))
    link = "#" + link
    assert link.startswith("#playground=beale;") and " " not in link
    [read] = javascript(CALLS, ("read", [link, SETUP]))
    assert read == usual_state()


@pytest.mark.parametrize(
    "link",
    ["", "#playground=", "#exercise-1", "#playground=nowhere;20;0,0;100;SGD", "#playground=beale;20;0,0;100",
     "#playground=beale;20;0,0;100;NoSuch,1", "#playground=beale", "#playground=constructor;20;0,0;100;SGD", "#playground=beale;1;1,1;9;toString"],
)  # fmt: skip
def test_what_is_no_link_is_left_alone(javascript, link):
    assert javascript(CALLS, ("read", [link, SETUP])) == [None]


def test_link_out_of_range_is_moved_into_range(javascript):
    link = "#playground=beale;1e9;99,x;7;SGD,1e9;Adam,,nan,-1,3;" + "Lion;" * 5
    [read] = javascript(CALLS, ("read", [link, SETUP]))
    assert (read["kappa"], read["start"], read["steps"]) == (200, [4.5, SETUP["surfaces"]["beale"]["start"][1]], 10)
    assert [method["name"] for method in read["methods"]] == ["SGD", "Adam", "Lion", "Lion"]
    assert read["methods"][0]["lr"] == 10
    assert read["methods"][1] == {"name": "Adam", "lr": 0.05, "beta1": 0.9, "beta2": 0}


def test_contour_lines_of_a_cone_are_circles(javascript):
    n, level = 41, 12.3
    field = [math.hypot(k % n - 20, k // n - 20) for k in range(n * n)]
    [found] = javascript(TERRAIN, ("segments", [field, n, level]))
    radii = [math.hypot(x - 20, y - 20) for a, b, c, d in found for x, y in ((a, b), (c, d))]
    assert max(abs(radius - level) for radius in radii) < 0.02
    assert sum(math.dist((a, b), (c, d)) for a, b, c, d in found) == pytest.approx(2 * math.pi * level, rel=3e-3)


def test_contour_lines_are_at_equal_ratios_or_differences(javascript):
    calls = [("height", [value, {"ratio": 2, "from": 0.25}]) for value in (0.25, 0.5, 4, 0)]
    calls += [("height", [value, {"step": 0.1}]) for value in (0.1, 0.2, -0.3)]
    assert javascript(TERRAIN, *calls) == pytest.approx([0, 1, 4, -1, 1, 2, -3])
