"""Convolutional networks small enough for a chapter: a plain ConvNet, and CIFAR's ResNets with or without skips."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from talweg.arguments import one_of, positive_int
from talweg.models.dense import ACTIVATIONS

__all__ = ["ConvNet", "ResNet"]

NORMS = {
    "batch": nn.BatchNorm2d,
    "group": lambda channels: nn.GroupNorm(_groups(channels), channels),
    "layer": lambda channels: nn.GroupNorm(1, channels),
}


class ConvNet(nn.Module):
    """Convolutions, each with activation and halving by max-pooling, then one dense layer.

    Parameters
    ----------
    image
        (channels, height, width) of the input; x may also come flattened, (N, channels·height·width).
    channels
        Output channels of each convolution ("same" padding, stride 1).
    classes
        Number of outputs.
    kernel_size
        Odd.
    activation
        A name of `ACTIVATIONS`.
    norm
        None, "batch", "group" or "layer" (over channels and positions), before the activation.
    pool_every
        Max-pool 2×2 after every so many convolutions; 0 means never (deep plain nets).

    Raises
    ------
    ValueError
        An image too small for its poolings, an even kernel, an unknown activation or norm.

    Examples
    --------
    >>> import torch
    >>> from talweg.models import ConvNet
    >>> model = ConvNet((1, 8, 8), channels=(4, 8))
    >>> model(torch.zeros(2, 1, 8, 8)).shape, sum(p.numel() for p in model.parameters())
    (torch.Size([2, 10]), 666)
    """

    def __init__(
        self,
        image: Sequence[int] = (1, 8, 8),
        channels: Sequence[int] = (16, 32),
        classes: int = 10,
        *,
        kernel_size: int = 3,
        activation: str = "relu",
        norm: str | None = None,
        pool_every: int = 1,
    ):
        super().__init__()
        if len(image) != 3:
            raise ValueError(f"image must be (channels, height, width); got {tuple(image)}.")
        self.image = tuple(positive_int("image", size) for size in image)
        if not positive_int("kernel_size", kernel_size) % 2:
            raise ValueError(f"kernel_size must be odd, so that the image keeps its size; got {kernel_size}.")
        activated = ACTIVATIONS[one_of("activation", activation, ACTIVATIONS)]
        features, (inputs, height, width) = [], self.image
        for number, outputs in enumerate(channels, start=1):
            features += [nn.Conv2d(inputs, positive_int("channels", outputs), kernel_size, padding=kernel_size // 2)]
            features += [*_norm(norm, outputs), activated()]
            inputs = outputs
            if pool_every and number % pool_every == 0:
                features.append(nn.MaxPool2d(2))
                height, width = height // 2, width // 2
        if not height or not width:
            raise ValueError(
                f"image {self.image[1:]} is too small for {len(channels)} convolutions and their poolings."
            )
        self.features = nn.Sequential(*features)
        self.head = nn.Linear(inputs * height * width, positive_int("classes", classes))

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.features(x.reshape(x.shape[0], *self.image)).flatten(1))


class ResNet(nn.Module):
    """CIFAR's residual network of depth 6n + 2: three stages of n blocks of two 3×3 convolutions.

    Section 4.2 of He et al., with its parameter-free shortcuts (option A: every second pixel, and zeros for the new
    channels). x: (N, in_channels, height, width), at least 4×4.

    Parameters
    ----------
    depth
        8, 14, 20, 26, 32, …
    skip
        False leaves the shortcuts out: the same layers, in a row.
    norm
        True or "batch", "group", "layer" (over channels and positions), or False or None.
    fixup
        True puts Fixup's scalars in the place of normalization: a bias before each convolution and activation, a
        multiplier in each branch. It needs skips, takes no other norm, and wants
        `talweg.initializers.initialize(model, "fixup")` before training.
    in_channels, width, classes
        Channels of the input, channels of the first stage, and number of outputs.
    activation
        A name of `ACTIVATIONS`.

    Raises
    ------
    ValueError
        A depth that is not 6n + 2, fixup without skips or with a norm, an unknown activation or norm.

    References
    ----------
    He et al. 2016, arXiv:1512.03385. Fixup: Zhang, Dauphin & Ma 2019, arXiv:1901.09321.

    Examples
    --------
    >>> import torch
    >>> from talweg.models import ResNet
    >>> model = ResNet(8, width=4).eval()
    >>> model(torch.zeros(2, 3, 8, 8)).shape, len(model.residual_branches())
    (torch.Size([2, 10]), 3)
    """

    def __init__(
        self,
        depth: int = 20,
        skip: bool = True,
        *,
        norm: bool | str | None = True,
        fixup: bool = False,
        in_channels: int = 3,
        width: int = 16,
        classes: int = 10,
        activation: str = "relu",
    ):
        super().__init__()
        blocks = _blocks_per_stage(depth)
        if fixup and not skip:
            raise ValueError(
                "fixup must go with skip=True: it scales residual branches, and without skips there are none."
            )
        if fixup and isinstance(norm, str):
            raise ValueError(f"norm must not be given with fixup=True, which replaces normalization; got {norm!r}.")
        norm = None if fixup or not norm else "batch" if norm is True else norm
        activated = ACTIVATIONS[one_of("activation", activation, ACTIVATIONS)]
        self.depth, self.skip, self.fixup = depth, skip, fixup
        stem = [nn.Conv2d(in_channels, width, 3, padding=1, bias=False), *_norm(norm, width)]
        self.stem = nn.Sequential(*stem, *([ScalarBias()] if fixup else []), activated())
        layers, inputs = [], width
        for outputs in (width, 2 * width, 4 * width):
            for _ in range(blocks):
                branch = (_fixup_branch if fixup else _branch)(inputs, outputs, norm, activated)
                layers.append(ResidualBlock(branch, activated(), outputs // inputs, skip))
                inputs = outputs
        self.blocks = nn.Sequential(*layers)
        self.before_head = ScalarBias() if fixup else nn.Identity()
        self.head = nn.Linear(inputs, positive_int("classes", classes))

    def forward(self, x: Tensor) -> Tensor:
        pooled = self.blocks(self.stem(x)).mean((2, 3))
        return self.head(self.before_head(pooled))

    def residual_branches(self) -> list[nn.Module]:
        """The functions F of the blocks x + F(x), in order; none without skips."""
        return [block.branch for block in self.blocks if isinstance(block, ResidualBlock) and block.skip]


class ResidualBlock(nn.Module):
    """φ(shortcut(x) + branch(x)); without skip, φ(branch(x))."""

    def __init__(self, branch: nn.Module, activation: nn.Module, stride: int, skip: bool):
        super().__init__()
        self.branch, self.activation, self.stride, self.skip = branch, activation, stride, skip

    def forward(self, x: Tensor) -> Tensor:
        y = self.branch(x)
        return self.activation(self._shortcut(x) + y if self.skip else y)

    def _shortcut(self, x: Tensor) -> Tensor:
        if self.stride == 1:
            return x
        # As many times the channels as the image becomes smaller.
        return F.pad(x[:, :, :: self.stride, :: self.stride], (0, 0, 0, 0, 0, (self.stride - 1) * x.shape[1]))


class ScalarBias(nn.Module):
    """x + b with one number b, 0 at first (Fixup)."""

    def __init__(self):
        super().__init__()
        self.bias = nn.Parameter(torch.zeros(1))

    def forward(self, x: Tensor) -> Tensor:
        return x + self.bias


class ScalarMultiplier(nn.Module):
    """a·x with one number a, 1 at first (Fixup)."""

    def __init__(self):
        super().__init__()
        self.scale = nn.Parameter(torch.ones(1))

    def forward(self, x: Tensor) -> Tensor:
        return self.scale * x


def _branch(inputs: int, outputs: int, norm: str | None, activated: type[nn.Module]) -> nn.Sequential:
    first, second = _convolutions(inputs, outputs)
    return nn.Sequential(first, *_norm(norm, outputs), activated(), second, *_norm(norm, outputs))


def _fixup_branch(inputs: int, outputs: int, _norm: str | None, activated: type[nn.Module]) -> nn.Sequential:
    first, second = _convolutions(inputs, outputs)
    entry = (ScalarBias(), first, ScalarBias(), activated())
    return nn.Sequential(*entry, ScalarBias(), second, ScalarMultiplier(), ScalarBias())


def _convolutions(inputs: int, outputs: int) -> tuple[nn.Conv2d, nn.Conv2d]:
    """Two 3×3 convolutions; the first halves the image where the channels double."""
    first = nn.Conv2d(inputs, outputs, 3, stride=outputs // inputs, padding=1, bias=False)
    return first, nn.Conv2d(outputs, outputs, 3, padding=1, bias=False)


def _norm(norm: str | None, channels: int) -> list[nn.Module]:
    return [] if norm is None else [NORMS[one_of("norm", norm, NORMS)](channels)]


def _groups(channels: int) -> int:
    """As many groups as divide the channels, up to 8."""
    return next(groups for groups in range(8, 0, -1) if channels % groups == 0)


def _blocks_per_stage(depth: int) -> int:
    if positive_int("depth", depth) < 8 or (depth - 2) % 6:
        below = max(8, depth - (depth - 2) % 6)
        raise ValueError(f"depth must be 6n + 2 (8, 14, 20, …); got {depth}. The nearest are {below} and {below + 6}.")
    return (depth - 2) // 6
