"""The base classes of what readers handle on a page: widgets with words, and figures with parameters."""

from __future__ import annotations

import inspect
import os
from typing import Any

import anywidget
import traitlets

from talweg.i18n import EDITIONS, decimal, language
from talweg.i18n import gettext as _
from talweg.widgets.parameters import Choice, Number, Numbers, Parameter

__all__ = ["Figure", "Widget", "batch"]


def batch() -> bool:
    """Whether the notebooks are being made or checked (`TALWEG_BATCH=1`), so that no reader's state may enter them.

    Examples
    --------
    >>> import os
    >>> from talweg.widgets import batch
    >>> batch() == (os.environ.get("TALWEG_BATCH") == "1")
    True
    """
    return os.environ.get("TALWEG_BATCH") == "1"


class Widget(anywidget.AnyWidget):
    """An anywidget whose words come from Python, in the reader's language, when it is made.

    Parameters
    ----------
    **kwargs
        Values of the widget's traits. `words` holds what it says, by key; `language` and `decimal`, the language of
        the page and its decimal mark, are those in use and cannot be given.

    Examples
    --------
    >>> from talweg.widgets import Widget
    >>> from talweg.i18n import use
    >>> use("de")
    >>> widget = Widget(words={"check": "Prüfen"})
    >>> widget.language, widget.decimal, widget.words["check"]
    ('de', ',', 'Prüfen')
    """

    words = traitlets.Dict().tag(sync=True)
    language = traitlets.Unicode().tag(sync=True)
    decimal = traitlets.Unicode(".").tag(sync=True)

    def __init__(self, **kwargs: Any):
        code = language()
        super().__init__(language=EDITIONS[code].html_lang if code else "en", decimal=decimal(), **kwargs)


class Figure(Widget):
    """A figure that readers drive. A subclass declares its parameters; they are its arguments, in that order.

    Signature, docstring and checks are those of the class, and the name by which chapters call the figure is another
    name of it. The ranges of the numbers reach the page as `ranges`, where sliders read them, and the names of the
    choices in their order as `choices` (a notebook is stored with sorted keys). A figure whose arguments are not its parameters has an `__init__` of its own, which passes on the traits by name.

    Raises
    ------
    TypeError
        Arguments that the subclass has not declared.
    ValueError
        A value that its parameter does not allow.

    Examples
    --------
    >>> from talweg.widgets import Figure, Number
    >>> from talweg.widgets import Switch
    >>> class Slope(Figure):
    ...     eta = Number(0.1, 0.02, 0.5)
    ...     noisy = Switch(False)
    ...
    ...     def _words(self):
    ...         return {"figure": "Down a slope"}
    >>> slope = Slope
    >>> slope(0.2).eta, slope(noisy=True).noisy, slope().ranges
    (0.2, True, {'eta': {'low': 0.02, 'high': 0.5}})
    >>> slope(eta=1)
    Traceback (most recent call last):
    ...
    ValueError: eta must be a number between 0.02 and 0.5, got 1
    """

    ranges = traitlets.Dict().tag(sync=True)
    choices = traitlets.Dict().tag(sync=True)

    def __init_subclass__(cls, **kwargs: Any):
        super().__init_subclass__(**kwargs)
        if cls.__init__ is Figure.__init__:
            cls.__signature__ = _signature(cls)

    def __init__(self, *args: Any, **kwargs: Any):
        signature = vars(type(self)).get("__signature__")
        try:
            given = signature.bind(*args, **kwargs).arguments if signature else kwargs
        except TypeError as error:
            raise TypeError(f"{type(self).__name__}: {error}") from None
        super().__init__(words={**_words_of_sliders(), **self._words()}, **given)

    def _words(self) -> dict[str, Any]:
        """What the figure says, by key, in the language in use; "figure" is its name."""
        raise NotImplementedError

    @traitlets.default("ranges")
    def _ranges(self) -> dict[str, dict[str, Any]]:
        return {name: trait.range() for name, trait in self.traits().items() if isinstance(trait, Number | Numbers)}

    @traitlets.default("choices")
    def _choices(self) -> dict[str, list[str]]:
        return {name: list(trait.allowed) for name, trait in self.traits().items() if isinstance(trait, Choice)}


def _words_of_sliders() -> dict[str, Any]:
    typing = {
        "hint": _("Type a number"),
        "field": _("{name}, as a number"),
        "no_number": _("“{text}” is not a number."),
        "no_whole": _("{text} is not a whole number."),
        "outside": _("{text} is outside the range from {low} to {high}."),
    }
    return {"typing": typing}


def _signature(figure: type[Figure]) -> inspect.Signature:
    """The parameters of a figure, as declared, those of its base classes first."""
    declared = {name: trait for base in reversed(figure.__mro__) for name, trait in vars(base).items()}
    return inspect.Signature(
        [
            inspect.Parameter(
                name,
                inspect.Parameter.POSITIONAL_OR_KEYWORD,
                default=trait.default_value,
                annotation=trait.annotation,
            )
            for name, trait in declared.items()
            if isinstance(trait, Parameter)
        ]
    )
