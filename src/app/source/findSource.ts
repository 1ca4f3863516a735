/** Where a finding was written, among the Python files of a workspace. */
import { examine } from '../../core/python/findings';
import { classesIn, type ClassesOf } from '../../core/python/modules/classes';
import { locateInClass, namesOfPath, type LocatedNode } from '../../core/python/modules/locate';
import { ended, Lines } from '../../core/python/syntax';
import type { Report } from '../../core/report';
import { bestOf, moduleOfFinding, placeOfFinding, type Mechanical } from './findingPlaces';
import type { PythonSyntax } from './ports';

export interface SourceTexts {
  readonly files: readonly string[];
  /** Null for what is no text, or cannot be read. */
  read(file: string): Promise<string | null>;
}

export interface SourcePlace {
  readonly file: string;
  /** UTF-16 offsets. */
  readonly from: number;
  readonly to: number;
  /** 1-based. */
  readonly line: number;
  /** What is written there computes what the finding is about; else it is the module around it, or a call of it. */
  readonly exact: boolean;
  /** More places in the file that may be meant as well. */
  readonly others: number;
}

/** Larger ones are tables that somebody generated. */
const largest = 4 << 20;

/** The best places, those whose classes confirm most of the module's path; none where no file has such a module. */
export async function findSource(
  source: SourceTexts,
  python: PythonSyntax,
  report: Report,
  finding: Mechanical,
  signal: AbortSignal,
): Promise<readonly SourcePlace[]> {
  const live = report.engine.name === 'pytorch';
  const last = namesOfPath(moduleOfFinding(finding, live)).at(-1);
  if (last === undefined) return [];
  const texts = new Map<string, string>();
  const found: Candidate[] = [];
  for (const file of source.files) {
    if (signal.aborted) return [];
    const text = await source.read(file);
    if (text === null || text.length > largest) continue;
    texts.set(file, text);
    if (!text.includes(last)) continue;
    const parsed = classesIn(python.parse(text));
    const best = placeOfFinding(parsed, finding, live, ended(examine(parsed.tree)));
    if (best) found.push({ file, parsed, ...best });
  }
  const most = Math.max(0, ...found.map(({ confirmed }) => confirmed));
  const best = found.filter(({ confirmed }) => confirmed === most);
  const elsewhere = best.flatMap(({ builtAs }) => builtAs);
  const written = elsewhere.length > 0 ? inClasses(texts, python, elsewhere, finding) : [];
  const all = written.length > 0 ? written : best;
  const exact = all.some((one) => one.exact);
  return all.filter((one) => one.exact || !exact).map(placed);
}

interface Candidate extends LocatedNode {
  readonly file: string;
  readonly parsed: ClassesOf;
  readonly others: number;
}

function inClasses(
  texts: ReadonlyMap<string, string>,
  python: PythonSyntax,
  names: readonly string[],
  finding: Mechanical,
): readonly Candidate[] {
  return [...texts].flatMap(([file, text]) => {
    const here = names.filter((name) => text.includes(`class ${name}`));
    if (here.length === 0) return [];
    const parsed = classesIn(python.parse(text));
    const best = bestOf(
      here.flatMap((name) => locateInClass(parsed, name, finding.op)),
      finding,
      ended(examine(parsed.tree)),
    );
    return best ? [{ file, parsed, ...best }] : [];
  });
}

function placed({ file, parsed, node, exact, others }: Candidate): SourcePlace {
  const { line } = new Lines(parsed.tree.text).at(node.from);
  return { file, from: node.from, to: node.to, line: line + 1, exact, others };
}
