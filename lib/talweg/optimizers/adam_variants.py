"""NAdam, RAdam and AdaBelief: Adam with one line changed."""

from __future__ import annotations

from talweg.optimizers.hyperparameters import flag, number, pair
from talweg.optimizers.rule import Rule
from talweg.optimizers.weight_decay import either


class NAdam(Rule):
    """Adam with Nesterov's momentum (Dozat 2016, ICLR workshop).

    μₜ = β₁ (1 - ½ · 0.96^(t ψ));   πₜ = μ₁ ⋯ μₜ;   m, v, v̂ as in Adam
    θ ← θ - η (μₜ₊₁ m / (1 - πₜ₊₁) + (1 - μₜ) g / (1 - πₜ)) / (√v̂ + ε)

    This is torch.optim.NAdam; timm's differs. The state is m and v, two tensors per parameter, and the number πₜ.

    Parameters
    ----------
    params
        Parameters, or groups of them with hyperparameters of their own, as in torch.
    lr, betas, eps
        As in `Adam`.
    weight_decay : float
        λ of an L2 penalty, or of decoupled decay.
    momentum_decay : float
        ψ, which says how fast μₜ rises to β₁.
    decoupled_weight_decay : bool
        Whether λ is decoupled, as in `AdamW`.

    References
    ----------
    Dozat, "Incorporating Nesterov momentum into Adam", ICLR workshop 2016.

    Examples
    --------
    >>> import torch
    >>> from talweg.optimizers import NAdam
    >>> theta = torch.tensor([1.0, -2.0], dtype=torch.float64, requires_grad=True)
    >>> optimizer = NAdam([theta], lr=0.1)
    >>> for _ in range(2):
    ...     optimizer.zero_grad()
    ...     (theta**2 / 2).sum().backward()
    ...     optimizer.step()
    >>> theta.detach()
    tensor([ 0.8200, -1.8179], dtype=torch.float64)
    """

    lr: float = number(2e-3, low=0)
    betas: tuple[float, float] = pair(0.9, 0.999, low=0, below=1)
    eps: float = number(1e-8, low=0)
    weight_decay: float = number(0.0, low=0)
    momentum_decay: float = number(4e-3, low=0)
    decoupled_weight_decay: bool = flag(False)
    buffers = ("m", "v")
    numbers = dict(pi=1.0)

    def update(
        self, theta, g, m, v, *, t, pi, lr, betas, eps, weight_decay, momentum_decay, decoupled_weight_decay
    ):  # fmt: skip
        g = either(theta, g, lr, weight_decay, decoupled_weight_decay)
        beta1, beta2 = betas
        pi, of_m, of_g = self.shares(t, pi, beta1, momentum_decay)
        m.lerp_(g, 1 - beta1)
        v.mul_(beta2).addcmul_(g, g, value=1 - beta2)
        root = v.sqrt().div_((1 - beta2**t) ** 0.5).add_(eps)
        theta.addcdiv_(m, root, value=-lr * of_m).addcdiv_(g, root, value=-lr * of_g)
        return dict(pi=pi)

    def shares(self, t: int, pi: float, beta1: float, momentum_decay: float) -> tuple[float, float, float]:
        """πₜ, and the factors of m and g."""
        mu, mu_next = (beta1 * (1 - 0.5 * 0.96 ** (i * momentum_decay)) for i in (t, t + 1))
        pi *= mu
        return pi, mu_next / (1 - pi * mu_next), (1 - mu) / (1 - pi)


class RAdam(Rule):
    """Adam that trusts √v̂ only once its variance is bounded (Liu et al. 2020, arXiv:1908.03265, Alg. 2).

    ρ∞ = 2 / (1 - β₂) - 1;   ρₜ = ρ∞ - 2 t β₂ᵗ / (1 - β₂ᵗ)
    θ ← θ - η m̂ r √(1 - β₂ᵗ) / (√v + ε),  r² = (ρₜ - 4)(ρₜ - 2) ρ∞ / ((ρ∞ - 4)(ρ∞ - 2) ρₜ),   if ρₜ > 5
    θ ← θ - η m̂   else

    m, v, m̂ are those of Adam. The paper turns at ρₜ > 4; torch, timm and this class at 5, as the authors' code does.
    The state is m and v, two tensors per parameter.

    Parameters
    ----------
    params
        Parameters, or groups of them with hyperparameters of their own, as in torch.
    lr, betas, eps
        As in `Adam`.
    weight_decay : float
        λ of an L2 penalty, or of decoupled decay.
    decoupled_weight_decay : bool
        Whether λ is decoupled, as in `AdamW`.

    References
    ----------
    Liu et al., "On the variance of the adaptive learning rate and beyond", ICLR 2020, arXiv:1908.03265.

    Examples
    --------
    The first steps are in proportion to the gradient, as those of momentum alone:

    >>> import torch
    >>> from talweg.optimizers import RAdam
    >>> theta = torch.zeros(2, dtype=torch.float64, requires_grad=True)
    >>> optimizer = RAdam([theta], lr=0.1)
    >>> theta.grad = torch.tensor([100.0, -0.01], dtype=torch.float64)
    >>> optimizer.step()
    >>> theta.detach()
    tensor([-1.0000e+01,  1.0000e-03], dtype=torch.float64)
    """

    lr: float = number(1e-3, low=0)
    betas: tuple[float, float] = pair(0.9, 0.999, low=0, below=1)
    eps: float = number(1e-8, low=0)
    weight_decay: float = number(0.0, low=0)
    decoupled_weight_decay: bool = flag(False)
    buffers = ("m", "v")

    def update(self, theta, g, m, v, *, t, lr, betas, eps, weight_decay, decoupled_weight_decay):
        g = either(theta, g, lr, weight_decay, decoupled_weight_decay)
        beta1, beta2 = betas
        m.lerp_(g, 1 - beta1)
        v.mul_(beta2).addcmul_(g, g, value=1 - beta2)
        step, r = lr / (1 - beta1**t), self.rectification(t, beta2)
        if r is None:
            theta.add_(m, alpha=-step)
        else:
            theta.addcdiv_(m, v.sqrt().add_(eps), value=-step * r * (1 - beta2**t) ** 0.5)

    def rectification(self, t: int, beta2: float) -> float | None:
        """r, or None while ρₜ ≤ 5."""
        rho_inf = 2 / (1 - beta2) - 1
        rho = rho_inf - 2 * t * beta2**t / (1 - beta2**t)
        if rho <= 5:
            return None
        return ((rho - 4) * (rho - 2) * rho_inf / ((rho_inf - 4) * (rho_inf - 2) * rho)) ** 0.5


class AdaBelief(Rule):
    """Adam with the variance of g about its prediction m for v (Zhuang et al. 2020, arXiv:2010.07468, Alg. 2).

    m ← β₁ m + (1 - β₁) g;   s ← β₂ s + (1 - β₂) (g - m)² + ε;   θ ← θ - η λ θ - η m̂ / (√ŝ + ε)

    The residual takes the updated m. ε enters s at every step and the denominator too, as in the authors' code 0.2.1
    without its rectification. The state is m and s, two tensors per parameter.

    Parameters
    ----------
    params
        Parameters, or groups of them with hyperparameters of their own, as in torch.
    lr, betas, eps
        As in `Adam`.
    weight_decay : float
        λ of decoupled decay, or of an L2 penalty.
    decoupled_weight_decay : bool
        Whether λ is decoupled; it is by default, as in the authors' code.

    References
    ----------
    Zhuang et al., "AdaBelief optimizer: adapting stepsizes by the belief in observed gradients", NeurIPS 2020,
    arXiv:2010.07468.

    Examples
    --------
    At the first step g - m is β₁ g, and so the step is 1 / β₁ times Adam's:

    >>> import torch
    >>> from talweg.optimizers import AdaBelief
    >>> theta = torch.zeros(2, dtype=torch.float64, requires_grad=True)
    >>> optimizer = AdaBelief([theta], lr=0.1)
    >>> theta.grad = torch.tensor([100.0, -0.01], dtype=torch.float64)
    >>> optimizer.step()
    >>> theta.detach()
    tensor([-0.1111,  0.1111], dtype=torch.float64)
    """

    lr: float = number(1e-3, low=0)
    betas: tuple[float, float] = pair(0.9, 0.999, low=0, below=1)
    eps: float = number(1e-16, low=0)
    weight_decay: float = number(0.0, low=0)
    decoupled_weight_decay: bool = flag(True)
    buffers = ("m", "s")

    def update(self, theta, g, m, s, *, t, lr, betas, eps, weight_decay, decoupled_weight_decay):
        g = either(theta, g, lr, weight_decay, decoupled_weight_decay)
        beta1, beta2 = betas
        m.lerp_(g, 1 - beta1)
        residual = g.sub(m)
        s.mul_(beta2).addcmul_(residual, residual, value=1 - beta2).add_(eps)
        # Numerator and denominator are both multiplied by √(1 - β₂ᵗ), which saves one pass over memory.
        correction = (1 - beta2**t) ** 0.5
        theta.addcdiv_(m, s.sqrt().add_(eps * correction), value=-lr * correction / (1 - beta1**t))
