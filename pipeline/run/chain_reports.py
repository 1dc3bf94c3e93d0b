"""What reports say of chains, and the reports of originals that are written again when their chain changes.

The debt is written down in the step that changes the chain, and paid once the new report stands: a kill in between has
it paid by the next run. Only what the chain changes is written again, since the landed copy may be gone by then.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from pipeline.edge.ledger.chains import Chain, Chains
from pipeline.edge.ledger.door import Ledger
from pipeline.edge.ledger.file_rows import FileRow
from pipeline.edge.ledger.files import Files
from pipeline.edge.ledger.renewals import Renewals
from pipeline.errors import NotInStoreYet
from pipeline.report.folders import belongs_to_another_file, folder_name
from pipeline.report.renew import renew_report
from pipeline.run.chain_part import chain_part
from pipeline.run.handover import HandOver
from pipeline.run.stored_documents import STORE_TROUBLES, StoredDocuments
from schemas.results import ChainFacts, CorrectionFacts, Summary, WriteOffFacts
from schemas.settings import Settings


def chain_reader(ledger: Ledger, file_id: int, *, afresh: bool) -> Callable[[Summary], ChainFacts | None]:
    """For `write_report`: what the ledger knows of the chain of a file whose summary is being made. `afresh`: what is
    reported is new, not said again.
    """
    return partial(_facts_with, ledger, file_id, afresh=afresh)


def _facts_with(ledger: Ledger, file_id: int, summary: Summary, *, afresh: bool) -> ChainFacts | None:
    Renewals(ledger).recount(file_id)
    chain = Chains(ledger).of(file_id, summary=summary.model_dump(mode="json"), afresh=afresh)
    return chain_facts(chain, file_id) if chain is not None else None


def chain_facts(chain: Chain, file_id: int) -> ChainFacts | None:
    """What the report of one file of a chain says of it; None where there is nothing to say."""
    original = chain.original
    if original.id != file_id:
        return ChainFacts(original=_short_name(original))
    later = chain.superseded_by
    if not (chain.open.records or chain.corrections or chain.write_offs or chain.is_ended):
        return None
    return ChainFacts(
        superseded_by=_short_name(later) if later is not None else None,
        open=chain_part(chain.open),
        corrected=chain_part(chain.was_corrected),
        written_off=chain_part(chain.written_off),
        corrections=[
            CorrectionFacts(
                name=row.name,
                sha256=row.sha256,
                state=row.state,
                report=_folder_of(row),
                closed=chain_part(chain.closed_by(row)),
            )
            for row in chain.corrections
        ],
        write_offs=[
            WriteOffFacts.model_validate(
                {"at": off.at, "by": f"{off.user_name}@{off.host}", "why": off.why, "records": off.records},
                strict=False,
            )
            for off in chain.write_offs
        ],
    )


def _short_name(row: FileRow) -> str:
    return f"{row.name}.{row.sha256[: row.digits]}"


def _folder_of(row: FileRow) -> str | None:
    """The report is under the name that the file had then."""
    if row.summary is None:
        return None
    return folder_name(row.summary.get("file", {}).get("name", row.name), row.sha256, row.digits)


@dataclass(frozen=True, slots=True)
class ReportRenewer:
    """Pays what is owed to the reports of originals. Only while the lock is held."""

    settings: Settings
    ledger: Ledger
    reports: Path
    handovers: HandOver
    documents: StoredDocuments

    def renew(self) -> int:
        """Write the reports again whose chain has changed; how many. Raises DiskFull."""
        owed = Renewals(self.ledger).owed()
        for row in owed:
            self._renew(row)
        return len(owed)

    def _renew(self, row: FileRow) -> None:
        """Report first, ledger last: a kill in between has it written once more."""
        chain = Chains(self.ledger).of(row.id)
        if chain is None or row.summary is None:
            Renewals(self.ledger).paid(row.id, summary=None)
            return
        try:
            self.documents.bring_report(row)
        except NotInStoreYet:
            pass  # the host that has it is perhaps gone; what is shown of the chain is in the ledger
        except STORE_TROUBLES as error:
            self.documents.tell(error)
            return  # it stays owed
        then = Summary.model_validate(row.summary, strict=False)
        now = then.model_copy(update={"chain": chain_facts(chain, row.id)})
        folder = self._folder(then, row)
        if folder is not None:
            renew_report(folder, now, timezone=self.settings.timezone)
            self.documents.note_report(row.id, folder)
        with Files(self.ledger).together():
            Renewals(self.ledger).paid(row.id, summary=now.model_dump_json())
            if folder is not None and row.source == "sftp" and now != then:
                self.handovers.owe_reports(row.sha256, now.file.name, folder.name)

    def _folder(self, summary: Summary, row: FileRow) -> Path | None:
        """Where its report is; None where retention has removed it."""
        for digits in (len(row.sha256), row.digits):
            folder = self.reports / folder_name(summary.file.name, row.sha256, digits)
            if (folder / "summary.json").exists() and not belongs_to_another_file(folder, row.sha256):
                return folder
        return None
