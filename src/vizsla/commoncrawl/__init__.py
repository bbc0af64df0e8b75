"""Pages that Common Crawl has fetched: which there are, and those worth having, record by record."""
