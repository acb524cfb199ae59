"""What every optimizer shares: groups, state, validation and the fast path. A method is then its formula."""

from __future__ import annotations

import inspect
import math
import operator
from collections.abc import Callable, Iterable
from typing import Any, ClassVar

import torch
from torch import Tensor

from talweg.arguments import one_of
from talweg.optimizers.tensors import Tensors, pieces

# Closed below, and open or closed above: where each hyperparameter may lie, for every rule that has it.
RANGES: dict[str, tuple[float, float, bool]] = {
    "lr": (0.0, math.inf, False),
    "momentum": (0.0, math.inf, False),
    "dampening": (0.0, 1.0, True),
    "weight_decay": (0.0, math.inf, False),
    "eps": (0.0, math.inf, False),
    "betas": (0.0, 1.0, False),
    "beta": (0.0, 1.0, False),
    "alpha": (0.0, 1.0, False),
    "lr_decay": (0.0, math.inf, False),
    "initial_accumulator_value": (0.0, math.inf, False),
    "momentum_decay": (0.0, math.inf, False),
    "gamma": (0.0, math.inf, False),
    "clip": (0.0, math.inf, True),
    "decay": (0.0, math.inf, False),
    "rho": (0.0, math.inf, False),
    "warmup_steps": (0, math.inf, False),
    "r": (0.0, math.inf, False),
    "weight_lr_power": (0.0, math.inf, False),
}

FUSED_DEVICES = ("cpu", "cuda")


class Rule(torch.optim.Optimizer):
    """An optimizer given by `defaults` (its hyperparameters) and `update` (its formula).

    `update(theta, g, <state …>, *, <hyperparameters …>)` changes `theta` and the state in place. Its positional
    names after `g` are the state: one tensor per parameter, zero at first, or what `start` says. Its keyword names are
    hyperparameters of the group, and `t`, if it is named: 1, 2, … the number of the update since the state was made
    (with `**others`: all there are).
    `numbers` names further keywords that are state too, with their first values; `update` returns their new ones.
    `theta`, `g` and the state are `Tensors` (many parameters together, None for a state that is not kept), or single
    tensors where a rule needs shapes and sets `foreach = False`.

    `fused`, with the arguments of `update`, is used in its place where a rule has it and the device allows: one pass
    over memory instead of several (see `kernels`). It must equal `update`, or return NotImplemented before it has
    changed anything. `one_kernel = True` says that it is a single kernel, for which nothing need be cut into pieces.

    `elementwise = False` says that an entry's update depends on other entries (a norm, a matrix product): parameters
    of several seeds must then not be stacked into one tensor, and no tensor is cut into pieces.

    Parameters without a gradient are skipped. Sparse gradients and complex parameters are refused before anything
    has changed.
    """

    defaults: dict[str, Any] = {}
    numbers: ClassVar[dict[str, float]] = {}
    foreach: ClassVar[bool] = True
    fused: ClassVar[Callable | None] = None
    one_kernel: ClassVar[bool] = False
    elementwise: ClassVar[bool] = True
    _state_names: ClassVar[tuple[str, ...]]
    _hyper_names: ClassVar[tuple[str, ...]]
    _uses_t: ClassVar[bool]
    _age: ClassVar[Callable]

    def __init_subclass__(cls, **kwargs) -> None:
        super().__init_subclass__(**kwargs)
        parameters = list(inspect.signature(cls.update).parameters.values())[3:]  # after self, theta, g
        keywords = [p.name for p in parameters if p.kind is p.KEYWORD_ONLY]
        if any(p.kind is p.VAR_KEYWORD for p in parameters):
            keywords = [*cls.defaults, "t", *cls.numbers]
        cls._state_names = tuple(p.name for p in parameters if p.kind is p.POSITIONAL_OR_KEYWORD)
        cls._hyper_names = tuple(name for name in keywords if name != "t" and name not in cls.numbers)
        cls._uses_t = "t" in keywords
        if "update" in cls.__dict__ and "fused" not in cls.__dict__:
            cls.fused = None  # a parent's kernel is not this formula
        cls._age = staticmethod(operator.itemgetter("t", *cls.numbers))
        kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
        arguments = [inspect.Parameter("params", kind)]
        arguments += [inspect.Parameter(name, kind, default=value) for name, value in cls.defaults.items()]
        cls.__signature__ = inspect.Signature(arguments)

    def __init__(self, params: Iterable, *args, **hyperparameters) -> None:
        names = list(type(self).defaults)
        for name in hyperparameters:
            one_of(f"{type(self).__name__}: hyperparameter", name, names)
        bound = type(self).__signature__.bind(params, *args, **hyperparameters)
        bound.apply_defaults()
        values = {name: bound.arguments[name] for name in names}
        self._check(values)
        super().__init__(params, values)

    def update(self, theta, g, *state, **hyperparameters) -> None:
        """The formula. Subclasses write it."""
        raise NotImplementedError

    def check(self, **hyperparameters) -> None:  # noqa: B027 (a hook, empty on purpose)
        """Hook: what must hold between hyperparameters beyond their ranges (raise ValueError)."""

    def needs(self, **hyperparameters) -> bool:
        """Hook: whether the state is needed at all (SGD without momentum keeps none)."""
        return True

    def start(self, name: str, theta: Tensor, **hyperparameters) -> Tensor | None:
        """Hook: the first value of the state `name` of the parameter `theta`; None: not kept."""
        return torch.zeros_like(theta, memory_format=torch.preserve_format)

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """As in torch; refuses complex and non-leaf tensors and bad hyperparameters."""
        values = {name: param_group.get(name, self.defaults[name]) for name in type(self).defaults}
        self._check(values)
        # An iterator can be read only once: keep what it gave for torch's own checks.
        if not isinstance(param_group["params"], Tensor | list):
            param_group = {**param_group, "params": list(param_group["params"])}
        params = param_group["params"]
        for entry in [params] if isinstance(params, Tensor) else params:
            parameter = entry[1] if isinstance(entry, tuple) else entry
            if isinstance(parameter, Tensor):
                self._check_parameter(parameter)
        super().add_param_group(param_group)

    def _check_parameter(self, parameter: Tensor) -> None:
        name = type(self).__name__
        if not parameter.is_floating_point():
            raise TypeError(f"{name}: params must be real floating-point tensors; got {parameter.dtype}.")
        if not parameter.is_leaf:
            raise ValueError(
                f"{name}: params must be leaf tensors; got the result of an operation "
                f"({type(parameter.grad_fn).__name__}), which would never be changed. Use .detach().requires_grad_()."
            )

    def _check(self, values: dict[str, Any]) -> None:
        for name, value in values.items():
            default = type(self).defaults[name]
            if name not in RANGES or (value is None and default is None):
                continue
            low, high, closed = RANGES[name]
            several = isinstance(default, tuple)
            if several and (not isinstance(value, tuple | list) or len(value) != len(default)):
                raise ValueError(f"{type(self).__name__}: {name} must be {len(default)} numbers; got {value!r}.")
            for number in value if several else (value,):
                try:
                    number = float(number)  # also a tensor of one value, as torch allows for lr
                except (TypeError, ValueError, RuntimeError):
                    raise TypeError(f"{type(self).__name__}: {name} must be a number; got {value!r}.") from None
                if not (low <= number < high or (closed and number == high)):
                    interval = f"[{low:g}, {high:g}{']' if closed else ')'}"
                    raise ValueError(f"{type(self).__name__}: {name} must lie in {interval}; got {value!r}.")
        self.check(**values)

    @torch.no_grad()
    def step(self, closure: Callable[[], Tensor] | None = None) -> Tensor | None:
        """One update of every parameter that has a gradient; returns the closure's loss, if one is given."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        work = [(group, self._buckets(group)) for group in self.param_groups]  # refuses before anything changes
        for group, buckets in work:
            hyper = {name: group[name] for name in self._hyper_names}
            if "lr" in hyper and type(hyper["lr"]) is not float and isinstance(hyper["lr"], Tensor):
                hyper["lr"] = hyper["lr"].item()
            keeps_state = self._state_names and self.needs(**hyper)
            for bucket in buckets:
                self._update_bucket(*bucket, hyper, keeps_state)
        return loss

    def _buckets(self, group: dict[str, Any]) -> Iterable[tuple[list[Tensor], list[Tensor], list[dict]]]:
        """Parameters with a gradient, their gradients and states, in lists of one device, dtype and age."""
        buckets: dict[tuple, tuple[list[Tensor], list[Tensor], list[dict]]] = {}
        for parameter in group["params"]:
            g = parameter.grad
            if g is None:
                continue
            if g.layout is not torch.strided:
                raise RuntimeError(f"{type(self).__name__}: sparse gradients are not supported; use dense ones.")
            state = self.state.get(parameter)
            key = g.device, g.dtype, self._age(state) if state else None
            bucket = buckets.get(key)
            if bucket is None:
                bucket = buckets[key] = [], [], []
            bucket[0].append(parameter)
            bucket[1].append(g)
            bucket[2].append(state)
        return buckets.values()

    def _update_bucket(self, parameters, gradients, states, hyper: dict[str, Any], keeps_state: bool) -> None:
        columns: list[list] = [parameters, gradients]
        numbers, t = self.numbers, None
        if keeps_state:
            try:
                columns += [[state[name] for state in states] for name in self._state_names]
            except (KeyError, TypeError):  # new, or some are not kept
                states = [self._state_of(p, hyper) for p in parameters]
                columns[2:] = [[state.get(name) for state in states] for name in self._state_names]
            numbers = {name: states[0][name] for name in self.numbers}  # all are of one age
            t = states[0]["t"] + 1
        else:
            columns += [[None] * len(parameters)] * len(self._state_names)
        if self._uses_t:
            hyper = {**hyper, "t": t}
        changed = self._run(columns, {**hyper, **numbers})
        if keeps_state:
            for state in states:
                state["t"] = t
                if changed:
                    state.update(changed)

    def _run(self, columns: list[list], arguments: dict[str, Any]) -> dict[str, float] | None:
        """Apply the rule, fused if that can be; returns the new `numbers`."""
        if not self.foreach:
            for row in zip(*columns, strict=True):
                changed = self.update(*row, **arguments)
            return changed
        device, rules = columns[0][0].device.type, [self.update]
        if self.fused and device in FUSED_DEVICES:
            # The kernels take the memory of parameter and gradient in one order, whatever their strides.
            if all(map(Tensor.is_contiguous, columns[0])) and all(map(Tensor.is_contiguous, columns[1])):
                rules = [self.fused, self.update]
        lists = [None if column[0] is None else column for column in columns]
        for rule in rules:
            whole = device != "cpu" or (self.one_kernel and len(rules) == 2 and rule is rules[0])
            for part in [lists] if whole else pieces(lists, split=self.elementwise):
                changed = rule(*[None if column is None else Tensors(column) for column in part], **arguments)
            if changed is not NotImplemented:
                break
        return changed

    def _state_of(self, parameter: Tensor, hyper: dict[str, Any]) -> dict[str, Any]:
        state = self.state[parameter]
        if not state:
            state["t"] = 0  # updates made; no tensor, so that reading it never waits for a GPU
            state.update(self.numbers)
        for name in self._state_names:
            if name not in state:
                value = self.start(name, parameter, **hyper)
                if value is not None:
                    state[name] = value
        return state

    def state_dict(self) -> dict[str, Any]:
        """As in torch, and the name of the method."""
        return {**super().state_dict(), "method": type(self).__name__}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """As in torch; ValueError for the state of another method, before anything has changed."""
        ours, given = type(self).__name__, state_dict.get("method")
        if given != ours:
            raise ValueError(f"{ours}: state_dict must come from {ours}; got one from {given or 'another library'}.")
        super().load_state_dict(state_dict)

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        for group in self.param_groups:  # written before a hyperparameter existed
            for name, value in type(self).defaults.items():
                group.setdefault(name, value)
