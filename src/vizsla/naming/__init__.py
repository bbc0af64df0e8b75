"""How are people's addresses made of their names? A probability for each local part; nothing here reads a page or a table."""
