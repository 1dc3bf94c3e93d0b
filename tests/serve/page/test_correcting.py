"""Rejected records corrected in place: from the table to a correction that is released, loaded, and closes them."""

from __future__ import annotations

import csv
import html
import io
import json
import re
from pathlib import Path
from urllib.parse import urlencode

import pytest

from pipeline.core.file_stages import LandedFile
from pipeline.edge.ledger.rejected_records import Corrections
from pipeline.edge.reader.open_records import BillFile, open_records
from pipeline.run import opened_rejects, process_file
from pipeline.serve.page.views import correcting
from schemas.settings import Limits
from tests.serve.page.browsing import BY_PROXY, Answer, Visiting, showing
from tests.serve.page.test_files import address_of
from tests.serve.page.test_from_drop_to_load import address_in, shown_in
from tests.stories.files import bills
from tests.stories.merchant import Merchant
from tests.world import feed

NAME = "za_bills_2026-11-01.csv"
FILE = bills("C-1,A-1,B-1,10.00", "C-1,A-1,B-2,ten", "C-2,A-2,B-3,30.125", "C-2,A-2,B-4,40.00")


def loaded(merchant: Merchant, content: str | bytes = FILE, name: str = NAME) -> None:
    """A file with rejects, by a pass."""
    merchant.write(name, content, merchant.drop)
    assert merchant.run().exit_status == 1


def address(me: Visiting, name: str = NAME) -> str:
    return address_of(me.get("/files/").text, name)


def fields_of(page: Answer) -> dict[str, str]:
    """What a browser sends of the table as it is shown."""
    found = {
        name: html.unescape(value)
        for name, value in re.findall(
            r'<input (?:id="[^"]*" |type="hidden" )name="([^"]*)" value="([^"]*)"', page.text
        )
    }
    for name, value in re.findall(
        r'<textarea id="[^"]*" name="([^"]*)"[^>]*>\n(.*?)</textarea>', page.text, re.DOTALL
    ):
        found[name] = re.sub(r"\r\n|\r|\n", "\r\n", html.unescape(value))
    return found


def labels_of(page: Answer) -> dict[str, str]:
    """`Line 3, amount_due` → the name of its input."""
    return {
        html.unescape(label): name
        for name, label in re.findall(
            r'<(?:input|textarea) id="[^"]*" name="([^"]*)"[^>]*aria-label="([^"]*)"', page.text
        )
    }


def faulty(page: Answer) -> set[str]:
    """Labels of the cells that are marked."""
    return set(re.findall(r'aria-label="([^"]*)" aria-invalid="true"', page.text))


def sent_with(me: Visiting, where: str, page: Answer, done: str, **changes: str) -> Answer:
    """Send the table, values of some cells changed; `changes` are by label, blanks and commas as underscores."""
    names = {re.sub(r"\W+", "_", label): name for label, name in labels_of(page).items()}
    changed = {names.get(label, label): value for label, value in changes.items()}
    return me.post(f"{where}correct/{done}", None, **{**fields_of(page), **changed})


@pytest.mark.timeout(300)
def test_mended_records_are_released_by_another_person_and_close_what_was_open(merchant: Merchant) -> None:
    loaded(merchant)
    roles = {"upload": ["thandi"], "approve": ["sipho", "thandi"], "read": ["rea"]}
    with showing(merchant, **BY_PROXY, approvals="second_person", roles=roles) as page:
        thandi, sipho = page.visitor("thandi"), page.visitor("sipho")
        where = address(thandi)
        assert "Correct 2 records here" in thandi.get(where).said
        assert "Correct 2 records here" not in sipho.get(where).said
        assert page.visitor("rea").get(f"{where}correct/").status == 403

        table = thandi.get(f"{where}correct/")
        assert faulty(table) == {"Line 3, amount_due", "Line 4, amount_due"}
        assert set(fields_of(table)) >= {"records", "token"}

        still = sent_with(
            thandi, where, table, "check", Line_3_amount_due="20.0000", Line_4_amount_due="30.12"
        )
        assert still.status == 200
        assert "2 records edited: 1 record still wrong" in still.said
        assert faulty(still) == {"Line 3, amount_due"}
        assert 'value="30.12"' in still.text

        refused = sent_with(thandi, where, still, "save")
        assert refused.status == 422
        assert "Nothing was saved" in refused.said

        saved = sent_with(thandi, where, still, "save", Line_3_amount_due="20.00")
        assert saved.status == 303, saved.said
        correction = address_in(saved)
        assert correction != where
        assert (
            "corrected already in corrected-za_bills_2026-11-01.csv by thandi"
            in thandi.get(f"{where}correct/").said
        )

        assert merchant.run().state == "held"
        own = thandi.post(f"{correction}release", shown=shown_in(thandi.get(correction)))
        assert (own.status, "another person has to release it" in own.said) == (409, True)
        assert sipho.post(f"{correction}release", shown=shown_in(sipho.get(correction))).status == 303
        assert merchant.run().outcomes() == {"created": 2}
        amounts = {
            bill["external_reference"]: bill["amount_due"] for bill in merchant.api.snapshot()["bills"]
        }
        assert len(amounts) == 4

        assert "Correct rejects" not in thandi.get(where).said
        assert "corrected" in thandi.get(where).said
        trail = merchant.json_command("audit").document["entries"]
        uploads = [entry for entry in trail if entry["command"] == "upload"]
        assert "thandi" in json.dumps(uploads)


@pytest.mark.timeout(300)
def test_what_nobody_edited_goes_back_as_the_merchant_wrote_it(merchant: Merchant) -> None:
    header = 'customer_reference,customer_name,account_reference,bill_reference,"amount_due",note\r\n'
    hostile = '"\'><script>alert(1)</script>"'
    rows = [
        f"C-1,{hostile},A-1,B-1,ten,=1+1\r\n",
        'C-2," Zoë ""Z"", \r\nin two lines ",A-2,B-2,"eleven",@x\r\n',
        "C-3,ok,A-3,B-3,12.00,\r\n",
        "C-4,cut,A-4\r\n",
    ]
    loaded(merchant, (header + "".join(rows)).encode("utf-8"))
    with showing(merchant) as page:
        me = page.visitor()
        where = address(me)
        table = me.get(f"{where}correct/")
        assert "<script>alert" not in table.text
        assert "1 record with a damaged line" in table.said
        assert "(line 6)" in table.said
        cells = fields_of(table)
        names = labels_of(table)
        assert cells[names["Line 2, note"]] == "=1+1"
        assert cells[names["Line 2, customer_name"]] == "'><script>alert(1)</script>"
        assert cells[names["Line 3, customer_name"]] == ' Zoë "Z", \r\nin two lines '

        saved = sent_with(me, where, table, "save", Line_2_amount_due="10.00", Line_3_amount_due="11.00")
        assert saved.status == 303, saved.said
        [content] = (merchant.work_dir / "landing").glob(f"{saved.headers['location'].split('/')[2]}/content")
        text = content.read_bytes().decode("utf-8-sig")
        assert text.startswith(
            'customer_reference,customer_name,account_reference,bill_reference,"amount_due",note,'
        )
        assert f"\r\nC-1,{hostile},A-1,B-1,10.00,=1+1," in text
        assert '\r\nC-2," Zoë ""Z"", \r\nin two lines ",A-2,B-2,"11.00",@x,"amount_due.format"' in text
        rejects = next((merchant.work_dir / "reports").glob(f"{NAME}*/rejects.csv")).read_bytes().decode()
        before = list(csv.DictReader(io.StringIO(rejects, newline="")))
        after = list(csv.DictReader(io.StringIO(text, newline="")))
        for old, new in zip(before, after, strict=False):
            assert {**old, "amount_due": ""} == {**new, "amount_due": ""}


@pytest.mark.timeout(300)
def test_two_people_who_mend_the_same_record_are_told(merchant: Merchant) -> None:
    loaded(merchant)
    with showing(merchant, **BY_PROXY) as page:
        thandi, sipho = page.visitor("thandi"), page.visitor("sipho")
        where = address(thandi)
        table = thandi.get(f"{where}correct/")
        seen_by_sipho = sipho.get(f"{where}correct/")
        first = sent_with(thandi, where, table, "save", Line_3_amount_due="20.00")
        assert first.status == 303, first.said

        second = sent_with(sipho, where, seen_by_sipho, "save", Line_3_amount_due="21.00")
        assert second.status == 422
        assert "Line 3: it is corrected in corrected-za_bills_2026-11-01.csv by thandi" in second.said
        assert "A record is corrected once" in second.said
        other = sent_with(sipho, where, second, "save", Line_4_amount_due="30.12")
        assert other.status == 303, other.said

        merchant.run()
        for each in (first, other):
            at = address_in(each)
            assert sipho.post(f"{at}release", shown=shown_in(sipho.get(at))).status == 303
        merchant.run()
        assert len(merchant.api.snapshot()["bills"]) == 4
        late = sent_with(sipho, where, seen_by_sipho, "save", Line_3_amount_due="22.00")
        assert "Line 3: it is closed meanwhile" in late.said
        said = sipho.get(where).said
        assert re.search(
            r" corrected-za_bills_2026-11-01.csv correction 1, loaded; dropped on \S+ \S+ \S+ by thandi", said
        )
        assert re.search(
            r" corrected-2-za_bills_2026-11-01.csv correction 2, loaded; dropped on \S+ \S+ \S+ by sipho",
            said,
        )
        found = sipho.get("/search/?q=B-3")
        assert f"{NAME} bills 4 Rejected corrected since: corrected-2-{NAME}" in found.said
        assert f'<a href="{address_in(other)}">corrected-2-{NAME}</a>' in found.text
        assert len(merchant.run().document["files"]) == 0


@pytest.mark.timeout(300)
def test_records_of_ndjson_are_mended_as_json(merchant: Merchant) -> None:
    merchant.settings["feeds"].append(feed("lines", "bill", "*_lines_{date:%Y-%m-%d}.ndjson", currency="ZAR"))
    rows = [
        '{"customer_reference":"C-1","account_reference":"A-1","bill_reference":"B-1","amount_due":10.50}',
        '{"customer_reference":"C-2" , "account_reference":"A-2","bill_reference":"B-2","amount_due":1.0050,'
        '"n":12345678901234567890.10}',
        '{"customer_reference":"C-3","account_reference":"A-3","bill_reference":"B-3"}',
    ]
    name = "za_lines_2026-11-01.ndjson"
    loaded(merchant, "\n".join(rows), name)
    with showing(merchant) as page:
        me = page.visitor()
        where = address(me, name)
        table = me.get(f"{where}correct/")
        assert "2 records" in table.said
        saved = sent_with(me, where, table, "save", Line_2_amount_due="1.01", Line_3_amount_due='"')
        assert saved.status == 422
        saved = sent_with(me, where, saved, "save", Line_3_amount_due="30")
        assert saved.status == 303, saved.said
        content = merchant.work_dir / "landing" / saved.headers["location"].split("/")[2] / "content"
        lines = content.read_bytes().decode("utf-8-sig").splitlines()
        assert lines[0].startswith(rows[1].replace("1.0050", '"1.01"').removesuffix("}") + ',"reject_codes":')
        assert json.loads(lines[1])["amount_due"] == "30"
        merchant.run()
        at = address_in(saved)
        assert me.post(f"{at}release", shown=shown_in(me.get(at))).status == 303
        assert merchant.run().outcomes() == {"created": 2}


@pytest.mark.timeout(300)
def test_records_of_fixed_width_keep_their_places(merchant: Merchant) -> None:
    columns = {"customer_reference": [1, 6], "bill_reference": [7, 6], "amount_due": [13, 8]}
    merchant.settings["feeds"].append(
        feed("fixed", "bill", "*_fixed_{date:%Y-%m-%d}.txt", currency="ZAR") | {"fixed": columns}
    )
    name = "za_fixed_2026-11-01.txt"
    loaded(merchant, "C-1   B-1      10.00\nC-2   B-2      1.005\n", name)
    with showing(merchant) as page:
        me = page.visitor()
        where = address(me, name)
        table = me.get(f"{where}correct/")
        assert fields_of(table)[labels_of(table)["Line 2, amount_due"]] == "1.005"
        long = sent_with(me, where, table, "save", Line_2_amount_due="123456789")
        assert long.status == 422
        assert "at most 8 characters fit here" in long.said
        saved = sent_with(me, where, table, "save", Line_2_amount_due="1.01")
        assert saved.status == 303, saved.said
        content = merchant.work_dir / "landing" / saved.headers["location"].split("/")[2] / "content"
        assert "C-2   B-2       1.01|" in content.read_text("utf-8-sig")
        merchant.run()
        at = address_in(saved)
        assert me.post(f"{at}release", shown=shown_in(me.get(at))).status == 303
        assert merchant.run().outcomes() == {"created": 1}


@pytest.mark.timeout(300)
def test_a_value_that_was_right_is_changed_only_with_a_persons_consent(merchant: Merchant) -> None:
    loaded(merchant)
    with showing(merchant) as page:
        me = page.visitor()
        where = address(me)
        table = me.get(f"{where}correct/")
        told = sent_with(
            me, where, table, "check", Line_3_amount_due="20.00", Line_3_customer_reference="C-9"
        )
        assert "It would be held" in told.said
        assert "line 3, customer_reference: C-1 → C-9" in told.said, "as the table and the report have it"


@pytest.mark.timeout(300)
def test_very_many_and_very_wide_rejects_are_leafed_through(
    merchant: Merchant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(correcting, "MAX_CELLS", 12)
    loaded(merchant, bills(*(f"C-1,A-1,B-{number},ten" for number in range(1, 8))))
    with showing(merchant) as page:
        me = page.visitor()
        where, after, seen = address(me), "", []
        for _ in range(9):
            table = me.get(f"{where}correct/{after}")
            seen += fields_of(table)["records"].split(",")
            more = re.search(r'href="[^"]*(\?after=\d+)" rel="next"', table.text)
            if more is None:
                break
            after = more[1]
        assert seen == [str(number) for number in range(1, 8)]
        assert after, "all of them were on one page"
        assert me.get(f"{where}correct/?after=x&after=%00").status == 200
        monkeypatch.setattr(correcting, "MAX_RECORD_BYTES", 2)
        assert "Too large for a table" in me.get(f"{where}correct/").said


@pytest.mark.timeout(300)
def test_the_rejects_are_read_once_and_again_only_when_they_are_written_again(
    merchant: Merchant, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded(merchant)
    opened = list[str]()

    def counted(landed: LandedFile, limits: Limits, folder: Path) -> BillFile:
        opened.append(landed.path.name)
        return open_records(landed, limits, folder)

    monkeypatch.setattr(opened_rejects, "open_records", counted)
    with showing(merchant) as page:
        me = page.visitor()
        where = address(me)
        table = me.get(f"{where}correct/")
        asked, records = list[object](), Corrections.records

        def told(corrections: Corrections, file_id: int, only: list[int]) -> dict[int, str]:
            asked.append(only)
            return records(corrections, file_id, only)

        with monkeypatch.context() as patched:
            patched.setattr(process_file, "write_report", None)  # nobody looks at one
            patched.setattr(Corrections, "records", told)
            checked = sent_with(me, where, table, "check", Line_3_amount_due="20.00")
        assert asked == [[2, 3]], "the state of others, there may be thousands, says nothing here"
        assert "1 record edited: nothing is wrong with what was edited" in checked.said
        me.get(f"{where}correct/?after=2")
        assert opened == ["rejects.csv"]
        (rejects,) = merchant.work_dir.glob("reports/*/rejects.csv")
        content = rejects.read_text()
        beside = rejects.with_name("new")
        beside.write_text(content.replace("ten", "two"))
        beside.replace(rejects)
        assert 'value="two"' in me.get(f"{where}correct/").text
        assert opened == ["rejects.csv"] * 2
        merchant.settings["limits"]["max_columns"] = 3
    with showing(merchant) as page:
        assert "at most 3 are read" in page.visitor().get(f"{where}correct/").said


def test_forms_that_are_not_ours_and_rejects_that_are_gone_change_nothing(merchant: Merchant) -> None:
    loaded(merchant)
    with showing(merchant) as page:
        me = page.visitor()
        where = address(me)
        fields = fields_of(me.get(f"{where}correct/"))
        save = f"{where}correct/save"
        assert me.post(save, None, **{**fields, "records": "2;3"}).status == 400
        assert me.post(save, None, **{**fields, "records": "9" * 19}).status == 400
        assert me.post(save, None, **{**fields, "token": "0" * 64}).status == 403
        assert me.post(save, None, **{**fields, "records": "1,99", "c1-3": "1", "c99-0": "1"}).status == 422
        assert me.post(save, None, **{**fields, "c2-0": "x" * (1 << 20)}).status == 413
        assert me.post(save, None, **{**fields, "c2-0": "x" * 200_000}).status == 422
        nothing = me.post(save, None, **fields)
        assert (nothing.status, "Change a value first" in nothing.said) == (422, True)
        for path in (merchant.work_dir / "reports").glob(f"{NAME}*/rejects.csv"):
            Path(path).unlink()
        gone = me.get(f"{where}correct/")
        assert "No record can be corrected here" in gone.said
        assert me.post(save, None, **fields).status == 409
        assert "Correct rejects" not in me.get(where).said
        assert merchant.run().document["files"] == []


@pytest.mark.timeout(300)
def test_a_file_that_is_held_tells_when_its_rejects_can_be_mended(merchant: Merchant) -> None:
    with showing(merchant) as page:
        me = page.visitor()
        where = address_in(me.drop({NAME: FILE.encode()}))
        assert merchant.run().state == "held"
        assert "ts rejects can be corrected once it is loaded" in me.get(where).said
        assert "send this one again" not in me.get(where).said, "this is the file itself"
        table = me.get(f"{where}correct/")
        assert "ts rejects can be corrected once it is loaded" in table.said
        assert "<form" not in table.text
        sent = urlencode({"token": me.get("/").token, "records": "2", "c2-3": "20.00"}).encode()
        answer = me.ask(
            "POST", f"{where}correct/save", sent, {"Content-Type": "application/x-www-form-urlencoded"}
        )
        assert answer.status in {403, 409, 422}
        assert len(merchant.run().document["files"]) <= 1
