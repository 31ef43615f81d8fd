"""Every law on every technique."""

from __future__ import annotations

import pytest

import opsin
from opsin.op import op_of
from opsin.testing.laws import LAWS

NAMES = opsin.list_ops()


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("law", sorted(LAWS))
def test_law(law, name):
    LAWS[law](op_of(name))
