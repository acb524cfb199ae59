"""From a name in a cell to its definition: the page of the reference, and the source on the same site."""

from __future__ import annotations

import ast
import inspect
import json
import re
from functools import cache
from pathlib import Path

import pytest

from talweg import optimizers
from talweg_site.build.api import links, pages
from talweg_site.build.api.names import Names

from .conftest import parsed

ROOT = Path(__file__).parents[2]
SITE = ROOT / "_build" / "html"
CODES = ("es", "de", "zh", "ru")
CHAPTERS = sorted(path.stem for path in (ROOT / "chapters/es").glob("*.ipynb"))
ALIASES = {
    "talweg": "talweg",
    "talweg.plots": "talweg.plots",
    "talweg.plots.curves": "talweg.plots.curves",
    "talweg.Objective": "talweg.objective.Objective",
    "talweg.objective.Objective.of": "talweg.objective.Objective.of",
    "talweg.objective.NetworkObjective.hvp": "talweg.objective.Objective.hvp",
    "talweg.optimizers": "talweg.optimizers",
    "talweg.optimizers.SGD": "talweg.optimizers.SGD",
}
RESULTS = {"talweg.objective.Objective.of": "talweg.objective.NetworkObjective"}


def read(*cells: str) -> list[tuple[str, str]]:
    names = Names(ALIASES, RESULTS)
    return [(use.text, use.target.removeprefix("talweg.")) for cell in cells for use in names.read(cell)]


@pytest.mark.parametrize(
    ("cells", "found"),
    [
        (["from talweg.optimizers import SGD\nSGD(x)"], [("SGD", "optimizers.SGD")] * 2),
        (["from talweg.optimizers import SGD as G", "G(x)"], [("SGD", "optimizers.SGD"), ("G", "optimizers.SGD")]),
        (
            ["from talweg import plots\nplots.curves"],
            [("plots", "plots"), ("plots", "plots"), ("curves", "plots.curves")],
        ),
        (["import talweg.plots as p\np.curves()"], [("p", "plots"), ("curves", "plots.curves")]),
        (
            ["import talweg\nf = talweg.Objective.of(m)", "%time\nf.hvp(v)"],
            [("talweg", "talweg"), ("Objective", "objective.Objective"), ("of", "objective.Objective.of")]
            + [("hvp", "objective.Objective.hvp")],
        ),
    ],
)
def test_names_are_followed_through_imports_attributes_and_assignments(cells, found):
    assert read(*cells) == found


@pytest.mark.parametrize(
    "cell",
    [
        "SGD = 3\nSGD",
        "for SGD in x:\n    SGD",
        "[SGD for SGD in x]",
        "def g(SGD):\n    return SGD",
        "h = lambda SGD: SGD",
        "with open(x) as SGD:\n    SGD",
        "from torch.optim import SGD\nSGD",
        "this is no Python",
    ],
)
def test_a_name_that_was_bound_again_is_not_ours(cell):
    names = Names(ALIASES, RESULTS)
    names.read("from talweg.optimizers import SGD")
    assert names.read(cell) == []


def test_what_the_library_has_not_is_noticed():
    names = Names(ALIASES, RESULTS)
    names.read("import talweg\ntalweg.plots.curve()\nfrom talweg.optimizers import Adan")
    assert names.unknown == ["talweg.plots.curve", "talweg.optimizers.Adan"]


def test_links_are_put_around_the_right_characters_once_in_a_cell():
    cell = "λ = '<'; talweg.plots.curves(λ)\ntalweg.plots.curves(2)"
    html = (
        '<div class="highlight-ipython3 notranslate"><div class="highlight"><pre><span></span><span class="n">λ</span> = '
        "<span>&#39;&lt;&#39;</span>; <span>talweg</span>.<span>plots</span>.<span>curves</span>(λ)\n"
        "<span>talweg</span>.<span>plots</span>.<span>curves</span>(2)\n</pre></div></div>"
    )
    names = {"aliases": ALIASES, "results": RESULTS, "links": {"talweg.plots.curves": "talweg.plots.html#x"}}
    linked = links.link_page(html, ["import talweg", cell], names)
    assert linked == html.replace(
        "<span>curves</span>", '<span><a class="api" href="../api/talweg.plots.html#x">curves</a></span>', 1
    )
    assert links.link_page(html, ["another = cell"], names) == html


def docstring(text: str) -> str:
    lines = text.split("\n")
    pages.plain_docstring(None, "function", "f", None, None, lines)
    return "\n".join(lines)


def test_docstrings_are_text_in_which_only_backticks_mean_something():
    assert docstring("In-place fill_ of |x| * y: see `plane`.") == r"In-place fill\_ of \|x\| \* y: see ``plane``."
    assert docstring("Has ``a_`` and :math:`a_1 * b`.") == "Has ``a_`` and :math:`a_1 * b`."
    assert docstring("Line.\n\n>>> f_(1) * 2\n3 * x_\n\nb_") == "Line.\n\n>>> f_(1) * 2\n3 * x_\n\n" + r"b\_"


def test_an_indented_formula_is_a_block_and_sections_of_numpydoc_stay():
    assert docstring("The rule:\n    c = m\nwith m.") == "The rule:\n\n    c = m\n\nwith m."
    section = "Line.\n\nParameters\n----------\nf : Objective\n    The loss."
    assert docstring(section) == section


def test_an_attribute_shows_its_own_docstring_not_that_of_its_values_class():
    """Each hyperparameter of each rule had the first line of the class `Hyperparameter` under it."""
    declared = inspect.getattr_static(optimizers.SGD, "lr")
    for lines, shown in (([*inspect.getdoc(type(declared)).split("\n"), ""], []), (["The rate."], ["The rate."])):
        pages.plain_docstring(None, "attribute", "SGD.lr", declared, None, lines)
        assert lines == shown


@cache
def names() -> dict:
    path = SITE / "api" / "names.json"
    if not path.exists():
        pytest.fail(f"{path} is missing: build the site first (make html)")
    return json.loads(path.read_text(encoding="utf-8"))


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_every_name_of_the_library_in_a_cell_leads_to_an_anchor(chapter):
    follow = Names(names()["aliases"], names()["results"])
    uses = [use for cell in links.sources(ROOT / f"chapters/es/{chapter}.ipynb") for use in follow.read(cell)]
    assert follow.unknown == [], "names of talweg in cells that the reference does not document"
    assert uses
    for target in {use.target for use in uses} - {"talweg"}:
        page, _, anchor = names()["links"][target].partition("#")
        assert parsed(SITE / "api" / page).find(id=anchor), target


@pytest.mark.parametrize("code", CODES)
def test_pages_link_the_same_names_in_every_edition(code):
    for chapter in CHAPTERS:
        mine, first = [
            [a["href"] for a in parsed(SITE / lang / f"{chapter}.html").find_all("a", class_="api")]
            for lang in (code, "es")
        ]
        assert mine == first and (mine or chapter == "index"), chapter
        for a in parsed(SITE / code / f"{chapter}.html").find_all("a", class_="api"):
            assert a["href"].rpartition(".")[2].rpartition("#")[2] and re.fullmatch(r"[A-Za-z_]\w*", a.get_text())


def test_every_function_and_class_leads_to_its_definition():
    seen = 0
    for page in sorted((SITE / "api").glob("*.html")):
        for entry in parsed(page).select("dl.py.function > dt, dl.py.class > dt"):
            link = entry.find("a", href=re.compile("_modules/"))
            assert link, f"{page.name}: {entry.get('id')} has no link to its source"
            path, _, anchor = link["href"].partition("#")
            block = parsed((page.parent / path).resolve()).find(id=anchor)
            assert re.match(
                rf"\s*(@.*\n\s*)*(def|class) {anchor.rpartition('.')[2]}\b",
                block.get_text().lstrip("\n").removeprefix("[docs]"),
            ), (entry.get("id"), block.get_text()[:80])
            seen += 1
    assert seen > 150


def test_public_names_are_all_documented():
    tree = ast.parse((ROOT / "lib/talweg/optimizers/__init__.py").read_text(encoding="utf-8"))
    listed = next(node.value for node in tree.body if isinstance(node, ast.Assign) and node.targets[0].id == "__all__")
    missing = {f"talweg.optimizers.{name}" for name in ast.literal_eval(listed)} - names()["aliases"].keys()
    assert missing == set()
    assert {"talweg.Objective", "talweg.Run", "talweg.claim", "talweg.table", "talweg.use"} <= names()["aliases"].keys()


def test_the_reference_asks_no_other_host_and_its_links_resolve():
    for page in sorted((SITE / "api").rglob("*.html")):
        for tag in parsed(page).find_all(["script", "link", "img"]):
            assert not re.match(r"(https?:)?//", tag.get("src") or tag.get("href") or ""), (page.name, tag)
        for link in parsed(page).find_all("a", href=True):
            path, _, anchor = link["href"].partition("#")
            if not re.match(r"https?:", path):
                target = (page.parent / path).resolve() if path else page
                assert target.is_file(), (page.name, link["href"])
                assert not anchor or SITE / "api" not in target.parents or parsed(target).find(id=anchor), link["href"]


@pytest.mark.browser
@pytest.mark.parametrize(
    "path", ["api/index.html", "api/talweg.landscape.html", "api/_modules/talweg/optimizers/sgd.html"]
)
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_pages_of_the_reference_are_accessible_and_quiet(wide, axe, site, path, theme):
    wide.open(path)
    wide.theme(theme)
    wide.run(axe)
    assert wide.findings() == []
    log = wide.take()
    assert log.errors == [] and log.foreign(site) == []


@pytest.mark.browser
def test_links_of_cells_do_not_show_in_print(wide):
    wide.open("es/curvature.html")
    line = "return getComputedStyle(document.querySelector('a.api')).textDecorationLine"
    assert wide.run(line) == "underline"
    wide.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
    assert wide.run(line) == "none"
    wide.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": ""})
