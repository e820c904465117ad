"""Policies that look at the function: what they know, what they make of it, what they refuse."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from agent import nvp
from agent.nvp import Knowledge, NeighbourPolicy, NvpPolicy, cover, features
from agent.nvp_training import fit
from agent.policy import coreset
from anghabench.store import CorpusFunction
from envs.evaluation import FunctionInfo
from ir_tools.errors import OzoneError
from ir_tools.features import AUTOPHASE_NAMES, INST_COUNT_NAMES

pytest.importorskip("sklearn")

FEATURES, FUNCTIONS = 8, 400
PIPELINES = np.array([str(pipeline) for pipeline in coreset()[:6]])


def planted(seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Features; sizes with each pipeline; those of -Oz. One feature decides which is best.

    The first pipeline is a fair one for all, and the last one makes everything larger.
    """
    rng = np.random.default_rng(seed)
    known = rng.integers(0, 40, size=(FUNCTIONS, FEATURES)).astype(np.float32)
    baselines = rng.integers(100, 200, size=FUNCTIONS).astype(float)
    costs = np.repeat(baselines[:, None], len(PIPELINES), 1)
    costs[:, 0] -= 4
    costs[np.arange(FUNCTIONS), 1 + (known[:, 3] // 10).astype(int)] -= 10
    costs[:, 5] += 3
    return known, costs, baselines


def first_choices(knowledge: Knowledge, known: np.ndarray) -> np.ndarray:
    return np.array([cover(knowledge.values.astype(float), knowledge.alike(x), 1) for x in known])


def test_a_planted_relation_between_features_and_pipelines_is_learned() -> None:
    known, costs, baselines = planted(1)
    knowledge = fit(PIPELINES, known, costs, baselines, seed=0)
    others, their_costs, _ = planted(2)
    right = first_choices(knowledge, others)[:, 0] == their_costs.argmin(1)
    assert right.mean() > 0.8
    shuffled = np.random.default_rng(3).permutation(known)  # nothing to be learned
    blind = first_choices(fit(PIPELINES, shuffled, costs, baselines, 0), others)[:, 0]
    assert (blind == their_costs.argmin(1)).mean() < 0.5


def test_what_helps_nobody_comes_last() -> None:
    knowledge = fit(PIPELINES, *planted(1), seed=0)
    order = knowledge.order(knowledge.features[0], 6)
    assert sorted(order) == list(range(6))
    assert order[-1] == 5


def test_the_order_is_a_cover_of_what_is_alike_and_of_nothing_else() -> None:
    knowledge = fit(PIPELINES, *planted(1), seed=0)
    for asked in planted(2)[0][:20]:
        weights = knowledge.alike(asked)
        assert 0 < np.count_nonzero(weights) < len(weights)
        assert knowledge.order(asked, 6) == cover(knowledge.values.astype(float), weights, 6)


def test_the_weights_are_those_with_which_the_forest_predicts() -> None:
    from sklearn.ensemble import ExtraTreesRegressor

    known, costs, baselines = planted(1)
    knowledge = fit(PIPELINES, known, costs, baselines, seed=0)
    saved = baselines[:, None] - costs
    values = np.clip(saved / saved.max(1)[:, None], -1, 1)
    forest = ExtraTreesRegressor(40, min_samples_leaf=4, max_features=0.3, random_state=0)
    asked = planted(2)[0][:20]
    weighted = np.array([knowledge.alike(each) @ values for each in asked])
    assert weighted == pytest.approx(forest.fit(known, values).predict(asked), abs=1e-6)


def test_the_nearest_function_is_itself_and_its_best_pipeline_comes_first() -> None:
    known, costs, baselines = planted(1)
    knowledge = fit(PIPELINES, known, costs, baselines, seed=0)
    for row in (0, 7, 90):
        assert knowledge.nearest(known[row])[0] == row


def test_a_cover_is_greedy() -> None:
    values = np.array([[5.0, 4, 0, 0], [0, 4, 6, -9], [0, 0, 0, -9]])
    assert cover(values, np.ones(3), 4) == [1, 2, 0, 3]
    assert cover(values, np.array([9.0, 1, 1]), 2) == [0, 2]
    assert cover(values, np.ones(3), 0) == []


def test_knowledge_is_the_same_for_a_seed_and_survives_the_disk(tmp_path: Path) -> None:
    knowledge = fit(PIPELINES, *planted(1), seed=0)
    for name in ("a", "b"):
        fit(PIPELINES, *planted(1), seed=0).write(tmp_path / name)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    again = Knowledge.read((tmp_path / "a").read_bytes(), "a")
    asked = planted(2)[0]
    assert (first_choices(again, asked) == first_choices(knowledge, asked)).all()


@pytest.mark.parametrize("spoil", [lambda d: b"", lambda d: d[:500], lambda d: b"x" + d[1:]])
def test_a_damaged_file_is_refused_in_one_line(
    spoil: Callable[[bytes], bytes], tmp_path: Path
) -> None:
    fit(PIPELINES, *planted(1), seed=0).write(tmp_path / "a")
    with pytest.raises(OzoneError, match=r"^a is not made by 'ozone nvp': make it anew$"):
        Knowledge.read(spoil((tmp_path / "a").read_bytes()), "a")


def test_a_missing_file_is_named_with_the_command_that_makes_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(nvp, "SHIPPED", "data/none.npz")
    nvp.shipped.cache_clear()
    for policy in (NvpPolicy, NeighbourPolicy):
        with pytest.raises(OzoneError, match=r"^agent/data/none.npz is missing: make it with"):
            policy()
    nvp.shipped.cache_clear()


def test_training_on_what_nothing_improves_is_refused() -> None:
    known, costs, baselines = planted(1)
    with pytest.raises(OzoneError, match="no pipeline improves"):
        fit(PIPELINES, known, costs + 99, baselines, seed=0)


def test_a_parts_features_are_counts_of_it(parts: list[CorpusFunction]) -> None:
    found = features(parts[0].bitcode)
    assert len(found) == len(AUTOPHASE_NAMES) + len(INST_COUNT_NAMES)
    assert found[AUTOPHASE_NAMES.index("TotalInsts")] == parts[0].o0.instructions


@pytest.mark.parametrize("policy", [NvpPolicy, NeighbourPolicy])
def test_each_pipeline_is_proposed_once_and_unknown_parts_get_them_in_greedy_order(
    policy: type[NvpPolicy | NeighbourPolicy], parts: list[CorpusFunction]
) -> None:
    known = nvp.shipped()
    count = len(known.pipelines)
    orders = []
    for part in (b"", *(each.bitcode for each in parts)):
        info = FunctionInfo("f", 9, False, True, True, (), part)
        proposed = list(map(str, policy().propose(info, count + 5)))
        assert list(map(str, policy().propose(info, 3))) == proposed[:3]
        assert sorted(proposed) == sorted(map(str, known.pipelines))
        orders.append(tuple(proposed))
    assert orders[0] == tuple(map(str, known.pipelines))
    assert len(set(orders)) > 1, "it looks at the function"
