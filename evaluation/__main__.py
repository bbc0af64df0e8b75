"""
Does extraction still read real pages as well as it must? The verifier names and replies? And does the finder find, where its
pairs have been gathered?

    python -m evaluation [--json] [--errors] [--no-peers] [--raise-floors]
    python -m evaluation.finder build | measure | train

Exit code 0: every floor holds. 1: one does not. 2: too few pages could be had to judge.
"""

import argparse
import contextlib
import sys
from collections.abc import Mapping

import msgspec

from evaluation.corpus import Unfetchable, gather
from evaluation.extraction import Error, Score, score_pages, total
from evaluation.finder.__main__ import measure as measure_finder
from evaluation.floors import Floors, find_breaches, labels_digest, load_floors, raise_floors, save_floors
from evaluation.gibberish import DRAWN_AT_RANDOM, GibberishScore, print_score, score_model
from evaluation.labels import Page, load_clear, load_labels, seal
from evaluation.obfuscation import ADDRESS, DISGUISES, LOOKALIKES, PLAIN, PROTECTED, Case
from evaluation.readers import ExtractEmails, Reader, regex_over_source, regex_over_text, vizsla
from evaluation.replies import BESIDE, ReplyScore, load_lines, print_scores, score_ours
from evaluation.replies import score_peers as score_reply_peers
from evaluation.titles import TitleScore, load_titles, score_titles

FEWEST_PAGES = 100
OURS, OURS_OFF = "vizsla", "vizsla, protected left alone"
PARTS = {"saved web pages": "web", "documentation": "docs", "dev half": "dev", "held-out half": "held_out"}
Scores = Mapping[tuple[str, str], Score]


class CaseResult(msgspec.Struct, frozen=True):
    """What was read of one case of the obfuscation table."""

    name: str
    on: bool
    off: bool
    right: bool


def main() -> int:
    options = parse_arguments()
    labels = load_labels()
    corpus = gather({(page.package, page.path): page.sha256 for page in labels})
    pages = {page.sha256: (page, corpus.bodies[page.sha256]) for page in labels if page.sha256 in corpus.bodies}
    for package, reason in corpus.lacking.items():
        print(f"! pages of {package} are left out: {reason}", file=sys.stderr)

    results: dict[str, Scores] = {}
    results[OURS], errors = score_pages(pages, vizsla(decoding=True))
    results[OURS_OFF], leaks = score_pages(pages, vizsla(decoding=False), decoding=False)
    if not options.no_peers:
        results |= score_peers(pages)
    table = [read_case(case) for case in DISGUISES + LOOKALIKES]
    titles = score_titles(load_titles())
    floors = load_floors()
    try:
        gibberish = score_model()
    except (Unfetchable, OSError) as error:
        gibberish = None
        print(f"! gibberish is not measured: {error}", file=sys.stderr)
    replies = score_replies(with_peers=not options.no_peers)
    measured = measure(results, table, titles, gibberish=gibberish, replies=replies.get(OURS), floors=floors)

    if options.json:
        print(as_json(results, table, measured, len(pages), len(labels)))
    else:
        print_results(results, table, titles, len(pages), len(labels))
        if gibberish:
            print_score(gibberish)
        if replies:
            print_scores(replies)
    if options.errors:
        print_errors(errors + [leak for leak in leaks if leak.kind == "leaked"])
    if len(pages) < FEWEST_PAGES:
        print(f"! {len(pages)} pages are too few to judge; see above what could not be fetched", file=sys.stderr)
        return 2
    if options.raise_floors:
        if len(pages) < len(labels):
            print("! floors are raised on all pages only", file=sys.stderr)
            return 2
        floors = raise_floors(floors, measured)
        save_floors(floors)
    breaches = find_breaches(floors, measured) + [
        f"{count} protected addresses were given with decoding off" for count in [leaked(results)] if count
    ]
    for breach in breaches:
        print(f"! {breach}", file=sys.stderr)
    # Figures as JSON are those of the pages; the finder's stay readable beside them.
    with contextlib.redirect_stdout(sys.stderr if options.json else sys.stdout):
        print("\nthe finder")
        finder = measure_finder(peers=not options.no_peers, pinning=options.raise_floors)
    return 1 if breaches or finder == 1 else 0


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m evaluation", description="Accuracy of extraction on real pages labelled by hand."
    )
    parser.add_argument("--json", action="store_true", help="print figures as JSON")
    parser.add_argument("--errors", action="store_true", help="list what is wrong on pages of the dev half")
    parser.add_argument("--no-peers", action="store_true", help="only Vizsla, without the readers it is compared to")
    parser.add_argument(
        "--raise-floors", action="store_true", help="lift the floors to what was measured and pin the labels"
    )
    return parser.parse_args()


def score_peers(pages: Mapping[str, tuple[Page, bytes]]) -> dict[str, Scores]:
    published = {
        "extract-emails": ExtractEmails("default"),
        "extract-emails, advanced": ExtractEmails("advanced"),
    }
    readers: dict[str, Reader] = {
        "regex over the source": regex_over_source,
        "regex over the text": regex_over_text,
        **published,
    }
    try:
        return {name: score_pages(pages, reader)[0] for name, reader in readers.items()}
    finally:
        for peer in published.values():
            peer.close()


def score_replies(*, with_peers: bool) -> dict[str, ReplyScore]:
    """Of everybody who reads replies, ourselves first; empty without a corpus."""
    if not BESIDE.is_file():
        print(f"! replies are not measured: their corpus ({BESIDE.name}) is not beside this checkout", file=sys.stderr)
        return {}
    lines = load_lines(BESIDE)
    return {OURS: score_ours(lines)} | (score_reply_peers(lines) if with_peers else {})


def read_case(case: Case) -> CaseResult:
    page = Page(
        family="table",
        package="",
        version="",
        path=case.name,
        sha256="",
        uri="https://www.nordlicht-verlag.de/kontakt",
        split="",
        addresses=(),
    )
    found = {
        decoding: {read.email for read in vizsla(decoding=decoding)(page, case.html.encode())}
        for decoding in (True, False)
    }
    if case in LOOKALIKES:
        return CaseResult(case.name, bool(found[True]), bool(found[False]), not found[True] and not found[False])
    on, off = found[True] == {ADDRESS}, bool(found[False])
    right = on and (off if case.kind == PLAIN else not off if case.kind == PROTECTED else True)
    return CaseResult(case.name, on, off, right)


def measure(
    results: Mapping[str, Scores],
    table: list[CaseResult],
    titles: Mapping[str, TitleScore],
    *,
    gibberish: GibberishScore | None,
    replies: ReplyScore | None,
    floors: Floors,
) -> Floors:
    """What was measured; where there were no names for the gibberish model or no replies, their floors stand for them."""
    ours = total(results[OURS])
    noise = gibberish.noises[DRAWN_AT_RANDOM] if gibberish else None
    return Floors(
        labels=labels_digest(),
        precision=ours.precision,
        recall=ours.recall,
        name_precision=ours.name_precision,
        name_recall=ours.name_recall,
        seniority=titles["seniority"].accuracy,
        department=titles["department"].accuracy,
        disguises=sum(row.right for row in table[: len(DISGUISES)]),
        lookalikes=sum(not row.right for row in table[len(DISGUISES) :]),
        gibberish_auc=noise.auc if noise else floors.gibberish_auc,
        gibberish_recall=noise.recall if noise else floors.gibberish_recall,
        replies=replies.accuracy if replies else floors.replies,
        replies_blamed=replies.blaming if replies else floors.replies_blamed,
    )


def leaked(results: Mapping[str, Scores]) -> int:
    return total(results[OURS_OFF]).leaked


def print_results(
    results: Mapping[str, Scores], table: list[CaseResult], titles: Mapping[str, TitleScore], scored: int, labelled: int
) -> None:
    print(f"{scored} of {labelled} labelled pages\n")
    print(f"{'':34}{'precision':>18}{'recall':>18}{'F1':>7}{'names: precision':>19}{'recall':>16}{'gave up':>9}")
    for reader, scores in results.items():
        print_row(reader, total(scores))
        if reader == OURS:
            for title, part in PARTS.items():
                print_row(f"  {title}", total(scores, lambda key, part=part: part in key))
    ours = total(results[OURS])
    print(
        f"\npositions of Vizsla, letter for letter: {ours.positions_right} right, {ours.positions_false} other, {ours.positions_missed} missed"
        f"\nleft out of the score: {ours.ignored} doubtful or reserved addresses that Vizsla read"
        f"\nprotected addresses given with decoding off: {leaked(results)}"
    )
    wrong = [row for row in table if not row.right]
    disguises = sum(row.right for row in table[: len(DISGUISES)])
    print(
        f"\nobfuscation table: {disguises} of {len(DISGUISES)} read, {sum(not row.right for row in table[len(DISGUISES) :])} of {len(LOOKALIKES)} look-alikes taken"
    )
    for row in wrong:
        print(
            f"  not as it should be: {row.name} (decoding on: {'read' if row.on else 'not read'}, off: {'read' if row.off else 'not read'})"
        )
    for asked, score in titles.items():
        print(
            f"{asked} from a title: {score.accuracy:.3f} ({score.right} right, {score.wrong} wrong, {score.missed} missed)"
        )


def print_row(title: str, score: Score) -> None:
    def share(value: float, part: int, whole: int) -> str:
        return f"{value:.3f} {f'{part}/{whole}':>9}"

    names = score.names_right + score.names_false
    print(
        f"{title:34}{share(score.precision, score.right, score.right + score.false):>18}{share(score.recall, score.right, score.right + score.missed):>18}{score.f1:7.3f}"
        + (f"{share(score.name_precision, score.names_right, names):>19}" if names else f"{'-':>19}")
        + (
            f"{share(score.name_recall, score.names_right, score.names_right + score.names_missed):>16}"
            if names
            else f"{'-':>16}"
        )
        + (f"{score.failed:>9}" if score.failed else "")
    )


def print_errors(errors: list[Error]) -> None:
    """What is wrong on the dev half; the other half is never shown, so that it stays a test."""
    clear = load_clear()
    for error in sorted(errors, key=lambda error: (error.kind, error.page.package, error.page.path)):
        if error.page.split != "dev":
            continue
        known = clear[error.page.sha256].addresses if error.page.sha256 in clear else ()
        same = [
            address
            for address in known
            if error.what in (seal(error.page.sha256, address.email), address.email)
            or error.what.startswith(f"{address.email} ")
        ]
        label = f"   label: {same[0].email} {[' / '.join(name) for name in same[0].names]}" if same else ""
        print(f"{error.kind:14} {error.what:44} {error.page.sha256[:12]}.html  {error.page.uri[:90]}{label}")


def as_json(
    results: Mapping[str, Scores], table: list[CaseResult], measured: Floors, scored: int, labelled: int
) -> str:
    readers = {
        reader: [
            {"family": family, "split": split, **msgspec.to_builtins(score)}
            for (family, split), score in scores.items()
        ]
        for reader, scores in results.items()
    }
    return msgspec.json.encode(
        {"pages": scored, "labelled": labelled, "measured": measured, "readers": readers, "obfuscation": table}
    ).decode()


if __name__ == "__main__":
    sys.exit(main())
