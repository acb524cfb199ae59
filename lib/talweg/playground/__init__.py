"""The playground: optimizers race on a surface, in the browser. `talweg.figures.playground` makes one.

`setup.json` says which surfaces and methods there are, with ranges and defaults; the rules are in `rules.js`, the
surfaces in `surfaces.js`. Tests hold both to `talweg.optimizers` and `talweg.surfaces`.
"""

from talweg.playground.slice import load_slice
from talweg.playground.surfaces import surface
from talweg.playground.widget import Playground, playground

__all__ = ["Playground", "load_slice", "playground", "surface"]
