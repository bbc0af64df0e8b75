"""The JSON API: one door, `/v2/…`. Only here are HTTP statuses known."""
