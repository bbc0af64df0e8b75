"""Where a key may stand, and what a wrong, missing, doubled or special one is answered (attack cases key-01 … key-11)."""

from api.conftest import Api

SEARCH = "/v2/domain-search?domain=acme.example"
REFUSED = {"id": "authentication_failed", "code": 401, "details": "No user found for the API key supplied"}


async def test_a_key_may_stand_in_four_places(api: Api) -> None:
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    replies = [
        await api("GET", f"/v2/account?api_key={api.a}"),
        await api("GET", "/v2/account", key=api.a),
        await api("GET", "/v2/account", headers={"Authorization": f"Bearer {api.a}"}),
        await api("GET", "/v2/account", headers={"Authorization": f"bearer  {api.a} "}),
        await api("GET", f"/v2/account?api_key={api.a}", headers={"Authorization": f"Bearer {api.a}"}, key=api.a),
    ]
    made = [
        await api("POST", "/v2/api-keys", json={"api_key": api.a, "name": "json"}),
        await api("POST", "/v2/api-keys", headers=form, body=f"api_key={api.a}&name=form".encode()),
    ]

    assert [reply.status for reply in replies] == [200] * 5
    assert {reply.body["data"]["email"] for reply in replies} == {"a@a.example"}
    assert [reply.status for reply in made] == [201, 201]
    assert (await api("DELETE", f"/v2/api-keys/{made[0].body['data']['id']}", json={"api_key": api.a})).status == 204


async def test_no_key_and_wrong_keys_are_401_with_the_sentence_that_clients_match(api: Api) -> None:
    upper = next(key.upper() for key in (api.a, api.b) if key.upper() != key)
    for wrong in (None, "nope", "' OR '1'='1", api.a + "\0", upper, "%00", "*", "../../etc/passwd", "a" * 8_000, "é"):
        reply = await api("GET", "/v2/account", key=wrong)

        assert (reply.status, reply.error) == (401, REFUSED), wrong
        assert reply.headers["content-type"] == "application/json"
        assert "www-authenticate" not in reply.headers
    assert (await api("GET", "/v2/account", headers={"Authorization": "Basic YTpi"})).status == 401
    assert (await api("GET", "/v2/account?api_key[x]=1")).status == 401
    assert (await api("POST", "/v2/api-keys", json={"api_key": 5})).status == 401
    assert (await api("POST", "/v2/api-keys", json={"api_key": {"a": 1}})).status == 401


async def test_two_different_keys_are_refused_every_time(api: Api) -> None:
    for _ in range(10):
        for reply in (
            await api("GET", f"/v2/account?api_key={api.a}", key=api.b),
            await api("GET", f"/v2/account?api_key={api.a}&api_key={api.b}"),
            await api("GET", f"/v2/account?api_key={api.a}", headers={"Authorization": f"Bearer {api.a2}"}),
            await api("POST", f"/v2/api-keys?api_key={api.a}", json={"api_key": api.b}),
        ):
            assert (reply.status, reply.error["id"]) == (400, "wrong_params")
    assert (await api("GET", f"/v2/account?api_key={api.a}&api_key={api.a}")).status == 200


async def test_the_test_key_answers_domain_search_alone_and_checks_parameters(api: Api) -> None:
    found = await api("GET", SEARCH, key="test-api-key")
    anything = await api("GET", "/v2/domain-search?company=whatever", headers={"Authorization": "Bearer test-api-key"})

    assert found.status == 200
    assert found.body["data"]["emails"][0]["value"] == "ciaran@intercom.com"
    assert anything.content == found.content
    assert (await api("GET", "/v2/domain-search", key="test-api-key")).error["id"] == "wrong_params"
    assert (await api("GET", f"{SEARCH}&limit=101", key="test-api-key")).error["id"] == "pagination_error"
    assert (await api("GET", f"{SEARCH}&type=x", key="test-api-key")).error["id"] == "invalid_type"
    for method, path in (
        ("GET", "/v2/account"),
        ("GET", "/v2/usage"),
        ("GET", "/v2/api-keys"),
        ("POST", "/v2/api-keys"),
    ):
        assert (await api(method, path, key="test-api-key")).status == 401
    assert await api.used(api.a) == await api.used(api.b) == 0


async def test_a_key_in_the_query_comes_back_nowhere(api: Api) -> None:
    reply = await api("GET", f"{SEARCH}&api_key={api.a}")
    lost = await api("GET", f"/v2/nothing/{api.a}?api_key={api.a}", headers={"X-Request-Id": api.a})
    api.app.journal.flush()

    assert reply.status == 200
    assert set(reply.body["meta"]["params"]) == {"domain", "company", "type", "seniority", "department"}
    for text in (
        reply.content.decode(),
        str(reply.headers),
        lost.content.decode(),
        str(lost.headers),
        api.log.getvalue(),
    ):
        assert api.a not in text
    assert reply.headers["cache-control"] == "no-store"
    assert reply.headers["referrer-policy"] == "no-referrer"


async def test_keyless_calls_take_a_key_that_is_wrong(api: Api) -> None:
    target = "/v2/email-count?domain=acme.example"

    assert (await api("GET", target, key="wrong")).status == 200
    assert (await api("GET", f"{target}&api_key=wrong")).status == 200
