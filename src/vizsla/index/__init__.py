"""What we know: observations merged into addresses, people and companies, with their sources."""
