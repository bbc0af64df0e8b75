"""Archives that stand elsewhere are fetched once, then read as any other."""

import msgspec

from api.conftest import Moment
from archives import gz, page_about, response
from vizsla.kit.settings import Settings
from vizsla.storage.open import Stores
from vizsla.storage.secret import find_secret
from vizsla.work.taking_in import ONE_PROCESS, fetch_archives, harvest_into
from vizsla.work.workplace import Workplace
from worlds.web import page, web


async def test_an_archive_at_a_url_is_fetched_once_and_read(stores: Stores, settings: Settings) -> None:
    archive = gz(response("https://acme.com/team", page_about("Team", "jane@acme.com")))
    async with web() as site:
        site.route("/a/crawl%201.warc.gz?x=1", page(archive, content_type="application/gzip"))
        settings = msgspec.structs.replace(
            settings,
            egress_allow=("127.0.0.1/32",),
            http_ports=(80,),
            http_resolve=(f"data.test:80=127.0.0.1:{site.port}",),
        )
        place = Workplace(settings, stores, find_secret(settings), Moment())
        paths = ["http://data.test/a/crawl%201.warc.gz?x=1", str(settings.home)]
        fetched, other = await fetch_archives(place, paths)
        again, _ = await fetch_archives(place, paths)

        assert (again, other) == (fetched, str(settings.home))
        assert len(site.asked) == 1
    assert fetched.startswith(str(settings.home / "warc" / "fetched"))
    summary = await harvest_into(place, [fetched], engine=ONE_PROCESS)
    assert (summary.pages, summary.addresses) == (1, 1)
