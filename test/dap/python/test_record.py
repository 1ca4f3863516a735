"""The recorder inside a running program: what a trace file holds, and that nothing is left of it."""
import importlib
import json
import os
import tempfile
import threading
import unittest

import torch

from support import NAME, entry, read

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

    def test_a_limit(self):
        self.start(most=5)
        for _ in range(4):
            torch.nn.Linear(2, 2)(torch.zeros(1, 2))
        self.stop()
        self.assertGreater(self.lines()[-1]['end']['dropped'], 0)
        self.assertLessEqual(len(self.sites()), 5)

    def test_threads_write_whole_lines(self):
        model = torch.nn.Sequential(torch.nn.Linear(4, 4), Softmax())
        self.start()
        threads = [threading.Thread(target=lambda: [model(torch.zeros(1, 4)) for _ in range(20)]) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(self.stop()['errors'], 0)
        self.assertEqual(len([line for line in self.lines() if 'pass' in line]), 80)

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


del entry
if __name__ == '__main__':
    unittest.main()
