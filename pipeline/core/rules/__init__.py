"""What can be wrong: the catalogue of rule codes, the rules of fields, records and files, and control totals.

- `catalogue.RULES` holds every code with its words; how to add one is in CONTRIBUTING.md
- `evaluate.evaluate_rules` applies the rules over the values of one record, which `field_rules` declares
- `cross_record_rules`, `line_items`, `correction_limits` compare records, which `check` hands them
- `control_totals`, `plausibility` are about whole files

Nothing here reads or writes a file, and no message holds a record's value.
"""
