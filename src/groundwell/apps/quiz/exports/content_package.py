"""Content packages: ZIP archives that say in a manifest what they hold (IMS CP 1.1.4)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from groundwell.apps.quiz.exports.archive import zip_of
from groundwell.apps.quiz.exports.xml_nodes import document, node


@dataclass(frozen=True, slots=True)
class Resource:
    """One file of a package. `needs` are the identifiers of resources that it refers to."""

    identifier: str
    type: str
    path: str
    content: bytes
    needs: Sequence[str] = ()


def package_of(resources: Sequence[Resource], schema: str, schema_version: str) -> bytes:
    """The archive with its manifest. Identifiers and paths are unique."""
    listed = (
        node(
            "resource",
            {"identifier": resource.identifier, "type": resource.type, "href": resource.path},
            node("file", {"href": resource.path}),
            *(node("dependency", {"identifierref": needed}) for needed in resource.needs),
        )
        for resource in resources
    )
    manifest = node(
        "manifest",
        {"xmlns": "http://www.imsglobal.org/xsd/imscp_v1p1", "identifier": "manifest"},
        node(
            "metadata",
            {},
            node("schema", {}, schema),
            node("schemaversion", {}, schema_version),
        ),
        node("organizations", {}),
        node("resources", {}, *listed),
    )
    files: Mapping[str, bytes] = {resource.path: resource.content for resource in resources}
    return zip_of({"imsmanifest.xml": document(manifest), **files})
