"""
Runs inside the environment that `peers` makes, with its packages and without ours: questions in, answers out, a line each.

A question is `[first, middle, last, domain, [[full name, local part], …]]`; an answer `{package: [[local part, score], …]}`.
"""

import json
import sys

from coldreach.generate.learner import targeted_patterns
from emailguesser import generate
from permutations.email_permuter import all_email_permuter

MOST = 20


def answer(first, middle, last, domain, known):
    given = [f"{name} <{local}@{domain}>" for name, local in known]
    question = {"first_name": first, "last_name": last, "domains": [domain], "known_emails": given}
    if middle:
        question["middle_name"] = middle
    try:
        guessed = generate(question, limit=MOST)["emails"]
    except ValueError:
        guessed = []
    learnt = targeted_patterns(f"{first} {last}", domain, [f"{local}@{domain}" for _, local in known])
    return {
        "emailguesser": [[row["email"].partition("@")[0], row["score"]] for row in guessed],
        "email-permutations": [[email.partition("@")[0], 0] for email in all_email_permuter(first, last, domain)],
        "coldreach": [[row.email.partition("@")[0], 0] for row in learnt],
    }


if __name__ == "__main__":
    for line in sys.stdin:
        print(json.dumps(answer(*json.loads(line))))
