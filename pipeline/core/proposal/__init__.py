"""Proposals of feeds for unknown files, for `init --from` alone: `feed_proposal.propose`.

- `first_look` finds encoding, delimiter and rows; `table` finds header, records, titles and footers in them;
  `json_tables` makes rows of objects, and of the items of their lists
- `name_meaning` says what words in a header mean; `words_by_language` is the one place where words are added
- `columns` says what a column's values are; `roles` and `amounts` weigh names and values, and choose or ask
- `readings` finds the notations of amounts and dates; `understanding` has all of it for one file
- `feed_proposal` and `yaml_text` write it down; `doubts` says what a person should know besides

Nothing here is certain, and nothing is applied by itself. Nothing here opens a file: bytes are given to it.
"""
