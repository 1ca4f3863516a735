/** What the last diagnosis or trace found on lines of source: a few words for the end of the line, and a card. */
import type { Crossing, Finding, Origin, Report } from '../../core/report';
import { guideTo } from '../../core/guide';
import { code, prose } from '../render/escape';
import { groupFindings, layerRanges, modelFacts, positionsText } from '../render/findings';

export interface LineNote {
  readonly file: string;
  /** 1-based. */
  readonly line: number;
  /** NaN was born there; else it crossed to clean positions there. */
  readonly born: boolean;
  /** One line of plain text. */
  readonly note: string;
  /** Markdown. */
  readonly card: string;
}

const mostFindings = 4;
/** Positions in the words at the end of a line. */
const longest = 60;

/** One note per line of source, births before crossings. */
export function lineNotes(report: Report): readonly LineNote[] {
  const births = byLine(report.origins);
  const crossings = byLine(report.spread);
  return [
    ...[...births].map(([, found]) => noteOf(report, found, true)),
    ...[...crossings].filter(([line]) => !births.has(line)).map(([, found]) => noteOf(report, found, false)),
  ];
}

function byLine<F extends Finding>(findings: readonly F[]): ReadonlyMap<string, readonly F[]> {
  const lines = new Map<string, F[]>();
  for (const finding of findings) {
    if (!finding.source) continue;
    const key = `${String(finding.source.line)} ${finding.source.file}`;
    lines.set(key, [...(lines.get(key) ?? []), finding]);
  }
  return lines;
}

function noteOf(report: Report, found: readonly (Origin | Crossing)[], born: boolean): LineNote {
  const groups = groupFindings<Origin | Crossing>(found);
  const [first] = found;
  const { file = '', line = 0 } = first?.source ?? {};
  const layers = found.flatMap(({ layer }) => (layer === null ? [] : [layer]));
  const where = layers.length === 0 ? '' : `, ${layers.length === 1 ? 'layer' : 'layers'} ${layerRanges(layers)}`;
  const positions = first ? positionsText(first) : '';
  const shown = positions.length > longest ? `${positions.slice(0, longest)}…` : positions;
  const verb = born ? 'NaN begins here' : 'NaN reaches clean positions here';
  const model = `${code(report.model.name)} (${prose(modelFacts(report.model))})`;
  return {
    file,
    line,
    born,
    note: `${verb}: ${shown}${where}`,
    card: [
      `**${verb}** in the last diagnosis of ${model}`,
      ...groups.slice(0, mostFindings).map(({ first: one, others }) => {
        const same = others.length > 0 ? ` The same in ${String(others.length)} more layers.` : '';
        const place = one.layer === null ? '' : `layer ${String(one.layer)}, `;
        return `${guideTo(one.mechanism).title} (${code(one.mechanism)}), ${place}${prose(positionsText(one))}: ${prose(one.explanation)}${same}`;
      }),
    ].join('\n\n'),
  };
}
