"""Every rule against its formula in float64: number formats, shapes, memory layouts, groups, fast forms, stacked seeds.

Bounds. u is the format's unit roundoff (half the distance of 1 to the next number). Start and gradients are rounded to
the format first, and the formula gets the rounded ones.

float16, bfloat16: a step is computed in float32 and θ is rounded once, by at most u |θ|; decay and Schedule-Free's
average carry it on, by less than a factor of two. State in bfloat16 is rounded once a step too: after T steps an
average is off by at most T u of its largest value, and a step, a quotient of averages and roots of them, by a small
multiple of T u of the largest step. State of float16 is float32.
float32, float64: each operation rounds, and there are about a dozen; Muon's iteration multiplies by up to 3.4⁵, of which
well-conditioned gradients leave less than a hundred.

For a quotient to be that well-conditioned nothing may cancel: gradients and weights of an entry have one sign.
"""

import formulas
import pytest
import torch
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from methods import GivenCurvature

from talweg import optimizers
from talweg.optimizers import tensors

UNIT = {torch.float64: 2.0**-53, torch.float32: 2.0**-24, torch.float16: 2.0**-11, torch.bfloat16: 2.0**-8 / 2}
every_format = pytest.mark.parametrize("dtype", UNIT, ids=lambda dtype: str(dtype)[6:])
every_device = pytest.mark.parametrize("device", ["cpu", pytest.param("cuda", marks=pytest.mark.gpu)])

LR = st.floats(1e-3, 2e-2)
DECAY = st.sampled_from([0.0, 0.1])
MOMENTUM = st.sampled_from([0.0, 0.9])
BETAS = st.sampled_from([(0.9, 0.999), (0.5, 0.9), (0.0, 0.5)])
EPS = st.sampled_from([1e-8, 1e-3])
SWITCH = st.booleans()
ADAM = dict(lr=LR, betas=BETAS, eps=EPS, weight_decay=DECAY)
AVERAGING = dict(
    lr=LR, weight_decay=DECAY, warmup_steps=st.sampled_from([0, 3]), r=st.sampled_from([0.0, 1.0]),
    weight_lr_power=st.sampled_from([0.0, 2.0]),
)  # fmt: skip


def schedule_free(x, g, s, t, *, weight_lr_power, momentum=None, betas=(None, None), **h):
    beta = betas[0] if momentum is None else momentum
    return formulas.schedule_free(x, g, s, t, beta=beta, beta2=betas[1], p=weight_lr_power, **h)


def sophia(x, g, s, t, **h):
    return formulas.sophia(x, g, s, t, curvature=lambda x, t: torch.full_like(x, 0.5) if t == 1 else None, **h)


# name → its formula, values of its hyperparameters
RULES = {
    "SGD": (
        formulas.sgd,
        st.one_of(
            st.fixed_dictionaries(
                dict(lr=LR, momentum=MOMENTUM, dampening=st.sampled_from([0.0, 0.5]), nesterov=st.just(False), weight_decay=DECAY)
            ),
            st.fixed_dictionaries(
                dict(lr=LR, momentum=st.just(0.9), dampening=st.just(0.0), nesterov=st.just(True), weight_decay=DECAY)
            ),
        ),
    ),
    "Adagrad": (
        formulas.adagrad,
        dict(
            lr=LR, lr_decay=st.sampled_from([0.0, 0.1]), weight_decay=DECAY, eps=EPS,
            initial_accumulator_value=st.sampled_from([0.0, 0.1]),
        ),
    ),
    "RMSprop": (
        formulas.rmsprop,
        dict(
            lr=LR, alpha=st.sampled_from([0.5, 0.9]), eps=EPS, weight_decay=DECAY, momentum=MOMENTUM, centered=SWITCH,
        ),
    ),
    "Adam": (formulas.adam, ADAM),
    "AMSGrad": (lambda *a, **h: formulas.adam(*a, amsgrad=True, **h), ADAM),
    "AdamW": (lambda *a, **h: formulas.adam(*a, decoupled=True, **h), ADAM),
    "NAdam": (
        formulas.nadam, {**ADAM, "momentum_decay": st.sampled_from([0.0, 0.1]), "decoupled_weight_decay": SWITCH},
    ),
    "RAdam": (formulas.radam, {**ADAM, "decoupled_weight_decay": SWITCH}),
    "AdaBelief": (formulas.adabelief, ADAM),
    "Lion": (formulas.lion, dict(lr=LR, betas=BETAS, weight_decay=DECAY)),
    "Sophia": (sophia, dict(ADAM, gamma=st.sampled_from([1.0, 100.0]))),
    "Adafactor": (
        formulas.adafactor,
        dict(
            lr=LR, relative_step=SWITCH, scale_parameter=SWITCH, factored=SWITCH, clip=st.sampled_from([0.3, 1.0, 100.0]),
        ),
    ),
    "LARS": (formulas.lars, dict(lr=LR, momentum=MOMENTUM, weight_decay=DECAY, trust=st.sampled_from([1e-3, 0.1]))),
    "LAMB": (formulas.lamb, ADAM),
    "Muon": (
        formulas.muon,
        dict(lr=LR, momentum=MOMENTUM, nesterov=SWITCH, weight_decay=DECAY, scale=st.sampled_from(["original", "rms"])),
    ),
    "ScheduleFreeSGD": (schedule_free, dict(AVERAGING, momentum=st.sampled_from([0.5, 0.9]))),
    "ScheduleFreeAdamW": (
        schedule_free, dict(AVERAGING, betas=st.sampled_from([(0.5, 0.9), (0.9, 0.999)]), eps=EPS),
    ),
}  # fmt: skip

SHAPES = {
    "scalar": (), "one entry": (1,), "one by one": (1, 1), "empty": (0,), "no rows": (0, 3), "no columns": (3, 0),
    "vector": (37,), "matrix": (9, 5), "transposed": (6, 7), "every second": (4, 10), "channels_last": (2, 3, 4, 5),
    "convolution": (4, 3, 2, 2),
}  # fmt: skip


def laid_out(values, name):
    """The values in the memory that the name says."""
    if name == "transposed":
        return values.mT.contiguous().mT
    if name == "every second":
        return torch.stack([values, values], -1).flatten(-2)[..., ::2]
    return values.contiguous(memory_format=torch.channels_last) if name == "channels_last" else values.clone()


def formula_alone(kind):
    """The rule without its fast form."""
    return type(kind.__name__, (kind,), {"fused": None})


def rule_class(name):
    return GivenCurvature if name == "Sophia" else getattr(optimizers, name)


def drawn_values(shape, seed, dtype, steps, well_conditioned):
    """A start and gradients of many sizes, of one sign in each entry; a tenth of the entries always has gradient 0."""
    generator = torch.Generator().manual_seed(seed)

    def uniform(low, high):
        return torch.empty(shape, dtype=torch.float64).uniform_(low, high, generator=generator)

    sign, scale = uniform(-1, 1).sign(), 10 ** uniform(-3, 1)
    start = sign * uniform(0.5, 2)
    gradients = [sign * scale * uniform(0.5, 2) for _ in range(steps)]
    if well_conditioned and start.numel():  # all singular values alike: Muon multiplies errors in the small ones
        q = torch.linalg.svd(start.flatten(1), full_matrices=False)
        gradients = [(q.U @ q.Vh).view(shape) * (1 + t) for t in range(steps)]
    else:
        still = uniform(0, 1) < 0.1
        gradients = [g.masked_fill(still, 0) for g in gradients]
    return start.to(dtype), [g.to(dtype) for g in gradients]


def assert_follows(name, kind, theta, gradients, groups, steps):
    """Step `kind` and the formula; theta: one leaf for each of the lists in `gradients`; groups: hyperparameters of each."""
    formula, dtype = RULES[name][0], theta[0].dtype
    optimizer = kind([dict(params=[p], **h) for p, h in zip(theta, groups, strict=True)])
    exact = [p.detach().clone().double().cpu() for p in theta]
    states = [{} for _ in theta]
    rounding, path = [torch.zeros_like(x) for x in exact], [0.0 for _ in exact]
    for t in range(1, steps + 1):
        for p, g in zip(theta, gradients, strict=True):
            p.grad = g[t - 1]
        optimizer.step()
        for i, h in enumerate(groups):
            new = formula(exact[i], gradients[i][t - 1].double().cpu(), states[i], t, **h)
            path[i] += (new - exact[i]).abs().max().item() if new.numel() else 0.0
            rounding[i] += new.abs()
            exact[i] = new
    for p, x, sizes, way in zip(theta, exact, rounding, path, strict=True):
        operations = 100 if name == "Muon" else 16
        if dtype in (torch.float32, torch.float64):
            bound = UNIT[dtype] * operations * (sizes + steps * way)
        elif dtype is torch.bfloat16:
            bound = UNIT[dtype] * (2 * sizes + 4 * steps * way)
        else:  # no state is rounded; the step has float32's error
            bound = UNIT[dtype] * 2 * sizes + UNIT[torch.float32] * 100 * steps * way
        ours = p.detach().double().cpu()
        assert ours.shape == x.shape and ours.isfinite().all()
        assert ((ours - x).abs() <= bound).all(), ((ours - x).abs() / bound).max()


def hyperparameters(name):
    drawn = RULES[name][1]
    return st.fixed_dictionaries(drawn) if isinstance(drawn, dict) else drawn


@every_device
@every_format
@pytest.mark.parametrize("name", RULES)
@settings(max_examples=8, deadline=None, derandomize=True, phases=[Phase.generate])
@given(data=st.data())
def test_follows_its_formula_in_every_format_and_layout(name, dtype, device, data):
    if device == "cuda" and not torch.cuda.is_available():
        pytest.skip("no CUDA device")
    steps, seed = data.draw(st.integers(1, 4)), data.draw(st.integers(0, 2**20))
    allowed = [key for key, shape in SHAPES.items() if name != "Muon" or len(shape) > 1]
    keys = data.draw(st.lists(st.sampled_from(allowed), min_size=1, max_size=4))
    gradients_alike, piece = data.draw(SWITCH), data.draw(st.sampled_from([64, 2**21]))
    settings_of_groups = data.draw(st.lists(hyperparameters(name), min_size=len(keys), max_size=len(keys)))
    kind = rule_class(name)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tensors, "PIECE_BYTES", piece)
        for form in {kind, formula_alone(kind)}:
            values = [drawn_values(SHAPES[key], seed + i, dtype, steps, name == "Muon") for i, key in enumerate(keys)]
            theta = [laid_out(v.to(device), key).requires_grad_() for (v, _), key in zip(values, keys, strict=True)]
            gradients = [
                [laid_out(g.to(device), key if gradients_alike else "") for g in steps_of]
                for (_, steps_of), key in zip(values, keys, strict=True)
            ]
            assert_follows(name, form, theta, gradients, settings_of_groups, steps)


@every_format
@pytest.mark.parametrize("name", [name for name in RULES if rule_class(name).elementwise])
@settings(max_examples=4, deadline=None, derandomize=True, phases=[Phase.generate])
@given(data=st.data())
def test_a_stack_of_seeds_goes_where_each_would_go_alone(name, dtype, data):
    """Several seeds are trained as one tensor of an elementwise rule: 3 seeds of 19 entries are no whole vectors."""
    h, steps, kind = data.draw(hyperparameters(name)), 3, rule_class(name)
    start, gradients = drawn_values((3, 19), data.draw(st.integers(0, 2**20)), dtype, steps, False)
    stack = start.clone().requires_grad_()
    assert_follows(name, kind, [stack], [gradients], [h], steps)
    for i in range(3):
        alone = start[i].clone().requires_grad_()
        assert_follows(name, kind, [alone], [[g[i] for g in gradients]], [h], steps)
        assert (stack[i] - alone).abs().max() <= 16 * UNIT[dtype] * stack[i].abs().max()
