"""Which tensors a frame reaches, under which expression; every expression is evaluated to prove it."""
import collections
import dataclasses
import threading
import types
import unittest

import numpy
import torch

from support import by_path, scope

Pair = collections.namedtuple('Pair', 'left right')


@dataclasses.dataclass
class Batch:
    ids: torch.Tensor
    size: int = 3


class Output(collections.OrderedDict):
    """Like the outputs of transformers: an ordered dict whose entries are attributes too."""

    def __getattr__(self, name):
        return self[name]


class Slotted:
    __slots__ = ('weight', 'empty')

    def __init__(self):
        self.weight = torch.ones(2)


class Plain:
    def __init__(self, **members):
        self.__dict__.update(members)


class Frames(unittest.TestCase):
    def paths(self, names, **options):
        """The paths of a frame in order, each checked to give the tensor that was meant."""
        from _nanoscope import entry, health, reach
        with health.quiet():
            found, cut = reach.find(names, dict(entry.DEFAULTS, **options), float('inf'))
        self.assertFalse(cut)
        for item in found:
            if item.path is not None:
                self.assertIs(eval(item.path, {}, dict(names)), item.value, item.path)
        return [item.path for item in found]

    def test_locals_come_first_then_what_is_deep(self):
        a, b, c = torch.ones(1), torch.ones(2), torch.ones(3)
        self.assertEqual(self.paths({'box': [a, [b]], 'x': c, 'n': 3}), ['x', 'box[0]', 'box[1][0]'])

    def test_names_that_are_no_expressions(self):
        value = torch.ones(1)
        names = {'.0': value, '__builtins__': {'x': value}, '__doc__': value, '_x': value, 'x': value, 3: value}
        self.assertEqual(self.paths(names), ['_x', 'x'])

    def test_dict_keys(self):
        keys = ['a', "it's", 'ä\n', 3, True, None, ('a', 1), (2,), (('b', None), -1)]
        names = {'d': {key: torch.ones(1) for key in keys}}
        self.assertEqual(self.paths(names), ['d[%r]' % (key,) for key in keys])

    def test_keys_without_an_expression(self):
        class Text(str):
            def __repr__(self):
                raise AssertionError('repr of a key was called')

        names = {'d': {Text('a'): torch.ones(1), 2.5: [torch.ones(1)], 'k' * 500: torch.ones(1), (1.5,): torch.ones(1)}}
        self.assertEqual(self.paths(names), [None] * 4)

    def test_hostile_keys(self):
        class Key:
            def __hash__(self):
                return 1

            def __eq__(self, other):
                return bad()

            def __repr__(self):
                return bad()

        def bad():
            if armed:
                raise AssertionError('code of a key ran')
            return False

        armed = False
        held = {Key(): torch.ones(1), Key(): torch.ones(1), 'a': torch.ones(1)}
        armed = True
        self.assertEqual(self.paths({'d': held}), [None, None, "d['a']"])

    def test_sequences(self):
        names = {
            'box': [torch.ones(1), 3, 'text'],
            'pair': Pair(torch.ones(1), torch.ones(2)),
            'line': collections.deque([torch.ones(1)]),
            'best': torch.ones(2, 3).max(0),
            'row': (torch.ones(1),),
        }
        expected = ['box[0]', 'pair.left', 'pair.right', 'line[0]', 'best[0]', 'best[1]', 'row[0]']
        self.assertEqual(self.paths(names), expected)

    def test_mappings(self):
        names = {
            'o': collections.OrderedDict(a=torch.ones(1)),
            'd': collections.defaultdict(list, a=torch.ones(1)),
            'out': Output(logits=torch.ones(1), hidden=(torch.ones(2),)),
            'u': collections.UserDict(a=torch.ones(1)),
        }
        self.assertEqual(self.paths(names), ["o['a']", "d['a']", "out['logits']", "u['a']", "out['hidden'][0]"])

    def test_records(self):
        names = {
            'batch': Batch(torch.ones(1)),
            'space': types.SimpleNamespace(x=torch.ones(1)),
            'other': Plain(x=torch.ones(1)),
            'slots': Slotted(),
        }
        self.assertEqual(self.paths(names), ['batch.ids', 'space.x'])

    def test_self_one_level(self):
        self.assertEqual(
            self.paths({'self': Plain(x=torch.ones(1), other=Plain(y=torch.ones(1)), box=[torch.ones(1)])}),
            ['self.x', 'self.box[0]'],
        )
        self.assertEqual(self.paths({'self': Slotted()}), ['self.weight'])
        self.assertEqual(self.paths({'self': Plain(**{'not a name': torch.ones(1)})}), [None])

    def test_module_tree(self):
        class Net(torch.nn.Module):
            def __init__(self):
                super().__init__()
                self.layers = torch.nn.ModuleList([torch.nn.Linear(2, 2, bias=False)])
                self.seq = torch.nn.Sequential(torch.nn.BatchNorm1d(2, affine=False))
                self.named = torch.nn.ModuleDict({'a.b'.replace('.', '-'): torch.nn.Linear(1, 1, bias=False)})
                self.own = torch.nn.Parameter(torch.ones(1))
                self.register_buffer('mask', torch.ones(1))
                self.cache = [torch.ones(1)]
                self.plain = torch.ones(1)
                self.absent = None
                self.register_parameter('bias', None)

        found = by_path({'self': Net()})
        expected = {
            'self.own': 'parameter', 'self.mask': 'buffer', 'self.plain': 'attribute', 'self.cache[0]': 'item',
            'self.layers[0].weight': 'parameter', 'self.seq[0].running_mean': 'buffer',
            'self.seq[0].running_var': 'buffer', 'self.seq[0].num_batches_tracked': 'buffer',
            "self.named._modules['a-b'].weight": 'parameter',
        }
        self.assertEqual({path: found[path]['origin'] for path in found}, expected)
        self.paths({'self': Net()})

    def test_parameter_lists(self):
        names = {'p': torch.nn.ParameterList([torch.ones(1)]), 'q': torch.nn.ParameterDict({'w': torch.ones(1)})}
        self.assertEqual(self.paths(names), ['p[0]', 'q.w'])

    def test_modules_are_followed_deeper_than_containers(self):
        net = torch.nn.Linear(1, 1, bias=False)
        for _ in range(8):
            net = torch.nn.Sequential(net)
        self.assertEqual(self.paths({'net': net}), ['net' + '[0]' * 8 + '.weight'])

    def test_depth(self):
        box = torch.ones(1)
        for _ in range(4):
            box = [box]
        self.assertEqual(self.paths({'box': box}), ['box[0][0][0][0]'])
        self.assertEqual(self.paths({'box': [box]}), [])
        self.assertEqual(self.paths({'box': box}, depth=3), [])

    def test_cycles(self):
        box = [torch.ones(1)]
        box.append(box)
        held = {'box': box}
        held['self'] = held
        node = Plain(x=torch.ones(2))
        node.again = node
        net = torch.nn.Linear(1, 1, bias=False)
        object.__setattr__(net, 'parent', [net])
        self.assertEqual(self.paths({'box': box, 'held': held, 'self': node, 'net': net}),
                         ['box[0]', 'self.x', 'net.weight'])

    def test_same_object(self):
        tied = torch.tensor([float('nan'), 1.0])
        found = by_path({'a': tied, 'box': [tied]})
        self.assertNotIn('sameAs', found['a'])
        self.assertEqual((found['box[0]']['sameAs'], found['box[0]']['nan']), ('a', 1))
        self.assertEqual(found['box[0]']['origin'], 'item')

    def test_limits(self):
        answer = scope({'box': [torch.ones(1)] * 40}, maxTensors=30, maxItems=35)
        self.assertEqual((len(answer['tensors']), answer['more']), (30, 5))
        huge = [0.5] * 10 ** 6
        huge[3] = torch.ones(1)
        huge[70] = torch.ones(1)
        self.assertEqual(self.paths({'huge': huge}), ['huge[3]'])

    def test_what_is_not_opened(self):
        taken = []

        def generate():
            taken.append(1)
            yield torch.ones(1)

        lock = threading.Lock()
        with lock:
            names = {
                'g': generate(), 'i': iter([torch.ones(1)]), 'z': zip([1], [torch.ones(1)]), 'lock': lock,
                'module': torch, 'function': torch.relu, 'klass': torch.Tensor, 'bound': [].append, 'file': open,
                'set': {torch.ones(1)}, 'any': object(), 'array': numpy,
            }
            self.assertEqual(self.paths(names), [])
        self.assertEqual(taken, [])
        self.assertEqual(len(list(names['i'])), 1)
        self.assertEqual(len(list(names['z'])), 1)

    def test_search_stops_at_the_deadline(self):
        from _nanoscope import entry, reach
        names = {'box': [[torch.ones(1)] for _ in range(1000)]}
        found, cut = reach.find(names, dict(entry.DEFAULTS, maxItems=1000), -1.0)
        self.assertTrue(cut)
        self.assertLess(len(found), 1000)
        answer = scope(names, maxItems=1000, budgetMs=60000)
        self.assertEqual((answer['outOfTime'], len(answer['tensors']), answer['more']), (False, 200, 800))

    def test_no_tensors(self):
        answer = scope({'x': 1, 'y': 'text'})
        self.assertEqual((answer['tensors'], answer['more'], answer['outOfTime']), ([], 0, False))
        self.assertEqual(answer['version'], 1)


if __name__ == '__main__':
    unittest.main()
