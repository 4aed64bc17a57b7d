"""What the published protocol says of being turned away, asked of a real actor."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator, Mapping
from urllib.parse import urlsplit

import pytest
from jsonschema import Draft202012Validator

from ac_bridge.net.token_file import TokenKeeper
from ac_bridge.net.tokens import TokenBook
from ac_bridge.server.house import Access
from ac_bridge.server.reach import Reach
from ac_bridge_protocol.asyncapi import TURNED_AWAY
from ac_bridge_protocol.schema import json_schema
from helpers.actors import make_rig, serving

TOKEN = "d" * 32
UPGRADE = {
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "MDEyMzQ1Njc4OWFiY2RlZg==",
    "Sec-WebSocket-Protocol": "ac-bridge.v1+json",
    "Authorization": f"Bearer {TOKEN}",
}


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """Serve an actor that asks for a token."""
    reach = Reach(Access(TokenKeeper(None, TokenBook.of(driver=TOKEN))))
    with serving(make_rig(), reach=reach) as (uri, _):
        yield urlsplit(uri).netloc


@pytest.mark.parametrize(
    ("path", "change", "status"),
    [
        ("/", {"Sec-WebSocket-Protocol": "chat"}, 400),
        ("/", {"Authorization": "Bearer wrong"}, 401),
        ("/", {"Origin": "https://elsewhere.example"}, 403),
        ("/actors/somebody", {}, 404),
        ("/", {"Upgrade": "h2c"}, 426),
    ],
)
def test_as_published(address: str, path: str, change: Mapping[str, str], status: int) -> None:
    """The status and its code are in the table; the body is a refusal by the schema."""
    connection = http.client.HTTPConnection(address, timeout=10)
    try:
        connection.request("GET", path, headers={**UPGRADE, **change})
        response = connection.getresponse()
        refusal = json.loads(response.read())
    finally:
        connection.close()
    assert response.status == status
    schema = json_schema()
    Draft202012Validator({"$ref": "#/$defs/Refusal", "$defs": schema["$defs"]}).validate(refusal)
    codes = {turned.status: turned.codes for turned in TURNED_AWAY}
    assert refusal["code"] in codes[status]
