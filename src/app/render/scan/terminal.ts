/** A scan as text for a terminal: the worst files first, tensor by tensor, then the rest, then the verdict. */
import type { ScannedFile, ScannedTensor, ScanResult } from '../../../core/scan/types';
import { hasNaN, isPadOnly, plural, tensorHasInf } from '../../../core/scan/verdict';
import { fileSize } from '../numbers';
import type { Style } from '../style';
import { clip, displayWidth, padTo, visible, wrap } from '../text';
import {
  cleanWords,
  countText,
  isNoted,
  lacksAxes,
  rangeText,
  shapeOf,
  sortedFiles,
  tensorRows,
  whereLines,
} from './words';

export interface ScanOptions {
  readonly width: number;
  readonly style: Style;
  /** Every tensor and every file, clean ones too. */
  readonly all?: boolean | undefined;
}

const mostTensors = 20;
const mostClean = 20;
const longestName = 44;
const gap = 2;

interface Row {
  readonly tensor: ScannedTensor;
  /** Name, type, shape, NaN, +Inf, −Inf, finite range. */
  readonly cells: readonly string[];
  readonly where: readonly string[];
}

const heads = ['', 'type', 'shape', 'NaN', '+Inf', '−Inf', 'finite'];
const toTheRight: ReadonlySet<number> = new Set([3, 4, 5]);

/** Ends with a newline; every name in it is safe to print. */
export function terminalScan(result: ScanResult, options: ScanOptions): string {
  const { style, width, all } = options;
  const files = sortedFiles(result.files);
  const noted = files.filter((file) => all === true || isNoted(file));
  return `${[
    notedFiles(noted, options),
    cleanFiles(
      files.filter((file) => !noted.includes(file)),
      options,
    ),
    pickles(result.notRead, options),
    hint(result, options),
    verdictPaint(result, style)(wrap(visible(result.verdict), width)),
  ]
    .filter((part) => part !== '')
    .join('\n\n')}\n`;
}

const verdictPaint = ({ totals }: ScanResult, style: Style): ((text: string) => string) =>
  totals.filesWithNaN > 0 ? style.bad : totals.filesFailed + totals.filesWithInf > 0 ? style.warning : style.good;

function notedFiles(files: readonly ScannedFile[], options: ScanOptions): string {
  const { style, all } = options;
  const blocks = files.map((file) => ({ file, ...tensorRows(file, all === true ? Infinity : mostTensors) }));
  const rows = blocks.map(({ noted }) => noted.map(rowOf));
  const every = rows.flat();
  const shown = heads
    .map((_, column) => column)
    .filter(
      (column) =>
        (column !== 4 && column !== 5) || every.some(({ cells }) => cells[column] !== '0' && cells[column] !== ''),
    );
  const widths = heads.map((head, column) =>
    Math.max(displayWidth(head), ...every.map(({ cells }) => displayWidth(cells[column] ?? ''))),
  );
  const line = (cells: readonly string[], paint: (text: string, column: number) => string): string =>
    shown
      .map((column) => {
        const text = cells[column] ?? '';
        const fill = ' '.repeat(Math.max(0, (widths[column] ?? 0) - displayWidth(text)));
        return toTheRight.has(column) ? fill + paint(text, column) : paint(text, column) + fill;
      })
      .join(' '.repeat(gap));
  const indent = shown.reduce((sum, column) => sum + (widths[column] ?? 0) + gap, 2);
  const head = every.length === 0 ? [] : [style.quiet(`  ${line(heads, (text) => text)}  where`.trimEnd())];
  return [
    ...head,
    ...blocks.flatMap(({ file, leftOut, rest }, at) => [
      fileLine(file, style),
      ...(file.error === undefined ? [] : errorLines(file.error.message, file.error.hint, options)),
      ...(rows[at] ?? []).flatMap((row) => rowLines(row, line, indent, options)),
      ...(leftOut === 0
        ? []
        : [style.quiet(`  … and ${plural(leftOut, 'more tensor')} with NaN or Inf (--all lists them)`)]),
      ...(rest.length === 0 ? [] : [style.quiet(`  ${rest.join(', ')}`)]),
      ...file.notes.map((note) => style.quiet(`  ${wrap(visible(note), options.width - 2, 2)}`)),
    ]),
  ].join('\n');
}

const fileLine = (file: ScannedFile, style: Style): string => {
  const paint = hasNaN(file) ? style.bad : file.error !== undefined ? style.warning : style.strong;
  return `${paint(visible(file.file))}  ${style.quiet(fileSize(file.bytes))}`;
};

const errorLines = (message: string, hint: string, { style, width }: ScanOptions): readonly string[] => [
  style.warning(`  ${wrap(visible(message), width - 2, 2)}`),
  style.quiet(`  ${wrap(visible(hint), width - 2, 2)}`),
];

const rowOf = (tensor: ScannedTensor): Row => {
  const counted = tensor.state === 'counted';
  const figure = (count: number): string => (counted ? countText(count, tensor.elements) : '');
  return {
    tensor,
    cells: [
      clip(visible(tensor.name ?? '(array)'), longestName),
      visible(tensor.dtype),
      clip(shapeOf(tensor), 30),
      tensor.state === 'none-possible' ? 'cannot' : figure(tensor.nan),
      figure(tensor.posInf),
      figure(tensor.negInf),
      counted ? rangeText([tensor]) : '',
    ],
    where: whereLines(tensor).map(visible),
  };
};

function rowLines(
  { tensor, cells, where }: Row,
  line: (cells: readonly string[], paint: (text: string, column: number) => string) => string,
  indent: number,
  { style, width }: ScanOptions,
): readonly string[] {
  const alarm = tensor.nan > 0 ? (isPadOnly(tensor) ? style.warning : style.bad) : style.warning;
  const quiet = tensor.nan === 0 && !tensorHasInf(tensor) && tensor.state !== 'failed';
  const text = line(cells, (cell, column) =>
    column >= 3 && column <= 5 && cell !== '0' && tensor.state === 'counted'
      ? alarm(cell)
      : quiet
        ? style.quiet(cell)
        : cell,
  );
  const narrow = indent + 24 > width;
  const left = narrow ? 6 : indent;
  const wrapped = where.flatMap((one) => wrap(one, Math.max(24, width - left), 2).split('\n'));
  const [first, ...others] = wrapped;
  if (narrow || first === undefined) return [`  ${text}`.trimEnd(), ...wrapped.map((one) => ' '.repeat(left) + one)];
  return [`  ${text}${' '.repeat(gap)}${first}`, ...others.map((one) => ' '.repeat(indent) + one)];
}

function cleanFiles(files: readonly ScannedFile[], { style }: ScanOptions): string {
  const shown = files.slice(0, mostClean);
  const widest = Math.max(0, ...shown.map(({ file }) => Math.min(60, displayWidth(visible(file)))));
  const lines = shown.map((file) => {
    const range = rangeText(file.tensors);
    return `${style.good(padTo(clip(visible(file.file), 60), widest))}  ${style.quiet(
      `${cleanWords(file)}${range === '–' ? '' : `, ${range}`}`,
    )}`;
  });
  const rest = files.length - shown.length;
  return [
    ...lines,
    ...(rest > 0 ? [style.quiet(`… and ${plural(rest, 'more file')} without NaN (--all lists them)`)] : []),
  ].join('\n');
}

const hint = ({ files }: ScanResult, { style, width }: ScanOptions): string =>
  lacksAxes(files)
    ? style.quiet(
        wrap(
          'What the axes are is not in the files: --axes batch,position,… or --mask NAME tells samples and positions.',
          width,
        ),
      )
    : '';

const pickles = (files: readonly string[], { style, width }: ScanOptions): string =>
  files.length === 0
    ? ''
    : style.quiet(
        wrap(
          `Not opened, because pickles are code that runs when they are loaded: ${visible(files.slice(0, 10).join(', '))}${files.length > 10 ? ` and ${String(files.length - 10)} more` : ''}. To scan one, convert it where you trust it: safetensors.torch.save_file(torch.load(FILE, weights_only=True), "FILE.safetensors").`,
          width,
        ),
      );
