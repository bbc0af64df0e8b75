"""
A real browser at a real `vizsla serve`, beside a local web site and local mail servers.

Debian's Chromium, told to resolve no name but loopback's. Whatever a page complains about in the console, every violation of the
content security policy and every request to another host fails the test that caused it.
"""

import asyncio
import os
import re
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path

import pytest
from playwright.async_api import Browser, BrowserContext, ConsoleMessage, Page, async_playwright

from worlds.dns import dns
from worlds.smtp import Script, smtp
from worlds.web import Web, web

ARGS = [
    "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-default-apps",
    "--disable-extensions", "--disable-domain-reliability",
    "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1 , EXCLUDE localhost",
]  # fmt: skip
WCAG = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
AXE = resources.files("axe_playwright_python").joinpath("axe.min.js").read_text("utf-8")
PASSWORD = "correct horse battery staple"
TEAM = """<title>Team - Kestrel Optics</title><h1>Team</h1>
<div><h3>Nora Quill</h3><p>Head of Sales</p><a href="mailto:nora.quill@kestrel.test">nora.quill@kestrel.test</a></div>
<div><h3>Otto Brandt</h3><p>Engineer</p><a href="mailto:otto.brandt@kestrel.test">otto.brandt@kestrel.test</a></div>
<p>Write to <a href="mailto:info@kestrel.test">info@kestrel.test</a></p>"""


@pytest.fixture(scope="session")
def chromium() -> str:
    """Where Chromium is; installed from Debian if this process may, or the test is skipped with the reason."""
    if shutil.which("chromium") is None and shutil.which("apt-get") and os.geteuid() == 0:
        quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        for words in (["update"], ["install", "-y", "--no-install-recommends", "chromium", "fonts-dejavu-core"]):
            subprocess.run(
                ["apt-get", "-qq", "-o", "DPkg::Lock::Timeout=400", *words], env=quiet, check=False, timeout=600
            )
    found = shutil.which("chromium")
    if found is None:
        pytest.skip("CHROMIUM IS MISSING, so no page was looked at: `apt-get install chromium fonts-dejavu-core`")
    return found


@pytest.fixture
async def browser(chromium: str) -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        opened = await playwright.chromium.launch(executable_path=chromium, headless=True, args=ARGS)
        yield opened
        await opened.close()


@dataclass
class Served:
    """A running server, what it printed, and what the worlds round it saw."""

    url: str
    printed: str
    home: Path
    web: Web
    complaints: list[str] = field(default_factory=list)

    @property
    def setup_link(self) -> str:
        found = re.search(r"http\S+/setup/\w+", self.printed)
        assert found, self.printed
        return found[0]


@asynccontextmanager
async def serving(home: Path, **variables: str) -> AsyncIterator[Served]:
    """`vizsla serve --with-sample`, as `make run` starts it, with `kestrel.test` (a site and a mail server) on loopback."""
    async with AsyncExitStack() as stack:
        site = await stack.enter_async_context(web())
        site.route("kestrel.test/", "<title>Kestrel Optics</title><a href='/team'>Team</a>")
        site.route("kestrel.test/team", TEAM)
        world = await stack.enter_async_context(dns())
        world.zone("test")
        world.zone("example")
        for name in ("probe.vizsla.test", "kestrel.test"):
            world.add(name, "A", "127.0.0.1")
        world.add("1.0.0.127.in-addr.arpa", "PTR", "probe.vizsla.test")
        world.add("kestrel.test", "MX", (10, "mx.kestrel.test"))
        world.add("mx.kestrel.test", "A", "127.0.0.40")
        script = Script()
        script.people = frozenset({"nora.quill", "otto.brandt", "info", "postmaster"})
        mail = await stack.enter_async_context(smtp(script, "127.0.0.40"))
        environment = {
            **os.environ,
            "VIZSLA_HOME": str(home),
            "VIZSLA_PROBE": "on",
            "VIZSLA_DNS_SERVERS": world.server,
            "VIZSLA_SMTP_PORT": str(mail.port),
            "VIZSLA_EGRESS_ALLOW": "127.0.0.0/8",
            "VIZSLA_HELO_NAME": "probe.vizsla.test",
            "VIZSLA_MAIL_FROM": "probe@vizsla.test",
            "VIZSLA_HTTP_PORTS": f"80,443,{site.port}",
            "VIZSLA_HTTP_RESOLVE": f"kestrel.test:80=127.0.0.1:{site.port}",
            "VIZSLA_CRAWL_DELAY": "0",
            **variables,
        }
        log = stack.enter_context((home.parent / "server.log").open("wb"))
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "vizsla.cli.main", "serve", "--port", "0", "--with-sample",
            env=environment, stdout=asyncio.subprocess.PIPE, stderr=log,
        )  # fmt: skip
        assert process.stdout is not None
        try:
            printed = (await asyncio.wait_for(process.stdout.readuntil(b"Ctrl-C."), 60)).decode()
            url = re.findall(r"http://[\d.:]+", printed)[0]
            yield Served(url, printed, home, site)
        finally:
            process.terminate()
            await asyncio.wait_for(process.wait(), 30)
        assert "Traceback" not in (home.parent / "server.log").read_text()


@pytest.fixture
async def served(home: Path, sampled_home: Path) -> AsyncIterator[Served]:
    shutil.copytree(sampled_home, home)
    async with serving(home) as running:
        yield running
        assert running.complaints == []


async def open_context(browser: Browser, served: Served, **options: object) -> BrowserContext:
    """A browser of its own whose pages' complaints are kept."""
    context = await browser.new_context(base_url=served.url, **options)  # type: ignore[arg-type]
    if options.get("java_script_enabled", True):
        # There before each page: to hand it to one that is open costs half a second.
        await context.add_init_script(AXE)

    def heard(message: ConsoleMessage) -> None:
        # Chromium calls every refused request an error; what a refusal looks like is for the test to say.
        if message.type in ("error", "warning") and not message.text.startswith("Failed to load resource"):
            served.complaints.append(f"{message.type}: {message.text}")

    def watch(page: Page) -> None:
        page.on("console", heard)
        page.on("pageerror", lambda error: served.complaints.append(f"uncaught: {error}"))
        page.on(
            "request",
            lambda request: (
                None
                if request.url.startswith((served.url, "data:", "blob:"))
                else served.complaints.append(f"went elsewhere: {request.url}")
            ),
        )

    context.on("page", watch)
    return context


async def violations(page: Page, *rules: str, without: Sequence[str] = ()) -> list[str]:
    """
    What axe finds on *page* by all rules of WCAG 2.2 AA, or by these; a line each. *without*: what is not looked at, as selectors.

    Put in by the debugger, so the page's policy does not stand in its way.
    """
    only = {"type": "rule", "values": rules} if rules else {"type": "tag", "values": WCAG}
    found = await page.evaluate(
        "([context, options]) => axe.run(context, options).then(found => found.violations)",
        [{"include": ["html"], "exclude": list(without)}, {"runOnly": only, "resultTypes": ["violations"]}],
    )
    return [
        f"{violation['id']}: {node['target']} {node.get('failureSummary', '')[:200]}"
        for violation in found
        for node in violation["nodes"]
    ]


async def set_up(page: Page, served: Served) -> None:
    """Make the first account, as the one who installs does."""
    await page.goto(served.setup_link)
    await page.get_by_label("E-mail address").fill("olga@vizsla.test")
    await page.get_by_label("Password").fill(PASSWORD)
    await page.get_by_role("button", name="Make the account").click()
    await page.wait_for_url(f"{served.url}/")
