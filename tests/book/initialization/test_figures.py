"""The driven figures of the chapter on initialization: size, words, validation."""

import pytest

import talweg
from talweg import figures
from talweg.i18n import EDITIONS

MAKERS = [figures.signal_depth, figures.singular_values]


@pytest.fixture(autouse=True)
def spanish():
    talweg.use("es")


@pytest.mark.parametrize("make", MAKERS)
def test_script_is_small_one_module_and_asks_nobody(make):
    source = make()._esm
    assert len(source.encode()) <= 15_000
    assert "import " not in source and "eval(" not in source and "Function(" not in source
    assert "http" not in source.replace("http://www.w3.org/2000/svg", "")


@pytest.mark.parametrize("make", MAKERS)
def test_every_sentence_is_in_every_language(make):
    sentences = {}
    for code in EDITIONS:
        talweg.use(code)
        for key in {"figure", "said", "gaussian", "orthogonal"} & set(make().words):
            sentences.setdefault(key, set()).add(make().words[key])
    assert len(sentences) >= 2 and all(len(variants) == len(EDITIONS) for variants in sentences.values())


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: figures.signal_depth(gain=9), "gain must be a number between 0.2 and 5, got 9"),
        (lambda: figures.signal_depth("rleu"), "Did you mean 'relu'"),
        (lambda: figures.singular_values(rows=2), "rows must be a whole number between 4 and 100, got 2"),
        (lambda: figures.singular_values(columns=10.5), "columns must be a whole number between 4 and 100, got 10.5"),
        (lambda: figures.singular_values("kaimnig"), "Did you mean 'kaiming'"),
    ],
)
def test_bad_arguments_are_named(make, message):
    with pytest.raises(ValueError) as error:
        make()
    assert message in str(error.value)
