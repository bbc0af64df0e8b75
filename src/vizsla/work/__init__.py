"""What is done without anybody waiting at a request: taking in pages, due rows, rows that age."""
