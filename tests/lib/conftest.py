"""One thread, no progress bars, and the folder of real data where there is one."""

import os
from pathlib import Path

os.environ["TALWEG_BATCH"] = "1"

import pytest
import torch

torch.set_num_threads(1)


@pytest.fixture
def mnist_root() -> Path:
    """The folder that TALWEG_DATA names; the test is skipped where real MNIST is not there."""
    root = Path(os.environ.get("TALWEG_DATA", "."))
    if not (root / "MNIST" / "raw").is_dir():
        pytest.skip("TALWEG_DATA names no folder with MNIST/raw")
    return root
