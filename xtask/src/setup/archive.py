"""Downloads and unpacks archives: `fetch URL FILE`, `unpack ZIP FOLDER [PREFIX ...]`, `names ZIP`, `needs WHEEL`."""

import os
import shutil
import stat
import sys
import time
import urllib.error
import urllib.request
import zipfile


def fetch(url, path):
    """Downloads a file, telling of progress; a connection that stays silent for ten seconds is given up."""
    terminal = sys.stdout.isatty()
    start = told = time.monotonic()
    with urllib.request.urlopen(url, timeout=10) as answer, open(path, "wb") as file:
        total = int(answer.headers.get("Content-Length") or 0)
        done = 0
        while piece := answer.read(1 << 20):
            file.write(piece)
            done += len(piece)
            now = time.monotonic()
            if now - told >= (0.2 if terminal else 10):
                told = now
                of = f" of {total // 1_000_000}" if total else ""
                line = f"  {done // 1_000_000}{of} MB, {now - start:.0f} s"
                print(f"\r{line}" if terminal else line, end="" if terminal else "\n", flush=True)
    if terminal:
        print("\r\033[K", end="", flush=True)
    if total and done != total:
        raise OSError(f"the connection broke off after {done} of {total} bytes")


def unpack(path, folder, *prefixes):
    """Unpacks members that start with one of the prefixes (all if there is none); keeps modes and symbolic links.

    Nothing is written outside the folder, whatever names and links the archive holds, and whatever links another one left there.
    """
    folder = os.path.realpath(folder)

    def inside(place):
        return place == folder or place.startswith(folder + os.sep)

    def prepare(target):
        # By name first, then as links on the way there would have it.
        parent = os.path.dirname(target)
        if not inside(target) or not inside(os.path.realpath(parent)):
            raise OSError(f"{target} would be unpacked outside the folder")
        if os.path.lexists(target) and not os.path.isdir(target):
            os.remove(target)
        os.makedirs(parent, exist_ok=True)

    links = []
    with zipfile.ZipFile(path) as archive:
        for member in archive.infolist():
            name, mode = member.filename, member.external_attr >> 16
            if prefixes and not name.startswith(prefixes):
                continue
            target = os.path.normpath(os.path.join(folder, name))
            if stat.S_ISLNK(mode):
                if member.file_size > 4096:
                    raise OSError(f"{target} would link to a name of {member.file_size} bytes")
                links.append((archive.read(member).decode(), target))
                continue
            prepare(target)
            if name.endswith("/"):
                os.makedirs(target, exist_ok=True)
                continue
            with archive.open(member) as source, open(target, "wb") as file:
                shutil.copyfileobj(source, file, 1 << 20)
            if mode & 0o111:
                os.chmod(target, 0o755)
    # Links come last, so that no file is ever written through one of this archive.
    made = []
    try:
        for to, target in links:
            prepare(target)
            os.symlink(to, target)
            made.append(target)
            # A link may only mean what earlier ones make of it, so all are looked at each time.
            for link in made:
                if not inside(os.path.realpath(link)):
                    raise OSError(f"{link} would link to the outside: {os.readlink(link)}")
    except OSError:
        for link in reversed(made):
            os.remove(link)
        raise


def names(path):
    """Prints the names of the members."""
    with zipfile.ZipFile(path) as archive:
        print("\n".join(archive.namelist()))


def needs(path):
    """Prints the NVIDIA packages a wheel requires, as its metadata words them, without conditions."""
    with zipfile.ZipFile(path) as archive:
        name = next(n for n in archive.namelist() if n.endswith(".dist-info/METADATA"))
        for line in archive.read(name).decode().splitlines():
            if not line:
                break
            key, _, value = line.partition(": ")
            requirement, _, condition = (part.strip() for part in value.partition(";"))
            wanted = requirement.startswith(("cuda-toolkit", "nvidia-")) and "extra ==" not in condition
            if key == "Requires-Dist" and wanted:
                print(requirement)


try:
    {"fetch": fetch, "unpack": unpack, "names": names, "needs": needs}[sys.argv[1]](*sys.argv[2:])
except urllib.error.HTTPError as error:
    sys.exit(f"the server answers {error.code} {error.reason}")
except urllib.error.URLError as error:
    sys.exit(f"no connection: {error.reason}")
except (OSError, zipfile.BadZipFile) as error:
    sys.exit(str(error))
except KeyboardInterrupt:
    sys.exit(130)
