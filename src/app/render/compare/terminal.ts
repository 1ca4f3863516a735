/** A comparison as text for a terminal: the variants, stages × variants, then the verdict. */
import type { ComparedCell, ComparedRow, Comparison } from '../../../core/compare/types';
import { formatRanges } from '../../../core/trace/ranges';
import { sampleTitle } from '../batch';
import { cutIntoBlocks, joinLine, nothing, stageGap, type Column, type Piece } from '../columns';
import type { Style } from '../style';
import { clip, displayWidth, padTo, visible, wrap } from '../text';
import { comparedLines, type ComparedChoice, type ComparedLine } from './rows';
import { variantFacts, wholeText } from './words';

export interface ComparisonOptions extends ComparedChoice {
  readonly width: number;
  readonly style: Style;
}

const longestStage = 44;
const longestLabel = 28;

/** Ends with a newline; every name in it is safe to print. */
export function terminalComparison(comparison: Comparison, options: ComparisonOptions): string {
  const { style, width } = options;
  const { verdict, notes } = comparison;
  const paint = comparison.variants.every(({ nan }) => nan === 'none') ? style.good : style.strong;
  return `${[
    variantLines(comparison, options).join('\n'),
    table(comparison, options),
    paint(wrap(visible(verdict.sentence), width)),
    ...notes.map((note) => style.quiet(wrap(`- ${visible(note)}`, width, 2))),
  ]
    .filter((part) => part !== '')
    .join('\n\n')}\n`;
}

function variantLines(comparison: Comparison, { style, width }: ComparisonOptions): string[] {
  const { variants } = comparison;
  const names = variants.map(({ label }, at) => `${String(at + 1)}  ${visible(label)}`);
  const widest = Math.max(...names.map(displayWidth));
  return variants.map((variant, at) => {
    const name = padTo(names[at] ?? '', widest);
    const facts = wrap(visible(variantFacts(variant, comparison)), Math.max(30, width - widest - 2), 0);
    const paint = variant.nan === 'none' ? style.good : variant.nan === 'padding' ? style.warning : style.bad;
    return `${style.strong(name)}  ${facts
      .split('\n')
      .map((line, i) => (i === 0 ? paint(line) : ' '.repeat(widest + 2) + paint(line)))
      .join('\n')}`;
  });
}

function table(comparison: Comparison, options: ComparisonOptions): string {
  const { style, width } = options;
  const lines = comparedLines(comparison, options);
  if (lines.length === 0)
    return options.differences === true ? style.quiet('No row differs between the variants.') : '';
  const layerWidth = Math.max(0, ...lines.map((line) => (line.kind === 'row' ? displayWidth(line.layer ?? '') : 0)));
  const stages = lines.map((line) => (line.kind === 'fold' ? '' : stageText(line.layer, line.name, layerWidth)));
  const stageWidth = Math.max(5, ...stages.map(displayWidth));
  const columns = comparison.variants.map((variant, at) =>
    variant.roles.map((_, sample) => {
      const memory = variant.memoryRoles && { memory: { positions: 0, roles: variant.memoryRoles } };
      const title = sampleTitle({ roles: variant.roles, ...memory }, sample);
      return column(lines, { variant: at, sample, label: clip(visible(variant.label), longestLabel) }, title, style);
    }),
  );
  const room = width - stageWidth - stageGap - 2;
  const fits = cutIntoBlocks(columns.flat(), room).length === 1;
  const like = options.all === true || fits ? columns.map(() => null) : repeated(columns);
  const shown = columns.filter((_, at) => like[at] === null);
  const blocks = cutIntoBlocks(shown.flat(), room)
    .map((block) => {
      const above = joinLine(padTo('', stageWidth), block, (own) =>
        block.find(({ variant }) => variant === own.variant) === own ? plain(clip(own.label, own.width)) : nothing,
      );
      const head = joinLine(padTo('stage', stageWidth), block, ({ header }) => header);
      const body = lines.map((line, i) => {
        if (line.kind === 'fold') return style.quiet(`… ${line.layers}: the same`);
        const text = joinLine(padTo(stages[i] ?? '', stageWidth), block, ({ cells }) => cells[i] ?? nothing).trimmed;
        return line.row.same ? `  ${text}` : `${style.warning('≠')} ${text}`;
      });
      return [`  ${style.strong(above.trimmed)}`, `  ${style.heading(head.trimmed)}`, ...body].join('\n');
    })
    .join('\n\n');
  const left = repeatedText(like);
  return left === '' ? blocks : `${blocks}\n\n${style.quiet(left)}`;
}

/** For each variant the first one whose columns show the same, null where there is none before it. */
function repeated(variants: readonly (readonly SampleColumn[])[]): (number | null)[] {
  const looks = variants.map((columns) => JSON.stringify(columns.map(({ header, cells }) => [header, cells])));
  return looks.map((look, at) => {
    const first = looks.indexOf(look);
    return first < at ? first : null;
  });
}

/** `Columns of 2–9 show the same as those of 1.` */
function repeatedText(like: readonly (number | null)[]): string {
  const firsts = [...new Set(like)].filter((first) => first !== null);
  const parts = firsts.map((first) => {
    const own = formatRanges(like.length + 1, (number) => like[number - 1] === first);
    return `${own.replaceAll('-', '–').replaceAll(',', ', ')} show the same as those of ${String(first + 1)}`;
  });
  return parts.length === 0 ? '' : `Columns of ${parts.join(', those of ')}.`;
}

const stageText = (layer: string | null, name: string, layerWidth: number): string =>
  layer === null
    ? clip(visible(name), longestStage)
    : `${clip(padTo(visible(layer), layerWidth), longestStage)}  ${clip(visible(name), longestStage)}`;

/** A sample of a variant, whose name stands above its first column. */
interface SampleColumn extends Column {
  readonly variant: number;
  readonly label: string;
}

const plain = (text: string): Piece => ({ text, painted: text });

function column(
  lines: readonly ComparedLine[],
  { variant, sample, label }: { readonly variant: number; readonly sample: number; readonly label: string },
  title: string,
  style: Style,
): SampleColumn {
  const cells = lines.map((line) => (line.kind === 'fold' ? null : cellOf(line.row, variant, sample, style)));
  const widest = Math.max(displayWidth(title), ...cells.map((cell) => displayWidth(cell?.text ?? '')));
  return {
    variant,
    label,
    header: plain(title),
    cells,
    width: sample === 0 ? Math.max(widest, displayWidth(label)) : widest,
  };
}

function cellOf(row: ComparedRow, variant: number, sample: number, style: Style): Piece {
  const cell = row.cells[variant]?.[sample];
  const whole = row.whole?.[variant] ?? null;
  if (!cell && whole !== null && sample === 0) {
    const text = wholeText(whole);
    return { text, painted: whole ? style.bad(text) : style.good(text) };
  }
  if (!cell) return { text: '–', painted: style.quiet('–') };
  const text = cellText(cell);
  const paint = cell.nan === 0 ? style.good : cell.realNan === 0 ? style.warning : style.bad;
  return { text, painted: paint(text) };
}

/** `30/35`, `30/35 pad only`. */
export const cellText = ({ nan, of, realNan }: ComparedCell): string =>
  `${String(nan)}/${String(of)}${nan > 0 && realNan === 0 ? ' pad only' : ''}`;
