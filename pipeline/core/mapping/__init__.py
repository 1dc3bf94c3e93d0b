"""How a feed's columns become canonical ones: file names, layouts and canonical records.

- `file_names` matches names to feeds; `feed_validation` says what is wrong with a feed before any file is seen
- `fit_feed.lay_out` fits a feed to one header; `normalise.canonical` then maps each batch of records

Nothing here says whether a value is right: that is `core/rules`. Nothing here opens a file: bytes are given to it.
"""
