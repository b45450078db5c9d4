"""What crosses the border to another process, and what a simulator of somebody else does to ours: nothing hangs, nothing wrong is recorded.

The table in the docs (`nbs/results/03_faults.ipynb`) says what each was tried for.
"""
import ctypes, math, os, signal, subprocess, sys, threading, time, warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest, torch
from loky import get_reusable_executor

from invnb.bench.run import run
from invnb.bench.store import read_records
from invnb.core import Data, as_matrix, stream
from invnb.methods.method import get_method
from invnb.methods.network import Network
from invnb.methods.neural_adjoint import NeuralAdjoint
from invnb.methods.search import RandomSearch, RankedSearch
from invnb.child import Child, LostProcess, isolated
from invnb.tasks.per_design import PerDesign, SimulationCache
from invnb.tasks.task import Task, get_task
from invnb.wish import as_wish

pytestmark = [pytest.mark.timeout(60), pytest.mark.skipif(os.name != "posix", reason="fork and signals")]
SMALL = dict(rows=60, targets=3, budget=3, progress=False)
BOX = [[0., 0.], [1., 1.]]
HERE = dict(os.environ, OMP_NUM_THREADS="1")


def good(x): return x.sum(1, keepdim=True)
def one(design): return [2 * design[0]]
def errors(records): return {r.name: r.error for r in records}


def same(got, want):
    assert got.keys() == want.keys() and want
    for name in want: assert torch.equal(got[name], want[name]), name


def program(script, *args, timeout=50, cwd=None):
    return subprocess.run([sys.executable, "-c", script, *map(str, args)], capture_output=True, text=True, timeout=timeout, env=HERE, cwd=cwd)


@pytest.fixture
def child():
    child = Child()
    yield child
    child.close()


# ---------------------------------------------------------------- processes that fork

def forks_and_returns(design):
    os.fork()
    return [2 * design[0]]


def forks_and_leaves(design):
    if os.fork() == 0: sys.exit(0)
    return [2 * design[0]]


def forks_and_raises(design):
    if os.fork() == 0: raise KeyError("in the fork")
    return [2 * design[0]]


def forks_and_ends(design):
    if os.fork() == 0: os._exit(0)
    return [2 * design[0]]


def forks_a_helper(design):
    if os.fork() == 0: time.sleep(3); os._exit(0)
    return [2 * design[0]]


FORKS = [forks_and_returns, forks_and_leaves, forks_and_raises, forks_and_ends, forks_a_helper]


@pytest.mark.parametrize("simulate", FORKS)
def test_a_simulator_that_forks(tmp_path, simulate):
    "the forked side returns, exits, raises, ends or goes on: each design has its own answer, in the cache too, and the next simulator as well"
    x, cache = torch.arange(12.)[:, None], SimulationCache(tmp_path / "sims.sqlite", "forks")
    assert torch.equal(PerDesign(simulate, cache=cache)(x), 2 * x)
    assert {design[0]: y[0] for design, y in cache.find([(float(i),) for i in range(12)]).items()} == {float(i): 2. * i for i in range(12)}
    assert torch.equal(PerDesign(lambda design: [design[0] + 5])(x), x + 5)


def test_an_answer_to_another_request_is_refused(child):
    "who writes into the pipe past the child: refused, and the process is lost"
    def forges():
        import pickle
        for fd in range(3, 40):
            try: os.write(fd, pickle.dumps(b"wrong")) if os.readlink(f"/proc/self/fd/{fd}").startswith("pipe:") else None
            except OSError: pass
        return "right"
    with pytest.raises(LostProcess): child(forges)
    assert child(math.sqrt, 4.) == 2


def dies_with_helper(own_session):
    if os.fork() == 0:
        if own_session: os.setsid()
        time.sleep(30); os._exit(0)
    time.sleep(.1)
    os.kill(os.getpid(), signal.SIGKILL)


def c_fork(own_session):
    libc = ctypes.CDLL(None)
    if libc.fork() == 0:
        if own_session: libc.setsid()
        libc.sleep(30); libc._exit(0)
    time.sleep(.1)
    os.kill(os.getpid(), signal.SIGKILL)


@pytest.mark.parametrize("limit", [None, 20.])
@pytest.mark.parametrize("own_session", [False, True])
@pytest.mark.parametrize("work", [dies_with_helper, c_fork])
def test_a_death_while_a_helper_lives(child, work, own_session, limit):
    "SIGKILL of the process while a helper that it forked holds its pipe: lost, soon, with the right code, whatever the limit"
    child(abs, 1)
    begin = time.monotonic()
    with pytest.raises(LostProcess, match="code -9"): child(work, own_session, limit=limit)
    assert time.monotonic() - begin < 8
    assert child(math.sqrt, 4.) == 2


def test_a_death_in_the_middle_of_a_long_answer(child):
    "a helper lives, half of the answer is there"
    def half():
        if os.fork() == 0: os.setsid(); time.sleep(30); os._exit(0)
        threading.Timer(.5, os.kill, [os.getpid(), signal.SIGKILL]).start()
        class Slow:
            def __reduce__(self): time.sleep(20); return int, ()
        return bytes(10**7), Slow()
    begin = time.monotonic()
    with pytest.raises(LostProcess): child(half)
    assert time.monotonic() - begin < 8


def forked(work):
    "Whether `work()` is true in a forked process, within 20 seconds"
    pid = os.fork()
    if pid == 0:
        try: os._exit(0 if work() else 1)
        except BaseException as e: print(repr(e), file=sys.stderr); os._exit(2)
    end = time.monotonic() + 20
    while time.monotonic() < end:
        done, status = os.waitpid(pid, os.WNOHANG)
        if done: return os.waitstatus_to_exitcode(status) == 0
        time.sleep(.02)
    os.kill(pid, signal.SIGKILL); os.waitpid(pid, 0)
    return False


def test_again_in_a_forked_process():
    "PerDesign was used, the process forks, and both use it: right answers on both sides, and the parent's child lives on"
    x = torch.arange(6.)[:, None]
    simulate, pids = PerDesign(one, workers=2), PerDesign(lambda design: [os.getpid()], workers=1)
    before = simulate(x), pids(x)
    assert forked(lambda: torch.equal(simulate(x), before[0]) and pids(x)[0] != before[1][0])
    assert torch.equal(simulate(x + 1), 2 * x + 2) and torch.equal(pids(x), before[1])
    isolated(None, abs, 1)
    mine = isolated(None, os.getpid)
    assert forked(lambda: isolated(None, os.getpid) != mine) and isolated(None, os.getpid) == mine


def test_a_pool_of_the_process_that_forked():
    "a pool has no workers after a fork: refused in one line, not waited for"
    pool = get_reusable_executor(2)
    simulate = PerDesign(one, executor=pool)
    assert simulate(torch.ones(2, 1)).tolist() == [[2.], [2.]]
    def refused():
        try: simulate(torch.zeros(2, 1))
        except ValueError as e: return "forked" in str(e) and "\n" not in str(e)
    assert forked(refused)
    assert simulate(torch.ones(1, 1)).tolist() == [[2.]]
    pool.shutdown()


def test_a_forked_process_keeps_no_child_alive():
    "who forked holds no end of the pipes: the child ends with its parent although the forked process lives"
    script = """
import os, time
from invnb.child import isolated
print(isolated(None, os.getpid), flush=True)
if os.fork() == 0:
    os.close(1); os.close(2); time.sleep(20); os._exit(0)
os._exit(0)
"""
    done = program(script)
    pid = int(done.stdout)
    for _ in range(100):
        if not Path(f"/proc/{pid}").exists() or "\nState:\tZ" in Path(f"/proc/{pid}/status").read_text(): return
        time.sleep(.05)
    assert False, "the child lives"


class Own(BaseException): pass


@pytest.mark.parametrize("kind", [KeyboardInterrupt, GeneratorExit, Own, SystemExit])
def test_a_base_exception_inside(child, kind):
    "is named, and costs no process"
    def raises(): raise kind("inside")
    pid = child(os.getpid)
    with pytest.raises(RuntimeError, match=f"{kind.__name__}: inside"): child(raises)
    assert child(os.getpid) == pid


# ---------------------------------------------------------------- what comes through the door

def fields(data): return data.x, data.y, data.bounds, data.valid, data.turns


@pytest.mark.parametrize("make", [torch.tensor, np.array, lambda rows: np.array(rows, np.float32)], ids=["tensor", "float64", "float32"])
def test_data_copies(make):
    rows = torch.rand(20, 2).tolist()
    x, y, bounds, valid = make(rows), make(rows), make(BOX), torch.arange(20) > 15
    data = Data(x, y, bounds, valid)
    before = [t.clone() for t in fields(data)]
    for given in (x, y, bounds, valid): given[:] = math.nan if given is not valid else 1
    assert all(torch.equal(a, b) for a, b in zip(fields(data), before))


def test_masked_arrays():
    "what is masked is no number: NaN, which Data refuses with its place, and an unmasked one is as an array"
    rows = np.random.default_rng(0).random((20, 2))
    masked = np.ma.masked_where(np.arange(40).reshape(20, 2) == 7, rows)
    with pytest.raises(ValueError, match="row 3"): Data(rows, masked)
    with pytest.raises(ValueError, match="row 3"): as_matrix("x", list(masked))
    with pytest.raises(ValueError, match="row 3"): as_matrix("x", np.ma.array((rows * 100).astype(int), mask=masked.mask))
    assert as_matrix("x", masked, finite=False).isnan().sum() == 1
    assert torch.equal(as_matrix("x", np.ma.array(rows)), as_matrix("x", rows))
    assert as_wish(masked, 2).lower[3, 1] == -math.inf                   # nobody wants anything of it


@pytest.mark.parametrize("make", [np.array, torch.tensor, list, lambda rows: __import__("pandas").DataFrame(rows)], ids=["array", "tensor", "list", "frame"])
def test_whole_numbers_keep_their_digits(make):
    rows = [[2**24 + 1, i] for i in range(6)]
    assert as_matrix("x", make(rows))[:, 0].tolist() == [2.**24 + 1] * 6
    assert as_matrix("x", make([[2**24, 3]])).dtype == torch.float32
    with pytest.raises(ValueError, match="digits"): as_matrix("x", make([[2**53 + 1, 1]]))


def test_float32_that_cannot_tell_rows_apart_says_so():
    "a method that computes in float32 says so where a column needs more digits, as a time stamp does"
    x = torch.rand(60, 2, dtype=torch.float64)
    x[:, 1] = 1.7e9 + torch.arange(60).double()
    with pytest.warns(UserWarning, match="column 1"): get_method("mdn", epochs=1).fit(Data(x, x[:, :1]), progress=False)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        get_method("mdn", epochs=1).fit(Data(torch.rand(60, 2).double() + 1000, x[:, :1]), progress=False)


def test_sparse_tensors():
    dense = torch.tensor([[0., 1.], [2., 0.]])
    for sparse in (dense.to_sparse(), dense.to_sparse_csr()): assert torch.equal(as_matrix("x", sparse), dense)
    quantized = torch.quantize_per_tensor(dense, .1, 0, torch.qint8)
    assert torch.allclose(as_matrix("x", quantized), dense, atol=.1)


# ---------------------------------------------------------------- simulators that change the world

CHDIR = """
import os, sys, torch
from invnb.bench.run import run
from invnb.tasks.task import Task
from invnb.tasks.per_design import PerDesign, SimulationCache
def moves(x): os.chdir("/"); return x.sum(1, keepdim=True)
records = run([Task("moves", moves, [[0., 0.], [1., 1.]])], ["random_search"], range(2), "bench", rows=60, targets=3, budget=3, progress=False)
assert len(records) == 2
os.chdir(sys.argv[1])
cache = SimulationCache("sims.sqlite", "moves")
def one(design): os.chdir("/"); return [sum(design)]
os.chdir("/")
PerDesign(one, cache=cache)(torch.rand(3, 2))
"""


def test_a_simulator_that_changes_the_folder(tmp_path):
    "records and paid simulations are where they were asked for"
    done = program(CHDIR, tmp_path, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert len(read_records(tmp_path / "bench")) == 2 and (tmp_path / "sims.sqlite").exists() and not list(tmp_path.glob("bench/*.lock"))


def test_the_command_and_a_simulator_that_changes_the_folder(tmp_path):
    "the report is written beside the records"
    script = """
import os
from invnb.tasks.task import Task, register_task
def moves(x): os.chdir("/"); return x.sum(1, keepdim=True)
register_task("moves")(lambda: Task("moves", moves, [[0., 0.], [1., 1.]]))
from invnb.bench.cli import invnb_bench
invnb_bench(preset="smoke", tasks="moves", methods="random_search", rows=60, targets=3, budget=3, seeds=2, workers=1, out="bench")
"""
    done = program(script, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert len(read_records(tmp_path / "bench")) == 2 and (tmp_path / "bench" / "report.md").exists()


def dtype(): torch.set_default_dtype(torch.float64)
def device(): torch.set_default_device("meta")
def grad(): torch.set_grad_enabled(False)
def inference(): torch.inference_mode(True).__enter__()
def precision(): torch.set_float32_matmul_precision("medium")
def threads(): torch.set_num_threads(2)
def deterministic(): torch.use_deterministic_algorithms(True)
def denormal(): torch.set_flush_denormal(True)
def anomaly(): torch.autograd.set_detect_anomaly(True)
def autocast(): torch.set_autocast_enabled("cpu", True)
def numpy_errors(): np.seterr(all="raise")
def seeds(): torch.manual_seed(0); np.random.seed(0)
def handlers(): signal.signal(signal.SIGINT, signal.SIG_IGN)
def masks(): signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT, signal.SIGTERM])


WORLDS = [dtype, device, grad, inference, precision, threads, deterministic, denormal, anomaly, autocast, numpy_errors, seeds, handlers, masks]


def world():
    "What a simulator might change"
    tiny = float(torch.tensor(1e-300, dtype=torch.float64) * 1e-10)
    return (torch.get_default_dtype(), torch.empty(0).device, torch.is_grad_enabled(), torch.is_inference_mode_enabled(), torch.get_float32_matmul_precision(), torch.get_num_threads(), torch.are_deterministic_algorithms_enabled(),
            tiny, torch.is_anomaly_enabled(), torch.is_autocast_enabled("cpu"), np.geterr(), signal.getsignal(signal.SIGINT), signal.pthread_sigmask(signal.SIG_BLOCK, []))


@pytest.fixture(autouse=True)
def world_put_back():
    "What a failed test leaves would fail all others"
    errors, handler = np.geterr(), signal.getsignal(signal.SIGINT)
    torch.set_num_threads(1)
    yield
    torch.set_default_dtype(torch.float32); torch.set_default_device(None); torch.set_grad_enabled(True); torch.set_float32_matmul_precision("highest"); torch.use_deterministic_algorithms(False)
    torch.set_flush_denormal(False); torch.autograd.set_detect_anomaly(False); torch.set_autocast_enabled("cpu", False)
    np.seterr(**errors); signal.signal(signal.SIGINT, handler); signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGINT, signal.SIGTERM])


@pytest.fixture(scope="module")
def calm(tmp_path_factory):
    "What a well written simulator gives"
    return errors(run([Task("state", good, BOX)], state_methods(), range(2), tmp_path_factory.mktemp("calm"), **SMALL))


def state_methods(): return dict(random_search=RandomSearch(), ranked_search=RankedSearch(Network(hidden=(8,), epochs=3)), neural_adjoint=NeuralAdjoint(Network(hidden=(8,), epochs=3)))


@pytest.mark.parametrize("change", WORLDS)
def test_a_simulator_that_changes_the_world(tmp_path, calm, change):
    "default dtype, device, modes, precision, threads, signals: records as those of a simulator that leaves them alone, and the world as it was"
    def simulate(x):
        y = x.sum(1, keepdim=True)
        change()
        return y
    before = world()
    same(errors(run([Task("state", simulate, BOX)], state_methods(), range(2), tmp_path, **SMALL)), calm)
    assert world() == before


def test_the_world_after_an_exception():
    def simulate(x): torch.set_default_dtype(torch.float64); raise KeyError
    before = world()
    with pytest.raises(KeyError): Task("state", simulate, BOX).simulate(torch.rand(3, 2))
    assert world() == before


def test_each_design_begins_in_the_same_world():
    "in a process of PerDesign, too"
    def simulate(design):
        y = [torch.ones(1).element_size(), float(torch.is_grad_enabled()), float(np.geterr()["divide"] == "warn")]
        torch.set_default_dtype(torch.float64); torch.set_grad_enabled(False); np.seterr(all="ignore")
        return y
    assert PerDesign(simulate)(torch.rand(3, 1)).tolist() == [[4, 1, 1]] * 3


# ---------------------------------------------------------------- threads

def test_a_pool_of_threads(tmp_path):
    "the records are those of a run one after the other"
    methods = state_methods() | dict(mdn=get_method("mdn", hidden=(8,), epochs=2), tandem=get_method("tandem", surrogate=Network(hidden=(8,), epochs=2), hidden=(8,), epochs=2))
    want = errors(run(["sine_wave"], methods, range(3), tmp_path / "serial", **SMALL))
    with ThreadPoolExecutor(4) as pool: got = errors(run(["sine_wave"], methods, range(3), tmp_path / "threads", executor=pool, **SMALL))
    same(got, want)
    with ThreadPoolExecutor(4) as pool: got = errors(run(["sine_wave"], methods, range(3), tmp_path / "fresh", executor=lambda: pool, **SMALL))
    same(got, want)


def test_two_threads_that_fit_at_once():
    "the numbers are those of one after the other, and the global generator is where it was"
    data, targets = get_task("sine_wave").sample(100), get_task("sine_wave").targets(3)
    def fitted(seed):
        return [get_method(name, **settings).fit(data, seed, progress=False).propose(targets, 4) for name, settings in
                dict(mdn=dict(hidden=(8,), epochs=2), cvae=dict(epochs=2), tandem=dict(surrogate=Network(hidden=(8,), epochs=2), hidden=(8,), epochs=2), ranked_search=dict(surrogate=Network(hidden=(8,), epochs=2))).items()]
    want = [fitted(seed) for seed in range(8)]
    before = torch.get_rng_state()
    with ThreadPoolExecutor(4) as pool: got = list(pool.map(fitted, range(8)))
    assert all(torch.equal(a, b) for one, other in zip(got, want) for a, b in zip(one, other))
    assert torch.equal(torch.get_rng_state(), before)


# ---------------------------------------------------------------- arguments

def test_numpy_arguments_of_run(tmp_path):
    want = errors(run(["sine_wave"], ["random_search"], range(2), tmp_path / "a", **SMALL))
    numpy = dict(rows=np.int64(60), targets=np.int32(3), budget=np.uint8(3), progress=False)
    for seeds in (np.arange(2), torch.arange(2), [np.int32(0), True]):
        same(errors(run(["sine_wave"], ["random_search"], seeds, tmp_path / "a", **numpy)), want)
    assert len(list((tmp_path / "a").glob("*.safetensors"))) == 2                        # found, not computed again
    with pytest.raises(ValueError, match="seeds: expected whole numbers, got 0.5"): run(["sine_wave"], ["random_search"], [.5], tmp_path / "b", **SMALL)


def test_settings_that_are_arrays(tmp_path):
    "NumPy's numbers and arrays as settings of a method are recorded as numbers and lists"
    plain = dict(r=RankedSearch(Network(hidden=(8, 8), epochs=3)))
    numpy = dict(r=RankedSearch(Network(hidden=np.array([8, 8]), epochs=np.int64(3))))
    want = errors(run(["sine_wave"], plain, [0], tmp_path / "a", **SMALL))
    same(errors(run(["sine_wave"], numpy, [0], tmp_path / "b", **SMALL)), want)


def test_a_setting_that_cannot_be_recorded(tmp_path):
    "one line names it"
    for value in (lambda: None, torch.nn.ReLU(), {1, 2}):
        with pytest.raises(ValueError, match="RankedSearch.proposals: expected .* got"):
            run(["sine_wave"], dict(r=RankedSearch(Network(), proposals=value)), [0], tmp_path, **SMALL)


@pytest.mark.parametrize("name", ["a/b", "../b", "a\\b", "", ".a", "a\nb", "a\0b", "x" * 300, 3])
def test_names_of_methods(tmp_path, name):
    with pytest.raises(ValueError, match="methods: expected"): run(["sine_wave"], {name: RandomSearch()}, [0], tmp_path / "bench", **SMALL)
    assert not (tmp_path / "bench").exists() or not list((tmp_path / "bench").rglob("*.*"))


@pytest.mark.parametrize("limit", [math.inf, 1e300])
def test_no_limit(child, limit, capfd):
    assert child(math.sqrt, 4., limit=limit) == 2
    assert PerDesign(one, limit=limit)(torch.ones(1, 1)).tolist() == [[2.]]
    assert "Traceback" not in capfd.readouterr().err


def test_nan_is_no_limit(tmp_path, child):
    for call in (lambda: child(abs, 1, limit=math.nan), lambda: run(["sine_wave"], ["random_search"], [0], tmp_path, limit=math.nan, **SMALL), lambda: PerDesign(one, limit=math.nan)(torch.ones(1, 1))):
        with pytest.raises(ValueError, match="limit: expected seconds above 0, got nan"): call()


def test_a_run_with_the_limit_infinity(tmp_path, capfd):
    want = errors(run(["sine_wave"], ["random_search"], range(2), tmp_path / "a", **SMALL))
    same(errors(run(["sine_wave"], ["random_search"], range(2), tmp_path / "b", limit=math.inf, **SMALL)), want)
    assert "Traceback" not in capfd.readouterr().err


@pytest.mark.parametrize("name", ["mdn", "cvae", "cinn", "inn", "flow_matching", "tandem", "neural_adjoint", "ranked_search", "closed_loop", "random_search"])
def test_a_constant_column(name):
    "one that never changes, all that never change: designs with that value, or one line"
    x = torch.rand(60, 2, generator=stream("constant"))
    quick = {} if name in ("random_search", "closed_loop", "ranked_search", "neural_adjoint") else dict(epochs=2)
    x[:, 1] = 7
    found = get_method(name, **quick).fit(Data(x, x[:, :1] * 2), progress=False).propose(torch.ones(3, 1), 2)
    assert found.shape == (3, 2, 2) and found.isfinite().all() and (found[..., 1] == 7).all()
    with pytest.raises(ValueError, match="2 different designs"): Data(torch.full((60, 2), 7.), x)
    x[:50] = 7                                                                     # all that it learns from are alike
    found = get_method(name, **quick).fit(Data(x, torch.rand(60, 1), valid=torch.arange(60) >= 50), progress=False).propose(torch.full((3, 1), .5), 2)
    assert found.shape == (3, 2, 2) and found.isfinite().all()


# ---------------------------------------------------------------- what nobody had listed

def closes_pipes(design): os.closerange(3, 256); open(os.devnull); return [2 * design[0]]
def closes_standard(design): [os.close(fd) for fd in (0, 1, 2) if os.path.exists(f"/proc/self/fd/{fd}")]; return [2 * design[0]]
def masks_all(design): signal.pthread_sigmask(signal.SIG_BLOCK, range(1, 32)); return [2 * design[0]]
def forks_in_a_thread(design): thread = threading.Thread(target=os.fork); thread.start(); thread.join(); return [2 * design[0]]
def ignores_children(design): signal.signal(signal.SIGCHLD, signal.SIG_IGN); return [2 * design[0]]
def few_files(design): import resource; resource.setrlimit(resource.RLIMIT_NOFILE, (8, 8)); return [2 * design[0]]
def changes_in_place(design): design[0] *= 2; return design
def leaves_a_thread(design): threading.Thread(target=time.sleep, args=(99,)).start(); return [2 * design[0]]
def empties_the_world(design): os.environ.clear(); sys.path.clear(); return [2 * design[0]]
def patches(design): os.getpid = lambda: 1; return [2 * design[0]]
def with_gradient(design): return torch.tensor([2 * design[0]], requires_grad=True)


@pytest.mark.parametrize("simulate", [closes_standard, masks_all, forks_in_a_thread, ignores_children, few_files, changes_in_place, leaves_a_thread, empties_the_world, patches, with_gradient])
def test_nasty_simulators(simulate):
    "right answers, and the next simulator's too"
    x = torch.arange(4.)[:, None]
    assert torch.equal(PerDesign(simulate)(x), 2 * x) and torch.equal(PerDesign(one)(x), 2 * x)


def test_a_simulator_that_closes_the_pipe():
    with pytest.warns(UserWarning, match="closed its pipe"): assert PerDesign(closes_pipes, dy=1, tries=1)(torch.ones(2, 1)).isnan().all()
    assert PerDesign(one)(torch.ones(1, 1)).tolist() == [[2.]]


class Bomb:
    def __reduce__(self): return sys.exit, (3,)


@pytest.mark.parametrize("value, why", [(["1_000"], "expected a list"), ({"y": 1}, "expected a list"), (np.array([1j]), "expected a list"), ([10**400], "expected a list"), (Bomb(), "cannot be read here"), ((i for i in [1]), "generator")], ids=["text", "dict", "complex", "large", "bomb", "generator"])
def test_answers_that_are_none(value, why):
    simulate = (lambda design: (i for i in [1])) if why == "generator" else (lambda design: Bomb()) if why == "cannot be read here" else lambda design: value
    with pytest.raises(Exception, match=why): PerDesign(simulate)(torch.ones(1, 1))


def test_one_child_for_four_threads(child):
    with ThreadPoolExecutor(4) as pool: assert list(pool.map(lambda i: child(math.sqrt, i * i), range(40))) == list(range(40))


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_an_idle_child_is_killed(child, number):
    os.kill(child(os.getpid), number)
    time.sleep(.5)
    assert child(abs, -1) == 1


def test_a_simulator_that_uses_its_buffer_again():
    out = torch.zeros(3, 1)
    task, x = Task("buffer", lambda x: out.copy_(x.sum(1, keepdim=True)), BOX), torch.rand(3, 2)
    first = task.simulate(x)
    task.simulate(x + 1)
    assert torch.equal(first, x.sum(1, keepdim=True))


def test_an_inference_tensor():
    y = Task("inference", torch.inference_mode()(good), BOX).simulate(torch.rand(3, 2))
    assert not y.is_inference() and not y.requires_grad
