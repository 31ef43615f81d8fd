"""Every law on every technique."""

from typing import Annotated

import pytest
from hypothesis import settings

import opsin
from opsin.errors import MissingExtra
from opsin.op import op_of, operations
from opsin.testing.laws import LAWS, check_op
from opsin.types import Image, Usual

NAMES = opsin.list_ops()


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("law", sorted(LAWS))
def test_law(law, name):
    try:
        LAWS[law](op_of(name))
    except MissingExtra as reason:
        pytest.skip(str(reason))


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_all_laws_at_length(name):
    """Ten times as many calls of every technique."""
    few = settings.get_profile("opsin")
    settings.register_profile("long", few, max_examples=10 * few.max_examples)
    settings.load_profile("long")
    try:
        check_op(name)
    except MissingExtra as reason:
        pytest.skip(str(reason))
    finally:
        settings.load_profile("opsin")


def test_a_broken_technique_is_caught():
    """The laws can fail: a technique that breaks several is told every one of them."""

    @opsin.op
    def law_breaker(image: Image, /, *, strength: Annotated[float, Usual(0.0, 1.0)], size: float = 1.0) -> Image:
        """Break laws."""
        if image.flags.writeable:
            image[...] = 0
        return image.astype("float64")

    try:
        with pytest.raises(AssertionError) as caught:
            check_op("law_breaker")
    finally:
        del operations()["law_breaker"]
    told = str(caught.value)
    for law in ("declared_output", "inputs_untouched", "documented", "usual_ranges", "pickles"):
        assert f"{law}: " in told, law
