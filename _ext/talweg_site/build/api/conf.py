"""Configuration of the reference's own Sphinx build (see run.py)."""

from pathlib import Path

from talweg_site.editions import find_root

_root = find_root(Path.cwd())

project = "Talweg"
author = copyright = "The Talweg authors"
extensions = ["sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx.ext.viewcode", "talweg_site.build.api.pages"]
root_doc = "index"

autodoc_member_order = "bysource"
autodoc_typehints_format = "short"
autodoc_preserve_defaults = True
napoleon_google_docstring = False
napoleon_use_rtype = False
add_module_names = False
toc_object_entries = False

html_theme = "talweg"
html_title = "Talweg: the library"
templates_path = [str(_root / "_templates")]
html_static_path = [str(_root / "_assets")]
html_favicon = str(_root / "_assets" / "favicon.svg")
html_use_index = False
html_domain_indices = False
html_copy_source = False
html_show_sourcelink = False
