"""The configuration over HTTP: what counts, where it came from, and for whom."""

from __future__ import annotations

from tests.conftest import MakeTenant, Tenant

from groundwell.domain.identity import Scope


async def test_the_operator_sees_every_setting_and_no_secret(operator: Tenant) -> None:
    response = await operator.http.get("/api/v1/config")
    assert response.status_code == 200, response.text
    told = {each["name"]: each for each in response.json()["settings"]}
    assert response.json()["profile"] == "lite"
    assert told["weights"]["value"] == {"dense": 0.5, "keyword": None, "metadata": 0.0}
    assert told["weights"]["source"] == "default"
    # An address of a database is a secret as a whole.
    assert set(told["database_url"]["value"]) == {"*"}


async def test_administrators_of_other_tenants_do_not(
    operator: Tenant, make_tenant: MakeTenant
) -> None:
    del operator
    stranger = await make_tenant((Scope.ADMIN,))
    response = await stranger.http.get("/api/v1/config")
    assert (response.status_code, response.json()["code"]) == (403, "not_the_operator")
