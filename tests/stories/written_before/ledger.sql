BEGIN TRANSACTION;
CREATE TABLE arrivals (feed TEXT PRIMARY KEY, at TEXT NOT NULL) STRICT, WITHOUT ROWID;
INSERT INTO "arrivals" VALUES('accounts','2026-11-28T13:15:56Z');
INSERT INTO "arrivals" VALUES('balances','2026-11-28T13:15:55Z');
INSERT INTO "arrivals" VALUES('bills','2026-11-28T13:15:56Z');
CREATE TABLE binding (merchant TEXT NOT NULL, environment TEXT NOT NULL);
INSERT INTO "binding" VALUES('citypower','live');
CREATE TABLE clock (confirmed_at TEXT NOT NULL) STRICT;
INSERT INTO "clock" VALUES('2026-11-28T13:15:58Z');
CREATE TABLE corrected (
        file_id INTEGER NOT NULL,           -- of the first original
        record INTEGER NOT NULL,
        by_file INTEGER NOT NULL,
        by_record INTEGER NOT NULL,
        reference TEXT NOT NULL,
        content TEXT NOT NULL,
        settled INTEGER NOT NULL DEFAULT 0, -- whether the API holds it, whatever becomes of its outcome here
        PRIMARY KEY (file_id, record)
    ) STRICT, WITHOUT ROWID;
CREATE TABLE decisions (
        id INTEGER PRIMARY KEY,
        sha256 TEXT NOT NULL,
        word TEXT NOT NULL,                 -- release or refuse
        at TEXT NOT NULL,
        user_name TEXT NOT NULL,
        host TEXT NOT NULL,
        feed_print TEXT NOT NULL,           -- what the person was shown: feed, totals and reasons
        totals TEXT NOT NULL,
        holds TEXT NOT NULL,                -- JSON: prints of the reasons
        accept_changes INTEGER NOT NULL,
        up_to INTEGER,                      -- so many records may be settled in all; null: every one
        why TEXT,
        fate TEXT NOT NULL DEFAULT 'pending' -- pending, taken, void or replaced
    ) STRICT;
CREATE TABLE entities (
        kind TEXT NOT NULL,
        reference TEXT NOT NULL,
        id TEXT NOT NULL,
        owner TEXT,                         -- reference of the customer (of an account or bill)
        currency TEXT,
        balance INTEGER,                    -- minor units, as last set by us or shown by the API
        details TEXT NOT NULL DEFAULT '{}', -- JSON, as last sent
        watermark TEXT, sure INTEGER NOT NULL DEFAULT 1,                     -- of the balance
        PRIMARY KEY (kind, reference)
    ) STRICT, WITHOUT ROWID;
INSERT INTO "entities" VALUES('account','ACC-1','bacc_661189d5d4eb8af3bc9c14cc','CP-1',NULL,NULL,'{}',NULL,1);
INSERT INTO "entities" VALUES('bill','INV-1001','bill_cae0bfec1d9912cb828b2c91','CP-1','ZAR',NULL,'{}',NULL,1);
INSERT INTO "entities" VALUES('bill','INV-1002','bill_251a06a3801887c25d772292','CP-1','ZAR',NULL,'{}',NULL,1);
INSERT INTO "entities" VALUES('bill','INV-2001','bill_5188c6751d8a997f39ad6d60','CP-1','ZAR',NULL,'{}',NULL,1);
INSERT INTO "entities" VALUES('customer','CP-1','bcus_32b5e1a1e7aa5a78d3921de9',NULL,NULL,NULL,'{"name":"Thandi Nkosi"}',NULL,1);
INSERT INTO "entities" VALUES('customer','CP-7','bcus_9a6a4f55108ffafd92f1a720',NULL,'ZAR',70000,'{}','2026-11-26#000000000002',1);
INSERT INTO "entities" VALUES('customer','CP-8','bcus_17cfabb7760e84f03fcd9ae3',NULL,'ZAR',8010,'{}','2026-11-26#000000000002',1);
CREATE TABLE files (
        id INTEGER PRIMARY KEY,             -- landing order
        sha256 TEXT NOT NULL UNIQUE,
        name TEXT NOT NULL,
        source TEXT NOT NULL,
        feed TEXT NOT NULL,
        feed_print TEXT NOT NULL,           -- hash of the feed it was read with
        name_parts TEXT NOT NULL,           -- JSON
        rejects_of TEXT,
        size_bytes INTEGER NOT NULL,
        state TEXT NOT NULL,
        landed_at TEXT NOT NULL,
        finished_at TEXT,
        summary TEXT                        -- JSON, as reported
    , as_of TEXT, landing INTEGER NOT NULL DEFAULT 0, came_back INTEGER NOT NULL DEFAULT 0) STRICT;
INSERT INTO "files" VALUES(1,'88f87ebb6dbbfd6e975617b372fdf060929b748d3c066df94f1d2bc17b2ec71b','za_bills_2026-11-26.csv','drop','bills','50bf66cc3bb4dce7d38d0830d081b39563012e953052b217113ca18491eda193','{"date": "2026-11-26"}',NULL,314,'loaded_with_rejects','2026-11-28T13:15:53Z','2026-11-28T13:15:54Z','{"file":{"name":"za_bills_2026-11-26.csv","sha256":"88f87ebb6dbbfd6e975617b372fdf060929b748d3c066df94f1d2bc17b2ec71b","size_bytes":314,"feed":"bills","model":"bill"},"run":{"id":"d0eea667-c2f4-4c64-9b02-354b044acd1e","started_at":"2026-11-28T13:15:53.854180Z","finished_at":"2026-11-28T13:15:54.307005Z","merchant":"citypower","environment":"live","dry_run":false},"state":"loaded_with_rejects","records":{"total":3,"created":2,"updated":0,"unchanged":0,"duplicate":0,"rejected":1,"conflict":0,"refused":0,"in_doubt":0,"not_attempted":0},"amounts_minor":{"ZAR":{"total":157309,"created":156075,"updated":0,"unchanged":0,"duplicate":0,"rejected":1234,"conflict":0,"refused":0,"in_doubt":0,"not_attempted":0}},"amount_unreadable":0,"requests":{"sent":2,"retried":0,"rate_limited":0,"looked_up":0},"control":{"declared":{"records":3,"amounts_minor":{"ZAR":157309},"hash_total":null},"counted":{"records":3,"amounts_minor":{"ZAR":157309},"hash_total":null}},"refusal":null,"holds":[],"held_amounts":{},"notes":["columns ignored: Branch"],"codes":{"due_date.impossible":1},"reports":["summary.json","results.csv","rejects.csv","report.html"]}',NULL,1,0);
INSERT INTO "files" VALUES(2,'669aa25276e7daa33277d32e3afb7cceb41548eb5448aa154193310f61bf3027','za_balances_2026-11-26.csv','drop','balances','5d707747652a11ccc14a61a63c1d35da0d9ab217911a6614c6eb8bf67c87279c','{"date": "2026-11-26"}',NULL,67,'loaded','2026-11-28T13:15:55Z','2026-11-28T13:15:56Z','{"file":{"name":"za_balances_2026-11-26.csv","sha256":"669aa25276e7daa33277d32e3afb7cceb41548eb5448aa154193310f61bf3027","size_bytes":67,"feed":"balances","model":"customer_balance"},"run":{"id":"3839b920-8f4f-418f-9f36-fb490f16b59b","started_at":"2026-11-28T13:15:55.005211Z","finished_at":"2026-11-28T13:15:55.722816Z","merchant":"citypower","environment":"live","dry_run":false},"state":"loaded","records":{"total":2,"created":2,"updated":0,"unchanged":0,"duplicate":0,"rejected":0,"conflict":0,"refused":0,"in_doubt":0,"not_attempted":0},"amounts_minor":{"ZAR":{"total":78010,"created":78010,"updated":0,"unchanged":0,"duplicate":0,"rejected":0,"conflict":0,"refused":0,"in_doubt":0,"not_attempted":0}},"amount_unreadable":0,"requests":{"sent":2,"retried":0,"rate_limited":0,"looked_up":0},"control":null,"refusal":null,"holds":[],"held_amounts":{},"notes":[],"codes":{},"reports":["summary.json","results.csv","report.html"]}','2026-11-26',2,0);
INSERT INTO "files" VALUES(3,'b2cbe7d8a339f55534ebefecb773be7d308b4d79eeb8a27b2a491536001858f0','za_accounts_2026-11-27.csv','drop','accounts','6749de2dc0a9f39dc42ffd69fb8b56db32afc5d4cc776322cc079752406c1623','{"date": "2026-11-27"}',NULL,75,'held','2026-11-28T13:15:56Z','2026-11-28T13:15:56Z','{"file":{"name":"za_accounts_2026-11-27.csv","sha256":"b2cbe7d8a339f55534ebefecb773be7d308b4d79eeb8a27b2a491536001858f0","size_bytes":75,"feed":"accounts","model":"account_balance"},"run":{"id":"521389ef-adcd-4bfe-b1b7-e95c4bf2795b","started_at":"2026-11-28T13:15:56.305837Z","finished_at":"2026-11-28T13:15:56.584820Z","merchant":"citypower","environment":"live","dry_run":false},"state":"held","records":{"total":1,"created":0,"updated":0,"unchanged":0,"duplicate":0,"rejected":0,"conflict":0,"refused":0,"in_doubt":0,"not_attempted":1},"amounts_minor":{"ZAR":{"total":12050,"created":0,"updated":0,"unchanged":0,"duplicate":0,"rejected":0,"conflict":0,"refused":0,"in_doubt":0,"not_attempted":12050}},"amount_unreadable":0,"requests":{"sent":0,"retried":0,"rate_limited":0,"looked_up":0},"control":null,"refusal":null,"holds":[{"code":"file.release_always","message":"feed.release is always: each file waits for a person","changes":[]}],"held_amounts":{"ZAR":{"records":1,"total_minor":12050,"smallest_minor":12050,"median_minor":12050,"largest_minor":12050}},"notes":[],"codes":{},"reports":["summary.json","results.csv","report.html"]}','2026-11-27',3,0);
INSERT INTO "files" VALUES(4,'223b391b3fb622b9268fdac4c80305bfb0bc4eed93dce9480245ac7349e42996','za_bills_2026-11-27.csv','drop','bills','50bf66cc3bb4dce7d38d0830d081b39563012e953052b217113ca18491eda193','{"date": "2026-11-27"}',NULL,307,'unfinished','2026-11-28T13:15:56Z','2026-11-28T13:15:58Z','{"file":{"name":"za_bills_2026-11-27.csv","sha256":"223b391b3fb622b9268fdac4c80305bfb0bc4eed93dce9480245ac7349e42996","size_bytes":307,"feed":"bills","model":"bill"},"run":{"id":"1da72004-2e06-4bc1-a4f8-49443d490684","started_at":"2026-11-28T13:15:56.856684Z","finished_at":"2026-11-28T13:15:58.215255Z","merchant":"citypower","environment":"live","dry_run":false},"state":"unfinished","records":{"total":3,"created":1,"updated":0,"unchanged":0,"duplicate":0,"rejected":0,"conflict":0,"refused":0,"in_doubt":2,"not_attempted":0},"amounts_minor":{"ZAR":{"total":62790,"created":9900,"updated":0,"unchanged":0,"duplicate":0,"rejected":0,"conflict":0,"refused":0,"in_doubt":52890,"not_attempted":0}},"amount_unreadable":0,"requests":{"sent":11,"retried":2,"rate_limited":0,"looked_up":6},"control":{"declared":{"records":3,"amounts_minor":{"ZAR":62790},"hash_total":null},"counted":{"records":3,"amounts_minor":{"ZAR":62790},"hash_total":null}},"refusal":null,"holds":[],"held_amounts":{},"notes":["columns ignored: Branch"],"codes":{"api.cut":2},"reports":["summary.json","results.csv","report.html"]}',NULL,4,0);
CREATE TABLE gates (
        file_id INTEGER PRIMARY KEY REFERENCES files (id),
        feed_print TEXT NOT NULL,
        totals TEXT NOT NULL,
        is_open INTEGER NOT NULL,           -- 0: held
        up_to INTEGER,                      -- by --limit; null: every record
        last_load INTEGER                   -- of its feed, when it was held
    ) STRICT;
INSERT INTO "gates" VALUES(1,'50bf66cc3bb4dce7d38d0830d081b39563012e953052b217113ca18491eda193','{"ZAR": {"not_attempted": [2, 156075], "rejected": [1, 1234]}}',1,NULL,NULL);
INSERT INTO "gates" VALUES(2,'5d707747652a11ccc14a61a63c1d35da0d9ab217911a6614c6eb8bf67c87279c','{"ZAR": {"not_attempted": [2, 78010]}}',1,NULL,NULL);
INSERT INTO "gates" VALUES(3,'6749de2dc0a9f39dc42ffd69fb8b56db32afc5d4cc776322cc079752406c1623','{"ZAR": {"not_attempted": [1, 12050]}}',0,NULL,NULL);
INSERT INTO "gates" VALUES(4,'50bf66cc3bb4dce7d38d0830d081b39563012e953052b217113ca18491eda193','{"ZAR": {"not_attempted": [3, 62790]}}',1,NULL,1);
CREATE TABLE generations (
        kind TEXT NOT NULL,
        reference TEXT NOT NULL,
        content TEXT NOT NULL,
        generation INTEGER NOT NULL,
        PRIMARY KEY (kind, reference, content)
    ) STRICT, WITHOUT ROWID;
CREATE TABLE handovers (
        id INTEGER PRIMARY KEY,
        sha256 TEXT NOT NULL,
        source TEXT NOT NULL,
        name TEXT NOT NULL,
        size_bytes INTEGER NOT NULL,        -- as it was when it was fetched: another file may have its name by now
        modified_at TEXT NOT NULL,
        place TEXT NOT NULL,                -- archive or quarantine
        report TEXT,                        -- name of the report folder to upload
        UNIQUE (source, name, sha256)
    ) STRICT;
CREATE TABLE intents (
        kind TEXT NOT NULL,
        reference TEXT NOT NULL,
        file_id INTEGER NOT NULL REFERENCES files (id),
        record INTEGER NOT NULL,
        method TEXT NOT NULL,
        path TEXT NOT NULL,
        body BLOB NOT NULL,
        key TEXT,
        content TEXT NOT NULL,
        generation INTEGER NOT NULL,
        customer_reference TEXT NOT NULL,
        account_reference TEXT,
        balance_before INTEGER,
        watermark TEXT,
        first_sent_at TEXT NOT NULL,
        attempts INTEGER NOT NULL DEFAULT 0, sure INTEGER NOT NULL DEFAULT 1,
        PRIMARY KEY (kind, reference)       -- one unsettled intent per business key
    ) STRICT, WITHOUT ROWID;
INSERT INTO "intents" VALUES('bill','INV-2002',4,2,'POST','/billing/bills',X'7B226163636F756E74223A7B22637573746F6D6572223A7B2265787465726E616C5F7265666572656E6365223A2243502D32222C226E616D65223A2250696574657220426F746861227D2C2265787465726E616C5F7265666572656E6365223A224143432D32227D2C22616D6F756E745F647565223A34353030302C2262696C6C5F64617465223A22323032362D31312D3237222C2263757272656E6379223A225A4152222C226475655F64617465223A22323032362D31322D3136222C2265787465726E616C5F7265666572656E6365223A22494E562D32303032222C226D65746164617461223A7B226D65746572223A224D2D3231227D7D','ce661d50-9cb6-580a-a80b-bbb791d47858','85520d037b47027d3dfe39f93e6fca6bce6d88400bcbc9f52326261c18ceba3d',0,'CP-2','ACC-2',NULL,NULL,'2026-11-28T13:15:57.019+00:00',0,1);
INSERT INTO "intents" VALUES('bill','INV-2003',4,3,'POST','/billing/bills',X'7B226163636F756E74223A7B22637573746F6D6572223A7B2265787465726E616C5F7265666572656E6365223A2243502D33222C226E616D65223A224169736861204B68616E227D2C2265787465726E616C5F7265666572656E6365223A224143432D33227D2C22616D6F756E745F647565223A373839302C2262696C6C5F64617465223A22323032362D31312D3237222C2263757272656E6379223A225A4152222C226475655F64617465223A22323032362D31322D3136222C2265787465726E616C5F7265666572656E6365223A22494E562D32303033222C226D65746164617461223A7B226D65746572223A224D2D3331227D7D','a3a6710e-894e-58b2-bd94-954e7f208c83','e9694c3f0119bd160e025efebd29d7229e3307238607d8d6c2cade6ad0f09932',0,'CP-3','ACC-3',NULL,NULL,'2026-11-28T13:15:57.641+00:00',0,1);
CREATE TABLE lineage (
        identity TEXT NOT NULL,
        sequence INTEGER NOT NULL,
        begins_after TEXT,                  -- balances of later days only can be new to the API for sure; null: new
        doubted_until TEXT NOT NULL         -- files of days until then were perhaps loaded by a ledger that knew more
    ) STRICT;
INSERT INTO "lineage" VALUES('aa14a8554591b361e24423b25a18a02d',6,'2026-11-29','');
CREATE TABLE loads (
        id INTEGER PRIMARY KEY,
        file_id INTEGER NOT NULL UNIQUE REFERENCES files (id),
        feed TEXT NOT NULL,
        at TEXT NOT NULL
    ) STRICT;
INSERT INTO "loads" VALUES(1,1,'bills','2026-11-28T13:15:54Z');
INSERT INTO "loads" VALUES(2,2,'balances','2026-11-28T13:15:55Z');
CREATE TABLE outcomes (
        file_id INTEGER NOT NULL,
        record INTEGER NOT NULL,
        outcome TEXT NOT NULL,
        reference TEXT NOT NULL,
        codes TEXT NOT NULL DEFAULT '',
        message TEXT,
        customer_id TEXT,
        account_id TEXT,
        bill_id TEXT,
        attempts INTEGER NOT NULL DEFAULT 0,
        PRIMARY KEY (file_id, record)
    ) STRICT, WITHOUT ROWID;
INSERT INTO "outcomes" VALUES(1,1,'created','INV-1001','',NULL,'bcus_32b5e1a1e7aa5a78d3921de9','bacc_661189d5d4eb8af3bc9c14cc','bill_cae0bfec1d9912cb828b2c91',1);
INSERT INTO "outcomes" VALUES(1,2,'created','INV-1002','',NULL,'bcus_32b5e1a1e7aa5a78d3921de9','bacc_661189d5d4eb8af3bc9c14cc','bill_251a06a3801887c25d772292',1);
INSERT INTO "outcomes" VALUES(2,1,'created','CP-7','',NULL,'bcus_9a6a4f55108ffafd92f1a720',NULL,NULL,1);
INSERT INTO "outcomes" VALUES(2,2,'created','CP-8','',NULL,'bcus_17cfabb7760e84f03fcd9ae3',NULL,NULL,1);
INSERT INTO "outcomes" VALUES(4,1,'created','INV-2001','',NULL,'bcus_32b5e1a1e7aa5a78d3921de9','bacc_661189d5d4eb8af3bc9c14cc','bill_5188c6751d8a997f39ad6d60',1);
INSERT INTO "outcomes" VALUES(4,2,'in_doubt','INV-2002','api.cut','connection cut',NULL,NULL,NULL,2);
INSERT INTO "outcomes" VALUES(4,3,'in_doubt','INV-2003','api.cut','connection cut',NULL,NULL,NULL,2);
CREATE TABLE rejected (
        file_id INTEGER NOT NULL,           -- of the first original
        record INTEGER NOT NULL,
        customer_reference TEXT,
        account_reference TEXT,
        bill_reference TEXT,
        currency TEXT,
        amount_minor INTEGER,
        bill_date TEXT,
        due_date TEXT,
        concerned TEXT NOT NULL,            -- columns that a code was about, each between semicolons; * is all
        PRIMARY KEY (file_id, record)
    ) STRICT, WITHOUT ROWID;
INSERT INTO "rejected" VALUES(1,3,'CP-2','ACC-2','INV-1003','ZAR',1234,'2026-11-26',NULL,';due_date;');
CREATE TABLE runs (
        id INTEGER PRIMARY KEY,
        run_id TEXT NOT NULL,
        started_at TEXT NOT NULL,
        finished_at TEXT,
        exit_status INTEGER,
        states TEXT NOT NULL DEFAULT '{}'   -- JSON: state of a file -> how many
    ) STRICT;
INSERT INTO "runs" VALUES(1,'d0eea667-c2f4-4c64-9b02-354b044acd1e','2026-11-28T13:15:53Z','2026-11-28T13:15:54Z',1,'{"loaded_with_rejects": 1}');
INSERT INTO "runs" VALUES(2,'3839b920-8f4f-418f-9f36-fb490f16b59b','2026-11-28T13:15:55Z','2026-11-28T13:15:56Z',0,'{"loaded": 1}');
INSERT INTO "runs" VALUES(3,'521389ef-adcd-4bfe-b1b7-e95c4bf2795b','2026-11-28T13:15:56Z','2026-11-28T13:15:56Z',1,'{"held": 1}');
INSERT INTO "runs" VALUES(4,'1da72004-2e06-4bc1-a4f8-49443d490684','2026-11-28T13:15:56Z','2026-11-28T13:15:58Z',3,'{"held": 1, "unfinished": 1}');
CREATE TABLE sightings (
        source TEXT NOT NULL,
        name TEXT NOT NULL,
        size_bytes INTEGER NOT NULL,
        modified_at TEXT NOT NULL,
        first_seen_at TEXT NOT NULL,
        sha256 TEXT,
        PRIMARY KEY (source, name)
    ) STRICT, WITHOUT ROWID;
INSERT INTO "sightings" VALUES('drop','za_accounts_2026-11-27.csv',75,'2026-11-28T13:15:56.126700+00:00','2026-11-28T13:15:56.364630+00:00','b2cbe7d8a339f55534ebefecb773be7d308b4d79eeb8a27b2a491536001858f0');
INSERT INTO "sightings" VALUES('drop','za_bills_2026-11-27.csv',307,'2026-11-28T13:15:56.769172+00:00','2026-11-28T13:15:56.859054+00:00','223b391b3fb622b9268fdac4c80305bfb0bc4eed93dce9480245ac7349e42996');
CREATE TABLE spreads (
        file_id INTEGER NOT NULL REFERENCES files (id),
        currency TEXT NOT NULL,
        records INTEGER NOT NULL,
        smallest_minor INTEGER NOT NULL,
        median_minor INTEGER NOT NULL,
        largest_minor INTEGER NOT NULL,
        usual_twice_minor INTEGER NOT NULL, -- twice the median of the sizes, without amounts of nothing
        with_decimals INTEGER NOT NULL,
        PRIMARY KEY (file_id, currency)
    ) STRICT, WITHOUT ROWID;
INSERT INTO "spreads" VALUES(1,'ZAR',2,31025,31025,125050,156075,2);
INSERT INTO "spreads" VALUES(2,'ZAR',2,8010,8010,70000,78010,1);
CREATE INDEX files_by_state ON files (state);
CREATE UNIQUE INDEX entities_by_id ON entities (kind, id);
CREATE INDEX intents_by_file ON intents (file_id);
CREATE INDEX decisions_by_file ON decisions (sha256);
CREATE INDEX loads_by_feed ON loads (feed);
CREATE INDEX corrected_by_file ON corrected (by_file);
COMMIT;
PRAGMA user_version = 6;
