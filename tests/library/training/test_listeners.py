"""Listeners: that clipping, accumulation, early stopping and checkpoints are each a few lines, for one model and many."""

import copy
import math

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from talweg.data import Dataset
from talweg.models import MLP
from talweg.optimizers import SAM, SGD, Adam
from talweg.training import Listener, train, train_seeds
from talweg.training.recorder import Recorder

float64 = torch.float64


class Clip(Listener):
    """The gradient of each network is shortened to a norm of at most `limit`."""

    def __init__(self, limit):
        self.limit = limit

    def before_step(self, training):
        gradients = training.gradients()
        norm = sum(g.flatten(1).square().sum(1) for g in gradients).sqrt()
        factor = (self.limit / norm).clamp(max=1)
        for g in gradients:
            g.mul_(factor.view(-1, *[1] * (g.ndim - 1)))


class Patience(Listener):
    """Ends the training when no network has had a new least validation loss for some epochs; gives back the best."""

    def __init__(self, epochs):
        self.epochs, self.best, self.states, self.since = epochs, None, None, None

    def end_epoch(self, training):
        outputs, y = training.outputs(training.dataset.x_val), training.dataset.y_val
        values = [training.loss(one, y).item() for one in outputs]
        states = training.states()
        if self.best is None:
            self.best, self.states, self.since = values, states, [0] * len(values)
            return
        for k, value in enumerate(values):
            better = value < self.best[k]
            self.since[k] = 0 if better else self.since[k] + 1
            if better:
                self.best[k], self.states[k] = value, states[k]
        training.stopped = min(self.since) >= self.epochs

    def end(self, training):
        for k, state in enumerate(self.states):
            training.load(k, state)


class Accumulate(Listener):
    """An update from the mean gradient of every `count` batches; in between the optimizer finds no gradient."""

    def __init__(self, count):
        self.count, self.sums, self.seen = count, None, 0

    def before_step(self, training):
        gradients = [p.grad for p in training.parameters]
        self.sums = gradients if self.sums is None else [s + g for s, g in zip(self.sums, gradients, strict=True)]
        self.seen += 1
        due = self.seen % self.count == 0
        for p, total in zip(training.parameters, self.sums, strict=True):
            p.grad = total / self.count if due else None
        self.sums = None if due else self.sums


class Checkpoint(Listener):
    """Keeps what a training needs to go on exactly; given what was kept, it goes on from there."""

    def __init__(self, optimizer, kept=None):
        self.optimizer, self.kept = optimizer, kept

    def begin(self, training):
        if self.kept is not None:
            states, state, random, training.epoch, training.step, history = copy.deepcopy(self.kept)
            for k, one in enumerate(states):
                training.load(k, one)
            self.optimizer.load_state_dict(state)
            torch.set_rng_state(random)
            training.listeners[0].history = history

    def end_epoch(self, training):
        history = training.listeners[0].history
        now = (training.states(), self.optimizer.state_dict(), torch.get_rng_state(), training.epoch, training.step)
        self.kept = copy.deepcopy((*now, history))


def small_data(n=48):
    generator = torch.Generator().manual_seed(5)
    x = torch.randn(n + 40, 6, generator=generator, dtype=float64)
    noise = torch.randn(n + 40, 3, generator=generator, dtype=float64)
    y = (2 * x[:, :3] + noise).argmax(1)
    return Dataset("small", x[:n], y[:n], x[n:-20], y[n:-20], x[-20:], y[-20:], tuple("abc"))


def net(seed=0):
    torch.manual_seed(seed)
    return MLP((6, 5, 3), "tanh", dtype=float64)


def with_dropout():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(6, 8), nn.BatchNorm1d(8), nn.Dropout(0.3), nn.Linear(8, 3)).double()


def flat(model):
    return torch.cat([p.detach().flatten() for p in model.parameters()])


def plain_loop(model, data, seed, epochs, batches, change):
    """SGD by hand; change(parameters) may do something to the gradients, and says whether to take the step."""
    generator = torch.Generator().manual_seed(seed)
    for _ in range(epochs):
        for rows in torch.randperm(len(data.x_train), generator=generator).tensor_split(batches):
            grads = torch.autograd.grad(
                F.cross_entropy(model(data.x_train[rows]), data.y_train[rows]), list(model.parameters())
            )
            for p, g in zip(model.parameters(), grads, strict=True):
                p.grad = g
            update = change(list(model.parameters()))
            with torch.no_grad():
                for p, g in zip(model.parameters(), update, strict=True):
                    p.sub_(0.5 * g)
    return model


def clipped(parameters):
    nn.utils.clip_grad_norm_(parameters, 0.1)
    return [p.grad for p in parameters]


def test_clipping_is_torchs_for_one_model_and_for_each_of_many():
    data = small_data()
    shared = dict(epochs=2, batch_size=16, record=("grad_norm", "loss", "step_norm"))
    together = [net(seed) for seed in (3, 4)]
    runs = train_seeds(together, data, SGD, seeds=[3, 4], lr=0.5, listeners=lambda: [Clip(0.1)], **shared)
    for seed, model, run in zip((3, 4), together, runs, strict=True):
        alone = net(seed)
        train(alone, data, SGD(alone.parameters(), lr=0.5), seed=seed, listeners=[Clip(0.1)], **shared)
        expected = flat(plain_loop(net(seed), data, seed, 2, 3, clipped))
        torch.testing.assert_close(flat(alone), expected, rtol=0, atol=1e-6)  # torch adds 1e-6 to the norm
        torch.testing.assert_close(flat(model), flat(alone), rtol=0, atol=1e-12)
        assert run["grad_norm"].max() > 0.1  # recorded as it was, before it was clipped
        assert run["step_norm"].max() <= 0.05 + 1e-12


def test_accumulated_gradients_are_those_of_the_larger_batch():
    data = small_data()
    model, twin = net(), net()
    optimizer = Adam(model.parameters(), lr=0.05)
    train(model, data, optimizer, epochs=6, batch_size=12, seed=1, listeners=[Accumulate(4)])
    train(twin, data, Adam(twin.parameters(), lr=0.05), epochs=6, batch_size=None, seed=1)
    torch.testing.assert_close(flat(model), flat(twin), rtol=0, atol=1e-10)
    (many,) = train_seeds(
        [net()], data, Adam, epochs=6, batch_size=12, seeds=[1], lr=0.05, listeners=lambda: [Accumulate(4)]
    )
    torch.testing.assert_close(torch.cat([v.flatten() for v in many.state.values()]), flat(twin), rtol=0, atol=1e-10)


def test_patience_ends_early_and_gives_back_the_best_weights():
    data, model = small_data(), net()
    shared = dict(batch_size=16, record=("val_loss",))
    run = train(model, data, SGD(model.parameters(), lr=0.5), epochs=300, seed=0, listeners=[Patience(5)], **shared)
    losses, at = run["val_loss"], int(run["val_loss"].argmin())
    assert len(losses) == at + 6 < 301 and run.steps == 3 * (len(losses) - 1)
    assert F.cross_entropy(model(data.x_val), data.y_val).item() == pytest.approx(losses[at].item(), abs=1e-12)
    twin = net()  # the same as far as the best epoch, and no further
    train(twin, data, SGD(twin.parameters(), lr=0.5), epochs=at, seed=0, **shared)
    assert torch.equal(flat(twin), flat(model))


def test_patience_of_many_gives_each_network_its_own_best():
    data, seeds = small_data(), [0, 1, 2]
    models = [net(seed) for seed in seeds]
    shared = dict(epochs=300, batch_size=16, record=("val_loss",))
    runs = train_seeds(models, data, SGD, seeds=seeds, lr=0.5, listeners=lambda: [Patience(5)], **shared)
    best = [run["val_loss"].min().item() for run in runs]
    after = [F.cross_entropy(model(data.x_val), data.y_val).item() for model in models]
    assert after == pytest.approx(best, abs=1e-12)
    assert len({int(run["val_loss"].argmin()) for run in runs}) > 1 and len(runs[0]["val_loss"]) < 301
    for run, model in zip(runs, models, strict=True):  # what is reported is what the model holds
        assert all(torch.equal(value, run.state[name]) for name, value in model.state_dict().items())


def test_a_checkpoint_goes_on_exactly_with_dropout_and_momentum():
    data = small_data()
    shared = dict(epochs=5, batch_size=16, seed=2, schedule=lambda t: 1 / t**0.5)

    def run(stop=None, kept=None):
        model = with_dropout()
        optimizer = SGD(model.parameters(), lr=0.1, momentum=0.9)
        checkpoint = Checkpoint(optimizer, kept)
        listeners = [checkpoint]
        if stop is not None:
            halt = Listener()
            halt.end_epoch = lambda training: setattr(training, "stopped", training.epoch == stop)
            listeners.append(halt)
        return train(model, data, optimizer, listeners=listeners, **shared), model, checkpoint.kept

    whole, model, _ = run()
    _, _, kept = run(stop=2)
    again, resumed, _ = run(kept=kept)
    assert torch.equal(flat(resumed), flat(model)) and torch.equal(resumed[1].running_var, model[1].running_var)
    assert again.steps == whole.steps
    for name in whole.history:
        assert torch.equal(again[name], whole[name]), name


class Diary(Listener):
    def __init__(self):
        self.lines = []

    def begin(self, training):
        self.lines.append("begin")

    def before_step(self, training):
        assert not torch.is_grad_enabled() and training.parameters[0].grad is not None
        self.lines.append(f"before {training.step}")

    def after_step(self, training):
        self.lines.append(f"after {training.step}")

    def end_epoch(self, training):
        self.lines.append(f"epoch {training.epoch}")

    def end(self, training):
        self.lines.append("end")


DIARY = ["begin", "epoch 0", "before 0", "after 1", "before 1", "after 2", "epoch 1", "end"]


@pytest.mark.parametrize("Optimizer", [SGD, SAM])
def test_listeners_are_called_in_order_and_once_a_step(Optimizer):
    data, model, one = small_data(), net(), Diary()
    train(model, data, Optimizer(model.parameters(), lr=0.1), epochs=1, batch_size=24, seed=0, listeners=[one])
    many = Diary()
    train_seeds(
        [net()], data, Optimizer, epochs=1, batch_size=24, seeds=[0], lr=0.1, listeners=lambda: [many]
    )  # fmt: skip
    assert one.lines == many.lines == DIARY


def test_the_recorder_is_a_listener_among_others():
    data, model, second = small_data(), net(), Recorder(("loss", "val_loss"), 1)
    run = train(model, data, SGD(model.parameters(), lr=0.1), epochs=2, batch_size=16, seed=0, listeners=[second])
    assert torch.equal(torch.stack(second.history["loss"])[:, 0], run["loss"])
    assert torch.equal(torch.stack(second.history["val_loss"])[:, 0], run["val_loss"])


@pytest.mark.parametrize("fails", [False, True])
def test_the_rate_is_afterwards_what_it_was(fails):
    """Also when the loss stops being finite in the middle of a schedule."""
    data, model = small_data(), net()
    optimizer = SGD(model.parameters(), lr=0.5)
    if fails:
        data.x_train[7] = math.nan
    try:
        train(model, data, optimizer, epochs=2, batch_size=8, seed=0, schedule=lambda t: 0.1**t)
    except FloatingPointError:
        assert fails
    assert optimizer.param_groups[0]["lr"] == 0.5
