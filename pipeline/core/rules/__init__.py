"""What can be wrong: the catalogue of rule codes, the rules of fields, records and files, and control totals.

`catalogue` holds every code with its words; a rule is added there and in the module of its kind (see CONTRIBUTING.md).
"""
