"""Databases: connections, transactions, leases, migrations. What is stored is known to the rooms alone."""
