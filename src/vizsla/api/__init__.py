"""The JSON API v2. The one room that knows HTTP statuses."""
