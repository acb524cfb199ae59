"""Real models, data and losses in everything that takes them: each works, against an oracle, or is refused by a sentence.

What comes out is the docstring of `talweg.objective.tried`; `python tests/library/objective/test_models.py` writes it anew.
"""

import collections
import dataclasses
import functools
import textwrap
import traceback
import warnings
from pathlib import Path

import pytest
import torch
from torch import nn
from torch.nn import functional as F
from torch.nn.utils import parametrizations, prune, vector_to_parameters
from torch.utils.data import DataLoader, TensorDataset

import talweg
from talweg import Objective
from talweg.data import Dataset
from talweg.data.vision import torchvision_datasets
from talweg.initializers import diagnostics, initialize
from talweg.landscape import connect, eigenpairs, line, plane, random_directions
from talweg.models import MLP, ConvNet, ResNet
from talweg.optimizers import SGD
from talweg.training import train

LIBRARY = Path(talweg.__file__).parent
FILE = LIBRARY / "objective" / "tried.py"
F64 = torch.float64
CALLS = (
    "Objective.of",
    "line",
    "plane",
    "eigenpairs",
    "random_directions",
    "connect",
    "initialize",
    "signals",
    "train",
)
N = 16


def random(*shape, seed=0):
    return torch.randn(*shape, dtype=F64, generator=torch.Generator().manual_seed(seed))


x, y = random(N, 6), torch.arange(N) % 3
images, sequences, tokens = random(6, 3, 16, 16), random(N, 4, 6), torch.arange(N * 4).reshape(N, 4) % 7
weights, masked = torch.tensor([0.1, 1.0, 5.0], dtype=F64), torch.where(y == 0, -100, y)


class With(nn.Module):
    """Modules by name, and a forward of them."""

    def __init__(self, forward, **modules):
        super().__init__()
        self.call = forward
        for name, module in modules.items():
            setattr(self, name, module)

    def forward(self, x):
        return self.call(self, x)


class Keeps(nn.Module):
    def __init__(self):
        super().__init__()
        self.body, self.head = nn.Linear(6, 5), nn.Linear(5, 3)

    def forward(self, x):
        self.features = self.body(x).tanh()
        return self.head(self.features)


Pair = collections.namedtuple("Pair", "logits hidden")


@dataclasses.dataclass
class Output:
    logits: torch.Tensor


def dense(**options):
    return nn.Sequential(nn.Linear(6, 5), nn.Tanh(), nn.Linear(5, options.get("out", 3)))


def answering(form):
    return With(lambda m, x: form(m.net(x)), net=dense())


def shared():
    layer = nn.Linear(6, 6)
    return nn.Sequential(layer, nn.Tanh(), layer, nn.Tanh(), nn.Linear(6, 3))


def tied():
    model = With(lambda m, x: m.out(m.body(m.embed(x).mean(1)).tanh())[:, :3], embed=nn.Embedding(7, 5), body=nn.Linear(5, 5), out=nn.Linear(5, 7, bias=False))  # fmt: skip
    model.out.weight = model.embed.weight
    return model


def frozen():
    model = dense()
    model[0].requires_grad_(False)
    return model


def unused():
    return With(lambda m, x: m.net(x), net=dense(), spare=nn.Linear(2, 2))


def recurrent(kind):
    return lambda: With(lambda m, x: m.head(m.rnn(x)[0][:, -1]), rnn=kind(6, 5, batch_first=True), head=nn.Linear(5, 3))


def attention():
    attend = nn.MultiheadAttention(6, 2, batch_first=True)
    return With(
        lambda m, x: m.head(m.attend(x, x, x, need_weights=False)[0].mean(1)), attend=attend, head=nn.Linear(6, 3)
    )


def transformer():
    layer = nn.TransformerEncoderLayer(6, 2, 8, dropout=0.0, batch_first=True)
    return With(lambda m, x: m.head(m.encoder(x).mean(1)), encoder=layer, head=nn.Linear(6, 3))


def normed(norm):
    def make():
        model = nn.Sequential(norm(nn.Linear(6, 5)), nn.Tanh(), nn.Linear(5, 3))
        model(x[:2].to(model[2].weight.dtype))
        return model

    return make


def pruned():
    model = dense()
    prune.l1_unstructured(model[0], "weight", 0.5)
    return model


def holding(model):
    return lambda out, y: F.cross_entropy(out, y) + sum(p.square().sum() for p in model.parameters())


def vision(make):
    def made():
        torchvision_datasets()
        from torchvision import models

        return make(models)

    return made


def vgg(models):
    with torch.device("meta"):  # its own classifier has a hundred million weights
        model = models.VGG(nn.Identity(), num_classes=3, init_weights=False)
    model.features = models.vgg.make_layers([4, "M", 8, "M"], batch_norm=True)
    model.avgpool, model.classifier = (
        nn.AdaptiveAvgPool2d(1),
        nn.Sequential(nn.Linear(8, 8), nn.ReLU(True), nn.Linear(8, 3)),
    )
    return model


def resnet(models, block):
    class Narrow(models.ResNet):
        def _make_layer(self, block, planes, *args, **options):
            return super()._make_layer(block, planes // 16, *args, **options)

    model = Narrow(getattr(models.resnet, block), [1, 1, 1, 1])
    model.fc = nn.Linear(model.fc.in_features // 16, 3)
    return model


@dataclasses.dataclass
class Case:
    make: object
    x: object = dataclasses.field(default_factory=lambda: x)
    y: object = dataclasses.field(default_factory=lambda: y)
    loss: object = F.cross_entropy
    options: dict = dataclasses.field(default_factory=dict)


logits = lambda form: lambda out, y: F.cross_entropy(form(out), y)  # noqa: E731
pictures = functools.partial(Case, x=images, y=torch.arange(6) % 3)
CASES = {
    "chain of dense layers (MLP)": Case(lambda: MLP((6, 5, 3))),
    "convolutions, batch normalization": Case(lambda: ConvNet((3, 16, 16), (4,), 3, norm="batch"), images, torch.arange(6) % 3),
    "ResNet of talweg": Case(lambda: ResNet(8, width=2, classes=3), images, torch.arange(6) % 3),
    "torchvision ResNet (basic blocks)": pictures(vision(lambda m: resnet(m, "BasicBlock"))),
    "torchvision ResNet (bottlenecks)": pictures(vision(lambda m: resnet(m, "Bottleneck"))),
    "torchvision VGG": pictures(vision(vgg)),
    "torchvision DenseNet": pictures(vision(lambda m: m.DenseNet(4, (1, 1), 8, num_classes=3))),
    "torchvision ViT": pictures(vision(lambda m: m.VisionTransformer(16, 8, 1, 2, 8, 8, num_classes=3))),
    "one module used twice": Case(shared),
    "weights tied to an embedding, tokens": Case(tied, tokens),
    "frozen layer": Case(frozen),
    "frozen layer, parameters='trainable'": Case(frozen, options={"parameters": "trainable"}),
    "parameters the loss does not use": Case(unused),
    "nn.Embedding, tokens": Case(lambda: nn.Sequential(nn.Embedding(7, 5), nn.Flatten(), nn.Linear(20, 3)), tokens),
    "nn.EmbeddingBag, tokens": Case(lambda: nn.Sequential(nn.EmbeddingBag(7, 5), nn.Linear(5, 3)), tokens),
    "nn.RNN": Case(recurrent(nn.RNN), sequences),
    "nn.LSTM": Case(recurrent(nn.LSTM), sequences),
    "nn.GRU": Case(recurrent(nn.GRU), sequences),
    "nn.MultiheadAttention": Case(attention, sequences),
    "nn.TransformerEncoderLayer": Case(transformer, sequences),
    "weight normalization (parametrizations)": Case(normed(parametrizations.weight_norm)),
    "weight normalization (the old one)": Case(normed(nn.utils.weight_norm)),
    "spectral normalization (parametrizations)": Case(normed(parametrizations.spectral_norm)),
    "spectral normalization (the old one)": Case(normed(nn.utils.spectral_norm)),
    "pruned weights": Case(pruned),
    "model that keeps an activation": Case(Keeps),
    "dropout by F.dropout(training=self.training), eval mode": Case(lambda: With(lambda m, x: F.dropout(m.net(x), 0.5, m.training), net=dense())),
    "chance in eval mode": Case(lambda: With(lambda m, x: m.net(x + torch.randn_like(x)), net=dense())),
    "layers in a plain list": Case(lambda: With(lambda m, x: m.layers[0](x) + m.spare(x), layers=[dense().double()], spare=nn.Linear(6, 3))),
    "complex parameters": Case(lambda: With(lambda m, x: (m.net(x) * m.turn).real, net=dense(), turn=nn.Parameter(torch.ones(3, dtype=torch.complex128)))),
    "tuple outputs": Case(lambda: answering(lambda out: (out, None)), loss=logits(lambda out: out[0])),
    "named tuple outputs": Case(lambda: answering(lambda out: Pair(out, None)), loss=logits(lambda out: out.logits)),
    "dataclass outputs": Case(lambda: answering(Output), loss=logits(lambda out: out.logits)),
    "dict outputs": Case(lambda: answering(lambda out: {"logits": out}), loss=logits(lambda out: out["logits"])),
    "data: DataLoader": Case(dense, DataLoader(TensorDataset(x, y), 4), None),
    "data: dict": Case(dense, {"x": x}),
    "data: lists": Case(dense, x.tolist(), y.tolist()),
    "data: NumPy arrays": Case(dense, x.numpy(), y.numpy()),
    "data: another dtype than the model's": Case(dense, x.float()),
    "loss: a sum": Case(dense, loss=nn.CrossEntropyLoss(reduction="sum")),
    "loss: a sum, batch_size": Case(dense, loss=nn.CrossEntropyLoss(reduction="sum"), options={"batch_size": 5}),
    "loss: class weights": Case(dense, loss=nn.CrossEntropyLoss(weights)),
    "loss: class weights, batch_size": Case(dense, loss=nn.CrossEntropyLoss(weights), options={"batch_size": 5}),
    "loss: ignored labels": Case(dense, y=masked),
    "loss: ignored labels, batch_size": Case(dense, y=masked, options={"batch_size": 5}),
    "loss: plain mean, batch_size": Case(dense, options={"batch_size": 5}),
    "loss: one that holds the parameters": Case(dense, loss=holding),
    "targets: regression": Case(lambda: dense(out=1), y=x[:, :1].sin(), loss=F.mse_loss),
    "targets: one-hot": Case(dense, y=F.one_hot(y).double()),
    "targets: sequences": Case(lambda: nn.Linear(6, 3), sequences, tokens % 3, lambda out, y: F.cross_entropy(out.flatten(0, 1), y.flatten())),
}  # fmt: skip


def made(case):
    torch.manual_seed(0)
    return case.make().double().eval()


def loss_of(case, model):
    return case.loss(model) if case.loss is holding else case.loss


@functools.cache
def objective(name):
    case = CASES[name]
    model = made(case)
    return Objective.of(model, loss_of(case, model), case.x, case.y, **case.options)


def at(name, theta):
    """The loss of the user's own model with θ written into it, and the gradient that autograd finds there."""
    case, model = CASES[name], made(CASES[name])
    held = [p for p in model.parameters() if case.options.get("parameters") != "trainable" or p.requires_grad]
    vector_to_parameters(theta, held)
    value = case.loss(model(torch.as_tensor(case.x)), torch.as_tensor(case.y))
    for p in held:
        p.requires_grad_()
    value = case.loss(model(torch.as_tensor(case.x)), torch.as_tensor(case.y))
    slopes = torch.autograd.grad(value, held, materialize_grads=True, allow_unused=True)
    return value.detach(), torch.cat([g.flatten() for g in slopes])


def close(found, expected, rtol=1e-8):
    torch.testing.assert_close(found, expected, rtol=rtol, atol=rtol * float(expected.abs().max()))


def directions(name):
    f = objective(name)
    return [f.selected(d) for d in random_directions(made(CASES[name]), generator=torch.Generator().manual_seed(0))]


def try_objective(name):
    f = objective(name)
    value, gradient = at(name, f.theta)
    close(f(f.theta), value)
    close(f.grad(f.theta), gradient)


def try_line(name):
    f = objective(name)
    end = f.theta + 0.1 * random(f.dim, seed=1)
    close(line(f, f.theta, end, [1.0])[0], at(name, end)[0])


def try_plane(name):
    f = objective(name)
    d1, d2 = random(2, f.dim, seed=2) * 0.1
    close(plane(f, f.theta, d1, d2, resolution=2).z[1, 0], at(name, f.theta - d1 + d2)[0])


def try_eigenpairs(name):
    f = objective(name)
    theta, step = f.theta + 0.01 * random(f.dim, seed=3), 1e-6  # away from kinks at zero
    pair = eigenpairs(f, theta, tol=0.1)
    v = pair.vectors.flatten()
    slope = (at(name, theta + step * v)[1] - at(name, theta - step * v)[1]) @ v / (2 * step)
    close(pair.values[0], slope, rtol=2e-3)


def try_random_directions(name):
    parameters = list(made(CASES[name]).parameters())
    for d in random_directions(made(CASES[name])):
        pieces = d.split([p.numel() for p in parameters])
        assert len(d) == sum(p.numel() for p in parameters)
        assert any(torch.isclose(piece.norm(), p.norm()) for piece, p in zip(pieces, parameters, strict=True))


def try_connect(name):
    f = objective(name)
    end = f.theta + 0.1 * random(f.dim, seed=1)
    curve = connect(f, f.theta, end, "bezier", steps=1, samples=1, resolution=2)
    close(curve.values[-1], at(name, end)[0])


def try_initialize(name):
    before, model = made(CASES[name]), made(CASES[name])
    initialize(model, "xavier_normal", torch.Generator().manual_seed(0))
    assert any(not torch.equal(p, q) for p, q in zip(before.parameters(), model.parameters(), strict=True))


def try_signals(name):
    case = CASES[name]
    model = made(case)
    found = diagnostics.signals(model, case.x, lambda out: loss_of(case, model)(out, torch.as_tensor(case.y)))
    assert found and all(signal.output.second_moment >= 0 for signal in found)


def try_train(name):
    case = CASES[name]
    model, expected = made(case), made(case)
    dataset = Dataset("tried", case.x, case.y, case.x, case.y, case.x, case.y, ("a", "b", "c"))
    trained = [p for p in model.parameters() if p.requires_grad]
    train(
        model,
        dataset,
        SGD(trained, lr=0.1),
        epochs=1,
        batch_size=None,
        seed=0,
        loss=loss_of(case, model),
        record="loss",
    )
    held = [p for p in expected.train().parameters() if p.requires_grad]
    if "dropout" not in name and "chance" not in name:
        x, y = torch.as_tensor(case.x), torch.as_tensor(case.y)
        loss = loss_of(case, expected)(expected(x), y)
        slopes = torch.autograd.grad(loss, held, materialize_grads=True, allow_unused=True)
        for p, before, g in zip(trained, held, slopes, strict=True):
            close(p.detach(), (before - 0.1 * g).detach())


TRIES = dict(zip(CALLS, (try_objective, try_line, try_plane, try_eigenpairs, try_random_directions, try_connect, try_initialize, try_signals, try_train), strict=True))  # fmt: skip


def outcome(name, call):
    """ "" where it works, the sentence that refuses it, or what else went wrong."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            TRIES[call](name)
    except (ValueError, TypeError, NotImplementedError) as error:
        last = traceback.extract_tb(error.__traceback__)[-1]
        ours = LIBRARY in Path(last.filename).parents
        return str(error) if ours else f"FAILS: {type(error).__name__}: {error}"
    except Exception as error:
        return f"FAILS: {type(error).__name__}: {error}"
    return ""


def gist(sentence):
    """Its first part, short enough for a table and without numbers that depend on the machine."""
    return textwrap.shorten(sentence.replace("\n", " "), 150, placeholder=" …")


def row(name):
    found = {call: gist(outcome(name, call)) for call in CALLS}
    if found["Objective.of"]:  # what needs an objective says the same
        found = {call: told for call, told in found.items() if call == "Objective.of" or told != found["Objective.of"]}
    return found


HEADER = '''\
"""What has been tried: models, data and losses, and what `{calls[0]}` and what takes an objective make of them.

{intro}

Notes
-----
{rows}
"""
'''
INTRO = """\
Written by `tests/library/objective/test_models.py`, which tries each in {calls}. "Works" means that values and gradients \
are those of the model itself with θ written into it, eigenvalues those of differences of gradients. Where something is \
refused, the error begins as it is quoted here."""


def text(rows):
    intro = textwrap.fill(INTRO.format(calls=", ".join(f"`{call}`" for call in CALLS)), 118)
    lines = []
    for name, found in rows.items():
        told = {}
        for call, sentence in found.items():
            if sentence:
                told.setdefault(sentence, []).append(f"`{call}`")
        says = [f"{', '.join(calls)}: “{sentence}”" for sentence, calls in told.items()]
        what = (
            f"{name}: works"
            if not says
            else f"{name}: {'refused' if found['Objective.of'] else 'works, except'} — " + "; ".join(says)
        )
        lines += textwrap.wrap(what + ".", 118, initial_indent="- ", subsequent_indent="  ", break_on_hyphens=False)
    rows_text = "\n".join(lines).replace("\\", "\\\\")
    return HEADER.format(calls=CALLS, intro=intro, rows=rows_text)


@pytest.fixture(scope="module")
def written():
    return FILE.read_text(encoding="utf-8")


@pytest.mark.parametrize("name", CASES)
def test_the_table_says_what_comes(name, written):
    """Else: look whether it got better, and run this file."""
    alone = text({name: row(name)}).partition("-----\n")[2].rpartition('\n"""')[0]
    assert alone in written


def test_the_table_is_whole(written):
    listed = [line for line in written.splitlines() if line.startswith("- ")]
    assert [line[2:].startswith(f"{name}: ") for line, name in zip(listed, CASES, strict=True)] == [True] * len(CASES)


def test_nothing_fails_without_a_sentence(written):
    assert "FAILS" not in written


if __name__ == "__main__":
    torch.set_num_threads(1)
    FILE.write_text(text({name: row(name) for name in CASES}), encoding="utf-8")
    print(FILE.read_text(encoding="utf-8"))
