"""WARC, WET and HTML files → pages → observations. `extract` is pure; `job` knows files; the index is told by the door."""
