/** Hazards in Python files: which files, one after the other, and what is in each. */
import { NanoscopeError, toPayload } from '../../core/errors';
import { findHazards, mayHaveHazards, type Hazard } from '../../core/python/findings';
import { ended, Lines } from '../../core/python/syntax';
import type { PythonSyntax, SourceFiles } from './ports';

export interface LintDeps {
  readonly files: SourceFiles;
  /** Loaded when the first file asks for it. */
  readonly python: () => Promise<PythonSyntax>;
}

/** Lines and columns from 1, columns in UTF-16 units; the end is behind the last character. */
export interface PlacedHazard extends Omit<Hazard, 'clue'> {
  readonly line: number;
  readonly column: number;
  readonly endLine: number;
  readonly endColumn: number;
  /** The first line of it in the source. */
  readonly source: string;
}

export interface FileHazards {
  readonly file: string;
  readonly hazards: readonly PlacedHazard[];
}

export interface LintResult {
  readonly files: number;
  readonly lines: number;
  readonly results: readonly FileHazards[];
  readonly skipped: readonly { readonly file: string; readonly why: string }[];
}

/** Larger files are tables that somebody generated. */
const largest = 4 << 20;

/** @param paths files and folders, absolute. @throws NanoscopeError for one that is not there, and when cancelled */
export async function lint(
  { files, python }: LintDeps,
  paths: readonly string[],
  off: ReadonlySet<string>,
  signal: AbortSignal,
): Promise<LintResult> {
  const named = new Set<string>();
  for (const path of paths) for (const file of await files.find(path, signal)) named.add(file);
  const results: FileHazards[] = [];
  const skipped: { file: string; why: string }[] = [];
  let lines = 0;
  for (const file of named) {
    if (signal.aborted)
      throw new NanoscopeError('cancelled', 'The search was cancelled.', 'Run it again to begin anew.');
    try {
      const bytes = await files.read(file);
      if (bytes.length > largest) {
        skipped.push({ file, why: `it has ${String(bytes.length >> 20)} MB` });
        continue;
      }
      const text = new TextDecoder().decode(bytes);
      const why = noSource(file, bytes, text);
      if (why !== null) {
        skipped.push({ file, why });
        continue;
      }
      lines += lineCount(text);
      if (!mayHaveHazards(text)) continue;
      const hazards = hazardsOf(await python(), text, off);
      if (hazards.length > 0) results.push({ file, hazards });
    } catch (error) {
      skipped.push({ file, why: toPayload(error).message });
    }
  }
  return { files: named.size, lines, results, skipped };
}

/** Why this is no Python source, whatever it is called; null where it may be. */
function noSource(file: string, bytes: Uint8Array, text: string): string | null {
  if (file.endsWith('.ipynb')) return 'it is a notebook: save it as a Python file first';
  const [first, second] = bytes;
  if ((first === 0xff && second === 0xfe) || (first === 0xfe && second === 0xff))
    return 'it is UTF-16, which Python does not read: save it as UTF-8';
  return text.includes('\0') ? 'it is no text' : null;
}

const lineCount = (text: string): number => {
  let count = text === '' || text.endsWith('\n') ? 0 : 1;
  for (let at = text.indexOf('\n'); at !== -1; at = text.indexOf('\n', at + 1)) count++;
  return count;
};

function hazardsOf(python: PythonSyntax, text: string, off: ReadonlySet<string>): readonly PlacedHazard[] {
  return placed(ended(findHazards(python.parse(text), off)), text);
}

/** With the lines that editors and people count in. */
export function placed(hazards: readonly Hazard[], text: string): readonly PlacedHazard[] {
  const lines = new Lines(text);
  return hazards.map((hazard) => {
    const [from, to] = [lines.at(hazard.from), lines.at(hazard.to)];
    const start = hazard.from - from.character;
    const end = text.indexOf('\n', start);
    const { rule, severity, message } = hazard;
    return {
      rule,
      severity,
      message,
      from: hazard.from,
      to: hazard.to,
      line: from.line + 1,
      column: from.character + 1,
      endLine: to.line + 1,
      endColumn: to.character + 1,
      source: text
        .slice(start, end === -1 ? undefined : end)
        .trim()
        .slice(0, 200),
    };
  });
}
