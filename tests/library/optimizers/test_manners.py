"""What every method does as an optimizer of torch: groups, state, schedulers, closures, precision, bad input."""

import copy
import re

import pytest
import torch
from methods import KINDS, RULES, GivenCurvature, every_method, flat, walk, walk_with_a_break
from reference import SHAPES, after, assert_close, fixed_gradients, parameters, small_data, small_model
from torch.nn import functional as F

from talweg import optimizers
from talweg.optimizers import LARS, SGD, Adam, AdamW, RMSprop, tensors


@every_method
def test_a_state_dict_in_mid_training_continues_the_same_path(make):
    gradients = list(fixed_gradients(20))
    theta = parameters()
    whole = walk(make(theta, lr=0.01), theta, gradients)
    assert torch.equal(walk_with_a_break(make, parameters(), gradients, 10), whole)


@every_method
def test_a_copy_goes_on_alone(make):
    gradients = list(fixed_gradients(4))
    theta = parameters()
    optimizer = make(theta, lr=0.01)
    walk(optimizer, theta, gradients[:2])
    theta2, optimizer2 = copy.deepcopy((theta, optimizer))
    assert torch.equal(walk(optimizer, theta, gradients[2:]), walk(optimizer2, theta2, gradients[2:]))


@every_method
def test_groups_keep_their_own_learning_rate(make):
    theta = parameters([(3, 4), (3, 4)])
    optimizer = make([dict(params=[theta[0]], lr=0.0), dict(params=[theta[1]])], lr=0.1)
    before = [p.detach().clone() for p in theta]
    walk(optimizer, theta, fixed_gradients(3, [(3, 4), (3, 4)]))
    assert torch.equal(theta[0].detach(), before[0])
    assert not torch.equal(theta[1].detach(), before[1])


@every_method
def test_torchs_schedulers_set_the_step(make):
    theta, twin = parameters(), parameters()
    gradients = list(fixed_gradients(6))
    optimizer = make(theta, lr=0.02)
    scheduler = torch.optim.lr_scheduler.ExponentialLR(optimizer, 0.5)
    by_hand = make(twin, lr=0.02)
    rates = [group["lr"] for group in by_hand.param_groups]
    for t, step in enumerate(gradients):
        for group, lr in zip(by_hand.param_groups, rates, strict=True):
            group["lr"] = lr * 0.5**t
        walk(optimizer, theta, [step])
        walk(by_hand, twin, [step])
        scheduler.step()
    assert_close(flat(theta), flat(twin))


@every_method
def test_a_closure_is_called_once_with_gradients_on_and_its_loss_returned(make):
    model, (x, y) = copy.deepcopy(small_model()), small_data()
    optimizer = make(model.parameters(), lr=0.01)
    losses = []

    def closure():
        optimizer.zero_grad()
        losses.append(F.cross_entropy(model(x), y))
        losses[-1].backward()
        return losses[-1]

    with torch.no_grad():
        returned = optimizer.step(closure)
    if isinstance(optimizer, GivenCurvature):
        losses = losses[:1]
    assert len(losses) == 1 and returned is losses[0]


@every_method
def test_a_parameter_without_gradient_is_skipped_and_ages_alone(make):
    """One that misses the first five gradients afterwards moves as if training began there."""
    shapes, gradients = [(3, 4), (3, 4)], list(fixed_gradients(15, [(3, 4), (3, 4)]))
    if isinstance(make(parameters(shapes)), GivenCurvature):
        pytest.skip("the number of estimates is shared")
    theta, late = parameters(shapes), parameters(shapes)
    walk(make(theta, lr=0.01), theta, [(a, None) if t < 5 else (a, b) for t, (a, b) in enumerate(gradients)])
    walk(make(late[1:], lr=0.01), late[1:], [(b,) for _, b in gradients[5:]])
    assert_close(theta[1].detach(), late[1].detach())


@every_method
@pytest.mark.parametrize("dtype, tolerance", [(torch.float32, 1e-5), (torch.bfloat16, 0.15), (torch.float16, 0.02)])
def test_lower_precision_follows_float64(make, dtype, tolerance):
    """From the same rounded start and gradients, relative to the way gone; the state has the parameter's precision.

    That of float16 is float32, for its range.
    """
    exact = [p.detach().to(dtype).double().requires_grad_() for p in parameters()]
    rough = [p.detach().to(dtype).requires_grad_() for p in exact]
    gradients = [[g.clamp(-1, 1).to(dtype) + 0.1 for g in step] for step in fixed_gradients(5)]
    start = flat(exact)
    optimizer = make(rough, lr=0.2)
    walk(optimizer, rough, gradients)
    walk(make(exact, lr=0.2), exact, [[g.double() for g in step] for step in gradients])
    assert (flat(rough).double() - flat(exact)).norm() <= tolerance * (flat(exact) - start).norm()
    for state in optimizer.state.values():
        kept = torch.float32 if dtype is torch.float16 else dtype
        assert all(v.dtype == kept for v in state.values() if isinstance(v, torch.Tensor))


# numbers kept for parameters of shapes (3, 4), (4,), (2, 3, 2), (5, 2): P = 38, of which 4 are in the vector
P, VECTOR = 38, 4
COUNTS = {
    "SGD": 0, "SGD with momentum": P, "Adagrad": P, "RMSprop": P, "RMSprop centred": 3 * P, "Adam": 2 * P,
    "AMSGrad": 3 * P, "AdamW": 2 * P, "NAdam": 2 * P, "RAdam": 2 * P, "AdaBelief": 2 * P, "Lion": P, "Sophia": 2 * P,
    "Adafactor": (3 + 4) + VECTOR + (2 + 6) + (5 + 2), "Adafactor unfactored": P, "LARS": P, "LAMB": 2 * P,
    "Muon": (P - VECTOR) + 2 * VECTOR, "ScheduleFreeSGD": P, "ScheduleFreeAdamW": 2 * P,
}  # fmt: skip


@pytest.mark.parametrize("name", KINDS)
def test_state_bytes_are_those_of_the_formula(name):
    theta = parameters(dtype=torch.float32)
    optimizer = KINDS[name](theta)
    walk(optimizer, theta, fixed_gradients(2, dtype=torch.float32))
    held = [v for state in optimizer.state.values() for v in state.values() if isinstance(v, torch.Tensor)]
    assert sum(v.numel() * v.element_size() for v in held) == 4 * COUNTS[name]


@every_method
def test_large_tensors_go_in_pieces_to_the_same_end(make, monkeypatch):
    """Pieces of a few numbers and of all at once; a tensor in columns, as after `.mT`, among them."""

    def run(size):
        monkeypatch.setattr(tensors, "PIECE_BYTES", size)
        theta = parameters([(9, 5), (4,), (2, 3, 2), (40,)])
        theta[0] = theta[0].detach().mT.contiguous().mT.requires_grad_()
        return walk(make(theta, lr=0.01), theta, fixed_gradients(5, [(9, 5), (4,), (2, 3, 2), (40,)]))

    assert_close(run(80), run(2**30), 1e-14)


def test_pieces_cover_everything_once():
    theta = [
        torch.arange(float(n)).reshape(shape) for n, shape in ((6, (3, 2)), (2, (2,)), (0, (0,)), (40, (8, 5)), (1, ()))
    ]
    for limit in (8, 16, 40, 100, 4000):
        for split in (True, False):
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(tensors, "PIECE_BYTES", limit)
                parts = [t for columns in tensors.pieces([theta, None], split) for t in columns[0]]
            assert torch.equal(torch.cat([p.flatten() for p in parts]), torch.cat([p.flatten() for p in theta]))
            assert split or all(any(p is t for t in theta) for p in parts)


@pytest.mark.parametrize("kind", [Adam, AdamW, optimizers.AMSGrad, optimizers.Adagrad, SGD])
def test_other_memory_layouts_than_the_gradients_are_right(kind):
    """torch's fused kernels on CPU take the memory of parameter and gradient in one order, whatever their strides."""
    shape, h = (2, 3, 4, 4), dict(lr=0.1)
    (straight,) = parameters([shape])
    (turned,) = parameters([shape])
    turned = turned.detach().to(memory_format=torch.channels_last).requires_grad_()
    gradients = list(fixed_gradients(3, [shape]))
    assert_close(walk(kind([turned], **h), [turned], gradients), walk(kind([straight], **h), [straight], gradients))


def test_every_method_documents_its_state_its_source_and_its_hyperparameters():
    for name, kind in RULES.items():
        assert "The state is " in " ".join(kind.__doc__.split()), name
        assert any(char.isdigit() for char in kind.__doc__.splitlines()[0]), name
        parameters = kind.__doc__.split("Parameters\n")[1].split("References\n")[0]
        assert [one for one in kind.hyperparameters if not re.search(rf"^    (.*, )?{one}\b", parameters, re.M)] == []


@pytest.mark.gpu
@every_method
@pytest.mark.parametrize("dtype, tolerance", [(torch.float64, 1e-9), (torch.float32, 1e-4)])
def test_cuda_equals_cpu(make, dtype, tolerance):
    if not torch.cuda.is_available():
        pytest.skip("no CUDA device")
    ends = []
    for device in ("cpu", "cuda"):
        theta = parameters(dtype=dtype, device=device)
        ends.append(walk(make(theta, lr=0.01), theta, fixed_gradients(20, SHAPES, dtype, device=device)).cpu())
    assert_close(*ends, tolerance)


def test_lars_without_momentum_keeps_nothing():
    theta = parameters()
    optimizer = LARS(theta, momentum=0.0)
    walk(optimizer, theta, fixed_gradients(2))
    assert not optimizer.state


def test_momentum_switched_on_in_mid_training_starts_its_state():
    theta = parameters()
    optimizer = RMSprop(theta)
    walk(optimizer, theta, fixed_gradients(2))
    optimizer.param_groups[0]["momentum"] = 0.9
    walk(optimizer, theta, fixed_gradients(2))
    assert all("m" in state for state in optimizer.state.values())


def test_a_new_formula_is_not_overruled_by_its_parents_kernel():
    class Backwards(Adam):
        def update(self, theta, g, m, v, *, t, lr, betas, eps, weight_decay):
            theta.add_(g, alpha=lr)

    start = flat(parameters())
    (gradients,) = fixed_gradients(1)
    assert_close(
        after(lambda p: Backwards(p, lr=0.1), steps=1), start + 0.1 * torch.cat([g.flatten() for g in gradients])
    )
