"""The parse door: JSON, YAML, XML, CSV and NPY from outside, with limits and with a sentence for what is wrong.

Nothing here makes objects, runs code or reads another file. Numbers are finite, keys are unique, depth is bounded.
"""

from __future__ import annotations

from opsin.io.parse_csv import CsvRow, CsvTable, parse_csv
from opsin.io.parse_json import parse_json, parse_json_lines
from opsin.io.parse_npy import parse_npy
from opsin.io.parse_xml import XmlNode, parse_xml
from opsin.io.parse_yaml import YamlTree, parse_yaml

__all__ = [
    "CsvRow",
    "CsvTable",
    "XmlNode",
    "YamlTree",
    "parse_csv",
    "parse_json",
    "parse_json_lines",
    "parse_npy",
    "parse_xml",
    "parse_yaml",
]
