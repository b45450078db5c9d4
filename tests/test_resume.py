"""kill -9 in the middle of a bench, then the same command: it finishes, with the numbers of an undisturbed run."""
import os, random, signal, subprocess, sys, time
from pathlib import Path

import pytest, torch
from invnb.bench.store import read_records

ARGS = "--preset smoke --seeds 2 --tasks sine_wave,robotic_arm --methods ranked_search,random_search,neural_adjoint --rows 60 --workers".split()


def bench(out, workers):
    env = dict(os.environ, OMP_NUM_THREADS="1")
    return subprocess.Popen([Path(sys.executable).with_name("invnb_bench"), *ARGS, str(workers), "--out", str(out)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=env, start_new_session=True)


def errors(folder): return {r.name: r.error for r in read_records(folder)}


@pytest.fixture(scope="module")
def calm(tmp_path_factory):
    "The folder of an undisturbed run, of one process: two have its numbers too"
    folder = tmp_path_factory.mktemp("calm")
    process = bench(folder, 1)
    out, err = process.communicate()
    assert process.returncode == 0, err.decode()
    return folder


@pytest.mark.timeout(500)
@pytest.mark.parametrize("workers", [1, 2])
def test_killed_bench_finishes(tmp_path, calm, workers):
    want = errors(calm)
    assert len(want) == 12
    for fewest in (1, 4, 8):                                            # killed three times, at different stages
        process = bench(tmp_path / "killed", workers)
        while process.poll() is None and len(list((tmp_path / "killed").glob("*.safetensors"))) < fewest: time.sleep(.02)
        time.sleep(random.random())
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        done = errors(tmp_path / "killed")                              # every file that is there is whole
        assert len(done) >= fewest
        for name, error in done.items(): assert torch.equal(error, want[name])
    last = bench(tmp_path / "killed", workers)
    out, err = last.communicate()
    assert last.returncode == 0, err.decode()
    got = errors(tmp_path / "killed")
    assert got.keys() == want.keys()
    for name in want: assert torch.equal(got[name], want[name]), name
    assert (tmp_path / "killed" / "r_T.csv").read_text() == (calm / "r_T.csv").read_text()
    assert b"r_T.png" in out
