"""Networks."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from talweg.models import ACTIVATIONS, MLP


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_mlp_is_its_formula(name):
    """Written out: h = φ(W₁x + b₁), y = W₂h + b₂, with torch.nn.functional's activation."""
    model = MLP((6, 5, 3), name, dtype=torch.float64)
    x = torch.randn(4, 1, 2, 3, dtype=torch.float64)
    activation = {"identity": lambda h: h, "linear": lambda h: h, "tanh": torch.tanh, "sigmoid": torch.sigmoid}
    phi = activation.get(name) or getattr(F, name)
    w1, b1, w2, b2 = model.parameters()
    assert torch.allclose(model(x), phi(x.reshape(4, 6) @ w1.T + b1) @ w2.T + b2, rtol=1e-12)


def test_no_activation_after_the_last_layer():
    model = MLP((2, 3))
    assert [type(layer).__name__ for layer in model] == ["Flatten", "Linear"]
    assert len(list(model.parameters())) == 2


def test_dtype_is_the_default_of_torch():
    assert next(MLP((2, 3)).parameters()).dtype == torch.get_default_dtype()
    assert next(MLP((2, 3), dtype=torch.float64).parameters()).dtype == torch.float64


@pytest.mark.parametrize("sizes", [(), (3,), 5, "64", None])
def test_too_few_sizes(sizes):
    with pytest.raises(ValueError, match="sizes must be at least two"):
        MLP(sizes)


@pytest.mark.parametrize("size, error", [(0, ValueError), (-1, ValueError), (2.5, TypeError), (True, TypeError)])
def test_bad_size_is_named(size, error):
    with pytest.raises(error, match=r"sizes\[1\]"):
        MLP((4, size, 2))


def test_unknown_activation_proposes_the_nearest():
    with pytest.raises(ValueError, match="activation must be one of.*Did you mean 'relu'"):
        MLP((2, 3), "rellu")


@pytest.mark.parametrize("norm, kind", [("batch", nn.BatchNorm1d), ("layer", nn.LayerNorm), ("rms", nn.RMSNorm)])
def test_norms_stand_between_a_hidden_layer_and_its_activation(norm, kind):
    layers = [type(layer) for layer in MLP((4, 6, 5, 3), norm=norm, dtype=torch.float64)]
    assert layers == [nn.Flatten, nn.Linear, kind, nn.ReLU, nn.Linear, kind, nn.ReLU, nn.Linear]
    assert all(p.dtype == torch.float64 for p in MLP((4, 6, 3), norm=norm, dtype=torch.float64).parameters())


def test_unknown_norm_is_named():
    with pytest.raises(ValueError, match="norm must be one of 'batch', 'layer', 'rms'"):
        MLP((4, 6, 3), norm="batsh")
