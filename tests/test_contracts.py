"""Every built-in task and method keeps its contract; results do not depend on where they were computed."""
import pytest, torch
from concurrent.futures import ProcessPoolExecutor
from invnb.all import *
from invnb.bench.run import run

SMALL = dict(rows=300, targets=5, budget=4, progress=False)


def short(name):
    "A method of that name whose training takes a second"
    method = get_method(name)
    if hasattr(method, "surrogate"): method.surrogate = Surrogate(hidden=(32, 32), epochs=5)
    if name == "neural_adjoint_paper": method.solver.steps = 10
    return method


@pytest.mark.parametrize("name", list_tasks())
def test_task(name): check_task(get_task(name))


@pytest.mark.parametrize("task", [get_task("robotic_arm", angles="cumulative"), get_task("ballistics", landing="grid")], ids=lambda t: t.name)
def test_task_option(task): check_task(task)


@pytest.mark.parametrize("name", list_methods())
def test_method(name, tmp_path): check_method(short(name), tmp_path)


@pytest.mark.parametrize("name", list_methods())
def test_one_target_and_one_output(name):
    task = get_task("ballistics")
    method = short(name).fit(task.sample(60), progress=False)
    assert method.search(task.simulate, task.targets(1), 3).error.shape == (1, 3)
    assert method.propose(torch.tensor([[1e4]]), 3).isfinite().all()          # far beyond the data


@pytest.mark.parametrize("name", list_methods())
def test_data_with_nan_is_refused_with_its_row(name):
    y = torch.rand(50, 1); y[31] = torch.nan
    with pytest.raises(ValueError, match="row 31"): get_method(name).fit(Data(torch.rand(50, 2), y))


def test_same_numbers_in_other_processes(tmp_path):
    methods = {name: short(name) for name in ("neural_adjoint", "random_search")}
    here = run(["sine_wave", "robotic_arm"], methods, range(2), tmp_path / "here", **SMALL)
    import multiprocessing
    with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("spawn")) as pool:
        there = run(["sine_wave", "robotic_arm"], methods, range(2), tmp_path / "there", executor=pool, **SMALL)
    assert len(here) == 8 and [r.name for r in here] == [r.name for r in there]
    for a, b in zip(here, there): assert torch.equal(a.error, b.error), a.name


def test_another_method_changes_nothing(tmp_path):
    alone = run(["sine_wave"], {"neural_adjoint": short("neural_adjoint")}, [0], tmp_path / "a", **SMALL)
    both = run(["sine_wave"], {n: short(n) for n in ("random_search", "ranked_search", "neural_adjoint")}, [0], tmp_path / "b", **SMALL)
    assert torch.equal(alone[0].error, next(r for r in both if r.spec["method"] == "neural_adjoint").error)


def test_a_lambda_of_the_user_reaches_a_worker(tmp_path):
    from loky import get_reusable_executor
    task = Task("mine", lambda x: x.sum(1, keepdim=True), [[0., 0.], [1., 1.]])
    pool = get_reusable_executor(1)
    assert len(run([task], {"random_search": short("random_search")}, [0], tmp_path, executor=pool, **SMALL)) == 1
    pool.shutdown()
