"""The small part of torch that the book's code exercises need, on NumPy: `torch` in the reader's browser.

The names and arguments are torch's, so that what is written on the page runs in a notebook too. Tensors are float64
unless told otherwise, and there is no autograd. Tests run the book's solutions on it, and compare with torch.
"""

from __future__ import annotations

import contextlib
from types import SimpleNamespace
from typing import Any

import numpy as np

float64 = double = np.float64
float32 = np.float32
int64 = long = np.int64
pi, inf, nan = np.pi, np.inf, np.nan


class Tensor(np.ndarray):
    """An array with torch's methods; what is computed from it is a tensor again, of no dimension for a number."""

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, out: Any = None, **options: Any) -> Any:
        if out is not None:
            options["out"] = tuple(map(_plain, out))
        return _tensor(getattr(ufunc, method)(*map(_plain, inputs), **options))

    def __array_function__(self, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
        return _tensor(function(*map(_plain, args), **{name: _plain(value) for name, value in kwargs.items()}))

    def __getitem__(self, index: Any) -> Any:
        return _tensor(_plain(self)[_plain(index)])

    def __iter__(self) -> Any:
        return (self[i] for i in range(len(self)))

    def __repr__(self) -> str:
        return f"tensor({np.array2string(_plain(self), precision=4, separator=', ')})"

    __str__ = __repr__

    def __format__(self, form: str) -> str:
        return format(self.item() if self.ndim == 0 else str(self), form)

    def size(self, dim: int | None = None) -> Any:
        return self.shape if dim is None else self.shape[dim]

    def view(self, *shape: Any) -> Tensor:
        return self.reshape(*shape)

    def reshape(self, *shape: Any) -> Tensor:
        return _tensor(np.reshape(_plain(self), shape[0] if len(shape) == 1 else shape))

    def dim(self) -> int:
        return self.ndim

    def numel(self) -> int:
        return int(np.prod(self.shape))

    def t(self) -> Tensor:
        return self.T

    def clone(self) -> Tensor:
        return _tensor(_plain(self).copy())

    def detach(self) -> Tensor:
        return self

    def numpy(self) -> np.ndarray:
        return _plain(self)

    def to(self, dtype: Any = float64) -> Tensor:
        return _tensor(_plain(self).astype(dtype))

    def double(self) -> Tensor:
        return self.to(float64)

    def unsqueeze(self, dim: int) -> Tensor:
        return _tensor(np.expand_dims(_plain(self), dim))

    def mm(self, other: Any) -> Tensor:
        return self @ other

    mv = matmul = mm

    def dot(self, other: Any) -> Tensor:
        return self.mm(other)

    def pow(self, exponent: Any) -> Tensor:
        return self**exponent

    def clamp(self, min: Any = None, max: Any = None) -> Tensor:
        return _tensor(np.clip(_plain(self), min, max))

    def norm(self, p: Any = 2, dim: Any = None, keepdim: Any = False) -> Tensor:
        size = np.abs(_plain(self))
        if p == inf:
            return _tensor(size.max(axis=dim, keepdims=keepdim))
        return _tensor((size**p).sum(axis=dim, keepdims=keepdim) ** (1 / p))

    def sum(self, dim: Any = None, keepdim: Any = False, **_: Any) -> Tensor:
        return _tensor(_plain(self).sum(axis=dim, keepdims=keepdim))

    def mean(self, dim: Any = None, keepdim: Any = False, **_: Any) -> Tensor:
        return _tensor(_plain(self).mean(axis=dim, keepdims=keepdim))

    def var(self, dim: Any = None, unbiased: Any = True, correction: Any = None, keepdim: Any = False) -> Tensor:
        freedom = int(unbiased) if correction is None else correction
        return _tensor(_plain(self).var(axis=dim, ddof=freedom, keepdims=keepdim))

    def std(self, dim: Any = None, unbiased: Any = True, correction: Any = None, keepdim: Any = False) -> Tensor:
        return self.var(dim, unbiased, correction, keepdim).sqrt()

    def abs(self) -> Tensor:
        return _tensor(np.abs(_plain(self)))

    def sqrt(self) -> Tensor:
        return _tensor(np.sqrt(_plain(self)))

    def square(self) -> Tensor:
        return _tensor(np.square(_plain(self)))

    def exp(self) -> Tensor:
        return _tensor(np.exp(_plain(self)))

    def log(self) -> Tensor:
        return _tensor(np.log(_plain(self)))

    def sign(self) -> Tensor:
        return _tensor(np.sign(_plain(self)))

    def relu(self) -> Tensor:
        return _tensor(np.maximum(_plain(self), 0))


def _plain(value: Any) -> Any:
    """NumPy's own arrays in place of tensors, in lists and tuples too."""
    if isinstance(value, Tensor):
        return np.ndarray.view(value, np.ndarray)
    if isinstance(value, (list, tuple)):
        return type(value)(map(_plain, value))
    return value


def _tensor(value: Any) -> Any:
    if isinstance(value, (np.ndarray, np.number, np.bool_)):
        return np.ndarray.view(np.asarray(value), Tensor)
    if isinstance(value, tuple):
        return tuple(map(_tensor, value))
    return value


def tensor(data: Any, dtype: Any = None) -> Tensor:
    return _tensor(np.array(_plain(data), dtype=dtype))


def as_tensor(data: Any, dtype: Any = None) -> Tensor:
    if not isinstance(data, (Tensor, np.ndarray, np.number, int, float, list, tuple)):
        raise TypeError(f"{type(data).__name__} is no tensor, number or list of numbers")
    return _tensor(np.asarray(_plain(data), dtype=dtype))


def allclose(a: Any, b: Any, rtol: float = 1e-5, atol: float = 1e-8) -> bool:
    return bool(np.allclose(_plain(a), _plain(b), rtol=rtol, atol=atol))


def _shape(shape: tuple) -> Any:
    return shape[0] if len(shape) == 1 else shape


def zeros(*shape: Any, dtype: Any = float64) -> Tensor:
    return _tensor(np.zeros(_shape(shape), dtype))


def ones(*shape: Any, dtype: Any = float64) -> Tensor:
    return _tensor(np.ones(_shape(shape), dtype))


def empty(*shape: Any, dtype: Any = float64) -> Tensor:
    return zeros(*shape, dtype=dtype)


def full(shape: Any, value: Any, dtype: Any = float64) -> Tensor:
    return _tensor(np.full(shape, value, dtype))


def zeros_like(like: Tensor) -> Tensor:
    return _tensor(np.zeros_like(_plain(like)))


def ones_like(like: Tensor) -> Tensor:
    return _tensor(np.ones_like(_plain(like)))


empty_like = zeros_like


def eye(n: int, dtype: Any = float64) -> Tensor:
    return _tensor(np.eye(n, dtype=dtype))


def arange(*limits: Any, dtype: Any = None) -> Tensor:
    return _tensor(np.arange(*limits, dtype=dtype))


def linspace(start: float, end: float, steps: int) -> Tensor:
    return _tensor(np.linspace(start, end, steps))


def stack(tensors: Any, dim: int = 0) -> Tensor:
    return _tensor(np.stack([_plain(one) for one in tensors], axis=dim))


def cat(tensors: Any, dim: int = 0) -> Tensor:
    return _tensor(np.concatenate([_plain(one) for one in tensors], axis=dim))


def where(condition: Any, a: Any, b: Any) -> Tensor:
    return _tensor(np.where(_plain(condition), _plain(a), _plain(b)))


def diag(values: Any) -> Tensor:
    return _tensor(np.diag(_plain(values)))


def outer(a: Any, b: Any) -> Tensor:
    return _tensor(np.outer(_plain(a), _plain(b)))


def maximum(a: Any, b: Any) -> Tensor:
    return _tensor(np.maximum(_plain(a), _plain(b)))


def minimum(a: Any, b: Any) -> Tensor:
    return _tensor(np.minimum(_plain(a), _plain(b)))


def _as_function(name: str) -> Any:
    def function(x: Any, *args: Any, **options: Any) -> Any:
        return getattr(as_tensor(x), name)(*args, **options)

    return function


_METHODS = (
    "abs clamp clone dot exp log matmul mean mm mv norm numel pow relu reshape sign sqrt square std sum t unsqueeze var"
)
globals().update({name: _as_function(name) for name in _METHODS.split()})


def _vector_norm(x: Any, ord: Any = 2, dim: Any = None, keepdim: Any = False) -> Tensor:
    return as_tensor(x).norm(ord, dim, keepdim)


linalg = SimpleNamespace(
    norm=lambda x, ord=2, dim=None, keepdim=False: _vector_norm(x, ord or 2, dim, keepdim), vector_norm=_vector_norm
)
nn = SimpleNamespace(functional=SimpleNamespace(relu=_as_function("relu")))
no_grad = contextlib.nullcontext


def __getattr__(name: str) -> Any:
    if name.startswith("__"):
        raise AttributeError(name)
    raise AttributeError(f"torch.{name} is not part of the torch on this page; NumPy (np) is here whole")
