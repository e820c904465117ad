"""What the tests of `anghabench` share: pipelines run on benchmarks, and a checkout of cBench."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from anghabench.benchmarks import Benchmark
from ir_tools.llvm import Context
from ir_tools.target import Target

Optimise = Callable[..., bytes]
_SOURCES = {
    "main.c": """
int main1(int argc, char **argv);
int main(int argc, char **argv) {
  long passes = 0;
  FILE *file = fopen("_finfo_dataset", "rt");
  if (!file || fscanf(file, "%ld", &passes) != 1) return 9;
  while (passes--) main1(argc, argv);
  return 0;
}
""",
    "count.c": """
old_style(text) char *text; { int n = 0; while (*text) n += *text++ == LETTER; return n; }
int main1(int argc, char **argv) {
  char line[99];
  FILE *in = fopen(argv[1], "r"), *out = fopen(argv[2], "w");
  while (fgets(line, sizeof line, in)) fprintf(out, "%d\\n", old_style(line));
  while (fgets(line, sizeof line, stdin)) printf("%s\\n", argv[3]);
  return fclose(out);
}
""",
}


@pytest.fixture(scope="session")
def optimise() -> Optimise:
    """Runs a pipeline over a benchmark."""

    def run(benchmark: Benchmark, pipeline: str = "default<Oz>") -> bytes:
        with (
            Context() as context,
            context.parse(benchmark.bitcode) as module,
            Target(module=module) as target,
        ):
            module.run(pipeline, target)
            return module.bitcode()

    return run


@pytest.fixture
def cbench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder in the layout of cBench V1.1, with one small program in it, and its data."""
    root = tmp_path / "cBench"
    folder = root / "automotive_qsort1" / "src"
    folder.mkdir(parents=True)
    (root / "automotive_qsort1" / "include").mkdir()
    (root / "automotive_qsort1" / "include" / "all.h").write_text("#include <stdio.h>\n")
    for name, text in _SOURCES.items():
        (folder / name).write_text('#include "all.h"\n' + text)
    (folder / "Makefile").write_text(
        "all:\n\t$(ZCC) $(CCC_OPTS) -I../include -DLETTER=\\'e\\' -c *.c\n\t$(LDCC) -lm *.o\n"
    )
    (folder / "_ccc_info_datasets").write_text(
        "2\n=====\n1\n../../data/1.txt out.txt -x < ../../data/2.txt > ftmp_out\n50\n"
        "=====\n2\n../../data/2.txt out.txt -x\n50\n"
    )
    (root / "data").mkdir()
    (root / "data" / "1.txt").write_text("eleven\nseven\n")
    (root / "data" / "2.txt").write_text("three\n")
    monkeypatch.setenv("OZONE_CBENCH", str(root))
    return root
