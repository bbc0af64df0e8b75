"""A claim holds on every node as soon as it is made, and no longer once it is taken back."""

import asyncio
import contextlib
from io import StringIO

import pytest

from api.conftest import Api, listening
from vizsla.api.app import create_app
from vizsla.erasure.claiming import claim, unclaim
from vizsla.kit.settings import Settings
from vizsla.privacy.claims import Claims, load_claims, parse_claimed
from vizsla.privacy.ledger import Word
from vizsla.storage.open import Stores

SECRET = b"0" * 32
WORD = Word("operator", "root")
ANN = "/v2/email-verifier?email=ann.lee0@acme.example"


@pytest.fixture
def claims() -> Claims:
    return Claims(SECRET)


async def node(stack: contextlib.AsyncExitStack, api: Api, stores: Stores, settings: Settings, claims: Claims) -> Api:
    """Another server on the same databases."""
    app = create_app(
        settings,
        stores,
        claims,
        clock=api.clock,
        load_claims=lambda: load_claims(stores.app, SECRET),
        log_stream=StringIO(),
    )
    app.services.patience = 0.0
    await stack.enter_async_context(listening(app))
    return Api(app, api.clock, {"a": api.a, "a2": api.a2, "b": api.b}, api.log)


async def until(nodes: list[Api], *, is_claimed: bool) -> None:
    async with asyncio.timeout(20):
        for each in nodes:
            while ((await each("GET", ANN, key=each.a)).status == 451) != is_claimed:
                await asyncio.sleep(0.02)


async def test_a_claim_reaches_every_node_and_so_does_taking_it_back(
    api: Api, stores: Stores, settings: Settings, claims: Claims
) -> None:
    async with contextlib.AsyncExitStack() as stack:
        nodes = [await node(stack, api, stores, settings, claims) for _ in range(2)]
        await until(nodes, is_claimed=False)

        # Made by a process that knows none of them.
        await claim(stores, claims, parse_claimed("ann.lee0@acme.example"), api.clock, word=WORD)
        await until(nodes, is_claimed=True)
        assert await unclaim(stores, claims, parse_claimed("ann.lee0@acme.example"), api.clock, word=WORD)
        await until(nodes, is_claimed=False)
        await claim(stores, claims, parse_claimed("acme.example"), api.clock, word=WORD)
        await until(nodes, is_claimed=True)
