"""What CUDA would refuse, where no GPU is at hand: a second device (accelerator.cpp) that computes on the CPU, and is as strict as CUDA about tensors and generators of different devices.
It says nothing of CUDA's rounding, speed, memory and streams, nor of operations that CUDA lacks: the notebooks' cells marked `cuda` try a real one.
Not collected by itself: torch starts a thread for each device at the first derivative of a process, so the accelerator must be there before; test_devices.py runs this file in a process of its own."""
import copy, functools, json, math, shutil, subprocess, time, types
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest, torch
from torch.utils import cpp_extension

from invnb.all import *
from invnb.bench.metrics import *
from invnb.bench.interval import *
from invnb.bench.paired import *
from invnb.bench.cli import invnb_bench
from invnb.bench.posterior import *
from invnb.bench.run import run
from invnb.use.answers import find, from_task
from invnb.use.pictures import as_png, pictures
from invnb.methods.closed_loop import *
from invnb.use.many_targets import *
from invnb.methods.method import *
from invnb.methods.neural_adjoint import *
from invnb.methods.search import *
from invnb.methods.network import *
from invnb.methods.process import *
from invnb.methods.shares import *
from invnb.methods.surrogate import *
from invnb.methods.two_fidelities import *
from invnb.nets import *
from invnb.tasks.metamaterial import *
from invnb.tasks.per_design import *
from invnb.tasks.rcwa import *
from conftest import ROOT
from test_contracts import short

seeded_devices = []      # seeds that something gave to the generators of the devices


@functools.cache
def build(folder):
    "The accelerator under the name `accel`, or the reason why there is none"
    version, compiler = tuple(int(part) for part in torch.__version__.split(".")[:2]), shutil.which("c++") or shutil.which("g++")
    if version < (2, 13): return "accelerator.cpp was tried with torch 2.13, whose interface for devices differs from that of earlier versions"
    if not compiler: return "no C++ compiler"
    compiled = folder / "accelerator.so"
    command = [compiler, "-shared", "-fPIC", "-O0", "-w", "-std=c++20", f"-D_GLIBCXX_USE_CXX11_ABI={int(torch._C._GLIBCXX_USE_CXX11_ABI)}", *(f"-I{path}" for path in cpp_extension.include_paths()),
               str(Path(__file__).with_name("accelerator.cpp")), "-o", str(compiled), *(f"-L{path}" for path in cpp_extension.library_paths()), "-ltorch_cpu", "-ltorch", "-lc10"]
    made = subprocess.run(command, capture_output=True, text=True)
    if made.returncode: return f"accelerator.cpp does not compile: {next((line for line in made.stderr.splitlines() if 'error' in line), made.stderr[-200:])}"
    try: torch.ops.load_library(compiled)
    except OSError as e: return f"accelerator.cpp does not load: {e.__cause__ or e}"
    torch.utils.rename_privateuse1_backend("accel")
    torch._register_device_module("accel", types.SimpleNamespace(is_available=lambda: True, is_initialized=lambda: True, device_count=lambda: 1, current_device=lambda: 0, get_amp_supported_dtype=lambda: [],
                                  _is_in_bad_fork=lambda: False, manual_seed_all=seeded_devices.append, get_rng_state=lambda device=None: torch.zeros(1), set_rng_state=lambda *state: None))
    return torch.device("accel", 0)


@pytest.fixture
def device(tmp_path_factory):
    built = build(tmp_path_factory.getbasetemp())
    if isinstance(built, str): pytest.skip(built)
    return built


# the accelerator itself

REFUSED = {
    "a sum": lambda here, there: there + here,
    "a sum, CPU first": lambda here, there: here + there,
    "into a tensor of the CPU": lambda here, there: here.add_(there),
    "a number of the CPU as the result": lambda here, there: torch.zeros(()).add_(there.sum()),
    "a number of the device with a matrix of the CPU": lambda here, there: here * there.sum(),
    "a product": lambda here, there: there @ here,
    "a layer": lambda here, there: torch.nn.Linear(3, 2)(there),
    "cat": lambda here, there: torch.cat([there, here]),
    "stack of numbers": lambda here, there: torch.stack([there.sum(), here.sum()]),
    "where": lambda here, there: torch.where(there > 0, there, here),
    "equations": lambda here, there: torch.linalg.solve(there, here),
    "a mask": lambda here, there: there.masked_fill(here > 0, 0.),
    "index_select": lambda here, there: there.index_select(0, torch.tensor([0])),
    "gather": lambda here, there: there.gather(0, torch.zeros(1, 3, dtype=torch.long)),
    "rows of the device from a tensor of the CPU": lambda here, there: here[there.argmax(1)],
    "assignment by index": lambda here, there: there.__setitem__(torch.tensor([1]), here[:1]),
    "searchsorted": lambda here, there: torch.searchsorted(here[0], there),
    "numpy": lambda here, there: there.numpy(),
    "an array": lambda here, there: np.asarray(there),
    "an array, from within numpy": lambda here, there: np.add(there, 1),
    "a generator of the CPU": lambda here, there: torch.randn(3, generator=torch.Generator(), device=there.device),
    "a generator of the CPU, in place": lambda here, there: there.normal_(generator=torch.Generator()),
    "a permutation by a generator of the CPU": lambda here, there: torch.randperm(3, generator=torch.Generator(), device=there.device),
    "numbers of the device's own generator": lambda here, there: torch.rand(3, device=there.device),
}


@pytest.mark.parametrize("what", REFUSED)
def test_the_accelerator_refuses(what, device):
    here = torch.tensor([[1., 2, 3], [4, 5, 6], [7, 8, 10]])
    with pytest.raises((RuntimeError, TypeError), match="same device|convert accel|indices should be|type for generator|generator of the device|current_device == options.device"): REFUSED[what](here, here.to(device))


ALLOWED = {
    "a sum": lambda x: x + 2 * x,
    "a number of the CPU": lambda x: x * torch.tensor(2.) + torch.where(x > 2, x, torch.tensor(0.)),
    "rows by an index of the CPU": lambda x: x[torch.tensor([2, 0])] + x[torch.tensor([True, False, True])],
    "assignment": lambda x: (y := x.clone(), y.__setitem__(0, torch.ones(3)), y.__setitem__(torch.tensor([1]), torch.tensor(4.)))[0],
    "views": lambda x: x.T.reshape(-1).unfold(0, 3, 2).flip(0).expand(2, -1, -1).mT,
    "complex numbers": lambda x: torch.view_as_real((x + 1j * x.T).conj() @ torch.linalg.eigvals(x)[:, None]),
    "equations": lambda x: torch.linalg.solve(x, x.T),
    "into a tensor": lambda x: torch.add(x, x, out=torch.empty(0).to(x)),
    "a derivative": lambda x: torch.autograd.grad((x.requires_grad_() @ x).tanh().square().sum(), x)[0],
    "a batched derivative": lambda x: torch.func.vmap(torch.func.jacrev(lambda row: (row @ x).sin()))(x),
    "a product from the left": lambda x: torch.func.jvp(lambda x: (x @ x).sin().softmax(1), (x,), (x,))[1],
    "a convolution": lambda x: torch.nn.functional.conv_transpose1d(x[None], x[:, None, :2], stride=2),
    "a copy": lambda x: copy.deepcopy(x).cpu().to(x),
}


@pytest.mark.parametrize("what", ALLOWED)
def test_the_accelerator_computes(what, device):
    x = torch.tensor([[1., 2, 3], [4, 5, 6], [7, 8, 10]])
    there = ALLOWED[what](x.to(device))
    assert there.device == device and torch.equal(there.cpu(), ALLOWED[what](x))


def test_the_accelerator_trains(device):
    def after(where):
        with seeded(stream("a net")): net = mlp([3, 8, 2], batch_norm=True).to(where)
        x = torch.rand(20, 3, generator=stream("x")).to(where)
        train(net, lambda x, y: (net(x) - y).square().mean(), Data(x, x[:, :2]), epochs=3, progress=False)
        return torch.cat([p.flatten() for p in net.state_dict().values()])
    assert after(device).device == device
    # three steps move a weight by some 4e-3; where a gradient is near zero, rounding was seen to move one by 2e-5
    torch.testing.assert_close(after(device).cpu(), after("cpu"), rtol=0, atol=3e-4)


# tasks

TASKS = [*map(get_task, list_tasks()), get_task("robotic_arm", angles="cumulative"), get_task("ballistics", landing="grid")]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=["float32", "float64"])
@pytest.mark.parametrize("task", TASKS, ids=lambda task: task.name)
def test_a_task_simulates_there(task, dtype, device):
    x = task.prior(20, stream("devices")).to(dtype)
    x[0] = 1e3                                   # fails in most tasks
    y = task.simulate(x.to(device))
    assert y.device == device and y.dtype == dtype
    torch.testing.assert_close(y.cpu(), task.simulate(x), rtol=1e-5, atol=1e-6, equal_nan=True)
    assert task.raw(x.to(device)).device == device


@pytest.mark.parametrize("task", TASKS, ids=lambda task: task.name)
def test_a_task_draws_what_lies_there(task, device):
    import matplotlib.pyplot as plt
    figure, ax = plt.subplots()
    x = task.prior(3, stream("devices")).to(device)
    task.draw(x, task.simulate(x)[0], ax)
    plt.close(figure)


def test_maxwells_equations_there(device):
    x = get_task("metamaterial").prior(1, stream("devices"))
    task, few = get_task("metamaterial", simulator="rcwa"), frequencies[::50]
    y = task.simulate(x.to(device))
    assert y.device == device and torch.equal(y.cpu(), task.simulate(x))
    for solve in (lambda h, r, f: transmission(h, r, f, 3), lambda h, r, f: spectrum(h, r, f, 6, 3)[0], lambda h, r, f: scatter(h[0], r[0], f, 3).direct, lambda h, r, f: transmission(h, r, f, 3, permittivity=11.7)):
        there = solve(*(t.to(device) for t in (*sizes(x), few)))
        assert there.device == device and torch.equal(there.cpu(), solve(*sizes(x), few))
        assert torch.equal(solve(*(t.to(device) for t in sizes(x)), few).cpu(), there.cpu())       # the frequencies are a constant of the package, on the CPU


def test_the_papers_networks_there(device):
    with seeded(stream("official")): net = OfficialNet().eval()
    x = get_task("metamaterial").prior(4, stream("devices"))
    here = net(x)
    there = ensemble(x.to(device), lambda dtype, device: [net.to(device, dtype)])
    assert there.device == device
    torch.testing.assert_close(there.cpu(), here, rtol=1e-5, atol=1e-5)


def test_a_function_of_one_design_there(device):
    task = Task("one", PerDesign(lambda x: [sum(x), x[0]]), [[0., 0], [1, 1]])
    x = task.prior(3, stream("devices"))
    assert torch.equal(task.simulate(x.to(device)).cpu(), task.simulate(x)) and task.simulate(x.to(device)).device == device


# methods

def close(there, here, share=.02):
    "Adam rounds otherwise on another device: candidates of a short training agree within a share of the box"
    return (there.cpu() - here).abs().max() < share


class Asked:
    "A simulator that notes where its designs lie, and answers there or on the CPU"
    def __init__(self, task, answers=None): self.task, self.answers, self.devices = task, answers, set()
    def __call__(self, x):
        self.devices.add(x.device)
        return self.task.simulate(x).to(self.answers or x.device)


@pytest.mark.parametrize("name", list_methods())
def test_a_method_there(name, device, tmp_path):
    task = get_task("ballistics")
    data, targets = task.sample(150), task.targets(4, seed=7)
    here, there = (short(name).fit(data, 1, where, progress=False) for where in (None, device))
    assert all(t.device == device for t in there.net.state_dict().values()) and {t.device.type for t in here.net.state_dict().values()} == {"cpu"}
    x = there.propose(targets, 5, 2)
    assert x.device == device and x.shape == (4, 5, 4)
    assert torch.equal(there.propose(targets.to(device), 5, 2).cpu(), x.cpu())
    # with the same weights: the same candidates
    there.save(tmp_path / "there"); here.save(tmp_path / "here")
    for folder in ("there", "here"):
        one, other = load_method(tmp_path / folder), load_method(tmp_path / folder, device)
        a, b = one.propose(targets, 5, 2), other.propose(targets, 5, 2)
        assert b.device == device and torch.allclose(a, b.cpu(), atol=1e-4), (a - b.cpu()).abs().max()
        one.net.to(device)
        assert torch.equal(one.propose(targets, 5, 2).cpu(), b.cpu())
    assert torch.allclose(load_method(tmp_path / "there", str(device)).propose(targets, 5, 2).cpu(), x.cpu(), atol=1e-6)
    # searches: simulators on the device, and simulators that answer on the CPU
    for answers in (None, "cpu"):
        found = there.search(asked := Asked(task, answers), targets, 6, 2)
        assert asked.devices == {device} and {found.x.device, found.y.device, found.targets.device, found.best().device, found.error.device} == {device}
        assert torch.allclose(task.simulate(found.x.flatten(0, 1).cpu()), found.y.flatten(0, 1).cpu(), atol=1e-4, equal_nan=True) and "4 targets" in repr(found)
    copy.deepcopy(there).propose(targets, 2)


@pytest.mark.parametrize("name", list_methods())
def test_data_there(name, device):
    "Without `device`, where the data is; and then with the same numbers"
    task = get_task("sine_wave")
    data, targets = task.sample(120), torch.tensor([[.3], [9.]])
    on_device = data.to(device)
    assert {t.device for t in (on_device.x, on_device.y, on_device.bounds, on_device.valid)} == {device} and "120 rows" in repr(on_device)
    first, second = short(name).fit(on_device, progress=False), short(name).fit(data, device=device, progress=False)
    with pytest.warns(UserWarning, match="targets: 1 of 2 lie outside"): a, b = first.propose(targets, 5), second.propose(targets, 5)
    assert a.device == device and torch.equal(a.cpu(), b.cpu())
    back = short(name).fit(on_device, device="cpu", progress=False)
    with pytest.warns(UserWarning, match="targets: 1 of 2 lie outside"): assert back.propose(targets.to(device), 5).device.type == "cpu"


@pytest.mark.parametrize("name", list_methods())
def test_a_spectrum_and_whole_numbers_there(name, device):
    "Wide measurements, a column that is constant and one of whole numbers"
    x = torch.rand(120, 4, generator=stream("wide")); x[:, 1] = 7.; x[:, 2] = (5 * x[:, 2]).round()
    wave = torch.linspace(0, 3, 50)
    simulate = lambda x: (x[:, :1] * wave.to(x)).sin() + x[:, 2:3]
    method = short(name).fit(Data(x, simulate(x)), device=device, progress=False)
    assert method.search(simulate, simulate(x[:3]), 4).y.shape == (3, 4, 50)


@pytest.mark.parametrize("name", list_methods())
def test_failures_there(name, device):
    task = get_task("sine_wave")
    simulate = lambda x: torch.where(x[:, :1] < .2, task.simulate(x), torch.nan)
    found = short(name).fit(task.sample(200), device=device, progress=False).search(simulate, torch.zeros(3, 1), 8)
    assert found.x.isfinite().all() and found.error.isfinite().any()


@pytest.mark.parametrize("name", list_methods())
def test_no_generator_of_the_device_is_touched(name, device):
    seeded_devices.clear()
    short(name).fit(get_task("sine_wave").sample(60), device=device, progress=False).propose([[.5]], 3)
    assert not seeded_devices


def test_surrogates_there(device):
    task = get_task("robotic_arm")
    data = task.sample(200)
    x = data.held[0]
    one = Network((16, 16), epochs=3, ensemble=2)
    for a, b in zip(fit_seeds(one, data, range(2), device, progress=False), [copy.deepcopy(one).fit(data, seed, device, progress=False) for seed in range(2)]):
        assert a(x).device == device and close(a(x), b(x).cpu()) and a.variance(x.to(device)).device == device and a.interval(x.to(device)).device == device and abs(a.error - b.error) < .01
    assert fit_seeds(one, data.to(device), [0], progress=False)[0](x).device == device
    paper = Network(hidden=(16,), epochs=2, batch_norm=True, schedule="plateau").fit(data, device=device, progress=False)
    assert paper(x.to(device)).device == device and math.isfinite(paper.error)


@pytest.mark.parametrize("kind", [lambda: GaussianProcess("rbf", ranks=True), lambda: GaussianProcess("matern", few=50, first=30), lambda: Surrogate(network=Network((16,), epochs=2), small=4, enough=0.)], ids=["ranks", "many rows", "chosen"])
def test_processes_there(kind, device, tmp_path):
    "A process computes in double precision where its data is, and says there what it says here"
    task = get_task("robotic_arm")
    data, x = task.sample(80), task.bounds.mean(0) + torch.rand(5, 4, generator=stream("x")) - .5
    here, there = kind().fit(data, progress=False), kind().fit(data, device=device, progress=False)
    assert close(there(x), here(x), 1e-2) and there(x).dtype == torch.float64
    for found in (there(x), there.variance(x), there.interval(x), *there.net.value_and_jacobian(x.to(device).double()), there.net.noise_variance()): assert found.device == device
    there.save(tmp_path)
    again = type(there).load(tmp_path, device)
    assert again(x).device == device and close(again.interval(x), there.interval(x).cpu())


@pytest.mark.parametrize("trained, data_at", [("cpu", "accel"), ("accel", "cpu"), ("accel", "accel")])
def test_parts_that_came_fitted_elsewhere(trained, data_at, device, tmp_path):
    task = get_task("robotic_arm")
    data, targets = task.sample(120), task.targets(3, seed=7)
    surrogate = Network((16,), epochs=2).fit(data, device=trained, progress=False)
    first = short("cinn").fit(data, device=trained, progress=False)
    for method in (NeuralAdjoint(surrogate), NeuralAdjoint(surrogate, starts=first), NeuralAdjoint(surrogate, starts=short("tandem")), NeuralAdjoint(surrogate, AdamSearch(steps=3), starts="uniform", n_starts=8),
                   get_method("ranked_search", surrogate=surrogate), get_method("closed_loop", surrogate=surrogate), get_method("genetic_search", surrogate=surrogate, generations=2)):
        found = method.fit(data, device=data_at, progress=False).search(task.simulate, targets, 4)
        assert found.x.device.type == data_at
        method.save(tmp_path)
        assert close(load_method(tmp_path).propose(targets, 4), method.propose(targets, 4).cpu(), 1e-4)


@pytest.mark.parametrize("box_at", ["cpu", "accel"])
def test_boxes_there(box_at, device):
    task = get_task("robotic_arm")
    data, box = task.sample(120), (task.bounds / 2).to(box_at)
    method = short("neural_adjoint"); method.box = box
    x = method.fit(data, device=device, progress=False).propose(task.targets(3, seed=7), 4)
    assert ((x.cpu() >= box[0].cpu() - 1e-6) & (x.cpu() <= box[1].cpu() + 1e-6)).all()
    split = Data(data.x.to(box_at), data.y)                    # measurements follow the designs
    assert split.y.device.type == box_at and short("neural_adjoint").fit(split, progress=False).propose(task.targets(3, seed=7), 4).device.type == box_at
    mixed = Data(data.x.to(device), data.y.to(device), box * 2, data.valid)
    assert mixed.bounds.device == device and Data(data.x.to(device), data.y.to(device)).valid.device == device
    task_there = Task("there", task.raw, task.bounds.to(box_at))
    assert task_there.sample(50).x.shape == (50, 4) and task_there.targets(3).shape == (3, 2)


def test_a_million_measurements_there(device, tmp_path):
    task = get_task("sine_wave")
    method, targets = short("neural_adjoint").fit(task.sample(100), device=device, progress=False), task.targets(50, seed=7)
    files = [propose_to_file(method, t, tmp_path / f"{i}.npy", 2, block=20, progress=False) for i, t in enumerate((targets, targets.to(device), targets.numpy()))]
    assert files[0].shape == (50, 2, 2) and all(np.array_equal(files[0], file) for file in files)


# the benchmark and the scores

@pytest.mark.parametrize("name", ["neural_adjoint", "closed_loop", "cinn", "direct_search"])
def test_a_cell_there(name, device, tmp_path):
    sizes = dict(rows=200, targets=3, budget=4, progress=False)
    here, there = (run(["robotic_arm"], {name: short(name)}, [0], tmp_path / str(where), device=where, **sizes)[0] for where in (None, "accel"))
    assert (here.facts["device"], there.facts["device"]) == ("cpu", "accel") and here.name == there.name
    assert torch.allclose(here.error.log10().clamp(min=-12), there.error.log10().clamp(min=-12), atol=.5) or (here.error - there.error).abs().max() < .05 * here.error.max()
    assert run(["robotic_arm"], {name: short(name)}, [0], tmp_path / "None", device="accel", **sizes)[0].facts["device"] == "cpu"      # a record from elsewhere counts


def test_scores_there(device):
    a, b = (torch.rand(12, 6, generator=stream(name)) + .01 for name in "ab")
    a[0, 0] = torch.inf
    there = lambda t: t.to(device)
    assert failures(there(a)) == 1
    for exchangeable in (True, False):
        assert torch.equal(per_target(there(a), exchangeable).cpu(), per_target(a, exchangeable)) and torch.equal(r_T(there(a), exchangeable).cpu(), r_T(a, exchangeable))
        assert torch.equal(best_of(there(a), 3, exchangeable).cpu(), best_of(a, 3, exchangeable))
        torch.testing.assert_close([t.cpu() for t in interval([there(a), there(b)])], list(interval([a, b])), equal_nan=True)
    assert all(torch.equal(value.cpu(), other) for value, other in zip(paired([there(a)], [there(b)]).values(), paired([a], [b]).values()))
    assert torch.equal(holm(there(torch.tensor([.01, .5]))), holm(torch.tensor([.01, .5])))
    for score in (good_enough, simulations_to, solved_within): assert torch.equal(*(score(t, .3, *[True]*(score is not good_enough)).cpu() for t in (there(a), a)))
    assert torch.equal(*(r_over_time(r_T(t, True), 1., 2.)[1].cpu() for t in (there(a), a))) and r_over_time(there(b[0]), 1., 2.)[1].shape == (6,)
    assert torch.equal(resimulation_error(there(a), there(b)).cpu(), resimulation_error(a, b))


def test_posteriors_there(device):
    task = get_task("robotic_arm")
    method = short("cinn").fit(task.sample(150), device=device, progress=False)
    ranks = posterior_ranks(method, task, 20, 9)
    assert ranks.device.type == "cpu" and uniformity(ranks, 9).shape == (4,)
    assert torch.equal(uniformity(ranks.to(device), 9), uniformity(ranks, 9))
    x, drawn = torch.rand(20, 4), torch.rand(20, 9, 4).round(decimals=1)
    assert torch.equal(rank_among(x.to(device), drawn.to(device), stream("ties")).cpu(), rank_among(x, drawn, stream("ties")))
    found = method.search(task.simulate, task.targets(4, seed=7), 8)
    for box in (task.bounds, task.bounds.to(device)):
        assert different(found, 100., box).min() >= 1 and spacing(found, 100., box).isfinite().all()


@pytest.mark.parametrize("name", ["mdn", "cinn", "flow_matching", "cvae", "inn"])
def test_what_one_measurement_says_there(device, name):
    data = get_task("ballistics").sample(300)
    p = (INN(blocks=2, epochs=20) if name == "inn" else short(name)).fit(data, device=device, progress=False).posterior(data.y[0])
    x = p.sample(30)
    assert x.device.type == device.type and p.inside(x).all() and torch.equal(x.cpu(), p.sample(30).cpu())
    if name in ("cvae", "inn"): return
    assert p.log_prob(x).isfinite().all() and torch.equal(p.log_prob(x.cpu()), p.log_prob(x))
    if name != "flow_matching": assert p.log_prob(p.map(20, 2)).item() >= p.log_prob(p.sample(20)).max().item()


def test_two_fidelities_there(device):
    "The coarse surrogate stays on the CPU, where it was fitted"
    x = torch.rand(40, 2, generator=stream("two"))
    coarse, few = Network((8,), epochs=2).fit(Data(x, x.sin()), progress=False), Data(x[:12], x[:12].sin() + x[:12])
    for kind in (coarse, GaussianProcess().fit(Data(x, x.sin()), progress=False)):
        here, there = TwoFidelities(kind, steps=5).fit(few, progress=False), TwoFidelities(kind, steps=5).fit(few, device=device, progress=False)
        assert {tensor.device for tensor in there.net.state_dict().values()} == {device} and kind(x).device.type == "cpu"
        assert torch.allclose(there(x).cpu(), here(x), atol=1e-3)


def test_the_command_there(device, tmp_path):
    invnb_bench("smoke", tasks="sine_wave", methods="mdn random_search", out=str(tmp_path), seeds=1, rows=100, targets=3, budget=4, workers=1, device="accel")
    assert {record.facts["device"] for record in read_records(tmp_path)} == {"accel"}


def test_the_pictures_there(device):
    "The explorer computes on the CPU, wherever its rows come from"
    task = get_task("robotic_arm")
    here, there = (from_task(task, data) for data in (task.sample(150), task.sample(150).to(device)))
    answers = [find(problem, "neural_adjoint", problem.targets[:1], 6) for problem in (here, there)]
    assert torch.equal(answers[0].x, answers[1].x)
    assert all(as_png(figure).startswith(b"\x89PNG") for _, figure in pictures(there, answers[1:]))


# the cells that wait for a GPU

CELLS = [(path, "".join(cell["source"])) for path in sorted((ROOT / "nbs").rglob("*.ipynb")) for cell in json.loads(path.read_text(encoding="utf-8"))["cells"] if "#| cuda" in "".join(cell["source"])]


@pytest.mark.parametrize("path, cell", CELLS, ids=[path.name for path, _ in CELLS])
def test_a_cell_for_a_gpu(path, cell, device):
    "It runs, on smaller data and for fewer epochs; what it says of speed needs a GPU"
    for old, new in {'"cuda"': '"accel"', ".cuda()": '.to("accel")', "torch.cuda.synchronize()": "None", "epochs=20": "epochs=2"}.items(): cell = cell.replace(old, new)
    x = torch.rand(60, 1, generator=stream("cell"))
    exec("\n".join(line for line in cell.splitlines() if not line.startswith("assert")), dict(globals(), time=time, data=Data(x, x.sin()), misfit=lambda net, x, y: (net(x) - y).square().mean()))


def test_there_are_such_cells(): assert len(CELLS) >= 2
