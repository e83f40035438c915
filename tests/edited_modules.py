"""Modules of a user, and what a script does to them after it has imported them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Case:
    """A module with a function ``shift``, and a statement of a script that has imported it as ``m``."""

    name: str
    module: str
    script: str


# What a script calls is what the preview has called in the parent: the worker has not, and does the same all the same.
SAME = [
    Case(
        "dict as cache",
        """
        C = {}
        def shift(i):
            C[1] = 2
            return i + C[1]
        """,
        "m.shift(0)",
    ),
    Case(
        "set as memory",
        """
        C = set()
        def shift(i):
            C.add(i)
            return i
        """,
        "m.shift(0)",
    ),
    Case(
        "defaultdict",
        """
        from collections import defaultdict
        C = defaultdict(list)
        def shift(i):
            C[i].append(1)
            return i
        """,
        "m.shift(0)",
    ),
    Case(
        "counter",
        """
        N = 0
        def shift(i):
            global N
            N += 1
            return i
        """,
        "m.shift(0)",
    ),
    Case(
        "lru_cache",
        """
        from functools import lru_cache
        @lru_cache
        def k(r): return r
        def shift(i): return i + k(1)
        """,
        "m.shift(0)",
    ),
    Case(
        "cached property",
        """
        from functools import cached_property
        class A:
            @cached_property
            def x(self): return 3
        a = A()
        def shift(i): return i + a.x
        """,
        "m.shift(0)",
    ),
    Case(
        "lazy variable",
        """
        M = None
        def model():
            global M
            M = M or object()
            return M
        def shift(i):
            model()
            return i
        """,
        "m.shift(0)",
    ),
    Case(
        "lazy attribute",
        """
        class Model:
            def __init__(self): self.net = None
            def __call__(self, i):
                self.net = self.net or [1]
                return i
        M = Model()
        def shift(i): return M(i)
        """,
        "m.shift(0)",
    ),
    Case(
        "count of a class",
        """
        class A:
            n = 0
            def f(self): A.n += 1
        a = A()
        def shift(i):
            a.f()
            return i
        """,
        "m.shift(0)",
    ),
    Case(
        "cache as default",
        """
        def shift(i, cache={}):
            cache[1] = 2
            return i
        """,
        "m.shift(0)",
    ),
    Case(
        "closure",
        """
        def timed(f):
            total = [0]
            def inner(i):
                total[0] += 1
                return f(i)
            return inner
        @timed
        def shift(i): return i
        """,
        "m.shift(0)",
    ),
    Case(
        "logger, lock, pattern, generator",
        """
        import logging, re, threading
        log = logging.getLogger('x')
        R = re.compile('a')
        L = threading.Lock()
        G = np.random.default_rng()
        def shift(i):
            with L: log.info(R.pattern)
            return i + G.normal()
        """,
        "m.shift(0)",
    ),
    Case(
        "dataclass and enum",
        """
        from dataclasses import dataclass
        from enum import Enum
        @dataclass
        class Config:
            by: int = 5
        class Mode(Enum):
            A = 1
        C = Config()
        def shift(i): return i + C.by + Mode.A.value
        """,
        "m.shift(0)",
    ),
    Case(
        "arrays and tables",
        """
        import pandas as pd
        K = np.ones(3)
        D = pd.DataFrame({'a': [1]})
        def shift(i): return i + K[0] + D.a.sum()
        """,
        "m.shift(0)",
    ),
    Case(
        "widget",
        """
        from magicgui import magic_factory
        @magic_factory(by={'max': 9})
        def shift(i: int, by: int = 3) -> int: return i + by
        """,
        "m.shift",
    ),
    Case(
        "variable of another function",
        """
        OTHER = 1
        def other(): return OTHER
        def shift(i): return i
        """,
        "m.OTHER = 9",
    ),
    Case(
        "function by value",
        """
        E = 5
        shift = lambda i: i + E
        """,
        "m.E = 9",
    ),
    Case(
        "frozen dataclass with slots",
        """
        from dataclasses import dataclass, field
        @dataclass(frozen=True, slots=True)
        class C:
            cache: dict = field(default_factory=dict)
            def get(self, key):
                self.cache[key] = key
                return key
        c = C()
        def shift(i): return i + c.get(3)
        """,
        "m.shift(0)",
    ),
    Case(
        "singleton",
        """
        class Model:
            _instance = None
            def __new__(cls):
                cls._instance = cls._instance or super().__new__(cls)
                return cls._instance
        def shift(i):
            Model()
            return i
        """,
        "m.shift(0)",
    ),
    Case(
        "caches under other names",
        """
        class A:
            def __init__(self): self.cache = {}
            def get(self, key):
                cache = self.cache
                if key not in cache:
                    cache[key] = key
                setattr(self, 'last', key)
                self.__dict__.setdefault('first', key)
                type(self).count = 1
                return cache[key]
        a = A()
        def shift(i):
            globals()['LAST'] = i
            return i + a.get(1) + LAST
        """,
        "m.shift(0)",
    ),
    Case(
        "setters",
        """
        from dataclasses import dataclass
        @dataclass(frozen=True)
        class A:
            last: int = 0
            def get(self):
                object.__setattr__(self, 'last', 5)
                return self.last
        class B:
            def __init__(self): self._x = 0
            @property
            def x(self): return self._x
            @x.setter
            def x(self, x): self._x = x
            def get(self):
                self.x = 3
                return self.x
        a, b = A(), B()
        def shift(i): return i + a.get() + b.get()
        """,
        "m.shift(0)",
    ),
    Case(
        "results of numpy, and a heap",
        """
        import heapq
        K = np.zeros(3)
        L = np.zeros(3)
        H = []
        def shift(i):
            np.add(K, i, out=K)
            np.copyto(L, 1)
            heapq.heappush(H, i)
            return i
        """,
        "m.shift(1)",
    ),
    Case(
        "lazy descriptor",
        """
        class Lazy:
            def __init__(self, f): self.f = f
            def __set_name__(self, owner, name): self.name = name
            def __get__(self, it, owner=None):
                value = it.__dict__[self.name] = self.f(it)
                return value
        class A:
            @Lazy
            def x(self): return 3
        a = A()
        def shift(i): return i + a.x
        """,
        "m.shift(0)",
    ),
    Case(
        "dict that fills itself",
        """
        class Cache(dict):
            def __missing__(self, key):
                self[key] = 2 * key
                return self[key]
        C = Cache()
        def shift(i): return i + C[1]
        """,
        "m.shift(0)",
    ),
    Case(
        "counts of a function and of an iterator",
        """
        import itertools
        N = itertools.count()
        def shift(i):
            shift.calls = getattr(shift, 'calls', 0) + 1
            next(N)
            return i
        """,
        "m.shift(0)",
    ),
    Case(
        "cache as attribute",
        """
        import functools
        def memo(f):
            @functools.wraps(f)
            def inner(x):
                inner.cache[x] = f(x)
                return inner.cache[x]
            inner.cache = {}
            return inner
        @memo
        def k(x): return x
        def shift(i): return i + k(1)
        """,
        "m.shift(0)",
    ),
    Case(
        "flags, event, executor, environment",
        """
        from concurrent.futures import ThreadPoolExecutor
        from enum import Flag
        from os import environ
        from threading import Event
        class F(Flag):
            A = 1
            B = 2
        E = Event()
        P = ThreadPoolExecutor(1)
        def shift(i):
            E.set()
            environ['LAST_STEP'] = 'shift'
            return P.submit(lambda: i + (F.A | F.B).value).result()
        """,
        "m.shift(0)",
    ),
    Case(
        "list that contains itself",
        """
        L = [1]
        L.append(L)
        def shift(i): return i + L[0]
        """,
        "m.shift(0)",
    ),
    Case(
        "submodule that is imported late",
        """
        def shift(i):
            from steps_package import late
            return i + late.BY
        """,
        "m.shift(0)",
    ),
]

CHANGED = [
    Case(
        "BY",
        """
        BY = 5
        def shift(i): return i + BY
        """,
        "m.BY = 9",
    ),
    Case(
        "BY",
        """
        BY = 5
        def configure(by):
            global BY
            BY = by
        def shift(i): return i + BY
        """,
        "m.configure(9)",
    ),
    Case(
        "BY",
        """
        BY = 5
        def shift(i):
            def inner(): return BY
            return i + inner()
        """,
        "m.BY = 9",
    ),
    Case(
        "BY",
        """
        BY = None
        def shift(i): return i + (BY or 0)
        """,
        "m.BY = 9",
    ),
    Case(
        "O",
        """
        O = {'by': 5}
        def shift(i): return i + O['by']
        """,
        "m.O.update(by=9)",
    ),
    Case(
        "O",
        """
        O = (1, [5])
        def shift(i): return i + O[1][0]
        """,
        "m.O[1][0] = 9",
    ),
    Case(
        "K",
        """
        K = np.ones(3)
        def shift(i): return i + K[0]
        """,
        "m.K[0] = 9",
    ),
    Case(
        "D",
        """
        import pandas as pd
        D = pd.DataFrame({'a': [1]})
        def shift(i): return i + D.a.sum()
        """,
        "m.D['a'] = 9",
    ),
    Case(
        "E",
        """
        E = np.float32(5)
        def shift(i): return i + E
        """,
        "m.E = np.float32(9)",
    ),
    Case(
        "P",
        """
        class P:
            by = 5
        def shift(i): return i + P.by
        """,
        "m.P.by = 9",
    ),
    Case(
        "p",
        """
        class P:
            def __init__(self): self.by = 5
            def set(self, by): self.by = by
        p = P()
        def shift(i): return i + p.by
        """,
        "m.p.set(9)",
    ),
    Case(
        "p",
        """
        from types import SimpleNamespace
        p = SimpleNamespace(by=5)
        def shift(i): return i + p.by
        """,
        "m.p.by = 9",
    ),
    Case(
        "B",
        """
        class A:
            def by(self): return 5
        class B(A): pass
        def shift(i): return i + B().by()
        """,
        "m.A.by = lambda self: 9",
    ),
    Case(
        "Q",
        """
        Q = 5
        class P:
            @property
            def x(self): return Q
        p = P()
        def shift(i): return i + p.x
        """,
        "m.Q = 9",
    ),
    Case(
        "E",
        """
        E = 5
        class S:
            def __call__(self, i): return i + E
        shift = S()
        """,
        "m.E = 9",
    ),
    Case(
        "BY",
        """
        from functools import lru_cache
        BY = 5
        @lru_cache
        def k(): return BY
        def shift(i): return i + k()
        """,
        "m.BY = 9",
    ),
    Case(
        "g",
        """
        def g(): return 5
        def shift(i): return i + g()
        """,
        "m.g = lambda: 9",
    ),
    Case(
        "F",
        """
        F = {'a': lambda: 5}
        def shift(i): return i + F['a']()
        """,
        "m.F['a'] = lambda: 9",
    ),
    Case(
        "add5",
        """
        from functools import partial
        def add(i, by): return i + by
        add5 = partial(add, by=5)
        def shift(i): return add5(i)
        """,
        "m.add5 = m.partial(m.add, by=9)",
    ),
    Case("shift", "def shift(i, by=5): return i + by", "m.shift.__defaults__ = (9,)"),
    Case("np", "def shift(i): return np.add(i, 5)", "m.np = m"),
    Case("steps_helper.BY", "def shift(i): return i + steps_helper.BY", "m.steps_helper.BY = 9"),
    Case("steps_helper.BY", "def shift(i): return i + steps_helper.offset()", "m.steps_helper.BY = 9"),
    Case(
        "steps_helper.BY",
        """
        def shift(i):
            from steps_helper import BY
            return i + BY
        """,
        "m.steps_helper.BY = 9",
    ),
    Case(
        "offset",
        """
        from steps_helper import offset
        def shift(i): return i + offset()
        """,
        "m.offset.__code__ = (lambda: 9).__code__",
    ),
    Case(
        "steps_helper.BY",
        """
        def shift(i):
            helper = steps_helper
            return i + helper.BY
        """,
        "m.steps_helper.BY = 9",
    ),
    Case("steps_helper.BY", "def shift(i): return i + getattr(steps_helper, 'BY')", "m.steps_helper.BY = 9"),
    Case(
        "steps_helper.BY",
        """
        import importlib
        def shift(i): return i + importlib.import_module('steps_helper').BY
        """,
        "m.steps_helper.BY = 9",
    ),
    Case(
        "steps_helper.BY",
        """
        M = {'a': steps_helper}
        def use(module): return module.BY
        def shift(i): return i + use(M['a'])
        """,
        "m.steps_helper.BY = 9",
    ),
    Case(
        "steps_helper.made_up",
        "def shift(i): return i + steps_helper.made_up",
        "m.steps_helper.BY = 9",
    ),
    Case(
        "BY",
        """
        BY = 5
        def add(i): return i + BY
        F = {'a': add}
        def shift(i): return F['a'](i)
        """,
        "m.BY = 9",
    ),
    Case(
        "BY",
        """
        BY = 5
        V = np.vectorize(lambda x: x + BY)
        def shift(i): return V(i)
        """,
        "m.BY = 9",
    ),
    Case(
        "F",
        """
        from scipy import ndimage
        F = ndimage.gaussian_filter
        def shift(i): return F(i, 1)
        """,
        "m.F = m.ndimage.uniform_filter",
    ),
    Case(
        "D",
        """
        D = np.uint8
        def shift(i): return D(i)
        """,
        "m.D = np.uint16",
    ),
    Case(
        "F",
        """
        F = np.add
        def shift(i): return F(i, 1)
        """,
        "m.F = np.subtract",
    ),
    Case(
        "R",
        """
        import re
        R = re.compile('a')
        def shift(i): return i + len(R.findall('aA'))
        """,
        "m.R = m.re.compile('a', m.re.IGNORECASE)",
    ),
    Case(
        "A",
        """
        A = np.ma.array([1, 2], mask=[False, True])
        def shift(i): return i + A.sum()
        """,
        "m.A.mask = False",
    ),
    Case(
        "P",
        """
        class P:
            def set(self, x): self._x = x
            x = property(lambda self: self._x, set)
        def shift(i):
            p = P()
            p.x = i
            return p.x
        """,
        "m.P.x = property(m.P.x.fget, lambda self, x: self.set(x + 9))",
    ),
    Case(
        "g",
        """
        def g(i): return i + g.by
        g.by = 5
        def shift(i): return g(i)
        """,
        "m.g.by = 9",
    ),
    Case(
        "c",
        """
        class Counter:
            n = 0
            def count(self): self.n += 1
        class Config:
            n = 5
        counter, c = Counter(), Config()
        def shift(i):
            counter.count()
            return i + c.n
        """,
        "m.c.n = 9",
    ),
    Case(
        "O",
        """
        O = {'by': 5}
        def fresh():
            O = {}
            O['by'] = 3
            return O
        def shift(i): return i + O['by'] + len(fresh())
        """,
        "m.O['by'] = 9",
    ),
]
