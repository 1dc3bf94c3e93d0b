"""The ledger: the durable record of files, intents, outcomes and ids, in SQLite. SQL is written only in this folder.

From outside only the names below are used, over a connection of `open_ledger`; times and ids are given by the caller.
Nothing here decides what an outcome means, and nothing outside may see a table or begin a transaction by itself.

- `database` opens, binds to merchant and environment, migrates behind a backup
- `chains` originals with their corrections: what became of each record; `chain_sums` what that is read from
- `write_offs` what people closed
- `accepted` loaded records, for `export`
- `renewals` originals whose report is owed
- `rejected_records` rejected records, and the corrections that stand for them
- `files` files, sightings and hand-overs; `file_rows` what is known of each
- `earlier_loads` references that records had under an earlier feed
- `decisions` what people decided about held files, and how far files may go
- `watermarks` in what order balances were set
- `sends` intents, ids and outcomes; `writes` their changes as few statements
- `runs` runs as such, and when each feed last got a file
- `personal_data` what is known of one customer, and how it is removed
- `audit` who did what, chained; never changed
- `lookup_by_name` how users name files
- `times` the last confirmed time
- `lineage` whether the ledger is the one that worked here last, or a copy
- `group` commits many small changes as one
"""

from pipeline.edge.ledger.accepted import ACCEPTED, Accepted
from pipeline.edge.ledger.audit import AuditTrail
from pipeline.edge.ledger.chains import Chain, Chains, Counted, WriteOff, added
from pipeline.edge.ledger.database import Ledger, copy_ledger, open_ledger, snapshot
from pipeline.edge.ledger.decisions import Decisions, Gate
from pipeline.edge.ledger.earlier_loads import EarlierLoads
from pipeline.edge.ledger.file_rows import ENDED_STATES, FINISHED_STATES, FileRow, Handover
from pipeline.edge.ledger.files import Files
from pipeline.edge.ledger.group import GroupCommit
from pipeline.edge.ledger.lineage import LedgerOrigin, Lineage
from pipeline.edge.ledger.lookup_by_name import single_file_named
from pipeline.edge.ledger.personal_data import REMOVED, PersonalData
from pipeline.edge.ledger.rejected_records import Corrections, LedgerOriginals
from pipeline.edge.ledger.renewals import Renewals
from pipeline.edge.ledger.runs import RunRow, Runs
from pipeline.edge.ledger.sends import Sends
from pipeline.edge.ledger.times import ConfirmedTime
from pipeline.edge.ledger.watermarks import BalanceOrder
from pipeline.edge.ledger.write_offs import WHOLE, WriteOffs

__all__ = [
    "ACCEPTED",
    "ENDED_STATES",
    "FINISHED_STATES",
    "REMOVED",
    "WHOLE",
    "Accepted",
    "AuditTrail",
    "BalanceOrder",
    "Chain",
    "Chains",
    "ConfirmedTime",
    "Corrections",
    "Counted",
    "Decisions",
    "EarlierLoads",
    "FileRow",
    "Files",
    "Gate",
    "GroupCommit",
    "Handover",
    "Ledger",
    "LedgerOrigin",
    "LedgerOriginals",
    "Lineage",
    "PersonalData",
    "Renewals",
    "RunRow",
    "Runs",
    "Sends",
    "WriteOff",
    "WriteOffs",
    "added",
    "copy_ledger",
    "open_ledger",
    "single_file_named",
    "snapshot",
]
