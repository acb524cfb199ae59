"""A new rule: what it declares is checked, what it forgets is an error, and torch's private kernels are still there."""

import math

import pytest
import torch
from methods import RULES
from reference import after, assert_close, parameters

from talweg.optimizers import SGD, AdamW, Rule, choice, flag, fused, number, pair, tensors, whole


class Mine(Rule):
    lr: float = number(0.1, low=0)
    tau: float = number(0.5, low=0)
    rho: float = number(0.5, above=0, high=1)
    gammas: tuple[float, float] = pair(0.1, 0.2, low=0, below=1)
    k: int = whole(3, low=2)
    on: bool = flag(False)
    kind: str = choice("a", ("a", "b"))
    maybe: float | None = number(None, low=0, optional=True)

    def update(self, theta, g, *, lr, tau, **_):
        theta.add_(g, alpha=-lr * tau)


@pytest.mark.parametrize(
    "name, value",
    [
        ("tau", -1.0), ("tau", math.nan), ("tau", math.inf), ("tau", "x"), ("tau", None), ("rho", 0.0), ("rho", 1.01),
        ("gammas", (0.1,)), ("gammas", (0.1, 1.0)), ("gammas", 0.1), ("gammas", (0.1, "x")), ("k", 1), ("k", 2.0),
        ("k", True), ("on", "yes"), ("kind", "c"), ("maybe", -1.0), ("maybe", math.nan),
    ],
)  # fmt: skip
def test_a_new_rules_hyperparameters_are_checked(name, value):
    """A range in a table of names let those of a new rule pass unseen."""
    with pytest.raises((ValueError, TypeError), match=f"Mine: {name} must"):
        Mine(parameters(), **{name: value})
    with pytest.raises((ValueError, TypeError), match=f"Mine: {name} must"):
        Mine(parameters()).add_param_group(dict(params=parameters(), **{name: value}))


def test_ends_of_a_range_are_taken_as_they_are_declared():
    Mine(parameters(), tau=0.0, rho=1.0, gammas=[0, 0.999], k=2, on=True, kind="b", maybe=0.0)
    assert Mine(parameters()).param_groups[0]["maybe"] is None


def test_a_range_cannot_be_left_out():
    for bad in (dict(), dict(high=1), dict(low=0, above=0), dict(low=0, high=1, below=1)):
        with pytest.raises(TypeError, match="needs one lower end"):
            number(0.5, **bad)
    with pytest.raises(TypeError, match="declared one by one"):

        class Undeclared(Rule):
            defaults = dict(lr=0.1, tau=0.5)


def test_what_is_not_declared_is_no_hyperparameter():
    class Forgotten(Rule):
        lr: float = number(0.1, low=0)
        tau = 0.5

        def update(self, theta, g, *, lr, tau, **_):
            theta.add_(g, alpha=-lr * tau)

    with pytest.raises(ValueError, match="tau"):
        Forgotten(parameters(), tau=0.1)
    with pytest.raises(TypeError, match="tau"):
        after(Forgotten, steps=1)


def test_a_declaration_gives_positions_defaults_and_the_value_in_use():
    assert SGD.lr.default == 1e-3 and SGD.defaults["momentum"] == 0.0
    optimizer = SGD(parameters(), 0.3, 0.9)
    assert (optimizer.lr, optimizer.momentum) == (0.3, 0.9)
    optimizer.param_groups[0]["lr"] = 0.1  # as schedulers do
    assert optimizer.lr == 0.1
    with pytest.raises(TypeError):
        SGD(parameters(), 0.3, lr=0.3)


def test_a_subclass_keeps_the_order_and_changes_one_default():
    assert list(AdamW.defaults) == ["lr", "betas", "eps", "weight_decay"] and AdamW.defaults["weight_decay"] == 1e-2


def test_torch_still_has_the_private_functions_that_speed_rests_on():
    """If this fails, the rules still work by their formulas: find the new names, or measure what is lost."""
    for name in fused.KERNELS:
        assert hasattr(torch, name), name
    used = (
        "add add_ addcdiv_ addcmul addcmul_ clamp_max_ clamp_min_ copy_ div div_ lerp lerp_ mul mul_ norm sign_ sqrt "
        "sqrt_ sub"
    ).split()
    missing = [name for name in used if not hasattr(torch, f"_foreach_{name}")]
    assert not missing


def test_rules_with_a_fast_form_have_it():
    assert {name for name, kind in RULES.items() if kind.fused} == {
        "SGD", "Adagrad", "RMSprop", "Adam", "AMSGrad", "AdamW", "NAdam", "RAdam", "Lion", "LARS", "LAMB",
        "ScheduleFreeSGD", "ScheduleFreeAdamW",
    }  # fmt: skip


def test_without_a_foreach_function_tensors_are_taken_one_by_one(monkeypatch):
    for name in ("lerp_", "addcdiv_", "sqrt", "mul_"):
        monkeypatch.delattr(tensors.Tensors, name)

    class Formula(AdamW):
        fused = None

    assert_close(after(Formula), after(lambda p: torch.optim.AdamW(p, weight_decay=1e-2)))


def test_an_unknown_method_of_tensors_is_named():
    with pytest.raises(AttributeError, match="lerpp"):
        tensors.Tensors([torch.ones(1)]).lerpp(1)
