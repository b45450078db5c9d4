"""Designs in thousands of random spaces, checked by code that shares nothing with the search: rules are evaluated by Python, on each number by itself."""
import math, random

import pytest, torch

from invnb.core import Data, stream
from invnb.methods.method import get_method
from invnb.methods.network import Network
from invnb.space import Space
from invnb.wish import Wish

SMALL = lambda: Network(hidden=(8,), epochs=3)
METHODS = {"random_search": lambda: {}, "ranked_search": lambda: dict(surrogate=SMALL()), "genetic_search": lambda: dict(surrogate=SMALL(), generations=4, population=16), "neural_adjoint": lambda: {}, "closed_loop": lambda: {},
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
        except ValueError as e: assert str(e).startswith(("rules: expected at least one design", "bounds: expected a permitted value")), e


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
    "Twelve random spaces, proposals and searches, for targets, intervals and wishes with gaps"
    for seed in range(12):
        space, options = made(1000 + seed)
        x = space.sample(60, stream("rows", seed))
        if len(x.unique(dim=0)) < 5: continue                   # rules left no more than a few designs
        weights = torch.randn(space.dx, 2, generator=stream("weights", seed), dtype=torch.float64)
        simulate = lambda x: (x.double() @ weights).sin().to(x)
        data = Data(x, simulate(x), space)
        method = get_method(name, **METHODS[name]()).fit(data, progress=False)
        nothing = float("nan")
        for wish in (simulate(x[:2]), Wish([[.2, -torch.inf]], [[.5, .1]]), Wish.exactly([[nothing, .3]])):
            given = method.propose(wish, 4).double().flatten(0, 1)
            bought = method.search(simulate, wish, 4).x.double().flatten(0, 1)
            for design in [*given.tolist(), *bought.tolist()]: assert complaints(options, design) == [], (seed, options)
