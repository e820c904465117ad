"""Pipelines: the text round-trips, the flat view keeps the meaning, and LLVM agrees on both."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from ir_tools.errors import PipelineError
from ir_tools.llvm import Context
from ir_tools.passes import Pass, Scope, Trust, catalogue
from ir_tools.pipeline import Element, Pipeline
from ir_tools.target import Target

STUDY = Path(__file__).parents[3] / "shared" / "study" / "pipelines.txt"

LAW = settings(derandomize=True, max_examples=300, deadline=None)

# A nest of loops over memory, a switch, recursion with a local callee, diamonds of stores.
SAMPLE = """
define internal i32 @scale(ptr %p, i32 %by) minsize optsize {
  %old = load i32, ptr %p
  %new = mul i32 %old, %by
  store i32 %new, ptr %p
  ret i32 %new
}

define i32 @matrix(ptr %m, i32 %rows, i32 %columns) minsize optsize {
entry:
  %sum = alloca i32
  store i32 0, ptr %sum
  br label %outer
outer:
  %r = phi i32 [ 0, %entry ], [ %r.next, %outer.latch ]
  %r.more = icmp slt i32 %r, %rows
  br i1 %r.more, label %inner, label %exit
inner:
  %c = phi i32 [ 0, %outer ], [ %c.next, %inner ]
  %line = mul i32 %r, %columns
  %index = add i32 %line, %c
  %wide = sext i32 %index to i64
  %at = getelementptr inbounds i32, ptr %m, i64 %wide
  %scaled = call i32 @scale(ptr %at, i32 3)
  %before = load i32, ptr %sum
  %after = add i32 %before, %scaled
  store i32 %after, ptr %sum
  %c.next = add nsw i32 %c, 1
  %c.more = icmp slt i32 %c.next, %columns
  br i1 %c.more, label %inner, label %outer.latch
outer.latch:
  %r.next = add nsw i32 %r, 1
  br label %outer
exit:
  %result = load i32, ptr %sum
  ret i32 %result
}

define i32 @choose(i32 %kind, ptr %a, ptr %b) minsize optsize {
entry:
  switch i32 %kind, label %default [ i32 0, label %first
                                     i32 1, label %second
                                     i32 2, label %first ]
first:
  store i32 5, ptr %a
  br label %join
second:
  store i32 6, ptr %a
  br label %join
default:
  %less = add i32 %kind, -1
  %deep = call i32 @choose(i32 %less, ptr %a, ptr %b)
  br label %join
join:
  %v = phi i32 [ 5, %first ], [ 6, %second ], [ %deep, %default ]
  %loaded = load i32, ptr %b
  %out = xor i32 %loaded, %v
  ret i32 %out
}
"""

TEXTS = [
    "",
    "sroa,gvn",
    "licm,loop-rotate",
    "licm<no-allowspeculation>",
    "loop-rotate,indvars",
    "inline,function(sroa,early-cse<memssa>)",
    "globaldce,sroa,inline",
    "verify,globaldce,function(sroa)",
    "module(sroa,globaldce)",
    "require<globals-aa>,function(invalidate<aa>),cgscc(inline),globalopt",
    "function(loop(loop-rotate),loop(loop-rotate),loop-mssa(licm))",
    "function(sroa),function(loop(loop-rotate)),globaldce",
    "function<eager-inv>(sroa,early-cse<>),deadargelim",
    "cgscc(devirt<4>(inline,function<eager-inv;no-rerun>(sroa,instcombine<no-verify-fixpoint>)))",
    "function(function(sroa,loop(loop-rotate,loop(loop-deletion))))",
    "default<Oz>",
    "default<O2>,function(slsr)",
]

ODD_TEXTS = [
    "print<access-info><allow-partial>",
    "alloc-token<mode=<mode>>",
    "internalize<preserve-gv=a>b>",
    "memprof-use<profile-filename=/tmp/some file.prof>",
    "gvn<>,vectorize<a;>",
    "repeat<3>(function(sroa))",
    "lower-allow-check<cutoffs[70]=1000000>",
]

BROKEN_TEXTS = [
    ("function(sroa,,gvn)", 15, "expected a pass name, found ','"),
    (",sroa", 1, "expected a pass name, found ','"),
    ("sroa,", 6, "expected a pass name, found the end"),
    ("function()", 10, "expected a pass name, found ')'"),
    ("(sroa)", 1, "expected a pass name, found '('"),
    ("function(sroa", 14, "expected ',' or ')', found the end"),
    ("function(sroa))", 15, "expected ',' or the end, found ')'"),
    ("function(sroa)gvn", 15, "expected ',' or the end, found 'g'"),
    ("function(sroa)(gvn)", 15, "expected ',' or the end, found '('"),
    ("sroa<modify-cfg", 16, "expected '>', found the end"),
    ("sroa<modify-cfg,gvn>", 16, "expected '>', found ','"),
    ("sroa<modify-cfg>x", 17, "expected ',' or the end, found 'x'"),
    ("sroa>", 5, "expected ',' or the end, found '>'"),
    (" sroa", 1, "expected a pass name, found ' '"),
    ("sroa, gvn", 6, "expected a pass name, found ' '"),
    ("sroa\n", 5, r"expected ',' or the end, found '\n'"),
    ("function (sroa)", 9, "expected ',' or the end, found ' '"),
    ("function(" * 51 + "sroa" + ")" * 51, 459, "expected at most 50 managers inside each other"),
]

names = st.one_of(
    st.sampled_from(["module", "cgscc", "function", "loop", "loop-mssa", "devirt", "licm"]),
    st.from_regex(r"[a-z][a-z0-9-]{0,6}", fullmatch=True),
)
params = st.none() | st.sampled_from(["", "O2", "a;b=3", "a;", "mode=<mode>", "gv=a>b", "x y"])
leaves = st.builds(Element, names, params) | st.just(Element("print<a>", "b"))
elements = st.recursive(
    leaves,
    lambda inner: st.builds(
        Element, names, st.none() | st.just("4"), st.lists(inner, min_size=1, max_size=4).map(tuple)
    ),
    max_leaves=12,
)
trees = st.lists(elements, max_size=5).map(lambda drawn: Pipeline(tuple(drawn)))

atoms = st.sampled_from(
    [variant for row in catalogue(Trust.EXPERIMENTAL) for variant in row.variants]
)
atom_lists = st.lists(atoms, max_size=12)
pipelines = atom_lists.map(Pipeline.of)


@pytest.fixture(scope="module")
def target() -> Iterator[Target]:
    with Target() as host:
        yield host


def ir_after(text: str, target: Target) -> str:
    with Context() as context, context.parse(SAMPLE) as module:
        module.run(text, target)
        return str(module)


def ir_after_each(function_text: str, target: Target) -> str:
    with Context() as context, context.parse(SAMPLE) as module:
        for function in module.defined_functions():
            function.run(function_text, target)
        return str(module)


def study_texts() -> list[str]:
    if not STUDY.exists():
        pytest.skip(f"{STUDY} is not here")
    return [line for line in STUDY.read_text().splitlines() if line and line[0] != "#"]


# Text and tree


@LAW
@given(trees)
def test_printed_trees_parse_back(tree: Pipeline) -> None:
    assert Pipeline.parse(str(tree)) == tree


@LAW
@given(st.one_of(st.text(max_size=12), st.text("a<>(),; \n", max_size=12)))
def test_text_is_kept_to_the_letter_or_refused(text: str) -> None:
    try:
        assert str(Pipeline.parse(text)) == text
    except PipelineError:
        assume(False)


@pytest.mark.parametrize("text", TEXTS + ODD_TEXTS)
def test_text_round_trips(text: str) -> None:
    assert str(Pipeline.parse(text)) == text


def test_parts_of_an_element() -> None:
    text = "function<eager-inv>(print<access-info><allow-partial>,gvn<>,sroa)"
    (function,) = Pipeline.parse(text).elements
    assert function == Element(
        "function",
        "eager-inv",
        (Element("print<access-info>", "allow-partial"), Element("gvn", ""), Element("sroa")),
    )


@pytest.mark.parametrize(("text", "column", "message"), BROKEN_TEXTS)
def test_errors_show_text_column_and_expectation(text: str, column: int, message: str) -> None:
    with pytest.raises(PipelineError) as caught:
        Pipeline.parse(text)
    assert str(caught.value).startswith(f"pipeline '{text}', column {column}: {message}")


@pytest.mark.parametrize("text", [text for text, _, message in BROKEN_TEXTS if "50" not in message])
def test_llvm_refuses_what_the_parser_refuses(text: str, target: Target) -> None:
    with pytest.raises(PipelineError):
        ir_after(text, target)


@settings(LAW, max_examples=100)
@given(st.sampled_from(TEXTS[1:]), st.data())
def test_llvm_refuses_damaged_texts_that_the_parser_refuses(text: str, data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(text)))
    damaged = text[:at] + data.draw(st.sampled_from(["", *"(),<> "])) + text[at + 1 :]
    try:
        Pipeline.parse(damaged)
    except PipelineError:
        with Target() as target, pytest.raises(PipelineError):
            ir_after(damaged, target)
    else:
        assume(False)


@pytest.mark.parametrize(
    ("name", "params", "body"),
    [
        ("", None, None),
        ("a b", None, None),
        ("a,b", None, None),
        ("a<b>", None, None),
        ("a", "b,c", None),
        ("a", "b><c", None),
        ("a", None, ()),
    ],
)
def test_elements_that_would_not_parse_back_are_refused(
    name: str, params: str | None, body: tuple[Element, ...] | None
) -> None:
    with pytest.raises(PipelineError, match="not an element"):
        Element(name, params, body)


def test_nesting_is_bounded_however_it_is_made() -> None:
    deepest = "function(" * 50 + "sroa" + ")" * 50
    assert str(Pipeline.parse(deepest)) == deepest
    with pytest.raises(PipelineError, match="more than 50"):
        Pipeline.of([Pass(deepest, Scope.LOOP)])


# The flat view


def test_neighbours_of_one_scope_share_a_manager() -> None:
    atoms = [
        Pass("sroa", Scope.FUNCTION),
        Pass("loop-rotate", Scope.LOOP),
        Pass("indvars", Scope.LOOP),
        Pass("licm", Scope.LOOP_MSSA),
        Pass("gvn", Scope.FUNCTION),
        Pass("inline", Scope.CGSCC),
        Pass("globaldce", Scope.MODULE),
        Pass("loop-deletion", Scope.LOOP),
    ]
    assert str(Pipeline.of(atoms)) == (
        "function(sroa,loop(loop-rotate,indvars),loop-mssa(licm),gvn),cgscc(inline),globaldce,"
        "function(loop(loop-deletion))"
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("sroa,gvn", ["function sroa", "function gvn"]),
        ("licm,loop-rotate", ["loop-mssa licm", "loop-mssa loop-rotate"]),
        ("function(loop(a),loop(b,c))", ["loop a", "function loop(b,c)"]),
        ("function(a),function(b)", ["function a", "module function(b)"]),
        ("inline,function(sroa)", ["cgscc inline", "cgscc function(sroa)"]),
        ("function<eager-inv>(sroa)", ["module function<eager-inv>(sroa)"]),
        ("cgscc(devirt<4>(inline))", ["cgscc devirt<4>(inline)"]),
        ("function(repeat<3>(sroa))", ["function repeat<3>(sroa)"]),
        ("module(sroa,globaldce)", ["module sroa", "module globaldce"]),
        ("verify,globaldce", ["module verify", "module globaldce"]),
        ("default<Oz>", ["module default<Oz>"]),
    ],
)
def test_flat_view_keeps_whole_what_it_cannot_say(text: str, expected: list[str]) -> None:
    atoms = Pipeline.parse(text).atoms()
    assert [f"{atom.scope} {atom.text}" for atom in atoms] == expected


def test_flat_view_of_an_unknown_leader_is_an_error() -> None:
    with pytest.raises(PipelineError, match=r"scope of 'print<loops>' is not known.*manager"):
        Pipeline.parse("print<loops>,sroa").atoms()


def test_an_atom_is_one_element() -> None:
    for text in ("", "sroa,gvn"):
        with pytest.raises(PipelineError, match="exactly one"):
            Pipeline.of([Pass(text, Scope.FUNCTION)])


def test_the_outer_manager_is_never_left_to_a_guess() -> None:
    assert str(Pipeline.of([Pass("sroa", Scope.MODULE)])) == "module(sroa)"
    assert str(Pipeline.parse("globaldce,sroa").delete(0)) == "module(sroa)"


@LAW
@given(atom_lists)
def test_flat_view_gives_the_atoms_back(drawn: list[Pass]) -> None:
    pipeline = Pipeline.of(drawn)
    assert pipeline.atoms() == tuple(drawn)
    assert Pipeline.parse(str(pipeline)) == pipeline


@LAW
@given(trees)
def test_flat_view_loses_nothing_of_a_module_pipeline(tree: Pipeline) -> None:
    module = Pipeline((Element("globaldce"), *tree.elements))
    assert Pipeline.of(module.atoms()) == module


@LAW
@given(atom_lists, atoms, st.data())
def test_edits_are_list_edits(drawn: list[Pass], atom: Pass, data: st.DataObject) -> None:
    pipeline = Pipeline.of(drawn)
    at = data.draw(st.integers(0, len(drawn)))
    assert pipeline.insert(at, atom).atoms() == (*drawn[:at], atom, *drawn[at:])
    assume(at < len(drawn))
    assert pipeline.delete(at).atoms() == (*drawn[:at], *drawn[at + 1 :])
    assert pipeline.replace(at, atom).atoms() == (*drawn[:at], atom, *drawn[at + 1 :])
    other = data.draw(st.integers(0, len(drawn) - 1))
    swapped = pipeline.swap(at, other).atoms()
    assert (swapped[at], swapped[other]) == (drawn[other], drawn[at])
    assert pipeline.swap(at, other).swap(at, other) == pipeline


@LAW
@given(pipelines, pipelines)
def test_concatenation_joins_the_flat_views(first: Pipeline, second: Pipeline) -> None:
    assert (first + second).atoms() == first.atoms() + second.atoms()


def test_edits_out_of_range_are_errors() -> None:
    with pytest.raises(IndexError):
        Pipeline().delete(0)


@pytest.mark.parametrize("text", TEXTS)
def test_llvm_gives_the_flat_view_the_same_meaning(text: str, target: Target) -> None:
    flat = Pipeline.of(Pipeline.parse(text).atoms())
    assert ir_after(str(flat), target) == ir_after(text, target)


def test_study_pipelines_keep_their_meaning(target: Target) -> None:
    for text in study_texts():
        pipeline = Pipeline.parse(text)
        assert Pipeline.of(pipeline.atoms()) == pipeline
        assert ir_after_each(pipeline.function_text, target) == ir_after(text, target)


def test_study_passes_are_production() -> None:
    production = {variant.text for row in catalogue() for variant in row.variants}
    texts = {atom.text for text in study_texts() for atom in Pipeline.parse(text).atoms()}
    assert {text for text in texts if "(" not in text} <= production


# For functions, and as a key


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "no-op-function"),
        ("sroa,gvn", "sroa,gvn"),
        ("licm", "loop-mssa(licm)"),
        ("function(sroa,loop(indvars)),function(gvn)", "sroa,loop(indvars),gvn"),
    ],
)
def test_function_text(text: str, expected: str, target: Target) -> None:
    assert Pipeline.parse(text).function_text == expected
    assert ir_after_each(expected, target) == ir_after(text, target)


@pytest.mark.parametrize("text", ["globaldce", "function(sroa),inline", "cgscc(function(sroa))"])
def test_function_text_of_more_than_a_function_is_an_error(text: str) -> None:
    with pytest.raises(PipelineError, match="runs on more than a function"):
        _ = Pipeline.parse(text).function_text


def test_equal_pipelines_are_one_key() -> None:
    one, same, other = map(Pipeline.parse, ["sroa,gvn", "sroa,gvn", "gvn,sroa"])
    assert {one, same, other} == {one, other}
    assert one.digest == same.digest != other.digest


def test_digest_is_the_same_everywhere() -> None:
    assert Pipeline.parse("default<Oz>").digest == "fa450041d34ec80e"
