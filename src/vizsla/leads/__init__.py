"""The people an account wants to talk to: leads, the lists they are in, their tags and custom attributes."""
