"""Claims: a person or an owner says stop. Kept as keyed hashes; asked by whoever stores or shows an address."""
