"""Models, data and losses as users bring them: each is trained as a plain loop of torch would, or refused by a sentence."""

import collections
import copy
import dataclasses
import warnings

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from talweg.data import Dataset
from talweg.models import MLP
from talweg.objective import Objective
from talweg.optimizers import SGD, Adam, Muon
from talweg.training import train, train_seeds

float64 = torch.float64
N = 24


@pytest.fixture(autouse=True)
def double():
    """Models and data in float64, so that loops can be compared to the last digits."""
    torch.set_default_dtype(float64)
    yield
    torch.set_default_dtype(torch.float32)


def dataset(x, y):
    return Dataset("brought", x, y, x, y, x, y, ("a", "b", "c"))


def numbers(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=float64)


def labels(*shape, classes=3):
    return torch.randint(classes, shape, generator=torch.Generator().manual_seed(1))


def by_hand(model, data, loss=F.cross_entropy, lr=0.1, epochs=2, batches=3, parameters=None):
    """SGD as torch has it, over the same batches."""
    optimizer = torch.optim.SGD(model.parameters() if parameters is None else parameters, lr=lr)
    generator = torch.Generator().manual_seed(0)
    model.train()
    for _ in range(epochs):
        for rows in torch.randperm(len(data.x_train), generator=generator).tensor_split(batches):
            model.zero_grad()
            loss(model(data.x_train[rows]), data.y_train[rows]).backward()
            optimizer.step()
    return model.eval()


def flat(model):
    return torch.cat([p.detach().flatten() for p in model.parameters()])


class Last(nn.Module):
    """A recurrent layer, or attention, and a linear one on what it says at the end."""

    def __init__(self, layer):
        super().__init__()
        self.layer, self.head = layer, nn.Linear(4, 3)

    def forward(self, x):
        attention = isinstance(self.layer, nn.MultiheadAttention)
        found = self.layer(x, x, x) if attention else self.layer(x)
        return self.head((found[0] if isinstance(found, tuple) else found).mean(1))


class Function(nn.Module):
    """Chance where no module says so."""

    def __init__(self, chance):
        super().__init__()
        self.chance, self.head = chance, nn.Linear(4, 3)

    def forward(self, x):
        return self.head(self.chance(x, self.training))


class Shared(nn.Module):
    """One module under two names, and a tied weight."""

    def __init__(self):
        super().__init__()
        self.first = nn.Linear(4, 4)
        self.again = self.first
        self.other, self.head = nn.Linear(4, 4), nn.Linear(4, 3)
        self.other.weight = self.first.weight

    def forward(self, x):
        return self.head(torch.tanh(self.other(torch.tanh(self.again(torch.tanh(self.first(x)))))))


# What goes in


TOKENS = {
    "embedding": lambda: nn.Sequential(nn.Embedding(10, 4), nn.Flatten(), nn.Linear(8, 3)),
    "embedding, recurrent": lambda: nn.Sequential(nn.Embedding(10, 4), Last(nn.GRU(4, 4, batch_first=True))),
    "embedding bag": lambda: nn.Sequential(nn.EmbeddingBag(10, 4), nn.Linear(4, 3)),
}


@pytest.mark.parametrize("dtype", [torch.int64, torch.int32])
@pytest.mark.parametrize("make", TOKENS.values(), ids=TOKENS)
def test_tokens_are_trained_on(make, dtype):
    """Integers were refused with the advice to convert the model to them."""
    data = dataset(labels(N, 2, classes=10).to(dtype), labels(N))
    model = make()
    expected = by_hand(copy.deepcopy(model), data)
    runs = train_seeds([copy.deepcopy(model)], data, SGD, lr=0.1, epochs=2, batch_size=8, seeds=[0])
    run = train(model, data, SGD(model.parameters(), lr=0.1), epochs=2, batch_size=8, seed=0)
    torch.testing.assert_close(flat(model), flat(expected), rtol=1e-10, atol=1e-12)
    torch.testing.assert_close(runs[0]["val_loss"], run["val_loss"], rtol=1e-10, atol=1e-12)
    assert run["val_accuracy"][-1] == (expected(data.x_val).argmax(1) == data.y_val).double().mean()


def test_arrays_of_numpy_are_data():
    x, y = numbers(N, 4).numpy(), labels(N).numpy().astype(np.int32)
    data = dataset(x, y)
    assert data.x_train.dtype == float64 and data.y_train.dtype == torch.int64
    expected = by_hand(model := nn.Linear(4, 3), dataset(numbers(N, 4), labels(N)))
    torch.manual_seed(0)
    model.reset_parameters()
    twin = by_hand(copy.deepcopy(model), data)
    train(model, data, SGD(model.parameters(), lr=0.1), epochs=2, batch_size=8, seed=0)
    torch.testing.assert_close(flat(model), flat(twin), rtol=1e-10, atol=1e-12)
    x[:] = 7.0  # the data set has its own copy
    assert not (data.x_train == 7).any() and expected is not None


BAD_PARTS = {
    "a list": [1.0, 2.0],
    "a dict": {"x": torch.ones(2)},
    "a DataLoader": torch.utils.data.DataLoader(torch.utils.data.TensorDataset(torch.ones(2))),
    "words": np.array(["a", "b"]),
    "one number": torch.tensor(1.0),
    "nothing": None,
}


@pytest.mark.parametrize("bad", BAD_PARTS.values(), ids=BAD_PARTS)
@pytest.mark.parametrize("part", ["x_train", "y_val"])
def test_data_that_are_no_tensors_are_named(part, bad):
    parts = {f"{kind}_{of}": torch.ones(2) for kind in "xy" for of in ("train", "val", "test")}
    with pytest.raises(TypeError, match=f"{part} must be a tensor or a NumPy array.*got"):
        Dataset("brought", **{**parts, part: bad}, classes=())


@pytest.mark.parametrize("bad", [numbers(4, 2), [1], {"x": 1}, torch.utils.data.DataLoader([1])])
def test_what_is_no_data_set_is_named(bad):
    model = nn.Linear(2, 2)
    with pytest.raises(TypeError, match=f"dataset must be a talweg.data.Dataset; got {type(bad).__name__}"):
        train(model, bad, SGD(model.parameters()), epochs=1, batch_size=None, seed=0)
    with pytest.raises(TypeError, match="dataset must be a talweg.data.Dataset"):
        train_seeds([model], bad, SGD, epochs=1, batch_size=None, seeds=[0])


def one_hot(y):
    return F.one_hot(y, 3).double()


REFUSED = {
    "images of bytes": (numbers(N, 4).byte(), labels(N), {}, r"model cannot take x of shape \(24, 4\), torch.uint8.*x.float"),
    "another width": (numbers(N, 5), labels(N), {}, r"model cannot take x of shape \(24, 5\)"),
    "other labels": (numbers(N, 4), labels(N).int(), {}, r"loss cannot take outputs of shape \(24, 3\).*torch.int32"),
    "labels beyond": (numbers(N, 4), labels(N) + 1, {}, "loss cannot take outputs.*out of bounds"),
    "losses of samples": (
        numbers(N, 4), labels(N), {"loss": nn.CrossEntropyLoss(reduction="none")}, r"loss must return one number.*\(24,\)",
    ),
    "a loss that is no tensor": (
        numbers(N, 4), labels(N), {"loss": lambda out, y: F.cross_entropy(out, y).item()}, "one number.*type float",
    ),
    "accuracy of numbers": (
        numbers(N, 4), numbers(N, 3), {"loss": F.mse_loss, "record": ("loss", "val_accuracy")},
        r"record must leave out 'val_accuracy': .*y of shape \(24, 3\), torch.float64. Use record=\('loss',\)",
    ),
    "accuracy of one-hot labels": (
        numbers(N, 4), one_hot(labels(N)), {"record": "train_accuracy"}, r"leave out 'train_accuracy'.*record=\(\)",
    ),
    "accuracy of ignored labels": (
        numbers(N, 4), torch.where(numbers(N) > 0, labels(N), -100), {"record": ["val_accuracy"]}, "integers.*from 0",
    ),
}  # fmt: skip


@pytest.mark.parametrize("x, y, options, message", REFUSED.values(), ids=REFUSED)
def test_what_does_not_go_together_is_refused_before_anything_changes(x, y, options, message):
    model = nn.Linear(4, 3).train()
    before, state = copy.deepcopy(model.state_dict()), torch.get_rng_state()
    shared = dict(epochs=1, batch_size=None, **options)
    with pytest.raises(ValueError, match=message):
        train(model, dataset(x, y), SGD(model.parameters(), lr=0.1), seed=0, **shared)
    with pytest.raises(ValueError, match=message):
        train_seeds([model], dataset(x, y), SGD, seeds=[0], lr=0.1, **shared)
    assert model.training and torch.equal(torch.get_rng_state(), state)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


def own_loss(outputs, y):
    return (outputs - y).square().mean()


@pytest.mark.parametrize("loss", [F.mse_loss, nn.HuberLoss(), own_loss], ids=["mse", "huber", "own"])
@pytest.mark.parametrize("flat_outputs", [False, True])
def test_regression_does_not_compare_each_output_with_every_target(loss, flat_outputs):
    """(n, 1) against (n,): torch warns at most, and computes another loss."""
    model = nn.Sequential(nn.Linear(4, 1), nn.Flatten(0)) if flat_outputs else nn.Linear(4, 1)
    y, fitting = (numbers(N, 1), numbers(N)) if flat_outputs else (numbers(N), numbers(N, 1))
    shared = dict(epochs=1, batch_size=8, seed=0, loss=loss)
    with pytest.raises(ValueError, match="loss compares each output with every y"):
        train(model, dataset(numbers(N, 4), y), SGD(model.parameters(), lr=0.1), **shared)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        train(model, dataset(numbers(N, 4), fitting), SGD(model.parameters(), lr=0.1), **shared)


def test_a_loss_that_makes_the_shapes_fit_is_left_alone():
    model = nn.Linear(4, 1)
    run = train(
        model, dataset(numbers(N, 4), numbers(N)), SGD(model.parameters(), lr=0.1), epochs=1, batch_size=8, seed=0,
        loss=lambda out, y: F.mse_loss(out[:, 0], y),
    )  # fmt: skip
    assert set(run.history) == {"loss", "val_loss"}


# What comes out


Named = collections.namedtuple("Named", "logits hidden")


@dataclasses.dataclass
class Outputs:
    logits: torch.Tensor
    hidden: torch.Tensor


class Returns(nn.Module):
    def __init__(self, wrap):
        super().__init__()
        self.wrap, self.first, self.head = wrap, nn.Linear(4, 5), nn.Linear(5, 3)

    def forward(self, x):
        hidden = self.first(x)
        return self.wrap(self.head(hidden), hidden)


WRAPPERS = {
    "tuple": (lambda logits, hidden: (logits, hidden), lambda out: out[0]),
    "named tuple": (Named, lambda out: out.logits),
    "dataclass": (Outputs, lambda out: out.logits),
    "dict": (lambda logits, hidden: {"logits": logits, "hidden": hidden}, lambda out: out["logits"]),
}


@pytest.mark.parametrize("wrap, logits", WRAPPERS.values(), ids=WRAPPERS)
def test_outputs_of_any_kind_have_a_loss_and_no_accuracy(wrap, logits):
    data = dataset(numbers(N, 4), labels(N))

    def loss(out, y):
        return F.cross_entropy(logits(out), y)

    torch.manual_seed(0)
    model = Returns(wrap)
    twin, other = by_hand(copy.deepcopy(model), data, loss), copy.deepcopy(model)
    shared = dict(epochs=2, batch_size=8, loss=loss)
    run = train(model, data, SGD(model.parameters(), lr=0.1), seed=0, **shared)
    assert set(run.history) == {"loss", "val_loss"}
    assert run["val_loss"][-1].item() == pytest.approx(loss(twin(data.x_val), data.y_val).item(), abs=1e-12)
    (many,) = train_seeds([other], data, SGD, seeds=[0], lr=0.1, **shared)
    torch.testing.assert_close(many["val_loss"], run["val_loss"], rtol=1e-10, atol=1e-12)
    with pytest.raises(
        ValueError, match=f"record must leave out 'val_accuracy'.*type {type(model(data.x_val)).__name__}"
    ):
        train(model, data, SGD(model.parameters(), lr=0.1), seed=0, record=("val_accuracy", "loss"), **shared)


NO_ACCURACY = {
    "regression (n, 1)": (nn.Linear(4, 1), numbers(N, 1), F.mse_loss),
    "regression (n,)": (nn.Sequential(nn.Linear(4, 1), nn.Flatten(0)), numbers(N), F.mse_loss),
    "one-hot labels": (nn.Linear(4, 3), one_hot(labels(N)), F.cross_entropy),
    "labels of positions": (nn.Sequential(nn.Linear(4, 6), nn.Unflatten(1, (3, 2))), labels(N, 2), F.cross_entropy),
    "yes or no": (nn.Linear(4, 1), labels(N, 1, classes=2).double(), F.binary_cross_entropy_with_logits),
    "one logit, integer labels": (
        nn.Linear(4, 1), labels(N, classes=2), lambda out, y: F.binary_cross_entropy_with_logits(out[:, 0], y.double()),
    ),
    "ignored labels": (nn.Linear(4, 3), torch.where(numbers(N) > 0, labels(N), -100), F.cross_entropy),
}  # fmt: skip


@pytest.mark.parametrize("model, y, loss", NO_ACCURACY.values(), ids=NO_ACCURACY)
def test_no_accuracy_is_recorded_where_there_is_none(model, y, loss):
    """Regression had an accuracy of 0; the others failed at an index."""
    data, model = dataset(numbers(N, 4), y), copy.deepcopy(model).double()
    twin, other = by_hand(copy.deepcopy(model), data, loss), copy.deepcopy(model)
    shared = dict(epochs=2, batch_size=8, loss=loss)
    run = train(model, data, SGD(model.parameters(), lr=0.1), seed=0, **shared)
    (many,) = train_seeds([other], data, SGD, seeds=[0], lr=0.1, **shared)
    assert set(run.history) == set(many.history) == {"loss", "val_loss"}
    expected = loss(twin(data.x_val), data.y_val).item()
    assert [run["val_loss"][-1].item(), many["val_loss"][-1].item()] == pytest.approx([expected] * 2, abs=1e-12)


# Several seeds


def drop(x, training):
    return F.dropout(x, 0.5, training)


def drop_rows(x, training):
    return x * torch.empty(len(x), 1).bernoulli_(0.7) if training else x


def noisy(x, training):
    return x + 0.1 * torch.randn_like(x) if training else x


def branches(x, training):
    return x if x.sum().item() > 0 else 2 * x


ONE_AFTER_ANOTHER = {
    "LSTM": lambda: Last(nn.LSTM(4, 4, batch_first=True)),
    "GRU": lambda: Last(nn.GRU(4, 4, batch_first=True)),
    "RNN": lambda: Last(nn.RNN(4, 4, batch_first=True)),
    "attention with dropout": lambda: Last(nn.MultiheadAttention(4, 2, dropout=0.3, batch_first=True)),
    "attention": lambda: Last(nn.MultiheadAttention(4, 2, batch_first=True)),
    "encoder": lambda: Last(nn.TransformerEncoderLayer(4, 2, 8, batch_first=True)),
    "F.dropout": lambda: Function(drop),
    "stochastic depth": lambda: Function(drop_rows),
    "noise": lambda: Function(noisy),
    "RReLU": lambda: nn.Sequential(nn.Linear(4, 3), nn.RReLU()),
    "a branch by value": lambda: Function(branches),
    "a shared module": Shared,
    "batch norm by the batch": lambda: nn.Sequential(
        nn.Linear(4, 4), nn.BatchNorm1d(4, track_running_stats=False), nn.Linear(4, 3)
    ),
}


@pytest.mark.parametrize("make", ONE_AFTER_ANOTHER.values(), ids=ONE_AFTER_ANOTHER)
def test_many_seeds_equal_separate_trainings_of_any_model(make):
    torch.manual_seed(0)
    data = dataset(numbers(N, 3, 4) if isinstance(make(), Last) else numbers(N, 4), labels(N))
    shared = dict(epochs=2, batch_size=8, record=("loss", "grad_norm", "val_loss", "val_accuracy", "trajectory"))
    together = train_seeds(make, data, SGD, seeds=[3, 4], lr=0.1, **shared)
    for seed, run in zip([3, 4], together, strict=True):
        torch.manual_seed(seed)
        model = make()
        alone = train(model, data, SGD(model.parameters(), lr=0.1), seed=seed, **shared)
        for name in alone.history:
            torch.testing.assert_close(run[name], alone[name], rtol=1e-9, atol=1e-12)
        torch.testing.assert_close(run.trajectory, alone.trajectory, rtol=1e-9, atol=1e-12)
        assert set(run.state) == set(model.state_dict())
        for name, value in model.state_dict().items():
            torch.testing.assert_close(run.state[name], value, rtol=1e-9, atol=1e-12)


def decay_of_matrices(parameters, **options):
    parameters = list(parameters)
    matrices = [p for p in parameters if p.ndim > 1]
    vectors = [p for p in parameters if p.ndim <= 1]
    return SGD([{"params": matrices, "weight_decay": 0.5}, {"params": vectors}], **options)


def rate_by_width(parameters, **options):
    return Adam([{"params": [p], "lr": 0.1 / p.shape[-1]} for p in parameters], **options)


def last_layer_only(parameters, **options):
    return SGD(list(parameters)[-2:], **options)


@pytest.mark.parametrize("Optimizer", [decay_of_matrices, rate_by_width, last_layer_only, Muon])
def test_groups_of_stacked_networks_are_those_of_each(Optimizer):
    """A function that gives vectors no decay took stacked vectors for matrices."""
    options = {} if Optimizer is Muon else {"lr": 0.1}
    if Optimizer is Muon:
        Optimizer = lambda parameters: Muon([p for p in parameters if p.ndim == 2], lr=0.1)  # noqa: E731
    data, make = dataset(numbers(N, 4), labels(N)), lambda: MLP((4, 5, 3), dtype=float64)
    shared = dict(epochs=2, batch_size=8, record=("grad_norm", "val_loss", "trajectory", "step_norm"))
    together = train_seeds(make, data, Optimizer, seeds=[3, 4], **options, **shared)
    for seed, run in zip([3, 4], together, strict=True):
        torch.manual_seed(seed)
        model = make()
        alone = train(model, data, Optimizer(model.parameters(), **options), seed=seed, **shared)
        for name in alone.history:
            torch.testing.assert_close(run[name], alone[name], rtol=1e-9, atol=1e-12)
        torch.testing.assert_close(run.trajectory, alone.trajectory, rtol=1e-9, atol=1e-12)


# Parameters that are not trained


def halves(how):
    """A network of which the last layer alone is trained, and its optimizer's parameters."""
    torch.manual_seed(0)
    model = MLP((4, 5, 3), "tanh", dtype=float64)
    layers = [module for module in model.modules() if isinstance(module, nn.Linear)]
    if how == "frozen":
        layers[0].requires_grad_(False)
        return model, list(model.parameters())
    return model, list(layers[-1].parameters())


@pytest.mark.parametrize("how", ["frozen", "left out by the optimizer"])
def test_a_trajectory_fits_the_objective_of_its_model(how):
    """The frozen parameters were left out, so that no objective took the points of the trajectory."""
    data = dataset(numbers(N, 4), labels(N))
    model, parameters = halves(how)
    f = Objective.of(model, F.cross_entropy, data.x_train, data.y_train)
    twin = copy.deepcopy(model)
    held = [twin.get_parameter(name) for name, p in model.named_parameters() if any(p is q for q in parameters)]
    by_hand(twin, data, parameters=held)
    shared = dict(epochs=2, batch_size=8, record=("trajectory", "train_loss", "grad_norm", "step_norm"))
    run = train(model, data, SGD(parameters, lr=0.1), seed=0, **shared)
    assert run.trajectory.shape == (7, f.dim) and torch.equal(run.trajectory[0], f.theta)
    ends = [f(run.trajectory[0]).item(), f(run.trajectory[-1]).item()]
    assert run["train_loss"][[0, -1]].tolist() == pytest.approx(ends, abs=1e-12)
    torch.testing.assert_close(run.trajectory[-1], flat(twin), rtol=1e-10, atol=1e-12)
    torch.testing.assert_close(run["step_norm"], 0.1 * run["grad_norm"], rtol=1e-9, atol=0)  # no others' gradients
    torch.testing.assert_close(run["step_norm"], run.trajectory.diff(dim=0).norm(dim=1), rtol=1e-9, atol=0)


def test_the_gradients_of_parameters_that_no_optimizer_holds_do_not_add_up():
    data = dataset(numbers(N, 4), labels(N))
    model, parameters = halves("left out")
    first = next(model.parameters())
    seen = []

    class Look(nn.Module):
        def forward(self, x):
            seen.append(first.grad is None)
            return model(x)

    outer = Look()
    outer.model = model
    train(outer, data, SGD(parameters, lr=0.0), epochs=2, batch_size=8, seed=0, record=())
    assert all(seen[1:-1])


def test_one_module_under_two_names_is_one_in_training_and_in_its_trajectory():
    torch.manual_seed(0)
    model, data = Shared(), dataset(numbers(N, 4), labels(N))
    twin = by_hand(copy.deepcopy(model), data)
    f = Objective.of(model, F.cross_entropy, data.x_train, data.y_train)
    run = train(model, data, SGD(model.parameters(), lr=0.1), epochs=2, batch_size=8, seed=0, record=("trajectory",))
    torch.testing.assert_close(run.trajectory[-1], flat(twin), rtol=1e-10, atol=1e-12)
    assert run.trajectory.shape[1] == f.dim and model.again is model.first and model.other.weight is model.first.weight


@pytest.mark.parametrize(
    "loss",
    [nn.CrossEntropyLoss(reduction="sum"), nn.CrossEntropyLoss(weight=torch.tensor([1.0, 9.0, 0.1], dtype=float64)),
     nn.CrossEntropyLoss(ignore_index=1)],
    ids=["sum", "class weights", "ignored labels"],
)  # fmt: skip
def test_the_loss_of_a_set_too_large_for_one_pass_is_that_of_all_its_samples(loss):
    torch.manual_seed(0)
    x, y = numbers(4500, 4), labels(4500).sort().values  # so that parts have other weights than the whole
    model = nn.Linear(4, 3)
    expected = loss(model(x), y).item()
    data = dataset(x, y)
    run = train(model, data, SGD(model.parameters(), lr=1e-9), epochs=1, batch_size=None, seed=0, loss=loss)
    assert len(data.x_val) > 2000 and run["val_loss"][0].item() == pytest.approx(expected, rel=1e-5)
