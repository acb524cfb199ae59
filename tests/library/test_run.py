"""What training leaves behind, in memory and in files."""

import pytest
import torch

from talweg.run import Run


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
    with pytest.raises(AttributeError):
        a_run(config={"schedule": lambda t: 1 / t}).save(path)  # cannot be pickled
    assert path.read_bytes() == before and len(list(tmp_path.iterdir())) == 1
