"""Models that users bring: in-place activations, attention, tokens, frozen and unused layers, derived or empty weights."""

import copy
import warnings

import pytest
import torch
from torch import nn
from torch.nn import functional as F
from torch.nn.utils import prune

from talweg import initializers as I
from talweg.initializers import diagnostics as D
from talweg.initializers import initialize
from talweg.initializers.metainit import quotient
from talweg.models import MLP
from talweg.written_out import WrittenOut

F64 = torch.float64


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def noise(*shape, seed=0):
    return torch.randn(*shape, dtype=F64, generator=seeded(seed))


def parameters(model):
    return nn.utils.parameters_to_vector(model.parameters()).detach().clone()


def started(model, seed=0):
    """`model` in float64 with the same parameters at each call."""
    model = model.double()
    with torch.no_grad():
        for k, parameter in enumerate(model.parameters()):
            parameter.copy_(0.5 * noise(*parameter.shape, seed=seed + k))
    return model


class Block(nn.Module):
    """A layer, then something done to its output, then another layer."""

    def __init__(self, first, between, last):
        super().__init__()
        self.first, self.between, self.last = first, between, last

    def forward(self, x):
        return self.last(self.between(self.first(x), x))


class Attention(nn.Module):
    def __init__(self, by_name=False):
        super().__init__()
        self.attention, self.head, self.by_name = (
            nn.MultiheadAttention(6, 2, batch_first=True),
            nn.Linear(6, 3),
            by_name,
        )

    def forward(self, x):
        given = {"query": x, "key": x, "value": x} if self.by_name else {}
        return self.head(self.attention(*([] if self.by_name else [x, x, x]), **given)[0].mean(1))


class Unused(nn.Module):
    """A layer that is run, and of which nothing is used."""

    def __init__(self):
        super().__init__()
        self.aside, self.head = nn.Linear(6, 6), nn.Linear(6, 3)

    def forward(self, x):
        self.aside(x)
        return self.head(x)


# ---------------------------------------------------------------- signals


IN_PLACE = {
    "ReLU(inplace=True)": (lambda z, x: F.relu(z, inplace=True), lambda z, x: F.relu(z)),
    "x += …": (lambda z, x: z.add_(x), lambda z, x: z + x),
    "clamp_, then mul_": (lambda z, x: z.clamp_(-0.3, 0.8).mul_(3), lambda z, x: z.clamp(-0.3, 0.8) * 3),
    "dropout in eval, then SiLU": (lambda z, x: F.silu(z, inplace=True), lambda z, x: F.silu(z)),
    "a slice is set": (lambda z, x: z.index_fill_(1, torch.tensor([0]), 0.0), lambda z, x: z * (torch.arange(6) > 0)),
}


@pytest.mark.parametrize("name", IN_PLACE)
@pytest.mark.parametrize("frozen", [False, True])
def test_signals_are_those_of_the_layer_whatever_is_done_to_it_in_place(name, frozen):
    """Oracle: the same operation not in place, its moments and gradients by hand."""
    in_place, apart = IN_PLACE[name]
    x, y = noise(20, 6), torch.arange(20) % 3
    model = started(Block(nn.Linear(6, 6), in_place, nn.Linear(6, 3)))
    z = (x @ model.first.weight.T + model.first.bias).detach().requires_grad_()
    out = model.last(apart(z, x))
    gradient, at_output = torch.autograd.grad(F.cross_entropy(out, y), (z, out))
    model.first.requires_grad_(not frozen)
    first, last = D.signals(model, x, lambda out: F.cross_entropy(out, y))
    assert (first.output, first.gradient) == (near(z), near(gradient))
    assert (last.output, last.gradient) == (near(out), near(at_output))
    assert D.signals(model, x)[0].output == near(z)


def near(tensor):
    """The moments of a tensor by NumPy, to rounding."""
    values = tensor.detach().numpy()

    class Near:
        def __eq__(self, moments):
            found = (moments.mean, moments.variance, moments.second_moment)
            return found == pytest.approx((values.mean(), values.var(), (values**2).mean()), rel=1e-10, abs=1e-14)

    return Near()


@pytest.mark.parametrize("by_name", [False, True])
def test_signals_of_attention_are_its_query_and_output(by_name):
    model, x = started(Attention(by_name)), noise(8, 4, 6)
    first, last = D.signals(model, x, lambda z: z.square().sum())
    z = model.attention(x, x, x)[0].detach().requires_grad_()
    (gradient,) = torch.autograd.grad(model.head(z.mean(1)).square().sum(), z)
    assert (first.input, first.output, first.gradient) == (near(x), near(z), near(gradient))
    assert [first.layer, last.layer] == ["attention", "head"]
    assert D.signals(model, x)[0].output == near(z)


def test_signals_of_an_encoder_in_eval_are_those_in_train_without_dropout():
    """In eval, without gradients, PyTorch's fast path does not call the layers; it must not be taken here."""
    model = started(nn.TransformerEncoder(nn.TransformerEncoderLayer(6, 2, 8, 0.0, batch_first=True), 2))
    found = [D.signals(model.train(mode), noise(3, 4, 6)) for mode in (True, False)]
    assert [signal.layer for signal in found[0]] == [signal.layer for signal in found[1]] and len(found[0]) == 6
    for a, b in zip(*found, strict=True):
        assert a.output.second_moment == pytest.approx(b.output.second_moment, rel=1e-10)


@pytest.mark.parametrize("model", [Unused(), nn.ModuleDict({"a": nn.Linear(6, 6), "b": nn.Linear(6, 3)})])
def test_a_layer_without_influence_has_no_gradient(model):
    if isinstance(model, nn.ModuleDict):
        model.forward = lambda x: model["b"](x + 0 * model["a"](x).detach())
    first, last = D.signals(started(model), noise(8, 6), lambda z: z.square().sum())
    assert first.gradient is None and first.output.second_moment > 0 and last.gradient.second_moment > 0


def test_signals_look_at_models_that_initialize_refuses():
    class Vision(nn.Module):
        def __init__(self):
            super().__init__()
            self.position = nn.Parameter(torch.zeros(1, 4, 6))
            self.recurrent, self.head = nn.LSTM(6, 5, batch_first=True), nn.Linear(5, 3)
            self.normed = nn.utils.parametrizations.weight_norm(nn.Linear(3, 3))

        def forward(self, x):
            return {"logits": self.normed(self.head(self.recurrent(x + self.position)[0][:, -1]))}

    found = D.signals(Vision(), torch.randn(5, 4, 6), lambda out: out["logits"].sum())
    assert [signal.layer for signal in found] == ["head", "normed"] and found[0].gradient.second_moment > 0


def test_signals_keep_the_statistics_of_a_module_under_two_names():
    norm = nn.BatchNorm1d(6)
    model = nn.Sequential(nn.Linear(6, 6), norm, nn.Tanh(), nn.Linear(6, 6), norm)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    running = norm.running_mean
    D.signals(model, torch.randn(9, 6), torch.sum)
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())
    assert norm.running_mean is running


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: D.signals(MLP((4, 3)), torch.ones(2, 4), lambda z: z), r"loss must return one number.*\(2, 3\)"),
        (lambda: D.signals(MLP((4, 3)), torch.ones(2, 4), lambda z: 1.0), "loss must return one number.*float"),
        (lambda: D.signals(MLP((4, 3)), torch.ones(2, 4), lambda z: z.detach().sum()), "loss must depend on"),
        (lambda: D.jacobian_singular_values(MLP((4, 3)), torch.ones(2, 4).long()), "x must be .*floating-point"),
        (lambda: D.jacobian_singular_values(nn.LSTM(4, 3), torch.ones(2, 3, 4)), "must put out one tensor; .* tuple"),
        (lambda: I.metainit_(MLP((4, 3)), lambda z, y: z, (torch.ones(2, 4), torch.ones(2))), "one number"),
        (
            lambda: I.metainit_(MLP((4, 3)), lambda z, y: y.sum(), (torch.ones(2, 4), torch.ones(2))),
            "loss must depend on the model's trainable",
        ),
        (
            lambda: initialize(MLP((4, 3)), "lsuv", data=torch.ones(2, 4).long()),
            "integers for a model with an embedding",
        ),
        (
            lambda: initialize(nn.Sequential(nn.Embedding(4, 3), nn.Linear(3, 3)), "lsuv", data=torch.ones(2, 4) + 1j),
            "data must be",
        ),
    ],
)
def test_bad_input_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_spectra_of_half_precision_are_those_of_its_numbers(dtype):
    layer = nn.Linear(6, 3).to(dtype)
    expected = torch.linalg.svdvals(layer.weight.detach().double()).float()
    assert torch.allclose(D.singular_values(layer.weight), expected, rtol=1e-5)
    found = D.jacobian_singular_values(layer, torch.randn(2, 6).to(dtype))
    assert torch.allclose(found, expected.expand(2, 3), rtol=1e-5)


# ---------------------------------------------------------------- LSUV


def variance(z):
    return z.detach().var(correction=0).item()


@pytest.mark.parametrize("by_name", [False, True])
def test_lsuv_scales_what_attention_puts_out(by_name):
    model, x = Attention(by_name), torch.randn(64, 4, 6, generator=seeded())
    initialize(model, "lsuv", seeded(), data=x)
    z = model.attention(x, x, x)[0]
    assert variance(z) == pytest.approx(1, abs=0.01)
    assert variance(model.head(z.mean(1))) == pytest.approx(1, abs=0.01)
    for projection in model.attention.in_proj_weight.chunk(3):
        assert (projection @ projection.T - torch.eye(6)).abs().max() < 1e-5


@pytest.mark.parametrize("tied", [False, True])
def test_lsuv_takes_tokens(tied):
    model = nn.Sequential(nn.Embedding(9, 4), nn.Linear(4, 4), nn.Tanh(), nn.Linear(4, 9))
    if tied:
        model[3].weight = model[0].weight
    table, tokens = model[0].weight.clone(), torch.randint(9, (50, 2), generator=seeded())
    initialize(model, "lsuv", seeded(), data=tokens)
    assert variance(model[:2](tokens)) == pytest.approx(1, abs=0.01)
    assert torch.equal(model[0].weight, table)  # a weight tied to an embedding stays, as in the other methods
    assert tied or variance(model(tokens)) == pytest.approx(1, abs=0.01)


def test_lsuv_scales_a_shared_weight_once():
    model = nn.Sequential(nn.Linear(6, 6), nn.Tanh(), nn.Linear(6, 6), nn.Tanh(), nn.Linear(6, 6))
    model[2].weight = model[0].weight
    model.append(model[4])  # and one module is run twice
    x = torch.randn(50, 6, generator=seeded())
    initialize(model, "lsuv", seeded(), data=x)
    assert variance(model[:1](x)) == pytest.approx(1, abs=0.01) == variance(model[:5](x))


@pytest.mark.parametrize("method", ["lsuv", "metainit"])
def test_each_module_is_left_in_its_own_mode(method):
    model = nn.Sequential(nn.Linear(6, 6), nn.BatchNorm1d(6), nn.Dropout(), nn.Linear(6, 3)).train()
    model[1].eval()
    options = {"lsuv": {"data": torch.randn(9, 6)}, "metainit": METAINIT}[method]
    initialize(model, method, seeded(), **options)
    assert [module.training for module in model] == [True, False, True, True] and model.training


# ---------------------------------------------------------------- MetaInit


METAINIT = {"loss": F.cross_entropy, "batch": I.gaussian_batch((8, 6), 3), "steps": 2}


def with_norm(norm):
    return nn.Sequential(nn.Linear(6, 8), norm(8), nn.Tanh(), nn.Linear(8, 8), norm(8), nn.Tanh(), nn.Linear(8, 3))


class Functional(nn.Module):
    """Normalization without a module for it."""

    def __init__(self):
        super().__init__()
        self.first, self.last = nn.Linear(6, 8), nn.Linear(8, 3)

    def forward(self, x):
        return self.last(F.layer_norm(self.first(x), (8,)).tanh())


NORMALIZED = {
    "LayerNorm": lambda: with_norm(nn.LayerNorm),
    "GroupNorm": lambda: with_norm(lambda n: nn.GroupNorm(2, n)),
    "RMSNorm": lambda: with_norm(nn.RMSNorm),
    "batch statistics": lambda: with_norm(lambda n: nn.BatchNorm1d(n, track_running_stats=False)),
    "running statistics": lambda: with_norm(nn.BatchNorm1d),
    "weight_norm": lambda: nn.Sequential(
        nn.utils.parametrizations.weight_norm(nn.Linear(6, 8)), nn.Tanh(), nn.Linear(8, 3)
    ),
    "functional": Functional,
    "attention": lambda: nn.Sequential(nn.Unflatten(1, (1, 6)), Attention()),
    "encoder": lambda: nn.Sequential(
        nn.Unflatten(1, (1, 6)),
        nn.TransformerEncoderLayer(6, 2, 8, 0.0, batch_first=True),
        nn.Flatten(),
        nn.Linear(6, 3),
    ),
    "hardsigmoid": lambda: nn.Sequential(nn.Linear(6, 8), nn.Hardsigmoid(), nn.Linear(8, 3)),
}


@pytest.mark.parametrize("name", NORMALIZED)
def test_metainit_goes_down_the_true_slope(name):
    """One step without momentum moves each norm by lr against the sign of dGQ/d‖W‖, here by differences of GQ itself."""
    model = started(NORMALIZED[name]())
    x, y = noise(12, 6, seed=50), torch.arange(12) % 3

    def gq():
        return I.metainit_(model, F.cross_entropy, (x, y), start=None, steps=0).item()

    slopes, weights = [], [p for p in model.parameters() if p.ndim >= 2]
    for weight in weights:
        values, step = [], 1e-6 * weight.detach() / weight.detach().norm()
        for sign in (1, -1):
            with torch.no_grad():
                weight.add_(sign * step)
                values.append(gq())
                weight.sub_(sign * step)
        slopes.append((values[0] - values[1]) / 2e-6)
    norms = [weight.norm().item() for weight in weights]
    I.metainit_(model, F.cross_entropy, (x, y), start=None, steps=1, lr=1e-3, momentum=0.0)
    for weight, norm, slope in zip(weights, norms, slopes, strict=True):
        if abs(slope) > 1e-4:
            assert weight.norm().item() - norm == pytest.approx(-1e-3 if slope > 0 else 1e-3, rel=1e-6)


@pytest.mark.parametrize("name", ["LayerNorm", "GroupNorm", "batch statistics", "weight_norm"])
def test_a_quotient_is_not_taken_of_fused_normalization(name):
    model = started(NORMALIZED[name]())
    x, y = noise(12, 6), torch.arange(12) % 3
    with pytest.raises(ValueError, match="fused normalization"):
        quotient(F.cross_entropy(model(x), y), list(model.parameters()))
    with WrittenOut():
        loss = F.cross_entropy(model(x), y)
    assert quotient(loss, list(model.parameters())).isfinite()


def test_metainit_leaves_a_layer_without_influence():
    model = Unused()
    history = initialize(model, "metainit", seeded(), **METAINIT)
    same = initialize(Unused(), "kaiming_normal", seeded())
    assert history is model and torch.equal(model.aside.weight, same.aside.weight)
    assert not torch.allclose(model.head.weight, same.head.weight)


def test_the_quotient_of_a_linear_loss_is_zero():
    """H = 0: |(g - 0)/(g + ε) - 1| ≈ ε/|g|; and where there is no gradient, 1."""
    model = started(Unused())
    history = I.metainit_(model, lambda z, y: 100 * z.sum(), (noise(8, 6), torch.ones(1)), start=None, steps=1)
    unused = sum(p.numel() for p in model.aside.parameters()) / sum(p.numel() for p in model.parameters())
    assert history.tolist() == pytest.approx([unused, unused], abs=1e-5)


# ---------------------------------------------------------------- nothing half-written


def pruned(layer, name="weight"):
    prune.random_unstructured(layer, name, 0.5)
    return layer


def hypernetwork(layer):
    del layer.weight
    layer.weight = torch.randn(6, 6)
    return layer


def old(wrap, layer):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return wrap(layer)


REFUSED = {
    "nn.utils.weight_norm": (lambda: old(nn.utils.weight_norm, nn.Linear(6, 6)), "recomputes its weight"),
    "nn.utils.spectral_norm": (lambda: nn.utils.spectral_norm(nn.Conv1d(6, 6, 1)), "recomputes its weight"),
    "prune": (lambda: pruned(nn.Linear(6, 6)), "recomputes its weight"),
    "pruned bias": (lambda: pruned(nn.Linear(6, 6), "bias"), "recomputes its bias"),
    "pruned attention": (
        lambda: pruned(nn.MultiheadAttention(6, 2), "in_proj_weight"),
        "recomputes its in_proj_weight",
    ),
    "hypernetwork": (lambda: hypernetwork(nn.Linear(6, 6)), "recomputes its weight"),
    "no inputs": (lambda: old(lambda layer: layer, nn.Linear(0, 6)), r"at least one element in its weight; .*\(6, 0\)"),
    "no outputs": (lambda: nn.Linear(6, 0), r"at least one element in its weight; .*\(0, 6\)"),
    "complex": (lambda: nn.Linear(6, 6, dtype=torch.complex64), "real numbers .* got torch.complex64"),
    "float8": (lambda: nn.Linear(6, 6).to(torch.float8_e4m3fn), "real numbers .* got torch.float8_e4m3fn"),
    "meta device": (lambda: nn.Linear(6, 6, device="meta"), "on the meta device"),
    "lazy": (lambda: old(lambda layer: layer, nn.LazyLinear(6)), "lazy"),
}
OPTIONS = {
    "constant": {"value": 7.0},
    "lsuv": {"data": torch.randn(9, 6)},
    "metainit": METAINIT,
    "mup": {"base_width": 6},
}


@pytest.mark.filterwarnings("ignore:Initializing zero-element")
@pytest.mark.parametrize("method", ["constant", "kaiming_normal", "orthogonal", "lsuv", "metainit", "mup"])
@pytest.mark.parametrize("name", REFUSED)
def test_a_layer_that_cannot_be_written_is_named_before_anything_is_written(name, method):
    make, message = REFUSED[name]
    model = nn.Sequential(nn.Linear(6, 6), make())
    before = parameters(model[0])
    with pytest.raises(ValueError, match=f"layer '1' .*{message}"):
        initialize(model, method, seeded(), **OPTIONS.get(method, {}))
    assert torch.equal(parameters(model[0]), before)
    if method in ("constant", "kaiming_normal"):
        initialize(model, method, skip="1", **OPTIONS.get(method, {}))
        assert not torch.equal(parameters(model[0]), before)


@pytest.mark.parametrize("name", ["nn.utils.weight_norm", "prune"])
def test_an_embedding_that_cannot_be_written_is_named(name):
    embedding = nn.Embedding(5, 6)
    model = nn.Sequential(
        nn.Linear(6, 6), pruned(embedding) if name == "prune" else old(nn.utils.weight_norm, embedding)
    )
    before = parameters(model)
    with pytest.raises(ValueError, match="layer '1' recomputes its weight"):
        initialize(model, "normal")
    assert torch.equal(parameters(model), before)
    initialize(model, "kaiming_normal")  # which leaves embeddings alone
    initialize(model, "normal", skip="1")


@pytest.mark.parametrize("method", ["normal", "truncated_normal"])
@pytest.mark.parametrize("kind", [nn.Embedding, nn.EmbeddingBag])
def test_skip_leaves_embeddings_too(kind, method):
    model = nn.Sequential(kind(5, 6), nn.Linear(6, 6), nn.ModuleDict({"table": kind(4, 3)}))
    before = [model[0].weight.clone(), model[2]["table"].weight.clone()]
    initialize(model, method, skip=["0", "2"])
    assert torch.equal(model[0].weight, before[0]) and torch.equal(model[2]["table"].weight, before[1])
    initialize(model, method)
    assert not torch.equal(model[0].weight, before[0])


@pytest.mark.parametrize(
    ("method", "options"),
    [
        ("kaiming_normal", {"gain": "rleu"}),
        ("kaiming_uniform", {"mode": "fanin"}),
        ("normal", {"std": -1.0}),
        ("constant", {"value": float("inf")}),
        ("mup", {"base_width": 6, "gain": "rleu"}),
        ("lsuv", {"data": torch.zeros(9, 6)}),
        ("lsuv", {"data": torch.randn(9, 6), "tolerance": -1.0}),
        ("metainit", {**METAINIT, "loss": lambda z, y: z.sum() * float("nan")}),
        ("metainit", {**METAINIT, "batch": (torch.randn(3, 6), torch.zeros(3))}),
    ],
)
def test_a_refusal_on_the_way_leaves_the_model_as_it_was(method, options):
    model = nn.Sequential(nn.Linear(6, 6), nn.Linear(6, 3))
    before = copy.deepcopy(model.state_dict())
    with pytest.raises((ValueError, RuntimeError)):
        initialize(model, method, **options)
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())
    assert not any(module._forward_hooks for module in model.modules())


# ---------------------------------------------------------------- data that are no tensors, or of another dtype


def test_signals_take_arrays_of_numpy():
    torch.manual_seed(0)
    model, x = nn.Sequential(nn.Linear(4, 3), nn.Tanh(), nn.Linear(3, 2)), torch.randn(5, 4)
    assert D.signals(model, x.numpy()) == D.signals(model, x)


@pytest.mark.parametrize("x", [[[1.0, 2.0]], {"x": torch.ones(1, 2)}, None], ids=["list", "dict", "none"])
def test_signals_say_what_they_take(x):
    with pytest.raises(TypeError, match=f"x must be a tensor or a NumPy array.*got {type(x).__name__}"):
        D.signals(nn.Linear(2, 2), x)


@pytest.mark.parametrize("dtype", [torch.float64, torch.uint8, torch.int64])
def test_signals_name_the_dtypes_that_do_not_go_together(dtype):
    with pytest.raises(ValueError, match=f"x is {dtype} and the model's parameters are torch.float32: convert"):
        D.signals(nn.Sequential(nn.Linear(2, 2), nn.ReLU()), torch.ones(3, 2, dtype=dtype))


def test_an_error_of_the_model_itself_is_left_alone():
    with pytest.raises(RuntimeError, match="shapes cannot be multiplied"):
        D.signals(nn.Linear(2, 2), torch.ones(3, 4))
