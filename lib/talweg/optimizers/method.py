"""What a training loop may ask of an optimizer, beyond torch's `step` and `zero_grad`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import torch
from torch import Tensor


class Method(torch.optim.Optimizer):
    """An optimizer that may need more than a gradient. The loop calls, for whatever optimizer is a `Method`:

    `prepare(outputs, loss)` before each step, `answer()` before a model is evaluated, `resume()` before it learns on.
    The methods of this class do nothing: those of torch.optim, which are no `Method`, are treated alike.

    `needs_own_pass = True`: `step` needs a closure, or `prepare` needs a pass of its own, or the parameters are not
    always the answer. Several seeds can then not share one pass.
    `elementwise = False`: an entry's update depends on other entries (a norm, a matrix product). Parameters of several
    seeds must then not be stacked into one tensor.

    The state of one method does not fit another: `state_dict` carries the method's name.

    Examples
    --------
    >>> import torch
    >>> from talweg.optimizers import SAM, SGD, Adam
    >>> theta = torch.zeros(2, requires_grad=True)
    >>> SAM([theta], SGD).needs_own_pass, Adam([theta]).needs_own_pass
    (True, False)
    >>> SGD([theta]).load_state_dict(Adam([theta]).state_dict())
    Traceback (most recent call last):
        ...
    ValueError: SGD: state_dict must come from SGD; got one from Adam.
    """

    needs_own_pass: ClassVar[bool] = False
    elementwise: ClassVar[bool] = True

    @property
    def method(self) -> str:
        """The name that a state dict carries."""
        return type(self).__name__

    def prepare(self, outputs: Callable[[], Tensor], loss: Callable[[Tensor], Tensor]) -> None:
        """Before a step. outputs: computes the model's outputs on the batch; loss: outputs → mean loss of the batch."""

    def answer(self) -> bool:
        """Put the parameters where the model is to be evaluated; True if that is not where the gradients were taken.

        Running statistics must then be estimated anew.
        """
        return False

    def resume(self) -> None:
        """Put the parameters back to where the model learns."""

    def state_dict(self) -> dict[str, Any]:
        """As in torch, and the name of the method."""
        return {**super().state_dict(), "method": self.method}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """As in torch; ValueError for the state of another method, before anything has changed."""
        given = state_dict.get("method", "another library")
        if given != self.method:
            raise ValueError(f"{type(self).__name__}: state_dict must come from {self.method}; got one from {given}.")
        self._load(state_dict)

    def _load(self, state_dict: dict[str, Any]) -> None:
        super().load_state_dict(state_dict)
