"""Five invented companies as a WARC file, made by `samples/make_sample.py`."""

RICHEST_DOMAIN = "quillstack.example"
"""The domain with the most addresses: what the first question is about."""
