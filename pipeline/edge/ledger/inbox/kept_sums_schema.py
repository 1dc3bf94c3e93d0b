"""The step of the inbox's tables that keeps sums beside what they are made of: a page does not add up a million rows.

Triggers keep them, so that they change in the same step, whoever changes what.
"""

from __future__ import annotations

_PAID = """SELECT {row}.file_id, {row}.currency, 1, {row}.paid_minor,
            max({row}.paid_minor - coalesce({row}.due_minor, {row}.paid_minor), 0)"""
_ADD_PAID = f"""
        INSERT INTO paid_sums {_PAID.format(row="new")} WHERE new.file_id IS NOT NULL AND new.paid_minor > 0
            ON CONFLICT (file_id, currency) DO UPDATE SET bills = bills + 1,
            paid_minor = paid_minor + excluded.paid_minor, overpaid_minor = overpaid_minor + excluded.overpaid_minor;"""
_TAKE_PAID = """
        UPDATE paid_sums SET bills = bills - 1, paid_minor = paid_minor - old.paid_minor,
            overpaid_minor = overpaid_minor - max(old.paid_minor - coalesce(old.due_minor, old.paid_minor), 0)
            WHERE file_id = old.file_id AND currency = old.currency AND old.paid_minor > 0;"""
_KEY = "coalesce({row}.currency, '?'), iif({row}.dismissed, 'dismissed', {row}.outcome)"
_ADD_PAYMENT = f"""
        INSERT INTO payment_sums SELECT {_KEY.format(row="new")}, 1, coalesce(new.amount_minor, 0), copies,
            coalesce(new.amount_minor * copies, 0) FROM deliveries WHERE deliveries.seq = new.seq
            ON CONFLICT (currency, outcome) DO UPDATE SET payments = payments + 1,
            amount_minor = amount_minor + excluded.amount_minor, copies = copies + excluded.copies,
            copied_minor = copied_minor + excluded.copied_minor;"""  # noqa: S608 (ours)
_TAKE_PAYMENT = f"""
        UPDATE payment_sums SET payments = payments - 1, amount_minor = amount_minor - coalesce(old.amount_minor, 0),
            copies = payment_sums.copies - deliveries.copies,
            copied_minor = copied_minor - coalesce(old.amount_minor * deliveries.copies, 0)
            FROM deliveries WHERE deliveries.seq = old.seq
            AND (payment_sums.currency, payment_sums.outcome) = ({_KEY.format(row="old")});"""  # noqa: S608 (ours)

KEPT_SUMS = f"""
    -- What is paid of the bills of each file: sums of `paid_bills`.
    CREATE TABLE paid_sums (
        file_id INTEGER NOT NULL,
        currency TEXT NOT NULL,
        bills INTEGER NOT NULL,             -- of which something is paid
        paid_minor INTEGER NOT NULL,
        overpaid_minor INTEGER NOT NULL,    -- of it what is beyond what was due, where that is known
        PRIMARY KEY (file_id, currency)
    ) STRICT, WITHOUT ROWID;
    INSERT INTO paid_sums SELECT file_id, currency, count(*), sum(paid_minor),
        sum(max(paid_minor - coalesce(due_minor, paid_minor), 0))
        FROM paid_bills WHERE file_id IS NOT NULL AND paid_minor > 0 GROUP BY 1, 2;
    CREATE TRIGGER paid_sums_of_new_bill AFTER INSERT ON paid_bills BEGIN {_ADD_PAID} END;
    CREATE TRIGGER paid_sums_of_old_bill AFTER DELETE ON paid_bills BEGIN {_TAKE_PAID} END;
    CREATE TRIGGER paid_sums_of_bill AFTER UPDATE ON paid_bills BEGIN {_TAKE_PAID} {_ADD_PAID} END;

    -- Payments by currency ("?" where it cannot be read) and outcome, with the copies of their deliveries.
    CREATE TABLE payment_sums (
        currency TEXT NOT NULL,
        outcome TEXT NOT NULL,
        payments INTEGER NOT NULL,
        amount_minor INTEGER NOT NULL,
        copies INTEGER NOT NULL,
        copied_minor INTEGER NOT NULL,
        PRIMARY KEY (currency, outcome)
    ) STRICT, WITHOUT ROWID;
    INSERT INTO payment_sums SELECT {_KEY.format(row="payments")}, count(*), coalesce(sum(amount_minor), 0),
        sum(copies), coalesce(sum(amount_minor * copies), 0) FROM payments JOIN deliveries USING (seq) GROUP BY 1, 2;
    CREATE TRIGGER payment_sums_of_new_payment AFTER INSERT ON payments BEGIN {_ADD_PAYMENT} END;
    CREATE TRIGGER payment_sums_of_payment AFTER UPDATE OF currency, outcome, dismissed, amount_minor ON payments
        BEGIN {_TAKE_PAYMENT} {_ADD_PAYMENT} END;
    CREATE TRIGGER payment_sums_of_copy AFTER UPDATE OF copies ON deliveries BEGIN
        UPDATE payment_sums SET copies = copies + new.copies - old.copies,
            copied_minor = copied_minor + coalesce(payments.amount_minor * (new.copies - old.copies), 0)
            FROM payments WHERE payments.seq = new.seq
            AND (payment_sums.currency, payment_sums.outcome) = ({_KEY.format(row="payments")});
    END;
    """  # noqa: S608 (ours)
