"""Names and values together say what a column is; where they do not agree, or two come near, a person is asked."""

from __future__ import annotations

import codecs
from typing import Any

import pytest
import yaml

from pipeline.core.proposal.feed_proposal import Proposal, propose
from pipeline.core.proposal.name_meaning import meaning_of


def proposed(text: str | bytes, name: str = "any.csv") -> tuple[dict[str, Any], Proposal]:
    found = propose(name, text if isinstance(text, bytes) else text.encode(), whole=True)
    (feed,) = yaml.safe_load(found.yaml)
    return feed, found


def table(header: str, *records: str) -> str:
    return "\n".join([header, *records]) + "\n"


@pytest.mark.parametrize(
    ("name", "concepts"),
    [
        ("Rechnungs-Nr.", "BILL REF"),
        ("Rechnungsnummer", "BILL REF"),
        ("F\u00e4lligkeitsdatum", "DUE DATE"),
        ("Faelligkeitsdatum", "DUE DATE"),
        ("N\u00b0 facture", "BILL REF"),
        ("Date d'\u00e9ch\u00e9ance", "DATE DUE"),
        ("F. Vencimiento", "DUE"),
        ("N\u00ba Fatura", "BILL REF"),
        ("Rekeningnommer", "ACCOUNT REF"),
        ("Klantcode", "CUSTOMER REF"),
        ("Openstaand bedrag", "OUTSTANDING AMOUNT"),
        ("InvoiceAmountDue", "BILL AMOUNT DUE"),
        ("ACCTD_AMOUNT_DUE_REMAINING", "LOCAL AMOUNT DUE OUTSTANDING"),
        ("Amount (EUR)", "AMOUNT"),
    ],
)
def test_words_are_known_in_seven_languages_and_in_compounds(name: str, concepts: str) -> None:
    assert meaning_of(name).concepts - {"NUMBER"} == set(concepts.split())


@pytest.mark.parametrize(
    "name",
    [
        "InvoiceAmount",
        "invoice_amount",
        "total_amount",
        "TotalAmount",
        "montant",
        "Betrag",
        "Umsatz",
        "Valor",
    ],
)
def test_usual_names_of_amounts_are_known(name: str) -> None:
    feed, _ = proposed(table(f"customerID,invoiceNumber,{name},DueDate", "C1,I1,55.94,2026-02-01"))
    assert feed["columns"]["amount_due"] == name


def test_a_date_of_payment_is_asked_and_not_taken_for_a_due_date() -> None:
    records = ("I1,C1,125.00,Paid,2026-02-03", "I2,C2,82.00,Overdue,")
    feed, found = proposed(table("invoice_id,customer_id,total_amount,payment_status,payment_date", *records))
    assert feed["columns"]["due_date"] == "?"
    assert "columns.due_date" in found.open_keys
    assert any('"payment_status"' in doubt for doubt in found.doubts)


def test_a_reference_that_is_empty_in_most_records_is_none_and_the_model_is_asked() -> None:
    records = ("I1,C1,1.00", "I2,C2,2.00", ",C3,3.00", ",C4,4.00", ",C5,5.00")
    feed, _ = proposed(table("Invoice no,Customer no,Amount due", *records))
    assert feed["model"] == "?"
    assert "Invoice no" not in feed["columns"].values()


@pytest.mark.parametrize(
    ("header", "records", "amount"),
    [
        (
            "Invoice,Customer no,Net,VAT,Amount",
            ["A1,C1,10.00,2.00,12.00", "A2,C2,20.00,4.00,24.00"],
            "Amount",
        ),
        ("Invoice,Customer no,Amount,VAT", ["A1,C1,10.00,2.00", "A2,C2,20.00,4.00"], "?"),
        ("Invoice,Customer no,Total,Paid,Open", ["A1,C1,9.00,4.00,5.00", "A2,C2,9.00,0.00,9.00"], "Open"),
        ("Invoice,Customer no,Total,Amount paid", ["A1,C1,9.00,4.00", "A2,C2,8.00,0.00"], "?"),
        ("Invoice,Customer no,Amount due,Amount paid", ["A1,C1,9.00,4.00", "A2,C2,8.00,0.00"], "?"),
        ("Invoice,Customer no,Total,Balance", ["A1,C1,9.00,4.00", "A2,C2,8.00,8.00"], "Balance"),
        ("Invoice,Customer no,Amount,Qwert", ["A1,C1,9.00,4.00", "A2,C2,8.00,8.00"], "?"),
        ("Invoice,Customer no,Amount", ["A1,C1,-9.00", "A2,C2,-8.00"], "?"),
        (
            "Invoice,Customer no,Debit,Credit",
            ["A1,C1,9.00,", "A2,C2,,8.00"],
            {"debit": "Debit", "credit": "Credit"},
        ),
        ("Invoice,Customer no,Debit,Credit,Balance", ["A1,C1,9.00,,9.00", "A2,C2,,8.00,1.00"], "?"),
        (
            "Belegnr,Kundennr,Betrag,Soll/Haben",
            ["A1,C1,9.00,S", "A2,C2,8.00,H"],
            {"value": "Betrag", "sign": "Soll/Haben", "negative": ["H"], "positive": ["S"]},
        ),
        ("Belegnr,Kundennr,Betrag,Soll/Haben", ["A1,C1,9.00,S", "A2,C2,8.00,X"], "?"),
        (
            "Invoice,Customer no,Type,Amount",
            ["A1,C1,Invoice,9.00", "A2,C2,Credit note,8.00"],
            {"value": "Amount", "sign": "Type", "negative": ["Credit note"], "positive": ["Invoice"]},
        ),
    ],
)
def test_what_is_still_owed_goes_before_what_was_billed_and_doubts_are_asked(
    header: str, records: list[str], amount: Any
) -> None:
    feed, _ = proposed(table(header, *records))
    assert feed["columns"]["amount_due"] == amount


def test_lines_of_one_bill_are_summed_only_where_amounts_differ() -> None:
    header = "Invoice no,Customer no,Item,Amount due"
    lines = ("A1,C1,Oak,1.00", "A1,C1,Ash,2.00", "A2,C2,Elm,3.00")
    assert proposed(table(header, *lines))[0]["line_items"] == "sum"
    totals = ("A1,C1,Oak,3.00", "A1,C1,Ash,3.00", "A2,C2,Elm,3.00")
    assert proposed(table(header, *totals))[0]["line_items"] == "?"


@pytest.mark.parametrize(
    ("text", "key", "value"),
    [
        ("Title\n\nInvoice,Customer no,Amount\nA1,C1,1.00\nA2,C2,2.00\n", "header", {"row": 3}),
        ("A1,C1,1.00\nA2,C2,2.00\n", "header", "none"),
        ("H|20240131\n" + "D|1|9.00\n" * 9, "header_record", {"starts_with": ["H|"]}),
        (
            "Invoice,Customer no,Amount\nA1,C1,1.00\nA2,C2,2.00\nTotal,,3.00\n",
            "footer",
            {"starts_with": "Total"},
        ),
        ("Invoice,Customer no,Amount\nA1,C1,1.00\n,,\nA2,C2,2.00\n", "blank_records", "skip"),
        ("sep=;\nInvoice;Customer no;Amount\nA1;C1;1.00\n", "delimiter", ";"),
        (
            "Customer,,Invoice,\nNo,Name,No,Due\nC1,Ann B,A1,2.00\nC2,Bo C,A2,3.00\n",
            "header",
            {"row": [1, 2]},
        ),
        ("Invoice,Customer no,Amount,Currency\nA1,C1,1.00,eur\n", "currency_map", {"eur": "EUR"}),
        ("Invoice,Customer no,Amount\nA1,C1,12.00 \u20ac\n", "currency", "EUR"),
        ('[{"Invoice": "A1", "Customer no": "C1", "Amount": 1.5}]', "format", "json"),
        ("Invoice,Customer no,Amount\nA1,C1,0.00\nA2,C2,2.00\n", "nothing_due", "skip"),
    ],
)
def test_the_shape_of_a_file_is_found(text: str, key: str, value: Any) -> None:
    assert proposed(text)[0][key] == value


@pytest.mark.parametrize("ruler", ["----  --------  ------\n", ""])
def test_columns_of_fixed_width_are_where_dashes_or_gaps_are(ruler: str) -> None:
    lines = [f"C{at:03}  B{at:07}  {at:>3}.50\n" for at in range(1, 8)]
    feed, _ = proposed("REPORT\nCUST  BILL NO   AMOUNT\n" + ruler + "".join(lines))
    assert feed["fixed"] == {"CUST": [1, 4], "BILL NO": [7, 8], "AMOUNT": [17, 6]}
    assert feed["columns"]["amount_due"] == "AMOUNT"
    assert feed["header"] == {"row": [2, 3] if ruler else 2}


def test_the_order_of_day_and_month_is_shown_by_another_date_of_the_file() -> None:
    records = ("A1,C1,1.00,01/02/2026,31/03/2026", "A2,C2,2.00,03/04/2026,28/05/2026")
    feed, _ = proposed(table("Invoice,Customer no,Amount,Invoice date,Payment date", *records))
    assert (feed["columns"]["bill_date"], feed["date_formats"]) == ("Invoice date", ["%d/%m/%Y"])


def test_an_encoding_that_gives_no_words_is_asked() -> None:
    text = table(
        "Kundennr;Rechnungsnr;F\u00e4lligkeit;Betrag", "1;R1;M\u00fcller;2,00", "2;R2;Gr\u00f6\u00dfe;3,00"
    )
    assert proposed(text.encode("cp850"))[0]["encoding"] == "?"
    assert proposed(text.encode("cp1252"))[0]["encoding"] == "cp1252"
    assert proposed(codecs.BOM_UTF16_LE + text.encode("utf-16-le"))[0]["encoding"] == "utf-16"


def test_a_tab_is_written_as_people_know_it() -> None:
    _, found = proposed(table("Invoice\tCustomer no\tAmount", "A1\tC1\t1.00"))
    assert 'delimiter: "\\t"' in found.yaml
