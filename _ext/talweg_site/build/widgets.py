"""Widgets on static pages: each is a still picture of itself and the data with which `_assets/widgets.js` brings it to life.

A notebook stores the models of its widgets, with scripts and styles, for Jupyter's widget manager. A page needs less: the
modules and style sheets become files that all pages share, the state of each widget stands at its place.
"""

from __future__ import annotations

import hashlib
import json
from html import escape
from importlib import import_module
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.locale import _

from talweg.atomic import whole_file
from talweg.widgets.parameters import Choice, Number, Numbers, Parameter, Switch
from talweg_site.author.widgets import with_scripts
from talweg_site.build.mime import alternative_text
from talweg_site.build.stills import stills
from talweg_site.editions import build_of

VIEW = '<script type="application/vnd.jupyter.widget-view+json">'
PLACE = "talweg-widget"  # in HTML
OUTPUT = "widget-output"  # of the node
PRIVATE = ("_", "layout", "tabbable", "tooltip")  # beginnings of the names of what only a kernel's widget needs


def place_widgets(app: Sphinx, doctree: nodes.document, docname: str) -> None:
    """Replace each view of a widget by its place on the page."""
    views = [node for node in doctree.findall(nodes.raw) if node.astext().startswith(VIEW)]
    if app.builder.format != "html" or not views:
        return
    models = with_scripts(_stored_models(app, docname))
    states = [models[json.loads(_between_tags(view))["model_id"]]["state"] for view in views]
    figures = [_figure(view) for view in views]
    pictures = stills(
        build_of(app).root,
        [
            {"module": state["_esm"], "state": public(state), "alt": _alt_id(figure)}
            for state, figure in zip(states, figures, strict=True)
        ],
    )
    linked: set[str] = set()
    for view, state, figure, picture in zip(views, states, figures, pictures, strict=True):
        html = _place(app, docname, state, picture, figure, linked)
        alt = _alternative_text(view)
        view.replace_self(nodes.raw("", html + _described(figure, alt), format="html", classes=[OUTPUT]))


def _stored_models(app: Sphinx, docname: str) -> dict[str, Any]:
    """The models of the page's notebook, where myst-nb keeps them for Jupyter's widget manager."""
    _uri, attributes = app.env.nb_metadata[docname]["js_files"]["ipywidgets_state"]  # type: ignore[attr-defined]
    return json.loads(attributes["body"])["state"]


def _between_tags(view: nodes.raw) -> str:
    return view.astext().removeprefix(VIEW).removesuffix("</script>")


def _figure(view: nodes.raw) -> str:
    """The label of the figure that holds the widget; empty for an exercise."""
    node = view.parent
    while node is not None and not isinstance(node, nodes.figure):
        node = node.parent
    return next((label for label in node["ids"] if label.startswith("fig-")), "") if node is not None else ""


def _alternative_text(view: nodes.raw) -> str:
    node = view.parent
    while node is not None and "cell_metadata" not in node.attributes:
        node = node.parent
    return alternative_text(node["cell_metadata"]) if node is not None else ""


def _alt_id(figure: str) -> str:
    return f"{figure}-alt" if figure else ""


def public(state: dict[str, Any]) -> dict[str, Any]:
    """What a widget's module may ask its model for."""
    return {name: value for name, value in state.items() if not name.startswith(PRIVATE)}


def parameters(state: dict[str, Any]) -> dict[str, Any]:
    """What a reader may set in a figure, and within which bounds: the parameters that its class declares."""
    module, _dot, name = state.get("_anywidget_id", "").rpartition(".")
    try:
        figure = getattr(import_module(module), name)
    except (ImportError, AttributeError, ValueError):
        return {}  # a class that only a notebook knows
    traits = figure.class_traits().items()
    return {trait: bounds(found) for trait, found in traits if isinstance(found, Parameter)}


def bounds(parameter: Parameter) -> dict[str, Any]:
    """What a parameter allows, for `figure-address.js`."""
    match parameter:
        case Number():
            return {"kind": "number", **parameter.range()} | ({"none": True} if parameter.allow_none else {})
        case Numbers():
            return {"kind": "numbers", **parameter.range(), "least": parameter.least, "most": parameter.most}
        case Switch():
            return {"kind": "switch"}
        case Choice():
            return {"kind": "choice", "allowed": list(parameter.allowed)}
    return {}


def _place(app: Sphinx, docname: str, state: dict[str, Any], still: str, figure: str, linked: set[str]) -> str:
    """HTML of one widget: its style sheet where it is the first that needs it, its data, its picture."""
    folder = "../" * docname.count("/") + ("../" if build_of(app).in_site else "") + "_static/widgets/"
    kind = state.get("_anywidget_id", "widget").rpartition(".")[2].lower()
    module = folder + _shared_file(app, f"{kind}.js", state["_esm"])
    html = ""
    if state.get("_css"):
        sheet = folder + _shared_file(app, "style.css", state["_css"])
        html = "" if sheet in linked else f'<link rel="stylesheet" href="{sheet}">'
        linked.add(sheet)
    data = json.dumps(public(state), ensure_ascii=False, separators=(",", ":")).replace("<", "\\u003c")
    driven = f' data-parameters="{escape(json.dumps(parameters(state)))}"' if figure else ""
    return (
        f'{html}<div class="{PLACE}" data-module="{module}"{driven} data-pagefind-ignore>'
        f'<script type="application/json">{data}</script><div class="talweg-still">{still}</div>'
        f"<noscript><p>{_('To try this here, switch on JavaScript.')}</p></noscript></div>"
    )


def _described(figure: str, alt: str) -> str:
    """The figure's alternative text, and the row for its tools, which `figure-frame.js` fills."""
    if not figure:
        return ""
    text = f'<p class="visually-hidden" id="{_alt_id(figure)}" data-pagefind-ignore>{escape(alt)}</p>'
    return f'{text}<div class="figure-tools" data-pagefind-ignore></div>'


def _shared_file(app: Sphinx, name: str, text: str) -> str:
    """Write a module or a style sheet once for all pages; its name changes with its text, so browsers may keep it."""
    stem, _dot, kind = name.rpartition(".")
    name = f"{stem}.{hashlib.sha256(text.encode()).hexdigest()[:10]}.{kind}"
    root = build_of(app).root / "_build" / "html" if build_of(app).in_site else Path(app.outdir)
    path = root / "_static" / "widgets" / name
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        with whole_file(path) as file:
            file.write(text.encode())
    return name


def leave_out_manager(app: Sphinx, pagename: str, *_: Any) -> None:
    """The models for Jupyter's widget manager, which myst-nb would put into the page's head, are not needed there."""
    data = getattr(app.env, "nb_metadata", {}).get(pagename, {})
    data.get("js_files", {}).pop("ipywidgets_state", None)


def setup(app: Sphinx) -> None:
    """Place the widgets before a page is written, and before myst-nb adds its scripts."""
    app.connect("doctree-resolved", place_widgets)
    app.connect("html-page-context", leave_out_manager, priority=400)
