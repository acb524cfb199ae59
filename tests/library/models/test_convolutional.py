"""ConvNet and ResNet: shapes, what skip, norm and fixup change, and that they learn."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from talweg.initializers import initialize
from talweg.models import ConvNet, ResNet


def gaussian(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def count(model, kind):
    return sum(isinstance(module, kind) for module in model.modules())


@pytest.mark.parametrize("norm", [None, "batch", "group", "layer"])
def test_convnet_takes_images_and_flat_rows(norm):
    model = ConvNet((1, 8, 8), (4, 6), norm=norm).eval()
    x = gaussian(5, 1, 8, 8)
    assert model(x).shape == (5, 10)
    assert torch.equal(model(x), model(x.flatten(1)))


def test_convnet_is_what_its_layers_are():
    """Oracle: the same weights in a plain functional network."""
    model = ConvNet((3, 12, 12), (4, 6), classes=7, kernel_size=5, activation="tanh")
    x = gaussian(2, 3, 12, 12)
    w1, b1, w2, b2, w3, b3 = model.parameters()
    h = F.max_pool2d(F.conv2d(x, w1, b1, padding=2).tanh(), 2)
    h = F.max_pool2d(F.conv2d(h, w2, b2, padding=2).tanh(), 2)
    assert torch.allclose(model(x), F.linear(h.flatten(1), w3, b3), atol=1e-6)


def test_convnet_without_pooling_keeps_the_image():
    model = ConvNet((1, 5, 5), (8,) * 30, pool_every=0)
    assert model.head.in_features == 8 * 25 and count(model, nn.MaxPool2d) == 0


@pytest.mark.parametrize("depth", [8, 20, 56])
def test_resnet_depth_counts_its_weights(depth):
    model = ResNet(depth, width=4)
    assert count(model, (nn.Conv2d, nn.Linear)) == depth
    assert model(gaussian(2, 3, 16, 16)).shape == (2, 10)


def test_resnet20_has_the_published_number_of_parameters():
    """0.27 M (He et al. 2016, table 6)."""
    assert sum(parameter.numel() for parameter in ResNet(20).parameters()) == 269_722


def test_without_skip_the_same_weights_make_another_function():
    plain, residual = ResNet(8, skip=False, norm=False), ResNet(8, norm=False)
    plain.load_state_dict(residual.state_dict())  # the same parameters
    x = gaussian(2, 3, 8, 8)
    assert not torch.allclose(plain(x), residual(x))
    for block in [*residual.blocks, *plain.blocks]:
        nn.init.zeros_(block.branch[-1].weight)
    assert residual(x).std() > 0.01  # the shortcuts carry the signal
    assert torch.equal(plain(x), plain.head.bias.expand(2, -1))  # without them a zero layer stops it


def test_a_block_adds_its_branch_to_its_shortcut():
    block = ResNet(8, norm=False, width=4).blocks[1]  # halves the image and doubles the channels
    x = gaussian(2, 4, 8, 8)
    shortcut = torch.cat([x[:, :, ::2, ::2], torch.zeros(2, 4, 4, 4)], dim=1)
    assert torch.equal(block(x), (shortcut + block.branch(x)).relu())


@pytest.mark.parametrize(
    ("norm", "kind"),
    [(True, nn.BatchNorm2d), ("batch", nn.BatchNorm2d), ("group", nn.GroupNorm), ("layer", nn.GroupNorm)],
)
def test_resnet_norms(norm, kind):
    model = ResNet(8, norm=norm, width=4)
    assert count(model, kind) == 7 and torch.isfinite(model(gaussian(2, 3, 8, 8))).all()
    assert count(ResNet(8, norm=False), (nn.BatchNorm2d, nn.GroupNorm)) == 0


def test_fixup_scalars():
    """Four biases and a multiplier in each branch, a bias in the stem and one before the classifier."""
    scalars = [parameter for parameter in ResNet(20, fixup=True).parameters() if parameter.numel() == 1]
    assert len(scalars) == 9 * 5 + 2
    assert count(ResNet(20, fixup=True), nn.BatchNorm2d) == 0


@pytest.mark.slow
@pytest.mark.parametrize(
    ("model", "method"),
    [
        (ConvNet((1, 8, 8), (8, 16)), "kaiming_normal"),
        (ResNet(8, in_channels=1, width=8), "kaiming_normal"),
        (ResNet(8, in_channels=1, width=8, fixup=True), "fixup"),
    ],
)
def test_they_learn_a_few_digits(model, method):
    from sklearn.datasets import load_digits

    x, y = (torch.tensor(array[:100]) for array in load_digits(return_X_y=True))
    x = (x.float() / 16).view(-1, 1, 8, 8)
    initialize(model, method, torch.Generator().manual_seed(0))
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    for _ in range(60):
        optimizer.zero_grad()
        loss = F.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
    assert loss < 0.1


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: ResNet(21), "depth must be 6n \\+ 2.*20 and 26"),
        (lambda: ResNet(2), "nearest are 8"),
        (lambda: ResNet(8, norm="bacth"), "Did you mean 'batch'"),
        (lambda: ResNet(8, activation="rleu"), "Did you mean 'relu'"),
        (lambda: ResNet(8, skip=False, fixup=True), "fixup must go with skip=True"),
        (lambda: ResNet(8, norm="batch", fixup=True), "replaces normalization"),
        (lambda: ConvNet((8, 8)), "image must be"),
        (lambda: ConvNet((1, 4, 4), (4, 4, 4)), "too small"),
        (lambda: ConvNet(kernel_size=4), "must be odd"),
    ],
)
def test_bad_input_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()
