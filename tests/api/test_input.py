"""Hostile and odd input: clear 4xx, never a 5xx (attack cases in-02 … in-16, sql-01, redos-02)."""

import gzip
import json
import time

import pytest

from api.conftest import Api, encoded

SEARCH = "/v2/domain-search"


_BODIES = [
    (rb'{"name":"\ud800"}', 400),
    (rb'{"name":"\udfff\ud800"}', 400),
    (rb'{"\ud800":"x"}', 400),
    (rb'{"name":"\u0000"}', 400),
    (rb'{"x":{"y":["\u0000"]}}', 400),
    (rb'{"name":1e400}', 400),
    (rb'{"x":1e400}', 400),
    (rb'{"name":NaN}', 400),
    (rb'{"name":Infinity}', 400),
    (b'{"name":' + b"9" * 5_000 + b"}", 400),
    (b"[" * 100_000, 400),
    (b'{"a":' * 100_000, 400),
    (b'{"x":' + b"[" * 5_000 + b"]" * 5_000 + b"}", 400),
    (b'{"x":' + b"[" * 30 + b"]" * 30 + b"}", 201),
    (b'{"x":' + b"[" * 30 + rb'"\ud800"' + b"]" * 30 + b"}", 400),
    (b'{"x":' + b"[" * 30 + rb'"a\\\u0000"' + b"]" * 30 + b"}", 400),
    (rb'{"x\u0000":1}', 400),
    (rb'{"name":"\\u0000 \\\\u0000 \ud83d\ude00"}', 201),
    (b"\xff\xfe{}", 400),
    (b'{"name":"\xff"}', 400),
    (b"[]", 400),
    (b'"text"', 400),
    (b"5", 400),
    (b"null", 400),
    (b"{", 400),
    (b"{}{}", 400),
    (b"\xef\xbb\xbf{}", 400),
    ("{}".encode("utf-16"), 400),
    (b'{"name":"\xc0\x80"}', 400),
    (b'{"name":-0}', 400),
    (b'{"name":true}', 400),
    (b'{"name":{"$gt":""}}', 400),
    (b'{"x":1e-999999999}', 201),
    (b'{"x":[' + b",".join([b"1"] * 100_000) + b"]}", 201),
    (b"{" + b",".join(b'"k%d":1' % number for number in range(50_000)) + b"}", 201),
    (b'{"id":1,"account_id":2,"hash":"x","last4":"0000","created_at":"1999-01-01"}', 201),
    (b'{"name":null}', 400),
    (b'{"name":["a"]}', 400),
    (b'{"name":""}', 201),
    (b"", 201),
    (b"   ", 201),
    (b"{}", 201),
    (b'{"unknown":{"deep":[1,2,3]}}', 201),
    (b'{"name":"one","name":"two"}', 201),
]


async def test_json_bodies(api: Api) -> None:
    for body, status in _BODIES:
        reply = await api("POST", "/v2/api-keys", key=api.a, headers={"Content-Type": "application/json"}, body=body)

        assert reply.status == status, body[:40]
        if status == 400:
            assert reply.error["id"] == "wrong_params"
        if b"two" in body:
            assert reply.body["data"]["name"] == "two", "the last one wins, on every node"


_CONTENT_TYPES = [
    ("text/plain", b'{"name":"x"}', 415),
    ("application/xml", b"<a/>", 415),
    ("multipart/form-data; boundary=x", b"--x--", 415),
    ("application/json; charset=utf-16", b"{}", 415),
    ("application/json; charset=UTF-8", b"{}", 201),
    ('application/json; charset="utf-8"', b"{}", 201),
    ("application/vnd.api+json", b"{}", 201),
    ("application/x-www-form-urlencoded", b"name=a+b%20c", 201),
    ("application/x-www-form-urlencoded", b"name[]=x", 400),
    ("application/x-www-form-urlencoded", b"name[a]=x", 400),
    ("application/x-www-form-urlencoded", b"a=1&a[b]=2", 400),
    ("application/x-www-form-urlencoded", b"a[b]=1&a[]=2&a[=3&]b=4&[c]=5&a[][][]=6&__proto__[x]=7", 201),
    ("application/x-www-form-urlencoded", b"&".join([b"a[]=1"] * 10_000), 201),
    ("application/x-www-form-urlencoded", b"&".join(b"a[b][c][d][%d]=1" % n for n in range(10_000)), 201),
    ("application/x-www-form-urlencoded; charset=iso-8859-1", b"name=x", 415),
    ("application/x-www-form-urlencoded", b"name=%ff", 400),
    ("application/x-www-form-urlencoded", b"name=%00", 400),
    ("application/x-www-form-urlencoded", b"&".join([b"a=1"] * 20_000), 400),
    ("application/x-www-form-urlencoded", b"a" + b"[b]" * 100_000 + b"=1", 400),
]


async def test_content_types(api: Api) -> None:
    for content_type, body, status in _CONTENT_TYPES:
        reply = await api("POST", "/v2/api-keys", key=api.a, headers={"Content-Type": content_type}, body=body)

        assert reply.status == status, body[:40]
        if body == b"name=a+b%20c":
            assert reply.body["data"]["name"] == "a b c"


async def test_numbers_of_any_size_have_one_identity(api: Api) -> None:
    body = b'{"x":[123456789012345678901234567890,-1e300,18446744073709551616,' + b"9" * 4_000 + b"]}"
    headers = {"Content-Type": "application/json", "Idempotency-Key": "numbers"}
    first, again = [await api("POST", "/v2/api-keys", key=api.a, headers=headers, body=body) for _ in range(2)]

    assert (first.status, again.content) == (201, first.content)


async def test_compressed_and_oversized_bodies_are_refused_unread(api: Api) -> None:
    bomb = gzip.compress(b"a" * 1_000_000)
    zipped = {"Content-Type": "application/json", "Content-Encoding": "gzip"}
    assert (await api("POST", "/v2/api-keys", key=api.a, headers=zipped, body=bomb)).status == 415

    announced = await api("POST", "/v2/api-keys", key=api.a, headers={"Content-Length": "1000001"}, chunks=[])
    absurd = await api("POST", "/v2/api-keys", key=api.a, headers={"Content-Length": "9" * 400}, chunks=[])
    sent = await api("POST", "/v2/api-keys", key=api.a, chunks=[b"a" * 600_000] * 2)
    for reply in (announced, absurd, sent):
        assert (reply.status, reply.error["id"]) == (413, "payload_too_large")


_WRONG = [
    ("", "wrong_params"),
    ("domain=", "wrong_params"),
    ("company=", "wrong_params"),
    ("company=%20%20", "wrong_params"),
    ("domain=%00.com", "wrong_params"),
    ("domain=%ff.com", "wrong_params"),
    ("domain=localhost", "invalid_domain"),
    ("domain=a..example", "invalid_domain"),
    ("domain=.example", "invalid_domain"),
    ("domain=127.0.0.1", "invalid_domain"),
    (f"domain={'a' * 64}.example", "invalid_domain"),
    (f"domain={'a.' * 200}example", "invalid_domain"),
    ("domain=acme.example&domain=b.example", "invalid_domain"),
    (f"domain={encoded(chr(39))}%3BSELECT%20pg_sleep(5)--", "invalid_domain"),
    ("domain=acme.example&limit=0", "pagination_error"),
    ("domain=acme.example&limit=-1", "pagination_error"),
    ("domain=acme.example&limit=101", "pagination_error"),
    ("domain=acme.example&limit=9223372036854775808", "pagination_error"),
    ("domain=acme.example&limit=abc", "pagination_error"),
    ("domain=acme.example&limit=1.5", "pagination_error"),
    ("domain=acme.example&limit=", "pagination_error"),
    ("domain=acme.example&limit=1&limit=100", "pagination_error"),
    ("domain=acme.example&limit[]=5", "pagination_error"),
    (f"domain=acme.example&limit={'9' * 5_000}", "pagination_error"),
    ("domain=acme.example&limit=%D9%A3", "pagination_error"),
    ("domain=acme.example&limit=%EF%BC%91", "pagination_error"),
    ("domain=acme.example&limit=1e1", "pagination_error"),
    ("domain=acme.example&limit=10.0", "pagination_error"),
    ("domain=acme.example&limit=%2B1", "pagination_error"),
    ("domain=acme.example&limit=0x1", "pagination_error"),
    ("domain=acme.example&limit=1_0", "pagination_error"),
    ("domain=acme.example&limit=true", "pagination_error"),
    ("domain=acme.example&limit=null", "pagination_error"),
    ("domain=acme.example&limit=NaN", "pagination_error"),
    ("domain=acme.example&limit[a]=1", "pagination_error"),
    ("domain=acme.example&offset=1e3", "pagination_error"),
    ("domain=acme.example&offset=0.0", "pagination_error"),
    ("domain=acme.example&offset=-1", "pagination_error"),
    ("domain=acme.example&offset=1e400", "pagination_error"),
    ("domain=acme.example&offset=9223372036854775808", "pagination_error"),
    ("domain=acme.example&type=x", "invalid_type"),
    ("domain=acme.example&type=Personal", "invalid_type"),
    ("domain=acme.example&type=null", "invalid_type"),
    ("domain=acme.example&type[]=personal", "invalid_type"),
    ("domain=acme.example&type=personal&type=generic", "invalid_type"),
    ("domain=acme.example&seniority=boss", "invalid_seniority"),
    ("domain=acme.example&seniority=null", "invalid_seniority"),
    ("domain=acme.example&" + "seniority[]=junior&" * 800, "invalid_seniority"),
    ("domain=acme.example&" + "&".join(["domain=x"] * 10_001), "wrong_params"),
    ("domain=acme.example&x=%c0%80", "wrong_params"),
    ("domain=acme.example&x=%ed%a0%80", "wrong_params"),
    ("domain=acme.example&x" + "[a]" * 50 + "=1", "wrong_params"),
    ("domain=acme.example&seniority=junior,boss", "invalid_seniority"),
    ("domain=acme.example&department=x", "invalid_department"),
    ("domain=acme.example&required_field=x", "invalid_required_field"),
    ("domain=acme.example&verification_status=invalid", "invalid_verification_status"),
    (f"company={'a' * 201}", "wrong_params"),
    ("domain=acme.example&job_titles=" + "a" * 101, "wrong_params"),
    ("domain=acme.example&seniority[x]=junior", "invalid_seniority"),
]


async def test_each_wrong_parameter_has_its_own_id(api: Api) -> None:
    for query, id_ in _WRONG:
        reply = await api("GET", f"{SEARCH}?{query}", key=api.a)

        assert (reply.status, reply.error["id"]) == (400, id_), query[:60]


_WRONG_ELSEWHERE = [
    ("/v2/api-keys?limit=0", "pagination_error"),
    ("/v2/api-keys?limit=101", "pagination_error"),
    ("/v2/api-keys?limit=1e1", "pagination_error"),
    ("/v2/api-keys?offset=-1", "pagination_error"),
    ("/v2/api-keys?offset=100001", "pagination_error"),
    ("/v2/email-count?domain=acme.example&type=null", "invalid_type"),
    ("/v2/email-count?domain=acme.example&type=personal,generic", "invalid_type"),
    ("/v2/email-count?domain=%00.com", "wrong_params"),
    ("/v2/email-count?company=%20a%20", "wrong_params"),
    ("/v2/account?x=%ff", "wrong_params"),
    ("/v2/usage?x=%00", "wrong_params"),
    ("/v2/api-keys/1?x=%ff", "wrong_params"),
]


async def test_other_calls_refuse_the_same(api: Api) -> None:
    for target, id_ in _WRONG_ELSEWHERE:
        reply = await api("GET", target, key=api.a)
        assert (reply.status, reply.error["id"]) == (400, id_), target


async def test_a_long_name_in_any_script_is_refused_at_once(api: Api) -> None:
    """Nameprep makes eighteen letters of one such ligature, and a name is prepared in the event loop."""
    for name in ("\ufdfa" * 1_700, "é" * 2_000, "a\u0301" * 1_000, "a." * 1_000):
        for call in (SEARCH, "/v2/email-count"):
            began = time.process_time()
            reply = await api("GET", f"{call}?domain={encoded(name)}", key=api.a)
            assert (reply.status, reply.error["id"]) == (400, "invalid_domain")
            assert time.process_time() - began < 0.05


async def test_what_is_missing_is_said_as_the_reference_says_it(api: Api) -> None:
    reply = await api("GET", SEARCH, key=api.a)

    assert reply.body == {
        "errors": [{"id": "wrong_params", "code": 400, "details": "You are missing the domain parameter"}]
    }


_TEXTS = ["'", "' OR 1=1--", "%", "_", "\\", "';SELECT pg_sleep(5)--", "x' UNION SELECT hash FROM api_key--", "(a+)+$"]


async def test_hostile_text_is_only_text(api: Api) -> None:
    for text in _TEXTS:
        began = time.monotonic()
        for name in ("company", "job_titles"):
            query = f"{name}={encoded(text)}" + ("" if name == "company" else "&domain=acme.example")
            reply = await api("GET", f"{SEARCH}?{query}", key=api.a)
            assert reply.status == 200
            assert reply.body["data"]["emails"] == []
        assert time.monotonic() - began < 2


async def test_unknown_parameters_are_ignored(api: Api) -> None:
    plain = await api("GET", f"{SEARCH}?domain=acme.example", key=api.a)
    noisy = await api(
        "GET",
        f"{SEARCH}?domain=acme.example&locale=fr&format=json&x[]=1&x[]=2&&=&a=b=c",
        key=api.a,
        headers={"X-SOURCE": "x"},
    )

    assert noisy.status == 200
    assert noisy.body == plain.body


async def test_lists_come_in_three_spellings(api: Api) -> None:
    spelt = [
        "department=executive,it",
        "department[]=executive&department[]=it",
        "department%5B%5D=executive&department%5B%5D=it",
        "department=executive&department=it",
        "department=executive%2C%20it,",
    ]
    replies = [await api("GET", f"{SEARCH}?domain=acme.example&{text}", key=api.a) for text in spelt]

    assert {reply.status for reply in replies} == {200}
    assert all(reply.body == replies[0].body for reply in replies)
    assert replies[0].body["meta"]["params"]["department"] == "executive,it"


async def test_a_domain_is_understood_in_many_clothes(api: Api) -> None:
    for text in (
        "ACME.example",
        "https://www.acme.example/about?x=1",
        "www.acme.example",
        " acme.example. ",
        "acme.example:80",
    ):
        reply = await api("GET", f"{SEARCH}?domain={encoded(text)}", key=api.a)
        assert reply.status == 200, text
        assert reply.body["data"]["domain"] == reply.body["meta"]["params"]["domain"] == "acme.example"
        assert reply.body["meta"]["results"] == 25


_IDS = [
    "-1",
    "0",
    "1.0",
    "1e3",
    "01",
    "%20",
    "abc",
    "9" * 1_000,
    "9223372036854775808",
    "%EF%BC%91",
    "1%00",
    "%2e%2e",
    "1;",
]


async def test_ids_in_paths_are_plain_numbers(api: Api) -> None:
    for id_ in _IDS:
        for method in ("GET", "PUT", "DELETE"):
            reply = await api(method, f"/v2/api-keys/{id_}", key=api.a, json={"name": "x"} if method == "PUT" else None)
            assert (reply.status, reply.error["id"]) == (404, "not_found"), id_[:40]


async def test_a_fault_of_ours_tells_nothing(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError(f"secret /etc/passwd {api.a} postgresql://u:CanaryPg-88@127.0.0.1/none")

    monkeypatch.setattr(api.app.services.clock, "now", fail)
    reply = await api("GET", "/v2/account", key=api.a, headers={"X-Request-Id": "req-1"})
    api.app.journal.flush()

    assert reply.status == 500
    assert reply.error["id"] == "internal_error"
    assert reply.headers["x-request-id"] == "req-1"
    assert b"Traceback" not in reply.content
    assert b"secret" not in reply.content
    log = api.log.getvalue()
    assert "RuntimeError" in log
    assert "req-1" in log
    assert api.a not in log
    assert "CanaryPg-88" not in log
    assert all(json.loads(line) for line in log.splitlines())
