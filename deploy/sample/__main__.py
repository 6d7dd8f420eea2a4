"""`python -m deploy.sample [FOLDER]`: the sample company in force in a folder, with the
decisions of a morning on record, to be governed from the command line (docs/govern.md)."""

from __future__ import annotations

import argparse
import random
import shutil
import subprocess
import sys
from collections import Counter
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

from deploy.demo.processes import NotStartedError, Program, accepts, free_port
from deploy.sample.morning import Asked, ask, askable, drawn
from deploy.sample.stand_in import StandIn, stand_in
from grantd.client import Client
from grantd_server.governance.document import parse_directory
from grantd_server.governance.testing.reading.suite_files import read_suites

if TYPE_CHECKING:
    from collections.abc import Iterator

SAMPLE: Final = Path(__file__).parent
GRANTD: Final = Path(sys.executable).with_name("grantd")
SEED: Final = 20261124


def main() -> int:
    """Returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m deploy.sample", description=__doc__)
    parser.add_argument("folder", type=Path, nargs="?", default=Path(".run/company"), help="a new folder")
    parser.add_argument("--questions", type=int, default=400, help="how many sign-ins ask for a grant")
    chosen = parser.parse_args()
    try:
        asked = morning(chosen.folder, chosen.questions)
    except (FileExistsError, NotStartedError) as fault:
        print(fault, file=sys.stderr)
        return 1
    print(f"{len(asked)} sign-ins asked for a grant:")
    examples = {_outcome(each): each.decision_id for each in asked}
    for outcome, count in Counter(_outcome(each) for each in asked).most_common():
        print(f"  {count:5}  {outcome:24}  grantd explain {examples[outcome]}")
    print(f"The company is in force in {chosen.folder}. cd there, export GRANTD_CONFIG=grantd.yaml, and govern it.")
    return 0


def _outcome(asked: Asked) -> str:
    if asked.refusal:
        return asked.refusal
    return "granted" if asked.granted == set(asked.question.scopes) else "granted in part"


def morning(folder: Path, questions: int) -> list[Asked]:
    """Puts the company in force, with the records of so many questions.

    Raises:
        FileExistsError: there is something in the folder already.
    """
    folder.mkdir(parents=True)
    shutil.copytree(SAMPLE / "governance", folder / "governance")
    shutil.copy(SAMPLE / "grantd.yaml", folder)
    company = stand_in(parse_directory(folder / "governance").root.plain())
    cases = askable(read_suites(folder / "governance"), company)
    chance = random.Random(SEED)  # noqa: S311 - the same morning every time
    with served(folder, company) as client:
        asked = [ask(client, company, case) for case in drawn(cases, questions, chance)]
    grantd(folder, "apply", "governance", "-m", "The sample company as it stands")
    return asked


@contextmanager
def served(folder: Path, company: StandIn) -> Iterator[Client]:
    """The service with the company's rules and our credentials, until the end of the block."""
    bundle = company.write(folder / "stand-in")
    port, http = free_port(), free_port()
    command = [str(GRANTD), "serve", "--config", str(folder / "grantd.yaml"), "--governance", str(bundle)]
    environment = {
        "GRANTD__GRPC__LISTEN": f"127.0.0.1:{port}",
        "GRANTD__GRPC__PLAINTEXT": "service",
        "GRANTD__HTTP__LISTEN": f"127.0.0.1:{http}",
        "GRANTD__LIMITS__DRAIN_NOTICE": "0",
    }
    program = Program("grantd", command, folder / "morning.log", environment)
    try:
        program.wait_until(lambda: accepts(port) and accepts(http))
        with Client.loopback(f"127.0.0.1:{port}") as client:
            yield client
    finally:
        program.stop()
        shutil.rmtree(bundle)


def grantd(folder: Path, *arguments: str) -> str:
    """One command of grantd, in the company's folder."""
    command = [str(GRANTD), *arguments, "--config", "grantd.yaml"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)  # noqa: S603 - our own program
    if done.returncode:
        raise NotStartedError(f"grantd {' '.join(arguments)}: {done.stderr or done.stdout}")
    return done.stdout


if __name__ == "__main__":
    sys.exit(main())
