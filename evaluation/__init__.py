"""
How much of what a page says does extraction read, and how much does it make up?

``make eval`` answers with numbers from real pages labelled by hand; the label guide is `README.md`.
"""
