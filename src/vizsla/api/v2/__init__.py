"""The calls of version 2, one module a subject."""

from vizsla.api.registry import Routes
from vizsla.api.v2 import (
    account,
    api_keys,
    bulk_findings,
    bulk_searches,
    bulk_verifications,
    calibration,
    campaigns,
    connected_apps,
    domain_search,
    email_accounts,
    email_count,
    email_finder,
    email_verifier,
    leads,
    leads_attributes,
    leads_bulk,
    leads_files,
    leads_lists,
    sequences,
    sequences_figures,
    sequences_steps,
    tags,
    webhooks,
)


def all_calls(*, trial: bool) -> Routes:
    """Every call; those that need no key and mask their answers only if *trial*."""
    endpoints = [
        *domain_search.calls.endpoints,
        *email_finder.calls.endpoints,
        *bulk_findings.calls.endpoints,
        *bulk_searches.calls.endpoints,
        *calibration.calls.endpoints,
        *email_verifier.calls.endpoints,
        *bulk_verifications.calls.endpoints,
        *email_count.calls.endpoints,
        *account.calls.endpoints,
        *api_keys.calls.endpoints,
        *leads.calls.endpoints,
        *leads_bulk.calls.endpoints,
        *leads_files.calls.endpoints,
        *leads_lists.calls.endpoints,
        *leads_attributes.calls.endpoints,
        *tags.calls.endpoints,
        *webhooks.calls.endpoints,
        *connected_apps.calls.endpoints,
        *campaigns.calls.endpoints,
        *sequences.calls.endpoints,
        *sequences_steps.calls.endpoints,
        *sequences_figures.calls.endpoints,
        *email_accounts.calls.endpoints,
    ]
    trials = [*domain_search.trial_calls.endpoints, *email_finder.trial_calls.endpoints]
    return Routes([*endpoints, *trials] if trial else endpoints, {**leads_lists.ALIASES, **campaigns.ALIASES})
