"""Reads content packages: every file that the manifest names, and no other, valid by its schema."""

from __future__ import annotations

import io
import zipfile
from functools import cache
from pathlib import Path

from lxml import etree

SCHEMAS = Path(__file__).parents[1] / "schemas"
CP = "{http://www.imsglobal.org/xsd/imscp_v1p1}"


@cache
def _schema(name: str) -> etree.XMLSchema:
    return etree.XMLSchema(etree.parse(SCHEMAS / f"{name}.xsd"))


def valid(content: bytes, schema: str) -> etree._Element:
    root = etree.fromstring(content)
    _schema(schema).assertValid(root)
    return root


def read_package(content: bytes, schema: str) -> list[tuple[str, etree._Element]]:
    """The type and the tree of each resource, in order."""
    with zipfile.ZipFile(io.BytesIO(content)) as package:
        files = {name: package.read(name) for name in package.namelist()}
        assert len(files) == len(package.namelist()), "no file is there twice"
    manifest = valid(files.pop("imsmanifest.xml"), "imscp")
    resources = list(manifest.iter(f"{CP}resource"))
    assert [resource.get("href") for resource in resources] == list(files)
    return [
        (str(resource.get("type")), valid(files[str(resource.get("href"))], schema))
        for resource in resources
    ]
