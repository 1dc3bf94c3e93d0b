"""Who gets to see the page: people whom the proxy names, by its own name, from its own forms; nobody else."""

from __future__ import annotations

import pytest

from pipeline.serve.page import app
from tests.serve.page.browsing import BY_PROXY, HEADER, SECRET, SECRET_HEADER, Visiting, showing
from tests.serve.page.test_from_drop_to_load import address_in, previewed
from tests.stories.files import bills
from tests.stories.merchant import Merchant

ROLES = {"read": ["reader"], "upload": ["clerk"], "approve": ["chief"]}
KEY = "0" * 64


def test_without_a_name_or_the_secret_nobody_sees_anything(merchant: Merchant) -> None:
    with showing(merchant, **BY_PROXY) as page:
        assert page.visitor("thandi").get("/").status == 200
        for headers in (
            {},
            {HEADER: "thandi"},
            {HEADER: "thandi", SECRET_HEADER: "guessed"},
            {HEADER: "", SECRET_HEADER: SECRET},
            {HEADER: "*", SECRET_HEADER: SECRET},
            {HEADER: "n" * 201, SECRET_HEADER: SECRET},
            {HEADER: "tha\u200bndi".encode().decode("latin-1"), SECRET_HEADER: SECRET},
            {HEADER: "\xff", SECRET_HEADER: SECRET},
            {SECRET_HEADER: SECRET},
        ):
            assert Visiting(page.port, headers).get("/").status == 401, headers


@pytest.mark.parametrize(
    "more",
    [
        (HEADER, "root"),
        (HEADER.replace("-", "_"), "root"),
        (SECRET_HEADER, SECRET),
        ("x_billferry_secret", "x"),
    ],
)
def test_a_header_that_is_there_twice_or_nearly_so_is_believed_by_nobody(
    merchant: Merchant, more: tuple[str, str]
) -> None:
    import http.client

    with showing(merchant, **BY_PROXY) as page:
        connection = http.client.HTTPConnection("127.0.0.1", page.port, timeout=30)
        connection.putrequest("GET", "/")
        for name, value in ((HEADER, "thandi"), (SECRET_HEADER, SECRET), more):
            connection.putheader(name, value)
        connection.endheaders()
        assert connection.getresponse().status == 401
        connection.close()


def test_every_route_asks_for_its_role(merchant: Merchant) -> None:
    may = {
        "reader": {"read"},
        "clerk": {"read", "upload"},
        "chief": {"read", "approve"},
        "stranger": set[str](),
    }
    with showing(merchant, **BY_PROXY, roles=ROLES) as page:
        routes = [("GET", each.path, each.role) for each in app.SHOWN]
        routes += [("POST", each.path, each.role) for each in app.DONE]
        routes += [(each.method, each.path, each.role) for each in app.STREAMED]
        assert {role for _, _, role in routes} <= {None, "read", "upload", "approve"}
        for method, path, role in routes:
            address = path.format(key=KEY, name="page.css", month="2026-11")
            for name, roles in may.items():
                answer = page.visitor(name).ask(method, address, None if method == "GET" else b"")
                is_refused = role is not None and role not in roles
                by_role = "it needs the role" in answer.said if answer.status == 403 else False
                assert by_role == is_refused, (method, path, name, answer.status)


def test_whole_records_are_for_those_who_correct_or_decide(merchant: Merchant) -> None:
    rejects = bills("C-1,A-1,B-1,10.00", "C-1,A-1,B-2,ten").encode()
    with showing(merchant, **BY_PROXY, roles=ROLES) as page:
        people = {name: page.visitor(name) for name in ("reader", "clerk", "chief")}
        address = address_in(people["clerk"].put("za_bills_2026-11-01.csv", rejects))
        previewed(people["clerk"], address)
        for where in (f"{address}preview/", address):
            for name, me in people.items():
                answer = me.get(f"{where}rejects.csv")
                assert answer.status == (403 if name == "reader" else 200), (where, name)
                assert (b"B-2" in answer.body) == (name != "reader")
                is_listed = ">rejects.csv</a></li>" in me.get(address).text
                assert is_listed == (name != "reader"), (where, name)
                assert me.get(f"{where}results.csv").status == 200
            merchant.run()


def test_a_form_from_elsewhere_does_nothing(merchant: Merchant) -> None:
    with showing(merchant) as page:
        me = page.visitor()
        path = app.DONE[0].path.format(key=KEY)
        assert me.post(path).status == 404
        for headers in (
            {"Origin": "http://evil.example"},
            {"Origin": "null"},
            {"Origin": f"http://127.0.0.1:{page.port + 1}"},
            {"Sec-Fetch-Site": "cross-site"},
            {"Sec-Fetch-Site": "same-site"},
        ):
            assert me.post(path, headers=headers).status == 403, headers
        assert me.post(path, token="").status == 403
        assert me.post(path, token="0" * 64).status == 403


def test_the_token_of_one_person_is_not_that_of_another(merchant: Merchant) -> None:
    with showing(merchant, **BY_PROXY) as page:
        tokens = {name: page.visitor(name).get("/").token for name in ("thandi", "sipho")}
        assert tokens["thandi"] != tokens["sipho"]


@pytest.mark.parametrize(
    "host", ["evil.example", "127.0.0.1.evil.example", "", "localhost@evil.example", "[::1"]
)
def test_under_another_name_the_local_page_is_not_served(merchant: Merchant, host: str) -> None:
    with showing(merchant) as page:
        assert page.visitor().get("/", Host=host).status == 403
        assert page.visitor().get("/", Host=f"localhost:{page.port}").status == 200


def test_every_answer_forbids_what_a_page_does_not_need(merchant: Merchant) -> None:
    with showing(merchant) as page:
        for path in ("/", "/files/", "/nothing", f"/files/{KEY}/", "/static/page.css"):
            headers = page.visitor().get(path).headers
            assert headers["content-security-policy"].startswith("default-src 'none';")
            assert "unsafe" not in headers["content-security-policy"]
            assert headers["x-content-type-options"] == "nosniff"
            assert headers["x-frame-options"] == "DENY"
            assert "set-cookie" not in headers
            assert "server" not in headers
            kept = "immutable" if path.startswith("/static/") else "no-store"
            assert kept in headers["cache-control"]
