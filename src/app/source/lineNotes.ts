/** What the last diagnosis or trace found on lines of source: a few words for the end of the line, and a card. */
import type { Crossing, Finding, Origin, Report, SourceLine } from '../../core/report';
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

/**
 * One note per line of source, births before crossings.
 *
 * @param lineOf where a finding stands; what the report itself knows where nobody says more
 */
export function lineNotes(
  report: Report,
  lineOf: (finding: Finding) => SourceLine | null = ({ source }) => source ?? null,
): readonly LineNote[] {
  const births = byLine(report.origins, lineOf);
  const crossings = byLine(report.spread, lineOf);
  return [
    ...[...births].map(([, found]) => noteOf(report, found, true)),
    ...[...crossings].filter(([line]) => !births.has(line)).map(([, found]) => noteOf(report, found, false)),
  ];
}

interface OnLine<F> {
  readonly at: SourceLine;
  readonly findings: readonly F[];
}

function byLine<F extends Finding>(
  findings: readonly F[],
  lineOf: (finding: Finding) => SourceLine | null,
): ReadonlyMap<string, OnLine<F>> {
  const lines = new Map<string, OnLine<F>>();
  for (const finding of findings) {
    const at = lineOf(finding);
    if (!at) continue;
    const key = `${String(at.line)} ${at.file}`;
    lines.set(key, { at, findings: [...(lines.get(key)?.findings ?? []), finding] });
  }
  return lines;
}

function noteOf(report: Report, { at, findings: found }: OnLine<Origin | Crossing>, born: boolean): LineNote {
  const groups = groupFindings<Origin | Crossing>(found);
  const [first] = found;
  const { file, line } = at;
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
