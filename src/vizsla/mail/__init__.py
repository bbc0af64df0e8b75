"""How do we talk to mail servers? One SMTP dialog for probing and for sending, and the pace at which hosts are asked."""
