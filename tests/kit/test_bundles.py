"""The joined scripts, as the browser gets them; those of the figures in tests/book/test_every_figure.py."""

import pytest

import talweg
from talweg.exercises import exercise, progress
from talweg.widgets import script


@pytest.mark.parametrize("make", [lambda: exercise("gd-by-hand"), progress], ids=["exercise", "progress"])
def test_bundle_is_a_module_that_renders(parses, make):
    talweg.use("de")
    assert parses(make()._esm)


def test_bundle_holds_each_module_once_and_keeps_urls(tmp_path):
    (tmp_path / "a.js").write_text("// comment\nexport const a = 1;\n", encoding="utf-8")
    (tmp_path / "b.js").write_text('import { a } from "./a.js";\nexport const b = a;\n', encoding="utf-8")
    main = 'import { a } from "./a.js";\nimport { b } from "./b.js";\n  const url = "http://x";\n'
    (tmp_path / "c.js").write_text(main, encoding="utf-8")
    assert script(tmp_path / "c.js") == 'const a = 1;\nconst b = a;\nconst url = "http://x";\n'
