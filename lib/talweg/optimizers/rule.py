"""What every optimizer shares: groups, state, checks and the fast path. A method is then its formula."""

from __future__ import annotations

import inspect
import operator
from collections.abc import Callable, Iterable
from typing import Any, ClassVar

import torch
from torch import Tensor

from talweg.arguments import one_of
from talweg.optimizers.hyperparameters import Hyperparameter
from talweg.optimizers.method import Method
from talweg.optimizers.tensors import Tensors, pieces

FUSED_DEVICES = ("cpu", "cuda")
HALF = (torch.float16, torch.bfloat16)


class Rule(Method):
    """An optimizer given by what it declares and by `update`, its formula; the example below is a whole one.

    The hyperparameters are declared with `hyperparameters.number`, `pair`, `whole`, `flag` or `choice`. `buffers` names
    the state: one tensor for each parameter, zero at first (or what `start` says). `numbers` names further state that
    is a number for each parameter, with its first value.

    `update(theta, g, <buffers …>, *, t, <numbers …>, <hyperparameters …>)` changes `theta` and the buffers in place and
    returns the new numbers, if there are any. Everything is passed by these names; a formula takes what it needs and
    leaves the rest to `**_`. t = 1, 2, … is the number of the update since the state was made (None without buffers).
    `theta`, `g` and the buffers are `Tensors` (many parameters together, None for a buffer that is not kept), or single
    tensors where a rule needs shapes and sets `foreach = False`.

    On some devices `fused` stands in for `update`: see `talweg.optimizers.fused`. Parameters without a gradient are
    skipped.

    The step of parameters in half precision is computed in float32 and then rounded, once. Their state has their own
    dtype if that is bfloat16, as in torch: averages with β = 0.999 then rise slowly and never fall, since 0.999 v rounds
    to v. The state of float16 is float32: squares of gradients leave the range of float16.

    Parameters
    ----------
    params
        Leaf tensors, or groups of them with hyperparameters of their own, as in torch.
    *args, **hyperparameters
        Values for the declared hyperparameters, in their order or by name; they have the declared defaults.

    Raises
    ------
    ValueError
        If a hyperparameter is unknown or outside its range, or a parameter is not a leaf.
    TypeError
        If a parameter is complex or not of floating point.
    RuntimeError
        By `step`, before anything has changed, if a gradient is sparse.

    Examples
    --------
    >>> import torch
    >>> from talweg.optimizers import Rule, number
    >>> class Momentum(Rule):
    ...     lr: float = number(1e-3, low=0)
    ...     mu: float = number(0.9, low=0, below=1)
    ...     buffers = ("m",)
    ...
    ...     def update(self, theta, g, m, *, lr, mu, **_):
    ...         m.mul_(mu).add_(g)
    ...         theta.add_(m, alpha=-lr)
    >>> theta = torch.zeros(1, dtype=torch.float64, requires_grad=True)
    >>> optimizer = Momentum([theta], lr=0.1)
    >>> for _ in range(2):
    ...     theta.grad = torch.ones_like(theta)
    ...     optimizer.step()
    >>> theta.detach()
    tensor([-0.2900], dtype=torch.float64)
    """

    buffers: ClassVar[tuple[str, ...]] = ()
    numbers: ClassVar[dict[str, float]] = {}
    foreach: ClassVar[bool] = True
    fused: ClassVar[Callable | None] = None
    hyperparameters: ClassVar[dict[str, Hyperparameter]] = {}
    defaults: dict[str, Any] = {}
    _age: ClassVar[Callable]

    def __init_subclass__(cls, **kwargs) -> None:
        super().__init_subclass__(**kwargs)
        if "defaults" in cls.__dict__:
            raise TypeError(
                f"{cls.__name__}: hyperparameters are declared one by one, for example lr: float = number(1e-3, low=0); "
                "got defaults = …, which says nothing about their ranges."
            )
        own = {name: value for name, value in cls.__dict__.items() if isinstance(value, Hyperparameter)}
        cls.hyperparameters = {**cls.hyperparameters, **own}
        cls.defaults = {name: declared.default for name, declared in cls.hyperparameters.items()}
        cls._age = staticmethod(operator.itemgetter("t", *cls.numbers))
        if "update" in cls.__dict__ and "fused" not in cls.__dict__:
            cls.fused = None  # the parent's fast form is not this formula
        kind = inspect.Parameter.POSITIONAL_OR_KEYWORD  # what help() and Shift+Tab show
        arguments = [inspect.Parameter("params", kind)]
        arguments += [inspect.Parameter(name, kind, default=value) for name, value in cls.defaults.items()]
        cls.__signature__ = inspect.Signature(arguments)

    def __init__(self, params: Iterable, *args: Any, **hyperparameters: Any) -> None:
        names = list(self.hyperparameters)
        for name in hyperparameters:
            one_of(f"{type(self).__name__}: hyperparameter", name, names)
        bound = type(self).__signature__.bind(params, *args, **hyperparameters)
        bound.apply_defaults()
        values = {name: bound.arguments[name] for name in names}
        self._check(values)
        super().__init__(params, values)

    def update(self, theta, g, *buffers, **arguments) -> dict[str, float] | None:
        """The formula. Subclasses write it."""
        raise NotImplementedError

    def check(self, **hyperparameters) -> None:  # noqa: B027 (a hook, empty on purpose)
        """Hook: what must hold between hyperparameters beyond their ranges (raise ValueError)."""

    def needed(self, **hyperparameters) -> tuple[str, ...]:
        """Hook: those of the buffers that these hyperparameters need (SGD without momentum needs none)."""
        return self.buffers

    def start(self, name: str, theta: Tensor, **hyperparameters) -> Tensor | None:
        """Hook: the first value of the buffer `name` of the parameter `theta`; None: not kept."""
        return torch.zeros_like(theta, memory_format=torch.preserve_format)

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """As in torch; refuses complex and non-leaf tensors and bad hyperparameters."""
        self._check({name: param_group.get(name, self.defaults[name]) for name in self.hyperparameters})
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
            self.hyperparameters[name].check(f"{type(self).__name__}: {name}", value)
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
            hyper = self._values(group)
            needed = self.needed(**hyper)
            for bucket in buckets:
                self._update_bucket(*bucket, hyper, needed)
        return loss

    def _values(self, group: dict[str, Any]) -> dict[str, Any]:
        """The hyperparameters of a group."""
        hyper = {name: group[name] for name in self.hyperparameters}
        if type(lr := hyper.get("lr")) is not float and isinstance(lr, Tensor):  # the first test is the quick one
            hyper["lr"] = lr.item()
        return hyper

    def _buckets(self, group: dict[str, Any]) -> Iterable[tuple[list[Tensor], list[Tensor], list[dict | None]]]:
        """Parameters with a gradient, their gradients and states, in lists of one device, dtype and age."""
        buckets: dict[tuple, tuple[list[Tensor], list[Tensor], list[dict | None]]] = {}
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

    def _update_bucket(self, parameters, gradients, states, hyper: dict[str, Any], needed: tuple[str, ...]) -> None:
        none = [None] * len(parameters)
        columns: list[list] = [parameters, gradients]
        numbers, t = self.numbers, None
        if needed:
            try:
                columns += [[state[name] for state in states] if name in needed else none for name in self.buffers]
            except (KeyError, TypeError):  # new, or some are not kept
                states = [self._state_of(p, hyper, needed) for p in parameters]
                columns[2:] = [[state.get(name) for state in states] for name in self.buffers]
            numbers = {name: states[0][name] for name in self.numbers}  # all are of one age
            t = states[0]["t"] + 1
        else:
            columns += [none] * len(self.buffers)
        run = self._run_half if parameters[0].dtype in HALF else self._run
        changed = run(columns, {**hyper, "t": t, **numbers})
        if needed:
            for state in states:
                state["t"] = t
                if changed:
                    state.update(changed)

    def _run(self, columns: list[list], arguments: dict[str, Any]) -> dict[str, float] | None:
        """Apply the rule, fused if that can be; returns the new `numbers`."""
        changed = None
        if not self.foreach:
            for row in zip(*columns, strict=True):
                changed = self.update(*row, **arguments)
            return changed
        device = columns[0][0].device.type
        forms: list[Callable] = [self.update]
        if self.fused and device in FUSED_DEVICES:
            # The kernels take the memory of parameter and gradient in one order, whatever their strides.
            if all(map(Tensor.is_contiguous, columns[0])) and all(map(Tensor.is_contiguous, columns[1])):
                forms = [self.fused, self.update]
        lists = [None if column[0] is None else column for column in columns]
        for form in forms:
            whole = device != "cpu" or getattr(form, "one_kernel", False)
            for part in [lists] if whole else pieces(lists, split=self.elementwise):
                changed = form(*[None if column is None else Tensors(column) for column in part], **arguments)
            if changed is not NotImplemented:
                break
        return changed

    def _run_half(self, columns: list[list], arguments: dict[str, Any]) -> dict[str, float] | None:
        """`_run` on copies in float32, of a few megabytes at a time, which are then rounded back.

        In half precision each operation would lose digits, ε = 1e-8 is 0 in float16, and torch's fused SGD leaves most
        of a tensor on a CPU as it is (pytorch/pytorch#191763).
        """
        changed = None
        if self.foreach:
            parts = pieces([None if column[0] is None else column for column in columns], split=self.elementwise)
        else:
            parts = ([None if tensor is None else [tensor] for tensor in row] for row in zip(*columns, strict=True))
        for part in parts:
            copies: list[list] = [[None] if column is None else [one.float() for one in column] for column in part]
            changed = self._run(copies, arguments)
            for column, copy in zip(part, copies, strict=True):
                if column is not None and column is not part[1]:  # the gradient has not changed
                    Tensors(column).copy_(Tensors(copy))
        return changed

    def _state_of(self, parameter: Tensor, hyper: dict[str, Any], needed: tuple[str, ...]) -> dict[str, Any]:
        state = self.state[parameter]
        if not state:
            state["t"] = 0  # updates made; no tensor, so that reading it never waits for a GPU
            state.update(self.numbers)
        for name in needed:
            if name not in state:
                value = self.start(name, parameter, **hyper)
                if value is not None:
                    state[name] = value.float() if value.dtype is torch.float16 else value
        return state

    def _load(self, state_dict: dict[str, Any]) -> None:
        super()._load(state_dict)
        # torch has cast the state to the parameter's dtype, and so has lost squares if that is float16.
        saved = [key for group in state_dict["param_groups"] for key in group["params"]]
        loaded = [parameter for group in self.param_groups for parameter in group["params"]]
        for key, parameter in zip(saved, loaded, strict=True):
            if parameter.dtype is torch.float16:
                for name, value in state_dict["state"].get(key, {}).items():
                    if isinstance(value, Tensor):
                        self.state[parameter][name] = value.to(parameter.device, torch.float32, copy=True)

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        for group in self.param_groups:  # written before a hyperparameter existed
            for name, value in type(self).defaults.items():
                group.setdefault(name, value)
