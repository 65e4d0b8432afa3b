"""XML trees, written down as they nest."""

from __future__ import annotations

from collections.abc import Mapping
from xml.etree import ElementTree as ET


def node(tag: str, attributes: Mapping[str, str], *content: ET.Element | str) -> ET.Element:
    """An element with what stands in it, in order. Texts must be legible."""
    element = ET.Element(tag, dict(attributes))
    for part in content:
        if isinstance(part, ET.Element):
            element.append(part)
        elif len(element):
            element[-1].tail = (element[-1].tail or "") + part
        else:
            element.text = (element.text or "") + part
    return element


def document(root: ET.Element) -> bytes:
    """The tree as a file: UTF-8, with a declaration."""
    text: bytes = ET.tostring(root, encoding="UTF-8", xml_declaration=True)
    return text
