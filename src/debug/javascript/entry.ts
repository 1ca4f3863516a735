/**
 * What runs inside a stopped JavaScript program: bundled into one expression that is evaluated in the frame, and gone
 * after it. Nothing of it stays in the program. Answers are ASCII JSON text as `../answer.ts` reads it.
 */
import { cellsOf, cornerOf, countsOf, histogramOf, layoutOf, masksAmong } from './closeup';
import { figuresOf, now } from './figures';
import { find, type Found, type Named, type Reach } from './reach';
import { tensorOf, type Tensor } from './tensors';

export interface Options extends Reach {
  readonly budgetMs: number;
  readonly maxTensors: number;
  /** The largest table of counts. */
  readonly cells: number;
  readonly bins: number;
  readonly index: readonly number[];
}

const defaults: Options = { budgetMs: 1000, maxTensors: 200, depth: 4, maxItems: 64, cells: 4096, bins: 32, index: [] };
/** Of the time, the part that may go into finding tensors. */
const searchShare = 0.5;

type Entry = Record<string, unknown>;

/** Every tensor that variables of a frame reach, with its figures. Small ones are read first. */
export function scope(names: readonly Named[], given: Partial<Options>): string {
  const start = now();
  const options = { ...defaults, ...given };
  const { found, cut } = find(names, options, start + options.budgetMs * searchShare);
  const shown = found.slice(0, options.maxTensors);
  const first = new Map<object, number>();
  for (const [place, { value }] of shown.entries()) if (!first.has(value)) first.set(value, place);
  const entries = shown.map(({ path, origin, tensor }): Entry => ({ path, origin, ...about(tensor) }));
  let late = false;
  const size = (place: number): number => shown[place]?.tensor.elements ?? 0;
  for (const place of [...first.values()].sort((a, b) => size(a) - size(b))) {
    const tensor = shown[place]?.tensor;
    if (tensor?.stored) {
      if (now() > start + options.budgetMs) {
        entries[place] = { ...entries[place], skipped: 'The time of this stop was over.' };
        late = true;
      } else {
        const figures = figuresOf(tensor.stored, start + options.budgetMs);
        entries[place] = { ...entries[place], ...figures };
        late ||= figures.scanned !== undefined;
      }
    }
  }
  const tensors = entries.map((entry, place) => sameAs(entry, shown, first, place, entries));
  const more = found.length - shown.length;
  return text({ version: 1, ms: now() - start, tensors, more, outOfTime: cut || late });
}

function sameAs(
  entry: Entry,
  shown: readonly Found[],
  first: ReadonlyMap<object, number>,
  place: number,
  entries: readonly Entry[],
): Entry {
  const { value, path, origin } = shown[place] ?? { value: {} };
  const original = first.get(value);
  if (original === undefined || original === place) return entry;
  return { ...entries[original], path, origin, sameAs: shown[original]?.path ?? null };
}

/**
 * One tensor close up.
 * @param value gives it; what it raises means that there is none
 * @param name its expression
 */
export function detail(value: () => unknown, name: string, names: readonly Named[], given: Partial<Options>): string {
  const start = now();
  const options = { ...defaults, ...given };
  const deadline = start + options.budgetMs;
  const tensor = tensorOf(attempt(value));
  if (tensor === null) return text({ version: 1, path: name, origin: 'local', library: null, type: 'Object' });
  const entry: Entry = { version: 1, path: name, origin: 'local', ...about(tensor) };
  const { stored, shape } = tensor;
  if (stored === null) return text(entry);
  const figures = figuresOf(stored, deadline);
  const { found } = find(names, options, start + options.budgetMs * searchShare);
  const layout = layoutOf(shape, masksAmong(found));
  const { sample, position, why, mask } = layout;
  const cells = cellsOf(layout);
  const hasTable = cells > 0 && cells <= options.cells;
  return text({
    ...entry,
    ...figures,
    axes: { sample, position, why },
    values: cornerOf(stored, shape, options.index),
    counts: hasTable ? countsOf(stored, figures, layout, deadline) : null,
    roles: hasTable && mask ? { from: mask.path, rows: mask.rows } : null,
    histogram: histogramOf(stored, figures, options.bins, deadline),
  });
}

function attempt(value: () => unknown): unknown {
  try {
    return value();
  } catch {
    return null;
  }
}

function about({ library, type, dtype, shape, device, elements, skipped }: Tensor): Entry {
  return { library, type, dtype, shape, device, elements, ...(skipped === null ? {} : { skipped }) };
}

const text = (answer: Entry): string =>
  JSON.stringify(answer, (_, value: unknown) =>
    typeof value === 'number' && !Number.isFinite(value) ? String(value) : value,
  ).replace(/[\u007f-\uffff]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`);
