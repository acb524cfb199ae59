"""The published update rules, tensor by tensor, written from the papers and not from the library."""

import math

import torch


def by_formula(rule, theta, gradients, **h):
    """Apply `rule(theta, g, state, t, **h) → theta` to each tensor; all results in one vector."""
    values = [p.detach().clone() for p in theta]
    states = [{} for _ in values]
    for t, step in enumerate(gradients, 1):
        values = [rule(v, g, state, t, **h) for v, g, state in zip(values, step, states, strict=True)]
    return torch.cat([v.flatten() for v in values])


class ByFormula:
    """`rule` as an optimizer, for real training: the parameters are overwritten with what the formula says."""

    def __init__(self, rule, parameters, **h):
        self.rule, self.parameters, self.h, self.t = rule, list(parameters), h, 0
        self.states = [{} for _ in self.parameters]

    def zero_grad(self):
        for p in self.parameters:
            p.grad = None

    def step(self):
        self.t += 1
        for p, state in zip(self.parameters, self.states, strict=True):
            p.data = self.rule(p.data, p.grad, state, self.t, **self.h)


def sgd(x, g, s, t, *, lr, momentum, dampening, nesterov, weight_decay):
    g = g + weight_decay * x
    s["m"] = g if t == 1 else momentum * s["m"] + (1 - dampening) * g
    return x - lr * (g if not momentum else g + momentum * s["m"] if nesterov else s["m"])


def adagrad(x, g, s, t, *, lr, lr_decay, weight_decay, initial_accumulator_value, eps):
    g = g + weight_decay * x
    s["s"] = s.get("s", initial_accumulator_value) + g * g
    return x - lr / (1 + (t - 1) * lr_decay) * g / (s["s"].sqrt() + eps)


def rmsprop(x, g, s, t, *, lr, alpha, eps, weight_decay, momentum, centered):
    """Graves' difference of averages, which is good enough in float64."""
    g = g + weight_decay * x
    s["v"] = alpha * s.get("v", 0) + (1 - alpha) * g * g
    s["a"] = alpha * s.get("a", 0) + (1 - alpha) * g
    variance = (s["v"] - s["a"] ** 2).clamp(min=0) if centered else s["v"]
    u = g / (variance.sqrt() + eps)
    s["m"] = momentum * s.get("m", 0) + u
    return x - lr * s["m"]


def decayed(x, g, lr, weight_decay, decoupled):
    return (x * (1 - lr * weight_decay), g) if decoupled else (x, g + weight_decay * x)


def adam(x, g, s, t, *, lr, betas, eps, weight_decay, decoupled=False, amsgrad=False):
    x, g = decayed(x, g, lr, weight_decay, decoupled)
    s["m"] = betas[0] * s.get("m", 0) + (1 - betas[0]) * g
    s["v"] = betas[1] * s.get("v", 0) + (1 - betas[1]) * g * g
    s["top"] = torch.maximum(s.get("top", s["v"]), s["v"])
    v = (s["top"] if amsgrad else s["v"]) / (1 - betas[1] ** t)
    return x - lr * s["m"] / (1 - betas[0] ** t) / (v.sqrt() + eps)


def nadam(x, g, s, t, *, lr, betas, eps, weight_decay, momentum_decay, decoupled_weight_decay):
    mu, after = (betas[0] * (1 - 0.5 * 0.96 ** (i * momentum_decay)) for i in (t, t + 1))
    s["pi"] = s.get("pi", 1.0) * mu
    x, g = decayed(x, g, lr, weight_decay, decoupled_weight_decay)
    s["m"] = betas[0] * s.get("m", 0) + (1 - betas[0]) * g
    s["v"] = betas[1] * s.get("v", 0) + (1 - betas[1]) * g * g
    ahead = after * s["m"] / (1 - s["pi"] * after) + (1 - mu) * g / (1 - s["pi"])
    return x - lr * ahead / ((s["v"] / (1 - betas[1] ** t)).sqrt() + eps)


def radam(x, g, s, t, *, lr, betas, eps, weight_decay, decoupled_weight_decay):
    x, g = decayed(x, g, lr, weight_decay, decoupled_weight_decay)
    s["m"] = betas[0] * s.get("m", 0) + (1 - betas[0]) * g
    s["v"] = betas[1] * s.get("v", 0) + (1 - betas[1]) * g * g
    m = s["m"] / (1 - betas[0] ** t)
    longest = 2 / (1 - betas[1]) - 1
    length = longest - 2 * t * betas[1] ** t / (1 - betas[1] ** t)
    if length <= 5:
        return x - lr * m
    r = math.sqrt((length - 4) * (length - 2) * longest / ((longest - 4) * (longest - 2) * length))
    return x - lr * m * r * math.sqrt(1 - betas[1] ** t) / (s["v"].sqrt() + eps)


def lion(x, g, s, t, *, lr, betas, weight_decay):
    m = s.get("m", torch.zeros_like(x))
    c = betas[0] * m + (1 - betas[0]) * g
    s["m"] = betas[1] * m + (1 - betas[1]) * g
    return x - lr * (torch.sign(c) + weight_decay * x)


def adabelief(x, g, s, t, *, lr, betas, eps, weight_decay):
    s["m"] = betas[0] * s.get("m", 0) + (1 - betas[0]) * g
    s["s"] = betas[1] * s.get("s", 0) + (1 - betas[1]) * (g - s["m"]) ** 2 + eps
    m, v = s["m"] / (1 - betas[0] ** t), s["s"] / (1 - betas[1] ** t)
    return x * (1 - lr * weight_decay) - lr * m / (v.sqrt() + eps)


def lars(x, g, s, t, *, lr, momentum, weight_decay, trust, eps=0.0):
    w, n = x.norm(), g.norm()
    local = trust * w / (n + weight_decay * w + eps) if w > 0 and n > 0 else 1.0
    s["m"] = momentum * s.get("m", 0) + local * (g + weight_decay * x)
    return x - lr * s["m"]


def lamb(x, g, s, t, *, lr, betas, eps, weight_decay):
    s["m"] = betas[0] * s.get("m", 0) + (1 - betas[0]) * g
    s["v"] = betas[1] * s.get("v", 0) + (1 - betas[1]) * g * g
    r = s["m"] / (1 - betas[0] ** t) / ((s["v"] / (1 - betas[1] ** t)).sqrt() + eps) + weight_decay * x
    ratio = x.norm() / r.norm() if x.norm() > 0 and r.norm() > 0 else 1.0
    return x - lr * ratio * r


def adafactor(x, g, s, t, *, lr, relative_step, scale_parameter, factored, clip=1.0, eps=(1e-30, 1e-3)):
    if not x.numel():
        return x
    beta = 1 - t**-0.8
    squares = (g.reshape(len(g), -1) if g.ndim > 1 else g) ** 2 + eps[0]
    if factored and x.ndim > 1:
        s["R"] = beta * s.get("R", 0) + (1 - beta) * squares.sum(1)
        s["C"] = beta * s.get("C", 0) + (1 - beta) * squares.sum(0)
        v = torch.outer(s["R"], s["C"]) / s["R"].sum()
    else:
        v = s["V"] = beta * s.get("V", 0) + (1 - beta) * squares
    u = g / v.sqrt().reshape(g.shape)
    u = u / max(1.0, u.square().mean().sqrt().item() / clip)
    rho = min(lr, 1 / math.sqrt(t)) if relative_step else lr
    scale = max(eps[1], x.square().mean().sqrt().item()) if scale_parameter else 1.0
    return x - scale * rho * u


def muon(x, g, s, t, *, lr, momentum, nesterov, weight_decay, scale="original"):
    """Newton-Schulz acts on singular values alone: the quintic is applied to those of the SVD."""
    if not x.numel():
        return x
    s["m"] = momentum * s.get("m", torch.zeros_like(x)) + (1 - momentum) * g
    n = (1 - momentum) * g + momentum * s["m"] if nesterov else s["m"]
    matrix = n.reshape(len(n), -1)
    left, values, right = torch.linalg.svd(matrix, full_matrices=False)
    values = values / (matrix.norm() + 1e-7)
    for _ in range(5):
        values = 3.4445 * values - 4.7750 * values**3 + 2.0315 * values**5
    rows, columns = matrix.shape
    factor = math.sqrt(max(1, rows / columns)) if scale == "original" else 0.2 * math.sqrt(max(rows, columns))
    return x * (1 - lr * weight_decay) - lr * factor * (left @ torch.diag(values) @ right).reshape(x.shape)


def schedule_free(x, g, s, t, *, lr, beta, weight_decay, warmup_steps=0, r=0.0, p=2.0, beta2=None, eps=1e-8, out="y"):
    """x is the point of the gradient (y of the paper), of which the paper's z and x are kept in the state."""
    if not s:
        s.update(z=x, x=x, y=x, sum=0.0, top=0.0)
    y = s["y"]
    d = g
    if beta2 is not None:
        s["v"] = beta2 * s.get("v", 0) + (1 - beta2) * g * g
        d = g / ((s["v"] / (1 - beta2**t)).sqrt() + eps)
    gamma = lr * min(1, t / warmup_steps) if warmup_steps else lr
    s["top"] = max(s["top"], gamma)
    weight = t**r * s["top"] ** p
    s["sum"] += weight
    c = weight / s["sum"]
    s["z"] = s["z"] - gamma * (d + weight_decay * y)
    s["x"] = (1 - c) * s["x"] + c * s["z"]
    s["y"] = (1 - beta) * s["z"] + beta * s["x"]
    return s[out]


def sophia(x, g, s, t, *, curvature, lr, betas, gamma, eps, weight_decay):
    """curvature: (x, t) → the estimate that is folded in before step t, or None where none is due."""
    estimate = curvature(x, t)
    if estimate is not None:
        s["h"] = betas[1] * s.get("h", torch.zeros_like(x)) + (1 - betas[1]) * estimate
    s["m"] = betas[0] * s.get("m", torch.zeros_like(x)) + (1 - betas[0]) * g
    ratio = s["m"] / torch.maximum(gamma * s["h"], torch.full_like(x, eps))
    return x - lr * weight_decay * x - lr * torch.clamp(ratio, -1, 1)
