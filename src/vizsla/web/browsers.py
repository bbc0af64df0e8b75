"""Which browser signed in, in plain words? Read from what it said of itself: a hint for its owner, and no proof of anything."""

import re

# In this order: nearly all of them claim to be Chrome, and Chrome claims to be Safari.
_BROWSERS = (
    ("Edge", re.compile(r"\bEdg(?:e|A|iOS)?/")),
    ("Opera", re.compile(r"\bOPR/|\bOpera")),
    ("Samsung Internet", re.compile(r"\bSamsungBrowser/")),
    ("Vivaldi", re.compile(r"\bVivaldi/")),
    ("Firefox", re.compile(r"\b(?:Firefox|FxiOS)/")),
    ("Chrome", re.compile(r"\b(?:Headless)?(?:Chrome|Chromium|CriOS)/")),
    ("Safari", re.compile(r"\bSafari/")),
)
_SYSTEMS = (
    ("Windows", re.compile(r"\bWindows\b")),
    ("iPhone", re.compile(r"\biPhone\b")),
    ("iPad", re.compile(r"\biPad\b")),
    ("Android", re.compile(r"\bAndroid\b")),
    ("ChromeOS", re.compile(r"\bCrOS\b")),
    ("Mac", re.compile(r"\bMacintosh\b|\bMac OS X\b")),
    ("Linux", re.compile(r"\bLinux\b|\bX11\b")),
)
_PROGRAM = re.compile(r"[A-Za-z][\w.-]{1,30}(?=/[\d.]+)")


def describe_browser(user_agent: str) -> str:
    """`Firefox on Linux`; of a program its name; `An unknown browser` if it says nothing known."""
    browser = next((name for name, mark in _BROWSERS if mark.search(user_agent)), "")
    system = next((name for name, mark in _SYSTEMS if mark.search(user_agent)), "")
    if browser:
        return f"{browser} on {system}" if system else browser
    program = _PROGRAM.match(user_agent)
    if program and program[0] != "Mozilla":
        return program[0]
    return f"An unknown browser on {system}" if system else "An unknown browser"
