"""Bad days of a machine: what it lacks, and what happens to a run on it."""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator
from dataclasses import replace

from bench.bad_days.machine import Done, Running, make_machine
from bench.bad_days.mirror import Faults, serve
from bench.bad_days.steps import BUILD, BUILT, FETCH, FETCHED, Days, Step, check

COLLECT = "nix-store --gc --option build-users-group '' >/dev/null 2>&1"

#: A disk of its own has the cache; twelve seconds after the start something else takes what is left of it.
FULL_CACHE = f"""\
mkdir -p /full; mount -t tmpfs -o size=1500m tmpfs /full; mkdir /full/files
cp -r {{kept}} /full/files; cp -r /cache/go-modules /full
(sleep 12; dd if=/dev/zero of=/full/other bs=1M 2>/dev/null) &
{FETCH}; code=$?; wait
rm /full/other
{FETCH} || exit 99
exit $code
"""

#: The store has a disk of its own, of which all but 170 MB are taken before a build that has 104 MB more to fetch.
FULL_STORE = f"""\
mkdir -p /nix; mount -t tmpfs -o size=3g tmpfs /nix
{FETCH} || exit 99
dd if=/dev/zero of=/nix/other bs=1M 2>/dev/null; truncate -s -170M /nix/other
sed -i 's/^BUILD_FACTOR = .*/BUILD_FACTOR = 0/' nix/fetch/booksync_fetch/space.py
{BUILD}; code=$?
rm /nix/other; git checkout --quiet .
{BUILD} || exit 99
exit $code
"""

TWO_RUNS = f"""\
{{forget}}
{BUILD} >/one 2>&1 &
{BUILD} >/two 2>&1
two=$?; wait $!
echo ended with $? and $two
cat /one /two
"""

DAEMON = f"""\
groupadd nixbld
for number in 1 2 3; do
  useradd --system --gid nixbld --groups nixbld --no-create-home --shell /usr/sbin/nologin nixbld$number
done
useradd --create-home --uid 1234 user
chown -R user /src /cache
(nix-daemon >/daemon.log 2>&1 &)
sleep 2
setpriv --reuid=1234 --regid=1234 --clear-groups env HOME=/home/user NIX_REMOTE=daemon {BUILD}
"""

INTERRUPTED = 130
#: Seconds in which an interrupted run must have ended: Nix removes what it was building.
END_LIMIT = 300.0
#: Moments of ^C, in seconds after the start: the shell, imports, evaluation, downloads, the store, builds.
MOMENTS = (0.02, 0.1, 0.2, 0.3, 0.5, 1, 2, 4, 6, 8, 10, 12, 15, 18, 22, 27, 33, 40, 50)


def succeeded(step: Step) -> Step:
    """Show the second run of a script, which ends with the first one's status, or with 99 where the second failed."""
    return replace(step, code=0)


def full_disk(days: Days) -> Iterator[Step]:
    with make_machine(days.ready, days.cache) as machine, serve(days.packages, days.cache) as mirror:
        done = machine.run(f"mkdir -p /nix; mount -t tmpfs -o size=150m tmpfs /nix; {BUILD}")
        yield check("a store without room", done, code=1, line=r"^bootstrap: /nix.*expected .* of free disk space.*")
        mirror.begin(Faults(rate=1_000_000))
        environment = {**mirror.environment, "BOOKSYNC_CACHE": "/full"}
        done = machine.run(FULL_CACHE.format(kept=days.kept), environment=environment)
        yield check("the cache's disk fills while files come", done, code=1, line=r"^bootstrap: .*[Nn]o space left.*")
        yield succeeded(check("with room again", done, code=1, line=FETCHED))
    with make_machine(days.ready, days.cache) as machine:
        done = machine.run(FULL_STORE)
        yield check("the store's disk fills during a build", done, code=1, line=r".*(No space left|disk is full).*")
        yield succeeded(check("with room again", done, code=1, line=BUILT))


def no_apt(days: Days) -> Iterator[Step]:
    with make_machine([days.empty], days.cache) as machine:
        done = machine.run(f"rm /usr/bin/apt-get; {FETCH}")
        yield check("no apt, nothing installed", done, code=1, line=r"^bootstrap: expected Python 3.*without apt-get.*")
    with make_machine(days.ready, days.cache) as machine:
        done = machine.run(f"{days.forget}; rm /usr/bin/apt-get; {FETCH}")
        yield check("no apt, all installed", done, code=1, line=r"^bootstrap: expected apt, to know a Debian mirror.*")
        with serve(days.packages, days.cache) as mirror:
            yield check("DEBIAN_MIRROR", machine.run(FETCH, environment=mirror.environment), code=0, line=FETCHED)


def no_pip(days: Days) -> Iterator[Step]:
    with make_machine(days.ready, days.cache) as machine:
        remove = "dpkg --purge --force-depends python3-pip >/dev/null"
        done = machine.run(f"{remove}; mv /usr/bin/apt-get /usr/bin/apt-gone; {FETCH}")
        yield check(
            "no pip, no apt", done, code=1, line=r"^bootstrap: expected Python 3.*install yourself: python3-pip"
        )
        done = machine.run(f"mv /usr/bin/apt-gone /usr/bin/apt-get; {FETCH}")
        yield check("apt is there", done, code=0, line=FETCHED)


def architecture(days: Days) -> Iterator[Step]:
    for what, lower in (("nothing installed", [days.empty]), ("all installed", days.ready)):
        with make_machine(lower, days.cache) as machine:
            done = machine.run(f"setarch i686 {FETCH}; code=$?; ! command -v git || code=9; exit $code")
            yield check(what, done, code=1, line=r"^bootstrap: expected Linux on x86_64 or aarch64, got Linux .*i686.*")


def interrupt_after(moment: float, running: Running) -> tuple[Done, float]:
    """Send ^C some seconds after a command has said that it has begun; return how it ended, and how much later."""
    running.wait_for("begun")
    time.sleep(moment)
    running.interrupt()
    began = time.monotonic()
    done = running.end(END_LIMIT)
    return done, time.monotonic() - began


def interrupt(days: Days) -> Iterator[Step]:
    with make_machine(days.ready, days.cache) as machine, serve(days.packages, days.cache) as mirror:
        machine.run(days.forget)
        mirror.begin(Faults(rate=2_000_000))
        codes, seconds, wrong = [], [], []
        for moment in MOMENTS:
            done, took = interrupt_after(
                moment, machine.start(f"echo begun; exec {BUILD}", environment=mirror.environment)
            )
            codes.append(done.code)
            seconds.append(took)
            if done.code != INTERRUPTED or "Traceback" in done.output:
                wrong.append(f"after {moment} s: status {done.code}, {done.output[-2000:]}")
        shown = (
            f"statuses {sorted(set(codes))}; ended {statistics.median(seconds):.1f} s later, at most {max(seconds):.1f}"
        )
        yield Step(f"^C after {', '.join(map(str, MOMENTS))} s", max(codes), shown, "\n".join(wrong))
        yield check("at last", machine.run(BUILD, environment=mirror.environment), code=0, line=BUILT)
        done = machine.run(
            "nix-store --verify --check-contents --option build-users-group '' && echo the store is whole"
        )
        yield check("what all those left in the store", done, code=0, line="^the store is whole$")
    with make_machine([days.empty], days.cache) as machine:
        done, _ = interrupt_after(12, machine.start("echo begun; exec ./bootstrap --help"))
        # a traceback may be of Debian's own scripts in Python, which get it too
        yield check(
            "^C while packages are installed", done, code=INTERRUPTED, line="^bootstrap: installing.*", clear=False
        )
        yield check("again", machine.run("./bootstrap --help"), code=0, line="^usage: .*")


def two_runs(days: Days) -> Iterator[Step]:
    with make_machine(days.ready, days.cache) as machine, serve(days.packages, days.cache) as mirror:
        done = machine.run(TWO_RUNS.format(forget=days.forget), environment=mirror.environment)
        yield check("two builds begun together", done, code=0, line="^ended with 0 and 0$")
        yield check("one waits for the other", done, code=0, line=r"^fetch: another run has /cache; waiting.*")


def garbage(days: Days) -> Iterator[Step]:
    with make_machine(days.ready, days.cache) as machine:
        done = machine.run(f"{FETCH} && {COLLECT}; {FETCH}", network=False)
        yield check("a collection after the fetch", done, code=0, line=r"^fetch: .* in the store, 0 of them new")
        done = machine.run(f"rm -rf .nix-roots result; {COLLECT}; {FETCH}", network=False)
        yield check("a store emptied, no network", done, code=0, line=r"^fetch: .* in the store, [1-9]\d* of them new")
        done = machine.run(f"rm -rf /nix; {FETCH}; {COLLECT}; {FETCH}", network=False)
        yield check("/nix removed, then a collection", done, code=0, line=r"^fetch: .* in the store, 0 of them new")


def read_only(days: Days) -> Iterator[Step]:
    home = "mount --bind /root /root; mount -o remount,ro,bind /root"
    with make_machine(days.ready, days.cache) as machine:
        done = machine.run(f"{home}; unset BOOKSYNC_CACHE; {FETCH}", network=False)
        yield check("a read-only home", done, code=1, line=r"^bootstrap: /root/\.cache/booksync: expected a folder.*")
        yield check("BOOKSYNC_CACHE", machine.run(f"{home}; {FETCH}", network=False), code=0, line=FETCHED)
    with make_machine(days.ready, days.cache) as machine:
        done = machine.run(f"mount -o remount,ro,bind /src; {FETCH}", network=False)
        yield check("a read-only checkout", done, code=1, line=r"^bootstrap: /src: expected a checkout.*")


def daemon(days: Days) -> Iterator[Step]:
    with make_machine(days.ready, days.cache) as machine:
        done = machine.run(DAEMON, network=False)
        yield check("a user, through nix-daemon", done, code=0, line=BUILT)


def no_sandbox(days: Days) -> Iterator[Step]:
    with make_machine(days.ready, days.cache) as machine:
        done = machine.run(BUILD, environment={"NIX_CONFIG": "sandbox = false"}, network=False)
        yield check("sandbox = false", done, code=0, line=BUILT)
