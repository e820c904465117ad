"""A worker process: holds parsed modules and compiles plans, one request at a time.

Started by `envs.pool` as `python -m envs.worker MEMORY_BYTES`, or forked (`envs.forking`), with
requests on stdin and replies on stdout. It may crash, hang or run out of memory on any request; its
parent expects that.
"""

from __future__ import annotations

import collections
import contextlib
import dataclasses
import hashlib
import signal
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from envs import wire
from envs.confinement import confine, find_libraries, note, private_pipes, start_afresh
from envs.emission import emit, render
from envs.evaluation import Artefact, Evaluation, FunctionInfo, ModuleInfo, Source, Status
from ir_tools.apply import apply, changes, prepare
from ir_tools.errors import InvalidModuleError, OzoneError, PipelineError
from ir_tools.libllvm import library, preserve_use_lists
from ir_tools.llvm import Context, Module
from ir_tools.plan import OZ, Change, Plan
from ir_tools.target import Target, TargetOptions

if TYPE_CHECKING:
    from anghabench.functions import Parts
    from envs.session import Sessions
    from envs.significance import Timing
    from ir_tools.verify.verdict import Effort, Side

_SOURCES = 4  # that are kept
_PREPARED = 4  # modules that are kept of each source
_KEPT = 4  # results
_USES = 20  # evaluations in one context
_JUDGEMENTS = 300  # after which z3 has taken some tens of MiB for good
_SMALL_BYTES = 1 << 15  # of a source; a search of a larger one seldom makes the same twice


class _Loaded:
    """A parsed source, and modules prepared from it, in a context of their own.

    LLVM frees some of what a clone or a pass makes (distinct metadata, names of types) only with
    the context, which must therefore not live long.
    """

    def __init__(self, source: Source) -> None:
        self.source = source
        self.measured: dict[Any, Evaluation] = {}  # by what was compiled, of a small source
        self._open()

    def _open(self) -> None:
        self._uses = 0
        self._prepared: collections.OrderedDict[Any, Module] = collections.OrderedDict()
        self._context = Context()
        try:
            self.module = self._context.parse(self.source.data, self.source.name)
        except OzoneError:
            self._context.close()
            raise

    def use(self) -> None:
        """Make ready for one more evaluation, in a new context every so often."""
        if self._uses == _USES:
            self.close()
            self._open()
        self._uses += 1

    def prepared(self, key: Any, make: Callable[[], Module]) -> Module:
        """The module under `key`, made when absent; the least recently used one gives way."""
        if key not in self._prepared:
            module = make()
            if len(self._prepared) == _PREPARED:
                self._prepared.popitem(last=False)[1].close()
            self._prepared[key] = module
        self._prepared.move_to_end(key)
        return self._prepared[key]

    def close(self) -> None:
        for module in (*self._prepared.values(), self.module):
            module.close()
        self._context.close()


class _Spent(Exception):
    """A new process must answer, since this one is not what it was.

    Code generation for one architecture changes that of others for the life of the process (AVR's,
    for one, turns off jump tables for all), and z3 does not give back all the memory it has taken.
    """


class Worker:
    """Serves requests on modules that it keeps by digest.

    `note` is told how many plans of the request are done, and the function whose pipeline is about
    to run, "" when it may be anybody's fault, None as long as it is nobody's.
    """

    def __init__(self, note: Callable[[int, str | None], None]) -> None:
        self._note = note
        self._sources: collections.OrderedDict[str, _Loaded] = collections.OrderedDict()
        self._kept: collections.OrderedDict[Any, tuple[Evaluation, bytes]] = (
            collections.OrderedDict()
        )
        self._targets: dict[Any, Target] = {}
        self._sessions: Sessions | None = None
        self._architecture = ""
        self._judged = 0
        self._done = 0
        self._blamed: str | None = None
        self._cpu_s = 0.0

    def begin(self, cpu_s: float) -> None:
        """Start on a request, each compilation of which may take that long; 0 ends it."""
        self._cpu_s = cpu_s
        self._compile(0)

    def _compile(self, done: int) -> None:
        """Start on a compilation: its CPU time begins, and nobody is to blame yet."""
        signal.setitimer(signal.ITIMER_PROF, self._cpu_s)  # SIGPROF's default action ends us
        self._done = done
        self._progress(None)

    def load(self, source: Source) -> None:
        """Keep the parsed source. Raises ParseError, InvalidModuleError."""
        self._sources[source.digest] = _Loaded(source)
        if len(self._sources) > _SOURCES:
            self._sources.popitem(last=False)[1].close()

    def knows(self, digest: str) -> bool:
        """Whether a request can be answered: "" is for those that bring what they need."""
        return not digest or digest in self._sources

    def inspect(self, digest: str) -> ModuleInfo:
        """Facts about the source."""
        module = self._sources[digest].module
        functions = tuple(
            FunctionInfo(
                name=function.name,
                instructions=function.instruction_count,
                is_local=function.linkage.is_local,
                may_inline=not any(map(function.has_attribute, ("noinline", "optnone", "naked"))),
                has_minsize=any(map(function.has_attribute, ("minsize", "optnone"))),
                users=tuple(user.name if user else "" for user in function.users()),
            )
            for function in module.defined_functions()
        )
        return ModuleInfo(module.triple, functions)

    def evaluate(
        self, digest: str, each: Sequence[Plan], options: TargetOptions, own_sections: bool
    ) -> list[tuple[Evaluation, str | None]]:
        """Each plan's measurements, and whose fault it is that they are bad."""
        measured: list[tuple[Evaluation, str | None]] = []
        for done, plan in enumerate(each):
            self._compile(done)
            keep = len(each) == 1 and not own_sections  # of many, one is seldom asked for again
            evaluation = self._evaluate(digest, plan, options, own_sections, keep)
            measured.append((evaluation, self._blamed))
        return measured

    def _evaluate(
        self, digest: str, plan: Plan, options: TargetOptions, own_sections: bool, keep: bool
    ) -> Evaluation:
        """The measurements of one compilation; what LLVM reports as errors are statuses."""
        started = time.perf_counter()
        try:
            artefact = Artefact.BITCODE if keep else None
            made = self._build(digest, plan, options, own_sections, artefact)
            evaluation = made[0]
            if artefact:
                self._keep((digest, plan, options), made)
        except (PipelineError, InvalidModuleError) as error:
            evaluation = Evaluation(Status.INVALID, str(error))
        return dataclasses.replace(evaluation, wall_s=time.perf_counter() - started)

    def build(
        self,
        digest: str,
        plan: Plan,
        options: TargetOptions,
        own_sections: bool,
        artefact: Artefact,
    ) -> tuple[Evaluation, bytes]:
        """One compilation: its measurements and the artefact. Raises OzoneError."""
        kept = self._kept.get((digest, plan, options))
        if kept and artefact is Artefact.BITCODE and not own_sections:
            return kept
        return self._build(digest, plan, options, own_sections, artefact)

    def _keep(self, key: Any, made: tuple[Evaluation, bytes]) -> None:
        """Remember a result: the best of the last few is what will be asked for in the end."""
        self._kept[key] = made
        if len(self._kept) > _KEPT:
            self._kept.popitem(last=False)

    def time(self, digest: str, versions: Sequence[bytes], timing: Timing) -> Any:
        """How long versions of the source's functions run. Raises OzoneError."""
        find_libraries()
        from envs.runtime import time_functions

        loaded = self._sources[digest]
        return time_functions(loaded.source.data, loaded.module, versions, timing)

    def session(self, _: str, method: str, *arguments: Any) -> Any:
        """A call on the sessions of environments, which need no source. Raises OzoneError."""
        from envs.session import Sessions

        if self._sessions is None:
            preserve_use_lists()
            self._sessions = Sessions(self._target, self._next_pipeline)
        return getattr(self._sessions, method)(*arguments)

    def _next_pipeline(self, done: int) -> None:
        if done:  # the first one's time began with the request
            self._compile(done)

    def _build(
        self,
        digest: str,
        plan: Plan,
        options: TargetOptions,
        own_sections: bool,
        artefact: Artefact | None,
    ) -> tuple[Evaluation, bytes]:
        loaded = self._sources[digest]
        self._sources.move_to_end(digest)
        target = self._target(loaded.module, options)
        with self._compiled(loaded, plan, options, target) as module:
            self._verify(module)
            counts = {f.name: f.instruction_count for f in module.defined_functions()}
            output = render(module, target, artefact)
            if artefact is Artefact.OBJECT:
                return emit(module, counts, target, own_sections)
            if len(loaded.source.data) > _SMALL_BYTES:
                return emit(module, counts, target, own_sections)[0], output
            made = output if artefact is Artefact.BITCODE else module.bitcode()
            key = (hashlib.sha256(made).digest(), options, own_sections)
            if key not in loaded.measured:
                loaded.measured[key] = emit(module, counts, target, own_sections)[0]
        return loaded.measured[key], output

    def changes(
        self, digest: str, plan: Plan, options: TargetOptions, names: Sequence[str]
    ) -> list[Change]:
        """What the plan's pipelines make of the functions `names`. Raises OzoneError."""
        loaded = self._sources[digest]
        loaded.use()
        target = self._target(loaded.module, options)
        original = _retargeted(loaded, options, target)
        prepared = prepare(original, plan.inline, plan.before, target)
        with prepared:
            return changes(prepared, plan, target, names, self._progress)

    def parts(self, digest: str, options: TargetOptions) -> Parts:
        """The source's functions as a corpus has them. Raises OzoneError."""
        from anghabench.functions import parts

        loaded = self._sources[digest]
        loaded.use()
        target = self._target(loaded.module, options)
        with self._compiled(loaded, Plan(before=OZ), options, target) as module:
            surviving = {function.name for function in module.defined_functions()}
        return parts(loaded.module, surviving, target)

    def judge(self, digest: str, rung: str, function: str, target: Side, effort: Effort) -> Any:
        """One rung of the ladder, for a function of the source and its target."""
        self._judged += 1
        if self._judged > _JUDGEMENTS:
            raise _Spent
        find_libraries()
        from ir_tools.verify import ladder
        from ir_tools.verify.verdict import Side

        source = Side(self._sources[digest].source.data, function)
        return getattr(ladder, f"by_{rung}")(source, target, effort)

    @contextlib.contextmanager
    def _compiled(
        self, loaded: _Loaded, plan: Plan, options: TargetOptions, target: Target
    ) -> Iterator[Module]:
        """The module after the plan, for as long as it is needed.

        What one module pipeline makes is `opt`'s exactly, from a module that was just read: a clone
        lists uses in another order, and the names of its types are taken.
        """
        if plan == Plan(before=plan.before):
            source = loaded.source
            with Context() as context, context.parse(source.data, source.name) as module:
                if options.triple:
                    module.retarget(target)
                module.run(plan.before, target)
                yield module
            return
        loaded.use()
        original = _retargeted(loaded, options, target)

        def prepared(before: str) -> Module:
            return loaded.prepared(
                (plan.inline, before, options),
                lambda: prepare(original, plan.inline, before, target),
            )

        lender = prepared(plan.lender) if plan.borrowed else None
        with apply(prepared(plan.before), plan, target, lender, self._progress) as module:
            yield module

    def _verify(self, module: Module) -> None:
        try:
            module.verify()
        except InvalidModuleError:
            self._blamed = next((f.name for f in module.defined_functions() if not f.is_valid), "")
            raise

    def _progress(self, function: str | None) -> None:
        self._blamed = function
        self._note(self._done, function)

    def _target(self, module: Module, options: TargetOptions) -> Target:
        key = (options, module.triple, module.flag("PIC Level"))
        if key not in self._targets:
            target = Target(options, module)
            architecture = target.triple.partition("-")[0]
            if self._architecture not in ("", architecture):
                raise _Spent
            self._architecture = architecture
            self._targets[key] = target
        return self._targets[key]


def _retargeted(loaded: _Loaded, options: TargetOptions, target: Target) -> Module:
    """The source, for the triple that the options name."""
    if not options.triple:
        return loaded.module

    def make() -> Module:
        module = loaded.module.clone()
        module.retarget(target)
        return module

    return loaded.prepared(options, make)


def _answer(worker: Worker, requests: int, replies: int) -> None:
    """Answer requests (kind, digest, source or None, arguments, CPU s) until the parent is gone.

    Raises _Spent where another worker must.
    """
    while True:
        kind, digest, source, arguments, cpu_s = wire.read(requests)
        worker.begin(cpu_s)
        try:
            if source is not None:
                worker.load(source)
            known = worker.knows(digest)
            answer = ("done", getattr(worker, kind)(digest, *arguments)) if known else ("unknown",)
        except OzoneError as error:
            answer = ("error", error)
        except _Spent:
            worker.begin(0)
            raise
        worker.begin(0)  # whoever dies while idle blames nobody
        wire.write(replies, answer)


def serve(memory_bytes: int) -> None:
    """Be a worker, on stdin and stdout, until the parent is gone."""
    requests, replies = private_pipes()
    confine(memory_bytes)
    library().LLVMEnablePrettyStackTrace()  # a crash then names the pass that was running
    try:
        with contextlib.suppress(EOFError, BrokenPipeError):
            _answer(Worker(note), requests, replies)
    except _Spent:
        wire.write(replies, ("unknown",))  # have the request sent again, to our successor
        start_afresh(memory_bytes, requests, replies)


if __name__ == "__main__":
    serve(memory_bytes=int(sys.argv[1]))
