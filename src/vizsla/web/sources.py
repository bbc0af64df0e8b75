"""On which pages was an address seen? As the index keeps them, for a page to list."""

import msgspec


class Source(msgspec.Struct, frozen=True):
    """A page on which an address was seen."""

    domain: str
    uri: str
    extracted_on: str
    last_seen_on: str
    still_on_page: bool


read_sources = msgspec.json.Decoder(list[Source]).decode
