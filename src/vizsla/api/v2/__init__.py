"""The calls of the API, one file each."""
