"""The recorder inside a running program: what a trace file holds, and that nothing is left of it."""
import gc
import importlib
import json
import os
import tempfile
import threading
import unittest
import weakref

import torch

from support import NAME, read

record = importlib.import_module(NAME + '.record')
hooks = torch.nn.modules.module
NAN, INF = float('nan'), float('inf')


class Softmax(torch.nn.Module):
    def forward(self, scores):
        return torch.nn.functional.softmax(scores, -1)


class Recorded(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.file = os.path.join(self.folder.name, 'trace.jsonl')

    def tearDown(self):
        record.stop()
        self.folder.cleanup()
        self.assertFalse(hooks._global_forward_hooks)
        self.assertFalse(hooks._global_forward_pre_hooks)

    def start(self, **options):
        return read(record.start(dict({'file': self.file}, **options)))

    def stop(self):
        state = read(record.stop())
        self.assertEqual((state['recording'], state['left']), (False, 0))
        return state

    def lines(self):
        with open(self.file, encoding='ascii') as file:
            text = file.read()
        self.assertTrue(text.endswith('\n'))
        return [json.loads(line) for line in text.splitlines()]

    def sites(self):
        return [line['site'] for line in self.lines() if 'site' in line]

    def test_lines_of_a_pass(self):
        model = torch.nn.Sequential(torch.nn.Linear(4, 4), Softmax())
        self.start()
        model(torch.zeros(2, 3, 4))
        self.stop()
        lines = self.lines()
        self.assertEqual(lines[0]['nanoscopeTrace'], 1)
        self.assertEqual(lines[1]['pass']['root'], 'Sequential')
        self.assertEqual(lines[1]['pass']['inputs'], [{'name': 'input', 'dtype': 'float32', 'shape': [2, 3, 4]}])
        self.assertEqual([(s['path'], s['op'], s['port']) for s in self.sites()], [
            ('', None, 'in'), ('0', None, 'in'), ('0', None, 'out'), ('1', None, 'in'), ('1', 'softmax', 'in'),
            ('1', 'softmax', 'out'), ('1', None, 'out'), ('', None, 'out')])
        self.assertEqual(lines[-1], {'end': {'dropped': 0, 'errors': 0, 'lastError': None}})

    def test_why_a_softmax_made_nan_and_what_poisoned_one(self):
        born = torch.zeros(1, 2, 2)
        born[0, 0] = -INF
        poisoned = torch.zeros(1, 2, 2)
        poisoned[0, 1, 0] = NAN
        self.start()
        Softmax()(born)
        Softmax()(poisoned)
        self.stop()
        first, second = [s for s in self.sites() if s['op'] == 'softmax' and s['port'] == 'out'], \
            [s for s in self.sites() if s['op'] == 'softmax' and s['port'] == 'in']
        self.assertEqual([s.get('mechanism') for s in first], ['fully-masked-row', None])
        self.assertEqual([s.get('poisoned') for s in second], [None, {'rows': ['1'], 'keys': ['0']}])

    def test_no_values_are_changed(self):
        torch.manual_seed(0)
        model = torch.nn.Sequential(torch.nn.Linear(4, 4), torch.nn.Dropout(0.5), Softmax())
        value = torch.randn(2, 4)
        state = torch.random.get_rng_state()
        plain = model(value)
        self.start()
        torch.random.set_rng_state(state)
        self.assertTrue(torch.equal(plain, model(value)))
        self.assertEqual(value._version, 0)

    def test_implementation_and_fast_path(self):
        class Config:
            _attn_implementation = 'sdpa'

        class Hf(torch.nn.Module):
            def __init__(self):
                super().__init__()
                self.config = Config()
                self.config._attn_implementation = 'sdpa'

            def forward(self, value):
                return value

        layer = torch.nn.TransformerEncoderLayer(4, 1, batch_first=True).eval()
        self.start()
        Hf()(torch.zeros(1, 2, 4))
        with torch.no_grad():
            layer(torch.zeros(1, 2, 4))
        self.stop()
        self.assertEqual([s['implementation'] for s in self.sites() if 'implementation' in s], ['sdpa'])
        self.assertTrue(any(s.get('fastPathOff') for s in self.sites()))

    def test_a_limit_ends_the_recording(self):
        self.start(most=7)
        for _ in range(100):
            torch.nn.Linear(2, 2)(torch.zeros(1, 2))
        self.assertFalse(hooks._global_forward_hooks)
        self.assertEqual(torch.overrides._get_current_function_mode_stack(), [])
        self.stop()
        lines = self.lines()
        self.assertEqual((len(lines), lines[-1]['end']['dropped'] > 0), (8, True))

    def test_a_limit_of_bytes(self):
        held, record.LARGEST = record.LARGEST, 3000
        try:
            self.start()
            for _ in range(100):
                torch.nn.Linear(2, 2)(torch.zeros(1, 2))
        finally:
            record.LARGEST = held
        self.assertFalse(read(record.status())['recording'])
        self.assertLess(os.path.getsize(self.file), 4500)

    def test_names_and_positions_of_any_length(self):
        named = type('N' * 3000, (torch.nn.Module,), {'forward': lambda self, value, attention_mask: value})
        value = torch.zeros(1, 20000, 1)
        value[0, ::2] = NAN
        self.start()
        named()(value, attention_mask=torch.arange(20000)[None] % 2)
        self.stop()
        self.assertEqual([len(site['class']) for site in self.sites()], [500, 500])
        self.assertEqual([site['tensor']['positions'] for site in self.sites()], [None, None])
        self.assertEqual([site['tensor']['nan'] for site in self.sites()], [10000, 10000])
        self.assertEqual(self.lines()[1]['pass']['masks'], [])

    def test_a_mask_of_padding_before_one_of_attention(self):
        """A square mask of bands is as long as there are samples, and would pass for one of padding."""
        class Layer(torch.nn.Module):
            def forward(self, value, mask=None, src_key_padding_mask=None):
                return value

        padding = torch.zeros(3, 3, dtype=torch.bool)
        padding[1, 0] = True
        self.start()
        Layer()(torch.zeros(3, 3, 4), mask=(torch.ones(3, 3).tril(1).triu(-1) == 0), src_key_padding_mask=padding)
        self.stop()
        self.assertEqual([(mask['name'], mask['pad']) for mask in self.lines()[1]['pass']['masks']],
                         [('src_key_padding_mask', ['', '0', ''])])

    def test_samples_of_scores_with_heads_in_their_first_axis(self):
        class Attention(torch.nn.Module):
            def forward(self, value, attention_mask=None):
                scores = (value @ value.transpose(1, 2)).repeat_interleave(2, 0)
                return torch.softmax(scores, -1)

        value = torch.zeros(2, 4, 4)
        value[1, 2] = NAN
        self.start()
        Attention()(value, attention_mask=torch.ones(2, 4).long())
        self.stop()
        poisoned = [site['poisoned'] for site in self.sites() if 'poisoned' in site]
        self.assertEqual(poisoned, [{'rows': ['', '0-1,3'], 'keys': ['', '2']}])

    def test_begun_inside_of_a_pass(self):
        test = self

        class Middle(torch.nn.Module):
            def __init__(self):
                super().__init__()
                self.first, self.second = torch.nn.Identity(), torch.nn.Identity()

            def forward(self, value):
                value = self.first(value)
                if test is not None:
                    test.start()
                return self.second(value)

        model = Middle()
        model(torch.zeros(1, 2, 3))
        test = None
        model(torch.zeros(1, 2, 3))
        self.stop()
        passes = [line['pass'] for line in self.lines() if 'pass' in line]
        self.assertEqual([(one['root'], one.get('partial', False)) for one in passes],
                         [('Identity', True), ('Middle', False)])

    def test_after_an_error_inside_the_outer_module_is_told(self):
        class Wrong(torch.nn.Module):
            def forward(self, value):
                raise ZeroDivisionError

        class Outer(torch.nn.Module):
            def __init__(self):
                super().__init__()
                self.wrong = Wrong()

            def forward(self, value):
                try:
                    self.wrong(value)
                except ZeroDivisionError:
                    pass
                return torch.softmax(value, -1)

        self.start()
        Outer()(torch.zeros(1, 2, 3))
        self.stop()
        self.assertEqual({(site['path'], site['class']) for site in self.sites() if site['op']}, {('', 'Outer')})

    def test_nothing_is_kept_alive(self):
        model, mask = Softmax(), torch.ones(1, 2).long()
        references = weakref.ref(model), weakref.ref(mask)
        model.forward = lambda scores, attention_mask: scores
        self.start()
        model(torch.zeros(1, 2, 3), attention_mask=mask)
        self.stop()
        del model, mask
        gc.collect()
        self.assertEqual([reference() for reference in references], [None, None])

    def test_a_full_disk_ends_it_quietly(self):
        self.start()

        class Full:
            closed = False

            def write(self, words):
                raise OSError(28, 'No space left on device')

            close = flush = lambda self: None

        record._recorder._file.close()
        record._recorder._file = Full()
        torch.nn.Linear(2, 2)(torch.zeros(1, 2))
        state = self.stop()
        self.assertIn('No space left', state['lastError'])
        self.assertFalse(hooks._global_forward_hooks)

    def test_threads_write_whole_lines(self):
        model = torch.nn.Sequential(torch.nn.Linear(4, 4), Softmax())
        self.start()
        threads = [threading.Thread(target=lambda: [model(torch.zeros(1, 4)) for _ in range(20)]) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(self.stop()['errors'], 0)
        numbers = [line['pass']['number'] for line in self.lines() if 'pass' in line]
        self.assertEqual(sorted(numbers), list(range(80)))

    def test_a_file_that_is_there_is_left_alone(self):
        with open(self.file, 'w') as file:
            file.write('mine')
        with self.assertRaises(FileExistsError):
            self.start()
        with open(self.file) as file:
            self.assertEqual(file.read(), 'mine')

    def test_a_file_that_cannot_be_written_any_more_costs_the_program_nothing(self):
        self.start()
        record._recorder._file.close()
        torch.nn.Linear(2, 2)(torch.zeros(1, 2))
        self.assertFalse(read(record.stop())['recording'])


if __name__ == '__main__':
    unittest.main()
