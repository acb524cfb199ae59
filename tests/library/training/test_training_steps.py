"""What SAM, Sophia and Schedule-Free ask of training, against loops written out by hand."""

import copy
import functools

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from talweg import normalization
from talweg.data import Dataset
from talweg.models import MLP
from talweg.optimizers import LAMB, SAM, SGD, ScheduleFreeSGD, Sophia
from talweg.surfaces import Quadratic
from talweg.training import NonFiniteLoss, minimize, train, train_seeds
from talweg.training.statistics import estimate_statistics

float64 = torch.float64


@pytest.fixture
def blobs():
    """Three clouds in the plane."""
    generator = torch.Generator().manual_seed(0)
    y = torch.arange(60) % 3
    centres = torch.tensor([[2.0, 0.0], [-1.0, 1.5], [-1.0, -1.5]], dtype=float64)
    x = centres[y] + torch.randn(60, 2, generator=generator, dtype=float64)
    return Dataset("blobs", x[:40], y[:40], x[40:50], y[40:50], x[50:], y[50:], ("a", "b", "c"))


def net():
    torch.manual_seed(1)
    return MLP((2, 8, 3), dtype=float64)


def with_norm(norm=nn.BatchNorm1d):
    torch.manual_seed(1)
    return nn.Sequential(nn.Linear(2, 8), norm(8), nn.ReLU(), nn.Linear(8, 3)).double()


both_norms = pytest.mark.parametrize("norm", [nn.BatchNorm1d, normalization.BatchNorm1d])


def whole_batches(model, data, optimizer, step, steps=5):
    """The loop by hand, with all samples in each step: their order does not matter."""
    for _ in range(steps):
        step(model, data, optimizer)
    return torch.cat([p.detach().flatten() for p in model.parameters()])


def flat(model):
    return torch.cat([p.detach().flatten() for p in model.parameters()])


def test_sam_gets_its_second_pass(blobs):
    def by_hand(model, data, optimizer):
        parameters = list(model.parameters())
        g = torch.autograd.grad(F.cross_entropy(model(data.x_train), data.y_train), parameters)
        scale = 0.1 / torch.cat([part.flatten() for part in g]).norm()
        with torch.no_grad():
            for p, part in zip(parameters, g, strict=True):
                p.add_(scale * part)
        worst = torch.autograd.grad(F.cross_entropy(model(data.x_train), data.y_train), parameters)
        with torch.no_grad():
            for p, part, other in zip(parameters, g, worst, strict=True):
                p.sub_(scale * part + 0.5 * other)

    model, twin = net(), net()
    run = train(model, blobs, SAM(model.parameters(), SGD, rho=0.1, lr=0.5), epochs=5, batch_size=None, seed=0)
    whole_batches(twin, blobs, None, by_hand)
    torch.testing.assert_close(flat(model), flat(twin), rtol=0, atol=1e-10)
    start = F.cross_entropy(net()(blobs.x_train), blobs.y_train)
    assert run["loss"][0].item() == pytest.approx(start.item(), abs=1e-12)  # at θ, not at the worst point nearby
    assert len(run["loss"]) == 6


@both_norms
def test_sam_leaves_no_trace_of_the_second_pass_in_running_statistics(blobs, norm):
    model = with_norm(norm)
    train(model, blobs, SAM(model.parameters(), SGD, rho=5.0, lr=0.0), epochs=1, batch_size=None, seed=0)
    twin = with_norm().train()
    twin(blobs.x_train)
    torch.testing.assert_close(model[1].running_mean, twin[1].running_mean, rtol=0, atol=1e-12)


def test_sophia_gets_curvature_when_it_is_due(blobs, monkeypatch):
    calls = []
    estimate = Sophia.update_curvature

    def noted(self, forward, generator=None):
        calls.append(estimate(self, forward, generator))
        return calls[-1]

    monkeypatch.setattr(Sophia, "update_curvature", noted)
    model = net()
    optimizer = Sophia(model.parameters(), lr=0.01, estimator="gauss-newton-bartlett", every=3)
    run = train(model, blobs, optimizer, epochs=7, batch_size=None, seed=0)
    assert calls == [True, False, False, True, False, False, True]
    assert run["loss"][-1] < run["loss"][0]


@pytest.mark.parametrize("estimator", ["hutchinson", "gauss-newton-bartlett"])
def test_sophia_repeats_itself_with_the_seed_of_the_run(blobs, estimator):
    def trained(seed):
        model = net()
        optimizer = Sophia(model.parameters(), lr=0.01, gamma=10.0, estimator=estimator, every=2)
        train(model, blobs, optimizer, epochs=4, batch_size=None, seed=seed)
        return flat(model)

    assert torch.equal(trained(0), trained(0)) and not torch.equal(trained(0), trained(1))


def test_schedule_free_is_judged_at_its_average(blobs):
    model, twin = net(), net()
    run = train(model, blobs, ScheduleFreeSGD(model.parameters(), lr=0.5), epochs=6, batch_size=None, seed=0)
    y, z, x = flat(twin), flat(twin), flat(twin)
    seen = []
    for t in range(1, 7):
        y = 0.1 * z + 0.9 * x
        nn.utils.vector_to_parameters(y, twin.parameters())
        value = F.cross_entropy(twin(blobs.x_train), blobs.y_train)
        g = torch.cat([part.flatten() for part in torch.autograd.grad(value, list(twin.parameters()))])
        z = z - 0.5 * g
        x = (1 - 1 / t) * x + z / t
        nn.utils.vector_to_parameters(x, twin.parameters())
        seen.append(F.cross_entropy(twin(blobs.x_val), blobs.y_val).item())
    assert run["val_loss"][1:].tolist() == pytest.approx(seen, abs=1e-10)
    torch.testing.assert_close(flat(model), x, rtol=0, atol=1e-10)  # what is left is the answer


@both_norms
def test_schedule_free_estimates_batch_statistics_at_the_average(blobs, norm):
    model = with_norm(norm)
    train(model, blobs, ScheduleFreeSGD(model.parameters(), lr=0.5), epochs=6, batch_size=20, seed=0)
    activations = model[0](blobs.x_train)
    torch.testing.assert_close(model[1].running_mean, activations.mean(0), rtol=0, atol=1e-10)


def test_schedule_free_goes_on_from_where_it_learned(blobs):
    model, twin = net(), net()
    optimizer = ScheduleFreeSGD(model.parameters(), lr=0.5)
    for _ in range(2):
        train(model, blobs, optimizer, epochs=3, batch_size=None, seed=0)
    train(twin, blobs, ScheduleFreeSGD(twin.parameters(), lr=0.5), epochs=6, batch_size=None, seed=0)
    torch.testing.assert_close(flat(model), flat(twin), rtol=0, atol=1e-10)


@pytest.mark.parametrize(
    "Optimizer, options", [(SAM, {"lr": 0.3}), (ScheduleFreeSGD, {"lr": 0.3}), (Sophia, {"lr": 0.01, "every": 2})]
)
def test_many_seeds_equal_one_after_another(blobs, Optimizer, options):
    shared = dict(epochs=2, batch_size=10)
    together = train_seeds(net, blobs, Optimizer, seeds=[3, 4], **shared, **options)
    for seed, run in zip([3, 4], together, strict=True):
        torch.manual_seed(seed)
        model = net()
        alone = train(model, blobs, Optimizer(model.parameters(), **options), seed=seed, **shared)
        assert torch.equal(run["val_loss"], alone["val_loss"])


def test_a_loss_that_is_not_finite_stops_sam_before_the_update(blobs):
    model = net()
    before = copy.deepcopy(model.state_dict())
    with pytest.raises(NonFiniteLoss):
        train(
            model, blobs, SAM(model.parameters(), lr=0.1), epochs=1, batch_size=None, seed=0,
            loss=lambda outputs, y: outputs.sum() * torch.nan,
        )  # fmt: skip
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


def test_statistics_are_estimated_as_torch_does_and_layers_without_any_are_left_alone():
    """Instance normalization has no mean over batches: torch leaves its statistics alone, and so do we."""
    torch.manual_seed(0)
    model = nn.Sequential(
        nn.BatchNorm1d(2), nn.Linear(2, 6), nn.BatchNorm1d(6, momentum=0.3), nn.BatchNorm1d(6, track_running_stats=False),
        nn.Unflatten(1, (2, 3)), nn.InstanceNorm1d(2, track_running_stats=True),
    ).double()  # fmt: skip
    batches = torch.randn(90, 2, dtype=float64).split(40)
    model(batches[0])
    twin = copy.deepcopy(model).eval()
    model.eval()
    estimate_statistics(model, batches)
    torch.optim.swa_utils.update_bn(batches, twin)
    assert all(torch.equal(value, twin.state_dict()[name]) for name, value in model.state_dict().items())
    assert model[2].momentum == 0.3 and not model.training


@pytest.mark.parametrize(
    "Optimizer",
    [
        lambda p, **h: SAM(p, rho=0.05, **h),
        functools.partial(ScheduleFreeSGD, momentum=0.8),
        lambda p, **h: Sophia(p, every=2, **h),
        functools.partial(SGD, momentum=0.9),
        lambda p, **h: torch.optim.Adam(p, **h),
        lambda p, **h: LAMB(p, **h),
    ],
    ids=["SAM", "Schedule-Free", "Sophia", "SGD", "torch's Adam", "LAMB"],
)
def test_many_seeds_take_any_function_that_makes_an_optimizer(blobs, Optimizer):
    """A method behind a lambda was not recognised as one that needs more than a gradient."""
    shared = dict(epochs=2, batch_size=10)
    together = train_seeds(net, blobs, Optimizer, seeds=[3, 4], lr=0.01, **shared)
    for seed, run in zip([3, 4], together, strict=True):
        torch.manual_seed(seed)
        model = net()
        alone = train(model, blobs, Optimizer(model.parameters(), lr=0.01), seed=seed, **shared)
        torch.testing.assert_close(run["val_loss"], alone["val_loss"], rtol=1e-12, atol=0)
        assert run.config == alone.config


def test_minimize_takes_any_function_that_makes_an_optimizer():
    """The run was lost at its very end, for want of a class's name."""
    start = torch.tensor([[1.0, 1.0], [0.5, -2.0]], dtype=float64)
    expected = minimize(Quadratic([1.0, 2.0]), start, SGD, steps=5, lr=0.1, momentum=0.9)
    for make in (functools.partial(SGD, momentum=0.9), lambda p, **h: SGD(p, momentum=0.9, **h)):
        run = minimize(Quadratic([1.0, 2.0]), start, make, steps=5, lr=0.1)
        assert torch.equal(run.trajectory, expected.trajectory) and run.config["optimizer"] == "SGD"


def test_sam_around_another_method_asks_for_what_that_needs(blobs):
    """Around Schedule-Free the answer is the average; around Sophia curvature is there."""
    model = net()
    optimizer = SAM(model.parameters(), ScheduleFreeSGD, rho=0.0, lr=0.5)
    train(model, blobs, optimizer, epochs=4, batch_size=None, seed=0)
    twin = net()
    train(twin, blobs, ScheduleFreeSGD(twin.parameters(), lr=0.5), epochs=4, batch_size=None, seed=0)
    torch.testing.assert_close(flat(model), flat(twin), rtol=0, atol=1e-12)
    other = net()
    run = train(other, blobs, SAM(other.parameters(), Sophia, lr=0.01), epochs=4, batch_size=None, seed=0)
    assert run["loss"][-1] < run["loss"][0]
