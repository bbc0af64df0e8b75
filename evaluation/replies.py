"""
Are the replies of mail servers read as what they mean?

    python -m evaluation.replies [FILE …] [--errors] [--no-peers]

A file has a JSON object a line: `code`, `text` (addresses written as `<address>`), and what is `wanted`: `invalid`, `full` or
`unknown`. Without one, the corpus beside the checkout is taken, if it is there. Exit code 0: right often enough, and our own
troubles are not called invalid. 1: not so. 2: there is no corpus.
"""

import argparse
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import msgspec

from evaluation.corpus import CACHE, FETCH_SECONDS, ROOT, Unfetchable
from vizsla.verifier.classify import classify, parse_reply

BESIDE = ROOT.parents[1] / "shared" / "spec" / "smtp_replies.jsonl"
RIGHT, BLAMED = 0.95, 0.02
"""At least so much right; at most so much of what is about the sender called invalid."""
OURS = "vizsla"
PEERS = {
    "pigeontrust": "0.2.0",
    "listwash": "0.1.0",
    "lupaxa-verify-email": "0.1.1",
    "py3-validate-email": "1.0.5.post2",
}
"""Published packages that judge replies, in the versions that were read."""
VERDICTS = {"no_user": "invalid", "disabled": "invalid", "full": "full"}
_PEER_SECONDS = 60


class Line(msgspec.Struct, frozen=True):
    """A reply and what it means, as its operator or a person found out."""

    code: int
    text: str
    wanted: str
    id: str = ""
    reason: str = ""

    @property
    def unmasked(self) -> str:
        """The text with an address in the place of its mask, as the server echoed it."""
        return self.text.replace("<address>", "someone@masked.example")


class ReplyScore(msgspec.Struct):
    """How a classifier did on a corpus."""

    lines: int = 0
    right: int = 0
    users: int = 0
    users_found: int = 0
    ours: int = 0
    blamed: int = 0
    seconds: float = 0.0
    wrong: list[tuple[Line, str]] = []

    @property
    def accuracy(self) -> float:
        return self.right / max(1, self.lines)

    @property
    def recall(self) -> float:
        """How many of the addresses that do not exist are called invalid."""
        return self.users_found / max(1, self.users)

    @property
    def blaming(self) -> float:
        """How many of the replies about the sender are called invalid."""
        return self.blamed / max(1, self.ours)


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m evaluation.replies", description="Accuracy of the reply classifier."
    )
    parser.add_argument("files", nargs="*", type=Path, help="corpora, a JSON object a line")
    parser.add_argument("--errors", action="store_true", help="list what is wrong")
    parser.add_argument("--no-peers", action="store_true", help="only Vizsla")
    options = parser.parse_args()
    files = options.files or [BESIDE]
    if missing := [file for file in files if not file.is_file()]:
        print(f"! there is no corpus at {missing[0]}: nothing was measured", file=sys.stderr)
        return 2
    lines = [line for file in files for line in load_lines(file)]
    ours = score_ours(lines)
    print_scores({OURS: ours} | ({} if options.no_peers else score_peers(lines)))
    if options.errors:
        for line, said in ours.wrong:
            print(f"wanted {line.wanted}, said {said}: {line.code} {line.text[:150]}  ({line.reason})")
    return 0 if ours.accuracy >= RIGHT and ours.blaming <= BLAMED else 1


def load_lines(file: Path) -> list[Line]:
    return [msgspec.json.decode(line, type=Line) for line in file.read_bytes().splitlines() if line.strip()]


def vizsla(line: Line) -> str:
    meaning = classify(parse_reply(line.code, line.unmasked))
    return VERDICTS.get(meaning.outcome, "unknown")


def score(lines: Iterable[Line], said: Iterable[str], seconds: float = 0.0) -> ReplyScore:
    """How *said* does on *lines*, one verdict for each."""
    result = ReplyScore(seconds=seconds)
    for line, verdict in zip(lines, said, strict=True):
        result.lines += 1
        result.right += verdict == line.wanted
        result.users += line.wanted == "invalid"
        result.users_found += line.wanted == verdict == "invalid"
        result.ours += line.wanted == "unknown"
        result.blamed += line.wanted == "unknown" and verdict == "invalid"
        if verdict != line.wanted:
            result.wrong.append((line, verdict))
    return result


def score_ours(lines: Sequence[Line]) -> ReplyScore:
    for line in lines[:5]:  # what is compiled at the first use is no reply's time
        vizsla(line)
    started = time.perf_counter()
    said = [vizsla(line) for line in lines]
    return score(lines, said, time.perf_counter() - started)


def score_peers(lines: Sequence[Line]) -> dict[str, ReplyScore]:
    """The published packages that can be had; of the others it is said why they cannot."""
    scores = {}
    for package in PEERS:
        try:
            scores[package] = _score_peer(package, lines)
        except (Unfetchable, OSError, subprocess.SubprocessError, msgspec.DecodeError) as error:
            print(f"! {package} is not measured: {error}", file=sys.stderr)
    return scores


class _Said(msgspec.Struct):
    said: list[str]
    seconds: float


def _score_peer(package: str, lines: Sequence[Line]) -> ReplyScore:
    folder = _install(package)
    replies = msgspec.json.encode([(line.code, line.unmasked) for line in lines])
    program = ROOT / "reply_peer_process.py"
    done = subprocess.run(
        [sys.executable, "-I", program, package, folder],
        input=replies,
        capture_output=True,
        timeout=_PEER_SECONDS,
        check=False,
    )
    if done.returncode:
        raise Unfetchable((done.stderr.decode().strip().splitlines() or ["it failed"])[-1])
    answer = msgspec.json.decode(done.stdout, type=_Said)
    return score(lines, answer.said, answer.seconds)


def _install(package: str) -> Path:
    """*package* and what it needs, in a folder of its own that is on nobody else's path."""
    folder = CACHE / "peers" / f"{package}-{PEERS[package]}"
    if not (folder / ".installed").exists():
        command = [
            sys.executable,
            "-m",
            "pip",
            "install",
            "--quiet",
            "--disable-pip-version-check",
            "--target",
            str(folder),
        ]
        done = subprocess.run(
            [*command, "--upgrade", f"{package}=={PEERS[package]}"],
            capture_output=True,
            text=True,
            timeout=FETCH_SECONDS,
            check=False,
        )
        if done.returncode:
            raise Unfetchable((done.stderr.strip().splitlines() or ["no reason given"])[-1])
        (folder / ".installed").touch()
    return folder


def print_scores(scores: dict[str, ReplyScore]) -> None:
    any_score = next(iter(scores.values()))
    print(
        f"\n{any_score.lines} replies of mail servers: {any_score.users} that there is no such user, {any_score.ours} about the sender\n"
    )
    print(f"{'':22}{'right':>8}{'unknown user found':>22}{'sender called invalid':>24}{'µs each':>10}")
    for row in _rows(scores):
        print(row)


def _rows(scores: dict[str, ReplyScore]) -> Iterator[str]:
    for name, one in scores.items():
        found = f"{one.recall:.3f} {f'{one.users_found}/{one.users}':>9}"
        blamed = f"{one.blaming:.3f} {f'{one.blamed}/{one.ours}':>9}"
        yield f"{name:22}{one.accuracy:>8.3f}{found:>22}{blamed:>24}{one.seconds / max(1, one.lines) * 1e6:>10.1f}"


if __name__ == "__main__":
    sys.exit(main())
