"""The whole way of a file through the page: dropped, looked at, released by another person, loaded by a pass."""

from __future__ import annotations

import html
import json
import re
import time

import pytest

from tests.serve.page.browsing import BY_PROXY, Answer, Visiting, showing
from tests.stories.files import bills
from tests.stories.merchant import Merchant

NAME = "za_bills_2026-11-01.csv"
FILE = bills("C-1,A-1,B-1,10.00", "C-2,A-2,B-2,20.50").encode()
OTHER = bills("C-3,A-3,B-3,5.00").encode()


def address_in(answer: Answer) -> str:
    """Where a dropped file is shown."""
    if answer.status == 303:
        return answer.headers["location"]
    [file] = json.loads(answer.body)["files"]
    assert file["is_taken"], file
    return str(file["address"])


def previewed(me: Visiting, address: str) -> Answer:
    """The page of a file once its preview is there."""
    until = time.monotonic() + 60
    while time.monotonic() < until:
        shown = me.get(address)
        if 'data-again="1"' not in shown.text:
            return shown
        time.sleep(0.1)
    raise AssertionError(shown.said)


def shown_in(answer: Answer) -> str:
    found = re.search(r'name="shown" value="([0-9a-f]{64})"', answer.text)
    assert found is not None, answer.said
    return found[1]


@pytest.mark.parametrize("with_script", [True, False])
def test_a_dropped_file_is_loaded_once_another_person_released_it(
    merchant: Merchant, with_script: bool
) -> None:
    with showing(merchant, **BY_PROXY, approvals="second_person") as page:
        thandi, sipho = page.visitor("thandi"), page.visitor("sipho")
        address = address_in(thandi.put(NAME, FILE) if with_script else thandi.drop({NAME: FILE}))

        preview = previewed(thandi, address)
        assert "A preview: nothing was sent" in preview.said
        assert "2" in preview.said
        assert "ZAR 30.50" in preview.said
        assert '"external_reference": "B-1"' in preview.said or "B-1" in preview.said
        assert thandi.get(f"{address}preview/results.csv").status == 200
        assert merchant.run().state == "held"

        own = thandi.get(address)
        assert "You dropped this file, so another person has to release it: anybody else" in own.said
        refused = thandi.post(f"{address}release", shown=shown_in(own))
        assert refused.status == 409
        assert "who cannot release it too; another person has to release it" in refused.said

        shown = sipho.get(address)
        assert "Dropped by thandi on the page." in shown.said
        assert "To send: 2 records, ZAR 30.50" in shown.said
        released = sipho.post(f"{address}release", shown=shown_in(shown))
        assert (released.status, released.headers["location"]) == (303, address)
        assert "Released on" in sipho.get(address).said
        assert "by sipho on the page; the next run acts on it" in sipho.get(address).said

        loaded = merchant.run()
        assert (loaded.state, loaded.outcomes()) == ("loaded", {"created": 2})
        assert "Loaded" in sipho.get(address).said
        again = json.loads(thandi.put(NAME, FILE).body)["files"][0]
        assert re.fullmatch(
            r"this file was dropped before, on 20\S+ \S+ \S+ by thandi on the page: loaded. Nothing was done now",
            again["text"],
        )
        assert (again["is_known"], again["address"]) == (True, address)
        assert merchant.run().requests.total() == 0
    assert len(merchant.api.snapshot()["bills"]) == 2


def test_the_preview_of_a_file_that_a_pass_refuses_says_so(merchant: Merchant) -> None:
    with showing(merchant) as page:
        me = page.visitor()
        said = previewed(me, address_in(me.drop({NAME: b"a,b\n1,2\n"}))).said
        assert "The next pass refuses it, for the reason below." in said
        assert "column customer_reference is not in the header" in said
        assert merchant.run().state == "refused"


def test_a_refusal_needs_a_reason_and_ends_the_file(merchant: Merchant) -> None:
    with showing(merchant) as page:
        me = page.visitor()
        address = address_in(me.drop({NAME: FILE}))
        assert merchant.run().state == "held"
        shown = me.get(address)
        assert me.post(f"{address}refuse", shown=shown_in(shown), why="  ").status == 400
        assert me.post(f"{address}refuse", shown=shown_in(shown), why="not <b>ours</b>").status == 303
        ended = merchant.run()
        assert (ended.state, ended.requests.total()) == ("refused", 0)
        assert "not <b>ours</b>" in me.get(address).said
        assert "<b>ours" not in me.get(address).text


def test_what_changed_since_it_was_shown_is_not_released(merchant: Merchant) -> None:
    with showing(merchant) as page:
        me = page.visitor()
        address = address_in(me.drop({NAME: FILE}))
        assert merchant.run().state == "held"
        told = me.post(f"{address}release", shown="0" * 64)
        assert told.status == 409
        assert "is not what you were shown any more" in told.said
        assert merchant.run().requests.total() == 0


def test_a_canary_sends_so_many_records_and_holds_again(merchant: Merchant) -> None:
    with showing(merchant) as page:
        me = page.visitor()
        address = address_in(me.drop({NAME: FILE}))
        assert merchant.run().state == "held"
        assert me.post(f"{address}release", shown=shown_in(me.get(address)), limit="0").status == 400
        assert me.post(f"{address}release", shown=shown_in(me.get(address)), limit="1").status == 303
        assert merchant.run().outcomes() == {"created": 1, "not_attempted": 1}
        assert me.post(f"{address}release", shown=shown_in(me.get(address))).status == 303
        assert merchant.run().outcomes() == {"created": 2}


def test_the_feed_is_asked_for_where_the_name_tells_none(merchant: Merchant) -> None:
    with showing(merchant) as page:
        me = page.visitor()
        asked = me.drop({"november.csv": FILE})
        assert asked.headers["location"].startswith("/upload/")
        shown = me.get(asked.headers["location"])
        assert "Which feed is this file of?" in shown.said
        assert "november.csv" in me.get("/").said
        taken = me.post(f"{asked.headers['location']}answer", feed="bills")
        assert taken.headers["location"].startswith("/files/")
        assert merchant.run().state == "held"
        assert me.get(asked.headers["location"]).status == 404


def test_several_files_of_one_form_are_told_apart(merchant: Merchant) -> None:
    with showing(merchant) as page:
        me = page.visitor()
        told = me.drop({NAME: FILE, "za_bills_2026-11-02.csv": OTHER, "copy_bills_2026-11-01.csv": FILE})
        assert told.status == 200
        assert told.said.count("Is here, and is checked next") == 2
        assert "This file was dropped before, on 20" in told.said


def test_a_form_that_breaks_off_leaves_nothing(merchant: Merchant) -> None:
    import socket

    from tests.serve.page.browsing import form_of

    with showing(merchant) as page:
        me = page.visitor()
        body, content_type = form_of({NAME: FILE * 1000}, token=me.get("/").token)
        head = (
            f"POST /upload HTTP/1.1\r\nHost: 127.0.0.1:{page.port}\r\nContent-Type: {content_type}\r\n"
            f"Content-Length: {len(body)}\r\n\r\n"
        )
        with socket.create_connection(("127.0.0.1", page.port)) as connection:
            connection.sendall(head.encode() + body[: len(body) // 2])
        uploads = merchant.work_dir / "uploads"
        until = time.monotonic() + 30
        while any(uploads.glob("dropped-*")) and time.monotonic() < until:
            time.sleep(0.05)
        assert [path.name for path in uploads.iterdir() if path.is_dir()] == ["previews"] or not any(
            uploads.glob("dropped-*")
        )
        assert not (merchant.work_dir / "landing").exists() or not any(
            (merchant.work_dir / "landing").iterdir()
        )
        assert merchant.run().document["files"] == []


def test_a_form_without_the_token_is_refused_before_a_file_is_read(merchant: Merchant) -> None:
    with showing(merchant) as page:
        me = page.visitor()
        assert me.drop({NAME: FILE}, token="0" * 64).status == 403
        assert me.ask("PUT", f"/upload?name={NAME}", FILE).status == 403
        body = b"no form at all"
        for content_type in ("multipart/form-data", "multipart/form-data; boundary=x", "text/plain", ""):
            sent = me.ask("POST", "/upload", body, {"Content-Type": content_type})
            assert sent.status in {400, 403}, content_type
        assert merchant.run().document["files"] == []


def test_an_uploader_withdraws_only_an_own_file(merchant: Merchant) -> None:
    roles = {"upload": ["thandi", "sipho"], "approve": ["chief"]}
    with showing(merchant, **BY_PROXY, roles=roles) as page:
        thandi, sipho = page.visitor("thandi"), page.visitor("sipho")
        address = address_in(thandi.drop({NAME: FILE}))
        assert merchant.run().state == "held"
        shown = shown_in(thandi.get(address))
        assert sipho.post(f"{address}withdraw", shown=shown, why="x").status == 403
        assert thandi.post(f"{address}release", shown=shown).status == 403
        assert thandi.post(f"{address}withdraw", shown=shown, why="the wrong month").status == 303
        assert merchant.run().state == "refused"


def test_a_feed_is_proposed_looked_at_corrected_and_kept(merchant: Merchant) -> None:
    rows = b"kunde;rechnung;betrag;faellig\n" + b"".join(
        f"K-{n};R-{n};{n}0,50;2026-12-{n:02}\n".encode() for n in range(1, 9)
    )
    with showing(merchant) as page:
        me = page.visitor()
        address = me.drop({"november.txt.csv": rows}).headers["location"]
        shown = me.get(address)
        assert "Or a new feed" in shown.said
        assert "delimiter" in shown.said
        found = re.search(r"<textarea[^>]*>\n(.*?)</textarea>", shown.text, re.DOTALL)
        assert found is not None
        yaml = html.unescape(found[1])
        assert "rechnung" in yaml
        again = me.post(f"{address}feed", yaml=yaml.replace("rechnung", "no_such_column"))
        assert "no_such_column" in again.said
        for odd in (
            "",
            "a: b",
            "- [",
            "- name: x",
            "&a [*a]",
            "- {name: 1, match: 2, model: bill, columns: 3}",
        ):
            assert me.post(f"{address}feed", yaml=odd).status == 200
        kept = me.post(f"{address}feed", yaml=yaml, keep="yes")
        assert kept.headers["content-disposition"] == 'attachment; filename="feed.yaml"'
        assert kept.text == yaml
        assert merchant.run().document["files"] == []
