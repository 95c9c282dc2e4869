"""What must be on this machine: Debian packages, a virtual environment, the binary, a folder on a real disk."""

import filecmp
import glob
import json
import os
import pathlib
import pwd
import shutil
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent.parent
ROOT = HERE.parent.parent

PACKAGES = {
    "wrk": lambda: shutil.which("wrk"),
    "redis-server": lambda: shutil.which("redis-server") and shutil.which("redis-benchmark"),
    "postgresql": lambda: postgres_programs(),
    "python3-venv": lambda: subprocess.run([sys.executable, "-c", "import ensurepip"]).returncode == 0,
}


def install_missing():
    missing = [package for package, there in PACKAGES.items() if not there()]
    if not missing:
        return
    if os.geteuid() != 0:
        sys.exit(f"not on this machine: {', '.join(missing)}\nhint: sudo apt-get install {' '.join(missing)}")
    quiet = {"env": {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}, "check": True, "stdout": subprocess.DEVNULL}
    subprocess.run(["apt-get", "update", "-qq"], **quiet)
    subprocess.run(["apt-get", "install", "-y", "-qq", "--no-install-recommends", *missing], **quiet)
    still = [package for package in missing if not PACKAGES[package]()]
    if still:
        sys.exit(f"installed, and its programs are not there all the same: {', '.join(still)}")


def postgres_programs():
    """Folder of the newest PostgreSQL's programs, which Debian keeps out of the PATH; none where there is none."""
    versions = glob.glob("/usr/lib/postgresql/*/bin/initdb")
    newest = max(versions, key=lambda path: int(path.split("/")[4]), default=None)
    return newest and os.path.dirname(newest)


def unprivileged():
    """Who PostgreSQL runs as, since it refuses to be root; where we are not root, as we are."""
    if os.geteuid() != 0:
        return {}
    user = pwd.getpwnam("postgres")
    return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}


def virtual_environment():
    """Python with the service's packages, made anew when the pinned versions change."""
    venv, wanted = ROOT / "target" / "peers-venv", HERE / "python" / "requirements.txt"
    have = venv / "requirements.txt"
    if not (have.exists() and filecmp.cmp(wanted, have, shallow=False)):
        shutil.rmtree(venv, ignore_errors=True)
        subprocess.run([sys.executable, "-m", "venv", venv], check=True)
        pip = [venv / "bin" / "pip", "install", "--quiet", "--disable-pip-version-check", "-r", wanted]
        subprocess.run(pip, check=True)
        shutil.copy(wanted, have)
    return venv / "bin" / "python"


def our_binary():
    """The release binary, built unless the environment's EROS_POINTS names one."""
    named = os.environ.get("EROS_POINTS")
    if named:
        return os.path.realpath(named)
    subprocess.run(["cargo", "build", "--locked", "--release", "--bin", "eros-points"], check=True, cwd=ROOT)
    target = os.environ.get("CARGO_TARGET_DIR", ROOT / "target")
    return os.path.join(target, "release", "eros-points")


def bench_binary(name):
    """The program of a bench, built."""
    command = ["cargo", "bench", "--locked", "--bench", name, "--no-run", "--message-format=json"]
    built = subprocess.run(command, check=True, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    artifacts = [json.loads(line) for line in built.stdout.splitlines()]
    return next(one["executable"] for one in artifacts if one.get("target", {}).get("name") == name)


def on_a_disk(folder, measuring):
    kind = subprocess.run(
        ["stat", "-f", "-c", "%T", folder], capture_output=True, text=True, check=True
    ).stdout.strip()
    # Where nothing is measured any file system serves.
    if measuring and kind in ("tmpfs", "ramfs"):
        sys.exit(f"{folder} is in memory ({kind}), where a sync means nothing\nhint: --folder on a disk")
    return kind
