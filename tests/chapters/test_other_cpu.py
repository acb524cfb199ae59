"""One edition prints the same on another processor; it stands for all: their code is the same, which parity checks."""

from __future__ import annotations

import pytest

from talweg_site.chapter import chapters
from talweg_site.check import nbcheck

pytestmark = pytest.mark.slow
EDITION = "es"


def test_one_edition_prints_the_same_on_another_cpu(root):
    assert nbcheck.check(chapters(root, [EDITION]), root, jobs=2, other_cpu=True) == 0
