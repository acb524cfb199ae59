"""What training leaves behind, in memory and in files."""

import functools

import numpy as np
import pytest
import torch

from talweg.data import Dataset
from talweg.optimizers import SAM, SGD, Adam
from talweg.run import Run
from talweg.surfaces import Rosenbrock
from talweg.training import minimize, train, train_seeds


def a_run(**changes):
    fields = dict(
        history={"loss": torch.tensor([3.0, 2.0, 1.0, 0.5]), "grad_norm": torch.tensor([1.0, 1e-2, 1e-4, 1e-5])},
        trajectory=torch.arange(8.0).reshape(4, 2),
        state={"theta": torch.tensor([6.0, 7.0])},
        seed=3,
        config={"optimizer": "SGD", "lr": 0.1, "betas": (0.9, 0.99), "steps": 3, "batch_size": None},
    )
    return Run(**{**fields, **changes})


def test_first_step_below_a_threshold():
    run = a_run()
    assert run.first("grad_norm", below=1e-3) == 2
    assert run.first("loss", below=0.1) is None
    assert run.first("loss", above=2.5) == 0


def test_first_of_several_runs_is_a_list():
    run = a_run(history={"loss": torch.tensor([[3.0, 0.1], [1.0, 0.1], [0.5, 0.1]])}, diverged_at=[None, 4])
    assert run.first("loss", below=2.0) == [1, 0]
    assert run.first("loss", below=0.3) == [None, 0]


def test_first_takes_exactly_one_bound():
    with pytest.raises(ValueError, match="exactly one of below and above"):
        a_run().first("loss")
    with pytest.raises(ValueError, match="exactly one of below and above"):
        a_run().first("loss", below=1, above=0)


def test_unknown_history_proposes_the_nearest():
    with pytest.raises(ValueError, match="Did you mean 'grad_norm'"):
        a_run()["grad_nrom"]


def test_row_is_one_of_several_runs():
    both = torch.tensor([[3.0, 0.1], [1.0, 0.2]])
    run = Run({"loss": both}, both[..., None], {"theta": torch.eye(2)}, 1, {"steps": 1}, [None, 1])
    row = run.row(1)
    assert torch.equal(row["loss"], both[:, 1]) and row.trajectory.shape == (2, 1) and row.diverged_at == 1
    assert torch.equal(row.state["theta"], torch.tensor([0.0, 1.0]))
    with pytest.raises(ValueError, match="single start"):
        row.row(0)


def test_save_and_load_keep_everything(tmp_path):
    run = a_run(diverged_at=2)
    run.save(tmp_path / "run.pt")
    back = Run.load(tmp_path / "run.pt")
    assert torch.equal(back["loss"], run["loss"]) and torch.equal(back.trajectory, run.trajectory)
    assert torch.equal(back.state["theta"], run.state["theta"])
    assert (back.seed, back.config, back.diverged_at) == (run.seed, run.config, 2)
    assert [file.name for file in tmp_path.iterdir()] == ["run.pt"]


def test_a_damaged_file_is_named(tmp_path):
    path = tmp_path / "run.pt"
    a_run().save(path)
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(ValueError, match="run.pt.*damaged"):
        Run.load(path)
    with pytest.raises(FileNotFoundError, match="no run at"):
        Run.load(tmp_path / "nothing.pt")
    torch.save({"weights": torch.ones(2)}, path)
    with pytest.raises(ValueError, match="not a Run"):
        Run.load(path)


def test_loading_runs_no_code(tmp_path):
    class Bomb:
        def __reduce__(self):
            return (exec, (f"open({str(tmp_path / 'hit')!r}, 'w')",))

    torch.save({"format": "talweg.Run/1", "history": Bomb()}, tmp_path / "run.pt")
    with pytest.raises(ValueError, match="damaged or of another kind"):
        Run.load(tmp_path / "run.pt")
    assert not (tmp_path / "hit").exists()


def test_a_failed_save_leaves_the_old_file(tmp_path):
    path = tmp_path / "run.pt"
    a_run().save(path)
    before = path.read_bytes()
    with pytest.raises(TypeError, match=r"config\['schedule'\] must be .*got builtins.function"):
        a_run(config={"schedule": lambda t: 1 / t}).save(path)  # cannot be pickled
    assert path.read_bytes() == before and len(list(tmp_path.iterdir())) == 1


NUMPY_VALUES = {
    "float64": (np.logspace(-3, -3, 1)[0], 1e-3),
    "float32": (np.float32(0.5), 0.5),
    "int64": (np.int64(7), 7),
    "bool": (np.bool_(True), True),
    "str": (np.str_("cosine"), "cosine"),
    "array": (np.array([0.9, 0.99]), [0.9, 0.99]),
    "in a tuple": ((np.float64(0.9), 0.99), (0.9, 0.99)),
    "in a dict": ({"lr": [np.float64(0.5)]}, {"lr": [0.5]}),
    "a class": (SGD, "SGD"),
    "a function": (minimize, "minimize"),
    "a dtype": (torch.bfloat16, torch.bfloat16),
}


def exactly(value):
    """A value with the types in it: numpy.float64 is equal to float, but is another type."""
    if isinstance(value, dict):
        return type(value), {key: exactly(entry) for key, entry in value.items()}
    return (
        (type(value), [exactly(entry) for entry in value]) if isinstance(value, list | tuple) else (type(value), value)
    )


@pytest.mark.parametrize("given, expected", NUMPY_VALUES.values(), ids=NUMPY_VALUES)
def test_what_goes_into_a_run_comes_out_as_plain_values(tmp_path, given, expected):
    """A learning rate of NumPy was saved without complaint, and the file could not be loaded."""
    run = a_run(config={"value": given})
    run.save(tmp_path / "run.pt")
    for one in (run, Run.load(tmp_path / "run.pt")):
        assert exactly(one.config["value"]) == exactly(expected)


@pytest.mark.parametrize(
    "changes, place",
    [
        ({"config": {"base": functools.partial(SGD, momentum=0.9)}}, r"config\['base'\]"),
        ({"config": {"nested": [1, {"deep": torch.nn.ReLU()}]}}, r"config\['nested'\]\[1\]\['deep'\]"),
        ({"history": {"loss": np.ones(3)}}, r"history\['loss'\]"),
        ({"config": {torch.Generator(): 1}}, "a key of config"),
    ],
)
def test_what_could_not_be_loaded_is_not_saved(tmp_path, changes, place):
    with pytest.raises(TypeError, match=f"{place} must be a tensor, number"):
        a_run(**changes).save(tmp_path / "run.pt")
    assert not list(tmp_path.iterdir())


def test_runs_of_every_training_can_be_loaded_whatever_numbers_they_were_given(tmp_path):
    x, y = torch.randn(12, 2, dtype=torch.float64), torch.arange(12) % 2
    data = Dataset("small", x, y, x, y, x, y, ("a", "b"))
    lr, betas = np.logspace(-2, -2, 1)[0], tuple(np.array([0.9, 0.99]))
    model = torch.nn.Linear(2, 2, dtype=torch.float64)
    shared = dict(epochs=np.int64(1), batch_size=np.int64(4))
    runs = [
        minimize(Rosenbrock(), [-1.5, 2.0], SGD, steps=np.int64(3), lr=lr),
        minimize(Rosenbrock(), [-1.5, 2.0], SAM, steps=3, base=SGD, lr=lr),
        train(model, data, Adam(model.parameters(), lr=lr, betas=betas), seed=np.int64(0), **shared),
        *train_seeds([model], data, Adam, seeds=np.arange(1), lr=lr, betas=betas, **shared),
    ]
    for run in runs:
        run.save(tmp_path / "run.pt")
        back = Run.load(tmp_path / "run.pt")
        assert exactly(back.config) == exactly(run.config) and type(back.config["lr"]) is float
        assert torch.equal(back["loss"], run["loss"])
