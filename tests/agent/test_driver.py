"""Command lines of real builds, and what the wrapper makes of them."""

from __future__ import annotations

import shlex

import pytest

from agent.driver import Invocation, understand


def asked(line: str) -> Invocation | None:
    return understand(shlex.split(line))


def understood(line: str) -> Invocation:
    invocation = asked(line)
    assert invocation is not None, line
    return invocation


COMPILES = {  # command line: (sources, kind, output, code generation)
    "-c a.c": ("a.c", "-c", None, ""),
    "-c -o a.o a.c": ("a.c", "-c", "a.o", ""),
    "a.c -c -oa.o": ("a.c", "-c", "a.o", ""),
    "-O2 -c a.c -O3": ("a.c", "-c", None, ""),
    "-O -Os -Oz -O1 -Ofast -O4 -c a.c": ("a.c", "-c", None, ""),
    "-S a.c": ("a.c", "-S", None, ""),
    "-S -o x.s a.c -g": ("a.c", "-S", "x.s", "-g"),
    # autoconf
    "-o conftest -g -O2 conftest.c": ("conftest.c", "", "conftest", "-g"),
    "-c -g -O2 -Wall conftest.c": ("conftest.c", "-c", None, "-g -Wall"),
    "-o conftest -Wl,-z,now conftest.c -lm": ("conftest.c", "", "conftest", None),
    # automake
    "-DHAVE_CONFIG_H -I. -I.. -MT a.lo -MD -MP -MF .deps/a.Tpo -c ../a.c -fPIC -DPIC -o .libs/a.o":
        ("../a.c", "-c", ".libs/a.o", "-DHAVE_CONFIG_H -I. -I.. -fPIC -DPIC"),
    # cmake, with make and ninja
    "-DNDEBUG -I/src/include -isystem /opt/include -O3 -DNDEBUG -std=gnu11 -MD -MT"
    " CMakeFiles/x.dir/a.c.o -MF CMakeFiles/x.dir/a.c.o.d -o CMakeFiles/x.dir/a.c.o -c /src/a.c":
        ("/src/a.c", "-c", "CMakeFiles/x.dir/a.c.o", None),
    # lua
    "-std=gnu99 -O2 -Wall -Wextra -DLUA_COMPAT_5_3 -DLUA_USE_LINUX -c -o lapi.o lapi.c":
        ("lapi.c", "-c", "lapi.o", "-std=gnu99 -Wall -Wextra -DLUA_COMPAT_5_3 -DLUA_USE_LINUX"),
    # musl
    "-std=c99 -nostdinc -ffreestanding -D_XOPEN_SOURCE=700 -I./arch/x86_64 -include vis.h -Os"
    " -pipe -fno-unwind-tables -ffunction-sections -fPIC -c -o obj/src/exit/exit.lo"
    " src/exit/exit.c":
        ("src/exit/exit.c", "-c", "obj/src/exit/exit.lo", None),
    # zlib
    "-O3 -fPIC -D_LARGEFILE64_SOURCE=1 -DHAVE_HIDDEN -c -o objs/adler32.o adler32.c":
        ("adler32.c", "-c", "objs/adler32.o", "-fPIC -D_LARGEFILE64_SOURCE=1 -DHAVE_HIDDEN"),
    "-shared -Wl,-soname,libz.so.1 -o libz.so.1 a.c b.c": ("a.c b.c", "", "libz.so.1", None),
    # several sources, languages, cross compilation
    "-c a.c b.c": ("a.c b.c", "-c", None, ""),
    "a.c b.cpp -o p -lm": ("a.c b.cpp", "", "p", None),
    "-x c -c odd.name": ("odd.name", "-c", None, ""),
    "-x c++ -std=c++17 -c a.h.in": ("a.h.in", "-c", None, "-std=c++17"),
    "-c a.cc": ("a.cc", "-c", None, ""),
    "-c a.i": ("a.i", "-c", None, ""),
    "--target=aarch64-linux-gnu -mcpu=cortex-a53 -c a.c":
        ("a.c", "-c", None, "--target=aarch64-linux-gnu -mcpu=cortex-a53"),
    "-target thumbv6m-none-eabi -mfloat-abi=soft -c a.c":
        ("a.c", "-c", None, "-target thumbv6m-none-eabi -mfloat-abi=soft"),
    "-include x.h -imacros y.h -c a.c": ("a.c", "-c", None, ""),
    "-D X=a.c -I dir.c -c b.c": ("b.c", "-c", None, "-D X=a.c -I dir.c"),
    "-Xclang -fno-pch-timestamp -mllvm -inline-threshold=3 -c a.c":
        ("a.c", "-c", None, "-Xclang -fno-pch-timestamp -mllvm -inline-threshold=3"),
    "-Wp,-D_FORTIFY_SOURCE=2 -c a.c": ("a.c", "-c", None, None),
}  # fmt: skip


@pytest.mark.parametrize("line", COMPILES)
def test_compilations_are_understood(line: str) -> None:
    sources, kind, output, code_generation = COMPILES[line]
    invocation = understood(line)
    assert (list(invocation.sources), invocation.kind) == (sources.split(), kind)
    assert invocation.output == output
    if code_generation is not None:
        assert invocation.code_generation == shlex.split(code_generation)
    assert not [a for a in invocation.arguments if a.startswith("-O") or a in ("-c", "-S", "-o")]


PASSED_ON = (
    # nothing is compiled to an object
    "-E a.c", "-E -MD -MF x.d a.c -o a.i", "-M a.c", "-MM a.c", "-fsyntax-only a.c", "--version",
    "-v", "-v -c a.c", "-### -c a.c", "-dumpmachine", "-dumpversion", "-print-search-dirs",
    "-print-prog-name=ld", "--print-file-name=libc.a", "--help", "", "-V",
    # clang's own middle end is wanted
    "-c -emit-llvm a.c", "-S -emit-llvm a.c -o -", "-flto -c a.c", "-flto=thin -c a.c",
    "-O0 -c a.c", "-g -Og -c a.c", "-O0 a.c -o a", "-fsanitize=address -c a.c",
    "-fprofile-generate -c a.c", "-fprofile-instr-use=x -c a.c", "--coverage -c a.c", "-pg -c a.c",
    "-save-temps -c a.c", "-fembed-bitcode -c a.c",
    # linking, assembling, archives, preprocessed assembly
    "a.o b.o -o prog -lm", "-shared -o libx.so a.o -Wl,-soname,libx.so", "-c a.s", "-c a.S -o a.o",
    "-o prog main.o libx.a -L. -lx -pthread", "-x assembler-with-cpp -c a.c", "-c a.ll", "-c a.bc",
    # response files, standard input, mistakes
    "@args.txt", "-c @args.txt a.c", "-x c - -c -o a.o", "-xc -E - -dM", "-c -o x.o a.c b.c",
    "-c a.c a.c", "-c", "-o", "nothing", "-S -c a.c", "-c -- a.c", "-c a.c --",
    "--save-temps -c a.c", "--save-temps=obj -c a.c", "-ccc-print-phases -c a.c",
    "-fmodules -c a.c", "-fsave-optimization-record -c a.c",
)  # fmt: skip


@pytest.mark.parametrize("line", PASSED_ON)
def test_everything_else_is_clangs(line: str) -> None:
    assert asked(line) is None


@pytest.mark.parametrize(
    "flag",
    [
        "-MJ a.json", "-MJa.json", "-ftime-trace", "-ftime-trace=a.json", "-ftime-report",
        "-Rpass=inline", "-Rpass-missed=.*", "-serialize-diagnostics a.dia",
        "--serialize-diagnostics a.dia", "-fproc-stat-report", "-gen-reproducer",
    ],
)  # fmt: skip
def test_what_is_written_behind_the_front_end_is_clangs_at_oz(flag: str) -> None:
    assert understood(f"{flag} -c a.c").sources == ()


@pytest.mark.parametrize(
    "line", ["-x c-header a.h.c -o a.pch", "-xc++-header -O2 a.hpp", "-O2 a.h", "-c a.hh"]
)
def test_a_header_is_precompiled_at_the_level_at_which_it_will_be_read(line: str) -> None:
    assert understood(line).sources == ()


def test_dependencies_are_named_as_clang_names_them() -> None:
    plain = understood("-MD -c -o out/a.o src/a.c")
    assert plain.front_end("src/a.c", "out/a.o") == [
        "-MD", "src/a.c", "-MF", "out/a.d", "-MQ", "out/a.o",
    ]  # fmt: skip
    named = understood("-MMD -MF deps/x.d -MT target -c -o out/a.o a.c")
    assert named.front_end("a.c", "out/a.o") == [
        "-MMD", "-MF", "deps/x.d", "-MT", "target", "a.c",
    ]  # fmt: skip
    without = understood("-c -o out/a.o -DX a.c")
    assert without.front_end("a.c", "out/a.o") == ["-DX", "a.c"]


def test_each_of_several_sources_is_compiled_without_the_others() -> None:
    invocation = understood("-c -DX a.c dir/b.c")
    assert invocation.front_end("a.c", "a.o") == ["-DX", "a.c"]
    assert invocation.front_end("dir/b.c", "b.o") == ["-DX", "dir/b.c"]
    assert [invocation.object_name(source) for source in invocation.sources] == ["a.o", "b.o"]


def test_objects_are_named_as_clang_names_them() -> None:
    assert understood("-c dir/a.c").object_name("dir/a.c") == "a.o"
    assert understood("-S dir/a.b.c").object_name("dir/a.b.c") == "a.b.s"
    assert understood("-c a.c -o x/y").object_name("a.c") == "x/y"


def test_linking_gets_objects_in_the_places_of_sources() -> None:
    invocation = understood("-O2 -g a.c -L. b.c x.o -lm -o prog -Wl,-s")
    line = invocation.linking({"a.c": "/tmp/0.o", "b.c": "/tmp/1.o"})
    assert line == ["-g", "/tmp/0.o", "-L.", "/tmp/1.o", "x.o", "-lm", "-Wl,-s", "-o", "prog"]
    languages = understood("-x c a -o prog").linking({"a": "/tmp/0.o"})
    assert languages == ["/tmp/0.o", "-o", "prog"]


def test_a_folder_called_like_a_language_stays_an_include_folder() -> None:
    """Or `-I` swallows `-Oz`, and the object is larger than -Oz's."""
    assert understood("-I c -c a.c").code_generation == ["-I", "c"]
    assert understood("-D c++ -x c -c a.c").code_generation == ["-D", "c++"]


def test_an_attached_language_is_not_handed_to_the_linker() -> None:
    invocation = asked("-xc a.c -o prog")
    assert invocation is None or "-xc" not in invocation.linking({"a.c": "/tmp/0.o"})


def test_an_attached_dependency_file_is_seen() -> None:
    front_end = understood("-MD -MFx.d -c a.c").front_end("a.c", "a.o")
    assert "-MF" not in front_end


def test_a_programs_dependencies_are_named_after_the_program() -> None:
    invocation = asked("-MD a.c -o prog")
    if invocation is not None:
        front_end = invocation.front_end("a.c", "/tmp/ozone-x/0-a.o")
        assert front_end[-4:] == ["-MF", "prog.d", "-MQ", "prog"]


def test_what_only_linking_needs_is_kept_from_the_front_end() -> None:
    """Or clang warns that it is unused, and fails under -Werror."""
    front_end = understood("a.c x.o -shared -lm -Wl,-s -L. -o p").front_end("a.c", "/tmp/0.o")
    unused = {"x.o", "-lm", "-Wl,-s", "-shared"} & set(front_end)
    assert not unused or "-Qunused-arguments" in front_end
