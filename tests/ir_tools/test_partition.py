"""Functions taken out, optimised alone and put back: the program must not notice."""

from __future__ import annotations

import functools
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ir_tools.clang import run_clang, unoptimised_bitcode
from ir_tools.errors import InvalidModuleError, ToolError
from ir_tools.llvm import Context, Module
from ir_tools.measure import object_sizes
from ir_tools.partition import extract, extractable, merge, original_name, split
from ir_tools.process import run_tool
from ir_tools.symbols import Linkage
from ir_tools.target import Target, TargetOptions

EXAMPLES = sorted((Path(__file__).parents[2] / "anghabench" / "examples").glob("*.c"))
FUNCTION_PASSES = (
    "sroa<modify-cfg>,early-cse,simplifycfg<switch-to-lookup>,instcombine<no-verify-fixpoint>,gvn"
)
PROGRAMS = {
    "data.c": r"""
        #include <stdarg.h>
        #include <stdio.h>
        struct operation { const char *name; int (*apply)(int, int); };
        struct point { int x, y; };
        struct wide { long a, b, c; };
        static const struct { short low, high; } spans[] = {{1, 2}, {3, 5}};
        static int add(int a, int b) { return a + b; }
        static int mul(int a, int b) { return a * b; }
        static const struct operation operations[] = {{"add", add}, {"mul", mul}};
        static int (*current)(int, int) = mul;
        static int even(unsigned n), odd(unsigned n);
        static int even(unsigned n) { return n == 0 || odd(n - 1); }
        static int odd(unsigned n) { return n != 0 && even(n - 1); }
        static unsigned fib(unsigned n) { return n < 2 ? n : fib(n - 1) + fib(n - 2); }
        static int wasteful(int n, int unused) { return n ? wasteful(n - 1, n) : 4; }
        static int next_id(void) { static int id = 40; return ++id; }
        static int sum(int n, ...) {
          va_list list; int s = 0;
          va_start(list, n);
          while (n--) s += va_arg(list, int);
          va_end(list);
          return s;
        }
        static struct wide widen(struct point p, struct wide w) {
          w.a += p.x; w.b += p.y; w.c ^= w.a * w.b; return w;
        }
        static inline __attribute__((always_inline)) int inlined(int x) { return x * x + 1; }
        static void report(const char *what) { printf("plain\n"); printf("%s\n", what); }
        int main(void) {
          struct wide w = widen((struct point){1, 2}, (struct wide){3, 4, 5});
          for (unsigned i = 0; i < 2; i++)
            printf("%s %d\n", operations[i].name, operations[i].apply(spans[i].high, next_id()));
          current = current == mul ? add : mul;
          printf("%ld %ld %ld %d %u\n", w.a, w.b, w.c, even(10) + 2 * odd(7), fib(12));
          report("a literal");
          return current(3, 4) + sum(3, 1, 2, 3) + inlined(2) + wasteful(2, 9);
        }
    """,
    "symbols.c": r"""
        #include <stdio.h>
        #include <string.h>
        __asm__(".globl from_assembly\nfrom_assembly:\n  leal 5(%rdi), %eax\n  ret\n");
        int from_assembly(int);
        static _Thread_local int calls = 3;
        _Thread_local int total;
        __attribute__((visibility("hidden"))) int hidden = 4;
        int tentative;
        __attribute__((used)) static const char banner[] = "kept by llvm.used";
        static int started;
        __attribute__((constructor)) static void start(void) { started += 7; }
        __attribute__((destructor)) static void stop(void) { printf("stop %d\n", started); }
        __attribute__((weak)) int weak(int x) { return x + started; }
        __attribute__((section("hot"), minsize)) int sectioned(int x) {
          total += x; return total + calls++;
        }
        int aliased(int x) { return x * 3 + hidden; }
        int alias(int x) __attribute__((alias("aliased")));
        static int local_alias(int x) __attribute__((alias("aliased")));
        extern int data_alias __attribute__((alias("hidden")));
        static int twice(int x) { return x * 2; }
        static int thrice(int x) { return x * 3; }
        static int (*resolve(void))(int) { return &hidden == 0 ? thrice : twice; }
        int indirect(int x) __attribute__((ifunc("resolve")));
        int through(int x) { return alias(x) + local_alias(x + 1) + data_alias + indirect(x); }
        int main(void) {
          printf("%d %d\n", through(3) + tentative, weak(from_assembly(sectioned(2))));
          return (sectioned(1) + (int)strlen(banner)) & 63;
        }
    """,
    "goto.c": r"""
        #include <stdio.h>
        static int step(int x) { return x + 1; }
        static int run(const char *p) {
          static const void *const labels[] = {&&plus, &&minus, &&print, &&halt};
          int x = 0;
          for (;;) {
            goto *labels[*p == '+' ? 0 : *p == '-' ? 1 : *p == '.' ? 2 : 3];
          plus: x = step(x); p++; continue;
          minus: x--; p++; continue;
          print: printf("%d\n", x); p++; continue;
          halt: return x;
          }
        }
        static int choose(int n) {
          void *next = n > 2 ? &&big : &&small;
          goto *next;
        big: return step(n);
        small: return n;
        }
        int main(void) { return run("++-+.h") + choose(3) * 4 + choose(1); }
    """,
    "switches.c": r"""
        #include <stdio.h>
        static const char *name(int x) {
          switch (x) {
          case 0: return "zero"; case 1: return "one"; case 2: return "two";
          case 3: return "three"; case 4: return "four"; default: return "many";
          }
        }
        static int days(int x) {
          switch (x) {
          case 1: return 310; case 2: return 28; case 3: return 31; case 4: return 3007;
          case 5: return 19; case 6: return 300; default: return 0;
          }
        }
        static int weight(int x) {
          switch (x) {
          case 1: return 31; case 2: return 288; case 3: return 3; case 4: return 30;
          case 5: return 1; case 6: return 3; default: return 9;
          }
        }
        int main(void) {
          int sum = 0;
          for (int i = 0; i < 8; i++) sum += printf("%s %d %d\n", name(i), days(i), weight(i));
          return sum;
        }
    """,
    "library.c": r"""
        // Own functions under the names of the library's, which LLVM thinks it knows.
        extern int putchar(int);
        static unsigned long strlen(const char *s) { return (unsigned long)s[0]; }
        static int abs(int x) { return x + 1; }
        static char *strcpy(char *to, const char *from) { to[0] = from[1]; return to + 1; }
        int main(void) {
          char buffer[4] = "...";
          char *end = strcpy(buffer, "xyz");
          putchar(buffer[0]);
          putchar('\n');
          return (int)strlen("abc") + abs(-3) + (int)(end - buffer);
        }
    """,
    "exceptions.cpp": r"""
        #include <cstdio>
        #include <cstring>
        #include <stdexcept>
        struct Base { virtual ~Base() {} virtual int f(int x) { return x; } };
        struct Derived : Base {
          int f(int x) override { if (x > 5) throw std::runtime_error("big"); return 2 * x; }
        };
        struct Guard { int &n; ~Guard() { ++n; } };
        template <class T> T twice(T x) { static int calls; return x + x + ++calls; }
        static int total(Base &base, int n) {
          int sum = 0, guards = 0;
          for (int i = 0; i < n; i++) {
            try { Guard guard{guards}; sum += base.f(i); }
            catch (const std::runtime_error &error) { sum += std::strlen(error.what()); }
          }
          return sum + guards;
        }
        static Derived global;
        int main() {
          Base base;
          std::printf("%d %d %d\n", total(global, 10), total(base, 4), twice(4) + twice(1));
          return total(global, 8) & 63;
        }
    """,
}
# For targets without a C library here: no headers, nothing to run.
FREESTANDING = r"""
    struct node { const char *name; int (*visit)(const struct node *, int); struct node *next; };
    static int count;
    int shared = 5;
    static int leaf(const struct node *n, int depth) { count += depth; return n->name[0]; }
    static int walk(const struct node *n, int depth) {
      int sum = 0;
      for (; n; n = n->next) sum += n->visit ? n->visit(n, depth + 1) : walk(n->next, depth);
      return sum + shared;
    }
    static struct node last = {"last", leaf, 0};
    static struct node first = {"first", walk, &last};
    static const short factors[] = {1, 10, 100};
    __attribute__((weak)) int scale(int x) { return factors[x % 3]; }
    inline __attribute__((always_inline)) static int clamp(int x) { return x < 0 ? 0 : x; }
    struct complex { float real, imaginary; };
    struct vector { float x, y; };
    struct vector scaled(struct vector v, float by) { v.x *= by; v.y *= by; return v; }
    struct complex conjugate(struct complex c) { c.imaginary = -c.imaginary; return c; }
    float length(struct vector v) { v = scaled(v, 2); return v.x * v.x + v.y * v.y; }
    int entry(int depth) { return clamp(walk(&first, depth)) * scale(depth) + count; }
"""
TARGETS = (
    "aarch64-linux-gnu", "arm64-apple-macosx", "armv7m-none-eabi", "avr", "i686-linux-gnu",
    "riscv32-unknown-elf", "wasm32", "x86_64-pc-windows-msvc",
)  # fmt: skip


@functools.cache
def bitcode(source: Path, *flags: str) -> bytes:
    try:
        return unoptimised_bitcode(source, flags)
    except ToolError as error:
        if "not found" in str(error):
            pytest.skip(str(error))
        raise


@pytest.fixture
def context() -> Iterator[Context]:
    with Context() as made:
        yield made


@pytest.fixture(scope="session")
def sources(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("programs")
    written = {name: folder / name for name in PROGRAMS}
    for name, path in written.items():
        path.write_text(PROGRAMS[name])
    return written | {path.name: path for path in EXAMPLES}


ALL = [*PROGRAMS, *(path.name for path in EXAMPLES)]


def with_flags(*flags: str) -> list[tuple[str, tuple[str, ...]]]:
    """Every program as it is, and those that are made to be difficult with flags too."""
    return [(name, ()) for name in ALL] + [(name, flags) for name in PROGRAMS]


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
    context: Context, sources: dict[str, Path], name: str, flags: tuple[str, ...]
) -> None:
    module = context.parse(bitcode(sources[name], *flags))
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
    context: Context, sources: dict[str, Path], tmp_path: Path, name: str, flags: tuple[str, ...]
) -> None:
    module = context.parse(bitcode(sources[name], *flags))
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
    context: Context, sources: dict[str, Path], tmp_path: Path, name: str
) -> None:
    module = context.parse(bitcode(sources[name]))
    merged = optimised_alone(module, run_passes("default<Oz>"))
    assert run_object(emit(merged), tmp_path) == run_object(emit(module), tmp_path)
    run_passes("default<Oz>")(merged)
    assert run_object(emit(merged), tmp_path) == run_object(emit(module), tmp_path)


@pytest.mark.parametrize("triple", TARGETS)
def test_objects_of_other_targets_are_the_same(
    context: Context, tmp_path: Path, triple: str
) -> None:
    (tmp_path / "free.c").write_text(FREESTANDING)
    flags = (f"--target={triple}", "-ffreestanding")
    module = context.parse(bitcode(tmp_path / "free.c", *flags))
    parts = list(split(module, extractable(module)))
    assert emit(merge(module, parts)) == emit(module)
    with Context() as other:
        returned = [other.parse(part.bitcode()) for part in parts]
        for _ in range(2):  # arm returns structs with names by value: types that must be matched
            assert emit(merge(module, returned)) == emit(module)


def test_a_part_defines_what_was_asked_for_under_the_same_symbols(
    context: Context, sources: dict[str, Path]
) -> None:
    module = context.parse(bitcode(sources["symbols.c"]))
    part = extract(module, ["sectioned", "through", "weak", "twice"])
    part.verify()
    text = str(part)
    assert {original_name(function.name) for function in part.defined_functions()} == {
        "sectioned", "through", "weak", "twice"
    }  # fmt: skip
    assert re.search(r'define .*@sectioned\(.*section "hot"', text)
    assert re.search(r"define weak .*@weak\(", text)
    assert "declare i32 @alias(i32)" in text
    assert "declare i32 @indirect(i32)" in text
    assert "@data_alias = external global i32" in text
    assert re.search(r"@.ozone.calls = external hidden thread_local.* global i32", text)
    for absent in ("module asm", "llvm.used", "llvm.global_ctors", "banner", " alias ", " ifunc "):
        assert absent not in text
    assert (part.triple, part.data_layout) == (module.triple, module.data_layout)
    assert part.flag("PIC Level") == module.flag("PIC Level")


SUBSETS = st.lists(st.integers(0, 100), max_size=40)


@settings(max_examples=30, deadline=None)
@given(first=SUBSETS, second=SUBSETS)
def test_any_functions_can_be_extracted_together(first: list[int], second: list[int]) -> None:
    with Context() as context:
        module = context.parse(bitcode(EXAMPLES[0]))
        names = extractable(module)
        ones = {names[index % len(names)] for index in first}
        others = {names[index % len(names)] for index in second} - ones
        parts = [extract(module, ones), extract(module, others)]
        for part, wanted in zip(parts, (ones, others), strict=True):
            part.verify()
            assert {original_name(f.name) for f in part.defined_functions()} == wanted
        assert emit(merge(module, parts)) == emit(module)


def test_debug_information_is_that_of_the_bodies(
    context: Context, sources: dict[str, Path]
) -> None:
    module = context.parse(bitcode(sources["data.c"], "-g"))
    merged = merge(module, split(module, ["add", "main"]))
    assert str(merged).count("distinct !DICompileUnit(") == 3
    assert len(re.findall(r"^define .*!dbg ", str(merged), flags=re.MULTILINE)) == len(
        list(module.defined_functions())
    )


# --- single properties, on IR ------------------------------------------------------------------

HEADER = 'target datalayout = "e-m:e-i64:64-n8:16:32:64-S128"\ntarget triple = "x86_64-linux-gnu"\n'


def part_text(context: Context, ir: str, names: list[str], pipeline: str = "") -> str:
    part = extract(context.parse(HEADER + ir), names)
    run_passes(pipeline)(part)
    return str(part)


def test_constants_fold_in_a_part_and_variables_do_not(context: Context) -> None:
    ir = """
        @constant = internal constant i32 41
        @variable = internal global i32 42
        @weak = weak constant i32 43
        @sealed = linkonce_odr externally_initialized constant i32 44
        define i32 @f() { %v = load i32, ptr @constant ret i32 %v }
        define i32 @g() { %v = load i32, ptr @variable ret i32 %v }
        define i32 @h() { %v = load i32, ptr @weak ret i32 %v }
        define i32 @i() { %v = load i32, ptr @sealed ret i32 %v }
    """
    text = part_text(context, ir, ["f", "g", "h", "i"], "instsimplify")
    assert re.findall(r"ret i32 (\S+)", text) == ["41", "%v", "%v", "%v"]


def test_an_own_function_is_not_taken_for_the_librarys(context: Context) -> None:
    ir = """
        @s = private unnamed_addr constant [4 x i8] c"abc\\00"
        define internal i64 @strlen(ptr %s) { ret i64 7 }
        define i64 @f() { %n = call i64 @strlen(ptr @s) ret i64 %n }
    """
    text = part_text(context, ir, ["f"], "instcombine<no-verify-fixpoint>")
    assert "call i64 @.ozone.strlen" in text


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


def test_nothing_is_duplicated(context: Context, sources: dict[str, Path]) -> None:
    module = context.parse(bitcode(sources["symbols.c"]))
    merged = merge(module, split(module, extractable(module)))
    for once in ("@llvm.global_ctors = ", "@llvm.compiler.used = ", "module asm", "!llvm.ident = "):
        assert [line for line in str(merged).splitlines() if line.startswith(once)] == [
            line for line in str(module).splitlines() if line.startswith(once)
        ]
    aliases = [(alias.name, alias.linkage) for alias in module.aliases()]
    assert [(alias.name, alias.linkage) for alias in merged.aliases()] == aliases


def test_a_part_can_be_split_further(context: Context, sources: dict[str, Path]) -> None:
    module = context.parse(bitcode(sources["data.c"]))
    half = extract(module, ["main", "fib", "sum", "next_id"])
    inner = extract(half, [name for name in extractable(half) if original_name(name) == "fib"])
    assert emit(merge(module, [inner])) == emit(module)
    assert emit(merge(module, [merge(half, [inner])])) == emit(module)


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

TIED = """
    @labels = global [1 x ptr] [ptr blockaddress(@tied, %there)]
    @own = internal global [1 x ptr] [ptr blockaddress(@alone, %there)]
    define ptr @tied() {
      br label %there
    there:
      ret ptr @labels
    }
    define ptr @alone() {
      br label %there
    there:
      ret ptr @own
    }
    define ptr @one() {
      br label %there
    there:
      ret ptr null
    }
    define ptr @other() { ret ptr blockaddress(@one, %there) }
    define void @free() { ret void }
    declare void @declared()
"""


def test_functions_tied_by_addresses_of_blocks_stay(context: Context) -> None:
    module = context.parse(HEADER + TIED)
    assert extractable(module) == ["alone", "free"]
    for name in ("tied", "one", "other"):
        with pytest.raises(InvalidModuleError, match=f"'{name}'.*blocks"):
            extract(module, ["free", name])
    assert emit(optimised_alone(module, run_passes(""))) == emit(module)


@pytest.mark.parametrize("name", ["declared", "absent", "", "labels"])
def test_only_defined_functions_can_be_extracted(context: Context, name: str) -> None:
    with pytest.raises(InvalidModuleError, match=f"'{name}'.*does not define"):
        extract(context.parse(HEADER + TIED), [name])


def test_a_taken_name_is_refused(context: Context) -> None:
    ir = "@a = internal global i32 1 @.ozone.a = global ptr @a define void @f() { ret void }"
    module = context.parse(HEADER + ir)
    with pytest.raises(InvalidModuleError, match=r"'\.ozone\.a' is taken"):
        extract(module, ["f"])
    with pytest.raises(InvalidModuleError, match=r"'\.ozone\.a' is taken"):
        merge(module, [])


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
