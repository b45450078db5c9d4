"""Real faults: processes that are killed, disks that are full, simulators that misbehave, clocks that jump. Nothing finished is lost, nothing wrong is recorded.

The table in the docs (`nbs/results/03_faults.ipynb`) says how often each was tried.
"""
import os, random, signal, subprocess, sys, tempfile, threading, time
from pathlib import Path

import pytest, torch
from loky import get_reusable_executor

from invnb.bench.cli import invnb_bench
from invnb.bench.run import run
from invnb.bench.store import read_record, read_records
from invnb.methods.search import RandomSearch, RankedSearch
from invnb.methods.network import Network
from invnb.parallel import isolated, outcomes
from invnb.tasks.per_design import PerDesign, SimulationCache
from invnb.tasks.task import Task, get_task

SMALL = dict(rows=300, targets=5, budget=4, progress=False)


def small_methods(): return dict(ranked_search=RankedSearch(Network(hidden=(16,), epochs=10)), random_search=RandomSearch())
def errors(records): return {r.name: r.error for r in records}


def same(got, want):
    assert got.keys() == want.keys()
    for name in want: assert torch.equal(got[name], want[name]), name


BENCH = """
import sys
from invnb.bench.run import run
from invnb.methods.search import RandomSearch, RankedSearch
from invnb.methods.network import Network
from invnb.parallel import open_executor
if __name__ == "__main__":
    with open_executor(sys.argv[2], 2) as executor:
        run(["sine_wave", "robotic_arm"], dict(ranked_search=RankedSearch(Network(hidden=(16,), epochs=10)), random_search=RandomSearch()), range(12), sys.argv[1], rows=300, targets=5, budget=4, progress=False, executor=executor, tries=5)
    print("finished")
"""


def workers_of(pid):
    "Processes below `pid`"
    found, todo = [], [pid]
    while todo:
        parent = todo.pop()
        for task in Path(f"/proc/{parent}/task").glob("*/children"):
            try: below = [int(p) for p in task.read_text().split()]
            except OSError: continue
            found += below; todo += below
    return found


@pytest.fixture(scope="module")
def calm(): 
    with tempfile.TemporaryDirectory() as folder: return errors(run(["sine_wave", "robotic_arm"], small_methods(), range(12), folder, **SMALL))


def start(script, *args): return subprocess.Popen([sys.executable, "-c", script, *map(str, args)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True, env=dict(os.environ, OMP_NUM_THREADS="1"))


@pytest.mark.timeout(600)
def test_main_process_is_killed(tmp_path, calm):
    "kill -9 of the main process and all of its workers, eight times at random moments: each file is whole, and the last run completes them"
    chance, kills, folder = random.Random(1), 0, tmp_path / "bench"
    for attempt in range(200):
        if kills == 8: break
        if folder.exists() and len(list(folder.glob("*.safetensors"))) > 40:                         # nearly done: some must be made again
            for path in list(folder.glob("*.safetensors"))[:30]: path.unlink()
        process = start(BENCH, folder, chance.choice(["serial", "loky"]))
        wait = chance.uniform(1.5, 4.5)
        try: process.wait(wait)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL); process.wait(); kills += 1
        for record in read_records(folder) if folder.exists() else []: assert torch.equal(record.error, calm[record.name])
        process.communicate()
    assert kills == 8
    process = start(BENCH, folder, "loky")
    out, err = process.communicate()
    assert out == "finished\n", err
    same(errors(read_records(folder)), calm)
    assert not list(folder.glob("*.damaged"))


@pytest.mark.timeout(600)
def test_workers_are_killed(tmp_path, calm):
    "kill -9 of random workers, six times or more: the run goes on, and is complete"
    chance, kills, lost = random.Random(2), 0, 0
    for attempt in range(40):
        if kills >= 6: break
        folder = tmp_path / str(attempt)
        process = start(BENCH, folder, "loky")
        victims = 0
        while process.poll() is None and victims < 4:
            time.sleep(chance.uniform(.3, 1.2))
            workers = [pid for pid in workers_of(process.pid) if b"loky" in Path(f"/proc/{pid}/cmdline").read_bytes() and b"tracker" not in Path(f"/proc/{pid}/cmdline").read_bytes()] if process.poll() is None else []
            if not workers or not list(folder.glob("*.safetensors")): continue
            try: os.kill(chance.choice(workers), signal.SIGKILL)
            except ProcessLookupError: continue
            victims += 1
        kills += victims
        out, err = process.communicate()
        assert process.returncode == 0 and out == "finished\n", err
        got = errors(read_records(folder))
        for name in got: assert torch.equal(got[name], calm[name])
        lost += len(calm) - len(got)
    assert kills >= 6 and lost == 0, (kills, lost)


def test_a_cell_that_always_kills_its_worker(tmp_path):
    "is given up after three workers, and written down as failed; the others are complete"
    def deadly(x): os.kill(os.getpid(), signal.SIGKILL)
    tasks = [Task("deadly", deadly, [[0.], [1.]]), get_task("sine_wave")]
    records = run(tasks, dict(random_search=RandomSearch()), range(2), tmp_path, executor=lambda: get_reusable_executor(2), **SMALL)
    assert [r.spec["task"] for r in records] == ["sine_wave"] * 2
    failed = sorted(tmp_path.glob("*.failed.txt"))
    assert len(failed) == 2 and all("deadly" in p.name and "Terminated" in p.read_text() for p in failed)
    get_reusable_executor().shutdown()


def test_cell_that_hangs_in_a_worker(tmp_path):
    def stuck(x): time.sleep(1e6)
    records = run([Task("stuck", stuck, [[0.], [1.]]), get_task("sine_wave")], dict(random_search=RandomSearch()), range(2), tmp_path, limit=20., executor=lambda: get_reusable_executor(2), **SMALL)
    assert [r.spec["task"] for r in records] == ["sine_wave"] * 2
    assert all("took longer than 20 s" in p.read_text() for p in tmp_path.glob("stuck*.failed.txt")) and len(list(tmp_path.glob("*.failed.txt"))) == 2
    get_reusable_executor().shutdown()


FULL = dict(preset="smoke", tasks="sine_wave", methods="random_search", rows=200, targets=100, budget=500, seeds=9)


@pytest.fixture
def megabyte(tmp_path):
    "A filesystem of 1 MB"
    folder = tmp_path / "disk"
    folder.mkdir()
    if os.name != "posix" or subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)], capture_output=True).returncode: pytest.skip("mounting a small filesystem needs root on Linux")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


@pytest.mark.parametrize("workers", [1, 2])
def test_full_disk(megabyte, tmp_path, workers):
    "each record has 200 kB: some fit; one line says what happened; nothing half-written stays; with room again, the run completes"
    script = f"import sys; from invnb.bench.cli import invnb_bench; invnb_bench(**{FULL}, workers=int(sys.argv[2]), out=sys.argv[1])"
    process = subprocess.run([sys.executable, "-c", script, str(megabyte / "bench"), str(workers)], capture_output=True, text=True)
    assert process.returncode == 2, process.stderr
    line = process.stderr.strip().splitlines()[-1]
    assert "No space left on device" in line and str(megabyte) in line and "Traceback" not in process.stderr
    kept = sorted((megabyte / "bench").glob("*.safetensors"))
    assert 3 <= len(kept) <= 5 and all(read_record(p).error.shape == (100, 500) for p in kept) and not list((megabyte / "bench").glob(".*.part"))
    subprocess.run(["mount", "-o", "remount,size=9m", str(megabyte)], check=True)
    before = {p.name: p.stat().st_mtime_ns for p in kept}
    invnb_bench(**FULL, workers=1, out=megabyte / "bench")                                     # of what has gone wrong, the folder is all that is left
    after = {p.name: p.stat().st_mtime_ns for p in (megabyte / "bench").glob("*.safetensors")}
    assert len(after) == 9 and before.items() <= after.items()


def test_full_disk_of_the_cache_of_simulations(megabyte):
    simulate = PerDesign(wide, workers=2, cache=SimulationCache(megabyte / "sims.sqlite", "wide"))
    with pytest.raises(OSError, match="full") as caught: simulate(torch.rand(300, 2))
    assert str(megabyte) in str(caught.value)
    subprocess.run(["mount", "-o", "remount,size=9m", str(megabyte)], check=True)
    assert simulate(torch.rand(10, 2)).shape == (10, 999)


def wide(design): return [float(design[0])] * 999


def raises(x): raise ArithmeticError("diverged")
def nothing(x): return None
def short(x): return x[:-1]
def flat(x): return x.sum(1)
def words(x): return [["a"]] * len(x)
def whole(x): return (x.sum(1, keepdim=True) * 1000).long()
def double(x): return x.sum(1, keepdim=True).double()
def half(x): return x.sum(1, keepdim=True).half()
def infinite(x): return torch.where(x[:, :1] > .5, torch.inf, x.sum(1, keepdim=True))
def not_numbers(x): return torch.where(x[:, :1] > .5, torch.nan, x.sum(1, keepdim=True))
def complex_numbers(x): return x.sum(1, keepdim=True) * 1j
def in_place(x): y = x.sum(1, keepdim=True); x.zero_(); return y
def good(x): return x.sum(1, keepdim=True)


@pytest.mark.parametrize("simulate, why", [(raises, "diverged"), (nothing, "expected numbers of shape"), (short, "expected \\(240, columns\\), got \\(239, 2\\)"), (flat, "expected \\(240, columns\\), got \\(240,\\)"), (words, "expected numbers"), (complex_numbers, "expected real numbers")])
def test_wrong_simulators_are_named(tmp_path, simulate, why):
    "raises, returns nothing, another number of rows, no columns, text, complex numbers: a failed cell that says so, and no record"
    task = Task("wrong", simulate, [[0., 0.], [1., 1.]])
    with pytest.raises(Exception, match=why): task.simulate(torch.rand(240, 2))
    assert run([task], ["random_search"], [0], tmp_path, **SMALL) == [] and not list(tmp_path.glob("*.safetensors"))
    assert task.name in next(tmp_path.glob("*.failed.txt")).name


@pytest.mark.parametrize("simulate", [whole, double, half, in_place, infinite, not_numbers])
def test_odd_simulators_are_understood(tmp_path, simulate):
    "integers, another precision, designs changed in place, infinities, NaN: the errors are those of the simulator written well"
    bounds, method = [[0., 0.], [1., 1.]], ["direct_search" if simulate in (infinite, not_numbers) else "random_search"]
    record, = run([Task("odd", simulate, bounds)], method, [0], tmp_path / "odd", **SMALL)
    reference, = run([Task("odd", not_numbers if simulate in (infinite, not_numbers) else whole_well if simulate is whole else good, bounds)], method, [0], tmp_path / "good", **SMALL)
    assert torch.equal(record.error, reference.error) if simulate is not half else torch.allclose(record.error, reference.error, atol=2e-3)
    if simulate in (infinite, not_numbers): assert record.error.isinf().any() and record.error.isfinite().any() and record.facts["failures"] == int(record.error.isinf().sum()) > 0


def whole_well(x): return (x.sum(1, keepdim=True) * 1000).long().float()


JUMP = """
import random, sys, time
real, chance = time.time, random.Random(0)
time.time = lambda: real() + chance.choice([0, -1e9, 1e9, -3600, 3600])      # and with it datetime.now, file times do not follow
sys.argv = ["", sys.argv[1], "loky"]
"""


def test_clock_jumps(tmp_path, calm):
    "time.time jumps by decades at each call: same records, same end"
    process = start(JUMP + BENCH, tmp_path / "bench")
    out, err = process.communicate(timeout=300)
    assert out == "finished\n", err
    same(errors(read_records(tmp_path / "bench")), calm)


def hears_ctrl_c(): signal.signal(signal.SIGINT, signal.SIG_DFL)          # the background job of a shell ignores it
def gone(pid): return not Path(f"/proc/{pid}").exists() or "\nState:\tZ" in Path(f"/proc/{pid}/status").read_text()


def soon(condition, seconds=30):
    "Does it come true?"
    end = time.monotonic() + seconds
    while not condition() and time.monotonic() < end: time.sleep(.05)
    return condition()


CODES = {signal.SIGINT: 130, signal.SIGTERM: 143}


@pytest.mark.parametrize("number", CODES)
@pytest.mark.parametrize("workers", [1, 2])
def test_ctrl_c(tmp_path, workers, number):
    "SIGINT to the whole group, as a terminal sends it, SIGTERM to the process, as `kill` does: one line, exit code 130 or 143, soon, nobody is left, and the same command goes on"
    folder = tmp_path / "bench"
    ask = [str(Path(sys.executable).with_name("invnb_bench")), *f"--preset smoke --tasks robotic_arm --methods cvae --rows 100 --seeds 3 --workers {workers} --out {folder}".split()]
    process = subprocess.Popen(ask, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True, preexec_fn=hears_ctrl_c)
    while process.poll() is None and not list(folder.glob("*.safetensors")): time.sleep(.05)
    kept, below = {p: p.stat().st_mtime_ns for p in folder.glob("*.safetensors")}, workers_of(process.pid)
    begin = time.monotonic()
    os.killpg(process.pid, number) if number == signal.SIGINT else process.send_signal(number)
    out, err = process.communicate(timeout=60)
    assert process.returncode == CODES[number] and "the same command goes on" in err, err
    assert workers == 2 or "Traceback" not in err, err                                       # the processes of loky print their own
    assert time.monotonic() - begin < 45
    assert soon(lambda: all(map(gone, below)))
    assert all(read_record(p) for p in kept) and not list(folder.glob(".*.part")) and not list(folder.glob("*.failed.txt"))
    done = subprocess.run(ask, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert len(read_records(folder)) == 3 and all(p.stat().st_mtime_ns == when for p, when in kept.items()) and not list(folder.glob("*.lock"))


TRAP = """
import os, signal, sys, time
import invnb.parallel as parallel
from invnb.tasks.task import Task, register_task
number, folder, part = int(sys.argv[1]), sys.argv[2], sys.argv[3]
signal.signal(signal.SIGINT, signal.default_int_handler)
class Trap:                                                                 # the signal comes while it is collected: Python drops the exception
    def __del__(self):
        os.kill(os.getpid(), number)
        for _ in range(20): time.sleep(.001)
calls = []
def at(call):
    calls.append(call)
    if len(calls) == call: Trap()
def simulate(x):
    if part != "waiting": at(int(part) if part.isdigit() else 5)
    return x.sum(1, keepdim=True)
task = register_task("trap")(lambda: Task("trap", simulate, [[0., 0.], [1., 1.]]))
if part == "waiting":                                                       # in the process that waits for its workers
    wait = parallel.wait
    parallel.wait = lambda *args: (at(3), wait(*args))[1]
"""
RUN = TRAP + """
from invnb.bench.run import run
def once(): run([task()], ["random_search"], range(20), f"{folder}/{part}", rows=30, targets=2, budget=2, progress=False)
for part in "456":                                                          # caught, as an interactive session catches it
    calls.clear()
    try: once()
    except KeyboardInterrupt as e: print(part, type(e).__name__)
part = "7"
calls.clear()
once()
print("finished")
"""
COMMAND = TRAP + """
from invnb.bench.cli import invnb_bench
tasks = "sine_wave" if part == "waiting" else "trap"                        # a worker does not know this script
invnb_bench(preset="smoke", tasks=tasks, methods="random_search", seeds=20, workers=1 + (part == "waiting"), out=folder)
print("finished")
"""
PROPOSE = TRAP + """
import torch
from invnb.core import Data
from invnb.methods.search import RandomSearch
from invnb.use.many_targets import propose_to_file
x = torch.rand(50, 2)
method = RandomSearch().fit(Data(x, x.sum(1, keepdim=True)), progress=False)
propose = method.propose
method.propose = lambda *args: (at(3), propose(*args))[1]
propose_to_file(method, torch.rand(100, 1), folder, block=10, progress=False)
print("finished")
"""


def trapped(script, number, folder, part):
    "How such a program ended, as a shell says it, and what it printed"
    done = subprocess.run([sys.executable, "-c", script, str(int(number)), str(folder), str(part)], capture_output=True, text=True, timeout=200)
    assert "Exception ignored" in done.stderr and "finished" not in done.stdout, done.stderr     # the trap has worked, and was noticed
    return done.returncode if done.returncode >= 0 else 128 - done.returncode, done.stdout, done.stderr


@pytest.mark.parametrize("number", CODES)
def test_an_interrupt_is_not_lost_in_a_run(tmp_path, number):
    "it comes in a `__del__`, where Python drops the exception, at each of four places of a cell: the run ends at its next look, also where three runs before were ended so"
    code, out, err = trapped(RUN, number, tmp_path, "")
    assert code == CODES[number] and err.count("Exception ignored") == 4, err
    assert out.splitlines() == [f"{part} {'KeyboardInterrupt' if number == signal.SIGINT else 'Terminated'}" for part in "456"]
    for part in "4567": assert 1 <= len(read_records(tmp_path / part)) <= 2, (part, err)
    assert not list(tmp_path.glob("*/*.lock")) and not list(tmp_path.glob("*/*.failed.txt"))


@pytest.mark.parametrize("number", CODES)
@pytest.mark.parametrize("part", ["cell", "waiting"])
def test_an_interrupt_is_not_lost_in_a_command(tmp_path, number, part):
    "the same, in a cell, and in a process that waits for its workers: one line, and the exit code"
    code, _, err = trapped(COMMAND, number, tmp_path, part)
    assert code == CODES[number] and err.strip().endswith("invnb: interrupted; what is finished is kept, and the same command goes on"), err
    assert (part == "waiting" or read_records(tmp_path)) and len(read_records(tmp_path)) < 20


@pytest.mark.parametrize("number", CODES)
def test_an_interrupt_is_not_lost_between_blocks(tmp_path, number):
    "the same, in `propose_to_file`: what is written stays"
    code, _, err = trapped(PROPOSE, number, tmp_path / "x.npy", "blocks")
    assert code == CODES[number], err
    assert len((tmp_path / "x.npy.note").read_text().splitlines()) == 1 + 3 and not (tmp_path / "x.npy").exists()


SWALLOWS = """
import signal, sys, time
from invnb.bench.run import run
from invnb.parallel import open_executor
from invnb.tasks.task import Task
import invnb.parallel as parallel
signal.signal(signal.SIGINT, signal.default_int_handler)
def forever(path):
    open(path, "w").close()
    while True:
        try: time.sleep(1000)
        except BaseException: pass
def stubborn(x): forever(sys.argv[1])
def busy(x, path=sys.argv[1]): open(path, "w").close(); time.sleep(1000)
if sys.argv[2] == "loky": parallel.wait = lambda *args: forever(sys.argv[1] + " waits")
with open_executor(sys.argv[2], 2) as executor:
    run([Task("stuck", stubborn if sys.argv[2] == "serial" else busy, [[0.], [1.]])], ["random_search"], range(2), sys.argv[1] + " bench", progress=False, executor=executor)
"""


@pytest.mark.parametrize("number", CODES)
@pytest.mark.parametrize("kind", ["serial", "loky"])
def test_the_second_signal_ends_at_once(tmp_path, number, kind):
    "a program that swallows every exception, in a cell, or while its workers compute: the second signal ends it, and them"
    began = tmp_path / "began"
    process = start(SWALLOWS, began, kind)
    assert soon(lambda: began.exists() and (kind == "serial" or (tmp_path / "began waits").exists()), 60), process.poll()
    below = [pid for pid in workers_of(process.pid) if b"tracker" not in Path(f"/proc/{pid}/cmdline").read_bytes()]
    process.send_signal(number); time.sleep(1)
    assert process.poll() is None and (kind == "serial" or len(below) == 2)
    process.send_signal(number)
    assert process.wait(10) == -number
    assert soon(lambda: all(map(gone, below)))
    process.communicate()


SHARED = BENCH.replace('    print("finished")', '    print(len(own))').replace("if __name__", """import invnb.bench.run as bench
own, write = [], bench.write_record
bench.write_record = lambda *record: (own.append(record), write(*record))
if __name__""")


def test_two_processes_in_one_folder(tmp_path, calm):
    "the same run twice at once, in one folder: they share the work, and no cell is computed twice"
    both = [start(SHARED, tmp_path / "bench", kind) for kind in ("serial", "loky")]
    own = []
    for process in both:
        out, err = process.communicate(timeout=300)
        assert out.strip().isdigit(), err
        own.append(int(out))
    assert sum(own) == len(calm) and min(own) >= 2, own
    same(errors(read_records(tmp_path / "bench")), calm)
    assert not list((tmp_path / "bench").glob("*.lock"))


def test_a_killed_process_leaves_its_cells_to_the_other(tmp_path, calm):
    "of two that share a folder one is killed in the middle: the other completes all"
    first, second = (start(SHARED, tmp_path / "bench", "loky") for _ in range(2))
    while len(list((tmp_path / "bench").glob("*.safetensors"))) < 6: time.sleep(.05)
    for pid in [*workers_of(first.pid), first.pid]:
        try: os.kill(pid, signal.SIGKILL)
        except ProcessLookupError: pass
    first.wait()
    out, err = second.communicate(timeout=300)
    assert out.strip().isdigit(), err
    same(errors(read_records(tmp_path / "bench")), calm)


DIES = """
import multiprocessing, os, sys
from concurrent.futures import ProcessPoolExecutor
from invnb.bench.run import run
from invnb.tasks.task import Task
def dies(x): os._exit(3)
if __name__ == "__main__":
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as executor:
        print(len(run([Task("dies", dies, [[0.], [1.]])], ["random_search"], range(4), sys.argv[1], rows=30, targets=2, budget=2, progress=False, executor=executor)))
"""


def test_a_pool_that_breaks_for_good(tmp_path):
    "a plain pool, whose only worker dies: all its cells are written down as failed, those that never began too"
    (tmp_path / "dies.py").write_text(DIES)
    done = subprocess.run([sys.executable, tmp_path / "dies.py", tmp_path / "bench"], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0 and done.stdout.splitlines()[-1] == "0", done.stderr
    assert len(list((tmp_path / "bench").glob("*.failed.txt"))) == 4 and not list((tmp_path / "bench").glob("*.lock"))


def test_nothing_survives_its_parent(tmp_path):
    "a child that computes without end is gone when the process that asked is killed"
    script = f"""
import os, time
from invnb.parallel import isolated
def forever(path):
    open(path, "w").write(str(os.getpid()))
    while True: pass
isolated(None, forever, {str(tmp_path / 'pid')!r})
"""
    process = start(script)
    while not (tmp_path / "pid").exists() or not (tmp_path / "pid").read_text(): time.sleep(.05)
    child = int((tmp_path / "pid").read_text())
    process.kill(); process.wait()
    for _ in range(100):
        if not Path(f"/proc/{child}").exists(): break
        time.sleep(.1)
    assert not Path(f"/proc/{child}").exists()


def test_dask_cluster_with_workers_killed(tmp_path, calm):
    "a cluster of four worker processes, two of which are killed midway: complete, and equal to the serial run"
    distributed = pytest.importorskip("distributed")
    with distributed.LocalCluster(n_workers=4, threads_per_worker=1, dashboard_address=None) as cluster, distributed.Client(cluster) as client:
        folder, killed = tmp_path / "bench", []
        def kill():
            while len(list(folder.glob("*.safetensors"))) < 6: time.sleep(.05)
            pids = client.run(os.getpid)
            for pid in list(pids.values())[:2]: os.kill(pid, signal.SIGKILL); killed.append(pid)
        murderer = threading.Thread(target=kill, daemon=True)
        murderer.start()
        records = run(["sine_wave", "robotic_arm"], small_methods(), range(12), folder, executor=client.get_executor(), **SMALL)
        murderer.join(60)
        assert len(killed) == 2
    same(errors(records), calm)
    same(errors(read_records(folder)), calm)


def test_dask_tries_again(tmp_path):
    "a call that loses its process the first time is computed again, and not taken from Dask's memory"
    distributed = pytest.importorskip("distributed")
    def once(mark):
        if os.path.exists(mark): return "done"
        open(mark, "w").close(); os.kill(os.getpid(), signal.SIGKILL)
    with distributed.Client(n_workers=2, threads_per_worker=1, dashboard_address=None) as client:
        assert dict(outcomes(isolated, {0: (None, once, str(tmp_path / "mark"))}, client.get_executor())) == {0: "done"}


def test_children_do_not_pile_up(tmp_path):
    "twelve cells on two workers, each with two simulators at a time: four children, however many cells"
    def slow(design): return [sum(design)]
    before = set(workers_of(os.getpid()))
    task = Task("sums", PerDesign(slow, workers=2), [[0., 0.], [1., 1.]])
    records = run([task], ["random_search"], range(12), tmp_path, rows=20, targets=2, budget=2, progress=False, executor=lambda: get_reusable_executor(2))
    serving = [pid for pid in set(workers_of(os.getpid())) - before if b"serve()" in Path(f"/proc/{pid}/cmdline").read_bytes()]
    assert len(records) == 12 and 1 <= len(serving) <= 4
    get_reusable_executor().shutdown()


CANCELLED = """
import sys, time, torch
from loky import get_reusable_executor
from invnb.tasks.per_design import PerDesign
def slow(design):
    open(sys.argv[1], "w").close(); time.sleep(1000)
PerDesign(slow, workers=2, executor=None if sys.argv[2] == "threads" else lambda: get_reusable_executor(2), dy=1)(torch.rand(8, 2))
"""


@pytest.mark.parametrize("kind", ["threads", "loky"])
def test_ctrl_c_ends_simulations(tmp_path, kind):
    "Ctrl-C while simulations of a quarter of an hour run: the program ends soon"
    process = subprocess.Popen([sys.executable, "-c", CANCELLED.replace("sys.argv[1]", repr(str(tmp_path / "began"))), "", kind], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
                               preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL))
    while not (tmp_path / "began").exists() and process.poll() is None: time.sleep(.1)
    os.killpg(process.pid, signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode != 0 and "KeyboardInterrupt" in err


def test_dask_from_the_command_line(tmp_path):
    distributed = pytest.importorskip("distributed")
    ask = [Path(sys.executable).with_name("invnb_bench"), *"--preset smoke --tasks sine_wave --methods random_search --seeds 3 --executor dask --scheduler".split()]
    with distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster:
        done = subprocess.run([*ask, cluster.scheduler_address, "--out", str(tmp_path / "dask")], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    invnb_bench(preset="smoke", tasks="sine_wave", methods="random_search", seeds=3, executor="serial", out=tmp_path / "serial")
    same(errors(read_records(tmp_path / "dask")), errors(read_records(tmp_path / "serial")))
