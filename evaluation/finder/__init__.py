"""Does the finder find? Measured on public pairs of name and address that never enter the repository."""
