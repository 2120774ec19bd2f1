"""One run of QEMU: from power on to power off."""

import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from booksync_vm.lines import LineError, Lines
from booksync_vm.platforms import PLATFORMS, Platform
from booksync_vm.programs import Programs

ANSWER_SECONDS = 120

#: How long a kernel may take until it says that it has no disk; where KVM works, it is a second.
TRIAL_SECONDS = 20

#: Kept of each packet: whom it is for.
PACKET_BYTES = 256

#: What the initramfs says then (nix/builders/vm/initramfs.sh).
TRIAL_ANSWER = "booksync: no disk"


@dataclass(frozen=True)
class Model:
    """A machine that can be built any number of times.

    :param files: `vmlinuz`, `initrd`, `root.ext4`
    """

    platform: Platform
    programs: Programs
    files: Path
    accelerator: str
    processors: int = 2
    memory: int = 3072  # MiB

    def command(self, directory: Path, *, packets: Path) -> list[str]:
        """Return QEMU's words for a machine whose state is in a directory.

        :param packets: gets what the network card sends and receives
        """
        return [
            *self.programs.qemu(self.platform.program),
            *self.platform.accelerated(self.accelerator),
            *("-smp", str(self.processors), "-m", str(self.memory)),
            *("-nodefaults", "-no-user-config", "-display", "none", "-no-reboot"),
            *("-kernel", str(self.files / "vmlinuz"), "-initrd", str(self.files / "initrd")),
            *("-append", f"console={self.platform.console} panic=-1 loglevel=4"),
            *("-chardev", f"file,id=console,append=on,path={directory / 'console'}", "-serial", "chardev:console"),
            *("-qmp", f"unix:{directory / 'monitor.socket'},server=on,wait=off"),
            *("-drive", f"if=virtio,format=raw,readonly=on,file={self.files / 'root.ext4'}"),
            # by the host's cache: a power cut of the guest loses what it has not written, not what it has not flushed
            *("-drive", f"if=virtio,format=raw,cache=writeback,discard=unmap,file={directory / 'disk'}"),
            *("-device", "virtio-serial-pci"),
            *("-chardev", f"socket,id=agent,path={directory / 'agent.socket'},server=on,wait=off"),
            *("-device", "virtserialport,chardev=agent,name=org.qemu.guest_agent.0"),
            # restrict: whoever asks from outside is answered, and nothing of the guest's gets out
            *("-netdev", "user,id=network,restrict=on,ipv6=off", "-device", "virtio-net-pci,netdev=network,romfile="),
            *("-object", f"filter-dump,id=packets,netdev=network,maxlen={PACKET_BYTES},file={packets}"),
        ]

    def trial(self) -> list[str]:
        """Return QEMU's words for a machine that ends by itself, as it has no disk."""
        return [
            *self.programs.qemu(self.platform.program),
            *self.platform.accelerated("kvm"),
            *("-m", "256", "-nodefaults", "-no-user-config", "-display", "none", "-no-reboot", "-serial", "stdio"),
            *("-kernel", str(self.files / "vmlinuz"), "-initrd", str(self.files / "initrd")),
            *("-append", f"console={self.platform.console} panic=-1"),
        ]


def load_model(environment: Mapping[str, str] = os.environ) -> Model:
    """Find what the environment names, and an accelerator that works.

    `BOOKSYNC_VM_ACCELERATOR` says which, without a trial.
    """
    model = Model(
        platform=PLATFORMS[environment["BOOKSYNC_ARCH"]],
        programs=Programs(Path(environment["BOOKSYNC_VM_TOOLS"])),
        files=Path(environment["BOOKSYNC_VM"]),
        accelerator="tcg",
    )
    accelerator = environment.get("BOOKSYNC_VM_ACCELERATOR") or ("kvm" if has_kvm(model) else "tcg")
    return Model(model.platform, model.programs, model.files, accelerator)


def has_kvm(model: Model) -> bool:
    """Tell whether a kernel runs under KVM here; that /dev/kvm is there says little."""
    try:
        ended = subprocess.run(
            model.trial(),
            env=dict(model.programs.environment),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=TRIAL_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return False
    return TRIAL_ANSWER in ended.stdout


class Qemu:
    """A machine that is on."""

    def __init__(self, model: Model, directory: Path, *, packets: Path) -> None:
        for name in ("monitor.socket", "agent.socket"):
            (directory / name).unlink(missing_ok=True)
        self._errors = directory / "qemu.log"
        with self._errors.open("ab") as errors:
            self._process = subprocess.Popen(
                model.command(directory, packets=packets),
                env=dict(model.programs.environment),
                stdin=subprocess.DEVNULL,
                stdout=errors,
                stderr=errors,
            )
        self._lines = Lines(directory / "monitor.socket")
        self._lines.receive(ANSWER_SECONDS)  # its greeting
        self._ask("qmp_capabilities")

    def _ask(self, command: str, **arguments: object) -> object:
        self._lines.send({"execute": command, "arguments": arguments})
        while True:
            answer = self._lines.receive(ANSWER_SECONDS)
            if "error" in answer:
                raise LineError(f"{command}: {answer['error']['desc']}")
            if "return" in answer:  # beside it there are events
                return answer["return"]

    def forward(self, host_port: int, guest_port: int) -> None:
        """Let a port of the builder's loopback lead to one of the guest.

        :raises LineError: QEMU refuses
        """
        line = f"hostfwd_add network tcp:127.0.0.1:{host_port}-:{guest_port}"
        said = self._ask("human-monitor-command", **{"command-line": line})
        if said:
            raise LineError(f"{line}: {said}")

    def cut_power(self) -> None:
        """End without letting anybody know: of what the guest has not written to its disk, nothing is kept."""
        self._process.kill()
        self._process.wait()
        self._lines.close()

    def wait(self, timeout: float) -> None:
        """Wait until the guest has turned itself off.

        :raises subprocess.TimeoutExpired: it has not
        """
        self._process.wait(timeout)
        self._lines.close()

    @property
    def is_on(self) -> bool:
        """Whether it runs."""
        return self._process.poll() is None

    def said(self) -> str:
        """Return what QEMU itself has written."""
        return self._errors.read_text(errors="replace")
