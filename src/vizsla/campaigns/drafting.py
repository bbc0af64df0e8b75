"""
What must be known to write the messages of a claim?

The campaign and its steps, read and parsed once for each of their versions; the leads and what was sent to them before, read anew.
What cannot be written is one recipient's error, and nobody else's.
"""

from collections import OrderedDict, defaultdict
from collections.abc import Sequence

from vizsla.campaigns.attachments import files_of_step, list_attached
from vizsla.campaigns.campaign import Campaign, CampaignNotFound, get_campaign
from vizsla.campaigns.claiming import Claimed
from vizsla.campaigns.compose import Draft, Script, ScriptStep, Thread, Writer, compose, thread_of
from vizsla.campaigns.deliveries import RELEASED, Outcome
from vizsla.campaigns.links import list_links
from vizsla.campaigns.steps import list_steps
from vizsla.campaigns.templates import fields_of, parse_step
from vizsla.campaigns.tracking import Tokens
from vizsla.kit.errors import VizslaError
from vizsla.leads.attributes import list_attributes
from vizsla.leads.store import leads_with_ids
from vizsla.mail.mime import attach
from vizsla.storage.database import Reader
from vizsla.storage.statement import statement

_SCRIPTS = 200
"""Campaigns whose steps are kept parsed."""
_SENT = statement("""
    SELECT recipient_id, message_id, subject FROM message WHERE account_id = :account_id
    AND recipient_id IN :ids[bigint] AND sent_at IS NOT NULL ORDER BY recipient_id, step
""")


class Drafting:
    """Writes messages. Templates are kept by campaign and version, those asked for last."""

    def __init__(self, app: Reader, tokens: Tokens, base_url: str) -> None:
        self._app = app
        self._tokens = tokens
        self._base_url = base_url.rstrip("/")
        self._scripts = OrderedDict[tuple[int, int], Script]()

    async def write(self, claimed: Sequence[Claimed], writer: Writer, at: int) -> list[tuple[Claimed, Draft | Outcome]]:
        """A draft for each of *claimed*, all of one account, or why there is none."""
        account_id = claimed[0].account_id
        scripts = {id_: await self._script(account_id, id_) for id_ in {each.campaign_id for each in claimed}}
        ids = [each.lead_id for each in claimed if each.lead_id is not None]
        leads = {lead.id: lead for lead in await leads_with_ids(self._app, account_id, ids)} if ids else {}
        slugs = {each.id: each.slug for each in await list_attributes(self._app, account_id)}
        threads = await self._threads(account_id, [each.recipient_id for each in claimed if each.step])
        written: list[tuple[Claimed, Draft | Outcome]] = []
        for each in claimed:
            script, lead = scripts[each.campaign_id], leads.get(each.lead_id or 0)
            if script is None:
                written.append((each, RELEASED))
                continue
            fields = (fields_of(lead, slugs) if lead else {}) | {"email": each.email}
            thread = threads.get(each.recipient_id, Thread())
            try:
                draft = compose(
                    script,
                    each,
                    fields,
                    thread=thread,
                    writer=writer,
                    tokens=self._tokens,
                    base_url=self._base_url,
                    at=at,
                )
            except (VizslaError, ValueError) as error:
                details = error.details if isinstance(error, VizslaError) else str(error)
                written.append((each, Outcome("error", reply=f"The message cannot be written: {details}"[:500])))
            else:
                written.append((each, draft))
        return written

    async def _script(self, account_id: int, campaign_id: int) -> Script | None:
        try:
            campaign = await get_campaign(self._app, account_id, campaign_id)
        except CampaignNotFound:
            return None
        known = self._scripts.pop((account_id, campaign_id), None)
        if known is None or known.campaign != campaign:
            known = await self._read(account_id, campaign)
        self._scripts[account_id, campaign_id] = known
        if len(self._scripts) > _SCRIPTS:
            self._scripts.popitem(last=False)
        return known

    async def _read(self, account_id: int, campaign: Campaign) -> Script:
        with_files = {each.step for each in await list_attached(self._app, account_id, campaign.id)}
        steps = []
        for step in await list_steps(self._app, account_id, campaign.id):
            files = (
                await files_of_step(self._app, account_id, campaign.id, step.number)
                if step.number in with_files
                else []
            )
            parsed = parse_step(step.subject, step.body, step.format)
            steps.append(ScriptStep(parsed, step.format, tuple(attach(*file) for file in files)))
        links = await list_links(self._app, account_id, campaign.id) if campaign.tracks_clicks else {}
        return Script(campaign, tuple(steps), links)

    async def _threads(self, account_id: int, recipient_ids: Sequence[int]) -> dict[int, Thread]:
        if not recipient_ids:
            return {}
        sent = defaultdict[int, list[tuple[str, str]]](list)
        rows = await self._app.fetch_all(_SENT, {"account_id": account_id, "ids": list(recipient_ids)})
        for recipient_id, name, subject in rows:
            sent[recipient_id].append((name, subject))
        return {recipient_id: thread_of(messages) for recipient_id, messages in sent.items()}
