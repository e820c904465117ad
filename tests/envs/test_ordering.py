"""`ozone/PassOrdering-v0`: Gymnasium's contract, and the laws that hold on random episodes."""

from __future__ import annotations

import random
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env

from envs.episode import parts
from envs.evaluation import Source
from envs.ordering import PassOrdering
from envs.pool import Limits
from envs.registration import register
from ir_tools.errors import ActionError, MisuseError, ParseError, UnknownBenchmarkError
from ir_tools.passes import FUNCTION_SCOPES, Trust, catalogue
from ir_tools.process import run_tool
from tests.envs.material import LOOP, MARKED, TWO

ID = "ozone/PassOrdering-v0"
COUNT = "IrInstructionCount"
NOTHING = "expand-memcmp"  # there is none to expand


@pytest.fixture(scope="module", autouse=True)
def registered() -> None:
    register()


@pytest.fixture(scope="module")
def worker() -> Iterator[PassOrdering]:
    """An environment whose forks share its worker, which starts once."""
    env = PassOrdering(LOOP, trust=Trust.EXPERIMENTAL, reward_space=COUNT)
    yield env
    env.close()


@pytest.fixture
def env(worker: PassOrdering) -> Iterator[PassOrdering]:
    fork = worker.fork()
    yield fork
    fork.close()


def number(env: PassOrdering, name: str) -> int:
    return env.action_names.index(name)


def play(env: PassOrdering, rng: random.Random, steps: int) -> tuple[list[int], list[float]]:
    """Random actions until the episode ends; those that were taken, and what they earned."""
    actions, rewards = [], []
    for _ in range(steps):
        actions.append(rng.randrange(len(env.actions)))
        _, reward, terminated, truncated, _ = env.step(actions[-1])
        rewards.append(reward)
        if terminated or truncated:
            break
    return actions, rewards


def test_gymnasiums_checker_finds_nothing() -> None:
    env = gymnasium.make(ID, benchmark=LOOP)
    check_env(env.unwrapped)
    env.close()


def test_gymnasium_makes_it_without_a_word_about_benchmarks(clang: str) -> None:
    env = gymnasium.make(ID)
    observation, _ = env.reset(seed=1)
    assert observation in env.observation_space
    assert observation.shape == (56,)
    env.close()


@pytest.mark.parametrize("source", [LOOP, TWO, MARKED], ids=lambda source: source.name)
@pytest.mark.parametrize("seed", range(4))
def test_random_episodes_keep_the_laws(source: Source, seed: int, env: PassOrdering) -> None:
    """Rewards sum to the difference of the ends; a replay gives the same IR, from the start as
    from a fork in the middle; the episode's line validates."""
    rng = random.Random(f"{source.name} {seed}")
    env.reset(options={"benchmark": source})
    before = int(env.observe(COUNT))
    first, rewards = play(env, rng, 10)
    fork = env.fork()
    assert fork.observe("Ir") == env.observe("Ir")
    rest, more = play(env, rng, 10)
    if env.run.failure is None:
        assert sum(rewards + more) == before - env.observe(COUNT)
        for action in rest:
            fork.step(action)
        assert fork.observe("Ir") == env.observe("Ir")
        ir = env.observe("Ir")
        fork.reset(options={"benchmark": source})
        for action in first + rest:
            fork.step(action)
        assert fork.observe("Ir") == ir
    else:
        assert sum(rewards + more) <= 0
    assert env.validate().problems == ()
    fork.close()


@pytest.mark.parametrize("name", ["json", "fft", "regex"])
def test_opt_makes_the_same_ir_with_the_printed_pipeline(
    name: str, env: PassOrdering, examples: Mapping[str, Source], tmp_path: Path
) -> None:
    if not shutil.which("opt-22"):
        pytest.skip("opt-22 is not installed")
    rng = random.Random(name)
    env.reset(options={"benchmark": examples[name]})
    play(env, rng, 20)
    path = tmp_path / "a.bc"
    path.write_bytes(examples[name].data)
    assert len(parts(env.episode.pipeline)) > 5
    argv = ["opt-22", f"-passes={env.episode.pipeline}", "-discard-value-names", "-S", str(path)]
    text = run_tool(argv, timeout_s=60).check().stdout.decode()
    assert text.partition("\n")[2] == env.observe("Ir").partition("\n")[2]


def test_a_pass_that_did_nothing_is_masked_until_something_changes(env: PassOrdering) -> None:
    idle, useful = number(env, NOTHING), number(env, "sroa<modify-cfg>")
    _, info = env.reset()
    assert info["action_mask"].all()
    *_, info = env.step(idle)
    assert not info["action_mask"][idle]
    assert info["action_mask"].sum() == len(env.actions) - 1
    assert (info["action_mask"] == env.action_masks()).all()
    assert env.action_space.sample(info["action_mask"]) != idle
    *_, info = env.step(useful)
    assert info["action_mask"].all()
    *_, info = env.step(useful)
    assert not info["action_mask"][useful]


def test_taking_what_is_known_to_do_nothing_runs_nothing_and_earns_nothing(
    env: PassOrdering,
) -> None:
    idle = number(env, NOTHING)
    env.reset()
    env.step(idle)
    pipeline = env.episode.pipeline
    first, reward, terminated, truncated, _ = env.step(idle)
    second = env.step(idle)[0]
    assert (reward, terminated, truncated) == (0, False, False)
    assert env.episode.pipeline == pipeline
    assert first is not second
    assert (first == second).all()


def test_a_forks_masks_are_its_own(env: PassOrdering) -> None:
    idle = number(env, NOTHING)
    env.reset()
    fork = env.fork()
    fork.step(idle)
    assert env.action_masks().all()
    assert not fork.action_masks()[idle]
    fork.close()


@pytest.mark.parametrize("action", [-1, 10_000, 1.5, "gvn", None, np.int64(-3)])
def test_what_is_no_action_is_an_error_and_the_episode_goes_on(
    action: Any, env: PassOrdering
) -> None:
    env.reset()
    with pytest.raises(ActionError, match=f"take one of 0 to {len(env.actions) - 1}"):
        env.step(action)
    assert env.step(np.int64(0))[2:4] == (False, False)


def test_a_step_without_an_episode_is_an_error_that_says_reset() -> None:
    env = PassOrdering(LOOP, max_steps=1)
    for use in (lambda: env.step(0), lambda: env.observe("Ir"), lambda: env.episode, env.render):
        with pytest.raises(MisuseError, match="call reset"):
            use()
    env.reset()
    assert env.step(0)[2:4] == (False, True)
    with pytest.raises(MisuseError, match=r"the episode is over: call reset\(\)"):
        env.step(0)
    env.reset()
    env.step(0)
    env.close()
    env.close()
    with pytest.raises(MisuseError, match="the environment is closed"):
        env.reset()


@pytest.mark.parametrize(
    ("benchmark", "error"),
    [
        ("benchmark://no-such-thing-v0/a", UnknownBenchmarkError),
        ("nothing", UnknownBenchmarkError),
        (Source("broken.ll", b"define"), ParseError),
    ],
)
def test_a_bad_benchmark_is_an_error_and_the_next_reset_is_fine(
    benchmark: str | Source, error: type[Exception], env: PassOrdering
) -> None:
    with pytest.raises(error):
        env.reset(options={"benchmark": benchmark})
    with pytest.raises(MisuseError, match="call reset"):
        env.step(0)
    env.reset(options={"benchmark": LOOP})
    assert env.step(0)[2:4] == (False, False)


def test_a_benchmark_whose_file_has_vanished_is_an_error(env: PassOrdering, tmp_path: Path) -> None:
    path = tmp_path / "a.ll"
    path.write_bytes(LOOP.data)
    env.reset(options={"benchmark": path.as_uri()})
    assert env.step(0)[2:4] == (False, False)
    path.unlink()
    with pytest.raises(UnknownBenchmarkError, match=r"a\.ll"):
        env.reset()
    assert env.reset(options={"benchmark": LOOP})[0] in env.observation_space


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"trust": "some"}, "trust='some': one of production, experimental"),
        ({"passes": ["gvn<what>"]}, "'gvn<what>' is no production pass"),
        ({"passes": ["newgvn"]}, "'newgvn' is no production pass"),
        ({"passes": []}, "no pass to choose from"),
        ({"start": "O3"}, "start='O3': one of unoptimised, oz"),
        ({"verify": "always"}, "verify='always': one of never, episode, step"),
        ({"observation_space": "Size"}, "no observation space 'Size': one of Ir,"),
        ({"reward_space": "Size"}, "no reward space 'Size': take of IrInstructionCount,"),
    ],
)
def test_an_option_that_there_is_not_is_refused_with_those_that_there_are(
    options: dict[str, Any], message: str
) -> None:
    with pytest.raises(MisuseError, match=message):
        PassOrdering(LOOP, **options)


def test_actions_are_the_catalogues_variants_or_those_that_are_named() -> None:
    production = [each.text for row in catalogue() for each in row.variants]
    assert list(PassOrdering(LOOP).action_names) == production
    chosen = PassOrdering(LOOP, passes=["gvn", "licm"])
    assert chosen.action_space.n == 2
    assert [each.scope in FUNCTION_SCOPES for each in chosen.actions] == [True, True]


def test_a_hang_is_an_outcome_with_its_name_in_info() -> None:
    diamonds = "\n".join(
        f"""b{i}:
          %c{i} = icmp eq i32 %x, {7 * i}
          br i1 %c{i}, label %t{i}, label %b{i + 1}
        t{i}:
          call void @use(i32 {i})
          br label %b{i + 1}"""
        for i in range(3000)
    )
    text = f"""declare void @use(i32)
        define void @f(i32 %x) {{
          br label %b0
        {diamonds}
        b3000:
          ret void
        }}"""
    source, simplify = Source("long.ll", text.encode()), "function-simplification<Oz>"
    env = PassOrdering(source, COUNT, COUNT, passes=[simplify], limits=Limits(cpu_s=0.2))
    observation, _ = env.reset()
    after, reward, terminated, truncated, info = env.step(0)
    assert (after, reward, terminated, truncated) == (observation, 0, True, False)
    assert info["error_type"] == "hang"
    assert "CPU time" in info["error_details"]
    with pytest.raises(MisuseError, match="call reset"):
        env.step(0)
    env.reset(options={"benchmark": LOOP})
    assert env.step(0)[2:4] == (False, False)
    env.close()


def test_rendering_shows_the_pipeline_and_what_is_known(
    env: PassOrdering, capsys: pytest.CaptureFixture[str]
) -> None:
    env.reset()
    env.step(number(env, "sroa<modify-cfg>"))
    text = env.render()
    assert text is not None
    assert "loop.ll: always-inline,invalidate<all>,function(sroa<modify-cfg>)" in text
    assert f"{env.observe(COUNT)} instructions, {env.observe('TextBytes')} bytes of text" in text
    human = PassOrdering(LOOP, render_mode="human")
    human.reset()
    assert "loop.ll: always-inline\n" in capsys.readouterr().out
    human.close()


def test_the_same_seed_and_actions_make_the_same_episode(env: PassOrdering) -> None:
    episodes = []
    for _ in range(2):
        env.reset(seed=7)
        play(env, random.Random(7), 15)
        episodes.append(env.episode)
    assert episodes[0] == episodes[1]
