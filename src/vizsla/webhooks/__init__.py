"""Who is to be told that something happened, and were they?"""
