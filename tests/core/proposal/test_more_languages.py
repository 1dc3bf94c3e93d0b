"""`init --from` over lists of open invoices as programs in Italy, Poland and Scandinavia name their columns."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from pipeline.core.proposal.name_meaning import meaning_of
from tests.check.workbooks import row, sheet, workbook
from tests.core.proposal.scoring import proposal_for

LISTS = {
    "it": "Codice cliente;Ragione sociale;Numero fattura;Data emissione;Data scadenza;Importo residuo;Valuta",
    "pl": "Kod klienta;Nazwa klienta;Numer faktury;Data wystawienia;Termin płatności;Do zapłaty;Waluta",
    "da": "Kundenummer;Kundenavn;Fakturanummer;Fakturadato;Forfaldsdato;Restbeløb;Valuta",
    "no": "Kundenr;Kundenavn;Fakturanr;Fakturadato;Forfallsdato;Utestående beløp;Valuta",
    "sv": "Kundnummer;Kundnamn;Fakturanummer;Fakturadatum;Förfallodatum;Restbelopp;Valuta",
}
ROLES = (
    "customer_reference",
    "customer_name",
    "bill_reference",
    "bill_date",
    "due_date",
    "amount_due",
    "currency",
)


def proposed(folder: Path, content: str | bytes, name: str = "list.csv") -> dict[str, Any]:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    (feed,) = yaml.safe_load(proposal_for(path).yaml)
    return dict(feed)


@pytest.mark.parametrize("language", LISTS)
def test_columns_are_known_by_the_words_of_more_languages(tmp_path: Path, language: str) -> None:
    names = LISTS[language].split(";")
    records = [
        f"K-{number % 6};Firma nr {number % 6};F-{1000 + number};{number + 1:02}.10.2026;{number + 1:02}.11.2026;"
        f"{1234 + 7 * number},{number:02};EUR"
        for number in range(20)
    ]
    feed = proposed(tmp_path, "\n".join([LISTS[language], *records, ""]))
    assert feed["columns"] == dict(zip(ROLES, names, strict=True))
    assert (feed["model"], feed["date_formats"], feed["amount"]["decimal"]) == ("bill", ["%d.%m.%Y"], ",")


@pytest.mark.parametrize(
    ("name", "concepts"),
    [
        ("Pagato", {"PAYMENT"}),
        ("Zapłacono", {"PAYMENT"}),
        ("Betalt beløb", {"PAYMENT", "AMOUNT"}),
        ("Innbetalt", {"PAYMENT"}),
        ("Inbetalning", {"PAYMENT"}),
        ("Data valuta", {"VALUE_DATE"}),
        ("Leverantörsnummer", {"SUPPLIER", "REF", "NUMBER"}),
        ("Dostawca", {"SUPPLIER"}),
    ],
)
def test_what_is_not_owed_is_known_as_well(name: str, concepts: set[str]) -> None:
    assert concepts <= meaning_of(name).concepts
    assert not meaning_of(name).unknown


@pytest.mark.parametrize("due", ["Due", "Fälligkeit", "Échéance", "Scadenza", "Forfald", "Due date"])
@pytest.mark.parametrize(
    ("first", "a_day"), [(46_300, 1), (1_790_000_000, 86_400), (1_790_000_000_000, 86_400_000)]
)
def test_counted_days_are_asked_about_and_are_no_amounts(
    tmp_path: Path, due: str, first: int, a_day: int
) -> None:
    records = [
        f"INV-{number + 100},C-{number % 7},{first + a_day * (number * 7 % 30)},{1000 + 37 * number}.50,ZAR"
        for number in range(20)
    ]
    feed = proposed(tmp_path, "\n".join([f"Invoice No,Customer No,{due},Total,Currency", *records, ""]))
    assert (feed["columns"]["due_date"], feed["date_formats"]) == (due, ["?"])
    assert feed["columns"]["amount_due"] == "Total"


def test_whole_amounts_that_lie_far_apart_are_amounts(tmp_path: Path) -> None:
    records = [f"INV-{number + 100},C-{number % 7},{40_000 + 500 * number},ZAR" for number in range(20)]
    feed = proposed(tmp_path, "\n".join(["Invoice No,Customer No,Due,Currency", *records, ""]))
    assert feed["columns"]["amount_due"] == "Due"


def test_a_sheet_of_customers_before_the_one_of_bills_is_not_read_as_bills(tmp_path: Path) -> None:
    customers = sheet(
        row("id", "nom", "email", "telephone"),
        *(row(number, f"Client {number}", f"c{number}@x.co", f"082123456{number}") for number in range(1, 9)),
    )
    bills = sheet(row("numero", "client_id", "montant"), row("F-1", 1, 100))
    for raw in (workbook({"Clients": customers, "Factures": bills}), workbook(customers)):
        feed = proposed(tmp_path, raw, "list.xlsx")
        assert feed["model"] == "?"
        assert {key for key, source in feed["columns"].items() if source != "?"} == set()
