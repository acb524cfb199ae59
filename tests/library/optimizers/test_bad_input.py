"""Bad input: the message names the argument, and nothing has changed."""

import copy

import pytest
import torch
from methods import KINDS, every_method, flat, walk
from reference import fixed_gradients, parameters

from talweg import optimizers
from talweg.optimizers import Adam, AdamW, Lion, Muon


@every_method
def test_sparse_gradients_are_refused_before_anything_changes(make):
    shapes = [(3, 4), (3, 4)]
    theta = parameters(shapes)
    optimizer = make(theta)
    before = walk(optimizer, theta, fixed_gradients(1, shapes))
    state = copy.deepcopy(optimizer.state_dict()["state"])
    theta[1].grad = torch.ones(3, 4, dtype=torch.float64).to_sparse()
    with pytest.raises(RuntimeError, match="sparse"):
        optimizer.step()
    assert torch.equal(flat(theta), before)
    for old, new in zip(state.values(), optimizer.state_dict()["state"].values(), strict=True):
        assert all(torch.equal(torch.as_tensor(old[name]), torch.as_tensor(new[name])) for name in new)


BAD = [
    (name, {key: value})
    for name in KINDS
    for key, values in (
        ("lr", (-0.1, float("nan"), float("inf"), None, "fast")),
        ("betas", ((1.0, 0.9), (-0.1, 0.9), (0.9, float("nan")), (0.9,), 0.9)),
        ("eps", (-1e-8, float("nan"))),
        ("weight_decay", (-0.1, float("nan"))),
        ("momentum", (-0.1, float("nan"))),
        ("gamma", (-1.0,)),
        ("clip", (0.0, -1.0, float("nan"))),
        ("trust", (-1.0, float("nan"))),
        ("estimator", ("hessian",)),
        ("every", (0, 1.5)),
        ("iterations", (0,)),
        ("scale", ("big",)),
        ("warmup_steps", (-1,)),
    )
    for value in values
    if key in getattr(optimizers, name.split()[0]).defaults and (name, key) != ("Adafactor", "eps")
]


@pytest.mark.parametrize("name, h", BAD, ids=[f"{name} {h}" for name, h in BAD])
def test_bad_hyperparameters_are_named(name, h):
    with pytest.raises((ValueError, TypeError), match=next(iter(h))):
        KINDS[name](parameters(), **h)
    with pytest.raises((ValueError, TypeError), match=next(iter(h))):  # in one group of several
        KINDS[name]([dict(params=parameters([(3, 4)])), dict(params=parameters([(2, 2)]), **h)])


@every_method
def test_bad_parameters_are_refused(make):
    leaf = torch.ones(2, 2, requires_grad=True)
    with pytest.raises(ValueError, match="empty"):
        make([])
    with pytest.raises(ValueError, match="leaf"):
        make([leaf * 2])
    with pytest.raises(TypeError, match="complex"):
        make([torch.ones(2, 2, dtype=torch.complex64, requires_grad=True)])
    with pytest.raises(ValueError, match="learning_rate"):
        make([leaf], learning_rate=0.1)


def test_muon_refuses_vectors_and_says_where_they_go():
    theta = parameters()
    with pytest.raises(ValueError, match=r"shape \(4,\).*adamw=True"):
        Muon(theta)
    optimizer = Muon(theta[:1])
    with pytest.raises(ValueError, match="matrices"):
        optimizer.add_param_group(dict(params=[theta[1]]))
    assert len(optimizer.param_groups) == 1


def test_muons_groups_send_embedding_and_last_layer_to_adamw():
    model = torch.nn.Sequential(torch.nn.Embedding(5, 4), torch.nn.Linear(4, 3), torch.nn.Linear(3, 2))
    matrices, rest = Muon.groups(model, lr=0.1, adamw_lr=0.01)
    assert matrices == dict(params=[model[1].weight], lr=0.1)
    assert {id(p) for p in rest["params"]} == {id(model[i].weight) for i in (0, 2)} | {
        id(model[i].bias) for i in (1, 2)
    }
    assert rest["adamw"] and rest["lr"] == 0.01


@pytest.mark.parametrize("other", [AdamW, Lion, torch.optim.Adam])
def test_the_state_of_another_method_is_refused(other):
    theta = parameters()
    foreign = other(theta, lr=0.1)
    walk(foreign, theta, fixed_gradients(2))
    optimizer = Adam(theta, lr=0.5)
    before = flat(theta)
    with pytest.raises(ValueError, match="must come from Adam"):
        optimizer.load_state_dict(foreign.state_dict())
    assert torch.equal(flat(theta), before) and not optimizer.state and optimizer.param_groups[0]["lr"] == 0.5
