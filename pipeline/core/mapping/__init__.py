"""How a feed's columns become Billferry's: file names, layouts, normalised records, and proposals for new feeds."""
