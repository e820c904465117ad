"""cBench: whole C programs with inputs. `OZONE_CBENCH` is a checkout of cBench V1.1 with its data.

Names are those of cBench's folders, or CompilerGym's. Flags are what a program's own makefile
defines; arguments are those of its first data set, found by the paths that cBench's scripts use.
What is run is one pass over the data, whatever number of passes cBench suggests.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

from anghabench.program import Benchmark, Command, Dataset, linked
from anghabench.suites import checkout
from ir_tools.errors import BenchmarkError

# CompilerGym's names, where they are not cBench's.
_ALIASES = {
    "adpcm": "telecom_adpcm_c", "bitcount": "automotive_bitcount",
    "blowfish": "security_blowfish_d", "bzip2": "bzip2d", "crc32": "telecom_CRC32",
    "dijkstra": "network_dijkstra", "ghostscript": "office_ghostscript", "gsm": "telecom_gsm",
    "ispell": "office_ispell", "jpeg-c": "consumer_jpeg_c", "jpeg-d": "consumer_jpeg_d",
    "lame": "consumer_lame", "patricia": "network_patricia", "qsort": "automotive_qsort1",
    "rijndael": "security_rijndael_d", "sha": "security_sha",
    "stringsearch": "office_stringsearch1", "stringsearch2": "office_stringsearch2",
    "susan": "automotive_susan_c", "tiff2bw": "consumer_tiff2bw",
    "tiff2rgba": "consumer_tiff2rgba", "tiffdither": "consumer_tiffdither",
    "tiffmedian": "consumer_tiffmedian",
}  # fmt: skip
_PASSES = ("_finfo_dataset", b"1\n")  # what cBench's own main reads the number of passes from
_DATA_SET = re.compile(r"^=====\s*\n\s*1\s*\n(.*)$", re.MULTILINE)
_FLAG = re.compile(r"(?<!\S)(-[DI]\S+)")
_LIBRARY = re.compile(r"(?<!\S)(-l\S+)")


def _root() -> Path:
    return checkout("OZONE_CBENCH", "a checkout of cBench V1.1")


def _paths() -> Iterator[str]:
    return (folder.name for folder in sorted(_root().iterdir()) if (folder / "src").is_dir())


def _load(uri: str, path: str) -> Benchmark | None:
    name = _ALIASES.get(path, path)
    if name not in set(_paths()):
        return None
    folder = _root() / name / "src"
    sources = sorted(folder.glob("*.c"))
    if not sources:
        raise BenchmarkError(f"{folder} has no C files: check out cBench V1.1 again")
    makefiles = "\n".join(f.read_text(errors="replace") for f in sorted(folder.glob("Makefile*")))
    flags = dict.fromkeys(_absolute(flag, folder) for flag in _FLAG.findall(makefiles))
    libraries = dict.fromkeys((*_LIBRARY.findall(makefiles), "-lm"))
    bitcode = linked(sources, (f"-I{folder}", *flags, "-std=gnu89"))
    return Benchmark(uri, bitcode, _command(folder, tuple(libraries)))


def _absolute(flag: str, folder: Path) -> str:
    return f"-I{folder / flag[2:]}" if flag.startswith("-I") else flag.replace("\\", "")


def _command(folder: Path, libraries: tuple[str, ...]) -> Command:
    """How the program is run on its first data set; what it prints is compared, not redirected."""
    info = folder / "_ccc_info_datasets"
    found = _DATA_SET.search(info.read_text(errors="replace")) if info.is_file() else None
    stdin, arguments = b"", []
    words = shlex.shlex(found[1] if found else "", posix=True, punctuation_chars="<>")
    words.whitespace_split, words.commenters = True, ""
    for word in words:
        if word == "<":
            stdin = _existing(folder / next(words)).read_bytes()
        elif word.startswith(">"):
            next(words)
        else:
            is_data = "/" in word and not word.startswith("-")
            arguments.append(str(_existing(folder / word)) if is_data else word)
    return Command(libraries, tuple(arguments), stdin, (_PASSES,))


def _existing(place: Path) -> Path:
    if not place.exists():
        raise BenchmarkError(f"{place} is missing: put cBench's data sets beside its programs")
    return place.resolve()


CBENCH = Dataset(
    "benchmark://cbench-v1",
    "C programs with inputs (Fursin's cTuning, after MiBench)",
    "that of each program",
    _paths,
    _load,
)
