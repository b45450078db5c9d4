"""What every public function promises, on examples that hypothesis draws (always the same ones): shapes, dtypes, a batch is a loop, rows may change places,
the same seed gives the same numbers, nothing that was passed is changed, torch's global state stays as it was, and the laws of each metric."""
import ast, copy, functools, importlib, inspect, io, itertools, json, math, pkgutil, random, re, types, warnings
from dataclasses import fields, is_dataclass, replace
from pathlib import Path
from typing import get_type_hints

import numpy as np
import pandas as pd
import pytest, torch
from fastcore.docments import docments
from hypothesis import assume, given, settings, strategies as st

import invnb
import invnb.methods.robust as rob       # by its name: the full-wave solver has a Scattered, too
from invnb.bench.metrics import *
from invnb.bench.interval import *
from invnb.bench.paired import *
from invnb.bench.posterior import *
from invnb.bench.ranking import *
from invnb.bench.samples import *
from invnb.bench.report import *
from invnb.bench.run import CountingSimulator, attempt, cell_spec, one_thread, planned, run_cell
from invnb.bench.store import *
from invnb.files import write_atomic
from invnb.bench.table import *
from invnb.core import *
from invnb.methods.cinn import *
from invnb.methods.closed_loop import *
from invnb.methods.contract import *
from invnb.methods.curve import *
from invnb.methods.cvae import *
from invnb.methods.descent import *
from invnb.methods.flow_matching import *
from invnb.methods.generative import *
from invnb.methods.inn import *
from invnb.methods.kernels import *
from invnb.methods.mdn import *
from invnb.methods.method import *
from invnb.methods.network import *
from invnb.methods.neural_adjoint import *
from invnb.methods.noise import *
from invnb.methods.posterior import *
from invnb.methods.process import *
from invnb.methods.shares import *
from invnb.methods.search import *
from invnb.methods.surrogate import *
from invnb.methods.tandem import *
from invnb.methods.two_fidelities import *
from invnb.misfit import *
from invnb.nets import *
from invnb.saved import *
from invnb.space import *
from invnb.tasks.ballistics import *
from invnb.tasks.metamaterial import *
from invnb.tasks.rcwa import *
from invnb.tasks.robotic_arm import *
from invnb.tasks.shell import *
from invnb.tasks.sine_wave import *
from invnb.tasks.stack import *
from invnb.tasks.task import *
from invnb.wish import *
from invnb.use.judge import *

EXEMPT = {      # public names that no property here exercises, and why
    "drawn_starts": "what another package draws: the notebook of the neural adjoint asks it",
    "DEEPEST SIZES STOPS TIMES WHAT_FOR check_record check_counts MOST check_many check_reach NEW NoMoreThan check_settings check_sizes models_in read_both write_both roomy": "what comes from outside, at its extremes: tests/test_boundaries.py",
    "invnb.use.explore": "widgets and their pictures: tests/test_explore.py",
    "invnb.use.answers": "what the explorer asks and is told: tests/test_explore.py and its notebook",
    "invnb.use.target": "what the explorer asks for: tests/test_explore.py and its notebook",
    "invnb.use.controls": "widgets of the explorer, and held inputs: tests/test_explore.py and its notebook",
    "invnb.use.bands": "they hatch: tests/test_explore.py and its notebook",
    "invnb.use.pictures": "they draw: tests/test_explore.py and its notebook",
    "invnb.bench.cli": "commands: tests/test_faults.py runs them",
    "invnb.use.solve": "a command: tests/test_solve.py, and its reading functions tests/test_fuzz.py",
    "invnb.use.solver": "trained and saved: tests/test_solve.py, tests/test_fuzz.py and its notebook",
    "invnb.methods.campaign": "tests/test_campaigns.py asks and tells, in every order",
    "same_rows": "what check_method compares",
    "check_truth": "what check_task asks of a simulator",
    "Transmission": "the way back through transmission, which test_full_wave goes",
    "invnb.methods.improvement": "a process of few answers: its notebook compares its formulas with draws, tests/test_sequential.py uses it",
    "invnb.methods.sequential": "campaigns from nothing: tests/test_sequential.py and its notebook",
    "differ expected_of": "noise in the answers of a simulator: the notebook of the closed loop, and tests/test_campaigns.py",
    "invnb.methods.own_answers": "a process that answers correct: its notebook compares it with one that learned all of them",
    "invnb.use.columns": "columns of files: tests/test_table.py, tests/test_fuzz.py and its notebook",
    "invnb.use.wanted": "cells of files: tests/test_solve_wishes.py, tests/test_fuzz.py and its notebook",
    "invnb.use.buildable": "options of a command: tests/test_solve_wishes.py and its notebook",
    "invnb.use.campaign": "a command: tests/test_next.py and its notebook",
    "invnb.use.plan": "options and settings of a command: tests/test_next.py and its notebook",
    "invnb.use.journal": "files of a command, edited by hand: tests/test_next.py and its notebook",
    "invnb.use.designs": "cells of options and files: tests/test_next.py and its notebook",
    "invnb.use.progress": "what a command prints: tests/test_next.py and its notebook",
    "invnb.use.workers": "pools: tests/test_next.py and its notebook",
    "invnb.use.report": "what a command prints: tests/test_solve.py and its notebook",
    "invnb.use.layout": "text files: tests/test_table.py, tests/test_fuzz.py and its notebook",
    "invnb.use.table": "files: tests/test_table.py, tests/test_fuzz.py and its notebook",
    "invnb.space": "thousands of random spaces: tests/test_spaces.py",
    "invnb.wish": "wishes: tests/test_spaces.py",
    "unknown_share competitors both_net keep_rows": "pieces of a training and of what it leaves unknown: fit and propose go through them",
    "invnb.encoding": "choices and angles: tests/test_spaces.py and its notebook",
    "invnb.methods.values": "a search among values: tests/test_spaces.py compares it with all combinations",
    "EncodedNet learn_encoded expected_miss completed moved_into check_query free_directions plain_targets bank_in descended": "wishes and spaces in methods: tests/test_spaces.py",
    "invnb.tasks.coating": "films: its notebook compares them with closed forms",
    "invnb.tasks.fabrication": "files for others: its notebook reads them back",
    "invnb.tasks.films": "films: its notebook compares them with the sum of the waves, boundary by boundary",
    "invnb.tasks.penicillin": "a fermenter: its notebook compares it with an integrator and with BoTorch's numbers",
    "invnb.bench.peers": "solvers of others: its notebook",
    "invnb.bench.total": "what is counted: its notebook",
    "invnb.bench.cells": "a run and its records: its notebook",
    "invnb.bench.profiles": "tables and figures of records: its notebook",
    "invnb.tasks.ink": "colours: its notebook compares them with what is known of inks and light",
    "invnb.parallel": "processes: tests/test_faults.py and its notebook",
    "invnb.border": "pipes and other people's code: tests/test_crossing.py and its notebook",
    "invnb.child": "processes: tests/test_crossing.py, tests/test_faults.py and its notebook",
    "whole_numbers check_word": "arguments of a run: tests/test_crossing.py",
    "invnb.files": "files and disks: tests/test_boundaries.py and its notebook",
    "invnb.interrupt": "signals: tests/test_faults.py and its notebook",
    "invnb.bench.code": "source text: tests/test_records.py and its notebook",
    "Shelf Inventory machine confirm code_now check_format": "the folder of a run: tests/test_faults.py and the notebooks of run and store",
    "invnb.tasks.per_design": "processes and their faults: tests/test_faults.py and its notebook",
    "invnb.use.many_targets": "a long run that is stopped: its notebook",
    "draw_sine draw_arm draw_flights draw_spectra draw_stack draw_shell draw_metamaterial plot_ranks panel draw_published figure legend": "they draw: their notebooks show them",
    "COLOURS MARKERS LINES DECADES HOW_TO_READ ONE_SEED ORDER REFERENCE": "how a figure or a report looks",
    "run check_method check_task check_names": "tests/test_contracts.py calls them for every task and method",
    "OfficialNet official_net read_weights from_official bundled bundled_files": "they load files: tests/test_fuzz.py",
    "held_out_spectra cst_spectra": "measured data: their notebooks compare the solver with them",
    "register_task register_method task_registry method_registry Block Drawing FrozenNet Part Model Learner Proposer": "bases and registries, exercised by all that is built on them",
    "revived defined_classes": "load_method, which is exercised, calls them",
    "ranking_markdown": "text around `standing`, which is exercised",
    "metamaterial": "get_task makes it, with its options in its notebook",
    "LEAST": "a number that nothing is divided by", "miss_and_chance": "chance_met and expected_miss, as a solver asks them: tests/test_solve_wishes.py",
}

sizes_ = st.integers(1, 6)
seeds = st.integers(0, 2**31)
kinds = st.sampled_from([torch.float32, torch.float64])
finite = st.floats(-1e6, 1e6, allow_nan=False, width=32)

def normal(seed, *shape, dtype=torch.float32): return torch.randn(*shape, generator=stream("properties", seed, shape)).to(dtype)
def uniform(seed, *shape, dtype=torch.float32): return torch.rand(*shape, generator=stream("properties", "uniform", seed, shape)).to(dtype)
def shuffle(seed, n): return torch.randperm(n, generator=stream("properties", "order", seed, n))
def inside(seed, n, box, dtype=torch.float32): return (box[0] + (box[1] - box[0]) * uniform(seed, n, box.shape[1])).to(dtype)

def kept(value):
    "A copy that shares nothing"
    if isinstance(value, torch.Tensor): return value.detach().clone()
    if isinstance(value, (list, tuple)): return type(value)(map(kept, value)) if not hasattr(value, "_fields") else type(value)(*map(kept, value))
    if isinstance(value, dict): return {k: kept(v) for k, v in value.items()}
    if isinstance(value, (np.ndarray, pd.DataFrame)): return value.copy()
    return value

def equal(a, b):
    "Bit for bit, NaN like NaN"
    if isinstance(a, torch.Tensor): return isinstance(b, torch.Tensor) and a.dtype == b.dtype and a.shape == b.shape and bool(torch.equal(torch.view_as_real(a) if a.is_complex() else a.nan_to_num(7e77 if a.dtype == torch.float64 else 7e33), torch.view_as_real(b) if b.is_complex() else b.nan_to_num(7e77 if b.dtype == torch.float64 else 7e33)) if a.is_floating_point() or a.is_complex() else torch.equal(a, b))
    if isinstance(a, (list, tuple)): return type(a) is type(b) and len(a) == len(b) and all(map(equal, a, b))
    if isinstance(a, dict): return a.keys() == b.keys() and all(equal(a[k], b[k]) for k in a)
    if isinstance(a, np.ndarray): return np.array_equal(a, b, equal_nan=a.dtype.kind == "f")
    if isinstance(a, pd.DataFrame): return a.equals(b)
    return a is b or a == b or a != a

def pure(f, *args, **options):
    "What `f` gives: twice the same, and its arguments are as before"
    before = kept(args), kept(options)
    found = f(*args, **options)
    assert equal(args, before[0]) and equal(options, before[1]), f"{getattr(f, '__name__', f)} changed an argument"
    again = f(*before[0], **before[1])
    assert equal(found, again) or not isinstance(found, (torch.Tensor, tuple, list, dict, pd.DataFrame)), f"{getattr(f, '__name__', f)} gave other numbers the second time"
    return found

def rowwise(f, x, width, order, tol=1e-5, promoted=None):
    "Shape, dtype, a batch is a loop, and rows that change places take their answers with them"
    y = pure(f, x)
    assert y.shape == (len(x), *width) and y.dtype == (promoted or x.dtype)
    scale = 1 + float(y[y.isfinite()].abs().max()) if y.isfinite().any() else 1.
    close = lambda a, b: torch.allclose(a, b, rtol=0, atol=tol*scale, equal_nan=True)
    assert close(torch.cat([f(row[None]) for row in x]), y)
    assert close(f(x[order]), y[order])
    return y

@pytest.fixture(autouse=True)
def world():
    "Torch's global state is the same after a test"
    state = lambda: (torch.get_default_dtype(), torch.get_num_threads(), torch.is_grad_enabled(), random.getstate(), np.random.get_state()[1].tolist(), torch.are_deterministic_algorithms_enabled())
    before, numbers = state(), torch.get_rng_state()
    yield
    assert state()[:3] == before[:3] and state()[5] == before[5] and torch.equal(torch.get_rng_state(), numbers), "torch's global state has changed"


@given(order=st.permutations(range(4)), kept=st.integers(1, 3), extra=st.booleans())
def test_in_order(order, kept, extra):
    "Columns are found by name, whatever their order and whatever stands beside them; where one is lost it is named, and where none is shared nothing changes"
    names, values = ["a", "b", "c", "d"], torch.arange(12.).view(3, 4)
    frame = pd.DataFrame(values.numpy(), columns=names).iloc[:, order]
    if extra: frame = frame.assign(other=7.)
    assert in_order("x", frame, names, "the table").to_numpy().tolist() == values.tolist()
    some = frame[[name for name in frame.columns if name not in names[kept:]]]
    with pytest.raises(ValueError, match=f"^x: expected a column '{names[kept]}', as the table has, got none$"): in_order("x", some, names, "the table")
    for same in (values, values.tolist(), frame.set_axis(range(frame.shape[1]), axis=1), None): assert in_order("x", same, names, "the table") is same
    assert in_order("x", frame, None, "the table") is frame


# ---- core ----

@given(sizes_, sizes_, seeds, st.sampled_from([torch.float16, torch.bfloat16, torch.float32, torch.float64, torch.int64, torch.int8, torch.bool]))
def test_as_matrix(rows, columns, seed, dtype):
    x = (normal(seed, rows, columns)*9).to(dtype)
    want = torch.float64 if dtype == torch.float64 else torch.float32
    for value in (x, x.tolist(), *([x.numpy()] if dtype != torch.bfloat16 else [])):
        found = as_matrix("x", value, width=columns, rows=rows)
        assert found.shape == (rows, columns) and found.dtype in (want, torch.float32 if isinstance(value, list) else want)
        assert torch.allclose(found.double(), x.double())
    pure(as_matrix, "x", x)
    if dtype in (torch.float32, torch.float64, torch.int64, torch.int8):
        frame = pd.DataFrame(x.numpy(), columns=[f"c{i}" for i in range(columns)], index=range(7, 7 + rows))
        for value in (frame, list(x), list(x.numpy()), [row for _, row in frame.iterrows()], x.numpy()[:, ::-1][:, ::-1]):
            found = pure(as_matrix, "x", value, columns, rows)
            assert found.dtype == want and torch.equal(found, x.to(want))
    array = x.float().numpy().copy()
    found, array[:] = as_matrix("x", array), 77
    assert torch.equal(found, x.float())                              # a copy: what the caller does later changes nothing
    learned = x.float().requires_grad_()
    assert not as_matrix("x", learned).requires_grad and learned.requires_grad
    for wrong in (dict(width=columns + 1), dict(rows=rows + 1)):
        with pytest.raises(ValueError, match="^x: expected "): as_matrix("x", x, **wrong)

@given(st.one_of(st.none(), st.text(max_size=5), st.floats(), st.integers(), st.booleans(), st.lists(st.one_of(finite, st.text(max_size=2), st.lists(st.one_of(finite, st.none(), st.lists(finite, max_size=2)), max_size=3)), max_size=3), st.dictionaries(st.text(max_size=2), finite, max_size=2), st.complex_numbers(), st.binary(max_size=4)))
def test_as_matrix_takes_or_refuses(value):
    try: found = as_matrix("x", value)
    except ValueError as e: assert str(e).startswith("x: expected ")
    else: assert found.ndim == 2 and found.numel() and found.isfinite().all() and found.dtype in (torch.float32, torch.float64)

@given(sizes_, sizes_, seeds, st.sampled_from([math.nan, math.inf, -math.inf]))
def test_as_matrix_names_the_row(rows, columns, seed, bad):
    x, row = normal(seed, rows, columns), seed % rows
    x[row, seed % columns] = bad
    with pytest.raises(ValueError, match=f"in row {row}$"): as_matrix("x", x)
    frame = pd.DataFrame(x.numpy()).rename(columns="c{}".format, index=lambda i: i + 7)
    with pytest.raises(ValueError, match=f"^x, column 'c{seed % columns}', row {row + 7}: expected finite numbers"): as_matrix("x", frame)
    with pytest.raises(ValueError, match=f"^x, column 'c{columns}', row 7: expected a number, got 'tin'"): as_matrix("x", frame.fillna(0).replace([math.inf, -math.inf], 0).assign(**{f"c{columns}": "tin"}))
    assert equal(as_matrix("x", x, finite=False), x)

@given(st.one_of(st.integers(-5, 10**20), st.booleans(), st.floats(), st.text(max_size=3), st.none(), st.integers(0, 9).map(np.int64), st.integers(0, 9).map(torch.tensor)), st.integers(0, 3))
def test_check_count(value, least):
    whole = not isinstance(value, (bool, float, str, type(None))) and int(value) >= least
    try: found = check_count("n", value, least)
    except ValueError as e: assert not whole and str(e).startswith(f"n: expected a whole number of at least {least}")
    else: assert whole and type(found) is int and found == int(value)

@given(st.lists(st.one_of(st.text(max_size=4), st.integers()), max_size=4), st.lists(st.one_of(st.text(max_size=4), st.integers()), max_size=4))
def test_stream(a, b):
    numbers = lambda keys: torch.rand(4, generator=stream(*keys))
    assert torch.equal(numbers(a), numbers(a))
    assert torch.equal(numbers(a), numbers(b)) == ("/".join(map(str, a)) == "/".join(map(str, b)))

@given(st.integers(5, 30), sizes_, sizes_, seeds, kinds)
def test_data(rows, dx, dy, seed, dtype):
    x, y = normal(seed, rows, dx, dtype=dtype), normal(seed + 1, rows, dy)
    data = Data(x, y)
    assert equal((data.x, data.y), (x, y)) and len(data) == rows and data.bounds.dtype == dtype
    assert equal(data.bounds, torch.stack([x.amin(0), x.amax(0)]))
    (a, b), (c, d) = data.train, data.held
    assert len(a) + len(c) == rows and len(a) >= 4 and len(c) >= 1 and len(a) == len(b) and len(c) == len(d)
    assert equal(torch.cat([a, c]).sort(0).values, x.sort(0).values) and equal(data.valid, held_out(rows)) and not data.same_unit
    there = data.to(dtype=torch.float64)
    assert {t.dtype for t in (there.x, there.y, there.bounds)} == {torch.float64} and equal(there.valid, data.valid) and data.x.dtype == dtype
    assert equal(Data(x.numpy(), y.numpy()).x, x)
    a_, b_ = pd.DataFrame(x.numpy()).add_prefix("x"), pd.DataFrame(y.numpy()).add_prefix("y")
    box = pd.DataFrame(data.bounds.numpy(), columns=a_.columns).iloc[:, ::-1]
    for given in ((a_, b_, box), (x.tolist(), y.tolist(), data.bounds.tolist()), (a_, b_["y0"] if dy == 1 else b_, None)):
        named = pure(Data, *given)
        assert torch.allclose(named.x.float(), x.float()) and equal(named.y, y) and torch.allclose(named.bounds.float(), data.bounds.float())
        names = (tuple(a_), tuple(b_)) if given[0] is a_ else (None, None)
        assert (named.x_names, named.y_names) == names == (named.to(dtype=torch.float64).x_names, named.to(dtype=torch.float64).y_names)
    shared = x.clone()
    alone, before = Data(shared, y), x.clone()
    shared[:] = 0
    assert equal(alone.x, before)                                     # a frozen table shares nothing
    mask = torch.arange(rows) < 1 + seed % (rows - 1)
    assert equal(Data(x, y, valid=mask).held[0], x[mask])
    for wrong in (dict(valid=torch.zeros(rows, dtype=torch.bool)), dict(valid=torch.ones(rows, dtype=torch.bool)), dict(valid=mask[:-1]), dict(valid=mask.long()), dict(bounds=torch.zeros(2, dx + 1)), dict(bounds=torch.tensor([[1.]*dx, [0.]*dx]))):
        with pytest.raises(ValueError, match="valid: expected|bounds: expected"): Data(x, y, **wrong)
    for few in (Data, lambda x, y: Data(y, x)):
        with pytest.raises(ValueError, match="expected"): few(x[:4], y[:4])
        with pytest.raises(ValueError, match="expected"): few(x, y[:-1])

@given(st.integers(2, 12), st.integers(1, 3), st.integers(1, 4), seeds, kinds)
def test_same_design(rows, dx, times, seed, dtype):
    "Equal rows have one number, numbers begin with 0 in the order of the rows, and no design is on both sides of a split"
    x = normal(seed, rows, dx, dtype=dtype)
    picked = torch.randint(rows, (rows*times,), generator=stream(seed))
    group = pure(same_design, x[picked])
    assert group.dtype == torch.int64 and list(dict.fromkeys(group.tolist())) == list(range(int(group.max()) + 1))
    assert torch.equal(group[:, None] == group, (x[picked][:, None] == x[picked]).all(2))
    again = torch.cat([x, x[:1].expand(4, -1), x])
    data = Data(again, normal(seed + 1, len(again), 1), same_unit=bool(seed % 2))
    held, learned = ({tuple(row) for row in part.tolist()} for part in (data.held[0], data.train[0]))
    assert not held & learned and equal(data.valid, held_out(rows)[same_design(again)]) and data.to(dtype=torch.float64).same_unit == bool(seed % 2)

@given(sizes_, seeds, kinds)
def test_as_bounds(width, seed, dtype):
    box = normal(seed, 2, width, dtype=dtype)
    sorted_ = box.sort(0).values
    open_ended = sorted_.clone(); open_ended[1, seed % width] = math.inf
    with pytest.raises(ValueError, match="finite"): as_bounds(open_ended)
    assert equal(as_bounds(open_ended, finite=False), open_ended)
    x = normal(seed, 6, width)
    check_ends(Data(x, x, sorted_), "a search")
    with pytest.raises(ValueError, match=f"infinity for column {seed % width}; a search"): check_ends(Data(x, x, open_ended), "a search")
    assert equal(pure(as_bounds, sorted_, width), sorted_)
    for value in (sorted_.numpy(), pd.DataFrame(sorted_.numpy()), list(sorted_)): assert equal(pure(as_bounds, value, width), sorted_)
    if (box[0] > box[1]).any():
        with pytest.raises(ValueError, match=f"in column {int((box[0] > box[1]).nonzero()[0])}$"): as_bounds(box)
    for wrong in (box[:1], torch.cat([box, box]), box[0]):
        with pytest.raises(ValueError, match="^bounds: expected "): as_bounds(wrong)

@given(st.integers(1, 500), st.floats(.01, .9))
def test_held_out(n, share):
    mask = pure(held_out, n, share)
    assert mask.shape == (n,) and mask.dtype == torch.bool and int(mask.sum()) == min(n, max(1, round(share*n)))

@given(st.lists(st.text(min_size=1, max_size=5), max_size=5), st.text(max_size=5))
def test_registry(names, other):
    registry = Registry("thing", "invnb.tasks")
    for name in names: registry.register(name)(lambda name=name, more=0: (name, more))
    assert registry.names() == sorted(set(names))
    for name in names: assert registry.make(name, more=2) == (name, 2)
    if other not in names:
        with pytest.raises(ValueError, match="^thing: expected one of"): registry.make(other)

@given(st.lists(st.integers(), max_size=5), st.booleans())
def test_bars(steps, show):
    with no_bars(): assert list(progress_bar(steps, "steps", show=show)) == steps and progress_bar(steps, "steps", show=show).disable


# ---- nets ----

@given(seeds)
def test_seeded(seed):
    before = torch.get_rng_state()
    with seeded(stream(seed)): a = torch.rand(3)
    with seeded(stream(seed)): b = torch.rand(3)
    assert torch.equal(a, b) and torch.equal(torch.get_rng_state(), before)
    with pytest.raises(KeyError):
        with seeded(stream(seed)): torch.rand(3); raise KeyError
    assert torch.equal(torch.get_rng_state(), before)

@given(st.lists(sizes_, min_size=2, max_size=4), st.sampled_from(sorted(ACTIVATIONS)), st.booleans(), seeds)
def test_mlp(widths, activation, norm, seed):
    with seeded(stream(seed)): net = mlp(widths, activation, norm).eval()
    with torch.no_grad(): rowwise(net, normal(seed, 4, widths[0]), (widths[-1],), shuffle(seed, 4))
    assert sum(isinstance(m, ACTIVATIONS[activation]) for m in net) == len(widths) - 2
    with pytest.raises(ValueError, match="activation: expected one of"): mlp(widths, "step")

@given(st.integers(1, 4), st.integers(1, 70), st.integers(1, 5), st.booleans(), st.integers(1, 3), st.integers(1, 5), seeds)
def test_curve_net(dx, dy, channels, norm, levels, group, seed):
    "A curve of any length, each design by itself; where its sketch is constant, so is the curve away from the ends"
    with seeded(stream(seed)): net = CurveNet(dx, dy, (6, 5), channels, "tanh", norm, levels, group).double().eval()
    with torch.no_grad():
        rowwise(net, normal(seed, 4, dx).double(), (dy,), shuffle(seed, 4))
        net.sketch.weight.zero_(); net.sketch.bias.copy_(normal(seed, channels).repeat(net.points))
        y = net(normal(seed + 1, 1, dx).double())[0]
    reach = group * sum(2**(levels - l) * 2 for l in range(levels)) + 2 * group        # two convolutions a level, and the last one
    inner = y[reach:group * net.points * 2**levels - reach].unfold(0, group, group) if len(y) > 2 * reach + group else y[:0, None]
    assert torch.allclose(inner, inner[:1].expand_as(inner))

@settings(max_examples=6)
@given(st.integers(64, 90), st.sampled_from([1e-9, 1., 1e9]), st.sampled_from([0., 1e6]), seeds)
def test_many_curves(dy, unit, shift, seed):
    "Whatever the unit, and in either direction; not where columns are in another order, are cut off, differ in unit, or rows are few"
    frequency, axis = 1 + uniform(seed, 2600, 1).double(), torch.linspace(0, 3, dy).double()
    y, x = (frequency * axis).sin(), uniform(seed, 2600, 3)
    assert many_curves(Data(x, unit * (y + shift), same_unit=True)) and many_curves(Data(x, y.flip(1), same_unit=True))
    for other, rows, same in ((y[:, torch.randperm(dy, generator=stream(seed))], 2600, True), (y[:, :63], 2600, True), (y, 2600, False), (y, 2500, True)):
        assert not many_curves(Data(x[:rows], other[:rows], same_unit=same))

def test_surrogate_of_many_curves(monkeypatch, tmp_path):
    "It has convolutions where measurements are curves, also once loaded; not where another network is asked for, or too many calls are announced"
    monkeypatch.setattr(Network, "for_curves", classmethod(lambda cls: cls((8,), epochs=2, batch=256, channels=3)))
    monkeypatch.setattr(Network, "for_rows", classmethod(lambda cls, rows: cls((8,), epochs=2, batch=256)))
    x = uniform(3, 2600, 2)
    y = ((1 + x[:, :1]) * torch.linspace(0, 3, 70)).sin() + (x[:, 1:] > .5)
    def fitted(**options): return Surrogate(GaussianProcess(rows=60, first=40), noisy=2., **options).fit(Data(x, y, same_unit=True), progress=False)
    def along(surrogate): return isinstance(surrogate.net.network.members[0], CurveNet)
    curves = fitted()
    curves.save(tmp_path)
    loaded = Surrogate.load(tmp_path)
    assert along(curves) and along(loaded) and equal(loaded(x[:9]), curves(x[:9]))
    assert not along(fitted(network=Network((8,), epochs=2, batch=256))) and not along(fitted(calls=10**7))

class Formula(SurrogateNet):
    "Two columns by a formula; as unsure, and as noisy, as it is told"
    def __init__(self, f, share): super().__init__(1, 2); self.f, self.share = f, share
    def forward(self, x): return self.f(torch.cat([x.sum(1, keepdim=True), x.square().sum(1, keepdim=True)], 1))
    def shape(self, x): return self.share * super().shape(x)
    def noise_variance(self): return self.share * torch.ones(2)

@given(sizes_, st.booleans(), seeds)
def test_corrected_net(dx, decades, seed):
    "What is missing is added in deviations of the fine measurements, of their logarithms where these are learned; derivatives are those of the sum"
    x = uniform(seed, 9, dx).double()
    base, missing = Formula(lambda y: (4*y).exp() if decades else 1e6*y, 2.), Formula(torch.sin, 3.)
    missing.y_scale.fit(7 * uniform(seed, 9, 2))
    net, plain = CorrectedNet(dx, 2, base, missing), CorrectedNet(dx, 2, base)
    for each in (net, plain): each.y_scale.fit(base(x), torch.tensor([decades]*2))
    rowwise(net, x, (2,), shuffle(seed, 9))
    assert torch.allclose(net.y_scale(net(x)), net.y_scale(base(x)) + missing(x), atol=1e-9) and equal(plain(x), base(x))
    for each in (net, plain): assert torch.allclose(each.value_and_jacobian(x)[1], differentiate(each, x)[1], rtol=1e-6)
    assert equal(net.shape(x), missing.shape(x)) and equal(plain.shape(x), base.shape(x))
    assert torch.allclose(net.noise_variance(), 3 * missing.y_scale.std.square()) and torch.allclose(plain.noise_variance() * plain.y_scale.std.square(), 2 * base.y_scale.std.square().double())

@pytest.mark.parametrize("unit, shift", [(1., 0.), (1e9, 1e6)])
def test_two_fidelities(unit, shift):
    "Few rows teach what the coarse simulator misses, whatever the unit; the same seed gives the same; the coarse surrogate and what was passed stay as they are"
    x = uniform(2, 100, 2).double()
    cheap = (4*x).sin() * (2*x.flip(1)).cos()
    coarse = GaussianProcess().fit(Data(x, unit * (cheap + shift)), progress=False)
    few = Data(x[:25], unit * (1.2*cheap[:25] + .2*x[:25] + shift))
    before = copy.deepcopy(coarse.net.state_dict())
    two, alone = pure(lambda: TwoFidelities(coarse).fit(few, 3, progress=False)), learn_alone(TwoFidelities(), few, 3, False)
    missing = learn_difference(two, few, 3, False)
    assert isinstance(missing, Way) and alone.missing is None and two.why.startswith("difference") and equal(two.judged.expected, missing.judged.expected)
    assert equal(coarse.net.state_dict(), before) and network_of(coarse, coarse.sizes) is None and learn_further(two, few, 3, False) is None
    assert two.unexplained(few, two.judged) < .2 * two.unexplained(few, alone.judged)

def test_the_best_way():
    "The first two by all rows that were left out of both; further training by held-out rows, and only with a margin"
    y = torch.linspace(0, 1, 20)[:, None].double()
    data, two = Data(y, y, valid=torch.arange(20) >= 16), TwoFidelities()
    two.misfit = Misfit.of(data)
    def way(off, held, rows=torch.ones(20, dtype=torch.bool)): return Way(None, None, Judged(rows, (y + torch.where(data.valid, held, off)[:, None])[rows], y[rows]), {})
    luck = dict(alone=way(.3, .01), difference=way(.1, .1))             # held-out rows alone say otherwise
    assert best_way(two, data, luck)[0] == "difference"
    for held, best in ((.09, "difference"), (.07, "further")):           # errors are squares, and four rows ask for a half more
        assert best_way(two, data, luck | dict(further=way(0., held, data.valid)))[0] == best

def test_further_training_of_a_process_and_a_network(monkeypatch, tmp_path):
    "Of both only the network is kept, and found again: a folder that asks for far more than it holds is refused"
    monkeypatch.setattr("invnb.methods.two_fidelities.best_way", lambda two, data, ways: ("further", "further"))
    x = uniform(6, 1080, 2)
    coarse = Surrogate(GaussianProcess(few=1100, first=40), Network((8,), epochs=2), enough=0., noisy=2.).fit(Data(x, x.sin()), progress=False)
    two = TwoFidelities(coarse, steps=5).fit(Data(x[:20], x[:20].cos()), progress=False)
    two.save(tmp_path)
    assert coarse.net.process is not None and equal(TwoFidelities.load(tmp_path)(x[:9]), two(x[:9])) and not any("process" in name for name in two.net.state_dict())

def test_a_network_is_trained_further():
    "A copy of it; what it was before stays where it was, and is what the first epoch begins with"
    x = uniform(5, 60, 2)
    network = Network((8,), epochs=30, batch=16, ensemble=2).fit(Data(x, x.sin()), progress=False)
    before, table = network(x), Data(x[:20], x[:20].sin() + .3)
    two = TwoFidelities(network, steps=200, lr=1e-2).fit(table, progress=False)
    way = learn_further(two, table, 0, False)
    assert equal(network(x), before) and len(way.base.members) == 2 and network_of(network, network.sizes)[0] is network
    assert two.unexplained(table, way.judged) < two.unexplained(table, Judged(table.valid, network(table.held[0]), network.net.shape(table.held[0])))
    with pytest.raises(ValueError, match="coarse: expected a surrogate that was fitted"): check_coarse(Network(), table)

@given(st.integers(2, 50), sizes_, seeds, st.floats(-1e3, 1e3), st.floats(1e-2, 1e3))
def test_standardize(rows, width, seed, centre, spread):
    x = centre + spread*normal(seed, rows, width)
    scale = Standardize(width)
    pure(lambda x: scale.fit(x)(x), x)
    z = scale(x)
    assert torch.allclose(z.double().mean(0), torch.zeros(width).double(), atol=1e-3 + 1e-6*abs(centre)/float(scale.std.min())) and torch.allclose(scale.inverse(z), x, atol=1e-4*(1 + float(x.abs().max())))
    assert torch.allclose(scale.fit(torch.full((rows, width), centre)).std, torch.ones(width))         # a constant column is left as it is
    decades, log = 10**(12*uniform(seed, rows, width).double() - 6), torch.arange(width) % 2 == 0
    scale = Standardize(width).double().fit(decades, log)
    moved = decades.clone().requires_grad_()
    slope, = torch.autograd.grad(scale(moved).sum(), moved)
    assert torch.allclose(pure(scale.slope, decades), slope, rtol=1e-9) and torch.allclose(scale.inverse(scale(decades)), decades, rtol=1e-9)
    assert torch.allclose(Standardize(width).double().fit(decades*1e9, log)(decades*1e9)[:, log], scale(decades)[:, log], atol=1e-9)      # units do not matter

def table_of(rows=40, dx=2, dy=1, seed=0):
    x = uniform(seed, rows, dx)
    return Data(x, torch.cat([x.sum(1, keepdim=True).sin(), x.prod(1, keepdim=True), x[:, :1]], 1)[:, :dy])

@pytest.mark.parametrize("schedule", ["one_cycle", "plateau", "patient"])
def test_train(schedule):
    data = table_of()
    before = kept([data.x, data.y, data.valid])
    def fit(seed):
        with seeded(stream("net")): net = mlp([2, 4, 1])
        history = train(net, lambda x, y: (net(x) - y).square().mean(), data, epochs=4, batch=7, schedule=schedule, generator=stream(seed), progress=False)
        return net.state_dict(), history, float((net(data.held[0]) - data.held[1]).square().mean())
    (a, history, valid), (b, *_), (c, *_) = fit(1), fit(1), fit(2)
    assert equal(dict(a), dict(b)) and not equal(dict(a), dict(c)) and equal([data.x, data.y, data.valid], before)
    assert all(len(v) == 4 or schedule == "patient" and 2 <= len(v) <= 4 for v in history.values()) and math.isclose(valid, min(history["valid"]), rel_tol=1e-5)        # the best checkpoint is kept

@given(st.integers(1, 60), seeds)
def test_average(steps, seed):
    "The mean lies between the smallest and the largest of what it was shown, and is lent, not given"
    with seeded(): line = torch.nn.Linear(1, 1, bias=False)
    values = normal(seed, steps)
    average = Average(line)
    for value in values:
        line.weight.data.fill_(value)
        average.step()
    with average.used(): mean = line.weight.item()
    assert values.min() - 1e-5 <= mean <= values.max() + 1e-5 and line.weight.item() == values[-1].item()

@given(st.integers(1, 60), st.integers(1, 5), seeds)
def test_patient(epochs, steps, seed):
    "It ends by itself, turns once, and holds no rate above the highest"
    with seeded(): line = torch.nn.Linear(1, 1)
    losses, turned, rates = normal(seed, epochs), 0, []
    optimizer = torch.optim.Adam(line.parameters(), .5)
    patient = Patient(line, optimizer, epochs, steps)
    for epoch in range(epochs):
        for _ in range(steps):
            patient.step()
            rates.append(optimizer.param_groups[0]["lr"])
        turned += patient.turns(float(losses[epoch]))
        if patient.done: break
    assert patient.done and turned == 1 and 0 <= min(rates) and max(rates) <= .5 and epoch + 1 <= epochs

def test_train_together():
    "To rounding what `train` gives to each"
    data, nets, alone = table_of(), [], []
    for seed in range(3):
        with seeded(stream(seed)): nets.append(mlp([2, 4, 1]))
    alone = copy.deepcopy(nets)
    histories = train_together(nets, lambda net, x, y: (net(x) - y).square().mean(), data, epochs=3, batch=8, generators=[stream("order", i) for i in range(3)], progress=False)
    for i, net in enumerate(alone):
        history = train(net, lambda x, y: (net(x) - y).square().mean(), data, epochs=3, batch=8, generator=stream("order", i), progress=False)
        assert np.allclose(history["valid"], histories[i]["valid"], rtol=1e-3) and all(torch.allclose(a, b, atol=1e-4) for a, b in zip(net.parameters(), nets[i].parameters()))


# ---- tasks ----

CHEAP = [get_task(name) for name in list_tasks()] + [get_task("robotic_arm", angles="cumulative"), get_task("ballistics", landing="grid")]

@pytest.mark.parametrize("task", CHEAP, ids=lambda task: task.name)
def test_tasks(task):
    for seed in range(3):
        for dtype in (torch.float32, torch.float64):
            y = rowwise(task.simulate, inside(seed, 5, task.bounds, dtype), (len(task.y_names) or len(task.y_axis[1]),), shuffle(seed, 5), tol=2e-6)
        assert equal(task.prior(6, stream(seed)), task.prior(6, stream(seed))) and task.prior(6, stream(seed)).shape == (6, task.dx)
        assert equal(task.targets(3, seed), task.targets(3, seed)) and task.targets(3, seed).shape == (3, y.shape[1]) and task.targets(3, seed).isfinite().all()
        data = task.sample(20, seed)
        assert equal(data.x, task.sample(20, seed).x) and not equal(data.x, task.sample(20, seed + 1).x) and equal(data.bounds.to(task.bounds), task.bounds)
        assert torch.allclose(task.simulate(data.x), data.y, atol=1e-5)
        assert not (data.y[:, None] == task.targets(20, seed)).all(2).any()                                            # no target is a row of the table
    with pytest.raises(ValueError, match="^x: expected"): task.simulate(torch.zeros(3, task.dx + 1))

@given(sizes_, st.integers(1, 4), st.integers(1, 4), seeds)
def test_own_task(n, dx, dy, seed):
    "A user's simulator that writes into what it is given, and fails now and then"
    def simulate(x):
        x *= 2
        y = x.sum(1, keepdim=True).repeat(1, dy)
        return torch.where(x[:, :1] > 1.9, torch.nan, y)
    task = Task("mine", simulate, torch.tensor([[0.]*dx, [1.]*dx]))
    y = rowwise(task.simulate, inside(seed, n, task.bounds), (dy,), shuffle(seed, n))
    assert task.targets(n, seed).isfinite().all()
    some = lambda: reachable("mine", task.simulate, task.prior, n, stream(seed))
    assert some().shape == (n, dy) and some().isfinite().all() and equal(some(), some())
    with pytest.raises(ValueError, match="fewer than"): reachable("mine", lambda x: x*math.nan, task.prior, n, stream(seed))
    for wrong in (dict(simulate=3), dict(name="two words"), dict(name=1), dict(prior=3), dict(bounds=torch.zeros(2, dx)), dict(x_names=("a",)*(dx + 1))):
        with pytest.raises(ValueError, match="expected"): Task(**{**dict(name="mine", simulate=simulate, bounds=torch.tensor([[0.]*dx, [1.]*dx])), **wrong})
    check_parts("word", dict(simulate=simulate, prior=None)); check_parts("word", dict(simulate=None, measure=simulate))
    with pytest.raises(ValueError, match="measure alone"): unknown(torch.zeros(1, dx), "mine")
    with pytest.raises(ValueError, match="prior: expected a function"): check_parts("word", dict(simulate=simulate, prior=1))

@given(st.integers(6, 30), st.integers(1, 3), seeds)
def test_parts_of_a_task(n, dx, seed):
    bounds = torch.stack([normal(seed, dx), normal(seed, dx) + 1])
    x = pure(lambda bounds: uniform_prior(n, stream(seed), bounds), bounds)
    assert x.shape == (n, dx) and ((x >= bounds[0]) & (x <= bounds[1])).all()
    prior = lambda n, generator: uniform_prior(n, generator, bounds)
    assert equal(checked_prior(n, stream(seed), prior, dx), x)
    space = Space(bounds.sort(0).values)
    assert as_prior(prior, space) is prior and equal(as_prior(None, space)(n, stream(seed)), uniform_prior(n, stream(seed), space.bounds.float()))
    even = torch.distributions.Uniform(*space.bounds)
    assert as_prior(even, space)(n, stream(seed)).shape == (n, dx) and equal(as_prior(even, space)(n, stream(seed)), drawn(n, stream(seed), even))
    loud = lambda x, generator: x + torch.randn(x.shape, generator=generator)
    facts = dict(name="mine", dx=dx)
    assert equal(checked_measure(x, stream(seed), lambda x: 2*x, False, **facts), 2*x) and equal(checked_measure(x, stream(seed), loud, True, **facts), loud(x, stream(seed)))
    for wrong in (lambda n, generator: x[1:], lambda n, generator: torch.cat([x, x], 1), lambda n, generator: x*math.nan):
        with pytest.raises(ValueError, match="^prior: expected"): checked_prior(n, stream(seed), wrong, dx)
    y, order, valid = x.sum(1, keepdim=True), shuffle(seed, n), torch.zeros(n, dtype=torch.bool)
    ran, failed = order[:5], order[5:]
    y[failed], valid[ran[0]] = math.nan, True
    data = pure(lambda *given: vars(rows_that_ran("mine", *given)), x, y, bounds, valid)
    kept_ = ran.sort().values
    assert equal((data["x"], data["y"], data["valid"], data["bounds"]), (x[kept_], y[kept_], valid[kept_], bounds))
    with pytest.raises(ValueError, match="at least 5 designs that run, got 4"): rows_that_ran("mine", x[order[1:]], y[order[1:]], bounds, valid[order[1:]])
    assert column_names("x_names", (), dx) == tuple(f"x{i+1}" for i in range(dx)) and column_names("x_names", ["a"]*dx, dx) == ("a",)*dx
    for wrong in ("a"*dx, ("a",)*(dx + 1), (1,)*dx):
        with pytest.raises(ValueError, match="^x_names: expected"): column_names("x_names", wrong, dx)

@given(st.integers(1, 5), seeds, kinds)
def test_arm_and_sine(n, seed, dtype):
    x, order = normal(seed, n, 4, dtype=dtype), shuffle(seed, n)
    for angles in ("ardizzone", "cumulative"):
        joints = rowwise(lambda x: arm_joints(x, angles), x, (4, 2), order)
        assert equal(arm_hand(x, angles), joints[:, -1])
        lengths = joints.diff(dim=1).norm(dim=2)
        assert torch.allclose(lengths, torch.tensor(link_lengths, dtype=dtype).expand(n, 3), atol=1e-5) and equal(joints[:, 0, 1], x[:, 0])
    rowwise(sine_height, x[:, :2], (1,), order)
    assert torch.allclose(sine_height(x[:, :2] + torch.tensor([2/3, -2/3])), sine_height(x[:, :2]), atol=1e-3)          # a period
    drawn = arm_prior(2000, stream(seed))
    assert torch.allclose(drawn.std(0), torch.tensor(arm_spread), rtol=.1) and ((arm_box[0] < arm_paper_box[0]) & (arm_box[1] > arm_paper_box[1])).all()
    assert robotic_arm().dx == 4 and sine_wave().dx == 2 and equal(robotic_arm().bounds, arm_box)

@given(st.integers(1, 5), seeds, kinds)
def test_ballistics(n, seed, dtype):
    x, order = inside(seed, n, ballistics_box, dtype), shuffle(seed, n)
    t = rowwise(landing_time, x, (), order, promoted=torch.float64)
    where = flight(x, t[:, None])[:, 0]
    ok = t.isfinite()
    assert (where[ok, 1].abs() < 1e-6).all() and torch.allclose(rowwise(land_exact, x, (1,), order)[ok, 0].double(), where[ok, 0], atol=1e-4)
    grid = rowwise(land_grid, x, (1,), order)[:, 0]
    both = ok & grid.isfinite()
    assert ((grid - where[:, 0].to(dtype))[both].abs() <= 15*2.2*6/1499 + 1e-4).all()                                    # at most one step of the table before
    place, height, across, up = pure(launch, x)
    assert torch.allclose((across**2 + up**2).sqrt(), 15*x[:, 3].double().abs(), atol=1e-9) and equal(place, x[:, 0].double()) and equal(height, x[:, 1].double())
    assert torch.allclose(flight(x, torch.zeros(n, 1).double())[:, 0], x[:, :2].double(), atol=1e-9)                     # at the start
    assert torch.allclose(flight(x, torch.full((n, 1), 1e3).double())[:, 0, 0], place + across*relaxation_time, atol=1e-6) and fall_speed > 0
    drawn = ballistics_prior(500, stream(seed))
    assert (drawn[:, 1] >= 0).all() and ((drawn >= ballistics_box[0]) & (drawn <= ballistics_box[1])).float().mean() > .9 and (ballistics_paper_box[0] >= ballistics_box[0] - 1e-3).all() and (ballistics_paper_box[1] <= ballistics_box[1] + 1e-3).all()
    assert ballistics("grid").name == "ballistics_grid"

@given(st.integers(1, 4), seeds, kinds)
def test_stack(n, seed, dtype):
    x = 2*uniform(seed, n, 5, dtype=dtype) - 1
    a = rowwise(stack_absorptance, x, (256,), shuffle(seed, n))
    assert ((a > 0) & (a < 1)).all() and torch.allclose(stack_thickness(x), 27.5 + 22.5*x.double()) and stack_wavelengths.shape == (256,)
    wave = stack_wavelengths
    films = [film[:, None] for film in stack_thickness(x).T]
    n_list = [stack_indices["glass"], *[stack_indices["nitride"]]*5, stack_indices["air"]]                                # nothing absorbs
    R, T = pure(multilayer, n_list, films, wave)
    assert torch.allclose(R + T, torch.ones_like(R)) and R.shape == (n, 256)
    back = multilayer(n_list[::-1], films[::-1], wave)[1]
    assert torch.allclose(back, T)                                                                                       # as much passes from the other side
    whole, halves = multilayer([1., 2., 1.], [80.], wave), multilayer([1., 2., 2., 1.], [30., 50.], wave)
    assert all(torch.allclose(a, b) for a, b in zip(whole, halves)) and graphene_nm == .35 and stack().dx == 5
    failed = stack_absorptance(torch.full((1, 5), -3.))
    assert failed.isnan().all()

@given(st.integers(1, 3), seeds, kinds)
def test_shell(n, seed, dtype):
    x = 2*uniform(seed, n, 8, dtype=dtype) - 1
    assert (rowwise(shell_scattering, x, (201,), shuffle(seed, n)) > 0).all() and shell().dx == 8
    wave, layers = shell_wavelengths, shell_thickness(x)
    assert torch.allclose(layers, 50 + 20*x.double()) and len(shell_indices(wave)) == 9
    radius = layers.cumsum(1)
    share = pure(scattered_share, radius, shell_indices(wave), wave, 6)
    assert share.shape == (2, 6, n, 201) and ((share >= 0) & (share <= 1)).all()
    assert (scattering_efficiency(radius, [1.77**.5]*9, wave, 6).abs() < 1e-20).all()                                    # water in water is not seen
    assert torch.allclose(scattering_efficiency(radius*2, shell_indices(wave)[:-1] + [1.33], wave*2, 6)[:, :0], torch.zeros(n, 0).double())
    index = [1.5, 1.33]
    assert torch.allclose(scattering_efficiency(radius[:, -1:]*2, index, wave*2, 8), scattering_efficiency(radius[:, -1:], index, wave, 8), rtol=1e-7)      # only the ratio to the wavelength counts
    rho = 20*uniform(seed, 7).double() + .05
    psi, dpsi, chi, dchi = pure(riccati_bessel, rho, 5)
    assert psi.shape == (5, 7) and torch.allclose(dpsi*chi - psi*dchi, torch.ones(5, 7).double(), rtol=1e-6) or torch.allclose(dpsi*chi - psi*dchi, -torch.ones(5, 7).double(), rtol=1e-6)      # the Wronskian

@given(st.integers(1, 4), seeds, kinds)
def test_metamaterial_networks(n, seed, dtype):
    x, order = inside(seed, n, metamaterial_box, dtype), shuffle(seed, n)
    y = rowwise(ensemble, x, (300,), order)
    assert ((y > 0) & (y < 1)).all() and len(metamaterial_networks(dtype, torch.device("cpu"))) == 5
    shift = torch.tensor([1, 0, 3, 2])
    assert torch.allclose(ensemble(torch.cat([x[:, :4][:, shift], x[:, 4:][:, shift]], 1)), y, atol=1e-5)                # the lattice begins anywhere
    f = normal(seed, n, 4, 3, dtype=dtype)
    assert torch.allclose(characters(pure(characters, f)), f, atol=1e-5)
    with seeded(stream(seed)): net = ShiftNet((2, 5, 5), (5, 7)).to(dtype).eval()
    with torch.no_grad(): rowwise(net, x, (7,), order)
    heights, radii = pure(sizes, x)
    assert torch.allclose(heights, 41 + 11*x[:, :4]) and torch.allclose(radii, 47 + 5*x[:, 4:])

def cell(seed, n=1): return 30 + 25*uniform(seed, n, 4).double(), 40 + 12*uniform(seed + 1, n, 4).double()

def test_full_wave():
    "Two harmonics a side: power is kept where nothing absorbs, a batch is a loop, numberings do not matter"
    freq = frequencies[::60]
    for seed in range(3):
        heights, radii = cell(seed, 2)
        lossless = scatter(heights[0], radii[0], freq, order=2, permittivity=11.7)
        assert isinstance(lossless, Scattered) and torch.allclose(lossless.transmitted + lossless.reflected, torch.ones(5).double(), atol=1e-8)
        lossy = scatter(heights[0], radii[0], freq, order=2)
        assert (lossy.transmitted + lossy.reflected < 1).all() and (silicon(freq).imag > 0).all()
        t = pure(transmission, heights, radii, freq, 2)
        assert equal(permittivities(freq, silicon), silicon(freq)) and equal(scatter(heights[0], radii[0], freq, 2).direct, maxwell(heights[:1], radii[:1], freq, silicon(freq), 2, lattice_period).direct)
        value, slope = pure(slopes, heights[0], radii[0], freq, silicon(freq), 2, lattice_period)
        assert torch.allclose(value, t[0], atol=1e-3) and slope.shape == (len(freq), 8)                              # heights that are alike are set apart there
        assert (parted(heights[0]).sort().values.diff() > .99e-4).all() and (parted(heights[0]) - heights[0]).abs().max() < 4.1e-4
        learning = heights[:1].clone().requires_grad_()
        assert learns(learning) and not learns(heights) and not learns(3)
        back, = torch.autograd.grad(transmission(learning, radii[:1], freq, 2).sum(), learning)
        assert torch.allclose(back[0], slope[:, :4].sum(0))
        assert torch.allclose(t[0], lossy.direct.abs()**2) and torch.allclose(transmission(heights[1:], radii[1:], freq, 2), t[1:])
        for shift in ([1, 0, 3, 2], [2, 3, 0, 1]): assert torch.allclose(transmission(heights[:, shift], radii[:, shift], freq, 2), t, atol=1e-8)
        power, error = spectrum(heights[:1], radii[:1], frequencies[:30], solve=12, order=1)
        assert power.shape == (1, 30) and error.shape == (1,) and torch.allclose(power, transmission(heights[:1], radii[:1], frequencies[:30], 1), atol=max(1e-4, 20*float(error)))
        for wrong in ((-heights, radii), (heights, radii*3), (heights[:, :3], radii), (heights[:1], radii)):
            with pytest.raises(ValueError, match="^(heights|radii): expected"): as_cells(*wrong, lattice_period)
    assert full_wave(torch.full((2, 8), -9.)).isnan().all() and as_cells(heights, radii, lattice_period)[0].dtype == torch.float64

@pytest.mark.parametrize("order", [1, 2, 3])
def test_pieces_of_the_full_wave_solver(order):
    w, count = waves(order), dict(c=order + 1, s=order)
    for kind in "cs":
        assert torch.allclose(w[kind] @ w[kind].T / len(w["u"]), torch.eye(count[kind]).double(), atol=1e-12)            # unit mean square, orthogonal
        one = products(order, kind, kind) @ torch.ones(len(w["u"])).double()
        assert torch.allclose(one.view(count[kind], count[kind]), torch.eye(count[kind]).double(), atol=1e-12)
        coefficients = torch.zeros(2*order + 1).double(); coefficients[0] = 1
        assert torch.allclose(cosine_products(order, kind) @ coefficients, one, atol=1e-12)
        constant = multiplication(torch.full((512, 512), 2.5).double(), products(order, kind, kind), products(order, kind, kind), (count[kind],)*2)
        assert torch.allclose(constant, 2.5*torch.eye(count[kind]**2, dtype=torch.complex128), atol=1e-10)
    assert len(sites) == 4 and 299 < speed_of_light < 300
    radii = torch.tensor([40., 42, 45, 50]).double()
    shape = disks(radii[None], [0, 1, 2, 3], lattice_period, order)
    assert math.isclose(shape[0, 0, 0], float((math.pi*radii**2).sum()/lattice_period**2), rel_tol=1e-12) and torch.allclose(shape, sum(disks(radii[None], [j], lattice_period, order) for j in range(4)))
    for matrix in filling(shape, order).values():
        values = torch.linalg.eigvalsh(matrix)
        assert torch.allclose(matrix, matrix.mH) and values.min() > -.2 and values.max() < 1.2                     # between 0 and 1, but for few harmonics
    xx, xy, yy = normals(order)
    assert torch.allclose(torch.diagonal(xx).real.max(), torch.diagonal(xx).real.max()) and xx.shape == ((order + 1)**2,)*2 and xy.shape == ((order + 1)**2, order**2) and yy.shape == (order**2,)*2
    divergence, curl = derivatives(order)
    assert torch.allclose(divergence @ curl.T, torch.zeros(len(divergence), len(curl), dtype=torch.complex128), atol=1e-12)                 # a curl has no sources
    k0 = (2*math.pi/speed_of_light*frequencies[:2])[:, None, None].to(torch.complex128)
    air = free_space(k0, order, lattice_period)
    through = cascade([], air)
    assert torch.allclose(through.direct, torch.ones(2, dtype=torch.complex128)) and torch.allclose(through.transmitted.real.double(), torch.ones(2).double()) and (through.reflected.abs() < 1e-12).all()
    empty = {kind: 0*matrix for kind, matrix in filling(shape[0], order).items()}
    slab = faces(*layer(empty, torch.full((2, 1, 1), 5 + 0j, dtype=torch.complex128), order, lattice_period), 12., k0)
    assert torch.allclose(cascade([slab], air).direct, torch.exp(1j*k0[:, 0, 0]*12), atol=1e-8)                          # a layer of nothing: only a phase
    A = torch.tensor([[[.3, .1], [.1, -.2]]], dtype=torch.complex128)
    values, vectors = torch.linalg.eigh(A[0])
    root = values.to(torch.complex128).sqrt()
    assert torch.allclose(tangent(A, 1.7)[0], vectors @ torch.diag((root*1.7).tan()/root) @ vectors.conj().T, atol=1e-10)


# ---- methods ----

SHORT = dict(epochs=2, hidden=(8, 8), bins=3, blocks=1, components=3, population=16, generations=2, transforms=1, bank=30, proposals=40)
ALL = list_methods()
ONE_BY_ONE = ["closed_loop", "direct_search", "genetic_search", "neural_adjoint", "ranked_search", "tandem"]     # what a target gets does not depend on the others
simulate = lambda x: torch.stack([x.sum(1).sin(), x[:, 0]*x[:, 2]], 1)
box = torch.tensor([[0., 5, -1], [1, 15, 1]])

@pytest.fixture(scope="module")
def fitted_methods():
    "Every method, hardly trained"
    data, found = Data(x := inside(0, 60, box), simulate(x), box), {}
    for name in ALL:
        method = get_method(name)
        for field, value in SHORT.items():
            if hasattr(method, field): setattr(method, field, value)
        if hasattr(method, "surrogate"): method.surrogate = Network(hidden=(8, 8), epochs=2)
        if name == "neural_adjoint_paper": method.solver.steps, method.n_starts = 3, 8
        before = kept([data.x, data.y, data.bounds, data.valid])
        assert fitted(method.fit(data, seed=1, progress=False)) is method and equal([data.x, data.y, data.bounds, data.valid], before), name
        found[name] = method
    return found

@pytest.mark.parametrize("name", ALL)
def test_proposals(name, fitted_methods):
    method = fitted_methods[name]
    for seed in range(3):
        n, targets = 1 + 3*seed, simulate(inside(seed + 5, 4, box))
        x = pure(method.propose, targets, n, seed)
        assert x.shape == (4, n, 3) and x.dtype == torch.float32 and x.isfinite().all() and not x.requires_grad
        assert ((x >= box[0]) & (x <= box[1])).all() or name == "neural_adjoint_paper"
        for same in (targets.double().numpy(), targets.tolist(), pd.DataFrame(targets.numpy())): assert equal(method.propose(same, n, seed), x)
        if name in ONE_BY_ONE:
            order = shuffle(seed, 4)
            assert torch.allclose(method.propose(targets[order], n, seed), x[order], atol=1e-4) and torch.allclose(torch.cat([method.propose(row[None], n, seed) for row in targets]), x, atol=1e-4)
    drawn = [method.propose(targets, 6, seed) for seed in (1, 2)]
    assert not equal(*drawn) or name in ("tandem", "neural_adjoint", "closed_loop", "direct_search", "sequential")                    # those have nothing random in them

@pytest.mark.parametrize("name", ALL)
def test_search(name, fitted_methods):
    method, targets, calls = fitted_methods[name], simulate(inside(9, 3, box)), []
    def counted(x):
        calls.append(len(x))
        return simulate(x)
    found = method.search(counted, targets, 5, seed=3)
    assert found.x.shape == (3, 5, 3) and found.y.shape == (3, 5, 2) and found.error.shape == (3, 5) and found.error.dtype == torch.float64 and sum(calls) <= 15
    assert not torch.allclose(method.misfit.unit, torch.ones(2).double())           # columns have their own spread
    assert torch.allclose(simulate(found.x.flatten(0, 1)).view(3, 5, 2).to(found.y), found.y, atol=1e-4) and equal(found.error, resimulation_error(found.y, targets[:, None].to(found.y), method.misfit))
    best = found.best()
    assert best.shape == (3, 3) and all(torch.equal(best[i], found.x[i, found.error[i].argmin()]) for i in range(3))
    if type(method).rounds is Method.rounds: assert equal(found.x, method.propose(targets, 5, seed=3))
    again = method.search(simulate, targets, 5, seed=3)
    assert equal(again.x, found.x) and isinstance(again, Search)

@pytest.mark.parametrize("name", ALL)
def test_fit_is_deterministic(name, fitted_methods):
    method = fitted_methods[name]
    if hasattr(method, "surrogate"): method = replace(method, surrogate=replace(method.surrogate))
    again = copy.deepcopy(method).fit(Data(x := inside(0, 60, box), simulate(x), box), seed=1, progress=False)
    assert equal(dict(again.net.state_dict()), dict(fitted_methods[name].net.state_dict())) and equal(again.seen, fitted_methods[name].seen)

PARTS = dict(surrogate=[Surrogate, Network, GaussianProcess], process=[GaussianProcess], network=[Network], solver=[LevenbergMarquardt, AdamSearch])

@given(st.data())
def test_settings_there_and_back(data):
    "Every method and part with settings of every kind, through JSON"
    known = known_classes()
    some = [1, 7, 500, 2.5e-6, .5, 1e3, True, False, "gelu", "relu", "data", "sum", "mean", None, (), (16,), (1, 2, 3), ((0., 1.), (2., 3.))]
    def setting(cls, f):
        hint, (least, most) = get_type_hints(cls).get(f.name, object), LIMITS.get(f.name, (-2**53, 2**53))
        possible = [value for value in some if fits(value, hint) and not (type(value) is int and not least <= value <= most)]
        return data.draw(st.sampled_from(possible)) if possible else getattr(cls(), f.name)
    def make(cls): return cls(**{f.name: make(data.draw(st.sampled_from(PARTS[f.name]))) if f.name in PARTS else setting(cls, f) for f in fields(cls) if f.init})
    value = make(known[data.draw(st.sampled_from(sorted(name for name in known if known[name].__module__.startswith("invnb."))))])
    config = pure(to_config, value)
    again = from_config(json.loads(json.dumps(config)), known)
    assert type(again) is type(value) and to_config(again) == config and all(getattr(again, f.name) == getattr(value, f.name) for f in fields(value) if f.init and not is_dataclass(getattr(value, f.name)))
    with pytest.raises(ValueError, match="config.json: expected one of"): from_config({**config, "class": "object"}, known)
    with pytest.raises(ValueError, match="has no field what"): from_config({**config, "what": 1}, known)
    assert {c for base in (Method, Part) for c in subclasses(base)} >= {RandomSearch, RankedSearch, GeneticSearch, DirectSearch, NeuralAdjoint, ClosedLoop, Tandem, MDN, CVAE, INN, CINN, FlowMatching, Generative, SurrogateMethod, LevenbergMarquardt}
    assert {Surrogate, Network, GaussianProcess} <= set(subclasses(AnySurrogate))

json_values = st.recursive(st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), st.text(max_size=5)), lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=4), inner, max_size=3)), max_leaves=8)

@given(st.dictionaries(st.text(max_size=5).filter(lambda k: k not in ("checksum", "format")), json_values, max_size=4))
def test_sealed(tmp_path_factory, facts):
    path = tmp_path_factory.getbasetemp()/"sealed.json"
    write_sealed(path, dict(facts, format=saved_format))
    assert pure(read_sealed, path, saved_format) == dict(facts, format=saved_format)
    assert pure(seal, facts) == seal(dict(reversed(facts.items())))                                                    # the order of keys means nothing
    assert len(digest(path.read_bytes())) == 32 and digest(b"a") != digest(b"b")

@given(st.integers(1, 5), st.integers(1, 4), sizes_, seeds, kinds)
def test_till(targets, dx, budget, seed, dtype):
    "Whatever the order of the calls: what a target bought stands in its row, in order, and nobody buys more than the budget"
    wanted, r = normal(seed, targets, 2, dtype=dtype), random.Random(seed)
    till, mine = Till(lambda x: x.sum(1, keepdim=True)*torch.tensor([1., 2.], dtype=x.dtype), wanted, budget), [[] for _ in range(targets)]
    while any(len(m) < budget for m in mine):
        payers = [i for i in range(targets) for _ in range(r.randint(0, budget - len(mine[i])))]
        r.shuffle(payers)
        if not payers: continue
        x = normal(r.random(), len(payers), dx, dtype=dtype)
        y = pure(lambda x: till.simulate(x), x)
        assert equal(till(x, torch.tensor(payers)), y)
        for row, i in zip(x, payers): mine[i].append(row)
    found = till.receipt()
    assert equal(found.x, torch.stack([torch.stack(m) for m in mine])) and equal(found.error, resimulation_error(found.y, wanted[:, None])) and (till.spent == budget).all()
    with pytest.raises(ValueError, match="^budget: expected at most"): till(found.x[:1, 0], torch.tensor([0]))

@given(st.integers(1, 4), st.integers(1, 5), st.integers(1, 3), seeds)
def test_resimulation_error(N, T, dy, seed):
    y, targets = normal(seed, N, T, dy), normal(seed + 1, N, 1, dy)
    error = pure(resimulation_error, y, targets)
    assert error.dtype == torch.float64 and torch.allclose(error, ((y - targets).double()**2).mean(-1), rtol=1e-5)
    y[0, 0, 0] = torch.nan
    assert resimulation_error(y, targets)[0, 0] == math.inf and (resimulation_error(targets, targets) == 0).all()
    misfit = Misfit(uniform(seed, dy).double() + .1, torch.zeros(dy, dtype=torch.bool))
    assert equal(resimulation_error(y, targets, misfit), misfit.error(y, targets)) and torch.allclose(Search(y, y, targets[:, 0], misfit).error, misfit.error(y, targets))
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        seen = torch.tensor([[0.]*dy, [1.]*dy])
        warn_beyond(Wish.exactly(uniform(seed, 4, dy)), seen)
        assert not said
        warn_beyond(Wish.exactly(torch.cat([uniform(seed, 4, dy), torch.full((1, dy), 1.2)])), seen)
    assert len(said) == 1 and "1 of 5" in str(said[0].message) and "row 4" in str(said[0].message)

def test_names_of_methods():
    assert set(ALL) >= {"neural_adjoint", "neural_adjoint_paper", "random_search"} and isinstance(neural_adjoint_paper(), NeuralAdjoint) and isinstance(neural_adjoint_paper().solver, AdamSearch)
    with pytest.raises(ValueError, match="method: expected one of"): get_method("magic")
    with pytest.raises(ValueError, match="task: expected one of"): get_task("magic")

def test_saved_and_loaded(fitted_methods, tmp_path):
    method = fitted_methods["neural_adjoint"]
    method.save(tmp_path)
    assert equal(dict(load_method(tmp_path).net.state_dict()), dict(method.net.state_dict())) and to_config(load_method(tmp_path)) == to_config(method)


# ---- misfits ----

@st.composite
def measured(draw, rows=30):
    "A table of measurements in whatever units: columns of any size, and one over twelve decades"
    dy, seed = draw(st.integers(2, 4)), draw(seeds)
    y = normal(seed, rows, dy).double()*10.**torch.randint(-9, 10, (dy,), generator=stream(seed)).double() + normal(seed + 1, dy).double()
    return torch.cat([y, 10**(12*uniform(seed, rows, 1).double() - 6)], 1)

def misfit_of(y, **options): return Misfit.of(Data(uniform(0, len(y), 2).double(), y, **options))

@given(measured(), seeds)
def test_misfit(y, seed):
    "Units and zeros do not matter, it is symmetric, distances on its scale are misfits, and its slope is its derivative"
    misfit, order, dy = misfit_of(y), shuffle(seed, y.shape[1]), y.shape[1]
    a, b = y[:8], y[8:16]
    assert equal(misfit.log, pure(spans_decades, y)) and bool(misfit.log[-1]) and not misfit.log[:-1].any()
    found = rowwise(lambda y: misfit(y, b[:1].expand_as(y)), a, (dy,), shuffle(seed, 8), tol=1e-9)
    assert equal(pure(misfit, a, b), -misfit(b, a)) and (misfit(a, a) == 0).all() and torch.allclose(misfit(a, b[:1]), found)
    factor = 10.**torch.randint(-9, 10, (dy,), generator=stream(seed, "unit")).double()
    shift = torch.cat([normal(seed, dy - 1).double()*y.std(0)[:-1], torch.zeros(1).double()])     # a logarithm has its zero
    other = misfit_of(factor*(y + shift))
    assert torch.allclose(other(factor*(a + shift), factor*(b + shift)), misfit(a, b), rtol=1e-6, atol=1e-6)
    assert torch.allclose(misfit_of(y[:, order])(a[:, order], b[:, order]), misfit(a, b)[:, order])
    assert torch.allclose(misfit.scaled(b) - misfit.scaled(a), misfit(a, b), rtol=1e-6, atol=1e-6)
    moved = a.clone().requires_grad_()
    slope, = torch.autograd.grad(-misfit(moved, b).sum(), moved)
    assert torch.allclose(pure(misfit.slope, a), slope, rtol=1e-9)
    assert torch.allclose(pure(misfit.error, a, b), misfit(a, b).square().mean(1)) and misfit.error(torch.full_like(a, math.nan), b).tolist() == [math.inf]*8
    same, moved_there = misfit_of(y, same_unit=True), misfit.to(a)
    assert equal(same(a, b), b - a) and equal(misfit_of(y[:, :1])(a[:, :1], b[:, :1]), (b - a)[:, :1]) and equal(moved_there(a, b), misfit(a, b))
    assert misfit(a.float(), b.float()).dtype == torch.float32 and TINY > 0


# ---- kernels ----

@given(st.integers(3, 9), st.integers(1, 3), st.sampled_from(sorted(KERNELS)), seeds)
def test_kernels(n, d, name, seed):
    "Alike is symmetric, positive and at most one; leaving one out is leaving one out; the likelihood is that of a normal distribution"
    a, b, t = 3*normal(seed, n, d).double(), 3*normal(seed + 1, n + 1, d).double(), normal(seed + 2, n, 2).double()
    square = pure(squared_distances, a, b)
    assert torch.allclose(square, (a[:, None] - b).square().sum(2), atol=1e-9) and KERNELS[name] in (rbf, matern, rough)
    k, weight = pure(KERNELS[name], square)
    assert ((k >= 0) & (k <= 1)).all() and torch.allclose(KERNELS[name](squared_distances(b, a))[0], k.T)
    K = KERNELS[name](squared_distances(a, a))[0] + .1*torch.eye(n).double()
    assert (torch.linalg.eigvalsh(K) > .09).all()
    moved = a.clone().requires_grad_()
    slope, = torch.autograd.grad(KERNELS[name](squared_distances(moved, b))[0].sum(), moved)
    assert torch.allclose(slope, -(weight[..., None]*(a[:, None] - b)).sum(1), atol=1e-6)
    wrong, left = pure(leave_one_out, torch.linalg.cholesky(K), t)
    for i in range(n):
        rest = torch.arange(n) != i
        told = torch.linalg.solve(K[rest][:, rest], K[rest, i])
        assert torch.allclose(t[i] - wrong[i], told @ t[rest]) and torch.allclose(left[i], K[i, i] - told @ K[rest, i])
    settings, ones = torch.cat([normal(seed, d).double(), torch.tensor([math.log(.1)]).double()]), torch.ones(n).double()
    assert math.isclose(rounding(a), n*2.**-52)
    s = a/settings[:-1].exp()
    K = KERNELS[name](squared_distances(s, s))[0] + (.1 + rounding(a))*torch.eye(n).double()
    variance = torch.stack([part @ torch.linalg.solve(K, part)/n for part in t.T])
    want = -sum(torch.distributions.MultivariateNormal(torch.zeros(n).double(), v*K).log_prob(part) for v, part in zip(variance, t.T))/(2*n) - (1 + math.log(2*math.pi))/2
    assert torch.allclose(pure(unlikelihood, settings, a, t, name, ones), want) and torch.allclose(pure(surprise, K, t), want)
    assert math.isclose(left_out_error(settings.numpy(), a, t, name, ones), float(leave_one_out(torch.linalg.cholesky(K), t)[0].square().mean()), rel_tol=1e-6)

@given(st.integers(4, 9), st.integers(1, 2), seeds)
def test_climbs(n, d, seed):
    "A climb ends no lower than it began, and the best of several is no worse than any"
    z, t, ones = normal(seed, n, d).double(), normal(seed + 1, n, 1).double(), torch.ones(n).double()
    likely = lambda settings: float(unlikelihood(torch.tensor(settings), z, t, "rbf", ones) + unusual(torch.tensor(settings), n))
    start = np.r_[np.zeros(d), math.log(1e-2)]
    value, top = pure(climb, start, z, t, "rbf", ones)
    best = pure(best_settings, z, t, "rbf", ones)
    assert value <= likely(start) + 1e-9 and math.isclose(value, likely(top), abs_tol=1e-9) and best.shape == (d + 1,) and likely(best) <= likely(start) + 1e-9

@given(st.integers(4, 9), st.integers(1, 2), st.sampled_from(sorted(KERNELS)), seeds)
def test_layers(n, d, name, seed):
    "The sum of two kernels is one, in the same units; a climb ends where the rows are no less likely than where it began"
    z, t, ones = normal(seed, n, d).double(), normal(seed + 1, n, 1).double(), torch.ones(n).double()
    settings = torch.cat([normal(seed + 2, 2*d + 1), torch.tensor([-3.])]).double()
    lengths, finer, w, noise = pure(layers, settings)
    assert lengths.shape == finer.shape == (d,) and 0 < w < 1 and math.isclose(noise, math.exp(-3), rel_tol=1e-6)
    K = pure(in_layers, z/lengths, z/lengths, finer, w, KERNELS[name])
    each = [KERNELS[name](squared_distances(z/length, z/length))[0] for length in (lengths, lengths*finer)]
    assert torch.allclose(K, (1 - w)*each[0] + w*each[1], atol=1e-6) and torch.allclose(K, K.T) and (torch.linalg.eigvalsh(K) > -1e-9).all() and torch.allclose(K.diagonal(), ones, atol=1e-6)
    found = climb_layers(np.r_[np.zeros(d), math.log(1e-2)], z, t, name, ones, steps=5)
    assert found.shape == (2*d + 2,) and np.isfinite(found).all()
    value, place = descend(lambda s: (s - 2).square().sum(), np.zeros(d), [(-1., 1.)]*d, 20)
    assert np.allclose(place, 1) and math.isclose(value, d)

@given(st.integers(2, 30), st.integers(1, 3), seeds)
def test_ranks(n, dx, seed):
    "They rise with the column, whatever unit it has, and are level beyond it"
    z = torch.randint(9, (n, dx), generator=stream(seed)).double()
    z[:2] = torch.tensor([[0.], [9.]]).double()                       # two places in each column
    places, heights = pure(rank_knots, z, 16)
    assert places.shape == heights.shape == (dx, 16) and (places.diff(dim=1) > 0).all() and (heights.diff(dim=1) >= 0).all()
    rank, slope = pure(interpolate, z, places, heights)
    by_hand = torch.stack([torch.stack([((column < v).double() + (column <= v).double()).mean()/2 for v in column]) for column in z.T], 1)
    assert torch.allclose(rank, (by_hand - .5)*12**.5) and (slope >= 0).all()
    assert torch.allclose(interpolate(z*1e6, *rank_knots(z*1e6, 16))[0], rank) and (interpolate(z + 99, places, heights)[1] == 0).all()
    between = (z + .37).clamp_max(8.9).requires_grad_()
    value, slope = interpolate(between, places, heights)
    assert torch.allclose(torch.autograd.grad(value.sum(), between)[0], slope.detach())


# ---- surrogates and the neural adjoint ----

def three_columns(rows=40): return table_of(rows, dx=3, dy=2)

@pytest.fixture(scope="module")
def surrogate(): return Network(hidden=(6,), epochs=3, ensemble=2).fit(three_columns(), seed=1, progress=False)

KINDS = {       # every kind of surrogate, and what it is exact to
    "network": lambda: Network(hidden=(6,), epochs=3, ensemble=2), "one network": lambda: Network(hidden=(6,), epochs=3),
    "rbf": lambda: GaussianProcess("rbf", ranks=False), "matern": lambda: GaussianProcess("matern", ranks=False), "ranks": lambda: GaussianProcess("rbf", ranks=True),
    "many rows": lambda: GaussianProcess(few=20, rows=25, first=15), "layers": lambda: GaussianProcess("matern", ranks=True, layers=True),
    "several": lambda: Surrogate(several=4, noisy=0.), "several and a network": lambda: Surrogate(network=Network(hidden=(6,), epochs=3), small=4, enough=0., several=4, noisy=0., whole=20, process=GaussianProcess(few=20)),
    "chosen": lambda: Surrogate(), "both": lambda: Surrogate(network=Network(hidden=(6,), epochs=3), small=4, enough=0.), "many calls": lambda: Surrogate(network=Network(hidden=(6,), epochs=3), calls=10**12)}

@pytest.fixture(scope="module", params=KINDS)
def any_surrogate(request):
    plain = three_columns()
    data = Data(plain.x, torch.cat([plain.y[:, :1], 10**(8*plain.x[:, 1:2])], 1))                # the second column is learned by its logarithm
    before = kept([data.x, data.y, data.bounds, data.valid])
    made = KINDS[request.param]().fit(data, seed=1, progress=False)
    assert equal([data.x, data.y, data.bounds, data.valid], before)
    if request.param == "both": made.net.weight.fill_(.5)             # whichever of the three came out best
    return made

@given(st.integers(1, 6), seeds)
def test_any_surrogate(any_surrogate, n, seed):
    "The contract: values, variances and intervals row by row, the variance not negative, wider for a larger share, with the expected value in the middle"
    x, order = uniform(seed, n, 3), shuffle(seed, n)
    double = any_surrogate.net.error.dtype
    y = rowwise(any_surrogate, x, (2,), order, promoted=double)
    assert equal(y, any_surrogate(x.double())) and isinstance(any_surrogate.net, SurrogateNet) and isinstance(any_surrogate, AnySurrogate)
    variance = rowwise(any_surrogate.variance, x, (2,), order, promoted=double)
    assert (variance >= 0).all() and torch.allclose(any_surrogate.net.variance(check_designs(any_surrogate, x))*any_surrogate.net.y_scale.std**2, variance)
    lower, upper = pure(any_surrogate.interval, x)
    wide = any_surrogate.interval(x, .99)
    assert lower.shape == (n, 2) and (lower <= upper).all() and (wide[0] <= lower).all() and (upper <= wide[1]).all()
    scale = any_surrogate.net.y_scale                                 # the second column is learned by its logarithm: in the middle there
    low, middle, high = scale(lower), scale(y), scale(upper)
    assert torch.allclose((low + high)/2, middle, atol=1e-4) and torch.allclose(((high - low)/2/1.6448536*scale.std)**2, variance, rtol=1e-2, atol=1e-9) and scale.log.tolist() == [False, True]
    noise = any_surrogate.net.noise_variance()
    assert noise.shape == (2,) and (noise >= 0).all() and any_surrogate.error >= 0 and any_surrogate.net.r2.shape == (2,) and (any_surrogate.net.r2 <= 1).all()
    with pytest.raises(ValueError, match="^x: expected"): any_surrogate(x[:, :2])
    with pytest.raises(ValueError, match="^x: expected"): any_surrogate.variance(x[:, :2])

@given(st.integers(1, 5), seeds)
def test_jacobians_of_surrogates(any_surrogate, n, seed):
    "The formulas are what automatic differentiation finds"
    net = copy.deepcopy(any_surrogate.net).double()
    x = uniform(seed, n, 3).double()
    y, J = pure(lambda x: value_and_jacobian(net, x), x)
    want = torch.stack([torch.autograd.functional.jacobian(lambda row: net(row[None])[0], row) for row in x])
    assert J.shape == (n, 2, 3) and torch.allclose(J, want, atol=1e-6*float(1 + want.abs().max())) and torch.allclose(y, net(x), atol=1e-9)
    assert torch.allclose(differentiate(net, x)[1], want, atol=1e-8*float(1 + want.abs().max()))

def test_surrogates_saved_and_loaded(any_surrogate, tmp_path):
    "Values, variances, intervals, Jacobians and misfits, bit for bit"
    any_surrogate.save(tmp_path)
    again, x = type(any_surrogate).load(tmp_path), uniform(3, 9, 3)
    for ask in (lambda s: s(x), lambda s: s.variance(x), lambda s: s.interval(x), lambda s: s.net.value_and_jacobian(check_designs(s, x)), lambda s: (s.error, s.net.r2, s.net.noise_variance()), lambda s: s.misfit(s(x), s(x).flip(0)), lambda s: getattr(s, "why", "")):
        assert equal(ask(again), ask(any_surrogate))

@pytest.mark.parametrize("kind", ["network", "rbf", "chosen"])
def test_units_of_a_table_do_not_matter(kind):
    "Columns multiplied and shifted: the same measurements, variances and intervals in their new units"
    data, x = three_columns(), uniform(5, 9, 3).double()
    data = Data(data.x.double(), torch.stack([data.x.sum(1).sin(), data.x.prod(1) + .5], 1).double())
    a, b = torch.tensor([1e9, 1., 1e-6]).double(), torch.tensor([0., 1e3, -1e-6]).double()
    c, d = torch.tensor([1e-9, 1e4]).double(), torch.tensor([0., -5.]).double()
    one, other = (KINDS[kind]().fit(Data(x_, y_), progress=False) for x_, y_ in ((data.x, data.y), (data.x*a + b, data.y*c + d)))
    tol = 1e-4 if kind == "network" else 2e-3                          # a climb to the lengths ends where rounding lets it
    assert torch.allclose((other(x*a + b) - d)/c, one(x), atol=tol) and math.isclose(one.error, other.error, rel_tol=.3)
    assert torch.allclose(other.variance(x*a + b)/c**2, one.variance(x), rtol=.3, atol=1e-9)

# ---- noise, and what is said of candidates ----

@given(st.integers(2, 6), st.integers(1, 4), st.integers(1, 3), seeds)
def test_repetitions(n, times, dy, seed):
    "Each design once, with mean and count; the order of rows does not matter; the deviation grows with the noise and is NaN without repetitions"
    x = uniform(seed, n, 2).double().repeat(times, 1)
    y, order = 1 + uniform(seed + 1, n*times, dy).double(), shuffle(seed, n*times)
    found = pure(repetitions, x, y)
    assert isinstance(found, Repeated) and found.x.shape == (n, 2) and found.freedom == n*(times - 1) and (found.times == times).all()
    place = (found.x[:, None] == x[None, :n]).all(2).double().argmax(1)
    assert torch.allclose(found.y, y.view(times, n, dy).mean(0)[place])
    again = repetitions(x[order], y[order])
    back = (again.x[:, None] == found.x[None]).all(2).double().argmax(1)
    assert torch.allclose(again.y, found.y[back])
    if times == 1: assert found.deviation.isnan().all()
    else:
        assert (found.deviation >= 0).all() and torch.allclose(again.deviation, found.deviation[back], rtol=1e-6)
        assert torch.allclose(repetitions(x, 3*y).deviation, 3*found.deviation, rtol=1e-6)

@given(st.integers(1, 4), st.integers(1, 3), seeds)
def test_true_error(n, dy, seed):
    "Between its ends; exact without noise; its ends part as the noise grows; a column shifted with its target changes nothing"
    y, wanted, deviation = (uniform(seed + i, n, dy).double() for i in range(3))
    found = pure(true_error, y, wanted[0], deviation + .01)
    assert isinstance(found, TrueError) and all(part.shape == (n,) for part in found) and (0 <= found.lower).all() and (found.lower <= found.upper).all()
    assert (found.expected >= (y - wanted[0]).square().mean(1)).all()
    wider = true_error(y, wanted[0], deviation + .01, share=.99)
    assert (wider.lower <= found.lower).all() and (found.upper <= wider.upper).all()
    assert all(torch.allclose(a, b) for a, b in zip(true_error(y + 5, wanted[0] + 5, deviation + .01), found))
    assert all(torch.allclose(part, (y - wanted).square().mean(1)) for part in true_error(y, wanted, 0*deviation))
    with pytest.raises(ValueError, match="^deviation"): true_error(y, wanted, -1 - deviation)

@functools.lru_cache
def measured_again():
    "Twelve settings, four times, with noise; a process; and what made them"
    x = uniform(1, 12, 2).double()
    f = torch.stack([2 + x.sum(1).sin(), 1 + x.prod(1)], 1)
    rows = x.repeat(4, 1)
    y = f.repeat(4, 1) * (1 + .05*torch.randn(48, 2, generator=stream("again"), dtype=torch.float64))
    return repetitions(rows, y), GaussianProcess("rbf", False).fit(Data(rows, y), progress=False)

@given(seeds)
def test_together(seed):
    "The order of settings does not matter; surer than the repetitions alone; without noise the means are believed"
    table, process = measured_again()
    mean, deviation = pure(together, table, process)
    assert mean.shape == deviation.shape == table.y.shape and (deviation > 0).all() and (deviation <= 1.01*table.deviation/2).all()
    order = shuffle(seed, len(table.x))
    mixed = Repeated(*[part[order] for part in table[:4]], table.freedom)
    assert all(torch.allclose(a, b[order], atol=1e-6) for a, b in zip(together(mixed, process), (mean, deviation)))
    sure = together(table._replace(deviation=1e-6*table.deviation), process)[0]
    assert (sure - table.y).abs().max() < (mean - table.y).abs().max() + 1e-9
    with pytest.raises(ValueError, match="^table"): together(table._replace(deviation=torch.nan*table.deviation), process)

def test_refitted():
    "Errors of rows whose lengths were chosen without them; a factor on measurements changes no share"
    x = uniform(3, 30, 2).double()
    t = torch.stack([(3*x[:, 0]).sin(), x.prod(1)], 1)
    start, ones, fold = np.array([0., 0., -8.]), torch.ones(30).double(), torch.arange(30) % 10
    wrong, expected = pure(refitted, start, x, t, "rbf", ones, fold)
    assert wrong.shape == expected.shape == t.shape and (expected > 0).all()
    share = nine_tenths(wrong, expected)
    assert share.shape == (2,) and (share > 0).all() and torch.allclose(nine_tenths(*refitted(start, x, 8*t, "rbf", ones, fold)), share, rtol=1e-3)
    process = GaussianProcess("rbf", False).fit(Data(x, t), progress=False)
    none = replace(process, refits=0).fit(Data(x, t), progress=False)
    assert equal(process(x), none(x)) and process.error == none.error and (process.net.doubt > 0).all()      # doubt alone is changed
    more = none.confidence(share, t, torch.zeros(3), ones, 0)
    assert equal(more, torch.ones_like(share))

@given(st.integers(1, 4), st.integers(1, 3), seeds)
def test_what_is_said_of_candidates(any_surrogate, N, n, seed):
    "Expected errors hold the doubt; intervals grow with it; designs that miss more have less chance; more designs leave no more unmet"
    data = three_columns()
    data = Data(data.x, torch.cat([data.y[:, :1], 10**(8*data.x[:, 1:2])], 1))
    x, targets = uniform(seed, N, n, 3), data.y[shuffle(seed, len(data))[:N]]
    z, doubt = pure(expectation, any_surrogate, x.flatten(0, 1))
    error = pure(predicted_error, any_surrogate, x, targets)
    assert z.shape == doubt.shape == (N*n, 2) and (doubt >= 0).all() and error.shape == (N, n) and (error >= doubt.mean(1).view(N, n) - 1e-12).all()
    low, high = nine_of_ten(any_surrogate.misfit, z, doubt)
    wide = nine_of_ten(any_surrogate.misfit, z, 4*doubt)
    assert (low <= high).all() and (wide[0] <= low).all() and (high <= wide[1]).all()
    reach = pure(within_reach, any_surrogate, data, x, targets)
    fewer = within_reach(any_surrogate, data, x[:, :1], targets)
    assert reach.shape == (N,) and ((0 <= reach) & (reach <= 1)).all() and (fewer <= reach*(1 + 1e-4) + 1e-6).all()      # rounding differs with the size of a batch
    assert wrong_rows(any_surrogate, data).shape == (int(any_surrogate.judged.rows.sum()), 2) and 0 < independent(any_surrogate, data) <= 2.001

@given(st.integers(1, 6), st.integers(1, 5), st.floats(.05, 1), st.floats(1, 5), seeds)
def test_chance_met(n, dy, within, apart, seed):
    "A probability, no smaller where more will do or less is asked; for a plain target that of chance_within"
    from invnb.wish import Wish
    z, low, doubt = (uniform(seed + k, n, dy).double() for k in range(3))
    apart, wide = min(apart, dy), uniform(seed + 3, n, dy).double()
    met = lambda wish: pure(chance_met, wish, z, doubt + 1e-6, 1., within, apart)
    chance = met(Wish(low, low + wide))
    assert ((0 <= chance) & (chance <= 1)).all() and (chance <= met(Wish(low - 1, low + wide + 1)) + 1e-9).all()
    assert (chance <= met(Wish(low, torch.full_like(low, torch.inf))) + 1e-9).all()
    plain = chance_within((low - z).square().mean(1), (doubt + 1e-6).mean(1), within, apart)
    assert torch.allclose(met(Wish.exactly(low)), plain)

@given(st.integers(1, 6), st.floats(.05, 1), st.floats(.5, 20), seeds)
def test_chance_within(n, within, apart, seed):
    "A probability, which falls as the misfit grows and rises with what will do"
    misfit, doubt = uniform(seed, n).double().square(), uniform(seed + 1, n).double().square() + 1e-6
    chance = pure(chance_within, misfit, doubt, within, apart)
    assert ((0 <= chance) & (chance <= 1)).all() and (chance <= chance_within(misfit, doubt, 2*within, apart) + 1e-9).all()
    near, far = chance_within(0*misfit, doubt, within, apart), chance_within(misfit + 100*within**2, 1e-3*doubt, within, apart)
    assert (near >= chance - .1).all() and (far < .05).all()
    wanted = uniform(seed, n, 2).double()
    usual = uniform(seed + 2, 9, 2).double()
    share = pure(share_unmet, misfit, wanted, usual)
    assert (share >= 0).all() and torch.allclose(share_unmet(4*misfit, 2*wanted, 2*usual), share)      # units do not matter

@given(st.integers(1, 4), seeds)
def test_rows_of_a_table(n, seed):
    "Each design once; the nearest row has the least expected error; a measured design is known, another is not"
    table, process = measured_again()
    data = Data(table.x.repeat(4, 1), table.y.repeat(4, 1))
    rows = known_rows(data, process)
    assert isinstance(rows, Rows) and len(rows.x) == 12 and (rows.count == 4).all()
    index, error = pure(rows.nearest, rows.z[:n])
    assert index.tolist() == list(range(n)) and (error >= 0).all() and torch.allclose(rows.doubt(index).mean(1), error)
    x = torch.cat([rows.x[:n], rows.x[:n] + 2])
    z, doubt = torch.zeros(2, 2*n, 2).double()
    assert rows.known(x, z, doubt).tolist() == [True]*n + [False]*n and equal(z[:n], rows.z[:n]) and not z[n:].any()
    wide, wanted = 10**(9*uniform(seed, 40, 2)).double().numpy(), pd.DataFrame([[1., -1.]], columns=["a", "b"]).rename_axis("line")
    with pytest.raises(ValueError, match="column 'b'"): check_logarithms(wide, wanted, "w.csv")
    check_logarithms(wide, wanted.abs(), "w.csv")

def place_of(net, x):
    "Where each design is among the rows of a process"
    return torch.cdist(net.features(x)[0], net.rows).argmin(1)

@given(st.integers(5, 20), seeds)
def test_process_meets_its_rows(rows, seed):
    "Without noise it goes through them, and is sure of them; equal designs count once, by their mean"
    x = uniform(seed, rows, 2).double()
    y = torch.stack([x.sum(1).sin(), x[:, 0]], 1)
    process = GaussianProcess("rbf", ranks=False).fit(Data(x, y), progress=False)
    net = process.net
    left = net.y_scale(y) - net.y_scale(process(x))                   # what noise, and rounding, let it miss
    assert isinstance(net, ProcessNet) and torch.allclose(left, (net.noise + rounding(x))*net.weights[place_of(net, x)], atol=1e-6 + 1e-14*float(net.weights.abs().max()))
    assert (net.shape(x) <= net.size*(2*net.noise + 1e-6)).all() and (net.shape(x + 99) >= .99*net.size).all()
    twice, place = torch.cat([x, x]), torch.arange(rows).repeat(2)
    alone, mean, count, group = pure(once, twice, torch.cat([y, y + 2]))
    assert equal((alone, group), (x, place)) and torch.allclose(mean, y + 1) and (count == 2).all()
    both = GaussianProcess("rbf", ranks=False).fit(Data(twice, torch.cat([y, y])), progress=False)
    assert both.sizes["rows"] == rows and torch.allclose(both(x), process(x), atol=.05)      # twice the rows: half the noise

@given(st.integers(2, 12), st.integers(1, 20), seeds)
def test_components(n, dy, seed):
    "Orthonormal, and they carry what there is"
    t = normal(seed, n, min(3, dy)).double() @ normal(seed + 1, min(3, dy), dy).double()
    basis = pure(components, t)
    assert torch.allclose(basis @ basis.T, torch.eye(len(basis)).double(), atol=1e-9) and torch.allclose(t @ basis.T @ basis, t, atol=1e-4*float(1 + t.abs().max()))
    assert len(basis) == dy if dy <= 8 else len(basis) <= 3

def test_fill():
    "The weights solve the system of which it returns the factor"
    data = three_columns()
    process = GaussianProcess("matern", ranks=False).fit(data, progress=False)
    t, basis, net = process.net.y_scale(data.y.double()), torch.eye(2).double(), copy.deepcopy(process.net)
    L = fill(net, data.x.double(), t, basis, (net.places, net.heights), torch.cat([net.lengths, net.noise[None]]).log(), torch.ones(40).double())
    assert torch.allclose(L @ L.T @ net.weights, t, atol=1e-6) and torch.allclose(net.rows, process.net.features(data.x.double())[0])

def test_what_is_both(any_surrogate):
    "The mean of both at a weight of a half"
    net, x = any_surrogate.net, uniform(2, 5, 3).double()
    if isinstance(net, SharesNet):
        answers = torch.stack([part(x) for part in net.asked()])
        assert any_surrogate.why.startswith("several (") and torch.allclose(net.mean(answers), net(x))
        assert (net.shares >= 0).all() and math.isclose(net.shares.sum(), 1, rel_tol=1e-9) and (net.apart(answers) >= 0).all() and (net.apart(answers[:1].expand_as(answers)) < 1e-12).all()
        assert (net.shape(x) > 0).all() and not isinstance(net.process, LayersNet)
    elif isinstance(net, BothNet):
        assert torch.allclose(torch.stack([part(x) for part in net.asked()]).mean(0), net(x)) and any_surrogate.why.split()[0] in ("process", "network", "both")
        assert len(net.asked()) == 1 + (float(net.weight) == .5)

@given(st.integers(1, 5), st.integers(3, 20), seeds)
def test_shares(members, n, seed):
    "None below zero, together one, and the mean errs no more than any of them alone"
    expected, y = normal(seed, members, n).double(), normal(seed + 1, n).double()
    shares = pure(best_shares, expected, y)
    wrong = lambda found: float((found - y).square().mean())
    assert (shares >= 0).all() and math.isclose(shares.sum(), 1, rel_tol=1e-9) and wrong(shares @ expected) <= min(map(wrong, expected)) + 1e-6

def test_several_joined():
    "Two processes with given shares are asked with these; learned, all rows judge them, and none of them alone errs much less"
    x = uniform(3, 40, 2).double()
    data = Data(x, torch.stack([(3*x[:, 0]).round(), x.prod(1)], 1))
    made, parts = Surrogate().fit(data, progress=False), [GaussianProcess(kernel, ranks=False, few=50).fit(data, progress=False) for kernel in ("rbf", "rough")]
    shares, each = torch.tensor([.25, .75]).double(), torch.stack([part.judged.expected for part in parts])
    judged = join_several(made, data, parts, None, shares, Judged(parts[0].judged.rows, each, parts[0].judged.shape))
    assert torch.allclose(made.net(x), .25*parts[0].net(x) + .75*parts[1].net(x)) and torch.allclose(judged.expected, .25*each[0] + .75*each[1]) and (judged.shape > 0).all()
    judged = learn_several(made, data, 1, False)
    assert isinstance(made.net, SharesNet) and made.why.startswith("several (") and judged.rows.all() and len(made.sizes["others"]) + 1 == len(made.net.shares)
    wrong = lambda expected: float(made.misfit.error(expected, data.y).mean())
    assert wrong(judged.expected) < 1.2*min(map(wrong, each))

def test_noise_of_several():
    "Designs that were measured again say what the noise is, in units of the table; where there are none, processes do"
    x = uniform(3, 30, 2).double()
    truth, noise = x.sum(1, keepdim=True).sin(), .1*normal(4, 240, 1).double()
    twice = Data(torch.cat([x]*8), torch.cat([truth]*8) + noise)
    made = Surrogate(several=4, noisy=0.).fit(twice, progress=False)
    net = made.net
    assert isinstance(net, SharesNet) and equal(net.noise_variance(), measured_noise(net, twice)) and .03 < math.sqrt(net.noise_variance()*net.y_scale.std**2) < .12
    once_each = Data(x, truth)
    assert equal(measured_noise(net, once_each), torch.stack([part.noise_variance() for part in net.asked() if isinstance(part, ProcessNet)]).amin(0))
    designs, quiet = uniform(5, 3, 4, 2).double(), torch.tensor(0.).double()
    doubt = pure(local_doubt, net, designs, made.misfit, quiet)
    variance = made.variance(designs.flatten(0, 1)).mean(1).view(3, 4)/made.misfit.unit**2
    assert torch.allclose(doubt, variance - net.error) and torch.allclose(local_doubt(net, designs, made.misfit, torch.tensor(1e9)), quiet)

@given(st.integers(1, 40), st.integers(1, 3), seeds)
def test_doubt(n, dy, seed):
    "Nine of ten errors lie within 1.645 deviations, in any unit of the shape"
    wrong, shape = normal(seed, n, dy).double(), uniform(seed, n, dy).double() + .1
    doubt = pure(doubt_of, wrong, shape)
    assert doubt.shape == (dy,) and ((wrong.square() <= 1.645**2*doubt*shape*(1 + 1e-9)).double().mean(0) >= min(.9, 1 - 1/n)).all()
    assert torch.allclose(doubt_of(wrong, 7*shape), doubt/7) and torch.allclose(doubt_of(3*wrong, shape), 9*doubt)

def test_before_and_after_a_training(surrogate):
    data = three_columns()
    a, b, c = (new_net(copy.copy(surrogate), data, seed) for seed in (1, 1, 2))
    assert isinstance(a, EnsembleNet) and equal(dict(a.state_dict()), dict(b.state_dict())) and not equal(dict(a.state_dict()), dict(c.state_dict()))
    assert torch.allclose(a.x_scale(data.train[0]).mean(0), torch.zeros(3), atol=1e-5) and torch.allclose(a.y_scale(data.train[1]).std(0), torch.ones(2), atol=1e-5)
    own = copy.copy(surrogate)
    own.net = a
    own.judged = trained(own, data)
    assert isinstance(own.judged, Judged) and equal((own.judged.rows, own.judged.expected), (data.valid, a(data.held[0]))) and not a.training
    calibrate(own, data)
    wrong, around = a.y_scale(a(data.held[0])) - a.y_scale(data.held[1]), a.y_scale(data.held[1])
    assert math.isclose(own.error, float(own.misfit.error(a(data.held[0]), data.held[1]).mean()), rel_tol=1e-6)
    assert torch.allclose(a.r2, 1 - wrong.square().mean(0)/around.square().mean(0), atol=1e-4)

def test_several_seeds(surrogate):
    data = three_columns()
    for one, seed in zip(fit_seeds(surrogate, data, [1, 2], progress=False), (1, 2)):
        alone = Network(hidden=(6,), epochs=3, ensemble=2).fit(data, seed, progress=False)
        assert torch.allclose(one(data.x), alone(data.x), atol=1e-3) and math.isclose(one.error, alone.error, rel_tol=1e-2)
    with pytest.raises(ValueError, match="one_cycle"): fit_seeds(replace(surrogate, schedule="plateau"), data, [1])
    with pytest.raises(RuntimeError, match="not fitted"): fitted(Surrogate())

@given(st.integers(1, 5), st.integers(1, 4), seeds)
def test_boundary_loss(n, dx, seed):
    bounds = normal(seed, 2, dx).sort(0).values
    x = 3*normal(seed + 1, n, dx)
    brute = torch.maximum(torch.maximum(bounds[0] - x, x - bounds[1]), torch.zeros(()))
    assert torch.allclose(pure(boundary_loss, x, bounds), brute, atol=1e-5)
    starts = pure(lambda bounds: uniform_starts((n, 4), bounds, stream(seed)), bounds)
    assert starts.shape == (n, 4, dx) and (boundary_loss(starts, bounds) <= 1e-6).all()
    trusted = pure(trusted_box, torch.cat([x, x + 1]), bounds, 100.)
    assert torch.allclose(trusted, bounds)
    narrow = trusted_box(starts[0], bounds, .5)
    assert (narrow[0] >= bounds[0] - 1e-6).all() and (narrow[1] <= bounds[1] + 1e-6).all()

@given(st.integers(1, 4), st.integers(1, 5), st.integers(1, 5), seeds)
def test_value_and_jacobian(n, dx, dy, seed):
    with seeded(stream(seed)): net = mlp([dx, 5, dy], "tanh").double()
    x = normal(seed, n, dx).double()
    y, J = pure(lambda x: value_and_jacobian(net, x), x)
    want = torch.stack([torch.autograd.functional.jacobian(lambda row: net(row[None])[0], row) for row in x])
    assert J.shape == (n, dy, dx) and torch.allclose(J, want, atol=1e-9) and torch.allclose(y, net(x).detach())
    r, damping = normal(seed + 1, n, dy).double(), uniform(seed, n).double() + .01
    step = pure(damped_step, J, r, damping)
    A = J.mT @ J + damping[:, None, None]*torch.eye(dx).double()
    assert torch.allclose(A @ pure(solve_all, A, J.mT), J.mT, atol=1e-7) and solve_all(torch.ones(n, 2, 2), torch.ones(n, 2, 1)).isfinite().all()
    stacked = torch.cat([J, damping.sqrt()[:, None, None]*torch.eye(dx).double()], 1)
    assert torch.allclose(step, torch.linalg.lstsq(stacked, torch.cat([r, torch.zeros(n, dx).double()], 1)[..., None]).solution[..., 0], atol=1e-7)
    at = 2*uniform(seed + 4, n, dx).double() - 1
    trial, free = pure(box_step, at, J, r, damping), at + step
    calm = (free.abs() <= 1).all(1)
    assert (trial.abs() <= 1).all() and torch.allclose(trial[calm], free[calm], atol=1e-9)
    inside_, way = Wish(r - .1, r + .1), normal(seed + 5, n, dx).double()
    held, room = held_in(inside_, r, J, way, 0*J, 0*r)
    leaves = (J @ way[..., None])[..., 0].abs() > .1                            # these count, up to the end of the interval
    assert equal(held, torch.where(leaves[..., None], J, 0*J)) and torch.allclose(room, torch.where(leaves, .1*(J @ way[..., None])[..., 0].sign(), 0.), atol=1e-9)
    e, u = normal(seed + 2, n, 4, dy).double(), normal(seed + 3, n, 4, dx).double()
    slope = pure(error_slope, u, e, u[:, 0], e[:, 0], torch.ones(n, 4, dtype=torch.bool), 1.)
    assert slope.shape == (n, dy, dx) and slope.isfinite().all() and torch.allclose(error_slope(u, e, u[:, 0], e[:, 0], torch.zeros(n, 4, dtype=torch.bool), 1.), torch.zeros(n, dy, dx).double())

@given(st.integers(1, 6), seeds)
def test_scaled(any_surrogate, n, seed):
    "Half widths there and back, and the Jacobian is the derivative of the call"
    bounds = torch.tensor([[0.]*3, [1.]*3]).to(any_surrogate.net.error)
    scaled = Scaled(any_surrogate.net, bounds, any_surrogate.misfit)
    u = (2*uniform(seed, n, 3) - 1).to(bounds)
    assert torch.allclose(pure(scaled.place, scaled.design(u)), u, atol=1e-5) and ((scaled.design(3*u) >= 0) & (scaled.design(3*u) <= 1)).all()
    assert torch.allclose(pure(scaled, u), scaled.measure(any_surrogate.net(scaled.design(u))))
    double = Scaled(copy.deepcopy(any_surrogate.net).double(), bounds.double(), any_surrogate.misfit)
    u = (u*.99).double()
    y, J = pure(double.value_and_jacobian, u)
    want = torch.stack([torch.autograd.functional.jacobian(lambda row: double(row[None])[0], row) for row in u])
    assert torch.allclose(y, double(u)) and torch.allclose(J, want, atol=1e-4*float(1 + want.abs().max()))

@given(st.integers(1, 3), st.integers(1, 5), seeds)
def test_solvers(any_surrogate, N, S, seed):
    "Levenberg and Marquardt stay in the box and never make a start worse; Adam moves each start by itself"
    net, misfit = any_surrogate.net, any_surrogate.misfit
    bounds, targets, starts = (t.to(net.error) for t in (torch.tensor([[0.]*3, [1.]*3]), normal(seed, N, 2), uniform(seed, N, S, 3)))
    missed = lambda x: misfit.error(net(x.flatten(0, 1)).view(N, S, 2), targets[:, None])
    x = pure(LevenbergMarquardt(), net, starts, targets, bounds, misfit)
    assert x.shape == starts.shape and ((x >= 0) & (x <= 1)).all() and (missed(x) <= missed(starts)*(1 + 1e-4) + 1e-5).all()
    kinks = getattr(any_surrogate, "ranks", False) or getattr(any_surrogate, "layers", False)      # at a kink rounding decides which way a search goes
    if not kinks: assert torch.allclose(torch.cat([missed(LevenbergMarquardt()(net, starts[i:i+1], targets[i:i+1], bounds, misfit).expand(N, -1, -1))[i:i+1] for i in range(N)]), missed(x), atol=1e-3)
    others = pure(spread_out, net, x, targets, bounds, misfit)
    assert others.shape == x.shape and ((others >= 0) & (others <= 1)).all()
    moved = pure(AdamSearch(steps=2), net, starts, targets, bounds, misfit)
    assert moved.shape == starts.shape and moved.isfinite().all() and not moved.requires_grad
    around = Scaled(net, torch.tensor([[-1.]*3, [1.]*3]).to(bounds), misfit)
    loop = Loop(around, 2*starts - 1, around.measure(Wish.exactly(targets)), 3, ClosedLoop())
    for _ in range(3):
        u = loop.choose()
        assert u.shape == (N, 3) and ((u >= -1) & (u <= 1)).all()
        loop.learn(u, around(u) + .1)

def apart_by_hand(u, misfit, apart, alike, n):
    "One target: the best; of the rest, those as good as it and the farthest of them first; then others by their misfit; then repetitions, best first"
    order = [min(range(len(u)), key=lambda j: misfit[j])]
    rank = sorted(range(len(u)), key=lambda j: misfit[j])
    while len(order) < n:
        left = [j for j in rank if j not in order]
        near = {j: min(float((u[j] - u[k]).abs().max()) for k in order) for j in left}
        new = [j for j in left if near[j] >= apart]
        good = [j for j in new if misfit[j] <= misfit.min() + alike]
        order.append(max(good, key=lambda j: near[j]) if good else (new or left)[0])
    return order

@given(st.integers(1, 3), st.integers(1, 6), st.integers(1, 3), seeds, st.floats(.05, 1.), st.one_of(st.just(0.), st.floats(.05, 2.)))
def test_rank_apart(N, S, dx, seed, apart, alike):
    u, misfit = uniform(seed, N, S, dx), uniform(seed + 1, N, S)
    order = pure(rank_apart, u, misfit, apart, alike)
    for i in range(N):
        for n in {1, S}: assert rank_apart(u, misfit, apart, alike, n)[i].tolist() == apart_by_hand(u[i], misfit[i], apart, alike, n)
    assert order.sort(1).values.tolist() == [list(range(S))]*N and equal(order[:, 0], misfit.argmin(1))
    again = rank_apart(torch.cat([u, u], 1), torch.cat([misfit, misfit], 1), apart, alike)
    assert ((again[:, :1] % S) == order[:, :1]).all()                                               # repetitions come last
    plain = Misfit(torch.ones(2).double(), torch.zeros(2, dtype=torch.bool))
    known, wanted = normal(seed, S, 2), normal(seed + 1, N, 2)
    near = pure(nearest_rows, known, wanted, S + 2, plain)
    assert near.shape == (N, S + 2) and torch.equal(near[:, :S], (wanted[:, None] - known).square().sum(2).argsort(1)) and equal(near[:, :2], near[:, S:])

class Bent(SurrogateNet):
    "A surrogate with a closed form: A x + c |x|^2, so that its mean and its scatter have one, too"
    def __init__(self, A, c, error):
        super().__init__(A.shape[1], len(A))
        self.A, self.c = A, c
        self.double(); self.error.fill_(error)
    def forward(self, x): return x @ self.A.T + self.c * x.square().sum(1, keepdim=True)

@given(st.integers(1, 3), st.integers(1, 4), st.integers(1, 3), st.integers(1, 3), seeds, st.sampled_from([0., .01, 10.]), st.booleans())
def test_designs_under_scatter(N, S, dx, dy, seed, error, bent):
    D = torch.float64
    net, x, wanted = Bent(normal(seed, dy, dx, dtype=D), .3*bent, error), uniform(seed, N, S, dx, dtype=D), normal(seed + 1, N, dy, dtype=D)
    deviation, unit = .2*uniform(seed + 2, dx, dtype=D), .5 + uniform(seed + 3, dy, dtype=D)
    misfit, box = Misfit(unit, torch.zeros(dy, dtype=torch.bool)), torch.tensor([[0.]*dx, [2.]*dx], dtype=D)
    for same in (deviation, deviation.numpy(), deviation.tolist(), pd.DataFrame(deviation.numpy()[None])):
        assert equal(pure(rob.as_tolerance, same, dx), deviation) and equal(pure(rob.as_row, "tolerance", same, dx), deviation)
    assert equal(pure(rob.as_rows, "x", x[0, 0]), x[0, :1]) and equal(rob.as_rows("x", x[0]), x[0])
    e = pure(rob.building_errors, dx, 8, seed)
    P, offsets = len(e), deviation * e
    assert P == max(8, 2*dx) and equal(e[:P//2], -e[P//2:]) and torch.allclose(e.T @ e / P, torch.eye(dx, dtype=D), atol=1e-9)
    flat = x.flatten(0, 1)
    assert equal(pure(rob.built, net, flat, offsets), (flat[:, None] + offsets).flatten(0, 1))
    # a batch is a loop, and what is expected is the mean over all that is built
    mean, variance = pure(rob.under_scatter, net, flat, offsets, misfit)
    expected = pure(rob.built_error, net, x, wanted, offsets, misfit)
    for i, j in itertools.product(range(N), range(S)):
        pieces = misfit(net(x[i, j] + offsets), wanted[i])
        assert abs(float(expected[i, j] - pieces.square().mean())) < 1e-9 * (1 + float(expected[i, j]))
        alone = rob.under_scatter(net, x[i, j][None], offsets, misfit)
        assert torch.allclose(alone[0][0], mean[i*S + j]) and torch.allclose(alone[1], variance[i*S + j])
        if not bent: assert torch.allclose(variance[i*S + j], ((net.A * deviation).square().sum(1) / unit**2).mean()) and torch.allclose(mean[i*S + j], misfit.scaled(net(x[i, j][None])[0]))
    near = pure(rob.nearest_built, mean, variance, wanted, len(flat) + 1, misfit)
    all_of_them = rob.built_error(net, flat.expand(N, -1, -1), wanted, offsets, misfit)
    assert equal(near[:, 0], near[:, -1]) and torch.allclose(all_of_them.gather(1, near[:, :-1]), all_of_them.sort(1).values, atol=1e-9)
    # the longer measurement has the same misfit, and answers shift it by what was wrong
    scattered = rob.Scattered(net, offsets)
    wish, same = scattered.repeated(wanted, misfit)
    y = scattered(x[:, 0])
    assert torch.allclose(same(y, wish).square().mean(1), expected[:, 0]) and equal(scattered.value_and_jacobian(x[:, 0])[0], y)
    assert torch.allclose(pure(scattered.measured, x[:, 0], net(x[:, 0]), misfit), y, atol=1e-9)
    assert torch.allclose(scattered.measured(x[:, 0], net(x[:, 0]) + unit, misfit), y + unit.repeat(P), atol=1e-9)
    # moving: nothing at home, more with the square of the distance and with the error, and no move makes it worse
    starts = uniform(seed + 4, N, S, dx, dtype=D)
    assert equal(pure(rob.half_widths, net, box), torch.ones(dx, dtype=D))
    price = pure(rob.moving_price, net, x, starts, box)
    assert torch.allclose(price, error * (x - starts).square().sum(2)) and not rob.moving_price(net, x, x, box).any()
    anchored = rob.Anchored(net, offsets, box, misfit)
    wish, same = anchored.anchored(starts, wanted, misfit)
    assert torch.allclose(same(anchored(flat), wish).square().sum(1) / (P*dy), (expected + price).flatten())
    moved = pure(rob.settled, LevenbergMarquardt(), net, starts, wanted, box, offsets, misfit)
    before, after = (rob.built_error(net, z, wanted, offsets, misfit) for z in (starts, moved))
    assert moved.shape == starts.shape and (moved >= 0).all() and (moved <= 2).all()
    assert (after + rob.moving_price(net, moved, starts, box) <= before + 1e-9*(1 + before)).all()
    # of what was simulated, that of which the least is expected; a failure is never chosen
    surrogate = types.SimpleNamespace(net=net, misfit=misfit, sizes=dict(dx=dx, dy=dy), columns={})
    best = pure(rob.best_built, surrogate, x, net(flat).view(N, S, dy), wanted, deviation)
    sure = rob.built_error(net, x, wanted, deviation * rob.building_errors(dx), misfit)
    assert torch.allclose((best[:, None] == x).all(2).double().mul(sure).sum(1), sure.amin(1))
    if S > 1:
        y = net(flat).view(N, S, dy).clone()
        y[:, 0] = torch.nan
        assert not (rob.best_built(surrogate, x, y, wanted, deviation) == x[:, 0]).all(1).any()
    # what one column moves, and what passes
    moves = pure(rob.sensitivity, surrogate, flat, deviation)
    assert moves.shape == (N*S, dx) and (bent or torch.allclose(moves, (net.A * deviation / unit[:, None]).square().mean(0).sqrt().expand(N*S, -1)))
    missed = pure(rob.production_errors, net, x[:, 0], wanted, deviation, 16, seed)
    passed = pure(rob.production_yield, net, x[:, 0], wanted, deviation, .5, 16, seed)
    assert missed.shape == (N, 16) and equal(passed, (missed <= .5).double().mean(1)) and equal(rob.production_errors(net, x[:1, 0], wanted[:1], deviation, 16, seed), missed[:1])
    assert torch.allclose(rob.production_errors(net, x[:, 0], wanted, [0.]*dx, 4), (net(x[:, 0]) - wanted).square().mean(1, keepdim=True).expand(-1, 4))

@given(st.integers(1, 4), seeds, st.booleans())
def test_robust_candidates(n, seed, from_rows):
    "Inside the box, the same for the same seed, and the first is expected to be no worse than the nominal first, but for the surrogate's error"
    method, wanted = NeuralAdjoint(made().surrogate).fit(made().data, progress=False), made().data.y[:3]
    method.starts, method.tolerance = "data" if from_rows else "uniform", [.1, 0., .05]
    x = robust_candidates(method, wanted, n, stream("robust", seed))
    assert x.shape == (3, n, 3) and equal(x, method.candidates(Wish.exactly(wanted), n, stream("robust", seed), None))
    low, high = method.net.bounds
    assert (x >= low).all() and (x <= high).all()
    nominal = method.nominal_candidates(Wish.exactly(wanted), n, stream("robust", seed))
    offsets = rob.as_tolerance(method.tolerance, 3) * rob.building_errors(3, 64, 1)
    first, other = (rob.built_error(method.net.surrogate, z[:, :1].to(x), wanted.to(x), offsets.to(x), method.misfit) for z in (x, nominal))
    assert (first <= 1.2*other + method.net.surrogate.error + 1e-6).all()

class Sums(torch.nn.Module):
    def forward(self, x): return torch.stack([x.sum(1), x[:, 0]], 1)

@given(st.integers(1, 3), st.integers(2, 20), st.integers(1, 3), seeds, st.sampled_from([0., .2, 2.]))
def test_what_makes_a_list(N, S, dx, seed, alike):
    x, misfit = uniform(seed, N, S, dx), uniform(seed + 1, N, S)
    bases = pure(best_bases, x, misfit, torch.tensor(alike), 7)
    for i in range(N):
        best = int(misfit[i].argmin())
        for j in range(min(S, 7)): assert equal(bases[i, j], x[i, j if misfit[i, j] <= misfit[i, best] + alike else best])
    known, wanted = normal(seed, N, S, 2), normal(seed + 2, N, 2)
    known[:, ::2] = torch.nan                                                                       # not measured
    row, measured = pure(nearest_known, x, known, wanted, Misfit(torch.ones(2).double(), torch.zeros(2, dtype=torch.bool)))
    for i in range(N):
        missed = [float((known[i, j] - wanted[i]).square().mean()) if j % 2 else math.inf for j in range(S)]
        assert equal(row[i, 0], x[i, missed.index(min(missed))]) and abs(float(measured[i]) - min(missed)) < 1e-5
    net = torch.nn.Module()
    net.surrogate = Sums()
    net.surrogate.register_buffer("error", torch.tensor(.3))
    for name, value in dict(bounds=torch.tensor([[0.]*dx, [2.]*dx]), bank=x[0], known=known[0]).items(): net.register_buffer(name, value)
    assert equal(pure(first_apart, x, misfit, S - 1, net, .1, alike), x.gather(1, rank_apart(x, misfit, .1, .3*alike, S - 1)[..., None].expand(-1, -1, dx)))
    expected = bank_measurements(net, x[0], known[0], 3).detach()
    assert equal(expected[1::2], known[0, 1::2]) and torch.allclose(expected[::2], net.surrogate(x[0, ::2]), atol=1e-6) and known[0, ::2].isnan().all()
    starts = other_starts("uniform", wanted, 5, net.bounds, stream(seed))
    assert equal(starts, uniform_starts((N, 5), net.bounds, stream(seed)))

@given(st.integers(2, 20), st.integers(1, 3), st.integers(1, 40), seeds)
def test_bank(rows, dx, size, seed):
    x, y = normal(seed, rows, dx), normal(seed + 1, rows, 2)
    bounds = torch.stack([x.amin(0), x.amax(0)])
    bank, known = pure(lambda x, y, bounds: make_bank(x, y, bounds, size, stream(seed)), x, y, bounds)
    assert bank.shape == (size, dx) and known.shape == (size, 2) and ((bank >= bounds[0]) & (bank <= bounds[1])).all()
    assert all(any(torch.equal(row, a) and torch.equal(value, b) for a, b in zip(x, y)) for row, value in zip(bank[:rows], known[:rows]))     # each with its measurement
    assert known[rows:].isnan().all() and (size < rows or equal(bank[:rows].sort(0).values, x.sort(0).values))
    narrow = torch.stack([bounds.mean(0), bounds[1]])
    moved, known = make_bank(x, y, narrow, size, stream(seed))
    assert ((moved >= narrow[0]) & (moved <= narrow[1])).all() and all(value.isnan().all() or any(torch.equal(row, a) for a in x) for row, value in zip(moved, known))    # moved into the box: not measured there
    data = table_of(rows=max(rows, 5), dx=3)
    with seeded(stream(seed)): net = mlp([3, 1])
    more = imagine(data, net, data.bounds, stream(seed))
    assert len(more) == 2*len(data) and equal(more.held[0], data.held[0]) and torch.allclose(net(more.x[len(data):]), more.y[len(data):])
    ask = lambda x: x[:, :1]*2
    found = pure(least_squares_search, ask, data.x[0], lambda y: .7 - y, torch.tensor([[0.]*3, [1.]*3]))
    assert torch.allclose(ask(found[None]), torch.tensor([[.7]]), atol=1e-3) and ((found >= 0) & (found <= 1)).all()

def test_a_measured_row_is_the_answer_where_the_surrogate_is_poor():
    "A list never begins with a design that is expected to be worse than a known row"
    x = uniform(1, 60, 2).double()
    y = (40*x).sin().prod(1, keepdim=True)                            # nothing that so few rows could teach
    method = NeuralAdjoint(Network(hidden=(4,), epochs=1)).fit(Data(x, y), progress=False)
    assert equal(method.propose(y[:20], 3)[:, 0], x[:20])


# ---- generative methods ----

@given(st.integers(2, 30), st.floats(.01, 10), seeds)
def test_grid_step(n, step, seed):
    places = torch.randint(3, (n*3,), generator=stream(seed))
    assume(places.min() == 0 and {0, 1} <= set(places.tolist()))
    assert math.isclose(pure(grid_step, places*step), step, rel_tol=1e-3)
    assert grid_step(normal(seed, n*3)) == 0. and grid_step(torch.ones(n)) == 0.

@given(st.integers(1, 40), st.integers(1, 9), seeds)
def test_some_columns(n, dy, seed):
    y = normal(seed, n, dy)
    kept = some_columns(y, stream(seed))
    assert kept.any(1).all()
    assert kept.shape == y.shape and kept.dtype == torch.bool and equal(kept, some_columns(y, stream(seed)))

@pytest.mark.parametrize("kind", (MDN, CVAE, FlowMatching, CINN))
def test_what_was_not_measured_does_not_count(kind):
    data = Data(normal(1, 300, 2), normal(2, 300, 3))
    method = kind(hidden=(8,), epochs=1, partial=True).fit(data, progress=False)
    y, other = torch.tensor([[.1, .2, .3]]), torch.tensor([[.1, 9., .3]])
    weight, hole = torch.tensor([[1., 0., 1.]]), torch.tensor([[.1, torch.nan, .3]])
    found = [method.propose(target, 5) for target in (Wish.exactly(y, weight), Wish.exactly(other, weight), hole)]
    assert equal(found[0], found[1]) and equal(found[0], found[2])
    assert not equal(found[0], method.propose(y, 5))
    draws = method.posterior(hole[0]).sample(5)
    for same in (hole.numpy(), hole[0].tolist(), pd.DataFrame(hole)): assert equal(draws, method.posterior(same).sample(5))
    known = kind(hidden=(8,), epochs=1).fit(data, progress=False)
    with pytest.raises(ValueError, match="y: expected finite numbers, got nan in column 1; with partial=True"): known.posterior(hole)

def test_what_does_not_count_may_be_anything():
    "-9999 stands for nothing in many tables, also where logarithms or angles are compared"
    x = uniform(1, 200, 2)
    data = Data(x, torch.stack([x[:, 0], 10**(6*x[:, 1]), x.sum(1)], 1))
    method = MDN(hidden=(8,), epochs=1, partial=True).fit(data, progress=False)
    assert method.misfit.log.tolist() == [False, True, False]
    for other in (-9999., 0., 1e30):
        wish = Wish.exactly([[.5, other, 1.]], [[1., 0., 1.]])
        assert counting(wish).tolist() == [[True, False, True]] and counting(Wish.exactly(data.y)).all()
        assert equal(method.propose(wish, 3), method.propose([[.5, math.nan, 1.]], 3))

BLOCKS = {"mixture": lambda f, c: GaussianMixture(f, c, 3, (4,)), "cvae": lambda f, c: CVAEBlock(f, c, 2, (4,)), "flow": lambda f, c: Flow(f, c, 1, (4,), 3), "velocity": lambda f, c: VelocityField(f, c, (4,), 3), "invertible": lambda f, c: InvertibleNet(f, c, 2, 1, 1, (4,), .05), "members": lambda f, c: Members([Flow(f, c, 1, (4,), 3) for _ in range(2)])}

@pytest.mark.parametrize("kind", BLOCKS)
@given(st.integers(1, 3), st.integers(1, 3), st.integers(1, 5), seeds)
def test_blocks(kind, features, context, n, seed):
    "What every block of a generative method promises: a scalar loss with a gradient, and a draw for each of the rows that are given"
    with seeded(stream(seed)): block = BLOCKS[kind](features, context)
    x, c = normal(seed, n, features), normal(seed + 1, n, context)
    loss = pure(lambda x, c: block.loss(x, c, stream(seed)).detach(), x, c)
    assert loss.shape == () and loss.isfinite()
    block.loss(x, c, stream(seed)).backward()
    assert all(p.grad is None or p.grad.isfinite().all() for p in block.parameters())
    rows = torch.arange(n).repeat(2)
    with torch.no_grad(): drawn = pure(lambda c: block.draw(c, rows, stream(seed)), c)
    assert drawn.shape == (2*n, features) and drawn.isfinite().all()
    if kind == "invertible":
        with torch.no_grad(): assert torch.allclose(block.back(block(x))[:, :features], x, atol=1e-3)
        assert torch.allclose(bidirectional_loss(block, x, c, stream(seed)), loss)
    if kind == "mixture":
        weights, centres, L = (part.detach() for part in block.parts(c))
        each = torch.distributions.MultivariateNormal(centres, precision_matrix=L.mT @ L + 1e-7*torch.eye(features)).log_prob(x[:, None])
        assert torch.allclose(block.log_prob(x, c).detach(), (weights + each).logsumexp(1), atol=1e-2, rtol=1e-2)
    if kind in ("mixture", "flow", "velocity", "members"):
        rowwise(lambda x: block.log_prob(x, c[:1].expand(len(x), -1)).detach(), x, (), shuffle(seed, n), tol=1e-4)
        slope, = torch.autograd.grad(block.log_prob(x.requires_grad_(), c).sum(), x)
        x.requires_grad_(False)
        assert slope.shape == x.shape and slope.isfinite().all()
    else: assert "density" not in block.no_density and block.no_density
    if kind == "velocity":
        with torch.no_grad(): both = velocity_and_divergence(block, x, .5, c, False)
        assert both.shape == (n, features + 1) and torch.allclose(both[:, :-1], block(x, torch.full((n, 1), .5), c).detach(), atol=1e-6)
    if kind == "velocity": assert rowwise(lambda x: block(x, torch.full((len(x), 1), .5), c[:1].expand(len(x), -1)).detach(), x, (features,), shuffle(seed, n)).isfinite().all()

@given(st.integers(2, 200), seeds)
def test_uneven_times(n, seed):
    t = uneven_times(n, stream(seed))
    assert t.shape == (n, 1) and ((0 <= t) & (t < 1)).all() and (t[n//2:] <= .999001).all() and equal(t, uneven_times(n, stream(seed)))

@given(st.integers(1, 30), seeds)
def test_runge_kutta(steps, seed):
    "The slope of a straight line, and of an exponential"
    times, x = pure(path_times, steps), normal(seed, 4, 2)
    assert times[0] == 0 and times[-1] == 1 and (times.diff() > 0).all() and (times.diff().diff() <= 1e-6).all()
    assert torch.allclose(runge_kutta(lambda x, t: torch.ones_like(x), x, times), x + 1, atol=1e-5)
    assert torch.allclose(runge_kutta(lambda x, t: x, x, times), x * math.e, rtol=.01/steps, atol=1e-5)
    assert torch.allclose(runge_kutta(lambda x, t: x, runge_kutta(lambda x, t: x, x, times), times.flip(0)), x, rtol=.02/steps, atol=1e-5)

@functools.cache
def drawing(counts):
    "A mixture that has learned next to nothing; where asked, its first column is of whole numbers"
    data = table_of(dx=3, dy=2, rows=80)
    x = torch.cat([(data.x[:, :1]*3).round(), data.x[:, 1:]], 1) if counts else data.x
    return MDN(components=2, hidden=(8,), epochs=3).fit(Data(x, data.y), progress=False)

@pytest.mark.parametrize("counts", [False, True])
@given(st.integers(1, 40), seeds)
def test_posterior(counts, n, seed):
    "Draws lie inside and have a density; outside there is none; the most likely design is no worse than its draws"
    method = drawing(counts)
    y = method.net.get_buffer("measured")[seed % 10]
    p = method.posterior(y)
    assert isinstance(p, Posterior) and equal(one_measurement(y, 2), p.y) and 0 < p.acceptance <= 1 and PART <= ROUND
    x = pure(p.sample, n, seed)
    assert x.shape == (n, 3) and p.inside(x).all() and on_grid(method.net, x).all()
    found = pure(p.log_prob, x)
    assert found.shape == (n,) and found.isfinite().all()
    with torch.no_grad(): plain = log_density(method.net, x, p.c)
    assert torch.allclose(found, plain - math.log(p.acceptance), atol=1e-4)
    assert (p.log_prob(x + 1e3) == -math.inf).all()
    with torch.no_grad(): wherever, inside = method.net.once(p.c, torch.zeros(n, dtype=torch.long), stream(seed))
    assert wherever.shape == (n, 3) and inside.shape == (n,)
    with torch.no_grad(): moved, inside = method.net.draw(y.expand(n, -1), stream(seed), 3)
    assert moved.shape == (n, 3) and ((moved >= method.net.bounds[0]) & (moved <= method.net.bounds[1])).all() and inside.shape == (n,)
    if counts:
        first, step, last = method.net.grid[:, 0]
        k = (first + step*torch.arange(int(last) + 1))[:, None].expand(-1, 3)
        with torch.no_grad(): mass = log_mass(method.net, method.net.x_scale(k)[:, :1], p.c).exp()
        assert (mass > 0).all() and .2 < mass.sum() < 1.1
        assert (p.log_prob(x + torch.tensor([.3*step, 0, 0])) == -math.inf).all()
    if seed % 5 == 0: assert p.log_prob(p.map(n, 3, seed)) >= found.max()

def test_room_for_a_posterior():
    check_room(None); check_room(Space([[0., 0.], [1., 1.]], rules="x1 <= x2"))
    with pytest.raises(ValueError, match="x1 == x2"): check_room(Space([[0., 0.], [1., 1.]], rules="x1 == x2"))
    assert on_values(Space([[0., 0.], [3., 1.]], whole="x1"), torch.tensor([[1.2, .3]])).tolist() == [[1., pytest.approx(.3)]]
    check_density(None)
    with seeded(): mixture, code = GaussianMixture(1, 1, 1, (2,)), CVAEBlock(1, 1, 1, (2,))
    check_density(mixture)
    with pytest.raises(NotImplementedError, match="latent"): check_density(code)

@given(st.integers(1, 6), st.integers(1, 6), st.integers(1, 20), seeds)
def test_mmd(n, m, d, seed):
    a, b = normal(seed, n, d).double(), normal(seed + 1, m, d).double()
    k = pure(kernel, a, b)
    assert k.shape == (n, m) and ((k > 0) & (k <= 4)).all() and torch.allclose(kernel(b, a), k.T) and torch.allclose(kernel(a, a).diagonal(), torch.full((n,), 4.).double(), atol=1e-5)
    assert math.isclose(pure(mmd, a, b), mmd(b, a), abs_tol=1e-9) and mmd(a, b) > -1e-6 and abs(mmd(a, a)) < 1e-6
    assert math.isclose(mmd(a[shuffle(seed, n)], b), mmd(a, b), abs_tol=1e-9)

@given(st.integers(1, 6), st.integers(1, 3), st.sampled_from([(4,), (9, 9), (16, 3)]), st.integers(1, 9), seeds)
def test_undone(features, context, hidden, n, seed):
    "Forwards again, it is the noise; and zuko's own way back, one pass for each number, ends at the same design"
    with seeded(stream(seed)): part = Flow(features, context, 1, hidden, 4).double().flow.transform.transforms[0]
    z, c = normal(seed, n, features).double(), normal(seed + 1, n, context).double()
    x = pure(lambda z, c: undone(part, z, c), z, c)
    assert torch.allclose(part(c)(x), z, atol=1e-8) and torch.allclose(part(c).inv(z), x, atol=1e-8)

@given(st.integers(1, 5), seeds)
def test_shifted_spline(n, seed):
    "It rises, and its inverse brings back"
    bins = 4
    widths, heights, slopes = normal(seed, bins), normal(seed + 1, bins), normal(seed + 2, bins - 1)
    curve = shifted_spline(widths, heights, slopes, normal(seed + 3, 1)[0], normal(seed + 4, 1)[0])
    x = normal(seed, 50).sort().values
    y = curve(x)
    assert (y.diff() >= 0).all() and torch.allclose(curve.inv(y), x, atol=1e-2)

@given(st.integers(1, 3), st.integers(1, 3), st.booleans(), seeds)
def test_generative_net(dx, dy, counts, seed):
    "Draws lie in the box; a whole-number column stays on its grid, a fixed one where it is"
    dx = dx + counts
    with seeded(stream(seed)): net = GenerativeNet(dx, dy, [0] if counts else [], [], lambda f, c: GaussianMixture(f, c, 2, (4,)), 0)
    net.bounds.copy_(torch.tensor([[-1.]*dx, [1.]*dx]))
    net.grid.copy_(torch.tensor([[-1.]*dx, [.5]*dx, [4.]*dx]))
    with torch.no_grad(): x, inside = pure(lambda y: net.draw(y, stream(seed), 2), normal(seed, 5, dy))
    assert inside.shape == (5,) and (inside | (x.abs() == 1).any(1)).all()
    assert x.shape == (5, dx) and ((x >= -1) & (x <= 1)).all() and (not counts or torch.allclose(2*x[:, 0], (2*x[:, 0]).round(), atol=1e-4))
    assert net.loss(x, normal(seed, 5, dy), stream(seed)).isfinite()


# ---- metrics ----

@st.composite
def error_tables(draw, least=1, most=6):
    "(N, n) errors, some of them failed, some equal, some zero"
    N, n = draw(st.integers(least, 4)), draw(st.integers(1, most))
    return torch.tensor(draw(st.lists(st.lists(st.one_of(st.floats(0, 1e3, width=32), st.sampled_from([0., 1., 1., math.inf])), min_size=n, max_size=n), min_size=N, max_size=N)), dtype=torch.float64)

def brute(errors, T): return torch.tensor([[np.mean([min(part) for part in itertools.combinations(row, T)])] for row in errors.tolist()]).double()[:, 0]

@given(error_tables(), st.booleans(), seeds)
def test_r_T(errors, exchangeable, seed):
    N, n = errors.shape
    each = pure(per_target, errors, exchangeable)
    assert each.shape == (N, n) and each.dtype == torch.float64 and (each.diff(dim=1).nan_to_num(-1.) <= 1e-9*(1 + errors[errors.isfinite()].sum())).all()      # never rises (inf - inf: not a rise)
    for T in range(1, n + 1):
        want = brute(errors, T) if exchangeable else errors[:, :T].amin(1)
        assert torch.allclose(each[:, T-1], want, rtol=1e-9, atol=1e-9) and torch.allclose(pure(best_of, errors, T, exchangeable), each[:, T-1], rtol=1e-9, atol=1e-12)
        assert torch.allclose(over_subsets(errors.sort(1).values, torch.tensor([T]))[:, 0], brute(errors, T), rtol=1e-9, atol=1e-9)
    assert torch.allclose(pure(r_T, errors, exchangeable), each.mean(0), rtol=1e-12)
    order = shuffle(seed, n)
    if exchangeable: assert torch.allclose(per_target(errors[:, order], True), each, rtol=1e-9)                        # the order of draws means nothing
    assert torch.allclose(each[:, -1], errors.amin(1)) and torch.allclose(per_target(errors[shuffle(seed, N)], exchangeable), each[shuffle(seed, N)])
    assert failures(errors) == int(errors.isinf().sum()) and equal(check_errors("errors", errors.float()), errors.float().double())
    scaled = per_target(errors*8, exchangeable)
    assert torch.allclose(scaled, each*8, rtol=1e-9)

@given(st.integers(1, 40))
def test_subset_weights(n):
    for T in {1, (n + 1)//2, n}:
        w = pure(subset_weights, n, T)
        assert w.shape == (n,) and math.isclose(w.sum(), 1, rel_tol=1e-9) and (w >= 0).all() and (w[n - T + 1:] == 0).all() and (w.diff() <= 1e-15).all()
        assert math.isclose(w[0], T/n, rel_tol=1e-12)
    assert torch.allclose(subset_weights(n, torch.arange(1, n + 1))[:, n//2], subset_weights(n, n//2 + 1))
    for wrong in (0, n + 1, 1.5):
        with pytest.raises(ValueError, match="^T: expected whole numbers"): subset_weights(n, wrong)

@given(st.one_of(st.sampled_from([math.nan, -1., -math.inf]), st.floats(-1e3, -1e-3)), st.integers(0, 3), st.integers(0, 2))
def test_errors_that_cannot_be(bad, row, column):
    errors = torch.ones(4, 3)
    errors[row, column] = bad
    for f in (failures, lambda e: per_target(e, True), lambda e: r_T(e, False), lambda e: best_of(e, 1, True), lambda e: good_enough(e, 1.), lambda e: simulations_to(e, 1., True), lambda e: interval([e])):
        with pytest.raises(ValueError, match=f"in row {row}"): f(errors)

@given(error_tables(), st.floats(0, 100), st.booleans(), seeds)
def test_simulations_to(errors, eps, exchangeable, seed):
    N, n = errors.shape
    good, count, share = pure(good_enough, errors, eps), pure(simulations_to, errors, eps, exchangeable), pure(solved_within, errors, eps, exchangeable)
    assert equal(good, errors <= eps)
    for row, found in zip(good.tolist(), count.tolist()):
        firsts = [o.index(True) + 1 for o in (itertools.permutations(row) if exchangeable else [tuple(row)]) if True in o]
        assert math.isclose(found, np.mean(firsts), rel_tol=1e-9) if firsts else found == math.inf
    assert ((share >= -1e-12) & (share <= 1 + 1e-12)).all() and (share.diff() >= -1e-9).all() and math.isclose(share[-1], good.any(1).double().mean(), abs_tol=1e-9)
    if exchangeable: assert equal(simulations_to(errors[:, shuffle(seed, n)], eps, True), count)
    seconds, curve = pure(r_over_time, share, 2., .5)
    assert equal(curve, share.double()) and torch.allclose(seconds, 2 + .5*torch.arange(1, n + 1).double())

@given(st.lists(st.floats(0, 1), max_size=8), seeds)
def test_holm(p, seed):
    found = pure(holm, p)
    order = sorted(range(len(p)), key=lambda i: p[i])
    want, most = [0.]*len(p), 0.
    for place, i in enumerate(order): want[i] = most = max(most, min(1., (len(p) - place)*p[i]))                      # step down
    assert found.tolist() == pytest.approx(want, abs=1e-12) and found.dtype == torch.float64
    assert all(a >= b - 1e-15 for a, b in zip(found.tolist(), p))
    mixed = shuffle(seed, len(p)).tolist()
    assert holm([p[i] for i in mixed]).tolist() == pytest.approx([want[i] for i in mixed], abs=1e-12)
    for level in (.05, .2):                                                                                            # the same decisions as the procedure, step by step
        rejected = set()
        for place, i in enumerate(order):
            if p[i] > level/(len(p) - place): break
            rejected.add(i)
        assert {i for i, q in enumerate(found.tolist()) if q <= level - 1e-12} <= rejected <= {i for i, q in enumerate(found.tolist()) if q <= level + 1e-12}

@st.composite
def curves(draw, seeds_=st.integers(1, 3), fail=True):
    "A matrix (N, k) of errors for each training seed"
    S, N, k = draw(seeds_), draw(st.integers(2, 5)), draw(st.integers(1, 3))
    value = st.floats(1e-6, 1e3) if not fail else st.one_of(st.floats(1e-6, 1e3), st.just(math.inf))
    flat = draw(st.lists(value, min_size=S*N*k, max_size=S*N*k))
    return list(torch.tensor(flat, dtype=torch.float64).view(S, N, k))

@given(curves(), st.sampled_from([.5, .8, .95]))
def test_interval(curves, level):
    low, high = pure(interval, curves, level)
    whole = [c.where(c.isfinite(), 0) for c in curves]
    mean, failed = torch.stack(whole).mean((0, 1)), ~torch.stack(curves).isfinite().all(0).all(0)
    assert low.shape == mean.shape and low.dtype == torch.float64 and ((low <= mean*(1 + 1e-9)) & (high >= mean*(1 - 1e-9)) & (low >= 0)).all()       # the mean lies inside
    assert equal(high.isinf(), failed) and not low.isinf().any()
    wide = interval(curves, .99)
    assert ((wide[0] <= low*(1 + 1e-9)) & (wide[1] >= high*(1 - 1e-9))).all()
    assert all(torch.allclose(a, b*4) for a, b in zip(interval([c*4 for c in curves], level), (low, high)))
    order = shuffle(len(curves), len(curves[0]))
    assert all(torch.allclose(a, b, rtol=1e-9) for a, b in zip(interval([c[order] for c in curves[::-1]], level), (low, high)))                    # seeds and targets in any order
    assert all(torch.allclose(a.where(~failed, 0), b.where(~failed, 0), rtol=1e-9) for a, b in zip(ends(torch.stack(whole), level), (low, high)))
    below, above = pure(reach, (some := whole[0][:, whole[0].mean(0) > 0])/some.mean(0), 2.)
    assert below.shape == above.shape == (some.shape[1],) and (below >= 0).all() and (above >= 0).all()
    assert len(check_curves("curves", curves)) == len(curves)
    shares = redraw(3, 50, stream(0)), redraw(len(curves[0]), 50, stream(1))
    assert torch.allclose(shares[0].sum(1), torch.ones(50).double()) and torch.allclose((shares[0]*3).round(), shares[0]*3)
    if len(curves) == 3:
        found = redrawn(curves, *shares)
        want = torch.stack([sum(s*(t[:, None]*c).where(t[:, None] > 0, 0).sum(0) if s else 0*c[0].where(c[0].isfinite(), 0) for s, c in zip(a, curves)) for a, t in zip(*shares)])
        assert torch.allclose(found, want, rtol=1e-9)
    for ordered in (torch.arange(11.), torch.arange(40.)):
        least, most = outwards(ordered, level)
        assert least + most == len(ordered) - 1 and most - least + 1 >= level*len(ordered)                             # as far from both ends, and at least the share

@given(st.integers(2, 60), sizes_, seeds, st.floats(0, 3))
def test_tail_reach(targets, columns, seed, tail):
    errors = (tail*normal(seed, targets, columns, dtype=torch.float64)).exp()
    d = errors/errors.mean(0)
    found = pure(tail_reach, d, 2., .95)
    assert found.shape == (columns,) and found.dtype == torch.float64 and found.isfinite().all() and (found >= 0).all() and ((found > 0) == (targets >= 10)).all() or tail < 1e-3
    assert torch.allclose(tail_reach(d[shuffle(seed, targets)], 2., .95), found, rtol=1e-9)
    assert torch.allclose(torch.cat([tail_reach(column, 2., .95) for column in d.split(1, 1)]), found, rtol=1e-9)
    assert (tail_reach(d, 2.5, .99) >= found).all()

@given(st.lists(st.integers(0, 100), min_size=2, max_size=9, unique=True), seeds, st.floats(.01, .99))
def test_upper_quantile(values, seed, p):
    values, weights = torch.tensor(values).double().sort().values, uniform(seed, len(values), 3, dtype=torch.float64) + .01
    found = pure(upper_quantile, values, weights, p)
    assert found.shape == (3,) and ((values[0] <= found) & (found <= values[-1])).all() and (upper_quantile(values, weights, p/2) <= found).all()
    for column, q in zip((weights/weights.sum(0)).T, found):
        i = int((values < q - 1e-9).sum())
        assert column[:i].sum() <= p + 1e-9 and column[:i + 1].sum() >= p - 1e-9          # no more than p below it, and p reached with it

@given(st.data())
def test_paired(data):
    a = data.draw(curves(fail=False))
    b = [data.draw(st.floats(.1, 10))*c*(1 + .3*uniform(i, *c.shape).double()) for i, c in enumerate(a)]
    there, back = pure(paired, a, b, .95, 300), paired(b, a, .95, 300)
    for x, y in ((there["ratio"], 1/back["ratio"]), (there["low"], 1/back["high"]), (there["high"], 1/back["low"]), (there["p"], back["p"]), (there["share"], 1 - back["share"])): assert torch.allclose(x, y, rtol=1e-6, equal_nan=True)
    assert torch.allclose(there["ratio"], torch.stack(a).mean((0, 1))/torch.stack(b).mean((0, 1)))
    assert ((there["low"] <= there["ratio"]*(1 + 1e-9)) & (there["ratio"] <= there["high"]*(1 + 1e-9))).all() and ((there["p"] >= 0) & (there["p"] <= 1)).all() and ((there["share"] >= 0) & (there["share"] <= 1)).all()
    same = paired(a, a, draws=100)
    assert (same["ratio"] == 1).all() and (same["share"] == .5).all() and (same["p"] == 1).all()
    scaled = paired([c*64 for c in a], [c*64 for c in b], .95, 300)
    assert all(torch.allclose(scaled[k], there[k], rtol=1e-6, equal_nan=True) for k in there)
    low, high, p = by_redraws(a, b, .95, 300)
    assert (low <= high).all() and ((0 < p) & (p <= 1)).all() and equal(redraws(len(a), len(a[0]), 300), redraws(len(a), len(a[0]), 300))
    low, high, p = by_student(a, b, .95)
    assert (low.nan_to_num() <= high.nan_to_num()).all() and ((p.nan_to_num(0.) >= 0) & (p.nan_to_num(0.) <= 1)).all()
    for wrong in ((a, b[:-1] or [b[0][:1]]), ([c[:1] for c in a], [c[:1] for c in b])):
        with pytest.raises(ValueError, match="expected"): paired(*wrong)

@given(st.integers(1, 60), st.floats(1e-6, .99))
def test_quantile_of_t(freedom, p):
    from scipy.stats import t
    assert math.isclose(quantile_of_t(torch.tensor([p]).double(), freedom)[0], t.isf(p/2, freedom), rel_tol=1e-5, abs_tol=1e-6)


# ---- records ----

word = st.text("abcdefghijklmnopqrstuvwxyz_", min_size=1, max_size=8)
specs = st.fixed_dictionaries(dict(task=word, method=word, seed=st.integers(0, 99), settings=json_values))

@given(specs, st.dictionaries(st.text(max_size=6), json_values, max_size=4), error_tables(), kinds)
def test_record_there_and_back(tmp_path_factory, spec, facts, error, dtype):
    folder = tmp_path_factory.getbasetemp()/"records"
    facts = {**facts, "exchangeable": len(facts) % 2 == 0}
    record = Record(spec, facts, error.to(dtype))
    path = write_record(folder, record)
    again = read_record(path)
    assert again.spec == spec and again.facts == facts and equal(again.error, record.error)
    assert path.stem == record.name == cell_name(spec) and record.key == cell_key(spec) and cell_key(dict(reversed(spec.items()))) == record.key       # the order of keys means nothing
    assert cell_key({**spec, "seed": spec["seed"] + 1}) != record.key
    found = read_records(folder)
    assert [r.name for r in found] == sorted(r.name for r in found) and record.name in [r.name for r in found]
    path.unlink()

@given(st.binary(max_size=200), st.binary(max_size=200))
def test_write_atomic(tmp_path_factory, a, b):
    path = tmp_path_factory.getbasetemp()/"atomic"/"file"
    for content in (a, b):
        write_atomic(path, content)
        assert path.read_bytes() == content and [p.name for p in path.parent.iterdir()] == ["file"]
    aside = set_aside(path)
    assert aside.read_bytes() == b and [p.name for p in path.parent.iterdir()] == [aside.name]
    assert set_aside(path) == aside                                                                                    # gone already: another process was faster
    aside.unlink()

@given(st.lists(st.sampled_from("abc"), max_size=8))
def test_claim(tmp_path_factory, names):
    folder, owner = tmp_path_factory.mktemp("claims"), {}
    for name in names:                                    # of many who want a cell the first has it
        claim = Claim(folder, name)
        assert claim.take() == (name not in owner)
        owner.setdefault(name, claim)
    for claim in owner.values(): assert claim.take(); claim.give_back()
    assert not list(folder.iterdir())

@given(error_tables(), st.text(max_size=5), st.text(max_size=5))
def test_checksum(error, a, b):
    whole = pure(checksum, a, b, error)
    assert isinstance(FORMAT, str) and whole == checksum(a, b, error.clone())
    others = [(a + "x", b, error), (a, b + "x", error), (a, b, error + 1 if error.isfinite().any() else error*0 + 1), (a, b, error.float()), (a, b, error.reshape(-1, 1, 1))]
    assert whole not in [checksum(*other) for other in others]


# ---- the run ----

@given(st.integers(1, 4), st.integers(1, 4), seeds)
def test_counting_simulator(N, budget, seed):
    simulator, x, targets = CountingSimulator(lambda x: x.sum(1, keepdim=True)), normal(seed, N, budget, 2), normal(seed, N, 1)
    y = simulator(x.flatten(0, 1)).view(N, budget, 1)
    assert simulator.calls == N*budget and equal(simulator.errors(Search(x, y, targets), targets, budget), resimulation_error(y, targets[:, None]))
    lie = x.clone(); lie[0, 0] += 1
    with pytest.raises(ValueError, match="never simulated"): simulator.errors(Search(lie, y, targets), targets, budget)
    simulator(x[:, 0])
    with pytest.raises(ValueError, match="simulations, where"): simulator.errors(Search(x, y, targets), targets, budget)

def test_cell():
    spec = cell_spec("sine_wave", "random_search", RandomSearch(), 0, 20, 3, 4)
    assert json.loads(json.dumps(spec)) == spec and {"task", "method", "seed"} <= set(spec)
    a, b = run_cell("sine_wave", RandomSearch(), spec), attempt(None, "sine_wave", RandomSearch(), spec)
    assert equal(a.error, b.error) and a.error.shape == (3, 4) and a.spec == spec
    assert "Traceback" in attempt(None, "sine_wave", RandomSearch(), {**spec, "rows": -1})
    before = torch.get_num_threads()
    with one_thread(): assert torch.get_num_threads() == 1
    assert torch.get_num_threads() == before


@given(st.lists(st.sampled_from(list_tasks()), min_size=1, max_size=3, unique=True), st.lists(st.integers(0, 99), max_size=4, unique=True), st.integers(1, 9))
def test_planned(tasks, seeds, budget):
    cells = planned(tasks, dict(random_search=RandomSearch()), seeds, 20, 3, budget)
    assert [(spec["task"], spec["seed"], spec["budget"]) for _, _, spec in cells.values()] == [(task, seed, budget) for task in tasks for seed in seeds] and list(cells) == [cell_name(spec) for _, _, spec in cells.values()]
    if seeds:
        with pytest.raises(ValueError, match="tasks: expected each cell once"): planned(tasks + tasks[:1], dict(random_search=RandomSearch()), seeds, 20, 3, budget)


# ---- posterior ----

@given(st.integers(1, 4), st.integers(1, 6), st.integers(1, 3), seeds)
def test_ranks(n, L, dx, seed):
    x, drawn = normal(seed, n, dx), normal(seed + 1, n, L, dx)
    ranks = pure(lambda x, drawn: rank_among(x, drawn, stream(seed)), x, drawn)
    assert equal(ranks, (drawn < x[:, None]).sum(1)) and ((0 <= ranks) & (ranks <= L)).all()
    tied = rank_among(x, x[:, None].expand(-1, L, -1), stream(seed))
    assert ((0 <= tied) & (tied <= L)).all()
    below = pure(at_or_below, ranks, L)
    assert below.shape == (L, dx) and equal(below, torch.stack([(ranks <= j).sum(0) for j in range(L)]))
    odd = pure(oddness, n, L)
    assert odd.shape == (n + 1, L) and (odd > 0).all()
    assert oddest(ranks, L, odd).tolist() == [min(float(odd[below[j, i], j]) for j in range(L)) for i in range(dx)]

@pytest.mark.parametrize("n, draws", [(5, 3), (20, 9)])
def test_uniformity(n, draws):
    luck, table = oddest_by_luck(n, draws)
    assert (luck.diff() >= 0).all() and equal(table, oddness(n, draws))
    low, high = band(n, draws)
    assert low.shape == (draws,) and (low <= high).all() and (0 <= low).all() and (high <= n).all()
    fair, odd = torch.randint(draws + 1, (n, 40), generator=stream("fair")), torch.zeros(n, 1, dtype=torch.long)
    p = uniformity(fair, draws)
    assert p.shape == (40,) and ((0 < p) & (p <= 1)).all() and p.median() > .1 and uniformity(odd, draws)[0] < .05
    assert torch.allclose(uniformity(fair[shuffle(1, n)], draws), p) and torch.allclose(uniformity(draws - fair, draws), p, atol=.1)
    inside_ = ((at_or_below(fair, draws) >= low[:, None]) & (at_or_below(fair, draws) <= high[:, None])).all(0)
    assert inside_.float().mean() > .8

def test_posterior_ranks(fitted_methods):
    task = Task("mine", simulate, box)
    ranks = posterior_ranks(fitted_methods["random_search"], task, 6, 5)
    assert ranks.shape == (6, 3) and ((0 <= ranks) & (ranks <= 5)).all() and equal(ranks, posterior_ranks(fitted_methods["random_search"], task, 6, 5))
    with pytest.raises(ValueError, match="exchangeable"): posterior_ranks(fitted_methods["tandem"], task, 6, 5)

@given(st.integers(10, 30), st.integers(10, 30), st.integers(1, 3), seeds)
def test_two_samples(n, m, d, seed):
    a, b = normal(seed, n, d), 5*normal(seed + 1, m, d) + 3
    u, v = pure(two_samples, a, b)
    assert torch.allclose(v.mean(0), torch.zeros(d), atol=1e-5) and torch.allclose(v.std(0), torch.ones(d), atol=1e-4) and torch.allclose(u*b.std(0) + b.mean(0), a, atol=1e-4)
    here, there = pure(squared_mmd, a, b), squared_mmd(a[shuffle(seed, n)], b[shuffle(seed, m)])
    assert math.isclose(here, there, abs_tol=1e-5) and -1 < here < 2 and squared_mmd(b + 1000, b) > .5
    far = pure(predictive_distance, a, b[0])
    assert math.isclose(far, float(np.quantile(np.linalg.norm(a.double().numpy() - b[0].double().numpy(), axis=1), .5, method="lower")), rel_tol=1e-9)
    layers = stacked_layers([d, 4, 1], 2, stream(seed))
    assert [tuple(part.shape) for part in layers] == [(2, d, 4), (2, 1, 4), (2, 4, 1), (2, 1, 1)]
    rowwise(lambda x: logits(layers, x[None].expand(2, -1, -1))[1].detach(), a, (), shuffle(seed, n))
    label = (torch.arange(2*n) % 2).float().expand(2, -1)
    learned = trained_classifiers(normal(seed, 2, 2*n, d) + 9*label[..., None], label, stream(seed), most=60)
    assert all(part.isfinite().all() for part in learned)

def test_c2st():
    a = normal(1, 60, 2)
    assert pure(c2st, a + 30, a) == 1.
    apart, alike = c2st_each([a + 30, a], [a, normal(2, 60, 2)])
    assert apart == 1. and alike < .8

@given(st.integers(2, 6), st.integers(1, 9), st.integers(1, 3), seeds)
def test_tarp(n, L, dx, seed):
    x, drawn = normal(seed, n, dx), normal(seed + 1, n, L, dx)
    ranks = pure(tarp, x, drawn, seed)
    assert ranks.shape == (n, 1) and ((0 <= ranks) & (ranks <= L)).all() and equal(ranks, tarp(x, drawn[:, shuffle(seed, L)], seed))
    assert (tarp(x, x[:, None] + 0*drawn, points=x) >= 0).all() and (tarp(x, drawn, points=x) == 0).all()
    level, share = expected_coverage(ranks, L)
    assert level.shape == share.shape == (L + 2,) and share[0] == 0 and share[-1] == 1 and (share.diff() >= 0).all()

@given(st.integers(1, 3), st.integers(1, 6), st.integers(1, 3), seeds, st.floats(.01, 2), st.floats(0, 2))
def test_different(N, T, dx, seed, apart, eps):
    x, bounds = 2*uniform(seed, N, T, dx) - 1, torch.tensor([[-1.]*dx, [1.]*dx])
    found = Search(x, x.sum(2, keepdim=True), torch.zeros(N, 1))
    good = good_designs(found, eps, bounds)
    for i, points in enumerate(good):
        assert len(points) == int((found.error[i] <= eps).sum())
        kept_ = packing(points, apart)
        gaps = torch.cdist(points, points, p=math.inf)
        assert all(gaps[a, b] > apart for a, b in itertools.combinations(kept_, 2)) and all(any(gaps[i, j] <= apart for j in kept_) for i in range(len(points)))
        assert different(found, eps, bounds, apart)[i] == len(kept_)
    assert (different(found, eps, bounds, apart*2) <= different(found, eps, bounds, apart)*1 + T).all() and (different(found, eps*2, bounds, apart) >= 0).all()
    gap = pure(lambda x: spacing(Search(x, x.sum(2, keepdim=True), torch.zeros(N, 1)), eps, bounds), x)
    assert gap.shape == (N,) and all((len(points) < 2) == bool(g.isnan()) for points, g in zip(good, gap))


# ---- reports ----

@st.composite
def record_lists(draw):
    N, T = draw(st.integers(2, 4)), draw(st.integers(1, 4))
    found = []
    for m in range(draw(st.integers(1, 3))):
        for seed in range(draw(st.integers(1, 2))):
            error = (.1 + uniform(draw(st.integers(0, 999)), N, T))*10.**draw(st.integers(-6, 1))
            if draw(st.integers(0, 5)) == 0: error[0, 0] = math.inf
            found.append(Record(dict(task="sine_wave", method=f"method_{m}", seed=seed, rows=10), dict(exchangeable=m != 1, fit_s=1.*m, propose_s=.1), error))
    return found

@given(record_lists(), seeds)
def test_report(records, seed):
    groups = pure(group, records)
    assert sum(map(len, groups.values())) == len(records)
    found = pure(table, records)
    T = records[0].error.shape[1]
    for (task, method), members in groups.items():
        part = found[(found.task == task) & (found.method == method)]
        want = torch.stack([per_target(r.error, r.facts["exchangeable"]) for r in members]).mean((0, 1))
        assert np.allclose(part.r_T, want) and (part.low <= part.r_T*(1 + 1e-9)).all() and (part.high >= part.r_T*(1 - 1e-9)).all() and part["T"].tolist() == list(range(1, T + 1))
    mixed = [records[i] for i in shuffle(seed, len(records)).tolist()]
    again = table(mixed).sort_values(["task", "method", "T"], ignore_index=True)
    assert np.allclose(again.r_T, found.sort_values(["task", "method", "T"], ignore_index=True).r_T)                     # records in any order
    pairs = pure(ranking, records, (1, T))
    assert len(pairs) == (2 if T > 1 else 2)*math.comb(len(groups), 2)
    assert (pairs.p_holm.dropna() >= pairs.p[pairs.p_holm.notna()] - 1e-12).all() and (pairs.real == (pairs.p_holm <= .05)).all()
    known = {(row.method, row.T): row.r_T for row in found.itertuples()}
    assert all(known[row.better, row.T] <= known[row.worse, row.T] for row in pairs.itertuples())
    for part in (pure(standing, found, pairs, "sine_wave", T),): assert {f"method_{m}" for m in range(len(groups))} <= set(part.method)
    first = pure(places, found, pairs, T).sine_wave
    assert {cell.split()[0] for cell in first} == {f"method_{m}" for m in range(len(groups))}
    assert pure(letters_of, sorted(method for _, method in groups), pairs, "sine_wave", T).keys() == {method for _, method in groups}
    assert all(len(e) == len(r.error) for members in groups.values() for e, r in zip(by_key(members, T).values(), members))
    short_ = pure(summary, found, (1, T))
    for text in (to_text(short_), to_text(short_, "task"), to_markdown(short_)): assert all(method in text for _, method in groups)
    assert len(to_markdown(short_).splitlines()) == len(short_) + 2 and "targets" in describe(found)
    ours = pure(beside, found.replace(dict(method=dict(method_0="neural_adjoint"))), (1, T))
    paper = published().query("task == 'sine_wave' and counterpart == 'neural_adjoint'").set_index("T").r_T
    assert len(ours) == sum(t in paper for t in {1, T}) and all(row.published == paper[row.T] and row.ours == known["method_0", row.T] and row.ratio == row.ours/row.published for row in ours.itertuples())
    assert len(timings(records)) == len(groups) and (not len(pairs) or all(len(line) <= 100 for line in ranking_text(found, pairs).splitlines()))
    with pytest.raises(ValueError, match="in 2 different ways"): group([*records, Record({**records[0].spec, "rows": 11}, {}, records[0].error)])

def test_report_is_written(tmp_path):
    for seed in range(2): write_record(tmp_path, Record(dict(task="sine_wave", method="random_search", seed=seed, rows=9), dict(exchangeable=True, fit_s=1., propose_s=1.), uniform(seed, 3, 4)))
    found = report(tmp_path)
    assert {"r_T.csv", "ranking.csv", "report.md", "r_T.png", "r_T.svg"} <= {p.name for p in tmp_path.iterdir()} and np.allclose(pd.read_csv(tmp_path/"r_T.csv").r_T, found.r_T)
    assert len(published()) > 100 and set(published().task) <= set(list_tasks())

@given(st.integers(1, 6), seeds)
def test_alike(n, seed):
    "Two share a letter exactly where their difference is not real"
    names, r = [f"m{i}" for i in range(n)], random.Random(seed)
    real = [pair for pair in itertools.combinations(names, 2) if r.random() < .5]
    letters = pure(alike, names, real)
    for pair in itertools.combinations(names, 2): assert bool(set(letters[pair[0]]) & set(letters[pair[1]])) == (pair not in real)
    style = pure(looks, ["mdn", "cinn", *names])
    assert len({(s["color"], s["ls"] if isinstance(s["ls"], str) else tuple(s["ls"]), s["marker"]) for s in style.values()}) == len(style)

@given(st.floats(1e-12, 1e12))
def test_numbers_as_text(value):
    assert math.isclose(float(times(value).replace(",", "")), value, rel_tol=.6) and math.isclose(float(show(value)), value, rel_tol=.06)
    assert show(None) == "" and show(value, value, value).startswith(show(value))
    pair = type("Pair", (), dict(seeds=2, ratio=value, low=value/2, high=value*2, real=True, share=.84))
    assert "real" in verdict(pair) and "84 %" in verdict(pair) and verdict(None) == ""

def test_compare():
    errors = {name: {(seed, 1, 4): (i + 1)*(1 + uniform(seed + 9*i, 4).double()) for seed in range(2)} for i, name in enumerate("ab")}
    found = pure(compare, errors, [("a", "b")])["a", "b"]
    want = paired([e[:, None] for e in errors["b"].values()], [e[:, None] for e in errors["a"].values()])
    assert math.isclose(found["ratio"], want["ratio"]) and math.isclose(found["share"], 1 - want["share"]) and (found["seeds"], found["targets"]) == (2, 4)


# ---- whatever holds numbers ----

E, CURVE, X, Y = uniform(1, 3, 4), uniform(2, 1, 5)[0].sort(descending=True).values, uniform(3, 12, 3), uniform(4, 12, 2)
BOX, ARM = torch.tensor([[0.]*3, [1.]*3]), uniform(9, 5, 4)
HEIGHTS, RADII, FREQ = 30 + 25*uniform(5, 2, 4), 40 + 12*uniform(6, 2, 4), frequencies[::40].float()

@functools.cache
def made():
    "A task, a surrogate, a method and a search"
    data = table_of(dx=3, dy=2)
    return types.SimpleNamespace(data=data, task=get_task("robotic_arm"), method=RandomSearch().fit(data),
                                 surrogate=Network(hidden=(4,), epochs=1, ensemble=2).fit(data, progress=False), process=GaussianProcess("rbf").fit(data, progress=False),
                                 chosen=Surrogate(network=Network(hidden=(4,), epochs=1), small=4, enough=0.).fit(data, progress=False), misfit=Misfit.of(data),
                                 found=Search(2*uniform(7, 2, 6, 3) - 1, uniform(8, 2, 6, 1), torch.zeros(2, 1)))

ARRAYS = {      # whoever takes an array: how to call it, and with what
    "as_matrix": (lambda value: as_matrix("x", value), dict(value=X)),
    "as_designs": (as_designs, dict(x=X)),
    "Space": (lambda bounds: Space(bounds).bounds, dict(bounds=BOX)),
    "Space.contains": (lambda x: Space(BOX).contains(x), dict(x=X)),
    "Space.nearest": (lambda x: Space(BOX).nearest(x), dict(x=X)),
    "Space.designs": (lambda x: Space(BOX).designs(x), dict(x=X)),
    "Wish": (lambda **given: [getattr(Wish(**given), name) for name in ("lower", "upper", "weight")], dict(lower=Y, upper=Y + 1, weight=Y.abs() + 2)),
    "as_wish": (lambda value: as_wish(value).lower, dict(value=Y)),
    "as_bounds": (as_bounds, dict(bounds=BOX)),
    "Data": (lambda **given: [getattr(Data(**given), name) for name in ("x", "y", "bounds", "valid")], dict(x=X, y=Y, bounds=BOX)),
    "solid_box": (solid_box, dict(bounds=BOX)),
    "checked_simulate": (lambda x: checked_simulate(x, lambda x: x.square(), "mine", 3), dict(x=X)),
    "checked_measure": (lambda x: checked_measure(x, stream(0), lambda x, generator: x + torch.rand(x.shape, generator=generator), True, name="mine", dx=3), dict(x=X)),
    "column_numbers": (lambda value: column_numbers("x_scale", value, 5, 1.), dict(value=CURVE)),
    "Task": (lambda bounds: Task("mine", simulate, bounds).bounds, dict(bounds=BOX)),
    "Task.simulate": (lambda x: made().task.simulate(x), dict(x=ARM)),
    "Task.in_units": (lambda x: made().task.in_units(x).float(), dict(x=ARM)),
    "Proposer.propose": (lambda targets: made().method.propose(targets, 3), dict(targets=Y)),
    "Method.search": (lambda targets: made().method.search(lambda x: x[:, :2], targets, 3).error, dict(targets=Y)),
    "check_targets": (lambda targets: check_targets(made().method, targets).lower, dict(targets=Y)),
    "AnySurrogate.__call__": (lambda x: [made().surrogate(x), made().process(x), made().chosen(x)], dict(x=X)),
    "AnySurrogate.variance": (lambda x: [made().surrogate.variance(x), made().process.variance(x), made().chosen.variance(x)], dict(x=X)),
    "AnySurrogate.interval": (lambda x: [made().surrogate.interval(x, .5), made().process.interval(x, .5), made().chosen.interval(x, .5)], dict(x=X)),
    "as_tolerance": (lambda tolerance: rob.as_tolerance(tolerance, 3), dict(tolerance=BOX[1] - BOX[0])),
    "as_row": (lambda value: rob.as_row("value", value, 3), dict(value=BOX[1])),
    "as_rows": (lambda value: rob.as_rows("value", value), dict(value=X)),
    "sensitivity": (lambda x, tolerance: rob.sensitivity(made().surrogate, x, tolerance), dict(x=X, tolerance=BOX[1] - BOX[0])),
    "production_errors": (lambda x, target: rob.production_errors(lambda x: x[:, :2], x, target, [.1]*3, 8), dict(x=X, target=Y)),
    "production_yield": (lambda x, target: rob.production_yield(lambda x: x[:, :2], x, target, [.1]*3, .1, 8), dict(x=X, target=Y)),
    "check_designs": (lambda x: check_designs(made().surrogate, x), dict(x=X)),
    "check_errors": (lambda errors: check_errors("errors", errors), dict(errors=E)),
    "failures": (failures, dict(errors=E)),
    "best_of": (lambda errors: best_of(errors, 2, True), dict(errors=E)),
    "per_target": (lambda errors: per_target(errors, True), dict(errors=E)),
    "r_T": (lambda errors: r_T(errors, True), dict(errors=E)),
    "good_enough": (lambda errors: good_enough(errors, .5), dict(errors=E)),
    "simulations_to": (lambda errors: simulations_to(errors, .5, True), dict(errors=E)),
    "solved_within": (lambda errors: solved_within(errors, .5, True), dict(errors=E)),
    "r_over_time": (lambda curve: r_over_time(curve, 1., 2.), dict(curve=CURVE)),
    "check_curves": (lambda a, b: check_curves("curves", [a, b]), dict(a=E, b=E + 1)),
    "interval": (lambda a, b: interval([a, b]), dict(a=E, b=E + 1)),
    "paired": (lambda a, b: paired([a], [b], draws=50), dict(a=E, b=E + 1)),
    "holm": (holm, dict(p=CURVE)),
    "resimulation_error": (resimulation_error, dict(y=Y, targets=Y + 1)),
    "one_measurement": (lambda y: one_measurement(y, 2), dict(y=Y[:1])),
    "Generative.posterior": (lambda y: drawing(False).posterior(y).y, dict(y=Y[:1])),
    "Posterior.log_prob": (lambda x: drawing(False).posterior(Y[0]).log_prob(x), dict(x=X)),
    "two_samples": (two_samples, dict(draws=X, reference=X + 1)),
    "c2st": (c2st, dict(draws=X, reference=X + 1)),
    "c2st_each": (lambda a, b: c2st_each([a, b], [b, a]), dict(a=X, b=X + 1)),
    "polished": (lambda x, y: polished(x, y, 1, 2, 1), dict(x=torch.zeros(1, 8), y=torch.linspace(0, 1, 300))),
    "squared_mmd": (squared_mmd, dict(draws=X, reference=X + 1)),
    "predictive_distance": (predictive_distance, dict(again=X, y=X[:1])),
    "good_designs": (lambda bounds: good_designs(made().found, .5, bounds), dict(bounds=BOX)),
    "different": (lambda bounds: different(made().found, .5, bounds), dict(bounds=BOX)),
    "spacing": (lambda bounds: spacing(made().found, .5, bounds), dict(bounds=BOX)),
    "as_cells": (lambda heights, radii: as_cells(heights, radii, lattice_period), dict(heights=HEIGHTS, radii=RADII)),
    "scatter": (lambda **given: scatter(**given, order=1), dict(heights=HEIGHTS[0], radii=RADII[0], freq=FREQ)),
    "transmission": (lambda **given: transmission(**given, order=1), dict(heights=HEIGHTS, radii=RADII, freq=FREQ)),
    "spectrum": (lambda **given: spectrum(**given, solve=6, order=1), dict(heights=HEIGHTS, radii=RADII, freq=FREQ)),
    "silicon": (silicon, dict(freq=FREQ)),
    "NeuralAdjoint": (lambda box: NeuralAdjoint(made().surrogate, box=box).fit(made().data, progress=False).net.bounds, dict(box=BOX/2)),
    "ClosedLoop": (lambda box: ClosedLoop(made().surrogate, box=box).fit(made().data, progress=False).net.bounds, dict(box=BOX/2)),
}

TENSORS = {     # public names whose arrays are tensors of the package's own, and why
    "arm_joints arm_hand launch flight landing_time land_exact land_grid sine_height shell_thickness shell_indices shell_scattering riccati_bessel scattered_share scattering_efficiency"
    " stack_thickness stack_absorptance multilayer characters ensemble full_wave sizes uniform_prior rows_that_ran unknown check_truth": "formulas of tasks: Task.simulate has checked their designs",
    "multiplication disks filling layer tangent faces free_space cascade Scattered permittivities maxwell parted slopes": "pieces of the full-wave solver: transmission, spectrum and scatter check",
    "draw_flights draw_metamaterial draw_arm draw_shell draw_sine draw_stack draw_spectra plot_ranks legend": "they draw what a search or a task has given",
    "reach tail_reach upper_quantile ends redrawn outwards by_redraws by_student quantile_of_t over_subsets subset_weights": "pieces of the metrics: r_T, interval and paired check",
    "rank_among at_or_below oddest uniformity packing tarp expected_coverage": "ranks and designs as posterior_ranks and good_designs give them",
    "on_values log_mass log_density on_grid Posterior Posterior.inside runge_kutta velocity_and_divergence logits trained_classifiers": "pieces of a posterior and of a judge: posterior, log_prob and c2st check",
    "compare checksum Record check_record check_counts CountingSimulator.__call__ CountingSimulator.errors": "what a run has measured",
    "shifted_spline undone grid_step some_columns kernel mmd bidirectional_loss drawn_starts error_slope Loop boundary_loss solve_all damped_step rank_apart uniform_starts make_bank nearest_rows best_bases first_apart nearest_known other_starts robust_candidates local_doubt NeuralAdjoint.doubtful_error"
    " built under_scatter built_error nearest_built half_widths moving_price settled best_built"
    " least_squares_search trusted_box imagine warn_beyond AdamSearch.__call__ LevenbergMarquardt.__call__ Scaled Scaled.__call__ Scaled.place Scaled.design Scaled.value_and_jacobian box_step held_in bank_measurements moved_into completed expected_miss descended": "pieces of methods: Method.propose and Method.search check",
    "Search Till.__call__ same_rows CountingSimulator.entries Loop.note Loop.hear Loop.share Loop.repeat differ": "what a method has bought",
    "spans_decades Misfit Misfit.__call__ Misfit.slope Misfit.error Misfit.to": "how measurements that were checked are compared",
    "value_and_jacobian differentiate same_design Judged AnySurrogate.unexplained doubt_of once components fill rbf matern rough squared_distances rank_knots interpolate unlikelihood surprise rounding descend climb climb_layers layers in_layers best_settings best_shares"
    " leave_one_out left_out_error unusual spread_out GaussianProcess.choose join_several unknown_share": "pieces of a surrogate: its fit and its calls check",
    "refitted nine_tenths GaussianProcess.confidence": "pieces of a process: its fit checks",
    "repetitions Repeated true_error TrueError": "what a table holds, which Data has checked",
    "expectation predicted_error nine_of_ten chance_within chance_met miss_and_chance share_unmet within_reach Rows Rows.doubt Rows.nearest Rows.known check_logarithms": "pieces of a solver, which checks designs and targets",
}
INNER = {"candidates", "rounds", "learn", "loss", "expected_error", "ranked", "robust", "other_starts", "evolve", "inverse", "step", "descend", "polish"}      # methods of a method: propose and search have checked what they get

@pytest.mark.parametrize("kind", ["array", "list", "DataFrame"])
@pytest.mark.parametrize("name", ARRAYS)
def test_whatever_holds_numbers(name, kind):
    "A tensor, a NumPy array, a list and a DataFrame (of one column: a Series) give the same numbers"
    f, numbers = ARRAYS[name]
    as_kind = dict(array=lambda x: x.numpy(), list=lambda x: x.tolist(), DataFrame=lambda x: (pd.DataFrame if x.ndim == 2 else pd.Series)(x.numpy()))[kind]
    assert equal(f(**{k: as_kind(v) for k, v in numbers.items()}), pure(f, **numbers))

def takes_arrays(f):
    "Does a parameter say that it is an array, in its type or in its comment?"
    def type_of(parameter):
        text, before = str(parameter.annotation), None
        while text != before: text, before = re.sub(r"Callable\[(\[[^][]*\]|\.\.\.), [^][]*\]", "", text), text
        return text
    said = docments(f)
    return any(re.search(r"\b(Tensor|ArrayLike|ndarray)\b", type_of(p)) or "array" in (said.get(name) or "") for name, p in inspect.signature(f).parameters.items())

def test_whoever_takes_an_array_takes_all_kinds():
    known, public = {name for names in TENSORS for name in names.split()} | set(ARRAYS), set()
    for name, (_, value) in public_names().items():
        if inspect.isclass(value) and issubclass(value, (torch.nn.Module, BaseException)): continue
        if inspect.isfunction(value): public |= {name} if takes_arrays(value) else set()
        if inspect.isclass(value) and value.__module__.startswith("invnb."):
            public |= {name} if takes_arrays(value) else set()
            public |= {f"{name}.{k}" for k, f in vars(value).items() if inspect.isfunction(f) and k not in INNER and (k[0] != "_" or k == "__call__") and takes_arrays(f)}
    assert public - known == set(), "add a call to ARRAYS, or say in TENSORS why only tensors come"
    assert {name for names in TENSORS for name in names.split()} - public == set(), "TENSORS names what is not there (any more)"
    assert not {name for names in TENSORS for name in names.split()} & set(ARRAYS)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_one_number(dtype):
    "of a network that counts its batches, in whole numbers, as well"
    from invnb.methods.method import one_number
    net = torch.nn.BatchNorm1d(2).to(dtype)
    assert one_number(net).dtype == dtype

# ---- nothing is left out ----

def public_names():
    "Each with its module and what it stands for"
    modules = [importlib.import_module(module.name) for module in pkgutil.walk_packages(invnb.__path__, "invnb.") if module.name not in {"invnb.all", *EXEMPT}]
    return {name: (module.__name__, getattr(module, name)) for module in modules for name in getattr(module, "__all__", [])}

def test_every_public_name_is_exercised():
    tree = ast.parse(Path(__file__).read_text(encoding="utf-8"))
    used = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)} | {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    exempt = {name for key in EXEMPT if not key.startswith("invnb.") for name in key.split()}
    public = {name: module for name, (module, _) in public_names().items()}
    left_out = {f"{module}.{name}" for name, module in public.items() if name not in used | exempt}
    assert left_out == set(), "write a property, or say in EXEMPT why there is none"
    assert exempt - set(public) == set(), "EXEMPT names what is not there (any more)"
    assert {key for key in EXEMPT if key.startswith("invnb.") and importlib.util.find_spec(key) is None} == set()
