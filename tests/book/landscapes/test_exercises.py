"""What the answers of the chapter "landscapes" rest on, beside the library."""

import torch

from talweg.book.landscapes.oracles import filter_normalized
from talweg.landscape import random_directions
from talweg.models import MLP


def test_filter_normalization_of_the_exercise_is_the_librarys():
    """The same numbers drawn raw and normalized: the library's rows must come out, not its layer-wise ones."""
    torch.manual_seed(0)
    model = MLP((5, 4, 3), dtype=torch.float64)
    raw, normalized, by_layer = (
        random_directions(model, kind, torch.Generator().manual_seed(0))[0][:20].view(4, 5)
        for kind in ("none", "filter", "layer")
    )
    found = filter_normalized(raw, model[1].weight.detach())
    torch.testing.assert_close(found, normalized, rtol=1e-12, atol=0)
    assert not torch.allclose(found, by_layer, rtol=1e-3)
