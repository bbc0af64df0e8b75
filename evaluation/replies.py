"""
Are the replies of mail servers read as what they mean?

    python -m evaluation.replies [FILE …] [--errors] [--no-peers]

A file has a JSON object a line: `code`, `text` (addresses written as `<address>`), and what is `wanted`: `invalid`, `full` or
`unknown`. Without one, the corpus beside the checkout is taken, if it is there. Exit code 0: right often enough, and our own
troubles are not called invalid. 1: not so. 2: there is no corpus.
"""

import argparse
import importlib
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path

import msgspec

from vizsla.verifier.classify import classify, parse_reply

BESIDE = Path(__file__).resolve().parents[2] / "shared" / "spec" / "smtp_replies.jsonl"
RIGHT, BLAMED = 0.95, 0.02
"""At least so much right; at most so much of what is about the sender called invalid."""
VERDICTS = {"no_user": "invalid", "disabled": "invalid", "full": "full"}


class Line(msgspec.Struct, frozen=True):
    """A reply and what it means, as its operator or a person found out."""

    code: int
    text: str
    wanted: str
    id: str = ""
    reason: str = ""


class Score(msgspec.Struct):
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


Classifier = Callable[[Line], str]


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
    print(f"{len(lines)} replies: {dict(Counter(line.wanted for line in lines))}\n")
    print(f"{'':16}{'accuracy':>10}{'user-unknown recall':>22}{'sender problems called invalid':>32}{'µs each':>10}")
    ours = score(lines, vizsla)
    print_row("vizsla", ours)
    for name, peer in () if options.no_peers else peers():
        print_row(name, score(lines, peer))
    if options.errors:
        for line, said in ours.wrong:
            print(f"wanted {line.wanted}, said {said}: {line.code} {line.text[:150]}  ({line.reason})")
    return 0 if ours.accuracy >= RIGHT and ours.blaming <= BLAMED else 1


def load_lines(file: Path) -> list[Line]:
    return [msgspec.json.decode(line, type=Line) for line in file.read_bytes().splitlines() if line.strip()]


def score(lines: Iterable[Line], classifier: Classifier) -> Score:
    result = Score()
    for line in lines:
        started = time.perf_counter()
        said = classifier(line)
        result.seconds += time.perf_counter() - started
        result.lines += 1
        result.right += said == line.wanted
        result.users += line.wanted == "invalid"
        result.users_found += line.wanted == said == "invalid"
        result.ours += line.wanted == "unknown"
        result.blamed += line.wanted == "unknown" and said == "invalid"
        if said != line.wanted:
            result.wrong.append((line, said))
    return result


def vizsla(line: Line) -> str:
    meaning = classify(parse_reply(line.code, unmask(line.text)))
    return VERDICTS.get(meaning.outcome, "unknown")


def unmask(text: str) -> str:
    """Addresses as a server echoes them, in the place of the mask."""
    return text.replace("<address>", "someone@masked.example")


def peers() -> Iterable[tuple[str, Classifier]]:
    """Published classifiers that are installed here; the others are named, not passed over."""
    for name, find in (("pigeontrust", _pigeontrust), ("listwash", _listwash), ("lupaxa", _lupaxa)):
        try:
            yield name, find()
        except (ImportError, AttributeError) as error:
            print(f"{name:16}not measured: {error}")


def _pigeontrust() -> Classifier:
    classify_reply = importlib.import_module("pigeontrust.smtp_probe").classify_reply
    verdicts = {"not_exists": "invalid", "mailbox_full": "full"}
    return lambda line: verdicts.get(classify_reply(line.code, unmask(line.text)).value, "unknown")


def _listwash() -> Classifier:
    classify_code = importlib.import_module("listwash.classify").classify_code
    return lambda line: {"invalid": "invalid"}.get(classify_code(line.code, unmask(line.text)), "unknown")


def _lupaxa() -> Classifier:
    module = importlib.import_module("lupaxa.verify_email.smtp_checker")
    (checker,) = (kind for kind in vars(module).values() if hasattr(kind, "interpret_rcpt_reply"))

    def read(line: Line) -> str:
        text = f"{line.code} {unmask(line.text)}"
        said, why = checker.interpret_rcpt_reply(text, True, "someone@masked.example", "someone@masked.example")
        return "full" if why == module.MAILBOX_FULL else {"invalid": "invalid"}.get(said, "unknown")

    return read


def print_row(name: str, result: Score) -> None:
    each = result.seconds / max(1, result.lines) * 1e6
    print(
        f"{name:16}{result.accuracy:>10.1%}{f'{result.recall:.1%} ({result.users_found}/{result.users})':>22}"
        f"{f'{result.blaming:.1%} ({result.blamed}/{result.ours})':>32}{each:>10.0f}"
    )


if __name__ == "__main__":
    sys.exit(main())
