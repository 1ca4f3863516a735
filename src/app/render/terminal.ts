/** The whole report as text for a terminal: the table, then what it means. */
import type { Crossing, FixResult, Origin, Report, SilentFinding } from '../../core/report';
import { verdictSentence } from '../../core/trace/verdict';
import { batchText } from './batch';
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
  type FindingGroup,
} from './findings';
import {
  batchesText,
  figureTitles,
  fixFigures,
  fixGroups,
  referenceSentences,
  shiftText,
  warningText,
  whyText,
} from './fixes';
import { lookPlace, lookText } from './look';
import { birthText, crossingText } from './notes';
import { unknownLayers } from './rows';
import { renderTable, type TableOptions } from './table';
import { displayWidth, padTo, visible, wrap } from './text';

/** A broken model may have thousands of births; `--json` has them all. */
const maxGroups = 12;

/** Ends with a newline. Everything that came from the model is safe to print. */
export function terminalReport(report: Report, options: TableOptions): string {
  const sections = [
    summary(report, options),
    renderTable(report, options),
    missingRows(report, options),
    verdict(report, options),
    section('Born', bornLines(report, options), options),
    section('Chain', chainLines(report, options), options),
    section('Masks and padding', lookLines(report.staticLook, options), options),
    section('Silent findings', silentLines(report.silent, options), options),
    section(
      'Checked and ruled out',
      (report.ruledOut ?? []).map(({ claim, because }) => fit(`· ${visible(`${claim}: ${because}`)}`, options, 2)),
      options,
    ),
    section('Fixes', fixLines(report, options), options),
    section('Observer', report.observer === undefined ? [] : [fit(observerText(report.observer), options)], options),
    section(
      'Notes',
      report.notes.map((note) => fit(`- ${note}`, options, 2)),
      options,
    ),
  ];
  return `${sections.filter((part) => part !== '').join('\n\n')}\n`;
}

function summary(report: Report, options: TableOptions): string {
  const { model, batch, engine } = report;
  const lines = [
    `${options.style.strong(visible(model.name))}  ${modelFacts(model)}, ${visible(attentionText(report))}`,
    options.style.quiet(
      wrap(visible(`batch ${batchText(batch)}; roles from ${batch.rolesFrom}; ${engineText(engine)}`), options.width),
    ),
  ];
  return lines.join('\n');
}

function missingRows(report: Report, options: TableOptions): string {
  const missing = unknownLayers(report, options.layers ?? []);
  return missing.length === 0
    ? ''
    : options.style.warning(`There is no layer ${missing.join(', ')} in this model; --rows counts from 0.`);
}

function verdict(report: Report, options: TableOptions): string {
  const sentence = wrap(visible(verdictSentence(report)), options.width);
  return report.origins.length === 0 ? options.style.strong(sentence) : options.style.bad(sentence);
}

function bornLines(report: Report, options: TableOptions): string[] {
  const born = limited(groupFindings(report.origins), (group) => bornGroup(group, options));
  const kinds = [...new Set(report.origins.map(({ mechanism }) => mechanism))];
  const more = kinds.slice(0, 3).map((mechanism) => `nanoscope explain ${mechanism}`);
  return more.length === 0 ? born : [...born, options.style.quiet(fit(`More: ${more.join(', ')}`, options, 2))];
}

function bornGroup(group: FindingGroup<Origin>, options: TableOptions): string[] {
  const { first } = group;
  const where = first.node ?? `the input ${first.tensor}`;
  const lines = [
    `${options.style.strong(visible(placeText(first)))}  ${visible(birthText(first))}`,
    fit(`  ${visible(where)}  [${first.mechanism}]  ${visible(positionsText(first))}`, options, 4),
    fit(`  ${visible(first.explanation)}`, options, 2),
  ];
  // A known mechanism explains itself; for an unknown one the operands are all there is.
  if (first.mechanism === 'unknown') {
    lines.push(...evidencePairs(first.evidence).map(([key, value]) => fit(`    ${key}: ${value}`, options, 6)));
  }
  if (group.others.length > 0) {
    lines.push(`  ${othersText(group)}`);
  }
  return lines;
}

function chainLines(report: Report, options: TableOptions): string[] {
  const leading = report.origins[0];
  if (leading === undefined) {
    return [];
  }
  const link = (place: string, what: string, where: string): string =>
    fit(`${visible(place)}: ${visible(what)}  (${visible(where)})`, options, 4);
  const crossings = limited(groupFindings<Crossing>(report.spread), (group) => [
    `→ ${link(placeText(group.first), `${group.first.op ?? ''} ${crossingText(group.first)}`.trim(), positionsText(group.first))}`,
    fit(`    ${visible(group.first.explanation)}`, options, 4),
    ...(group.others.length > 0 ? [`    ${othersText(group)}`] : []),
  ]);
  return [
    link(placeText(leading), birthText(leading), positionsText(leading)),
    ...crossings,
    ...report.outputs.map(
      (output) => `→ output ${fit(`${output.name}: ${outputText(output.nanPositions, output.of)}`, options, 4)}`,
    ),
  ];
}

/** `sample 0 35/35; sample 1 0/35`; many samples are summed up. */
export function outputText(nanPositions: readonly number[] | null, of: number): string {
  if (nanPositions === null) {
    return 'positions unknown';
  }
  if (nanPositions.every((count) => count === 0)) {
    return 'clean';
  }
  if (nanPositions.length > 8) {
    const hit = nanPositions.filter((count) => count > 0).length;
    return `NaN in ${String(hit)} of ${String(nanPositions.length)} samples`;
  }
  return nanPositions
    .map((count, sample) => `sample ${String(sample)} ${String(count)}/${String(of)}${count === 0 ? '' : ' NaN'}`)
    .join('; ');
}

const silentLines = (silent: readonly SilentFinding[], options: TableOptions): string[] =>
  limited(groupFindings(silent), (group) => [
    `${options.style.warning(group.first.mechanism)}  ${visible(placeText(group.first))}  ${visible(group.first.node ?? group.first.tensor)}`,
    fit(`  ${visible(group.first.explanation)}`, options, 2),
    ...(group.others.length > 0 ? [`  ${othersText(group)}`] : []),
  ]);

/** Also what `nanoscope look` prints. */
export const lookLines = (look: Report['staticLook'], options: Pick<TableOptions, 'style' | 'width'>): string[] =>
  limited(look?.masks ?? [], (mask) => [
    options.style.strong(visible(lookPlace(mask))),
    fit(`  ${visible(lookText(mask))}`, options, 2),
  ]);

const verdictPaint = {
  heals: 'good',
  partial: 'warning',
  unproven: 'warning',
  hides: 'bad',
  fails: 'bad',
  declines: 'quiet',
} as const satisfies Record<FixResult['verdict'], keyof TableOptions['style']>;

/** The recommendation, a table of what was tried, then what needs words, what to leave alone and what does not apply. */
function fixLines({ fixes, recommendation }: Report, options: TableOptions): string[] {
  if (fixes === undefined) return [];
  if (fixes.length === 0) return ['No fix was tried: there is nothing to heal.'];
  const { style } = options;
  const { tried, warnings, declined } = fixGroups(fixes);
  const best = recommendation
    ? tried.find(({ id }) => id === recommendation.fix)
    : tried.find(({ verdict }) => verdict === 'heals');
  const said = recommendation === undefined ? [] : [style.strong(fit(visible(recommendation.sentence), options))];
  const references = referenceSentences(tried).map((sentence) => style.quiet(fit(capitalised(sentence), options)));
  return [
    ...said,
    ...fixTable(tried, options),
    ...references,
    ...detailLines(tried, options),
    ...(warnings.length === 0 ? [] : [style.warning('What only looks like a fix:')]),
    ...warnings.flatMap((fix) => [fit(`  ${visible(`${fix.id}: ${warningText(fix)}`)}`, options, 4)]),
    ...declinedLines(declined, tried, options),
    ...applyLines(best, tried, options),
  ];
}

/** Where nothing heals, a person asks why: then with their reasons, those that are alike together. */
function declinedLines(
  declined: readonly FixResult[],
  tried: readonly FixResult[],
  options: TableOptions,
): readonly string[] {
  if (declined.length === 0) return [];
  const names = (fixes: readonly FixResult[]): string => fixes.map(({ id }) => id).join(', ');
  const quiet = (text: string, indent: number): string => options.style.quiet(fit(visible(text), options, indent));
  if (tried.some(({ verdict }) => verdict === 'heals')) return [quiet(`Do not apply here: ${names(declined)}.`, 2)];
  const reasons = [...new Set(declined.map(({ reason }) => reason))];
  return [
    options.style.quiet('Do not apply here:'),
    ...reasons.map((reason) => `  ${quiet(`${names(declined.filter((fix) => fix.reason === reason))}: ${reason}`, 4)}`),
  ];
}

/** What is fed cannot be written into the model: only the other parts of a set can. */
function applyLines(best: FixResult | undefined, tried: readonly FixResult[], options: TableOptions): string[] {
  if (best === undefined || best.kind === 'batch') return [];
  const fed = (best.parts ?? []).filter((part) => tried.some(({ id, kind }) => id === part && kind === 'batch'));
  const parts = (best.parts ?? [best.id]).filter((part) => !fed.includes(part));
  const also = fed.length === 0 ? '' : `; ${fed.join(' and ')} is for whoever feeds it`;
  return [options.style.quiet(fit(`To write a healed copy, add --apply ${visible(parts.join('+'))}${also}`, options))];
}

function fixTable(fixes: readonly FixResult[], options: TableOptions): string[] {
  if (fixes.length === 0) return ['No fix applies here.'];
  const rows = fixes.map((fix) => [visible(fix.id), fix.verdict, ...fixFigures(fix)]);
  const head = ['fix', 'verdict', ...figureTitles];
  const widths = head.map((title, i) => Math.max(...[[...head], ...rows].map((row) => displayWidth(row[i] ?? title))));
  const line = (cells: readonly string[], paint: (text: string) => string): string =>
    cells
      .map((cell, i) => (i === 1 ? paint(padTo(cell, widths[i] ?? 0)) : padTo(cell, widths[i] ?? 0)))
      .join('  ')
      .trimEnd();
  return [
    options.style.heading(line(head, (text) => text)),
    ...fixes.map((fix, i) => line(rows[i] ?? [], options.style[verdictPaint[fix.verdict]])),
  ];
}

/** What each does; that it heals is said by the table already, and what holds for several is said once. */
function detailLines(fixes: readonly FixResult[], options: TableOptions): string[] {
  const told = new Map<string, FixResult[]>();
  for (const fix of fixes) {
    const why = fix.verdict === 'heals' && shiftText(fix) === null ? '' : whyText(fix);
    const key = why === '' ? fix.id : why;
    told.set(key, [...(told.get(key) ?? []), fix]);
  }
  return [...told].flatMap(([why, own]) => {
    const silent = why === own[0]?.id;
    const lines = own.map(({ id, title, batches }) => {
      const plan = batches === undefined ? '' : ` ${capitalised(batchesText(batches))}.`;
      return `· ${id}: ${title}.${silent || own.length > 1 ? '' : ` ${why}`}${plan}`;
    });
    const shared = silent || own.length === 1 ? [] : [`    All of them: ${why}`];
    return [...lines, ...shared].map((line) => fit(visible(line), options, line.startsWith('·') ? 2 : 4));
  });
}

/** The first groups, then how many were left out. */
function limited<G>(groups: readonly G[], lines: (group: G) => readonly string[]): string[] {
  const rest = groups.length - maxGroups;
  return [
    ...groups.slice(0, maxGroups).flatMap(lines),
    ...(rest > 0 ? [`… and ${String(rest)} more; --json lists them all.`] : []),
  ];
}

const section = (title: string, lines: readonly string[], options: TableOptions): string =>
  lines.length === 0
    ? ''
    : [options.style.heading(title), ...lines.map((line) => `  ${line.replaceAll('\n', '\n  ')}`)].join('\n');

/** Wraps inside a section, which is indented by two; makes safe whatever was forgotten before. */
function fit(text: string, options: Pick<TableOptions, 'width'>, indent = 0): string {
  const safe = visible(text);
  const lead = /^ */.exec(safe)?.[0] ?? '';
  return lead + wrap(safe.slice(lead.length), options.width - 2 - lead.length, Math.max(indent, lead.length));
}
