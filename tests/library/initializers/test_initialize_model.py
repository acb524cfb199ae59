"""`initialize` on whole models: reproducible, true fans, what it leaves alone, what it refuses."""

import math

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from talweg import initializers as I
from talweg.initializers import initialize
from talweg.models import MLP, ConvNet, ResNet

F64 = torch.float64
DATA = torch.randn(128, 1, 8, 8, generator=torch.Generator().manual_seed(9))


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def parameters(model):
    return nn.utils.parameters_to_vector(model.parameters())


# ---------------------------------------------------------------- whole models


OPTIONS = {
    "constant": {"value": 0.1},
    "lsuv": {"data": DATA},
    "mup": {"base_width": 16},
    "metainit": {"loss": F.cross_entropy, "batch": I.gaussian_batch((16, 64), 10), "steps": 2},
}


def model_for(method):
    if method == "delta_orthogonal":
        return ConvNet((1, 8, 8), (4, 8))
    if method in ("fixup", "residual_scaling"):
        return ResNet(8, norm=False, fixup=method == "fixup", in_channels=1, width=4)
    return MLP((64, 32, 32, 10))


@pytest.mark.parametrize("method", I.METHODS)
def test_every_method_is_reproducible_and_returns_the_model(method):
    first, second = model_for(method), model_for(method)
    options = OPTIONS.get(method, {})
    assert initialize(first, method, seeded(3), **options) is first
    global_state = torch.get_rng_state()
    initialize(second, method, seeded(3), **options)
    assert torch.equal(parameters(first), parameters(second))
    assert torch.equal(global_state, torch.get_rng_state())  # drawn from the generator and nowhere else
    if method not in ("zeros", "constant"):
        initialize(second, method, seeded(4), **options)
        assert not torch.equal(parameters(first), parameters(second))


def test_biases_are_zeroed_norms_and_embeddings_left():
    model = nn.Sequential(nn.Embedding(7, 5), nn.Linear(5, 6), nn.LayerNorm((3, 6)), nn.BatchNorm1d(3))
    nn.init.constant_(model[2].weight, 2.0)
    nn.init.constant_(model[3].bias, 3.0)
    table = model[0].weight.clone()
    initialize(model, "xavier_uniform")
    assert not model[1].bias.any()
    assert (model[2].weight == 2).all() and (model[3].bias == 3).all()
    assert torch.equal(model[0].weight, table)
    initialize(model, "truncated_normal", std=0.1)
    assert not torch.equal(model[0].weight, table) and model[0].weight.abs().max() <= 0.2


def test_tied_weights_stay_with_the_embedding():
    model = nn.Sequential(nn.Embedding(7, 5, padding_idx=0), nn.Linear(5, 7))
    model[1].weight = model[0].weight
    table = model[0].weight.clone()
    assert torch.equal(initialize(model, "kaiming_normal")[1].weight, table)
    assert not initialize(model, "normal")[1].weight[0].any()  # drawn once, and the padding row is zero


@pytest.mark.parametrize("groups", [1, 2, 4, 8])
@pytest.mark.parametrize("transposed", [False, True])
def test_fans_of_grouped_and_transposed_convolutions(groups, transposed):
    """Oracle: with unit second moments in, a layer with LeCun weights puts out unit second moments (fan_in), and its
    transpose with fan_out."""
    layer = (nn.ConvTranspose2d if transposed else nn.Conv2d)(48, 16, 3, groups=groups, bias=False)
    x = torch.randn(8, 48, 20, 20, generator=seeded())
    initialize(nn.Sequential(layer), "lecun_normal", seeded())
    inside = layer(x)[..., 3:-3, 3:-3]
    assert inside.square().mean().item() == pytest.approx(1, rel=0.12)
    initialize(nn.Sequential(layer), "kaiming_normal", seeded(), gain=1.0, mode="fan_out")
    y = layer(x.requires_grad_())
    gradient = torch.autograd.grad(y, x, torch.randn(y.shape, generator=seeded(1)))[0][..., 3:-3, 3:-3]
    assert gradient.square().mean().item() == pytest.approx(1, rel=0.12)


def test_attention_projections_are_three_matrices():
    layer = nn.MultiheadAttention(64, 4)
    initialize(layer, "orthogonal", seeded())
    for projection in layer.in_proj_weight.chunk(3):
        assert (projection @ projection.T - torch.eye(64)).abs().max() < 1e-5
    assert not layer.in_proj_bias.any() and not layer.out_proj.bias.any()
    apart = initialize(nn.MultiheadAttention(16, 2, kdim=8, vdim=4), "lecun_normal", seeded())
    assert apart.k_proj_weight.var().item() == pytest.approx(1 / 8, rel=0.5)


def test_delta_orthogonal_model_has_orthogonal_dense_layers():
    model = initialize(ConvNet((1, 8, 8), (4, 8)).double(), "delta_orthogonal", seeded())
    head = model.head.weight
    assert (head @ head.T - torch.eye(10, dtype=F64)).abs().max() < 1e-12


def test_zeros_keeps_every_unit_of_a_layer_equal():
    torch.manual_seed(0)
    model = initialize(MLP((64, 16, 10), "tanh"), "constant", value=0.05)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    for _ in range(20):
        optimizer.zero_grad()
        F.cross_entropy(model(DATA), torch.arange(128) % 10).backward()
        optimizer.step()
    first = model[1].weight
    assert torch.equal(first, first[:1].expand_as(first)) and first.std() > 0


# ---------------------------------------------------------------- bad input


@pytest.mark.parametrize("shape", [(), (5,)])
@pytest.mark.parametrize(
    "method",
    ["lecun_normal", "xavier_uniform", "kaiming_normal", "orthogonal", "scaled_orthogonal", "fixed_variance"],
)
def test_a_vector_has_no_fan(method, shape):
    with pytest.raises(ValueError, match="at least 2 dimensions"):
        I.METHODS[method](torch.empty(shape))


BAD_VALUES = [
    (lambda: initialize(MLP((4, 3)), "kaimin_normal"), "method.*Did you mean 'kaiming_normal'"),
    (lambda: initialize(MLP((4, 3)), "xavier_normal", gian=2), "option.*Did you mean 'gain'"),
    (lambda: initialize(MLP((4, 3)), "zeros", gain=2), "takes no options"),
    (lambda: initialize(MLP((4, 3)), "lsuv"), "needs the option 'data'"),
    (lambda: initialize(MLP((4, 5, 3)), "mup", base_width=4, skip="3"), "skip cannot be combined"),
    (lambda: initialize(nn.ReLU(), "zeros"), "ReLU has none"),
    (lambda: initialize(nn.LSTM(3, 4), "orthogonal"), "weight_ih_l0.*LSTM"),
    (lambda: initialize(MLP((4, 3)), "delta_orthogonal"), "must have a convolution"),
    (lambda: initialize(MLP((4, 3)), "fixup"), r"ResNet\(fixup=True\)"),
    (lambda: initialize(ResNet(8), "residual_scaling"), "undoes scaling"),
    (lambda: initialize(ResNet(8, False, norm=False), "residual_scaling"), "it has none"),
    (lambda: initialize(MLP((4, 3)), "residual_scaling"), r"residual_branches\(\), or branches"),
    (lambda: initialize(ConvNet(), "mup", base_width=8), "must be an MLP"),
    (lambda: initialize(MLP((4, 3)), "mup", base_width=8), "must be an MLP"),
    (lambda: initialize(MLP((4, 5, 3)), "mup", base_width=(1, 2)), "base_width must be one number, or one for each"),
    (lambda: initialize(nn.LazyLinear(3), "zeros"), "lazy"),
    (lambda: initialize(nn.utils.parametrizations.weight_norm(nn.Linear(2, 2)), "zeros"), "parametrization"),
    (lambda: initialize(MLP((64, 3)), "lsuv", data=DATA * math.nan), "data must be finite"),
    (lambda: initialize(MLP((64, 3)), "lsuv", data=DATA[:0]), "non-empty"),
    (lambda: initialize(MLP((64, 3)), "lsuv", data=torch.zeros(5, 64)), "puts out variance 0 .*do not vary"),
    (lambda: I.kaiming_normal_(torch.empty(2, 2), "rleu"), "Did you mean 'relu'"),
    (lambda: I.kaiming_normal_(torch.empty(2, 2), mode="fanin"), "Did you mean 'fan_in'"),
    (lambda: I.orthogonal_(torch.empty(2, 2), math.nan), "gain must be a finite number"),
    (lambda: I.gain_of("tanh", convention="chaos"), "convention"),
    (lambda: I.gain_of("sigmoid", convention="edge_of_chaos"), "edge of chaos"),
    (lambda: I.gain_of("leaky_relu", math.nan), "negative_slope"),
    (lambda: I.normal_(torch.empty(2), std=-1), "std must be a positive"),
    (lambda: I.uniform_(torch.empty(2), 1, 0), "low must be below high"),
    (lambda: I.constant_(torch.empty(2), math.inf), "value must be a finite"),
    (lambda: I.fixed_variance_(torch.empty(2, 2), 0.0), "alpha must be a positive"),
    (lambda: I.zeros_(torch.empty(0, 3)), "at least one element"),
    (lambda: I.delta_orthogonal_(torch.empty(4, 4)), "3 or 4 or 5 dimensions"),
    (lambda: I.delta_orthogonal_(torch.empty(2, 4, 3)), "at most as many input channels"),
    (lambda: I.delta_orthogonal_(torch.empty(4, 2, 4, 4)), "odd kernel"),
    (lambda: I.mup_groups(MLP((4, 5, 3)), 0.1, 4, optimizer="adm"), "Did you mean 'adam'"),
    (lambda: I.mup_groups(MLP((4, 5, 3)), 0.0, 4), "lr must be"),
    (lambda: I.fixup_groups(ResNet(8), 0.1), r"ResNet\(fixup=True\)"),
    (lambda: I.fixup_groups(ResNet(8, fixup=True), -0.1), "lr must be"),
    (lambda: I.metainit_(MLP((64, 3)), F.cross_entropy, (DATA * math.nan, torch.zeros(128).long())), "not finite"),
]


@pytest.mark.parametrize(("call", "message"), BAD_VALUES)
def test_bad_input_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: I.zeros_(torch.zeros(2, dtype=torch.long)), "floating-point"),
        (lambda: I.zeros_([1.0]), "torch.Tensor"),
        (lambda: initialize(MLP((4, 3)), "zeros", 7), "manual_seed"),
        (lambda: initialize([1], "zeros"), "torch.nn.Module"),
    ],
)
def test_wrong_types_are_named(call, message):
    with pytest.raises(TypeError, match=message):
        call()


def test_a_refused_model_is_left_as_it_was():
    model = nn.Sequential(nn.Conv2d(1, 4, 3), nn.Conv2d(4, 2, 3))  # the second cannot be delta-orthogonal
    before = parameters(model).clone()
    with pytest.raises(ValueError, match="layer '1'"):
        initialize(model, "delta_orthogonal")
    assert torch.equal(parameters(model), before)


def test_skip_leaves_what_it_names():
    model = nn.Sequential(nn.Linear(3, 3), nn.LSTM(3, 3))
    before = [parameter.clone() for parameter in model[1].parameters()]
    initialize(model, "zeros", skip="1")
    assert not model[0].weight.any()
    assert all(torch.equal(a, b) for a, b in zip(before, model[1].parameters(), strict=True))


def test_initializing_keeps_gradients_possible():
    w = I.orthogonal_(nn.Parameter(torch.empty(3, 3)))
    assert w.requires_grad and w.is_leaf and w.grad_fn is None
