"""Tables: heads in the reader's language, columns that line up, shapes that do not fit refused."""

import pytest
import torch
from bs4 import BeautifulSoup

import talweg
from talweg import i18n


@pytest.fixture(autouse=True)
def before_use():
    yield
    i18n._current = None


def test_heads_are_in_the_readers_language_and_numbers_as_code_writes_them(capsys):
    talweg.use("de")
    talweg.table({"steps": [2_000, 10**10], "val_loss": torch.tensor([0.054604, 0.5])})
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split("   ")[-1].strip() == talweg.labels.label("val_loss") != "Validation loss"
    assert (
        lines[1].split() == ["2000", "0.0546"]
        and lines[2].strip().startswith("10 000 000 000")
        and lines[2].split()[-1] == "0.5"
    )
    assert len({len(line) for line in lines}) == 1


def test_chinese_heads_count_two_columns_a_character(capsys):
    talweg.use("zh")
    talweg.table({"val_loss": [0.25]})
    head, value = capsys.readouterr().out.splitlines()
    assert value == " " * (2 * len(head) - 4) + "0.25"


@pytest.mark.parametrize("columns", [{}, {"steps": [1, 2], "loss": [0.5]}])
def test_columns_that_do_not_fit_are_refused(columns):
    with pytest.raises(ValueError, match="same length"):
        talweg.table(columns)


def test_a_notebook_gets_a_table_in_the_readers_notation(monkeypatch):
    shown = []
    monkeypatch.setattr("talweg.tables.show", lambda text, richer: shown.append((text, richer["text/html"])))
    talweg.use("de")
    talweg.table(
        {"method": ["GD, η = 0.8", "a < b"], "loss": [0.25, -1.2e-7], "steps": [800, -12_000], "λ_max": ["fan_in", ""]}
    )
    (text, _html), soup = shown[0], BeautifulSoup(shown[0][1], "html.parser")
    assert "0.25" in text and "12 000" in text
    assert [head.get_text() for head in soup.select("th")] == ["Verfahren", "Verlust", "Anzahl der Schritte", "λmax"]
    cells = [cell.get_text() for cell in soup.select("td")]
    assert cells == [
        "GD, η = 0,8",
        "0,25",
        "800",
        "fan_in",
        "a < b",
        "−1,2·10⁻⁷",
        "−12\N{NARROW NO-BREAK SPACE}000",
        "",
    ]
    assert [cell["style"][-5:] for cell in soup.select("tbody tr:first-child td")] == [
        " left",
        "right",
        "right",
        " left",
    ]
