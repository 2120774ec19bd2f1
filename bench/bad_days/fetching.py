"""Bad days of a fetch: what networks, mirrors and disks do to files on their way."""

from __future__ import annotations

from collections.abc import Iterator

from bench.bad_days.machine import make_machine
from bench.bad_days.mirror import Faults, Mirror, serve
from bench.bad_days.steps import FETCH, FETCHED, Days, Step, check


def no_network(days: Days) -> Iterator[Step]:
    with make_machine([days.empty], days.cache) as machine:
        done = machine.run(FETCH, network=False)
        yield check("nothing installed", done, code=1, line=r"^bootstrap: apt-get: expected to install.*")
        yield check("with a network again", machine.run("./bootstrap --help"), code=0, line="^usage: .*")
    with make_machine(days.ready, days.cache) as machine:
        done = machine.run(f"{days.forget}; {FETCH}", network=False, environment={"DEBIAN_MIRROR": "http://mirror"})
        yield check("all installed, nothing fetched", done, code=1, line=r"^bootstrap: .*expected .*got.*")
        with serve(days.packages, days.cache) as mirror:
            yield check(
                "with a network again", machine.run(FETCH, environment=mirror.environment), code=0, line=FETCHED
            )


def slow(days: Days) -> Iterator[Step]:
    with make_machine(days.ready, days.cache) as machine, serve(days.packages, days.cache) as mirror:
        mirror.begin(Faults(rate=1_000_000))
        done = machine.run(f"{days.forget}; {FETCH}", environment=mirror.environment)
        yield check("1 MB/s a connection", done, code=0, line=r"^fetch: \d+ of (\d+) files, .*/s$")


def cut(days: Days) -> Iterator[Step]:
    total = sum(artifact.size for artifact in days.packages)
    with make_machine(days.ready, days.cache) as machine, serve(days.packages, days.cache) as mirror:
        mirror.begin(Faults(budget=total // 2))
        done = machine.run(f"{days.forget}; {FETCH}", environment=mirror.environment)
        yield check("every connection ends after half of all bytes", done, code=1, line=r"^bootstrap: .*expected .*")
        sent = mirror.sent
        mirror.begin(Faults())
        step = check("with a network again", machine.run(FETCH, environment=mirror.environment), code=0, line=FETCHED)
        yield count(step, mirror, sent + mirror.sent, total)
    with make_machine(days.ready, days.cache) as machine, serve(days.packages, days.cache) as mirror:
        mirror.begin(Faults(cut=0.6))
        done = machine.run(f"{days.forget}; {FETCH}", environment=mirror.environment)
        yield count(check("each file is cut once", done, code=0, line=FETCHED), mirror, mirror.sent, total)


def count(step: Step, mirror: Mirror, sent: int, total: int) -> Step:
    """Say how much more was sent than a good day needs."""
    extra = f" ({mirror.resumed} files went on where they ended; {sent / total:.2f} of the bytes of a good day)"
    return Step(step.what, step.code, step.line + extra, step.wrong)


def wrong_hash(days: Days) -> Iterator[Step]:
    for kind, line in (
        ("debian", r"^bootstrap: .*expected SHA-256.*"),
        ("wheels", r"^bootstrap: pip download of (?s:.*)DO NOT MATCH THE HASHES"),
    ):
        artifact = max((item for item in days.packages if item.kind == kind), key=lambda item: item.size)
        with make_machine(days.ready, days.cache) as machine, serve(days.packages, days.cache) as mirror:
            mirror.begin(Faults(wrong=frozenset({artifact.file})))
            done = machine.run(f"{days.forget}; {FETCH}", environment=mirror.environment)
            yield check(f"a byte of {artifact.file} is another", done, code=1, line=line)
            mirror.begin(Faults())
            yield check("from a good mirror", machine.run(FETCH, environment=mirror.environment), code=0, line=FETCHED)


def changed_cache(days: Days) -> Iterator[Step]:
    artifact = max((item for item in days.packages if item.kind == "debian"), key=lambda item: item.size)
    place = f"/cache/files/{artifact.sha256}/{artifact.file}"
    with make_machine(days.ready, days.cache) as machine, serve(days.packages, days.cache) as mirror:
        done = machine.run(f"printf x >> {place}; {FETCH}", environment=mirror.environment)
        yield check("a file of the cache has changed", done, code=1, line=r"^bootstrap: /cache/files/.*it is removed.*")
        yield check("again", machine.run(FETCH, environment=mirror.environment), code=0, line=FETCHED)


def superseded(days: Days) -> Iterator[Step]:
    names = sorted(artifact.file for artifact in days.packages if artifact.kind == "debian")[:3]
    with make_machine(days.ready, days.cache) as machine, serve(days.packages, days.cache) as mirror:
        mirror.begin(Faults(gone=frozenset(names)))
        done = machine.run(f"{days.forget}; {FETCH}", environment=mirror.environment)
        yield check(
            "three packages have left the pool", done, code=1, line=r"^run: \./bootstrap update debian; or name.*"
        )
        missing = [name for name in names if name not in done.output]
        yield Step("all three are named", done.code, ", ".join(names), f"not named: {missing}" if missing else "")
        mirror.begin(Faults())
        yield check("a mirror with history", machine.run(FETCH, environment=mirror.environment), code=0, line=FETCHED)
