"""listwash, the whole list at once: it goes through each domain by itself."""

import tempfile

from common import AT_ONCE, emails, helo, sender, tell
from listwash.classify import normalize
from listwash.core import verify

STATUS = {"catch-all": "accept_all", "do_not_mail": "disposable"}
with tempfile.TemporaryDirectory() as folder:
    found = verify(emails, helo=helo, mail_from=sender, workers=AT_ONCE, fresh=True, cache_path=f"{folder}/cache.json")
for email in emails:
    verdict = found[normalize(email)]["verdict"]
    tell(email, STATUS.get(verdict, verdict))
