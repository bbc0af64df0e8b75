"""Page → observations and facts. Pure: nothing in here opens a file, a socket or a database."""
