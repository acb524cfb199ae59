"""Training: against recursions written out by hand, and one run against many."""

import copy
import math

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from talweg.data import Dataset
from talweg.models import MLP
from talweg.objective import Mean, Objective
from talweg.optimizers import SGD, Rule, number
from talweg.training import NonFiniteLoss, minimize, train, train_seeds
from talweg.training.sampling import draw

float64 = torch.float64


class Bowl(Objective):
    """½ Σ λᵢ θᵢ²"""

    def __init__(self, curvatures):
        self.curvatures = torch.tensor(curvatures, dtype=float64)
        self.dim = len(curvatures)

    def value(self, theta):
        return (self.curvatures * theta.square()).sum() / 2


class Samples(Mean):
    """(1/2n) Σ (θ - yᵢ)²: the gradient over a batch is θ minus the batch's mean."""

    dim = 1

    def __init__(self, y):
        self.y, self.n = torch.as_tensor(y, dtype=float64), len(y)

    def value(self, theta):
        return (theta - self.y).square().mean() / 2

    def batch_grads(self, thetas, indices):
        self.seen = indices
        return thetas - self.y[indices].mean(1, keepdim=True)


class NormScaled(Rule):
    """An update that depends on all entries together: θ ← θ - η g / ‖g‖."""

    lr: float = number(0.1, low=0)
    foreach = False
    elementwise = False

    def update(self, theta, g, *, lr, **_):
        theta.add_(g / g.norm(), alpha=-lr)


def small_data(n=50, dtype=float64, features=6, classes=3):
    generator = torch.Generator().manual_seed(5)
    x = torch.randn(n + 40, features, generator=generator, dtype=float64).to(dtype)
    y = torch.randint(classes, (n + 40,), generator=generator)
    return Dataset("small", x[:n], y[:n], x[n:-20], y[n:-20], x[-20:], y[-20:], tuple("abc"))


def small_net(seed=0, activation="tanh"):
    torch.manual_seed(seed)
    return MLP((6, 5, 3), activation, dtype=float64)


# minimize


def test_gradient_descent_on_a_bowl_is_its_closed_form():
    run = minimize(Bowl([1.0, 4.0]), [1.0, -2.0], SGD, steps=30, lr=0.3)
    factor = 1 - 0.3 * torch.tensor([1.0, 4.0], dtype=float64)
    t = torch.arange(31).unsqueeze(1)
    path = torch.tensor([1.0, -2.0], dtype=float64) * factor**t
    assert torch.allclose(run.trajectory, path, rtol=1e-12)
    assert torch.allclose(run["loss"], (path.square() * torch.tensor([1.0, 4.0])).sum(1) / 2, rtol=1e-12)
    assert torch.allclose(run["step_norm"], (path[1:] - path[:-1]).norm(dim=1), rtol=1e-12)
    assert torch.allclose(run["grad_norm"], (path * torch.tensor([1.0, 4.0])).norm(dim=1), rtol=1e-12)
    assert torch.equal(run.state["theta"], run.trajectory[-1]) and run.diverged_at is None


def test_many_starts_are_the_runs_one_by_one():
    starts = torch.tensor([[1.0, 1.0], [2.0, -1.0], [0.0, 3.0]], dtype=float64)
    together = minimize(Bowl([1.0, 3.0]), starts, SGD, steps=10, lr=0.2, momentum=0.9)
    assert together["loss"].shape == (11, 3) and together.trajectory.shape == (11, 3, 2)
    for k, start in enumerate(starts):
        alone = minimize(Bowl([1.0, 3.0]), start, SGD, steps=10, lr=0.2, momentum=0.9)
        assert torch.allclose(together.row(k).trajectory, alone.trajectory, rtol=1e-13)


def test_a_rule_that_mixes_entries_does_not_mix_starts():
    starts = torch.tensor([[1.0, 1.0], [200.0, -100.0]], dtype=float64)
    together = minimize(Bowl([1.0, 3.0]), starts, NormScaled, steps=5, lr=0.1)
    for k, start in enumerate(starts):
        alone = minimize(Bowl([1.0, 3.0]), start, NormScaled, steps=5, lr=0.1)
        assert torch.allclose(together.row(k).trajectory, alone.trajectory, rtol=1e-13)


def test_schedule_counts_from_one_and_multiplies_lr():
    steps = []

    def schedule(t):
        steps.append(t)
        return 1 / t

    run = minimize(Bowl([1.0]), [1.0], SGD, steps=3, lr=0.5, schedule=schedule)
    assert steps == [1, 2, 3]
    assert math.isclose(run.trajectory[-1].item(), (1 - 0.5) * (1 - 0.25) * (1 - 0.5 / 3))


def test_divergence_is_kept_and_the_run_stays_where_it_is():
    run = minimize(Bowl([1.0]), torch.tensor([[1.0], [0.0]]), SGD, steps=400, lr=10.0)
    (at, never) = run.diverged_at
    assert never is None and run["loss"][at, 0] == math.inf and run["loss"][at - 1, 0].isfinite()
    assert (run.trajectory[at:, 0] == run.trajectory[at, 0]).all() and run.trajectory.isfinite().all()
    assert (run["loss"][at:, 0] == math.inf).all() and (run["step_norm"][at:, 0] == 0).all()
    assert (run["loss"][:, 1] == 0).all()


@pytest.mark.parametrize("replacement", [False, True])
def test_each_run_draws_its_own_batches(replacement):
    f = Samples(range(20))
    minimize(f, torch.zeros(50, 1, dtype=float64), SGD, steps=1, lr=0.1, batch_size=8, seed=0, replacement=replacement)
    distinct = [len(set(row)) for row in f.seen.tolist()]
    assert f.seen.shape == (50, 8) and len({tuple(sorted(row)) for row in f.seen.tolist()}) > 40
    assert (min(distinct) == 8) is not replacement


@pytest.mark.parametrize("rows", [1, 4000])
def test_batches_without_replacement_are_uniform(rows):
    generator = torch.Generator().manual_seed(0)
    drawn = torch.cat([draw(rows, 10, 3, False, generator) for _ in range(4000 // rows)])
    pairs = torch.zeros(10, 10)
    for row in drawn.tolist():
        for i in row:
            for j in row:
                pairs[i, j] += 1
    expected = torch.full((10, 10), 4000 * 3 * 2 / 90)  # two given samples are in a batch together
    expected.fill_diagonal_(4000 * 3 / 10)
    assert ((pairs - expected).abs() <= 5 * expected.sqrt()).all()


def test_same_seed_same_run_other_seed_other_run():
    def path(seed):
        return minimize(Samples(range(20)), [3.0], SGD, steps=9, lr=0.1, batch_size=4, noise=0.1, seed=seed).trajectory

    assert torch.equal(path(1), path(1)) and not torch.equal(path(1), path(2))


def test_noise_has_the_given_standard_deviation():
    run = minimize(Bowl([0.0]), torch.zeros(5000, 1, dtype=float64), SGD, steps=4, lr=1.0, noise=0.5, seed=0)
    moves = run.trajectory[1:] - run.trajectory[:-1]
    assert abs(moves.std().item() - 0.5) < 0.01 and abs(moves.mean().item()) < 0.02


def test_the_start_is_not_changed():
    start = torch.ones(2, dtype=float64)
    minimize(Bowl([1.0, 2.0]), start, SGD, steps=3, lr=0.1)
    assert torch.equal(start, torch.ones(2, dtype=float64))


@pytest.mark.parametrize(
    "change, message",
    [
        ({"start": [1.0, 2.0]}, r"start must have shape \(1,\) or \(K, 1\)"),
        ({"start": [math.nan]}, "start must be finite"),
        ({"steps": 0}, "steps must be at least 1"),
        ({"batch_size": 21, "seed": 0}, "at most the number of samples, 20; got 21"),
        ({"batch_size": 2}, "seed must be given"),
        ({"noise": -1.0}, "noise must be"),
        ({"noise": 0.1}, "seed must be given"),
        ({"record": ("loss", "grad_nrom")}, "Did you mean 'grad_norm'"),
        ({"momentun": 0.9}, "Did you mean 'momentum'"),
    ],
)
def test_minimize_names_what_is_wrong(change, message):
    arguments = {"start": [1.0], "steps": 3, "lr": 0.1, **change}
    with pytest.raises(ValueError, match=message):
        minimize(Samples(range(20)), arguments.pop("start"), Optimizer=SGD, **arguments)


def test_batches_need_a_sum_over_samples():
    with pytest.raises(TypeError, match="batch_size needs a sum over samples.*got Bowl"):
        minimize(Bowl([1.0]), [1.0], SGD, steps=3, lr=0.1, batch_size=2, seed=0)


# train


def test_train_is_the_plain_loop():
    """The same batches through torch's own optimizer and autograd, written out."""
    data, model = small_data(), small_net()
    twin = copy.deepcopy(model)
    run = train(
        model, data, SGD(model.parameters(), lr=0.2, momentum=0.9), epochs=3, batch_size=16, seed=7,
        record=("loss", "grad_norm", "step_norm", "weight_norm", "trajectory", "val_loss", "val_accuracy"),
    )  # fmt: skip
    optimizer = torch.optim.SGD(twin.parameters(), lr=0.2, momentum=0.9)
    generator = torch.Generator().manual_seed(7)
    losses, grad_norms, path = [], [], [nn.utils.parameters_to_vector(twin.parameters()).detach()]
    for _ in range(3):
        for rows in torch.randperm(50, generator=generator).tensor_split(4):
            optimizer.zero_grad()
            loss = F.cross_entropy(twin(data.x_train[rows]), data.y_train[rows])
            loss.backward()
            losses.append(loss.detach())
            grad_norms.append(torch.cat([p.grad.flatten() for p in twin.parameters()]).norm())
            optimizer.step()
            path.append(nn.utils.parameters_to_vector(twin.parameters()).detach().clone())
    losses.append(F.cross_entropy(twin(data.x_train[rows]), data.y_train[rows]).detach())
    path = torch.stack(path)
    assert len(run["loss"]) == 13 and run.steps == 12
    assert torch.allclose(run["loss"], torch.stack(losses), rtol=1e-12)
    assert torch.allclose(run["grad_norm"], torch.stack(grad_norms), rtol=1e-12)
    assert torch.allclose(run.trajectory, path, rtol=1e-12)
    assert torch.allclose(run["step_norm"], (path[1:] - path[:-1]).norm(dim=1), rtol=1e-10)
    assert torch.allclose(run["weight_norm"], path.norm(dim=1), rtol=1e-12)
    outputs = twin(data.x_val)
    assert len(run["val_loss"]) == 4
    assert math.isclose(run["val_loss"][-1].item(), F.cross_entropy(outputs, data.y_val).item(), rel_tol=1e-12)
    assert run["val_accuracy"][-1] == (outputs.argmax(1) == data.y_val).double().mean().float()


def test_every_epoch_visits_each_sample_once():
    data = small_data()
    data.x_train[:, 0] = torch.arange(50)
    seen = []

    class Spy(nn.Linear):
        def forward(self, x):
            if self.training:
                seen.append(x[:, 0].tolist())
            return super().forward(x)

    model = Spy(6, 3, dtype=float64)
    train(model, data, SGD(model.parameters(), lr=0.0), epochs=2, batch_size=16, seed=0)
    assert [len(batch) for batch in seen] == [13, 13, 12, 12] * 2
    first, second = sum(seen[:4], []), sum(seen[4:], [])
    assert sorted(first) == sorted(second) == list(range(50)) and first != second


def test_trajectory_can_be_thinned():
    model = small_net()
    run = train(
        model, small_data(), SGD(model.parameters(), lr=0.1), epochs=1, batch_size=10, seed=0,
        record=("trajectory",), every=2,
    )  # fmt: skip
    assert len(run.trajectory) == 3 and run.config["every"] == 2


def test_nan_is_reported_with_its_step_and_no_update_is_made_from_it():
    data, model = small_data(), small_net()
    optimizer = SGD(model.parameters(), lr=0.1)
    poisoned = torch.randperm(50, generator=torch.Generator().manual_seed(3))[25]  # in the third batch of ten
    data.x_train[poisoned] = math.nan
    with pytest.raises(NonFiniteLoss, match=r"loss is nan at step 2 \(seed 3\)") as caught:
        train(model, data, optimizer, epochs=1, batch_size=10, seed=3)
    assert caught.value.step == 2 and isinstance(caught.value, FloatingPointError)
    assert all(p.isfinite().all() for p in model.parameters())


def test_train_leaves_the_generator_and_the_mode_alone():
    model = small_net().eval()
    torch.manual_seed(1)
    state = torch.random.get_rng_state()
    train(model, small_data(), SGD(model.parameters(), lr=0.1), epochs=1, batch_size=10, seed=0)
    assert torch.equal(torch.random.get_rng_state(), state) and not model.training


def test_train_names_what_is_wrong():
    data, model = small_data(), small_net()
    other = SGD(small_net().parameters(), lr=0.1)
    own = SGD(model.parameters(), lr=0.1)
    shared = dict(epochs=1, batch_size=10, seed=0)
    with pytest.raises(ValueError, match="optimizer must hold the model's parameters"):
        train(model, data, other, **shared)
    with pytest.raises(ValueError, match="one dtype; the model has torch.float64, the data torch.float32"):
        train(model, data.to(dtype=torch.float32), own, **shared)
    with pytest.raises(ValueError, match="batch_size must be at most the number of training samples, 50; got 51"):
        train(model, data, own, **{**shared, "batch_size": 51})
    with pytest.raises(ValueError, match="epochs must be at least 1"):
        train(model, data, own, **{**shared, "epochs": 0})
    with pytest.raises(ValueError, match="Did you mean 'val_accuracy'"):
        train(model, data, own, **shared, record=("val_acuracy",))


# train_seeds

RECORD = ("loss", "grad_norm", "step_norm", "weight_norm", "val_loss", "val_accuracy", "train_loss", "trajectory")


def convolutions():
    return nn.Sequential(nn.Unflatten(1, (1, 2, 3)), nn.Conv2d(1, 4, 2), nn.Tanh(), nn.Flatten(), nn.Linear(8, 3)).to(
        float64
    )


def dropout():
    return nn.Sequential(nn.Linear(6, 8), nn.Dropout(0.3), nn.BatchNorm1d(8), nn.Linear(8, 3)).to(float64)


@pytest.mark.parametrize("Optimizer", [SGD, torch.optim.Adam, NormScaled])
@pytest.mark.parametrize("make", [lambda: MLP((6, 5, 3), dtype=float64), convolutions, dropout])
def test_train_seeds_equals_train_with_each_seed(make, Optimizer):
    data, seeds = small_data(), [4, 9, 11]
    shared = dict(epochs=2, batch_size=16, record=RECORD, schedule=lambda t: 1 / t**0.5)
    together = train_seeds(make, data, Optimizer, seeds=seeds, lr=0.05, **shared)
    for seed, run in zip(seeds, together, strict=True):
        torch.manual_seed(seed)
        model = make()
        alone = train(model, data, Optimizer(model.parameters(), lr=0.05), seed=seed, **shared)
        assert run.seed == seed and run.config == alone.config and set(run.history) == set(alone.history)
        for name in alone.history:
            assert torch.allclose(run[name], alone[name], rtol=1e-10, atol=1e-12), name
        assert torch.allclose(run.trajectory, alone.trajectory, rtol=1e-10, atol=1e-12)
        for name, value in alone.state.items():
            assert torch.allclose(run.state[name], value, rtol=1e-10, atol=1e-12)


def test_given_models_are_trained_in_place():
    models = [small_net(seed) for seed in range(3)]
    before = [copy.deepcopy(model.state_dict()) for model in models]
    runs = train_seeds(models, small_data(), SGD, epochs=1, batch_size=10, seeds=range(3), lr=0.1)
    for model, old, run in zip(models, before, runs, strict=True):
        for name, value in model.state_dict().items():
            assert torch.equal(value, run.state[name]) and not torch.equal(value, old[name])


def test_another_loss_with_stacked_seeds():
    data = small_data()
    shared = dict(epochs=1, batch_size=10, loss=lambda out, y: F.mse_loss(out, F.one_hot(y, 3).to(out)))
    (run,) = train_seeds([small_net()], data, SGD, seeds=[2], lr=0.1, **shared)
    model = small_net()
    alone = train(model, data, SGD(model.parameters(), lr=0.1), seed=2, **shared)
    assert torch.allclose(run["loss"], alone["loss"], rtol=1e-12)


def test_one_diverging_seed_is_named():
    models = [small_net(seed) for seed in range(3)]
    with torch.no_grad():
        models[1][1].weight[0, 0] = math.nan
    with pytest.raises(NonFiniteLoss, match=r"loss is nan at step 0 \(seed 21\)") as caught:
        train_seeds(models, small_data(), SGD, epochs=1, batch_size=10, seeds=[20, 21, 22], lr=0.1)
    assert caught.value.seeds == [21]


@pytest.mark.parametrize(
    "models, seeds, error, message",
    [
        (lambda: small_net(), [], ValueError, "seeds must be one or more different"),
        (lambda: small_net(), [1, 1], ValueError, "seeds must be one or more different"),
        (small_net(), [1], TypeError, "got one model"),
        ([small_net()], [1, 2], ValueError, "models must be 2 different models.*got 1"),
        ([small_net(), MLP((6, 4, 3), dtype=float64)], [1, 2], ValueError, "one architecture"),
    ],
)
def test_train_seeds_names_what_is_wrong(models, seeds, error, message):
    with pytest.raises(error, match=message):
        train_seeds(models, small_data(), SGD, epochs=1, batch_size=10, seeds=seeds, lr=0.1)


def test_the_bar_is_silent_in_batch_mode(capsys):
    model = small_net()
    train(model, small_data(), SGD(model.parameters(), lr=0.1), epochs=1, batch_size=10, seed=0)
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize(("n", "size"), [(50, 16), (33, 16), (32, 16), (7, 7), (1, 1)])
def test_no_batch_of_an_epoch_is_much_smaller_than_the_others(n, size):
    from talweg.training.epochs import epoch_batches

    (batches,) = epoch_batches(n, 1, size, [0, 1], torch.device("cpu"))
    sizes = [batch.shape[1] for batch in batches]
    assert max(sizes) <= size and max(sizes) - min(sizes) <= 1 and len(sizes) == -(-n // size)
    assert torch.cat(batches, 1).sort(1).values.equal(torch.arange(n).repeat(2, 1))
