"""Loads the debugger's Python as package `_nanoscope`, as a debuggee has it, and helps reading its answers."""
import importlib.util
import json
import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
SOURCES = os.path.normpath(os.path.join(HERE, '..', '..', '..', 'src', 'debug', 'python'))
NAME = '_nanoscope'


def load():
    """The package's entry module; no bytecode is left beside the sources."""
    if NAME not in sys.modules:
        sys.dont_write_bytecode = True
        file = os.path.join(SOURCES, '__init__.py')
        spec = importlib.util.spec_from_file_location(NAME, file, submodule_search_locations=[SOURCES])
        package = importlib.util.module_from_spec(spec)
        sys.modules[NAME] = package
        spec.loader.exec_module(package)
    return importlib.import_module(NAME + '.entry')


entry = load()


def refuse(constant):
    raise AssertionError('%s is no JSON' % constant)


def read(text):
    """The parsed answer, after checking that it is ASCII and plain JSON."""
    text.encode('ascii')
    return json.loads(text, parse_constant=refuse)


def scope(names, **options):
    return read(entry.scope(names, options))


def by_path(names, **options):
    """{path: entry} of a frame."""
    return {found['path']: found for found in scope(names, **options)['tensors']}


def one(value, **options):
    """The entry of a value that stands alone in a frame."""
    tensors = scope({'value': value}, **options)['tensors']
    assert len(tensors) == 1, tensors
    return tensors[0]


def detail(value, names=None, name='value', **options):
    return read(entry.detail(value, name, dict(names or {}), options))
