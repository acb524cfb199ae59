"""The catalogs are complete and compiled, and numbers follow the edition."""

import gettext
import re
import subprocess
import sys
from pathlib import Path

import pytest
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po

import talweg
from talweg import i18n

PACKAGE = Path(talweg.__file__).parent


@pytest.fixture(autouse=True)
def english_afterwards(monkeypatch):
    monkeypatch.setattr(i18n, "_current", None)


def source_messages():
    found = extract_from_dir(PACKAGE, method_map=[("**.py", "python")])
    return {message for _, _, message, _, _ in found}


def catalog(code):
    folder = PACKAGE / "locale" / code / "LC_MESSAGES"
    with (folder / "talweg.po").open("rb") as po:
        return read_po(po), folder / "talweg.mo"


@pytest.mark.parametrize("code", i18n.EDITIONS)
def test_every_message_in_the_source_is_translated(code):
    po, _ = catalog(code)
    messages = source_messages()
    assert len(messages) > 20
    untranslated = [m for m in messages if m not in po or not all(_forms(po[m])) or po[m].fuzzy]
    assert not untranslated, f"{code}: run `make catalogs`, then translate {untranslated}"


@pytest.mark.parametrize("code", i18n.EDITIONS)
def test_the_compiled_catalog_is_the_source_catalog(code):
    po, path = catalog(code)
    with path.open("rb") as file:
        mo = gettext.GNUTranslations(file)
    for message in po:
        if message.id:
            ids = message.id if isinstance(message.id, tuple) else (message.id,)
            forms = [mo.gettext(ids[0])] if len(ids) == 1 else list({mo.ngettext(*ids, n) for n in range(200)})
            assert sorted(set(forms)) == sorted(set(_forms(message))), f"{path} is stale: run `make catalogs`"
    assert len([key for key in mo._catalog if key]) >= len([m for m in po if m.id])


@pytest.mark.parametrize("code", i18n.EDITIONS)
def test_translations_keep_the_placeholders(code):
    for message in catalog(code)[0]:
        if message.id:
            ids = message.id if isinstance(message.id, tuple) else (message.id,)
            for form in _forms(message):
                assert set(re.findall(r"\{\w*\}", form)) == set(re.findall(r"\{\w*\}", ids[-1])), form


def _forms(message):
    return list(message.string) if isinstance(message.string, (tuple, list)) else [message.string]


def test_words_are_english_before_use_and_change_at_once():
    assert i18n.language() is None and i18n.gettext("Learning rate") == "Learning rate"
    words = {}
    for code in i18n.EDITIONS:
        talweg.use(code)
        assert i18n.language() == code
        words[code] = i18n.gettext("Learning rate")
    assert words == {"es": "Tasa de aprendizaje", "de": "Lernrate", "zh": "学习率", "ru": "Скорость обучения"}


def test_an_unknown_message_stays_as_it_is():
    talweg.use("de")
    assert i18n.gettext("no such words") == "no such words" and i18n.gettext("") == ""


@pytest.mark.parametrize("code", ["en", "ES", "", "zh-CN", None, 3, ["es"]])
def test_an_unknown_language_names_the_four(code):
    with pytest.raises(ValueError, match="'es', 'de', 'zh', 'ru'") as error:
        talweg.use(code)
    assert repr(code) in str(error.value)
    assert i18n.language() is None


def test_editions_are_listed_in_their_order_with_their_marks():
    assert list(i18n.EDITIONS) == ["es", "de", "zh", "ru"]
    assert {code: e.decimal for code, e in i18n.EDITIONS.items()} == {"es": ",", "de": ",", "zh": ".", "ru": ","}
    assert i18n.EDITIONS["zh"].html_lang == "zh-CN"


@pytest.mark.parametrize(
    "x, digits, written",
    [
        (0.05, 3, "0,05"),
        (-0.12345, 3, "−0,123"),
        (1797, 3, "1797"),
        (1797.4, 3, "1797"),
        (0.99999, 3, "1"),
        (2.30258, 4, "2,303"),
        (1.25e-9, 3, "1,25·10⁻⁹"),
        (1e-6, 3, "10⁻⁶"),
        (-1e-6, 3, "−10⁻⁶"),
        (3e10, 3, "3·10¹⁰"),
        (100.0, 2, "100"),
        (0.0, 3, "0"),
        (float("nan"), 3, "NaN"),
        (float("-inf"), 3, "−∞"),
    ],
)
def test_numbers_as_spanish_prose_writes_them(x, digits, written):
    talweg.use("es")
    assert i18n.number(x, digits) == written
    talweg.use("zh")
    assert i18n.number(x, digits) == written.replace(",", ".")


def test_plural_forms_of_russian(monkeypatch, tmp_path):
    """The header of the Russian catalog has three forms: 1, 2–4, 5–20."""
    po, _ = catalog("ru")
    assert po.num_plurals == 3
    plural = gettext.c2py(po.plural_expr)
    assert [plural(n) for n in (1, 2, 5, 11, 21, 22, 111)] == [0, 1, 2, 2, 0, 1, 2]


def test_importing_talweg_is_light():
    heavy = ("plotly", "sklearn", "torchvision", "matplotlib", "scipy", "anywidget", "IPython")
    code = f"import sys, talweg; print([m for m in {heavy!r} if m in sys.modules])"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"


def test_an_unknown_part_of_the_package_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        _ = talweg.nonsense
