"""Kinds of parameter values: each can test a value, say itself in English, write a schema and make a bad value."""

from opsin.kinds.plain import (
    Either,
    Flag,
    Kind,
    Listing,
    Mismatch,
    Nothing,
    Number,
    OneOf,
    Table,
    Text,
    Tuple,
    draws_whole,
)
from opsin.kinds.things import Action, Address, ArrayKind, Partner, Typed

__all__ = [
    "Action",
    "Address",
    "ArrayKind",
    "Either",
    "Flag",
    "Kind",
    "Listing",
    "Mismatch",
    "Nothing",
    "Number",
    "OneOf",
    "Partner",
    "Table",
    "Text",
    "Tuple",
    "Typed",
    "draws_whole",
]
