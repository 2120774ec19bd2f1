"""What QEMU calls the machines that we run."""

from collections.abc import Sequence
from dataclasses import dataclass

#: MiB for what an emulated processor has translated, which is all lost when that is full: the most that QEMU takes.
TRANSLATED = 2047


@dataclass(frozen=True)
class Platform:
    """An architecture as QEMU has it.

    :param kernel: as `uname -m` says it
    :param emulated_cpu: with what the kernel uses, and nothing that is slow to emulate
    """

    architecture: str
    kernel: str
    machine: str
    emulated_cpu: str
    console: str

    @property
    def program(self) -> str:
        """QEMU's program."""
        return f"qemu-system-{self.kernel}"

    def accelerated(self, accelerator: str) -> Sequence[str]:
        """Return QEMU's options for an accelerator."""
        if accelerator == "tcg":
            return ("-machine", self.machine, "-accel", f"tcg,tb-size={TRANSLATED}", "-cpu", self.emulated_cpu)
        return ("-machine", self.machine, "-accel", accelerator, "-cpu", "host")


PLATFORMS = {
    "amd64": Platform("amd64", kernel="x86_64", machine="q35", emulated_cpu="max", console="ttyS0"),
    # pointer authentication by the architecture's own algorithm takes half of the time
    "arm64": Platform(
        "arm64", kernel="aarch64", machine="virt,gic-version=3", emulated_cpu="max,pauth-impdef=on", console="ttyAMA0"
    ),
}
