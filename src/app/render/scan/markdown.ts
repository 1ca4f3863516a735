/** A scan as GitHub's Markdown: verdict first, then every file that something is wrong with, then the clean ones. */
import type { ScannedFile, ScannedTensor, ScanResult } from '../../../core/scan/types';
import { hasNaN, plural } from '../../../core/scan/verdict';
import { code, markdownTable, prose } from '../escape';
import { fileSize } from '../numbers';
import { clip } from '../text';
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

const mostTensors = 100;
const longestName = 120;
const mostNoted = 200;
const mostClean = 500;
const mostPickles = 50;

/** Ends with a newline. */
export function markdownScan(result: ScanResult): string {
  const files = sortedFiles(result.files);
  return `${[
    '# Scan for NaN',
    `**${prose(result.verdict)}**`,
    totals(result),
    ...noted(files.filter(isNoted)),
    clean(files.filter((file) => !isNoted(file))),
    pickles(result.notRead),
    hint(result),
  ]
    .filter((part) => part !== '')
    .join('\n\n')}\n`;
}

const totals = ({ totals }: ScanResult): string =>
  `${plural(totals.files, 'file')}, ${plural(totals.tensors, 'tensor')}, ${fileSize(totals.bytes)}; ${plural(totals.elements, 'element')} counted: ${[
    [totals.nan, 'NaN'],
    [totals.posInf, '+Inf'],
    [totals.negInf, '−Inf'],
  ]
    .map(([count, what]) => `${count?.toLocaleString('en') ?? ''} ${String(what)}`)
    .join(', ')}.`;

/** Both faces show this text. */
const hint = ({ files }: ScanResult): string =>
  lacksAxes(files)
    ? 'What the axes are is not in the files. Said once, samples and positions are told: in a terminal with `--axes batch,position,…` or `--mask NAME`, in VS Code with the settings `nanoscope.scan.axes` and `nanoscope.scan.mask`.'
    : '';

function noted(files: readonly ScannedFile[]): readonly string[] {
  const rest = files.slice(mostNoted);
  if (rest.length === 0) return files.map(section);
  const holdNaN = rest.filter(hasNaN).length;
  return [
    ...files.slice(0, mostNoted).map(section),
    `… and ${plural(rest.length, 'more file')}, ${String(holdNaN)} of them with NaN. All of them: \`nanoscope scan FOLDER --json\`.`,
  ];
}

function section(file: ScannedFile): string {
  const { noted, leftOut, rest } = tensorRows(file, mostTensors);
  const others = [...(leftOut === 0 ? [] : [`${plural(leftOut, 'more tensor')} with NaN or Inf`]), ...rest];
  return [
    `## ${code(file.file)}${hasNaN(file) ? '' : file.error === undefined ? '' : ' (not read)'}`,
    file.error === undefined ? '' : `${prose(file.error.message)} ${prose(file.error.hint)}`,
    noted.length === 0
      ? ''
      : markdownTable(['tensor', 'type', 'shape', 'NaN', '+Inf', '−Inf', 'finite', 'where'], noted.map(row)),
    others.length === 0 ? '' : prose(`Besides: ${others.join(', ')}.`),
    ...file.notes.map(prose),
  ]
    .filter((part) => part !== '')
    .join('\n\n');
}

function row(tensor: ScannedTensor): readonly string[] {
  const counted = tensor.state === 'counted';
  const figure = (count: number): string => {
    const text = prose(countText(count, tensor.elements));
    return counted ? (count === 0 ? text : `**${text}**`) : '–';
  };
  return [
    tensor.name === null ? '(array)' : code(clip(tensor.name, longestName)),
    prose(tensor.dtype),
    prose(shapeOf(tensor)),
    figure(tensor.nan),
    figure(tensor.posInf),
    figure(tensor.negInf),
    prose(rangeText([tensor])),
    whereLines(tensor).map(prose).join('<br>'),
  ];
}

function clean(files: readonly ScannedFile[]): string {
  if (files.length === 0) return '';
  const rest = files.length - Math.min(files.length, mostClean);
  return [
    '## Without NaN',
    markdownTable(
      ['file', 'size', 'tensors', 'finite'],
      files
        .slice(0, mostClean)
        .map((file) => [
          code(file.file),
          fileSize(file.bytes),
          prose(cleanWords(file)),
          prose(rangeText(file.tensors)),
        ]),
    ),
    ...(rest > 0 ? [`… and ${plural(rest, 'more file')}.`] : []),
  ].join('\n\n');
}

function pickles(files: readonly string[]): string {
  if (files.length === 0) return '';
  const rest = files.length - Math.min(files.length, mostPickles);
  return [
    '## Not opened',
    'Pickles are code that runs when they are loaded. To scan one, convert it where you trust it:',
    '```python\nsafetensors.torch.save_file(torch.load(FILE, weights_only=True), "FILE.safetensors")\n```',
    [
      ...files.slice(0, mostPickles).map((file) => `- ${code(file)}`),
      ...(rest > 0 ? [`- … and ${String(rest)} more`] : []),
    ].join('\n'),
  ].join('\n\n');
}
