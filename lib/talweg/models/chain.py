"""Whether a network is a plain chain of layers, and which: what fast evaluation and weight matching ask of a model."""

from __future__ import annotations

from torch import nn

__all__ = ["ELEMENTWISE", "NORMS", "Layers", "chain_layers"]

ELEMENTWISE = (
    nn.ReLU, nn.LeakyReLU, nn.ELU, nn.SELU, nn.CELU, nn.GELU, nn.SiLU, nn.Mish, nn.Tanh, nn.Sigmoid, nn.Softplus,
    nn.Hardtanh, nn.Identity,
)  # fmt: skip
NORMS = (nn.LayerNorm, nn.RMSNorm, nn.BatchNorm1d)
Layers = list[tuple[str, nn.Module]]


def chain_layers(model: nn.Module, x_dims: int = 2, *, norms: bool = False) -> Layers | None:
    """(name, layer) in the order of evaluation if the model is a plain chain on vectors, else None.

    A plain chain is an `nn.Sequential` (or a subclass that keeps its forward), nested or not, of linear layers,
    elementwise activations, dropout in eval mode and, at its beginning only, a Flatten; with `norms` also
    normalization layers, batch normalization only without running statistics. x_dims: axes of the input, samples
    first; more than two need the Flatten. Hooks, parametrizations and weights that are used twice make it None.
    """
    layers = _layers(model, "")
    if not layers or not any(isinstance(module, nn.Linear) for _, module in layers):
        return None
    if not norms and any(isinstance(module, NORMS) for _, module in layers):
        return None
    if x_dims != 2 and not isinstance(layers[0][1], nn.Flatten):
        return None
    if len(list(model.parameters())) != len(list(model.named_parameters(remove_duplicate=False))):
        return None
    return layers


def _layers(module: nn.Module, name: str) -> Layers | None:
    if module._forward_hooks or module._forward_pre_hooks or getattr(module, "parametrizations", None):
        return None
    if isinstance(module, nn.Sequential) and type(module).forward is nn.Sequential.forward:
        layers: Layers = []
        for child_name, child in module._modules.items():  # named_children would drop a module used twice
            inner = _layers(child, f"{name}.{child_name}" if name else child_name)
            if inner is None or (layers and any(isinstance(layer, nn.Flatten) for _, layer in inner)):
                return None
            layers += inner
        return layers
    return [(name, module)] if _is_known(module) else None


def _is_known(module: nn.Module) -> bool:
    if type(module) is nn.Dropout:
        return not module.training
    if type(module) is nn.Flatten:
        return (module.start_dim, module.end_dim) == (1, -1)
    if type(module) is nn.BatchNorm1d:
        return not module.track_running_stats
    return type(module) in (nn.Linear, nn.LayerNorm, nn.RMSNorm, *ELEMENTWISE)
