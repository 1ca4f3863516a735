/** What is said of stored files, the same in a terminal, in Markdown and in the editor. */
import type {
  AxisPlaces,
  GridPlaces,
  Places,
  SamplePlaces,
  ScannedFile,
  ScannedTensor,
} from '../../../core/scan/types';
import { hasFailed, hasInf, hasNaN, plural, tensorHasInf } from '../../../core/scan/verdict';
import { shortNumber } from '../numbers';

/** Worst first: NaN, then infinities, then what could not be read, then the rest; each in the order of the scan. */
export function sortedFiles(files: readonly ScannedFile[]): readonly ScannedFile[] {
  const rank = (file: ScannedFile): number => (hasNaN(file) ? 0 : hasInf(file) ? 1 : hasFailed(file) ? 2 : 3);
  return [...files].sort((a, b) => rank(a) - rank(b));
}

/** Whether there is more to say of it than that it is clean. */
export const isNoted = (file: ScannedFile): boolean =>
  hasNaN(file) || hasInf(file) || hasFailed(file) || file.notes.length > 0;

export interface TensorRows {
  /** NaN first, then infinities, then those that could not be read. */
  readonly noted: readonly ScannedTensor[];
  /** Noted ones that are not among them. */
  readonly leftOut: number;
  /** `12 more: no NaN`, `3 more cannot hold NaN (bool, int64)`. */
  readonly rest: readonly string[];
}

/** @param most that are listed; `Infinity`: every tensor, clean ones too */
export function tensorRows({ tensors }: ScannedFile, most: number): TensorRows {
  if (most === Infinity) return { noted: tensors, leftOut: 0, rest: [] };
  const rank = (one: ScannedTensor): number =>
    one.nan > 0 ? 0 : tensorHasInf(one) ? 1 : one.state === 'failed' ? 2 : 3;
  const noted = tensors.filter((one) => rank(one) < 3).sort((a, b) => rank(a) - rank(b));
  const shown = noted.slice(0, most);
  return { noted: shown, leftOut: noted.length - shown.length, rest: restWords(tensors, noted.length > 0) };
}

/** `2 tensors without NaN`, `1 cannot hold NaN (int64)`. */
function restWords(tensors: readonly ScannedTensor[], more: boolean): readonly string[] {
  const clean = tensors.filter((one) => one.state === 'counted' && one.nan === 0 && !tensorHasInf(one));
  const whole = tensors.filter(({ state }) => state === 'none-possible');
  const types = [...new Set(whole.map(({ dtype }) => dtype))].sort().join(', ');
  return [
    ...(clean.length === 0
      ? []
      : [`${more ? `${String(clean.length)} more` : plural(clean.length, 'tensor')} without NaN`]),
    ...(whole.length === 0 ? [] : [`${String(whole.length)} cannot hold NaN (${types})`]),
  ];
}

/** `2 tensors without NaN, 1 cannot hold NaN (int64)`; `no tensor`. */
export const cleanWords = ({ tensors }: ScannedFile): string => restWords(tensors, false).join(', ') || 'no tensor';

/** Finite numbers of all tensors: `−3.1 … 4.7`. */
export function rangeText(tensors: readonly ScannedTensor[]): string {
  const finite = tensors.flatMap(({ min, max }) =>
    typeof min === 'number' && typeof max === 'number' ? [{ min, max }] : [],
  );
  if (finite.length === 0) return '–';
  const least = finite.reduce((a, { min }) => Math.min(a, min), Infinity);
  const largest = finite.reduce((a, { max }) => Math.max(a, max), -Infinity);
  const words = (value: number): string => shortNumber(value).replace('-', '−');
  return least === largest ? words(least) : `${words(least)} … ${words(largest)}`;
}

export const shapeOf = ({ shape, state }: ScannedTensor): string =>
  state === 'failed' && shape.length === 0 ? '' : `[${shape.map(String).join(', ')}]`;

/** `215,040 (43%)`. */
export function countText(count: number, elements: number): string {
  if (count === 0) return '0';
  const percent = (100 * count) / elements;
  const share = count === elements ? 'all' : percent < 1 ? '<1%' : percent > 99 ? '>99%' : `${percent.toFixed(0)}%`;
  return `${count.toLocaleString('en')} (${share})`;
}

/** Whether NaN is told along the first axis only, because nobody said what the axes are. */
export const lacksAxes = (files: readonly ScannedFile[]): boolean =>
  files.some(({ tensors }) =>
    tensors.some(({ nan, where }) => nan > 0 && where?.kind === 'axis' && where.axis === 'first' && where.of > 1),
  );

/** Samples that are told one by one. */
const mostSamples = 6;
const longestList = 60;

/** Where NaN and infinities of a tensor are, one part per line. */
export function whereLines(tensor: ScannedTensor): readonly string[] {
  const { where, error, shape } = tensor;
  if (error !== undefined) return [error.message];
  if (tensor.nan === 0 && !tensorHasInf(tensor)) return [];
  if (where === null) return shape.length === 0 ? [] : ['too many places to list'];
  return where.kind === 'axis' ? axisLines(where) : gridLines(where);
}

const axisLines = ({ axis, of, nan, inf }: AxisPlaces): readonly string[] => {
  const told = (places: Places, what: string): readonly string[] => {
    if (places.count === 0) return [];
    const figure = `${String(places.count)}/${String(of)}`;
    const along =
      axis === 'first' ? `${figure} along axis 0` : `${figure} ${axis === 'batch' ? 'samples' : 'positions'}`;
    return [`${what}${along} (${listText(places)})`];
  };
  return [...told(nan, ''), ...told(inf, 'inf ')];
};

function gridLines({ list, leftOut, samples, positions }: GridPlaces): readonly string[] {
  const shown = list.slice(0, mostSamples);
  const rest = list.length - shown.length + leftOut;
  const lines = shown.map((one) => `sample ${String(one.sample)}: ${sampleText(one, positions)}`);
  return rest === 0 ? lines : [...lines, `… and ${plural(rest, 'more sample')} of ${String(samples)}`];
}

/** `30/35 pad only (0-29), inf 1/35 (3)`. */
const sampleText = ({ nan, inf, real }: SamplePlaces, positions: number): string =>
  [
    nan.count === 0 ? '' : `${String(nan.count)}/${String(positions)}${realWords(real)} (${listText(nan)})`,
    inf.count === 0 ? '' : `inf ${String(inf.count)}/${String(positions)} (${listText(inf)})`,
  ]
    .filter((part) => part !== '')
    .join(', ');

const realWords = (real: SamplePlaces['real']): string =>
  real === undefined ? '' : real.nan === 0 ? ' pad only' : `, ${String(real.nan)} of ${String(real.of)} real`;

/** `0-3,7`, cut in the middle of a line. */
function listText({ at, cut }: Places): string {
  if (at.length <= longestList && cut !== true) return at.replaceAll(',', ', ');
  const short = at.slice(0, longestList);
  return `${short.slice(0, Math.max(0, short.lastIndexOf(','))).replaceAll(',', ', ')}, …`;
}
