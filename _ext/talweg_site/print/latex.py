"""What changes when an edition is written for print; active only in the builds that `talweg_site.print.pdf` starts."""

from __future__ import annotations

import os
from pathlib import Path

from sphinx.application import Sphinx
from sphinx.config import Config

from talweg_site.address import read_address
from talweg_site.editions import build_of, names
from talweg_site.print.cells import PrintCells
from talweg_site.print.images import PrintSvg
from talweg_site.print.names import LATEX, names_package
from talweg_site.print.structure import ArrangeBook, CollectSolutions, PrintProofs, PrintReferences
from talweg_site.print.writer import BookTranslator

FONTS = "TALWEG_PRINT_FONTS"  # where pdf.py has put the cut fonts: set in a print build only
PHOTOGRAPHS = "TALWEG_PRINT_PHOTOGRAPHS"
TITLE = "Talweg"

_TEXT_FONTS = r"""
\setmainfont{Serif}[Path=%s/, Extension=.ttf, UprightFont=*-Regular, ItalicFont=*-Italic, BoldFont=*-Bold,
  BoldItalicFont=*-BoldItalic]
\setsansfont{Sans}[Path=%s/, Extension=.ttf, UprightFont=*-Regular, ItalicFont=*-Italic, BoldFont=*-Bold]
\setmonofont{Mono}[Path=%s/, Extension=.ttf, UprightFont=*-Regular, ItalicFont=*-Regular, BoldFont=*-Bold, Scale=.93]
\newfontfamily\talwegdisplay{Display-Regular}[Path=%s/, Extension=.ttf, BoldFont=*]
\usepackage{unicode-math}
\setmathfont{latinmodern-math.otf}[Scale=1.06]
"""
# Scale 1.116 = 2 × 0.6 × 0.93: as wide as two of the other signs of a printed table
_CHINESE_FONTS = r"""
\usepackage{xeCJK}
\setCJKmainfont{FandolSong-Regular.otf}[BoldFont=FandolHei-Bold.otf, ItalicFont=FandolKai-Regular.otf]
\setCJKsansfont{FandolHei-Regular.otf}[BoldFont=FandolHei-Bold.otf, ItalicFont=FandolKai-Regular.otf]
\setCJKmonofont{FandolFang-Regular.otf}[Scale=1.116]
\setCJKfamilyfont{talwegtitle}{FandolSong-Bold.otf}
\xeCJKsetup{PunctStyle=quanjiao, CJKmath=true}
"""


def elements(code: str, fonts: Path, author: str) -> dict[str, str]:
    """The parts of the TeX file that are ours (`latex_elements` of Sphinx)."""
    chinese = code == "zh"
    language, subtitle = names(code)["polyglossia"], names(code)["subtitle"]
    preamble = [
        rf"\newcommand\talwegtitle{{{TITLE}}}\newcommand\talwegauthor{{{author}}}",
        r"\newcommand\talwegtitleimage{title.pdf}",
        r"\usepackage{talweg}",
        r"\usepackage{indentfirst}\setlength\parindent{2em}\linespread{1.3}\selectfont" if chinese else "",
        rf"\hypersetup{{pdftitle={{{TITLE}: {subtitle}}}, pdfauthor={{{author}}}, pdflang={{{code}}}}}",
    ]
    return {
        "papersize": "a4paper",  # a class option; the trim size is set by geometry
        "pointsize": "10pt",
        "extraclassoptions": "openany,oneside",
        "geometry": r"\usepackage[paperwidth=170mm,paperheight=240mm,hmargin=21mm,top=25mm,bottom=24mm,headsep=8mm]"
        r"{geometry}",
        "babel": "",
        "polyglossia": rf"\usepackage{{polyglossia}}\setmainlanguage{{{language}}}" if language else "",
        "multilingual": rf"\usepackage{{polyglossia}}\setmainlanguage{{{language}}}" if language else "",
        "fontenc": r"\usepackage{fontspec}",
        "fontpkg": _TEXT_FONTS % ((fonts,) * 4) + (_CHINESE_FONTS if chinese else ""),
        "textgreek": "",
        "fncychap": "",
        "sphinxsetup": "pre_border-width=0pt, pre_border-left-width=1.2pt, pre_padding-left=8pt, pre_padding-top=4pt,"
        "pre_padding-right=4pt, pre_padding-bottom=4pt, pre_border-TeXcolor={RGB}{201,208,214},"
        "pre_background-TeXcolor={RGB}{247,248,249}, VerbatimColor={RGB}{247,248,249},"
        r"verbatimhintsturnover=false,verbatimvisiblespace={},verbatimcontinued={\color{talwegmuted}\ensuremath{\hookrightarrow}\space}",
        "fvset": r"\fvset{fontsize=\footnotesize}",
        "preamble": "\n".join(preamble),
        "maketitle": r"\talwegtitlepage",
        "makeindex": "",
        "printindex": "",
        "figure_align": "htbp",
    }


def configure(app: Sphinx, config: Config) -> None:
    """Set Sphinx's options for print, after all other extensions have set theirs."""
    code = build_of(app).code
    config.latex_engine = "xelatex"
    config.latex_documents = [(config.root_doc, "talweg.tex", TITLE, config.author, "manual", False)]
    config.latex_docclass = {"manual": "book"}
    config.latex_elements = elements(code, Path(os.environ[FONTS]), config.author)
    config.latex_toplevel_sectioning = "chapter"
    config.latex_table_style = ["booktabs"]
    config.latex_show_urls = "no"
    config.latex_domain_indices = False
    config.latex_additional_files = [str(LATEX / "talweg.sty")]
    config.numfig_secnum_depth = 1
    config.pygments_style = "talweg_site.print.style.Print"
    config.nb_mime_priority_overrides = [("latex", "image/svg+xml", 1)]


def write_names(app: Sphinx, exception: Exception | None) -> None:
    """Put the edition's words beside the TeX file."""
    if exception is None:
        path = Path(app.outdir, "talwegnames.sty")
        words = names_package(build_of(app).code, read_address(build_of(app).root).site)
        path.write_text(words, encoding="utf-8")


def setup(app: Sphinx) -> None:
    """Nothing but in a print build of an edition."""
    if FONTS not in os.environ or build_of(app).edition is None:
        return
    app.add_config_value("talweg_photographs", os.environ.get(PHOTOGRAPHS, ""), "", str)
    for transform in (PrintCells, PrintProofs, PrintReferences, CollectSolutions, ArrangeBook, PrintSvg):
        app.add_post_transform(transform)
    app.set_translator("latex", BookTranslator, override=True)
    app.connect("config-inited", configure, priority=990)
    app.connect("build-finished", write_names)
