"""The tree of expected errors: each has a code, an exit status, and says what happened, where, and what to do.

A class's docstring is its message template; the table in docs/exit-statuses.md is generated from this tree.
A bad *record* is not an exception: it is data with rule codes. Anything that is not in this tree is a bug
and shows a trace.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

EX_OK = 0
EX_RECORDS = 1
EX_USAGE = 2
EX_UNFINISHED = 3
EX_ANOTHER_RUN = 4
EX_HOST_KEY = 5
EX_BUG = 70
SIGNAL_BASE = 128


EXIT_STATUSES = {
    EX_BUG: "a bug, a report that does not balance, or a damaged ledger: keep `work_dir` and report it",
    EX_USAGE: "usage or config error: nothing was started; the one line on stderr says what to change",
    EX_HOST_KEY: "the SFTP server's host key is unknown, changed or revoked: nothing was sent to it",
    SIGNAL_BASE: "stopped cleanly by signal *n*: run again to resume",
    EX_UNFINISHED: "unfinished: API, SFTP server or store unreachable or unauthorised, disk full, or records in doubt: run again",
    EX_ANOTHER_RUN: "another run is active (`--wait` waits for it)",
    EX_RECORDS: "finished, but a person should look: records were rejected, refused or in conflict, a file was refused, held or unmatched, an expected file did not arrive in time, payments came that need a person, or a report of payments has differences",
    EX_OK: "all loaded, or nothing to do",
}
"""What each exit status means, worst first. `SIGNAL_BASE` stands for 128 + n."""


def severity(exit_status: int) -> int:
    """Rank of an exit status; the worst of several wins."""
    best_first = list(reversed(EXIT_STATUSES))
    return best_first.index(SIGNAL_BASE if exit_status > SIGNAL_BASE else exit_status)


class BillferryError(Exception):
    """{problem}"""

    code: ClassVar[str] = "error"
    exit_status: int = EX_BUG
    retryable: ClassVar[bool] = False

    def __init__(self, **facts: object) -> None:
        """Raise with the facts that the template names.

        Facts are file names, keys, lines and numbers; never a secret and never a value from a record.
        """
        self.facts = facts
        happened, _, to_do = (type(self).__doc__ or "").strip().partition("; ")
        self.message, self.remedy = happened.format(**facts), to_do.format(**facts)
        """What happened and where; what to do, or what becomes of it without you."""
        super().__init__("; ".join(filter(None, (self.message, self.remedy))))
        self.errors: tuple[BillferryError, ...] = (self,)
        """Those found together, each with a line of its own; nearly always this one alone."""


# -- what the operator gave us ------------------------------------------------------------------------------


class UsageError(BillferryError):
    """{problem}; {remedy}"""

    code, exit_status = "usage", EX_USAGE


class ConfigError(BillferryError):
    """{where}: {problem}; {remedy}"""

    code, exit_status = "config", EX_USAGE

    def __init__(self, *, more: Sequence[BillferryError] = (), **facts: object) -> None:
        """`more` are other mistakes that were found with this one."""
        super().__init__(**facts)
        self.errors = (self, *more)


class LedgerOfAnother(ConfigError):
    """{where}: the ledger belongs to {bound} and config.yaml says {given}; use a separate work_dir, or database, for this merchant and environment"""

    code = "config.ledger_of_another"


class LedgerTooNew(ConfigError):
    """{where}: a later Billferry has upgraded the ledger to version {version}, and this one knows {newest}; update Billferry on this host, as on the others that use the ledger"""

    code = "config.ledger_too_new"


class ExtraMissing(BillferryError):
    """{name}: {what} needs the package {package}, which is not installed; run pip install 'billferry[{extra}]', then run again"""

    code, exit_status = "extra.missing", EX_USAGE


# -- where files come from ----------------------------------------------------------------------------------


class SourceError(BillferryError):
    """{source}: {problem}; {remedy}"""

    code, exit_status, retryable = "source", EX_UNFINISHED, True


class SourceUnreachable(SourceError):
    """{source}: cannot be reached ({problem}); files stay there, run again"""

    code = "source.unreachable"


class SourceInterrupted(SourceUnreachable):
    """{source}: the connection broke at {name} ({problem}); the file stays there, run again"""

    code = "source.interrupted"

    @property
    def got_somewhere(self) -> bool:
        """Whether the connection had served us before it broke, so that a fresh one is worth a try."""
        return bool(self.facts.get("got_somewhere"))


class ListingCut(SourceError):
    """{source}: {problem}; what was listed is loaded. Remove files from that folder, then run again"""

    code = "source.listing_cut"


class SourceUnauthorised(SourceError):
    """{source}: login refused for {username}; check sftp.username and the key or password file"""

    code, retryable = "source.unauthorised", False


class NoSafeAlgorithm(SourceError):
    """{source}: the server offers no cipher, key exchange or host key that is still safe; ask its owner to update it"""

    code, retryable = "source.no_safe_algorithm", False


class HostKeyUnknown(SourceError):
    """{source}: host key {fingerprint} is not in {known_hosts}; compare it with what the server's owner says, then pin it with billferry trust-host"""

    code, exit_status, retryable = "source.host_key_unknown", EX_HOST_KEY, False


class HostKeyChanged(SourceError):
    """{source}: host key {fingerprint} is not the pinned {pinned} in {known_hosts}; nothing was sent. Ask the server's owner whether it was changed, then pin the new one with billferry trust-host"""

    code, exit_status, retryable = "source.host_key_changed", EX_HOST_KEY, False


class HostKeyRevoked(SourceError):
    """{source}: host key {fingerprint} is marked @revoked in {known_hosts}; nothing was sent. Ask the server's owner for the new one"""

    code, exit_status, retryable = "source.host_key_revoked", EX_HOST_KEY, False


class HostKeyNotPinned(SourceError):
    """{source}: {problem}; nothing was pinned"""

    code, exit_status, retryable = "source.host_key_not_pinned", EX_HOST_KEY, False


class SourceFileUnsettled(SourceError):
    """{source}: {name} changed while it was fetched; it is left for the next run"""

    code = "source.unsettled"


class SourceFileGone(SourceError):
    """{source}: {name} is gone and not in {folder}; find out who moved it"""

    code = "source.gone"


class FileTooLarge(SourceError):
    """{source}: {name} is larger than limits.max_file_bytes ({limit_bytes}); raise the limit or split the file"""

    code = "source.too_large"
    exit_status = EX_RECORDS
    retryable = False
    rule: ClassVar[str] = "file.too_large"

    @property
    def reason(self) -> str:
        """What is wrong and what to do."""
        return str(self)


# -- one bill file ------------------------------------------------------------------------------------------


class FileRefused(BillferryError):
    """{name}: refused ({rule}): {problem}; {remedy}"""

    code, exit_status = "file.refused", EX_RECORDS

    @property
    def rule(self) -> str:
        """The rule code, as in the catalogue."""
        return str(self.facts["rule"])

    @property
    def reason(self) -> str:
        """What is wrong and what to do, without name and code."""
        return f"{self.facts['problem']}; {self.facts['remedy']}"


class BalancesOvertaken(BillferryError):
    """{name}: this file was already loaded, and another file of its date has set other balances since; nothing was sent. If its balances are current, run billferry load --force"""

    code, exit_status = "file.overtaken", EX_RECORDS


class FeedLate(BillferryError):
    """feed {feed}: no file received for {day}, due by {hour} ({timezone}); check the incoming folder, or ask the merchant"""

    code, exit_status = "feed.late", EX_RECORDS


class PaymentsToCheck(BillferryError):
    """payments: {what}; see billferry payments list --open"""

    code, exit_status = "payments.to_check", EX_RECORDS


class ClockOff(BillferryError):
    """clock: this machine's clock is {off} the API's; no old data was deleted. Synchronise it by NTP, then run again"""

    code, exit_status = "clock.off", EX_RECORDS


class ClockUnconfirmed(BillferryError):
    """clock: this machine's clock is {off} {confirmed}, the last confirmed time, and the API could not be asked; no old data was deleted. Check the clock; the next run that reaches the API deletes what is due"""

    code, exit_status = "clock.unconfirmed", EX_RECORDS


class ReportGone(BillferryError):
    """{name}: its reports cannot be written again: {problem}; nothing was changed"""

    code, exit_status = "report.gone", EX_RECORDS


# -- the Billing API ----------------------------------------------------------------------------------------


class ApiError(BillferryError):
    """{base_url}: {problem}; {remedy}"""

    code, exit_status, retryable = "api", EX_UNFINISHED, True


class ApiUnavailable(ApiError):
    """{base_url}: the Billing API does not answer ({problem}); nothing is lost, run again"""

    code = "api.unavailable"


class ApiNotProved(ApiError):
    """{base_url}: the server could not be verified as the Billing API: {problem}; nothing was sent. {remedy}, then run again"""

    code, retryable = "api.not_proved", False


class ApiUnauthorised(ApiError):
    """{base_url}: the API key was refused with {status}; check BILLFERRY_API__KEY or api.key_file, then run again"""

    code, retryable = "api.unauthorised", False


class ApiRefusesAll(ApiError):
    """{base_url}: the first {count} records were all refused alike ({code}); the run stopped before it refused the rest. Check feed and account, then run again"""

    code, retryable = "api.refuses_all", False


class IdsMixedUp(ApiError):
    """{base_url}: the id that the API gave for the {kind} of record {record} is another {kind}'s; nothing more was sent, and the ids learned from this file were discarded. Bills of this file may be on another customer: compare results.csv with the API, tell its owner, then run again"""

    code, retryable = "api.ids_mixed_up", False


# -- our own rooms ------------------------------------------------------------------------------------------


class AnotherRun(BillferryError):
    """{where}: another run is active (process {pid}); wait for it or use --wait"""

    code, exit_status, retryable = "another_run", EX_ANOTHER_RUN, True


class DiskFull(BillferryError):
    """{where}: cannot write ({problem}); free some disk space, correct the permissions or repair the disk, then run again"""

    code, exit_status, retryable = "disk_full", EX_UNFINISHED, True


class WorkDirGone(BillferryError):
    """{where}: it was removed or replaced while billferry worked with it; nothing more was sent. Put it back as it was, then run again"""

    code, exit_status = "work_dir.gone", EX_UNFINISHED


class GpgFailed(BillferryError):
    """pgp: gpg ended without a word on the file (status {status}); the file stays where it is, run again. If that does not help, try gpg by hand"""

    code, exit_status, retryable = "pgp.failed", EX_UNFINISHED, True


class LandedCopyGone(BillferryError):
    """{where}: the landed copy of {name} is missing, and so is the file at its source; put the same file back there, then run again"""

    code, exit_status = "landing.gone", EX_UNFINISHED


class LandedCopyForgotten(BillferryError):
    """{name}: the landed copy was removed after retention.landing_days or by billferry forget; load the same file once more (nothing is sent), then retry"""

    code, exit_status = "landing.forgotten", EX_RECORDS


class CustomerUnsettled(BillferryError):
    """{problem}; nothing was removed. {remedy}, then run billferry forget again"""

    code, exit_status = "forget.unsettled", EX_UNFINISHED


class LedgerDamaged(BillferryError):
    """{where}: the ledger is damaged ({problem}); restore a backup, do not delete it"""

    code, exit_status = "ledger.damaged", EX_BUG


class LedgerBusy(BillferryError):
    """{where}: another program has kept the ledger locked ({problem}); nothing is lost. End that program, then run again"""

    code, exit_status, retryable = "ledger.busy", EX_UNFINISHED, True


class LedgerUnreachable(BillferryError):
    """{where}: the ledger cannot be reached ({problem}); this host sends nothing more. Look whether its server runs and lets us in, then run again"""

    code, exit_status, retryable = "ledger.unreachable", EX_UNFINISHED, True


class StoreError(BillferryError):
    """{where}: the store cannot be used ({problem}); nothing is lost. Look whether it can be reached and written, then run again"""

    code, exit_status, retryable = "store", EX_UNFINISHED, True


class StoreDamaged(StoreError):
    """{where}: {sha256} is not what was put there ({problem}), so {document} of {name} was not taken from it; move that object away, then run billferry report {name} where the file was loaded"""

    code, retryable = "store.damaged", False


class NotInStoreYet(StoreError):
    """{name}: what was received or reported of it is only on {host}, which has not put it into the store yet; run billferry run there, then run again. If that host is lost, run billferry report {name}, or load the same file once more"""

    code = "store.not_yet"


class LeaseLost(BillferryError):
    """part {part} is another worker's by now; nothing more of it was sent from here, and nothing is lost"""

    code, exit_status, retryable = "ledger.lease_lost", EX_UNFINISHED, True


class LedgerOutdated(BillferryError):
    """{where}: the ledger has version {version} and this program needs version {newest}; the next billferry run upgrades it and keeps a copy"""

    code, exit_status, retryable = "ledger.outdated", EX_UNFINISHED, True


class UnbalancedReport(BillferryError):
    """{name}: the report does not balance: {problem}; this is a bug, keep work_dir and report it"""

    code, exit_status = "report.unbalanced", EX_BUG


class Stopped(BillferryError):
    """stopped by {signal_name}; finished records are recorded; run again to resume"""

    code = "stopped"

    def __init__(self, *, signal_name: str, signal_number: int) -> None:
        super().__init__(signal_name=signal_name, signal_number=signal_number)
        self.exit_status = SIGNAL_BASE + signal_number


ENDS_THE_RUN = (Stopped, DiskFull, WorkDirGone, LedgerBusy, LedgerUnreachable, LedgerDamaged)
"""Errors after which no other file can be worked on: whoever goes on after one file's trouble lets them pass."""
