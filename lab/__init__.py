"""
Does Vizsla tell good addresses from bad ones where real mail servers answer?

Knot, Unbound, Postfix with Postgrey, Exim and OpenSMTPD as Debian ships them, and simulators of what cannot be installed, in a
network namespace that has nothing but `lo`: no packet leaves the machine, and nothing of the machine is changed. What is right
is known of every address from how its domain is set up.
"""
