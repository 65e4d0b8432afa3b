"""Who may see a document, as requests say and answers tell it."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from groundwell.domain.documents import DocumentAccess, Visibility
from groundwell.domain.errors import InvalidInputError
from groundwell.domain.identity import Role
from groundwell.domain.sharing import Sharing


class SharedWith(BaseModel):
    """Roles and users of the tenant."""

    model_config = ConfigDict(extra="forbid")

    roles: Annotated[list[Role], Field(default_factory=list, max_length=4)]
    users: Annotated[list[UUID], Field(default_factory=list, max_length=100)]


_SOME = {"minItems": 1}
_NONE = {"maxItems": 0}
_NAMES = {
    "required": ["shared_with"],
    "properties": {
        "shared_with": {
            "type": "object",
            "anyOf": [
                {"required": ["roles"], "properties": {"roles": _SOME}},
                {"required": ["users"], "properties": {"users": _SOME}},
            ],
        }
    },
}
_NAMES_NOBODY = {
    "properties": {
        "shared_with": {
            "anyOf": [{"type": "null"}, {"properties": {"roles": _NONE, "users": _NONE}}]
        }
    }
}
# In a form, an empty field is as good as none.
_UNSAID = (None, "")
_SAYS_NOTHING = {"properties": {"visibility": {"enum": _UNSAID}, "shared_with": {"type": "null"}}}


def _seen_by(*kinds: str | None) -> dict[str, Any]:
    return {"properties": {"visibility": {"enum": kinds}}}


_CLOSED = {
    "required": ["visibility"],
    "allOf": [_seen_by(Visibility.TENANT, Visibility.PRIVATE), _NAMES_NOBODY],
}
SHARING: dict[str, Any] = {"anyOf": [{"allOf": [_seen_by(Visibility.SHARED), _NAMES]}, _CLOSED]}
"""For the documentation: names are given exactly when a document is shared."""

OPTIONAL_SHARING: dict[str, Any] = {
    "anyOf": [{"allOf": [_seen_by(Visibility.SHARED, *_UNSAID), _NAMES]}, _CLOSED, _SAYS_NOTHING]
}
"""The same where nothing has to be said, and names alone mean that it is shared."""


class SharingIn(BaseModel):
    """Who may see a document, beside its owner."""

    model_config = ConfigDict(extra="forbid", json_schema_extra=SHARING)

    visibility: Visibility
    shared_with: SharedWith | None = None

    def sharing(self) -> Sharing:
        """What is said. Raises InvalidInputError for what contradicts itself."""
        return _sharing(self.visibility, self.shared_with)


class AccessOut(BaseModel):
    """Whose a document is, and who else may see it."""

    owner_id: UUID | None = Field(description="Null for what nobody in particular brought.")
    visibility: Visibility
    shared_with: SharedWith | None = Field(description="Null unless it is shared.")

    @classmethod
    def of(cls, access: DocumentAccess) -> AccessOut:
        """The access as clients see it."""
        shared = None
        if access.visibility is Visibility.SHARED:
            shared = SharedWith(roles=[Role(r) for r in access.roles], users=list(access.users))
        return cls(owner_id=access.owner, visibility=access.visibility, shared_with=shared)


def read_sharing(visibility: Visibility | None, shared: SharedWith | None) -> Sharing | None:
    """Who may see a document; None where nothing is said of it. Names alone mean: shared."""
    if visibility is None and shared is None:
        return None
    return _sharing(visibility or Visibility.SHARED, shared)


def parse_shared_with(text: str | None) -> SharedWith | None:
    """The form field `shared_with`, which is JSON. Raises InvalidInputError."""
    if not text:
        return None
    try:
        return SharedWith.model_validate_json(text)
    except ValueError as error:
        raise InvalidInputError(
            "shared_with must be a JSON object with the lists roles and users.",
            code="invalid_sharing",
        ) from error


def _sharing(visibility: Visibility, shared: SharedWith | None) -> Sharing:
    if shared is None:
        return Sharing(visibility)
    return Sharing(visibility, frozenset(shared.roles), frozenset(shared.users))
