"""The names of the specifications, as the service spells them on the wire."""

from __future__ import annotations

import base64
import json
import secrets
from typing import TYPE_CHECKING, Any

import pytest

import organisation as org
from grantd import jws
from grantd.client import calls, credentials

if TYPE_CHECKING:
    from house import House

URN = "urn:ietf:params:oauth:"


async def posted(house: House, issuer: str, client_id: str, secret: str, **form: str) -> dict[str, Any]:
    answer = await house.http.post(f"{issuer}/token", data=form, auth=(client_id, secret))
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def header(token: str) -> dict[str, Any]:
    first = token.partition(".")[0]
    return dict(json.loads(base64.urlsafe_b64decode(first + "=" * (-len(first) % 4))))


@pytest.mark.req("F-12", "F-13", "F-15", "F-18", "F-19")
async def test_both_legs_speak_the_names_of_the_specifications(house: House) -> None:
    granted = await posted(
        house,
        org.GRANTS,
        "desk-agent",
        org.DESK_SECRET,
        grant_type=URN + "grant-type:token-exchange",
        requested_token_type=URN + "token-type:id-jag",
        subject_token_type=URN + "token-type:id_token",
        subject_token=house.id_token(),
        audience=org.SERVER,
        resource=org.TICKETS,
    )
    redeemed = await posted(
        house,
        org.SERVER,
        "cli_desk",
        org.TOOLS_SECRET,
        grant_type=URN + "grant-type:jwt-bearer",
        assertion=house.partner_grant(jti=secrets.token_hex(8)),
    )

    assert granted["issued_token_type"] == URN + "token-type:id-jag"
    assert (granted["token_type"], redeemed["token_type"]) == ("N_A", "Bearer")
    assert header(granted["access_token"])["typ"] == "oauth-id-jag+jwt"
    assert header(redeemed["access_token"])["typ"] == "at+jwt"


@pytest.mark.req("E-07", "E-08", "E-09", "E-10", "F-16", "X-12")
async def test_metadata_names_grants_profiles_and_token_types_as_registered(house: House) -> None:
    grants, server = [
        (await house.http.get(f"{origin}/.well-known/oauth-authorization-server")).json()
        for origin in (org.GRANTS, org.SERVER)
    ]

    assert grants["grant_types_supported"] == [URN + "grant-type:token-exchange"]
    assert grants["identity_chaining_requested_token_types_supported"] == [URN + "token-type:id-jag"]
    assert server["grant_types_supported"] == [URN + "grant-type:jwt-bearer"]
    assert server["authorization_grant_profiles_supported"] == [URN + "grant-profile:id-jag"]


@pytest.mark.req("F-15", "F-17", "F-18")
def test_the_client_package_spells_them_the_same() -> None:
    assert calls.ID_JAG == URN + "token-type:id-jag"
    assert calls.ID_TOKEN == URN + "token-type:id_token"
    assert credentials.CLIENT_ASSERTION_TYPE == URN + "client-assertion-type:jwt-bearer"
    assert "client-authentication+jwt" in jws.CLIENT_ASSERTION.media_types


@pytest.mark.req("F-17")
@pytest.mark.parametrize("other", ["client-assertion-type:saml2-bearer", "client-assertion-type:JWT-bearer", "x"])
async def test_a_client_assertion_of_another_type_is_refused(house: House, other: str) -> None:
    assertion = org.ROBOT_KEY.sign(
        {
            "iss": "robot",
            "sub": "robot",
            "aud": org.GRANTS,
            "jti": secrets.token_hex(8),
            "iat": house.now,
            "exp": house.now + 60,
        },
        "client-authentication+jwt",
    )
    form = {"grant_type": URN + "grant-type:token-exchange", "client_assertion": assertion}

    refused = await house.http.post(f"{org.GRANTS}/token", data={**form, "client_assertion_type": URN + other})

    assert (refused.status_code, refused.json()["error"]) == (400, "invalid_request")
    record = await house.record(refused.headers["x-grantd-decision-id"])
    _, name, held, _, _ = record["checks"][-1]
    assert (name, held) == ("client.assertion_type", False)
