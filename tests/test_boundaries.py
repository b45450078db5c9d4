"""What crosses a boundary: files, sizes, units (issue 17). What is whole is never lost, nothing wrong is recorded, and what cannot be
done is refused in one line that names the file or the argument, before memory or an hour is spent on it."""
import errno, json, math, os, resource, socket, subprocess, sys, threading, time, warnings
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd
import pytest, safetensors.torch, torch
from hypothesis import given, settings, strategies as st
from in_a_fork import program
from invnb.bench.code import code_of_cell
from invnb.bench.report import report
from invnb.bench.run import run
from invnb.bench.store import Record, read_record, read_records, write_record
from invnb.core import Data, stream
from invnb.files import Lock, read_file, tensor_header, write_atomic
from invnb.methods.descent import AdamSearch
from invnb.methods.method import Proposer, get_method, load_method
from invnb.methods.network import Network
from invnb.methods.neural_adjoint import NeuralAdjoint, rank_apart
from invnb.methods.process import GaussianProcess
from invnb.methods.search import RandomSearch, RankedSearch
from invnb.saved import Model, digest, read_sealed, write_sealed
from invnb.use import solve, solver
from invnb.use.answers import as_axis
from invnb.use.columns import numbers, pick_columns
from invnb.use.many_targets import propose_to_file
from invnb.use.table import read_table
from invnb.wish import Wish

ROOT = Path(__file__).resolve().parent.parent


def small(rows=60, scale_x=1., scale_y=1., dy=2, dtype=torch.float64, same_unit=False):
    x = torch.rand(rows, 2, generator=stream("boundaries"), dtype=torch.float64)
    return Data((x*scale_x).to(dtype), (measured(x)[:, :dy]*scale_y).to(dtype), same_unit=same_unit)

def measured(x): return torch.stack([x[:, 0]**2 + .3*(3*x[:, 1]).sin(), x[:, 0]*x[:, 1] - .2], 1)

def little(**settings): return NeuralAdjoint(Network(hidden=(4, 4), epochs=1, ensemble=2), bank=20, **settings)

@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    folder = tmp_path_factory.mktemp("saved")/"model"
    little().fit(small(), progress=False).save(folder)
    return folder

def copied(folder, to):
    to.mkdir(parents=True)
    for file in folder.iterdir(): (to/file.name).write_bytes(file.read_bytes())
    return to

def one_record(folder, seed=0, **changes):
    error = torch.rand(3, 4, generator=stream("record", seed))
    spec = dict(task="sine_wave", method="random_search", seed=seed, settings={"class": "RandomSearch"}, rows=9, targets=3, budget=4)
    return write_record(folder, Record({**spec, **changes}, dict(exchangeable=True, fit_s=1., propose_s=1., alone=True), error))

def in_a_process(script, *args, gigabytes=None, seconds=100):
    "What it prints"
    limit = (lambda: resource.setrlimit(resource.RLIMIT_AS, (int(gigabytes*2**30),)*2)) if gigabytes else None
    env = dict(os.environ, OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1", PYTHONPATH=str(ROOT))
    found = subprocess.run([sys.executable, "-c", script, *map(str, args)], capture_output=True, text=True, timeout=seconds, preexec_fn=limit, env=env)
    assert found.returncode == 0, found.stderr[-2000:]
    return found.stdout.strip()

def in_a_fork(forked, script, *args):
    "What it prints, in a new process that only need not import the package again"
    said = Path(args[0]).with_name("said")
    said.unlink(missing_ok=True)
    process = forked.Process(target=program, args=(script, list(map(str, args)), said), daemon=True)
    process.start(); process.join(100)
    assert process.exitcode == 0, said.read_text()
    return said.read_text().strip()

def odd_file(kind, path):
    "Something that is no regular file"
    if kind == "pipe": os.mkfifo(path)
    elif kind == "zeros": path.symlink_to("/dev/zero")
    elif kind == "folder": path.mkdir()
    elif kind == "socket":
        here = os.getcwd(); os.chdir(path.parent)             # its name has to be short
        with socket.socket(socket.AF_UNIX) as one: one.bind(path.name)
        os.chdir(here)
    elif kind == "loop": path.symlink_to(path.name)


# ---- files ----

TOO_MANY = OSError(errno.EMFILE, "Too many open files"), PermissionError(errno.EACCES, "Permission denied"), OSError(errno.EIO, "Input/output error")

@pytest.mark.parametrize("why", TOO_MANY, ids=lambda e: errno.errorcode[e.errno])
def test_what_cannot_be_opened_is_not_damaged(tmp_path, monkeypatch, why):
    "an open error is raised by its own name, and nothing is moved or computed again"
    work = lambda: run(["sine_wave"], ["random_search"], [0], tmp_path, rows=50, targets=2, budget=2, progress=False)
    work()
    path, = tmp_path.glob("*.safetensors")
    content = path.read_bytes()
    def refuse(self): raise OSError(why.errno, why.strerror, str(self))
    monkeypatch.setattr(Path, "read_bytes", refuse)
    for ask in (work, lambda: read_record(path), lambda: read_records(tmp_path), lambda: report(tmp_path)):
        with pytest.raises(type(why), match=why.strerror) as found: ask()
        assert found.value.errno == why.errno and str(path) in str(found.value)
    monkeypatch.undo()
    assert [p.name for p in tmp_path.iterdir()] == [path.name] and path.read_bytes() == content

def test_too_many_open_files(tmp_path):
    "the real thing: no file can be opened any more"
    path = one_record(tmp_path)
    script = """
import resource, sys
from invnb.bench.store import read_record
read_record(sys.argv[1])
resource.setrlimit(resource.RLIMIT_NOFILE, (60, 60))
held = []
try:
    while True: held.append(open(sys.argv[1]))
except OSError: pass
try: read_record(sys.argv[1])
except OSError as e: print(e.errno, e.filename)
"""
    assert in_a_process(script, path) == f"{errno.EMFILE} {path}" and path.exists()

@pytest.mark.parametrize("step", range(3))
@pytest.mark.parametrize("older", [True, False])
def test_save_where_the_disk_is_full(saved, tmp_path, monkeypatch, older, step):
    "the older model stays, nothing is left beside it, and the message names the file"
    folder = tmp_path/"model"
    if older: copied(saved, folder)
    before = {p.name: p.read_bytes() for p in folder.glob("*")}
    real, calls = os.fsync, []
    def full(descriptor):
        calls.append(1)
        if len(calls) > step: raise OSError(errno.ENOSPC, "No space left on device")
        real(descriptor)
    model = RandomSearch().fit(small(), progress=False)
    monkeypatch.setattr(os, "fsync", full)
    if step < 2:
        with pytest.raises(OSError, match="No space left on device: .*(model.safetensors|config.json)"): model.save(folder)
        assert {p.name: p.read_bytes() for p in folder.glob("*")} == before
    else:
        model.save(folder)                                    # two files, and no third
        assert sorted(p.name for p in folder.iterdir()) == ["config.json", "model.safetensors"]
    monkeypatch.undo()
    if older or step == 2: load_method(folder)

@pytest.mark.parametrize("step", range(1, 4))
def test_save_that_is_killed(saved, tmp_path, forked, step):
    "wherever it ends, the older model or the newer one is there and whole; the next save tidies up"
    folder = copied(saved, tmp_path/"model")
    script = """
import os, sys, torch
from invnb.core import Data
from invnb.methods.search import RandomSearch
from pathlib import Path
model = RandomSearch().fit(Data(torch.rand(50, 2), torch.rand(50, 2)), progress=False)
left = [int(sys.argv[2])]
def last(name, real):
    def doing(*args):
        left[0] -= 1
        if not left[0]: os._exit(0)
        return real(*args)
    return doing
os.replace, Path.replace = last("os", os.replace), last("path", Path.replace)
model.save(sys.argv[1])
"""
    in_a_fork(forked, script, folder, step)
    assert type(load_method(folder)).__name__ == ("RandomSearch" if step == 3 else "NeuralAdjoint")
    RandomSearch().fit(small(), progress=False).save(folder)
    assert sorted(p.name for p in folder.iterdir() if not p.name.startswith(".")) == ["config.json", "model.safetensors"]

def test_saved_by_two_and_read_by_a_third(tmp_path):
    "two threads save other models into one folder, a third loads: always one of the two"
    models = [RandomSearch().fit(small(rows), progress=False) for rows in (50, 80)]
    models[0].save(tmp_path/"m")
    stop = threading.Event()
    def writer(model):
        while not stop.is_set(): model.save(tmp_path/"m")
    threads = [threading.Thread(target=writer, args=(model,)) for model in models]
    for thread in threads: thread.start()
    try: sizes = [load_method(tmp_path/"m").sizes for _ in range(60)]
    finally:
        stop.set()
        for thread in threads: thread.join()
    assert all(size in [model.sizes for model in models] for size in sizes)

def test_candidates_asked_for_twice_at_once(tmp_path, monkeypatch):
    "the second is refused while the first is at work, and the file of the first is whole"
    method, targets, path = RandomSearch().fit(small(), progress=False), small().y.numpy(), tmp_path/"x.npy"
    want = np.array(propose_to_file(method, targets, tmp_path/"other.npy", block=10, progress=False))
    inside, go, real = threading.Event(), threading.Event(), Proposer.propose
    def slow(self, *args):
        inside.set(); go.wait(30)
        return real(self, *args)
    monkeypatch.setattr(Proposer, "propose", slow)
    first = threading.Thread(target=lambda: propose_to_file(method, targets, path, block=10, progress=False))
    first.start(); inside.wait(30)
    with pytest.raises(ValueError, match="x.npy is being written by another process"): propose_to_file(method, targets, path, block=10, progress=False)
    script = "import sys\nfrom invnb.files import Lock\nprint(Lock(sys.argv[1]).take())"
    assert in_a_process(script, f"{path}.lock") == "False"                     # nor may another process
    go.set(); first.join()
    assert np.array_equal(np.load(path), want)
    with pytest.raises(ValueError, match="exists already"): propose_to_file(method, targets, path, block=10, progress=False)
    assert np.array_equal(np.load(path), want) and sorted(os.listdir(tmp_path)) == ["other.npy", "x.npy"]

ODD = ["pipe", "zeros", "folder", "socket", "loop"]

@pytest.mark.parametrize("kind", ODD)
def test_regular_files_only(saved, tmp_path, kind):
    "a pipe, a device, a folder, a socket or a link to itself in place of any file: refused by name, at once"
    def refused(path, load):
        odd_file(kind, path)
        start = time.perf_counter()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with pytest.raises((ValueError, OSError)) as found: load()
        assert path.name in str(found.value) and time.perf_counter() - start < 5
        path.rmdir() if kind == "folder" else path.unlink()
    record = one_record(tmp_path/"records"); record.unlink()
    refused(record, lambda: read_record(record))
    for file in ("config.json", "model.safetensors"):
        folder = copied(saved, tmp_path/file)
        (folder/file).unlink()
        refused(folder/file, lambda: load_method(folder))
    for ending in ("csv", "npy", "npz", "xlsx", "parquet", "mat", "txt"):
        table = tmp_path/f"table.{ending}"
        refused(table, lambda: read_table(table))
    method, targets = RandomSearch().fit(small(), progress=False), small().y.numpy()
    ask = lambda: propose_to_file(method, targets, tmp_path/"x.npy", progress=False)
    refused(tmp_path/"x.npy.part", ask)
    (tmp_path/"x.npy.part").write_bytes(b""); (tmp_path/"x.npy.note").unlink(missing_ok=True)
    refused(tmp_path/"x.npy.note", ask)
    if kind != "loop": refused(tmp_path/"out.csv", lambda: write_atomic(tmp_path/"out.csv", b"a"))

def test_records_that_are_no_files_stop_no_run(tmp_path):
    "a pipe in place of a record is set aside; a link that points nowhere is written through"
    work = lambda: run(["sine_wave"], ["random_search"], [0], tmp_path/"runs", rows=50, targets=2, budget=2, progress=False)
    work()
    path, = (tmp_path/"runs").glob("*.safetensors")
    path.unlink(); os.mkfifo(path)
    assert len(work()) == 1 and path.is_file() and path.with_suffix(".damaged").is_fifo()
    path.unlink(); path.symlink_to(tmp_path/"elsewhere")
    assert len(work()) == 1 and path.is_symlink() and read_file(tmp_path/"elsewhere") == path.read_bytes()

def test_what_is_replaced_stays_what_it_was(tmp_path):
    "a link stays a link, a private file private; a device is not replaced"
    path, link = tmp_path/"a", tmp_path/"link"
    path.write_bytes(b"old"); path.chmod(0o600); link.symlink_to("a")
    write_atomic(link, b"new")
    assert path.read_bytes() == b"new" and link.is_symlink() and path.stat().st_mode & 0o777 == 0o600
    null = tmp_path/"null"; null.symlink_to(os.devnull)
    with pytest.raises(ValueError, match="null: expected a file, got a device"): write_atomic(null, b"x")
    assert Path(os.devnull).is_char_device()
    (tmp_path/"b").hardlink_to(path)
    write_atomic(path, b"newer")
    assert (tmp_path/"b").read_bytes() == b"new"               # the other name keeps what it had

def test_files_larger_than_memory(tmp_path):
    "a file with nothing in it that claims to be 10 TB"
    for name, load in (("config.json", lambda: Model.load(tmp_path)), ("r.safetensors", lambda: read_record(tmp_path/"r.safetensors")), ("t.csv", lambda: read_table(tmp_path/"t.csv"))):
        with open(tmp_path/name, "wb") as f: f.truncate(10*2**40)
        with pytest.raises(ValueError, match=f"{name}: expected a file that fits into memory"): load()

@pytest.mark.parametrize("name", ["x"*300, "a\0b", "no/such/place"])
def test_names_that_cannot_be(tmp_path, name):
    for load in (lambda: read_file(tmp_path/name), lambda: read_record(tmp_path/name), lambda: read_table(tmp_path/name)):
        with pytest.raises((OSError, ValueError)): load()
    if "/" not in name:
        with pytest.raises((OSError, ValueError)): write_atomic(tmp_path/name, b"")
    assert list(tmp_path.iterdir()) == []

def test_left_overs_are_no_model(saved, tmp_path):
    "whatever lies beside a model does not count, unless its settings name it"
    folder = copied(saved, tmp_path/"m")
    (folder/"model.safetensors.new").write_bytes(b"half")
    assert isinstance(load_method(folder), NeuralAdjoint)
    (folder/"model.safetensors").write_bytes(b"half")
    with pytest.raises(ValueError, match="model.safetensors: expected a safetensors file as it was saved"): load_method(folder)

def test_reports_are_replaced_whole(tmp_path, monkeypatch):
    "the disk is full while a report is written: each of its files is the old or the new one"
    for seed in range(2): one_record(tmp_path, seed)
    report(tmp_path)
    before = {p.name: p.read_bytes() for p in tmp_path.iterdir()}
    one_record(tmp_path, 2)
    def full(descriptor): raise OSError(errno.ENOSPC, "No space left on device")
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left on device: .*r_T.csv"): report(tmp_path)
    assert before.items() <= {p.name: p.read_bytes() for p in tmp_path.iterdir()}.items() and not list(tmp_path.glob(".*"))


# ---- sealed, and yet wrong ----

def sealed_record(path, spec=None, facts=None, error=None):
    "A record that a stranger made, with a checksum that fits"
    from invnb.bench.store import FORMAT, checksum
    tensors = dict(error=torch.rand(3, 4) if error is None else error)
    said = dict(spec=json.dumps(spec), facts=json.dumps(facts), code="")
    path.write_bytes(safetensors.torch.save(tensors, dict(said, checksum=checksum(error=tensors["error"], **said), format=FORMAT)))

SPEC, FACTS = dict(task="sine_wave", method="mdn", seed=7, rows=9), dict(exchangeable=True)
ODD_RECORDS = {
    "no task": (dict(method="mdn", seed=0), FACTS), "no method": (dict(task="a", seed=0), FACTS), "no seed": (dict(task="a", method="b"), FACTS),
    "a list": ([1, 2], FACTS), "nothing": (None, None), "task is a list": (dict(SPEC, task=["a"]), FACTS), "seed is a word": (dict(SPEC, seed="0"), FACTS),
    "seed is true": (dict(SPEC, seed=True), FACTS), "rows is a list": (dict(SPEC, rows=[1]), FACTS), "version is a dict": (dict(SPEC, task_version={}), FACTS),
    "exchangeable missing": (SPEC, {}), "exchangeable is a word": (SPEC, dict(exchangeable="no")), "facts is a list": (SPEC, []),
    "fit_s is a word": (SPEC, dict(FACTS, fit_s="1")), "more targets": (dict(SPEC, targets=4), FACTS), "more simulations": (dict(SPEC, budget=99), FACTS),
    "nested": (dict(SPEC, settings=json.loads("["*900 + "]"*900)), FACTS)}
ODD_ERRORS = {"one axis": torch.rand(3), "empty": torch.rand(0, 4), "whole numbers": torch.ones(3, 4).long(), "below zero": torch.full((3, 4), -1.), "not a number": torch.full((3, 4), torch.nan)}

@pytest.mark.parametrize("why", [*ODD_RECORDS, *ODD_ERRORS])
def test_odd_records_stop_no_report(tmp_path, why):
    "refused by name; the rest of the folder is reported"
    for seed in range(2): one_record(tmp_path, seed)
    bad = tmp_path/"odd.safetensors"
    spec, facts = ODD_RECORDS.get(why, (SPEC, FACTS))
    sealed_record(bad, spec, facts, ODD_ERRORS.get(why))
    with pytest.raises(ValueError, match="odd.safetensors"): read_record(bad)
    with pytest.warns(UserWarning, match="odd.safetensors"): found = read_records(tmp_path)
    assert len(found) == 2
    if why in ("no task", "exchangeable missing"):
        with pytest.warns(UserWarning, match="odd.safetensors"): assert set(report(tmp_path).method) == {"random_search"}

def put_in(settings, place, value):
    *way, last = place.split(".")
    for name in way: settings = settings[name]
    settings[last] = value

HOSTILE = {
    "a million members": ("model.surrogate.ensemble", 10**6), "a million layers": ("model.surrogate.hidden", [1]*10**6), "wide layers": ("model.surrogate.hidden", [10**6, 10**6]),
    "a billion steps": ("model.solver.steps", 10**9), "a method as solver": ("model.solver", {"class": "RandomSearch"}), "a surrogate as solver": ("model.solver", {"class": "Network"}),
    "a word as solver": ("model.solver", "eval"), "chunk 0": ("model.chunk", 0), "another reduction": ("model.solver", {"class": "AdamSearch", "reduction": "backward"}),
    "reduction of many": ("model.solver", {"class": "AdamSearch", "reduction": "__class__"}), "a solver as surrogate": ("model.surrogate", {"class": "AdamSearch"}),
    "dx": ("sizes.dx", 10**9), "dy": ("sizes.dy", 2**62), "dx below 0": ("sizes.dx", -1), "the bank": ("sizes.bank", 10**12), "sizes inside": ("sizes.surrogate.dx", 10**10),
    "sizes a list": ("sizes", [1, 2]), "model a list": ("model", []), "a float as count": ("model.bank", 2.5), "a word as float": ("model.apart", "near"), "true as count": ("model.n_starts", True),
    "not a number": ("model.alike", math.nan), "a huge int": ("model.bank", 10**40), "an unknown word": ("model.surrogate.activation", "__import__"),
    "n_starts": ("model.n_starts", 10**12), "starts is a surrogate": ("model.starts", {"class": "Network"}), "misfit": ("misfit.unit", "1"), "seen": ("seen", [[0.]]),
    "process": ("model.surrogate", {"class": "Surrogate", "process": {"class": "Network"}}), "epochs": ("model.surrogate.epochs", "all")}

@pytest.mark.parametrize("why", HOSTILE)
def test_sealed_settings_of_a_stranger(saved, tmp_path, why):
    "refused by the name of the folder, in a moment, and before memory is taken"
    folder = copied(saved, tmp_path/"m")
    facts = read_sealed(folder/"config.json", "invnb 2")
    put_in(facts, *HOSTILE[why])
    write_sealed(folder/"config.json", facts)
    before, start = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.perf_counter()
    with pytest.raises(ValueError, match=str(folder)) as found: load_method(folder)
    assert time.perf_counter() - start < 10 and len(str(found.value)) < 1000
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 500_000      # kB

def test_honest_settings_are_taken(tmp_path):
    "every method, with its own settings, comes back"
    for model in (little(), little(solver=AdamSearch(steps=2, reduction="mean"), starts=RankedSearch(Network(hidden=(4,), epochs=1))), get_method("cinn", epochs=1, transforms=2, hidden=(8,)),
                  get_method("neural_adjoint", box=[[0., 0.], [1., 1.]], apart=0, n_starts=None), get_method("ranked_search", surrogate=GaussianProcess(kernel=None, ranks=False))):
        model.fit(small(), progress=False).save(tmp_path/"m")
        again = load_method(tmp_path/"m")
        assert torch.equal(again.propose(small().y[:3], 2), model.propose(small().y[:3], 2))


# ---- sizes ----

@pytest.mark.parametrize("name", ["neural_adjoint", "random_search"])
def test_many_candidates_for_one_target(name):
    "a hundred thousand designs in 4 GB, where all pairs would take 40"
    script = """
import sys, torch
from invnb.core import Data
from invnb.methods.method import get_method
from invnb.methods.network import Network
torch.set_num_threads(1)
x = torch.rand(100, 2)
method = get_method(sys.argv[1], **({} if sys.argv[1] == "random_search" else dict(surrogate=Network(hidden=(8,), epochs=3))))
method.fit(Data(x, x.sum(1, keepdim=True)), progress=False)
found = method.propose(torch.tensor([[1.]]), 100_000)
print(tuple(found.shape), bool(found.isfinite().all()))
"""
    assert in_a_process(script, name, gigabytes=4) == "(1, 100000, 2) True"

def test_order_of_many():
    "the first places are the careful ones, and each design has one place"
    u, misfit = torch.rand(2, 6000, 1, generator=stream("order")), torch.rand(2, 6000, generator=stream("misfit"))
    order = rank_apart(u, misfit, .0001)
    assert torch.equal(order[:, :4096], rank_apart(u, misfit, .0001, n=4096))
    assert torch.equal(order.sort(1).values, torch.arange(6000).repeat(2, 1))

def test_wide_tables(tmp_path):
    "five thousand columns in seconds: no count per name, no list per column"
    n = 5_000
    names = [f"c{i}" for i in range(n)]
    rows = np.random.default_rng(0).random((12, n)).round(3)
    path = tmp_path/"wide.csv"
    path.write_text("\n".join([",".join(names), *(",".join(map(str, row)) for row in rows.tolist())]))
    start = time.perf_counter()
    table = read_table(path)
    x = pick_columns("--x", f"c0:c{n-2}", table)
    each = pick_columns("--x", ",".join(names[:-1]), table)
    designs, measured, _ = solve.read_data(table, x, names[-1:])
    assert x == each == names[:-1] and np.array_equal(designs, rows[:, :-1]) and np.array_equal(measured, rows[:, -1:])
    half = solve.read_data(table, x[:n//2], x[n//2:])[1]
    assert half.shape == (12, n//2 - 1 + n % 2) and time.perf_counter() - start < 60
    path.write_text(path.read_text().replace("c7,", "c8,", 1))
    with pytest.raises(ValueError, match="got 'c8' 2 times"): read_table(path)
    with pytest.raises(ValueError, match="got 'c5' twice"): pick_columns("--x", "c5,c4,c5", table)

@pytest.mark.parametrize("n", ["1000000000", "9"*30, "100001", "1_0", "１０", "١٠", "1e3", "1.0", " 5", "0x10"])
def test_numbers_of_candidates(n):
    "--n is one line, whatever it says, before a file is read"
    with pytest.raises(ValueError, match="^--n: expected a whole number of at (most 100,000|least 1), got .*write digits only$") as found: solve.solve(["none.csv"], target="none.csv", n=n)
    assert len(str(found.value)) < 200

def test_sizes_of_arguments(tmp_path):
    "too much is refused by the name of the argument"
    method = RandomSearch().fit(small(), progress=False)
    many = small().y[:1].expand(10_000, -1)
    for ask, why in ((lambda: method.propose(many[:1], 10**12), "^n: expected at most"), (lambda: method.propose(many, 10**6), "^n: expected at most"),
                     (lambda: method.search(None, many, 10**6), "^budget: expected at most"), (lambda: method.propose(many[:1], 10**400), "^n: expected at most"),
                     (lambda: run(["sine_wave"], ["mdn"], [0], tmp_path, rows=10**12), "^rows: expected at most"), (lambda: run(["sine_wave"], ["mdn"], [0], tmp_path, budget=10**9), "^budget: expected at most"),
                     (lambda: run(["sine_wave"], ["mdn"], [0], tmp_path, targets=10**9), "^targets: expected at most")):
        with pytest.raises(ValueError, match=why): ask()
    assert list(tmp_path.iterdir()) == []

def test_sizes_in_headers(tmp_path):
    "files that promise more than they hold"
    path = tmp_path/"a.npy"
    with open(path, "wb") as f: np.lib.format.write_array_header_1_0(f, dict(descr="<f8", fortran_order=False, shape=(10**12, 10)))
    with pytest.raises(ValueError, match="a.npy"): read_table(path)
    for length in (2**60, 2**63 + 5, 10):
        with pytest.raises(ValueError): tensor_header(length.to_bytes(8, "little") + b"{}")
    long = tmp_path/"long.csv"
    long.write_text("a,b\n" + "\n".join(f"{i},{'9'*100_000 if i == 3 else i}" for i in range(9)))
    with pytest.raises(ValueError, match="long.csv") as found: numbers(read_table(long), ["a", "b"])
    assert len(str(found.value)) < 500


# ---- cells ----

CELLS = ["1_000", "2024_01", "１２", "١٢", "1e５", "𝟏𝟐", "12²", "½", "0x10", "1e1_0", "Ⅻ", "1_0.5", "१२", "1e", "٫5", "+-1", "infinity", "1e400x"]

@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("ending", ["csv", "txt", "xlsx", "parquet"])
def test_cells_that_are_no_numbers(tmp_path, cell, ending):
    "what Python's float() or Unicode would take for a number is text, in files of any kind"
    path = tmp_path/f"t.{ending}"
    cells = [str(i/8) for i in range(12)]; cells[5] = cell
    if ending == "csv": path.write_text("a,b\n" + "\n".join(f"{i},{c}" for i, c in enumerate(cells)), encoding="utf-8")
    elif ending == "txt": path.write_text("a\tb\n" + "\n".join(f"{i}\t{c}" for i, c in enumerate(cells)), encoding="utf-8")
    else:
        frame = pd.DataFrame(dict(a=range(12), b=cells))
        frame.to_excel(path, index=False) if ending == "xlsx" else frame.to_parquet(path, index=False)
    with pytest.raises(ValueError, match=r"t\.\w+, (line|row) \d+, column 'b': expected a number"): numbers(read_table(path), ["a", "b"])

@pytest.mark.parametrize("cell", CELLS)
def test_wishes_that_are_no_numbers(tmp_path, cell):
    from invnb.use.wanted import read_wanted
    for text in (cell, f">={cell}", f"0.1..{cell}", f"{cell}+-0.1"):
        (tmp_path/"w.csv").write_text(f"y,z\n{text},1\n0.5,1\n", encoding="utf-8")
        with pytest.raises(ValueError): read_wanted(str(tmp_path/"w.csv"), ["y"], ["x"])
    assert as_axis([cell, "13", "1400"]) is None

def test_names_that_are_places():
    assert as_axis(["400", "500.5", "6e2"])[1].tolist() == [400, 500.5, 600] and as_axis(["2024_01", "2024_02"]) is None


# ---- units ----

@pytest.mark.parametrize("value", [1e30, -1e30, 1e300, -1e300])
@pytest.mark.parametrize("name, dtype", [("neural_adjoint", torch.float64), ("random_search", torch.float32), ("mdn", torch.float32)])
def test_targets_beyond_precision(name, dtype, value):
    "one line, where a precision cannot hold a target or tells no designs apart so far away"
    settings = dict(neural_adjoint=dict(surrogate=Network(hidden=(4,), epochs=1)), mdn=dict(epochs=1)).get(name, {})
    method = get_method(name, **settings).fit(small(dtype=dtype), progress=False)
    wanted = np.array([[.3, .1], [.2, value]])
    for ask in (lambda: method.propose(wanted, 2), lambda: method.search(measured, wanted, 2), lambda: method.propose(Wish.at_least(wanted) if value > 0 else Wish.at_most(wanted), 2)):
        with pytest.raises(ValueError, match="^targets: expected measurements as in training .*row 1, column 1$"): ask()

SEARCHERS = dict(neural_adjoint=lambda: NeuralAdjoint(GaussianProcess(first=40)), network=lambda: NeuralAdjoint(Network(hidden=(8,), epochs=5)), ranked_search=lambda: RankedSearch(Network(hidden=(8,), epochs=3), proposals=64),
                 mdn=lambda: get_method("mdn", epochs=2, hidden=(8,)), tandem=lambda: get_method("tandem", surrogate=Network(hidden=(8,), epochs=3), epochs=3, hidden=(8,)),
                 cvae=lambda: get_method("cvae", epochs=2, hidden=(8,)), inn=lambda: get_method("inn", epochs=2, hidden=(8,)), cinn=lambda: get_method("cinn", epochs=2, hidden=(8,), transforms=1),
                 flow_matching=lambda: get_method("flow_matching", epochs=2, hidden=(8,)), genetic_search=lambda: get_method("genetic_search", surrogate=Network(hidden=(8,), epochs=3), generations=3, population=16),
                 closed_loop=lambda: get_method("closed_loop", surrogate=GaussianProcess(first=40)), direct_search=lambda: get_method("direct_search"))

def found_in_units(name, scale_x=1., scale_y=1., dy=1, dtype=torch.float64, same_unit=False):
    "Designs that a method finds in a table and a simulator of other units, in units of one"
    data = small(60, scale_x, scale_y, dy, dtype, same_unit)
    wanted = (measured(small().x[:3] + .01)[:, :dy]*scale_y).to(dtype)
    method = SEARCHERS[name]().fit(data, progress=False)
    if name not in ("closed_loop", "direct_search"): return method.propose(wanted, 3).double()/scale_x
    return method.search(lambda x: (measured(x.double()/scale_x)[:, :dy]*scale_y).to(x), wanted, 3).x.double()/scale_x

UNITS = dict()      # what was found in units of one

@settings(max_examples=40)
@given(name=st.sampled_from(sorted(SEARCHERS)), decades_x=st.integers(-66, 66), decades_y=st.integers(-66, 66), dy=st.sampled_from([1, 2]), same_unit=st.booleans())
def test_units_do_not_matter(name, decades_x, decades_y, dy, same_unit):
    "forty decades of both units, by powers of two, which are exact: the same designs"
    key = name, dy, same_unit
    if key not in UNITS: UNITS[key] = found_in_units(name, dy=dy, same_unit=same_unit)
    found = found_in_units(name, 2.**decades_x, 2.**decades_y, dy, same_unit=same_unit)
    assert torch.allclose(found, UNITS[key], rtol=0, atol=1e-6), (found - UNITS[key]).abs().max()

@pytest.mark.parametrize("decades", [-66, 66])
@pytest.mark.parametrize("name", ["neural_adjoint", "network", "ranked_search", "direct_search", "closed_loop", "mdn"])
def test_units_of_single_precision(name, decades):
    for scale in (dict(scale_y=2.**decades), dict(scale_x=2.**decades)):
        found, usual = (found_in_units(name, **some, dtype=torch.float32) for some in (scale, {}))
        assert torch.allclose(found, usual, atol=1e-4), (found - usual).abs().max()

def same_quality(scale, **more):
    x, y = small().x.numpy(), (small(scale_y=scale, **more).y).numpy()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return solver.train_solver((["a", "b"], x), ([f"y{j}" for j in range(y.shape[1])], y), progress=False)

@pytest.mark.parametrize("scale", [1e-13, 1e-20, 1e13, 1e20])
def test_units_of_a_table(scale):
    "joules or square metres: R^2, chances and intervals are those of the table in other units"
    usual, odd = same_quality(1., dy=1), same_quality(scale, dy=1)
    assert usual.quality["r2"][0] > .99 and math.isclose(usual.quality["r2"][0], odd.quality["r2"][0], abs_tol=1e-6)
    wanted = torch.tensor([[.4], [.6]], dtype=torch.float64)
    for wish in (lambda s: wanted*s, lambda s: Wish.between((wanted - .01)*s, (wanted + .01)*s), lambda s: Wish.at_least(wanted*s)):
        a, b = (found.sort_values(["target", "y0_lower"]) for found in (usual.candidates(wish(1.), 3), odd.candidates(wish(scale), 3)))   # by rank, but for those that are alike
        assert np.allclose(a.chance, b.chance, atol=.02)
        assert np.allclose(a.y0_lower, b.y0_lower/scale, atol=1e-2) and np.allclose(a.y0_upper, b.y0_upper/scale, atol=1e-2)

def test_units_side_by_side():
    "columns of joules and of kelvins; a column that varies by a thousandth around 300; none is taken for constant"
    x = small(120).x
    y = torch.stack([measured(x)[:, 0]*1e-13, measured(x)[:, 1]*1e13, 300 + 1e-3*measured(x)[:, 0]], 1)
    method = NeuralAdjoint(GaussianProcess()).fit(Data(x, y), progress=False)
    assert (method.surrogate.net.r2 > .99).all()
    wanted = y[:4]
    again = measured(method.propose(wanted, 1)[:, 0])
    assert torch.allclose(again[:, 0], measured(x[:4])[:, 0], atol=1e-3)

@pytest.mark.parametrize("scale", [1e-20, 1e-13, 1e20])
def test_units_that_span_decades(scale):
    "what is learned by its logarithm"
    x = small(80).x
    of = lambda x: (torch.exp(12*x[:, :1])*(1 + x[:, 1:]))
    method = NeuralAdjoint(GaussianProcess()).fit(Data(x, of(x)*scale), progress=False)
    assert bool(method.misfit.log.all())
    found = of(method.propose(of(x[:5])*scale, 1)[:, 0].double())
    assert torch.allclose(found.log(), of(x[:5]).log(), atol=.05)

def test_constant_columns_stay_constant():
    "what never varies is no unit, whatever its size"
    for value in (0., 1e-13, 1e20, -3.):
        data = small()
        y = torch.cat([data.y, torch.full_like(data.y[:, :1], value)], 1)
        method = NeuralAdjoint(GaussianProcess(first=40)).fit(Data(data.x, y), progress=False)
        assert method.propose(y[:3], 2).isfinite().all()


# ---- the code of a record, and what came fitted ----

HEAD = "from dataclasses import dataclass, field\nimport torch\nfrom invnb.methods.method import register_method\nfrom invnb.methods.search import RandomSearch\nfrom invnb.bench.run import run\nimport sys\n"
TAIL = "\nfound = run(['sine_wave'], dict(mine=Mine()), [0], sys.argv[1], rows=50, targets=2, budget=2, progress=False)\nprint(found[0].error.sum().item(), found[0].code)\n"
METHOD = "@dataclass\nclass Mine(RandomSearch):\n    {setting}\n    def candidates(self, wish, n, generator, space):\n        return {before}super().candidates(wish, n, generator, space){after}\n"
EDITS = {"the method": METHOD.format(setting="gain = 1.", before="", after="*0.5"), "a number of the class": METHOD.format(setting="gain = .25", before="self.gain*", after=""),
         "a property": METHOD.format(setting="gain = property(lambda self: .125)", before="self.gain*", after=""), "what it calls": "def helper(x): return x*.75\n" + METHOD.format(setting="gain = 1.", before="helper(", after=")"),
         "an array": "way = torch.full((1,), .3)\n" + METHOD.format(setting="gain = 1.", before="way*", after="")}

@pytest.mark.parametrize("how", ["a script", "a prompt"])
def test_a_class_edited_under_the_same_name(tmp_path, forked, how):
    "it is computed again, as the new code says; unchanged, it is the record of before"
    said, edits = {}, EDITS if how == "a script" else {"the method": EDITS["the method"]}
    for what, text in {"as it was": METHOD.format(setting="gain = 1.", before="", after=""), **edits}.items():
        script = HEAD + text + TAIL
        if how == "a script":
            (tmp_path/"mine.py").write_text(script)
            script = "import runpy, sys\nsys.argv = sys.argv[1:]\nrunpy.run_path(sys.argv[0], run_name='__main__')"
            args = tmp_path/"mine.py", tmp_path/"runs"
        else: args = tmp_path/"runs",
        said[what] = in_a_fork(forked, script, *args).splitlines()[-1]
        if what == "the method": assert in_a_process(script, *args).splitlines()[-1] == said[what]       # one that shares nothing with it, not even the order of sets
    assert len({line.split()[0] for line in said.values()}) == len(said) and all(line.split()[1].startswith("own-") for line in said.values())

@dataclass
class OwnSolver:
    "A dataclass of a user that is no Part"
    factor:float = 1.
    def __call__(self, net, x, *asked): return x*self.factor

def test_code_of_parts():
    "a solver of one's own counts, deep inside as well"
    plain = code_of_cell(dict(task="sine_wave", settings=None), None, little())
    own = code_of_cell(dict(task="sine_wave", settings=None), None, little(solver=OwnSolver()))
    deep = code_of_cell(dict(task="sine_wave", settings=None), None, little(starts=NeuralAdjoint(solver=OwnSolver())))
    assert not plain.startswith("own-") and own.startswith("own-") and deep.startswith("own-")

def test_fitted_parts_all_the_way_down(tmp_path):
    "a part that came fitted is found however deep it stands: a record could not say what it learned from"
    fitted = Network(hidden=(4,), epochs=1).fit(small(), progress=False)
    inner = RankedSearch(surrogate=fitted)
    @dataclass
    class Wrapped(RandomSearch):
        parts:object = field(default_factory=list)
    for method in (little(starts=inner), little(starts=little(starts=inner)), inner, Wrapped([1, [inner]]), Wrapped(dict(a=(fitted,)))):
        with pytest.raises(ValueError, match="expected mine not fitted, nor any part of it"): run(["sine_wave"], dict(mine=method), [0], tmp_path, rows=50, targets=2, budget=2, progress=False)
    assert list(tmp_path.iterdir()) == []
