"""The root that every image stands on: Debian's base packages and what their scripts would have made."""

import subprocess
from pathlib import Path

from booksync_build.attributes import load_attributes, output_path
from booksync_build.debian import Selection, remove_empty_folders, unpack

#: busybox applets that would pretend to be a tool of Debian's, or have no place in a container.
LEFT_OUT_APPLETS = {"bash", "dpkg", "dpkg-deb", "rpm", "rpm2cpio", "init", "linuxrc", "busybox"}


def write_ca_bundle(root: Path) -> None:
    """Write /etc/ssl/certs/ca-certificates.crt, as update-ca-certificates would with its defaults."""
    certificates = sorted((root / "usr/share/ca-certificates").rglob("*.crt"))
    bundle = root / "etc/ssl/certs/ca-certificates.crt"
    bundle.parent.mkdir(parents=True, exist_ok=True)
    bundle.write_text("".join(path.read_text().rstrip("\n") + "\n" for path in certificates))


def write_applets(root: Path, busybox: str) -> None:
    """Link busybox's applets where no other program of that name is."""
    listing = subprocess.run([busybox, "--list"], check=True, capture_output=True, text=True)
    for applet in sorted(set(listing.stdout.split()) - LEFT_OUT_APPLETS):
        places = [root / "usr/bin" / applet, root / "usr/sbin" / applet]
        if not any(place.is_symlink() or place.exists() for place in places):
            places[0].symlink_to("busybox")


def main() -> None:
    attributes = load_attributes()
    root = output_path(attributes)
    root.mkdir()
    selection = Selection(drop=attributes["drop"], keep=attributes["keep"])
    for deb in attributes["debs"]:
        unpack(Path(deb), root, selection)
    remove_empty_folders(root, selection)
    for name in ("bin", "sbin", "lib"):
        link = root / name
        if not link.is_symlink():
            link.symlink_to(f"usr/{name}")
    write_ca_bundle(root)
    write_applets(root, attributes["busybox"])
    for path, text in attributes["files"].items():
        target = root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)
    for path in attributes["folders"]:
        (root / path).mkdir(parents=True, exist_ok=True)
    for path, link in attributes["links"].items():
        target = root / path
        if target.is_dir() and not target.is_symlink():
            target.rmdir()
        target.parent.mkdir(parents=True, exist_ok=True)
        target.symlink_to(link)


if __name__ == "__main__":
    main()
