"""Is this address deliverable? What can be settled is settled; the rest is `unknown`, with the reason."""
