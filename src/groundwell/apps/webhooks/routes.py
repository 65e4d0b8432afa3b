"""HTTP: the secret of webhooks."""

from __future__ import annotations

from fastapi import APIRouter, Response
from pydantic import BaseModel, Field

from groundwell.domain.audit import AuditAction, AuditEvent
from groundwell.store.audit import record
from groundwell.web.deps import Administrator, App
from groundwell.web.json_body import StrictJsonRoute

router = APIRouter(prefix="/webhooks", tags=["webhooks"], route_class=StrictJsonRoute)


class WebhookSecretOut(BaseModel):
    """What the signatures of this tenant's calls are checked with."""

    secret: str = Field(repr=False, description="`whsec_` and base64, as Standard Webhooks says.")


@router.get("/secret", summary="Read the secret of webhooks")
async def get_webhook_secret(
    app: App, caller: Administrator, response: Response
) -> WebhookSecretOut:
    """The same at each call; it changes with the server's own secret only. Reading is recorded."""
    async with app.database.transaction(caller.tenant) as connection:
        event = AuditEvent(AuditAction.WEBHOOK_SECRET_READ, caller.user_id)
        await record(connection, caller.tenant, event)
    response.headers["Cache-Control"] = "no-store"
    return WebhookSecretOut(secret=app.webhooks.secret(caller.tenant))
