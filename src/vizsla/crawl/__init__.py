"""Polite fetching of one company's site into WARC files."""
