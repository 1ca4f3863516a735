"""What the debugger calls: the tensors of a frame, and one tensor close up. Both answer with ASCII JSON text."""
import json
import math
import time

from . import detail as closeup
from . import health, reach

VERSION = 1
DEFAULTS = {'budgetMs': 1000, 'maxTensors': 200, 'depth': 4, 'maxItems': 64, 'cells': 4096, 'bins': 32, 'index': []}
# Of the budget, the part that may go into finding tensors; the rest is kept for reading them.
SEARCH_SHARE = 0.5


def scope(names, options=None):
    """JSON text: every tensor that a frame's locals dict `names` can reach, with its figures.

    Options: budgetMs, maxTensors, depth and maxItems. Tensors come in the order of the frame; small ones are read
    first, so that a huge one cannot hide them when time runs out.
    """
    start, options = time.perf_counter(), _complete(options)
    budget = options['budgetMs'] / 1000
    with health.quiet():
        found, cut = reach.find(names, options, start + budget * SEARCH_SHARE)
        shown = found[:options['maxTensors']]
        entries, late = _entries(shown, start + budget)
    return text({
        'version': VERSION, 'ms': _since(start), 'tensors': entries, 'more': len(found) - len(shown),
        'outOfTime': cut or late,
    })


def detail(value, name, names, options=None):
    """JSON text: one tensor close up; `name` is its expression, `names` the frame's locals.

    Options: budgetMs, cells (largest table of counts), bins (of the histogram) and index (the place in the leading
    axes from which `values` is cut). A value that is no tensor gets 'skipped'.
    """
    start, options = time.perf_counter(), _complete(options)
    deadline = start + options['budgetMs'] / 1000
    library = health.library_of(value)
    if library is None:
        answer = {'path': name, 'origin': 'local', 'library': None, 'type': health.type_name(value),
                  'skipped': 'not a tensor'}
        return text(dict(answer, version=VERSION, ms=_since(start), outOfTime=False))
    with health.quiet():
        entry = describe(reach.Found(name, 'local', value), library)
        late = measure(entry, value, deadline, lambda data: closeup.add(entry, data, name, names, options, deadline))
        late = late or time.perf_counter() > deadline
    return text(dict(entry, version=VERSION, ms=_since(start), outOfTime=late))


def _complete(options):
    return dict(DEFAULTS, **(options or {}))


def _since(start):
    return round((time.perf_counter() - start) * 1000, 2)


def _entries(found, deadline):
    """(entries in the order found, whether time ran out)."""
    entries, first, late = [], {}, False
    for item in found:
        entries.append(describe(item, health.library_of(item.value)))
        first.setdefault(id(item.value), len(entries) - 1)
    for place in sorted(set(first.values()), key=lambda place: entries[place].get('elements', 0)):
        late = measure(entries[place], found[place].value, deadline) or late
    for place, item in enumerate(found):
        original = first[id(item.value)]
        if original != place:
            own = {'path': item.path, 'origin': item.origin, 'sameAs': found[original].path}
            entries[place] = dict(entries[original], **own)
    return entries, late


def describe(found, library):
    """An entry without figures; 'error' where the tensor does not even tell its shape."""
    entry = {'path': found.path, 'origin': found.origin, 'library': library, 'type': health.type_name(found.value)}
    try:
        entry.update(health.about(found.value, library))
    except Exception as error:  # Whatever a library raises about one tensor must not cost the others.
        entry['error'] = error_text(error)
    return entry


def measure(entry, value, deadline, more=None):
    """Adds figures to an entry, or 'skipped' or 'error'; `more` is called with the prepared data after that.

    Returns whether time ran out on it.
    """
    if 'error' in entry:
        return False
    try:
        data = health.prepare(value, entry['library'])
        if data.note is not None:
            entry['note'] = data.note
        entry.update(health.figures(data, deadline))
        late = 'scanned' in entry
        read = math.prod(data.array.shape)
        if not late and read < entry['elements']:
            entry['scanned'] = read  # A sparse tensor's stored values, a distributed one's part.
        if more is not None:
            more(data)
        return late
    except health.OutOfTime as reason:
        entry['skipped'] = str(reason)
        return True
    except health.Skip as reason:
        entry['skipped'] = str(reason)
    except Exception as error:  # As above.
        entry['error'] = error_text(error)
    return False


def error_text(error):
    return '%s: %s' % (type(error).__name__, str(error).strip().split('\n')[0][:300])


def text(answer):
    return json.dumps(_plain(answer), ensure_ascii=True, allow_nan=False, separators=(',', ':'))


def _plain(value):
    """The value with non-finite and complex numbers as text, which JSON has no numbers for."""
    if type(value) is dict:
        return {key: _plain(item) for key, item in value.items()}
    if type(value) in (list, tuple):
        return [_plain(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return 'NaN' if value != value else 'Infinity' if value > 0 else '-Infinity'
    return str(value) if isinstance(value, complex) else value
