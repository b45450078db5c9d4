"""Designs in thousands of random spaces, checked by code that shares nothing with the search: rules are evaluated by Python, on each number by itself."""
import math, random
from dataclasses import replace

import pytest, torch

from invnb.core import Data, stream
from invnb.encoding import Encoding
from invnb.methods.contract import EncodedNet
from invnb.methods.method import get_method
from invnb.methods.method import completed
from invnb.methods.network import Network
from invnb.methods.process import GaussianProcess
from invnb.methods.surrogate import expected_miss
from invnb.methods.values import all_values, search_values
from invnb.misfit import Misfit
from invnb.space import Space
from invnb.wish import Wish

SMALL = lambda: Network(hidden=(8,), epochs=3)
METHODS = {"random_search": lambda: {}, "ranked_search": lambda: dict(surrogate=SMALL(), proposals=200), "genetic_search": lambda: dict(surrogate=SMALL(), generations=4, population=16), "neural_adjoint": lambda: {}, "closed_loop": lambda: {},
           "neural_adjoint_paper": lambda: {},
           "direct_search": lambda: {}, "tandem": lambda: dict(surrogate=SMALL(), hidden=(8,), epochs=3), "cvae": lambda: dict(epochs=3), "mdn": lambda: dict(epochs=3)}


def random_space(dice):
    "Options of a space, with rules that a random point of the box keeps or not"
    dx = dice.randint(1, 6)
    low = [dice.choice([0, -1, dice.uniform(-5, 5)]) for _ in range(dx)]
    high = [a + dice.choice([1, 3, 10, dice.uniform(.1, 100)]) for a in low]
    names = dice.sample(["a", "b", "a b", "d 1 (nm)", "x_2", "müde", "r"], dx)
    whole, levels, choices, periodic, rules = [], {}, {}, {}, []
    for name, a, b in zip(names, low, high):
        kind = dice.choice("nnnnwlcp")
        if kind == "w" and math.floor(b) > a: whole.append(name)
        if kind == "l": levels[name] = [dice.uniform(a, b) for _ in range(dice.randint(1, 5))]
        if kind == "p": periodic[name] = b - a
        if kind == "c" and a == 0 and b >= 1: choices[name] = ["one", "two", "three"][:int(b) + 1]
    point = [a + (b - a) * dice.random() for a, b in zip(low, high)]
    for _ in range(dice.choice([0, 0, 1, 1, 2])):
        columns = dice.sample(range(dx), dice.randint(1, dx))
        weights = [dice.choice([1, 1, -1, dice.uniform(-2, 2)]) for _ in columns]
        middle = sum(w * point[j] for w, j in zip(weights, columns))
        sign = dice.choice(["<=", ">=", "=="])
        rules.append(" + ".join(f"{w!r}*'{names[j]}'" for w, j in zip(weights, columns)) + f" {sign} {middle!r}")
    if dice.random() < .15: rules.append(f"at most {dice.randint(1, dx)} of {', '.join(names)}")
    return dict(bounds=torch.tensor([low, high], dtype=torch.float64), names=names, whole=whole, levels=levels, choices=choices, periodic=periodic, rules=rules)


def complaints(options, design):
    "What is wrong with one design, in plain Python"
    names, (low, high) = options["names"], options["bounds"].tolist()
    value, found = dict(zip(names, design)), []
    for name, a, b in zip(names, low, high):
        near = 1e-8 * ((b - a) or 1)
        if not a - near <= value[name] <= b + near: found.append(f"{name} = {value[name]} is outside {a} to {b}")
        if name in options["whole"] and abs(value[name] - round(value[name])) > near: found.append(f"{name} = {value[name]} is not whole")
        if name in options["levels"] and min(abs(value[name] - level) for level in options["levels"][name]) > near: found.append(f"{name} = {value[name]} is no level")
        if name in options["choices"] and min(abs(value[name] - i) for i in range(len(options["choices"][name]))) > near: found.append(f"{name} = {value[name]} is no choice")
    for rule in options["rules"]:
        if rule.startswith("at most"):
            most = int(rule.split()[2])
            if sum(abs(value[name]) > 1e-8 * (b - a) for name, a, b in zip(names, low, high)) > most: found.append(rule)
            continue
        text = rule
        for i, name in enumerate(names): text = text.replace(f"'{name}'", f"v[{i}]")
        left, sign, right = text.rpartition("<=") if "<=" in text else text.rpartition(">=") if ">=" in text else text.rpartition("==")
        gap, size = eval(left, {"v": design}) - float(right), 1e-8 * sum(2.1 * (b - a) for a, b in zip(low, high))
        if (sign == "<=" and gap > size) or (sign == ">=" and gap < -size) or (sign == "==" and abs(gap) > size): found.append(f"{rule}: {gap}")
    return found


def made(seed):
    "A random space that is not empty, and its options"
    dice = random.Random(seed)
    while True:
        options = random_space(dice)
        try: return Space(**options), options
        except ValueError as e: assert str(e).startswith(("rules: expected at least one design", "whole: expected a permitted value", "levels: expected a permitted value", "choices: expected a permitted value")), e


@pytest.mark.parametrize("part", range(4))
def test_nearest_and_samples_are_inside(part):
    "A thousand random spaces"
    for seed in range(250 * part, 250 * part + 250):
        space, options = made(seed)
        generator, (low, high) = stream("spaces", seed), space.bounds
        x = low + (high - low) * (2 * torch.rand(6, space.dx, generator=generator, dtype=torch.float64) - .5)
        for design in [*space.nearest(x).tolist(), *space.sample(4, generator).tolist()]: assert complaints(options, design) == [], (seed, options)


@pytest.mark.parametrize("name", METHODS)
def test_every_method_stays_inside(name):
    "Five random spaces, proposals and searches, for targets, intervals and wishes with gaps; a table in double or in single precision"
    for seed in range(5):
        space, options = made(1000 + seed)
        x = space.sample(60, stream("rows", seed))
        if len(x.unique(dim=0)) < 5: continue                   # rules left no more than a few designs
        weights = torch.randn(space.dx, 2, generator=stream("weights", seed), dtype=torch.float64)
        simulate = lambda x: (x.double() @ weights).sin().to(x)
        data = Data(x, simulate(x), space) if seed % 2 else Data(x.float(), simulate(x).float(), space)
        method = get_method(name, **METHODS[name]())
        if name == "neural_adjoint_paper": method = replace(method, surrogate=SMALL(), n_starts=8, solver=replace(method.solver, steps=3))
        method.fit(data, progress=False)
        nothing = float("nan")
        for wish in (simulate(x[:2]), Wish([[.2, -torch.inf]], [[.5, .1]]), Wish.exactly([[nothing, .3]])):
            given = method.propose(wish, 4).double().flatten(0, 1)
            bought = method.search(simulate, wish, 4).x.double().flatten(0, 1)
            for design in [*given.tolist(), *bought.tolist()]: assert complaints(options, design) == [], (seed, options)


def random_wish(generator, n, dy):
    "Ends, weights and gaps of all kinds"
    lower = torch.randn(n, dy, generator=generator, dtype=torch.float64)
    upper = lower + torch.rand(n, dy, generator=generator, dtype=torch.float64) * torch.randint(0, 2, (n, dy), generator=generator)
    lower = lower.masked_fill(torch.rand(n, dy, generator=generator) < .3, -torch.inf)
    upper = upper.masked_fill(torch.rand(n, dy, generator=generator) < .3, torch.inf)
    lower[:, 0] = upper[:, 0] = .5                                       # something is wanted
    return lower, upper, torch.rand(n, dy, generator=generator, dtype=torch.float64) + .1


@pytest.mark.parametrize("seed", range(20))
def test_wishes(seed):
    "Errors by hand, also behind a monotone scale; what is nearest grants the wish; a wish of a part of the rows is that part"
    generator = stream("wishes", seed)
    lower, upper, weight = random_wish(generator, 7, 4)
    wish, y = Wish(lower, upper, weight), torch.randn(7, 4, generator=generator, dtype=torch.float64)
    for i in range(7):
        gaps = [max(a - v, v - b, 0.) for a, b, v in zip(lower[i].tolist(), upper[i].tolist(), y[i].tolist())]
        cared = [w if math.isfinite(a) or math.isfinite(b) else 0. for w, a, b in zip(weight[i].tolist(), lower[i].tolist(), upper[i].tolist())]
        want = sum(w * g * g for w, g in zip(cared, gaps)) / sum(cared)
        assert abs(float(wish.error(y)[i]) - want) < 1e-12 and bool(wish.met(y)[i]) == all(g == 0 or w == 0 for g, w in zip(gaps, cared))
    assert wish.met(wish.closest(y)).all() and (wish.error(wish.closest(y)) == 0).all()
    assert torch.equal(wish[2:5].error(y[2:5]), wish.error(y)[2:5]) and torch.equal(torch.cat([part.error(rows) for part, rows in zip(wish.split(3), y.split(3))]), wish.error(y))
    assert torch.allclose(wish.through(lambda v: 3 * v - 2).error(3 * y - 2), 9 * wish.error(y))
    inside = wish.inside(.1)
    assert (inside.lower >= wish.lower).all() and (inside.upper <= wish.upper).all() and (inside.lower <= inside.upper).all()
    y0 = y.clone().requires_grad_()
    slope, = torch.autograd.grad(wish.residual(y0).sum(), y0)
    assert torch.allclose(-slope, wish.slopes(y), atol=1e-12)
    turned = Wish.exactly(y).turning(torch.tensor([360., torch.inf, torch.inf, torch.inf]))
    other = y + torch.tensor([720., 0, 0, 0])
    assert torch.allclose(turned.error(other), torch.zeros(7).double(), atol=1e-20)


@pytest.mark.parametrize("seed", range(5))
def test_expected_miss(seed):
    "The mean error of many draws of a normal distribution; less well inside, less where it is sure"
    generator = stream("miss", seed)
    wish, y, variance = Wish(*random_wish(generator, 5, 3)), torch.randn(5, 3, generator=generator, dtype=torch.float64), torch.rand(5, 3, generator=generator, dtype=torch.float64)
    draws = y + variance.sqrt() * torch.randn(200_000, 5, 3, generator=generator, dtype=torch.float64)
    assert torch.allclose(expected_miss(wish, y, variance), wish.error(draws).mean(0), rtol=.03, atol=1e-3)
    assert torch.allclose(expected_miss(wish, y, 1e-20 + 0 * y), wish.error(y), atol=1e-9)
    corridor = Wish(torch.zeros(3, 1), torch.ones(3, 1))
    edge, middle, sure = expected_miss(corridor, torch.tensor([[.05], [.5], [.5]]), torch.tensor([[.04], [.04], [.01]])).tolist()
    assert sure < middle < edge


def test_completed():
    "Whole measurements that grant the wish, each near one that is known"
    generator = stream("completed")
    known, wish = torch.randn(200, 3, generator=generator), Wish([[.2, -torch.inf, .1]], [[.2, torch.inf, .4]])
    misfit = Misfit.of(Data(torch.rand(200, 2, generator=generator), known))
    found = completed(wish, known, 9, misfit, stream("choice"))
    assert found.shape == (9, 3) and wish.met(found).all() and all((known[:, 1] == v).any() for v in found[:, 1])
    exact = Wish.exactly(known[:2])
    assert torch.equal(completed(exact, known, 3, misfit, stream("choice")), known[:2].repeat_interleave(3, 0))


def test_choices_and_angles_are_learned(tmp_path):
    "A surrogate whose inputs are a material and an angle, and one of whose outputs is an angle: derivatives, saving, and the answer at the wrap"
    space = Space([[0, -180, 1], [2, 180, 2]], ["metal", "way", "r"], choices={"metal": ["a", "b", "c"]}, periodic={"way": 360})
    x, gain = space.sample(300, stream("encoded")), torch.tensor([3., 1., 2.], dtype=torch.float64)
    def simulate(x):
        way = torch.deg2rad(x[:, 1])
        return torch.stack([gain[x[:, 0].round().long()] * x[:, 2], torch.rad2deg(torch.atan2((way + 1).sin(), (way + 1).cos()))], 1)
    data = Data(x, simulate(x), space, turns=[torch.inf, 360])
    process = GaussianProcess().fit(data, progress=False)
    assert isinstance(process.net, EncodedNet) and (process.net.r2 > .999).all()
    y, J = process.net.value_and_jacobian(x[:5])
    for i in range(5):                                                  # a choice has no derivative
        by_autograd = torch.autograd.functional.jacobian(lambda v: process.net(v[None])[0], x[i])
        assert torch.allclose(J[i, :, 1:], by_autograd[:, 1:], atol=1e-6)
    method = get_method("neural_adjoint", surrogate=process).fit(data, progress=False)
    wanted = simulate(torch.tensor([[1., 122.5, 1.5], [2., -179.9, 1.2]], dtype=torch.float64))          # the first is near the wrap of y, the second at that of x
    found = method.propose(wanted, 5)
    assert space.contains(found.flatten(0, 1)).all()
    missed = simulate(found[:, 0]) - wanted
    assert missed[:, 0].abs().max() < .01 and ((missed[:, 1] + 180) % 360 - 180).abs().max() < .1
    method.save(tmp_path / "saved")
    again = type(method).load(tmp_path / "saved")
    assert torch.equal(again.propose(wanted, 5), found) and again.space.facts() == space.facts()
    metal = method.propose(wanted, 3, space=space.fix(metal="b"))
    assert (metal[..., 0] == 1).all()


def test_the_search_among_values_finds_the_best():
    "Forty mixed problems, each solved by looking at all combinations and a fine grid of the rest: the share that ends in an optimum of equal error, and what it costs"
    def problem(seed):
        generator = stream("mixed", seed)
        space = Space([[0., 0, 0, -1, -1], [3, 5, 9, 1, 1]], ["a", "n", "k", "u", "v"], choices={"a": list("pqrs")}, whole=["n", "k"], rules=["n + k <= 12"])
        W, w, shift = torch.randn(3, 5, generator=generator, dtype=torch.float64), torch.randn(4, 3, generator=generator, dtype=torch.float64), torch.rand(5, generator=generator, dtype=torch.float64)
        forward = lambda x: ((x / torch.tensor([1., 5, 9, 1, 1]) + shift) @ W.T).sin() + w[x[..., 0].round().long().clamp(0, 3)]
        wish = Wish.exactly(forward(space.sample(1, generator)) + .1 * torch.randn(1, 3, generator=generator, dtype=torch.float64))
        return space, forward, wish, space.sample(12, generator)[None]
    solved, calls = 0, 0
    for seed in range(40):
        space, forward, wish, start = problem(seed)
        asked = [0]
        def expect(x, wish):
            asked[0] += x.shape[1]
            return wish[:, None].error(forward(x))
        def solve(x, wish):                                             # damped steps; a column at its bound that would leave the box is held
            u, damping = x.clone(), torch.full(x.shape[:2], 1e-2, dtype=torch.float64)
            for _ in range(8):
                with torch.enable_grad():
                    v = u.detach().requires_grad_()
                    r = wish[:, None].residual(forward(v))
                    rows = torch.stack([torch.autograd.grad(r[..., j].sum(), v, retain_graph=True)[0][..., 3:] for j in range(3)], -2)
                asked[0] += x.shape[1]
                at, r = u[..., 3:], r.detach()
                slope = (rows.mT @ r[..., None])[..., 0]
                free = ~((at >= 1) & (slope < 0) | (at <= -1) & (slope > 0))
                rows = rows * free[..., None, :]
                gram = rows.mT @ rows + torch.diag_embed(damping[..., None] + (~free).double())
                new = torch.cat([u[..., :3], (at - torch.linalg.solve(gram, slope * free)).clamp(-1, 1)], -1)
                better = wish[:, None].error(forward(new)) < wish[:, None].error(forward(u))
                u, damping = torch.where(better[..., None], new, u), torch.where(better, damping / 4, damping * 4)
            return u
        found = search_values(space, space.nearest(solve(start, wish)[0])[None], wish, expect, solve)
        best = float(expect(found, wish).amin())
        calls += asked[0] / 40
        every = all_values(space, 10**6)
        every = every[space.contains(every.nan_to_num(0.))]
        side = torch.linspace(-1, 1, 41, dtype=torch.float64)
        grid = every.repeat_interleave(41 * 41, 0)
        grid[:, 3:] = torch.cartesian_prod(side, side).repeat(len(every), 1)
        fine = float(expect(solve(grid[expect(grid[None], wish).topk(20, largest=False).indices[0]][None], wish), wish).amin())
        solved += best <= fine * (1 + 1e-6) + 1e-9
    assert solved >= 35, (solved, calls)                                # measured: 388 of 400, with 13,300 calls each
