/**
 * The report that a person would have written by hand: verdict first, then the batch, where NaN is, how it got
 * there, why, what heals it, and how to see it again. For GitHub's Markdown.
 */
import type { Finding, FixResult, Origin, Report } from '../../core/report';
import { verdictParts } from '../../core/trace/verdict';
import { paddingText, sampleTitle, sideOf } from './batch';
import { commandLine, reproduceArguments } from './command';
import { code, fenced, markdownTable, prose } from './escape';
import {
  attentionText,
  capitalised,
  engineText,
  evidencePairs,
  groupFindings,
  modelFacts,
  observerText,
  othersText,
  placeText,
  positionsText,
} from './findings';
import {
  batchesText,
  figureTitles,
  fixFigures,
  fixGroups,
  kindText,
  referenceSentences,
  warningText,
  whyText,
} from './fixes';
import { lookPlace, lookText } from './look';
import { birthText, crossingText } from './notes';
import { shortNumber } from './numbers';
import { tableLines, type Cell, type Line, type RowLine } from './rows';
import { figures, foldText, stateWords, wholeText } from './table';
import { outputText } from './terminal';
import { visible } from './text';
import { formatRanges } from '../../core/trace/ranges';

export interface MarkdownOptions {
  /** Arguments after `nanoscope` that made this report; worked out from the report where they are not known. */
  readonly command?: readonly string[] | undefined;
}

/** Samples per table: wider ones cannot be read on a page. */
const samplesPerTable = 6;
const maxSampleRows = 32;
const maxGroups = 12;

/** Ends with a newline. */
export function markdownReport(report: Report, options: MarkdownOptions = {}): string {
  return `${[
    `# NaN report: ${code(report.model.name)}`,
    `## TL;DR\n\n**${verdict(report)}**`,
    `## Batch\n\n${batch(report)}`,
    `## Where NaN is\n\n${tables(report)}`,
    chain(report),
    cause(report),
    look(report),
    silent(report),
    ruledOut(report),
    fixes(report),
    `## How it was measured\n\n${engine(report)}`,
    // A recording cannot be made again from here: the program is its owner's.
    report.model.source === 'live' ? '' : `## Reproduce\n\n${reproduce(report, options)}`,
  ]
    .filter((part) => part !== '')
    .join('\n\n')}\n`;
}

const verdict = (report: Report): string =>
  verdictParts(report)
    .map((part) => {
      switch (part.kind) {
        case 'name':
          return code(part.text);
        case 'fix':
          return `“${prose(part.text)}”`;
        default:
          return spaced(part.text, prose(part.text));
      }
    })
    .join('');

/** `prose` trims; parts of one sentence must keep their outer spaces. */
const spaced = (original: string, escaped: string): string =>
  `${/^\s/.test(original) ? ' ' : ''}${escaped}${/\s$/.test(original) ? ' ' : ''}`;

function look({ staticLook }: Report): string {
  const masks = staticLook?.masks ?? [];
  if (masks.length === 0) return '';
  const shown = masks.slice(0, maxGroups).map((mask) => `- ${prose(lookPlace(mask))}: ${prose(lookText(mask))}`);
  const rest = masks.length - shown.length;
  return [
    '## Masks and padding',
    [...shown, ...(rest > 0 ? [`- … and ${String(rest)} more masks.`] : [])].join('\n'),
  ].join('\n\n');
}

function batch({ batch }: Report): string {
  const { inputs, roles, positions, rolesFrom, memory, samples } = batch;
  const shown = roles.slice(0, maxSampleRows);
  return [
    `${String(samples)} × ${String(positions)} positions, padding: ${prose(paddingText(roles))}. Real and padding positions come from ${prose(rolesFrom)}.`,
    markdownTable(
      ['sample', 'real', 'pad', 'padding positions', 'side'],
      shown.map((sample, index) => {
        const pads = sample.length - sample.replaceAll('p', '').length;
        return [
          String(index),
          String(sample.length - pads),
          String(pads),
          formatRanges(sample.length, (i) => sample[i] === 'p') || '–',
          sideOf(sample),
        ];
      }),
    ),
    roles.length > shown.length ? `… and ${String(roles.length - shown.length)} more samples.` : '',
    memory === undefined
      ? ''
      : `The encoder's sequence (memory) has ${String(memory.positions)} positions, padding: ${prose(paddingText(memory.roles))}.`,
    markdownTable(
      ['input', 'dtype', 'shape'],
      Object.entries(inputs).map(([name, input]) => [
        code(name),
        code(input.dtype),
        input.shape.join(' × ') || 'scalar',
      ]),
    ),
  ]
    .filter((part) => part !== '')
    .join('\n\n');
}

function tables(report: Report): string {
  const lines = tableLines(report);
  const parts: string[] = [];
  for (let from = 0; from < Math.max(1, report.batch.roles.length); from += samplesPerTable) {
    parts.push(table(report, lines, from));
  }
  return ['Positions with at least one NaN, of all positions; norms are over the finite elements.', ...parts].join(
    '\n\n',
  );
}

function table(report: Report, lines: readonly Line[], from: number): string {
  const samples = report.batch.roles.slice(from, from + samplesPerTable);
  const head = [
    'stage',
    ...samples.map((_, i) => sampleTitle(report.batch, from + i)),
    ...(from === 0 ? ['what happens'] : []),
  ];
  return markdownTable(
    head,
    lines.map((line) => {
      if (line.kind === 'fold') {
        return [`*${prose(foldText(line))}*`, ...head.slice(1).map(() => '')];
      }
      const cells = samples.map((_, i) => cellText(line, from + i));
      const notes = line.notes.map((note) => prose(note.text)).join('; ');
      return [stageCell(line), ...cells, ...(from === 0 ? [notes === '' ? '' : `← **${notes}**`] : [])];
    }),
  );
}

function stageCell(line: RowLine): string {
  const name = line.layer === null ? code(line.name) : `${prose(line.layer)} ${code(line.name)}`;
  return line.notes.length === 0 ? name : `**${name}**`;
}

function cellText(line: RowLine, sample: number): string {
  if (line.cells === null) {
    return sample === 0 ? prose(wholeText(line.row)) : '';
  }
  const cell = line.cells[sample];
  return cell === undefined ? '' : healthText(cell, line);
}

function healthText(cell: Cell, line: RowLine): string {
  const count = prose(figures(cell.health, line.row));
  const words = stateWords[cell.state];
  const norm = cell.health.norm === null ? '' : `, norm ${shortNumber(cell.health.norm)}`;
  return `${cell.state === 'clean' ? count : `**${count}**`}${words === '' ? '' : ` ${words}`}${norm}`;
}

function chain(report: Report): string {
  const leading = report.origins[0];
  if (leading === undefined) {
    return '';
  }
  const items = [
    step(leading, `NaN is born: ${prose(birthText(leading))}`),
    ...limited(groupFindings(report.spread), (group) => {
      const others = group.others.length > 0 ? ` (${othersText(group)})` : '';
      return `${step(group.first, prose(crossingText(group.first)))}${others}`;
    }),
    ...report.outputs.map(
      (output) => `Output ${code(output.name)}: ${prose(outputText(output.nanPositions, output.of))}.`,
    ),
  ];
  return `## From birth to the outputs\n\n${items.map((item, i) => `${String(i + 1)}. ${item}`).join('\n')}`;
}

const step = (finding: Finding, what: string): string =>
  `**${capitalised(prose(placeText(finding)))}**, ${nodeText(finding)}: ${what}; ${prose(positionsText(finding))}. ${prose(finding.explanation)}`;

function nodeText(finding: Finding): string {
  return finding.node === null
    ? `the input ${code(finding.tensor)}`
    : `${finding.op === null ? '' : `${code(finding.op)} at `}${code(finding.node)}`;
}

function cause(report: Report): string {
  const groups = groupFindings<Origin>(report.origins);
  if (groups.length === 0) {
    return '';
  }
  const parts = limited(groups, (group, index) => {
    const { first } = group;
    const pairs = evidencePairs(first.evidence);
    return [
      `${groups.length === 1 ? '' : `### ${String(index + 1)}. ${capitalised(prose(placeText(first)))}\n\n`}Mechanism ${code(first.mechanism)}: ${nodeText(first)}${
        group.others.length > 0 ? `, ${othersText(group)}` : ''
      }.`,
      prose(first.explanation),
      pairs.length === 0
        ? ''
        : markdownTable(
            ['evidence', 'value'],
            pairs.map(([key, value]) => [prose(key), prose(value)]),
          ),
    ]
      .filter((part) => part !== '')
      .join('\n\n');
  });
  return `## Cause\n\n${parts.join('\n\n')}`;
}

/** The first groups, then how many were left out. */
function limited<G>(groups: readonly G[], text: (group: G, index: number) => string): string[] {
  const rest = groups.length - maxGroups;
  return [
    ...groups.slice(0, maxGroups).map(text),
    ...(rest > 0 ? [`… and ${String(rest)} more, which \`--json\` lists.`] : []),
  ];
}

function ruledOut({ ruledOut: list = [] }: Report): string {
  return list.length === 0
    ? ''
    : `## Checked and ruled out\n\n${list.map(({ claim, because }) => `- **${prose(claim)}**: ${prose(because)}`).join('\n')}`;
}

function silent(report: Report): string {
  const groups = groupFindings(report.silent);
  if (groups.length === 0) {
    return '';
  }
  const items = limited(groups, ({ first, others }) => {
    const more = others.length > 0 ? ` (${othersText({ first, others })})` : '';
    return `${code(first.mechanism)}, ${prose(placeText(first))}, ${nodeText(first)}: ${prose(first.explanation)}${more}`;
  }).map((item) => `- ${item}`);
  return `## Silent findings\n\n${items.join('\n')}`;
}

function fixes(report: Report): string {
  if (report.fixes === undefined) {
    return '';
  }
  if (report.fixes.length === 0) {
    return '## Fixes\n\nNo fix was tried: there is nothing to heal.';
  }
  const { tried, warnings, declined } = fixGroups(report.fixes);
  const rows = tried.map((fix) => [
    code(fix.id),
    kindText[fix.kind ?? 'graph'],
    fix.verdict === 'heals' ? '**heals**' : fix.verdict,
    ...fixFigures(fix),
  ]);
  const said = report.recommendation === undefined ? [] : [`**${prose(report.recommendation.sentence)}**`];
  const table =
    rows.length === 0 ? 'No fix applies here.' : markdownTable(['fix', 'changes', 'verdict', ...figureTitles], rows);
  const proofs = referenceSentences(tried).map((sentence) => prose(capitalised(sentence)));
  return [
    '## Fixes',
    ...said,
    table,
    ...(proofs.length === 0 ? [] : [proofs.join(' ')]),
    tried.map((fix) => `- ${code(fix.id)}: ${fixSentences(fix)}`).join('\n'),
    ...(warnings.length === 0
      ? []
      : [
          `### What only looks like a fix\n\n${warnings
            .map((fix) => `- ${code(fix.id)}: ${prose(warningText(fix))}`)
            .join('\n')}`,
        ]),
    ...(declined.length === 0
      ? []
      : [
          `<details><summary>Fixes that do not apply here</summary>\n\n${declined
            .map((fix) => `- ${code(fix.id)}: ${prose(fix.reason)}`)
            .join('\n')}\n\n</details>`,
        ]),
  ]
    .filter((part) => part !== '')
    .join('\n\n');
}

function fixSentences(fix: FixResult): string {
  const edits = fix.edits === 0 ? '' : ` (${String(fix.edits)} ${fix.edits === 1 ? 'edit' : 'edits'})`;
  const effect = fix.effect === undefined ? '' : ` ${fix.effect}`;
  const plan = fix.batches === undefined ? '' : ` ${capitalised(batchesText(fix.batches))}.`;
  return prose(`${fix.title}${edits}. ${whyText(fix)}${effect}${plan}`);
}

function engine(report: Report): string {
  const { model } = report;
  return [
    `- Model: ${code(model.name)} (${model.source}), ${modelFacts(model)}, ${prose(attentionText(report))}.`,
    `- Engine: ${engineText(report.engine, prose, code)}.`,
    ...(report.observer === undefined ? [] : [`- ${prose(observerText(report.observer))}`]),
    ...report.notes.map((note) => `- ${prose(note)}`),
  ].join('\n');
}

const reproduce = (report: Report, options: MarkdownOptions): string =>
  fenced(visible(commandLine(options.command ?? reproduceArguments(report))), 'sh');
