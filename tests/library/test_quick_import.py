"""`import talweg` is quick: nothing heavy is imported before it is used."""

import subprocess
import sys

import pytest

HEAVY = ("torch", "numpy", "scipy", "sklearn", "plotly", "matplotlib", "IPython", "ipywidgets")


def loaded_after(code):
    program = f"import sys; {code}; print(*(name for name in {HEAVY} if name in sys.modules))"
    return subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True).stdout.split()


@pytest.mark.parametrize(
    "code", ["import talweg", "import talweg.i18n", "from talweg import use; dir(__import__('talweg'))"]
)
def test_importing_the_package_does_not_import_torch(code):
    assert loaded_after(code) == []


def test_an_objective_needs_torch_and_no_optimizer():
    program = "import sys, talweg; talweg.Objective; print('torch' in sys.modules, 'talweg.optimizers' in sys.modules)"
    found = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True).stdout.split()
    assert found == ["True", "False"]


def test_every_public_name_is_there():
    import talweg

    assert all(hasattr(talweg, name) for name in talweg.__all__)
    assert talweg.Objective.__name__ == "Objective" and callable(talweg.exercise)
    with pytest.raises(AttributeError, match="module 'talweg' has no attribute 'nothing'"):
        talweg.nothing  # noqa: B018
