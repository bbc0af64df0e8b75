"""What both doors, the API and the pages, ask of the house: each question metered in the same way, whoever passes it on."""
