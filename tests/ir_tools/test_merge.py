"""Functions taken out, optimised alone and put back: the program must not notice."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from ir_tools.clang import run_clang
from ir_tools.errors import InvalidModuleError
from ir_tools.llvm import Context, Module
from ir_tools.measure import object_sizes
from ir_tools.merge import merge
from ir_tools.partition import extract, extractable, split
from ir_tools.process import run_tool
from ir_tools.symbols import Linkage
from ir_tools.target import Target, TargetOptions

Program = Callable[..., bytes]

EXAMPLES = sorted(
    path.name for path in (Path(__file__).parents[2] / "anghabench" / "examples").glob("*.c")
)
DIFFICULT = sorted(path.name for path in (Path(__file__).parent / "data" / "programs").iterdir())
ALL = [*DIFFICULT, *EXAMPLES]
FUNCTION_PASSES = (
    "sroa<modify-cfg>,early-cse,simplifycfg<switch-to-lookup>,instcombine<no-verify-fixpoint>,gvn"
)
TARGETS = (
    "aarch64-linux-gnu", "arm64-apple-macosx", "armv7m-none-eabi", "avr", "i686-linux-gnu",
    "riscv32-unknown-elf", "wasm32", "x86_64-pc-windows-msvc",
)  # fmt: skip
HEADER = 'target datalayout = "e-m:e-i64:64-n8:16:32:64-S128"\ntarget triple = "x86_64-linux-gnu"\n'


def with_flags(*flags: str) -> list[tuple[str, tuple[str, ...]]]:
    """Every program as it is, and those that are made to be difficult with flags too."""
    return [(name, ()) for name in ALL] + [(name, flags) for name in DIFFICULT]


def target_of(module: Module) -> Target:
    return Target(TargetOptions(relocation_model="module"), module)


def emit(module: Module) -> bytes:
    with module.clone() as copy, target_of(module) as target:
        return copy.emit_object(target)


def optimised_alone(module: Module, optimise: Callable[[Module], None]) -> Module:
    """The module after each function has been out, optimised and put back."""
    parts = list(split(module, extractable(module)))
    for part in parts:
        part.verify()
        optimise(part)
    return merge(module, parts)


def run_passes(pipeline: str) -> Callable[[Module], None]:
    def run(module: Module) -> None:
        with target_of(module) as target:
            module.run(pipeline, target)

    return run


def run_object(data: bytes, folder: Path) -> tuple[int, bytes]:
    """Exit code and output of the program that an object file makes."""
    (folder / "program.o").write_bytes(data)
    program = str(folder / "program")
    run_clang([str(folder / "program.o"), "-o", program, "-lm", "-lstdc++"]).check()
    result = run_tool([program], timeout_s=20)
    return result.returncode, result.stdout


def symbol_table(data: bytes, folder: Path) -> list[str]:
    """Name, type and binding of each symbol, without addresses."""
    nm = shutil.which("llvm-nm-22") or shutil.which("nm")
    if nm is None:
        pytest.skip("neither llvm-nm-22 nor nm is installed")
    (folder / "program.o").write_bytes(data)
    listing = run_tool([nm, str(folder / "program.o")], timeout_s=20).check().stdout.decode()
    return sorted(re.sub(r"^[0-9a-f]* +", "", line) for line in listing.splitlines())


# --- whole programs ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "flags"), with_flags("-fPIC", "-ffunction-sections", "-fcommon"), ids=str
)
def test_extracts_put_back_as_they_are_give_the_same_object(
    context: Context, program: Program, name: str, flags: tuple[str, ...]
) -> None:
    module = context.parse(program(name, *flags))
    before = str(module)
    parts = list(split(module, extractable(module)))
    assert emit(merge(module, parts)) == emit(module)
    # Parts come back from workers as bitcode, in this context or in another.
    with Context() as other:
        for place in (context, other):
            returned = [place.parse(part.bitcode()) for part in parts]
            assert emit(merge(module, returned)) == emit(module)
    assert str(module) == before


@pytest.mark.parametrize(("name", "flags"), with_flags("-g"), ids=str)
def test_functions_optimised_alone_make_the_same_program(
    context: Context, program: Program, tmp_path: Path, name: str, flags: tuple[str, ...]
) -> None:
    module = context.parse(program(name, *flags))
    merged = emit(optimised_alone(module, run_passes(f"function({FUNCTION_PASSES})")))
    if name != "library.c":  # in place, LLVM takes a static function for the library's
        whole = module.clone()
        run_passes(f"function({FUNCTION_PASSES})")(whole)
        in_place = emit(whole)
        assert symbol_table(merged, tmp_path) == symbol_table(in_place, tmp_path)
        # Not equal: a copy has other orders of uses, which some passes heed.
        assert object_sizes(merged).size == pytest.approx(object_sizes(in_place).size, rel=0.01)
    assert run_object(merged, tmp_path) == run_object(emit(module), tmp_path)


@pytest.mark.parametrize("name", ALL)
def test_module_pipelines_on_a_part_are_sound(
    context: Context, program: Program, tmp_path: Path, name: str
) -> None:
    module = context.parse(program(name))
    merged = optimised_alone(module, run_passes("default<Oz>"))
    assert run_object(emit(merged), tmp_path) == run_object(emit(module), tmp_path)
    run_passes("default<Oz>")(merged)
    assert run_object(emit(merged), tmp_path) == run_object(emit(module), tmp_path)


@pytest.mark.parametrize("triple", TARGETS)
def test_objects_of_other_targets_are_the_same(
    context: Context, program: Program, triple: str
) -> None:
    module = context.parse(program("freestanding.c", f"--target={triple}", "-ffreestanding"))
    parts = list(split(module, extractable(module)))
    assert emit(merge(module, parts)) == emit(module)
    with Context() as other:
        returned = [other.parse(part.bitcode()) for part in parts]
        for _ in range(2):  # arm returns structs with names by value: types that must be matched
            assert emit(merge(module, returned)) == emit(module)


def test_debug_information_is_that_of_the_bodies(context: Context, program: Program) -> None:
    module = context.parse(program("data.c", "-g"))
    merged = merge(module, split(module, ["add", "main"]))
    assert str(merged).count("distinct !DICompileUnit(") == 3
    assert len(re.findall(r"^define .*!dbg ", str(merged), flags=re.MULTILINE)) == len(
        list(module.defined_functions())
    )


def test_nothing_is_duplicated(context: Context, program: Program) -> None:
    module = context.parse(program("symbols.c"))
    merged = merge(module, split(module, extractable(module)))
    for once in ("@llvm.global_ctors = ", "@llvm.compiler.used = ", "module asm", "!llvm.ident = "):
        assert [line for line in str(merged).splitlines() if line.startswith(once)] == [
            line for line in str(module).splitlines() if line.startswith(once)
        ]
    aliases = [(alias.name, alias.linkage) for alias in module.aliases()]
    assert [(alias.name, alias.linkage) for alias in merged.aliases()] == aliases


# --- single properties, on IR ------------------------------------------------------------------


def test_symbols_without_a_name_or_with_an_odd_one(context: Context) -> None:
    ir = """
        @0 = private constant i32 7
        @".ozone" = internal global i32 1
        @"\\01raw" = internal global i32 2
        define internal i32 @"a b\\22c"() { %v = load i32, ptr @0 ret i32 %v }
        define i32 @f() {
          %v = call i32 @"a b\\22c"()
          %r = load i32, ptr @"\\01raw"
          %o = load i32, ptr @".ozone"
          %s = add i32 %v, %r
          %t = add i32 %s, %o
          ret i32 %t
        }
        define internal i32 @1() { ret i32 3 }
        @table = global ptr @1
    """
    module = context.parse(HEADER + ir)
    assert extractable(module) == ['a b"c', "f"]
    assert emit(optimised_alone(module, run_passes(""))) == emit(module)


def test_new_symbols_come_along_and_yield_to_old_names(context: Context) -> None:
    ir = """
        @new = internal global i32 1
        declare i32 @printf(ptr, ...)
        @s = private unnamed_addr constant [4 x i8] c"abc\\0A"
        define i32 @f() { %v = load i32, ptr @new ret i32 %v }
        define internal void @g() { ret void }
        @keep = global ptr @g
    """
    module = context.parse(HEADER + ir)
    part = context.parse(
        str(extract(module, ["f"])).replace("ret i32 %v", "%w = call i32 @h() ret i32 %w")
        + """
        @new = private constant i32 2
        declare i32 @puts(ptr nocapture) nounwind
        define internal i32 @h() { %v = load i32, ptr @new call i32 @puts(ptr null) ret i32 %v }
        """
    )
    merged = merge(module, [part])
    assert [(g.name, g.linkage) for g in merged.globals()] == [
        ("new", Linkage.INTERNAL), ("s", Linkage.PRIVATE), ("keep", Linkage.EXTERNAL),
        ("new.1", Linkage.PRIVATE),
    ]  # fmt: skip
    assert [f.name for f in merged.functions()] == ["printf", "f", "g", "puts", "h"]
    assert re.search(r"declare i32 @puts\(ptr captures\(none\)\) #\d", str(merged))


def test_an_alignment_that_a_siblings_pass_raised_is_raised_here(context: Context) -> None:
    ir = "@g = internal global i32 1, align 4\ndefine ptr @f() { ret ptr @g }"
    module = context.parse(HEADER + ir)
    sibling = context.parse(HEADER + ir.replace("align 4", "align 16"))
    assert "@g = internal global i32 1, align 16" in str(merge(module, [extract(sibling, ["f"])]))


def test_constants_of_a_sibling_come_along_where_they_differ(context: Context) -> None:
    ir = """
        @table = private unnamed_addr constant [2 x i32] [i32 1, i32 2]
        define ptr @f() { ret ptr @table }
        define ptr @g() { ret ptr @table }
    """
    module = context.parse(HEADER + ir)
    for sibling_ir, name in (
        (ir.replace("i32 2]", "i32 3]"), "table.1"),
        (ir.replace("@table", "@t"), "t"),
    ):
        sibling = context.parse(HEADER + sibling_ir)
        text = str(merge(module, [extract(sibling, ["f"])]))
        assert f"@{name} = private unnamed_addr constant [2 x i32]" in text
        assert re.findall(r"ret ptr @(\S+)", text) == [name, "table"]


def test_promises_about_parameters_that_a_body_breaks_are_dropped(context: Context) -> None:
    ir = """
        define i32 @f(i32 noundef %n, i32 noundef %unused) {
          %z = icmp eq i32 %n, 0
          br i1 %z, label %end, label %more
        more:
          %m = sub i32 %n, 1
          %r = call i32 @f(i32 noundef %m, i32 noundef %n)
          ret i32 %r
        end:
          ret i32 0
        }
    """
    merged = optimised_alone(context.parse(HEADER + ir), run_passes("deadargelim"))
    assert "define i32 @f(i32 noundef %n, i32 %unused)" in str(merged)
    assert "call i32 @f(i32 noundef %m, i32 poison)" in str(merged)


# --- refusals ----------------------------------------------------------------------------------


MERGED = """
    %pair = type { i32, i32 }
    @variable = internal global i32 1
    @constant = internal constant i32 1
    @aligned = external global i32
    define i32 @f(i32 %x, ptr byval(%pair) %p) {
      %a = load i32, ptr @variable
      %b = load i32, ptr @constant
      %c = load i32, ptr @aligned
      %d = call i32 @callee(i32 %a)
      ret i32 %d
    }
    define internal i32 @callee(i32 %x) { ret i32 %x }
    define void @g() { ret void }
"""


@pytest.mark.parametrize(
    ("pattern", "replacement", "message"),
    [
        ("@f", "@absent", "'absent': the module does not define it"),
        ("@f", "@aligned2", "'aligned2': the module does not define it"),
        (r"define i32 @f\(i32 %x", "define i32 @f(i64 %x", "'f': its type differs"),
        ("define i32 @f", "define fastcc i32 @f", "'f': its calling convention differs"),
        (r"ptr byval\(%pair\)", "ptr", "'f': 'byval' of argument"),
        (r"(i32 @.ozone.callee\()i32( %a)?", r"\1i64", "'callee': its type differs"),
        ("hidden (i32 @.*callee)", r"hidden fastcc \1", "'callee': its calling convention differs"),
        ("callee", "unknown", "'unknown': the module has no such symbol"),
        (r"\.variable", ".lost", "'lost': the module has no such symbol"),
        ("(variable = .*) i32", r"\1 i64", "'variable': its type differs"),
        ("(constant = .*) i32 1", r"\1 i32 2", "'constant': .* its address matters"),
        (r"\.constant", ".lost", "'lost': .* its address matters"),
        ("external (hidden) (global i32)", r"\1 unnamed_addr \2 7", "'variable': .* no such"),
        ("(aligned = .*)", r"\1, align 32", "'aligned': it is aligned to 32 bytes"),
        ("x86_64-linux", "aarch64-linux", "other target"),
    ],
)
def test_a_part_that_does_not_fit_is_refused_and_the_module_unharmed(
    context: Context, pattern: str, replacement: str, message: str
) -> None:
    module = context.parse(HEADER + MERGED)
    before = str(module)
    fitting = extract(module, ["f"])
    edited = re.sub(pattern, replacement, str(fitting))
    edited = edited.replace("i64%a", "i64 0").replace("callee(i64)\n  ret", "callee(i64 0)\n  ret")
    assert edited != str(fitting)
    with pytest.raises(InvalidModuleError, match=message):
        merge(module, [extract(module, ["g"]), context.parse(edited)])
    assert str(module) == before
    assert emit(merge(module, [fitting])) == emit(module)


def test_a_function_comes_from_one_part_only(context: Context) -> None:
    module = context.parse(HEADER + MERGED)
    with pytest.raises(InvalidModuleError, match="'f': two parts define it"):
        merge(module, [extract(module, ["f", "g"]), extract(module, ["f"])])
