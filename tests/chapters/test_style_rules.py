"""The rules see what they are for, and let alone what only looks like it."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from talweg_site.check import style, terms
from talweg_site.check.prose import paragraphs

ES = "El paso decide si el método converge, y la razón de los valores propios dice con qué velocidad lo hace."
DE = "Die Schrittweite entscheidet, ob das Verfahren konvergiert, und das Verhältnis der Eigenwerte sagt, wie schnell."
EN = "The step size decides whether the method converges, and the ratio of the eigenvalues says how fast this is."
ZH = "步长决定该方法是否收敛，而特征值之比说明收敛得有多快，我们在下面的例子中会看到这一点，并且给出证明，读者可以自己验证。"
RU = "Длина шага решает, сходится ли метод, а отношение собственных значений говорит, насколько быстро он сходится."


@pytest.mark.parametrize(
    ("rule", "code", "text"),
    [
        (style.decimal_problems, "es", "con η = 0.05 converge"),
        (style.decimal_problems, "de", "1.797 Bilder"),
        (style.decimal_problems, "zh", "步长为0,05时"),
        (style.quote_problems, "es", 'el "paso"'),
        (style.quote_problems, "de", "der «Schritt»"),
        (style.quote_problems, "de", "der „Schritt”"),
        (style.quote_problems, "ru", "«шаг"),
        (style.quote_problems, "zh", '"步长"'),
        (style.chinese_problems, "zh", "步长,"),
        (style.chinese_problems, "zh", "步长(学习率)"),
        (style.chinese_problems, "zh", "收敛."),
        (style.chinese_problems, "zh", "用 Adam 训练"),
        (style.language_problems, "es", EN),
        (style.language_problems, "es", DE),
        (style.language_problems, "de", ES),
        (style.language_problems, "zh", EN),
        (style.language_problems, "ru", EN),
    ],
)
def test_a_slip_is_seen(rule, code, text):
    assert list(rule(code, text)) != []


@pytest.mark.parametrize(
    ("rule", "code", "text"),
    [
        (style.decimal_problems, "es", "con η = 0,05 en Python 3.11, PyTorch 2.13 y CC BY 4.0, véase la sección 2.3"),
        (style.decimal_problems, "de", "Kapitel 3.2, arXiv:1502.03167"),
        (style.decimal_problems, "zh", "步长为0.05时"),
        (style.quote_problems, "es", "el «paso»"),
        (style.quote_problems, "de", "der „Schritt“"),
        (style.quote_problems, "zh", "“步长”"),
        (style.quote_problems, "ru", "«шаг»"),
        (style.chinese_problems, "zh", "用Adam训练（步长为0.05），见图3.2。"),
        (style.language_problems, "es", ES),
        (style.language_problems, "de", DE + " (" + EN + ")"),
        (style.language_problems, "zh", ZH + "（gradient descent, stochastic gradient descent, momentum）"),
        (
            style.language_problems,
            "zh",
            "只分一组的GroupNorm就是LayerNorm，每个通道一组就是InstanceNorm，在库里都有，并且给出证明，读者可以自己验证。",
        ),
        (style.language_problems, "ru", RU + " (Adam, AdamW, stochastic gradient descent)"),
    ],
)
def test_what_is_right_is_let_alone(rule, code, text):
    assert list(rule(code, text)) == []


def test_prose_is_what_a_reader_reads(tmp_path: Path):
    page = tmp_path / "page.md"
    page.write_text(
        "(label)=\n# Título\n\nEl paso $\\eta = 0.1$ y `lr=0.1`, {eq}`gd` y {term}`pasos <paso>`, [enlace](a.html).\n"
        "\n$$\nx = 0.5\n$$ (gd)\n\n```{note} Nota\n:class: tip\nDentro.\n\n:::{math}\n0.7\n:::\n```\n\n"
        '```python\ny = 0.3\n```\n\n- uno\n- dos\n\n<details class="solution"><summary>Solución</summary>\n\nFin.\n\n</details>\n',
        encoding="utf-8",
    )
    assert [(p.line, p.text) for p in paragraphs(page)] == [
        (2, "Título"),
        (4, "El paso ◇ y ◇, ◇ y pasos, enlace."),
        (6, "◇"),
        (10, "Nota"),
        (12, "Dentro."),
        (23, "uno"),
        (24, "dos"),
        (26, "Solución"),
        (28, "Fin."),
    ]


def test_short_alternative_texts_and_repeated_captions_are_seen(make_book, edit):
    book = make_book(("es",))
    path = book / "chapters/es/page.md"
    edit(path, "A longer text for those who do not see es", "Words of es")
    problems = style.figure_problems(path, book)
    assert "cell 'picture': alternative text of 11 characters; 40 at least" in problems[0]
    assert "repeats the caption" in problems[1]


def test_a_page_that_lost_half_its_text_is_seen(make_book, edit):
    book = make_book(("es", "de"))
    for code, sentence, times in (("es", ES, 20), ("de", DE, 6)):
        edit(book / f"chapters/{code}/page.md", f"## Words of {code}", f"## W\n\n{sentence * times}")
    problems = style.length_problems(book)
    assert any("chapters/de/page.md: 0.3" in problem for problem in problems)
    assert any("cell 'question'" in problem and "left out" in problem for problem in problems)


@pytest.fixture
def glossary_book(make_book):
    """A book of two editions whose glossary forbids a form in each."""
    book = make_book(("es", "ru"))
    entry = {
        "id": "learning-rate",
        "en": "learning rate",
        "es": {"term": "tasa de aprendizaje", "avoid": ["ratio de aprendizaje"]},
        "ru": {"term": "скорость обучения", "avoid": ["темп обучения"]},
    }
    (book / "glossary.yml").write_text(yaml.safe_dump([entry], allow_unicode=True), encoding="utf-8")
    return book


def test_a_form_that_the_glossary_forbids_is_seen_in_any_case(glossary_book, edit):
    edit(glossary_book / "chapters/ru/page.md", "## Words of ru", "## О темпах обучения и темпе обучения")
    problems = terms.term_problems(glossary_book, ["es", "ru"])
    assert ["chapters/ru/page.md" in p and "'скорость обучения'" in p for p in problems] == [True]


def test_a_term_that_one_edition_never_names_is_seen(glossary_book, edit):
    edit(
        glossary_book / "chapters/es/page.md",
        "## Words of es",
        "## Tasas de aprendizaje: " + "la tasa de aprendizaje " * 4,
    )
    problems = terms.term_problems(glossary_book, ["es", "ru"])
    assert "chapters/ru/page.md: never says 'скорость обучения'" in problems[0]
    edit(glossary_book / "chapters/ru/page.md", "## Words of ru", "## О скоростях обучения")
    assert terms.term_problems(glossary_book, ["es", "ru"]) == []


@pytest.mark.parametrize(("term", "text"), [("Lernrate", "die Lernraten"), ("Sattelpunkt", "des Sattelpunktes")])
def test_german_terms_are_found_inflected(term, text):
    assert terms.count("de", term, text) == 1


CLAIMING = """\
---
jupytext:
  text_representation: {extension: .md, format_name: myst, format_version: 0.13}
kernelspec: {display_name: Python 3, language: python, name: python3}
---

```{code-cell} ipython3
---
name: claiming
talweg:
  claims:
    half: 'SENTENCE'
---
talweg.claim("half", 0.5, 0.5)
```
"""


@pytest.mark.parametrize("slip", ["Sale 0.5.", 'Sale la "mitad".', EN])
def test_the_sentences_of_claims_are_read_like_prose(tmp_path, slip):
    page = tmp_path / "chapters/es/page.md"
    page.parent.mkdir(parents=True)
    page.write_text(CLAIMING.replace("SENTENCE", "Sale 0,5: la «mitad»."), encoding="utf-8")
    assert style.page_problems(page, tmp_path) == []
    page.write_text(CLAIMING.replace("SENTENCE", slip), encoding="utf-8")
    (problem,) = style.page_problems(page, tmp_path)
    assert problem.startswith("chapters/es/page.md:8")
