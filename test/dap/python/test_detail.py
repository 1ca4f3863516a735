"""One tensor close up: axes, counts, roles, histogram and corner, against tables written by hand or counted slowly."""
import itertools
import math
import unittest

import numpy
import torch

from support import detail

NAN, INF = math.nan, math.inf


def mask_of(*rows):
    """A 0/1 mask from strings of 'p' (padding) and 'r' (real)."""
    return torch.tensor([[int(letter == 'r') for letter in row] for row in rows])


def slow_table(value, rows, columns, test):
    """[rows][columns] of how many elements pass `test`, one at a time."""
    table = [[0] * value.shape[columns] for _ in range(value.shape[rows])]
    for place in itertools.product(*map(range, value.shape)):
        table[place[rows]][place[columns]] += bool(test(value[place].item()))
    return table


class Axes(unittest.TestCase):
    def axes(self, value, names=None):
        found = detail(value, names)['axes']
        self.assertTrue(found['why'].endswith('.'))
        return found['sample'], found['position'], found['why']

    def test_by_rank_alone(self):
        for shape, expected in (((2, 3), (0, 1)), ((2, 3, 4), (0, 1)), ((2, 3, 4, 5), (0, 2))):
            sample, position, why = self.axes(torch.ones(shape))
            self.assertEqual((sample, position), expected)
            self.assertIn('no mask', why)
        for shape in ((), (4,), (1, 2, 3, 4, 5)):
            sample, position, why = self.axes(torch.ones(shape))
            self.assertEqual((sample, position), (None, None))
            self.assertIn('no usual axes', why)

    def test_agreement_with_a_mask(self):
        names = {'inputs': {'attention_mask': mask_of('rrr', 'prr')}}
        for shape, expected in (
            ((2, 3), (0, 1)), ((2, 3, 5), (0, 1)), ((2, 4, 3, 5), (0, 2)), ((2, 4, 3, 3), (0, 2)),
            ((2, 3, 4, 5), (0, 1)), ((3, 2, 5), (1, 0)), ((6, 5), (0, 0)), ((8, 3, 5), (0, 1)),
        ):
            with self.subTest(shape):
                sample, position, why = self.axes(torch.ones(shape), names)
                self.assertEqual((sample, position), expected)
                self.assertIn("inputs['attention_mask']", why)

    def test_mask_that_does_not_agree(self):
        names = {'mask': mask_of('rrr', 'prr')}
        for shape in ((4, 7, 5), (5, 5), (2, 4, 5, 6), (7, 3, 5)):
            self.assertIn('no mask', self.axes(torch.ones(shape), names)[2])

    def test_what_is_no_mask(self):
        for names in (
            {'mask': torch.tensor([[0, 2, 1], [1, 1, 1]])}, {'other': mask_of('rrr', 'prr')},
            {'mask': torch.tensor([[0.0, -INF, 1.0], [1, 1, 1]])}, {'mask': torch.ones(2, 3, dtype=torch.complex64)},
            {'mask': torch.empty(2, 3, device='meta')}, {'mask': torch.ones(6)},
            {'masks': {'x': mask_of('rrr', 'rrr')}},
        ):
            self.assertIn('no mask', self.axes(torch.ones(2, 3, 4), names)[2], names)

    def test_causal_masks_are_not_padding(self):
        lower = torch.ones(3, 3).tril()
        for causal in (lower, lower.bool(), 1 - lower, lower.t()):
            found = detail(torch.ones(3, 3, 4), {'mask': causal})
            self.assertIsNone(found['roles'])
        self.assertIsNotNone(detail(torch.ones(3, 3, 4), {'mask': torch.ones(3, 3)})['roles'])

    def test_masks_of_other_kinds(self):
        plain = mask_of('rrr', 'prr')
        for mask in (plain.bool(), plain.float(), plain.half(), plain.numpy(), plain.numpy().astype('uint8')):
            found = detail(torch.ones(2, 3, 4), {'mask': mask})
            self.assertEqual(found['roles'], {'from': 'mask', 'rows': ['rrr', 'prr']})

    def test_padding_mask_of_torch_layers(self):
        names = {'src_key_padding_mask': mask_of('rrr', 'prr') == 0}
        self.assertEqual(detail(torch.ones(2, 3, 4), names)['roles']['rows'], ['rrr', 'prr'])

    def test_first_mask_that_agrees(self):
        names = {'mask': mask_of('rr'), 'attention_mask': mask_of('rrp', 'prr')}
        self.assertEqual(detail(torch.ones(2, 3, 4), names)['roles'],
                         {'from': 'attention_mask', 'rows': ['rrp', 'prr']})


class Counts(unittest.TestCase):
    def tables(self, value, names=None, rows=0, columns=1):
        found = detail(value, names)
        for kind, test in (('nan', math.isnan), ('posInf', INF.__eq__), ('negInf', (-INF).__eq__)):
            self.assertEqual(found['counts'][kind], slow_table(value, rows, columns, test), kind)
        return found

    def sick(self, *shape):
        generator = torch.Generator().manual_seed(7)
        value = torch.randn(shape, generator=generator)
        for share, odd in ((0.3, NAN), (0.1, INF), (0.1, -INF)):
            value[torch.rand(shape, generator=generator) < share] = odd
        return value

    def test_usual_axes(self):
        for shape, columns in (((3, 4), 1), ((3, 4, 5), 1), ((3, 2, 4, 5), 2)):
            self.tables(self.sick(*shape), columns=columns)
            self.tables(self.sick(*shape).half(), columns=columns)
            self.tables(self.sick(*shape).numpy(), columns=columns)
        self.assertEqual(self.tables(self.sick(3, 4, 5))['perCell'], 5)

    def test_positions_first(self):
        self.tables(self.sick(3, 2, 5), {'mask': mask_of('rrr', 'prr')}, rows=1, columns=0)

    def test_flattened(self):
        value = torch.zeros(6, 5)
        value[4, :3] = NAN
        found = detail(value, {'mask': mask_of('rrr', 'prr')})
        self.assertEqual(found['counts']['nan'], [[0, 0, 0], [0, 3, 0]])
        self.assertEqual(found['perCell'], 5)

    def test_heads_in_samples(self):
        value = torch.zeros(8, 3, 5)
        value[1, 2], value[3, 2, 0], value[4, 0, 0] = NAN, NAN, INF
        found = detail(value, {'mask': mask_of('rrr', 'prr')})
        self.assertEqual(found['counts']['nan'], [[0, 0, 6], [0, 0, 0]])
        self.assertEqual(found['counts']['posInf'], [[0, 0, 0], [1, 0, 0]])

    def test_not_contiguous(self):
        value = self.sick(5, 4, 3).permute(2, 1, 0)
        self.tables(value)
        self.tables(self.sick(6, 8, 3)[::2, ::2])

    def test_expanded(self):
        found = detail(torch.tensor([[[NAN]], [[1.0]]]).expand(2, 3, 4))
        self.assertEqual(found['counts']['nan'], [[4, 4, 4], [0, 0, 0]])

    def test_complex(self):
        value = torch.tensor([[complex(NAN, INF), complex(INF, 0)], [1j, complex(0, -INF)]])
        found = detail(value)
        self.assertEqual(found['counts'], {'nan': [[1, 0], [0, 0]], 'posInf': [[0, 1], [0, 0]],
                                           'negInf': [[0, 0], [0, 1]]})
        self.assertIsNone(found['histogram'])
        self.assertEqual(found['values'][1][0], '1j')

    def test_more_than_a_block(self):
        value = torch.zeros(2, 3, 300000)
        value[1, 2, ::3], value[0, 1, -1] = NAN, INF
        found = detail(value)
        self.assertEqual(found['counts']['nan'], [[0, 0, 0], [0, 0, 100000]])
        self.assertEqual(found['counts']['posInf'], [[0, 1, 0], [0, 0, 0]])

    def test_integers_and_clean(self):
        for value in (torch.ones(2, 3), torch.ones(2, 3, dtype=torch.int32), torch.ones(2, 3, dtype=torch.bool)):
            self.assertEqual(detail(value)['counts']['nan'], [[0, 0, 0], [0, 0, 0]])

    def test_where_there_is_no_table(self):
        self.assertIsNone(detail(torch.full((3,), NAN))['counts'])
        self.assertIsNone(detail(torch.full((70, 70), NAN))['counts'])
        self.assertIsNotNone(detail(torch.full((70, 70), NAN), cells=4900)['counts'])
        sparse = detail(torch.tensor([[0.0, NAN]]).to_sparse())
        self.assertEqual((sparse['counts'], sparse['axes']['sample'], sparse['nan']), (None, None, 1))
        self.assertIsNone(detail(torch.empty(0, 3))['counts'])


class Histogram(unittest.TestCase):
    def check(self, value, bins, counts, edges):
        found = detail(value, bins=bins)['histogram']
        self.assertEqual(found['counts'], counts)
        self.assertEqual(len(found['edges']), bins + 1)
        for edge, expected in zip(found['edges'], edges):
            self.assertAlmostEqual(edge, expected, delta=1e-6 * max(1, abs(expected)))
        self.assertNotIn('scanned', found)

    def test_finite_values_only(self):
        values = [0.0, 1.0, 1.0, 2.0, 4.0, NAN, INF, -INF]
        tensor, array = torch.tensor(values), numpy.array(values)
        for value in (tensor, tensor.half(), array, array.astype('f2')):
            self.check(value, 4, [1, 2, 1, 1], [0, 1, 2, 3, 4])

    def test_integers_and_bools(self):
        self.check(torch.tensor([0, 1, 1, 3]), 3, [1, 2, 1], [0, 1, 2, 3])
        self.check(torch.tensor([True, True, False]), 2, [1, 2], [0, 0.5, 1])

    def test_one_value(self):
        self.check(torch.full((5,), 3.0), 2, [0, 5], [2.5, 3.0, 3.5])
        self.check(torch.full((5,), 1e30), 2, [0, 5], [0.999e30, 1e30, 1.001e30])

    def test_range_beyond_the_largest_number(self):
        values = [-1.7e308, 0.0, 1.7e308]
        for value in (torch.tensor(values, dtype=torch.float64), numpy.array(values)):
            self.check(value, 2, [1, 2], [-1.7e308, 0.0, 1.7e308])

    def test_nothing_finite(self):
        for value in (torch.full((3,), NAN), torch.empty(0), torch.tensor([INF])):
            self.assertIsNone(detail(value)['histogram'])

    def test_more_than_a_block(self):
        value = torch.zeros(600000)
        value[::2] = 1.0
        self.check(value, 2, [300000, 300000], [0, 0.5, 1])

    def test_masked(self):
        value = numpy.ma.array([0.0, 1.0, 9.0, NAN], mask=[False, False, True, False])
        self.check(value, 2, [1, 1], [0, 0.5, 1])


class Values(unittest.TestCase):
    def test_rows(self):
        value = torch.tensor([[1.0, NAN], [INF, -INF]])
        for shown in (value, value.half(), value.numpy(), value.to(torch.bfloat16), value.double()):
            self.assertEqual(detail(shown)['values'], [[1.0, 'NaN'], ['Infinity', '-Infinity']])

    def test_other_ranks_and_types(self):
        self.assertEqual(detail(torch.tensor(2.5))['values'], [[2.5]])
        self.assertEqual(detail(numpy.float32(NAN))['values'], [['NaN']])
        self.assertEqual(detail(torch.arange(20))['values'], [list(range(8))])
        self.assertEqual(detail(torch.tensor([[True, False]]))['values'], [[1, 0]])
        self.assertEqual(detail(torch.empty(0, 3))['values'], [])
        self.assertEqual(detail(numpy.arange(6.0)[::-1].reshape(2, 3))['values'], [[5, 4, 3], [2, 1, 0]])
        self.assertEqual(detail(numpy.ones((1, 2), 'longdouble'))['values'], [[1.0, 1.0]])

    def test_index(self):
        value = torch.arange(2 * 3 * 10 * 10).view(2, 3, 10, 10)
        rows = detail(value, index=[1, 2])['values']
        self.assertEqual((len(rows), len(rows[0]), rows[0][0], rows[7][7]), (8, 8, 500, 577))
        self.assertEqual(detail(value)['values'][0][0], 0)
        self.assertEqual(detail(value, index=[9, -4])['values'][0][0], 300)

    def test_masked_elements_are_null(self):
        value = numpy.ma.array([[1.0, NAN]], mask=[[False, True]])
        self.assertEqual(detail(value)['values'], [[1.0, None]])


class Answers(unittest.TestCase):
    def test_no_tensor(self):
        found = detail([1, 2], name='box')
        self.assertEqual((found['path'], found['type'], found['skipped']), ('box', 'list', 'not a tensor'))

    def test_nothing_to_read(self):
        found = detail(torch.empty(2, 3, device='meta'))
        self.assertIn('no data', found['skipped'])
        self.assertNotIn('counts', found)

    def test_entry_is_there_too(self):
        found = detail(torch.tensor([[1.0, NAN]]), name='self.x')
        self.assertEqual((found['path'], found['nan'], found['shape'], found['version']), ('self.x', 1, [1, 2], 1))

    def test_out_of_time(self):
        found = detail(torch.full((2, 3), NAN), budgetMs=-1)
        self.assertTrue(found['outOfTime'])
        self.assertIn('time budget', found['skipped'])


if __name__ == '__main__':
    unittest.main()
