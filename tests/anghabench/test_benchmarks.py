"""`anghabench.benchmarks`: URIs, one's own files, single functions, and what is refused."""

from __future__ import annotations

import urllib.parse
from pathlib import Path

import pytest

from anghabench.benchmarks import datasets, resolve, validate
from ir_tools.errors import BenchmarkError, OzoneError, ParseError, UnknownBenchmarkError
from ir_tools.llvm import Context
from tests.anghabench.conftest import Optimise

pytestmark = pytest.mark.usefixtures("clang")

HELLO = '#include <stdio.h>\nint main(void) { printf("%d\\n", WHO); return 3; }\n'
LIBRARY = (
    "static int twice(int x) { return x + x; }\nint once(int x) { return x + 1; }\n"
    "int thrice(int x) { return twice(x) + x; }\n"
)


def write(path: Path, text: str) -> str:
    """The URI of a new file."""
    path.write_text(text)
    return path.as_uri()


def test_every_dataset_says_what_it_is() -> None:
    assert set(datasets()) == {
        "benchmark://anghabench-v1", "benchmark://polybench-v4", "benchmark://cbench-v1",
        "benchmark://examples-v0", "generator://csmith-v0",
    }  # fmt: skip
    for name, dataset in datasets().items():
        assert dataset.name == name
        assert dataset.description
        assert dataset.licence


def test_c_is_what_clang_hands_to_its_optimiser(tmp_path: Path) -> None:
    benchmark = resolve(write(tmp_path / "lib.c", LIBRARY))
    assert benchmark.run is None
    with Context() as context, context.parse(benchmark.bitcode) as module:
        once = module.function("once")
        assert once is not None
        assert once.has_attribute("minsize")
        assert not once.has_attribute("optnone")
        assert "alloca" in str(module)


def test_where_a_file_lies_makes_no_difference(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    one, other = (
        resolve(write(folder / "lib.c", LIBRARY)) for folder in (tmp_path, tmp_path / "elsewhere")
    )
    assert one.bitcode == other.bitcode


def test_cflags_reach_clang_with_plus_signs_and_blanks(tmp_path: Path, optimise: Optimise) -> None:
    uri = write(tmp_path / "my file.c", HELLO)
    flags = urllib.parse.quote("-DWHO='40+2' -std=gnu17", safe="+")
    benchmark = resolve(f"{uri}?cflags={flags}")
    assert benchmark.run is not None
    assert validate(benchmark, optimise(benchmark)) is None
    other = resolve(f"{uri}?cflags=-DWHO=41+0")
    difference = validate(benchmark, other.bitcode)
    assert difference == r"standard output differs: at byte 1, '42\n' became '41\n'"


def test_cpp_is_linked_with_its_library(tmp_path: Path, optimise: Optimise) -> None:
    text = "int main() { try { throw 4; } catch (int x) { return x; } }"
    uri = write(tmp_path / "a.cpp", text)
    benchmark = resolve(uri)
    assert validate(benchmark, optimise(benchmark)) is None


def test_ir_as_text_and_bitcode_is_a_benchmark(tmp_path: Path, optimise: Optimise) -> None:
    benchmark = resolve(write(tmp_path / "hello.c", HELLO.replace("WHO", "7")))
    with Context() as context, context.parse(benchmark.bitcode) as module:
        text = resolve(write(tmp_path / "hello.ll", str(module)))
    (tmp_path / "hello.bc").write_bytes(benchmark.bitcode)
    bitcode = resolve((tmp_path / "hello.bc").as_uri())
    for each in (text, bitcode):
        assert each.run is not None
        assert validate(benchmark, optimise(each)) is None


def test_a_fragment_takes_one_function_out(tmp_path: Path) -> None:
    uri = write(tmp_path / "lib.c", LIBRARY)
    alone = resolve(f"{uri}#thrice")
    assert (alone.uri, alone.run) == (f"{uri}#thrice", None)
    with Context() as context, context.parse(alone.bitcode) as module:
        assert [function.name for function in module.defined_functions()] == ["thrice"]
        thrice = module.function("thrice")
        assert thrice is not None
        assert thrice.has_attribute("minsize")


def test_a_function_of_a_dataset_can_be_taken_out() -> None:
    benchmark = resolve("benchmark://examples-v0/json#main")
    with Context() as context, context.parse(benchmark.bitcode) as module:
        assert [function.name for function in module.defined_functions()] == ["main"]
    assert benchmark.run is None


@pytest.mark.parametrize(
    ("uri", "message"),
    [
        ("json", "'json' is no URI: they begin with benchmark://examples-v0"),
        ("", "'' is no URI"),
        ("benchmark://exampels-v0/json", "did you mean benchmark://examples-v0"),
        ("ftp://somewhere/json", "no dataset 'ftp://somewhere': known: benchmark://"),
        ("benchmark://examples-v0/jsn", r"has no benchmark 'jsn': did you mean json\?"),
        ("benchmark://examples-v0", "has no benchmark '': known: btree, fft"),
        ("benchmark://examples-v0/../benchmarks", "has no benchmark '../benchmarks'"),
        ("benchmark://examples-v0/%2Fetc%2Fpasswd", "has no benchmark"),
        ("benchmark://examples-v0/json?cflags=-O2", "only file:/// takes a query"),
        ("benchmark://examples-v0/json#parse_objet", "has no function 'parse_objet'"),
        ("generator://csmith-v0/x", "a seed is a whole number below 4294967296"),
        ("generator://csmith-v0/4294967296", "a seed is a whole number below"),
        ("generator://csmith-v0/-1", "a seed is a whole number below"),
        ("file:///nowhere/x.c", "no such file"),
        ("file://nowhere/x.c", "file:/// and its whole path"),
        ("file:x.c", "file:/// and its whole path"),
        ("file:///nowhere/x.o", "must end in one of .c .cc"),
        ("file:///nowhere/x.c?flags=1", "'flags' is unknown, the query may be"),
        ("file:///nowhere/x.c?cflags='", "cflags: No closing quotation"),
    ],
)
def test_what_a_uri_does_not_name_is_an_error_that_helps(uri: str, message: str) -> None:
    with pytest.raises(UnknownBenchmarkError, match=message) as caught:
        resolve(uri)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "variable"),
    [
        ("anghabench-v1", "OZONE_ANGHABENCH"),
        ("polybench-v4", "OZONE_POLYBENCH"),
        ("cbench-v1", "OZONE_CBENCH"),
    ],
)
def test_a_dataset_that_is_not_there_says_how_to_get_it(
    name: str, variable: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for ask in (lambda: resolve(f"benchmark://{name}/x"), datasets()[f"benchmark://{name}"].count):
        with pytest.raises(BenchmarkError, match=f"{variable} is not set: let it be the path of"):
            ask()
    monkeypatch.setenv(variable, "/nowhere")
    with pytest.raises(BenchmarkError, match=f"{variable}=/nowhere does not exist"):
        resolve(f"benchmark://{name}/x")


def test_c_that_does_not_compile_is_clangs_own_message(tmp_path: Path) -> None:
    uri = write(tmp_path / "bad.c", "int f(int x) { return y; }\nint g() { return z; }\n")
    with pytest.raises(BenchmarkError, match=r"bad\.c:1:23: error: use of undeclared.*'y'") as e:
        resolve(uri)
    assert "\n" not in str(e.value)


@pytest.mark.parametrize("flags", ["-fno-such-flag", "-DX=&&", "-include /nowhere.h"])
def test_flags_that_clang_refuses_are_its_own_message(tmp_path: Path, flags: str) -> None:
    uri = write(tmp_path / "a.c", "int x = X;\n")
    with pytest.raises(BenchmarkError, match=r"a\.c does not compile: .*error:") as caught:
        resolve(f"{uri}?cflags={urllib.parse.quote(flags)}")
    assert "\n" not in str(caught.value)


def test_a_file_that_vanished_is_an_error_and_comes_back(tmp_path: Path) -> None:
    path = tmp_path / "a.c"
    uri = write(path, LIBRARY)
    resolve(uri)
    path.unlink()
    with pytest.raises(UnknownBenchmarkError, match="no such file"):
        resolve(uri)
    assert resolve(write(path, LIBRARY)).uri == uri


def test_ir_that_is_none_is_llvms_own_message(tmp_path: Path) -> None:
    with pytest.raises(ParseError, match=r"bad\.ll.*error: expected type"):
        resolve(write(tmp_path / "bad.ll", "define i32 @f( {"))
    (tmp_path / "bad.bc").write_bytes(b"BC\xc0\xde" + bytes(100))
    with pytest.raises(ParseError, match=r"bad\.bc"):
        resolve((tmp_path / "bad.bc").as_uri())
    with pytest.raises(UnknownBenchmarkError, match="cflags are for C"):
        resolve((tmp_path / "bad.bc").as_uri() + "?cflags=-O2")


def test_all_errors_are_the_users_to_read() -> None:
    assert issubclass(UnknownBenchmarkError, BenchmarkError)
    assert issubclass(BenchmarkError, OzoneError)
