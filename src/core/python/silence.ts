/**
 * Comments that silence: `# nanoscope: ignore` or `# nanoscope: ignore[rule, …]` at the end of a line, or alone on the
 * line above; `# nanoscope: ignore-file` anywhere.
 */
import type { Hazard } from './findings';
import type { SourceEdit } from './fixes';
import { everyNode, Lines, textOf, type PythonTree } from './syntax';

const comments = /#\s*nanoscope:\s*(ignore-file|ignore)\s*(?:\[([^\]]*)\])?/gi;

export function silences(tree: PythonTree): (hazard: Hazard) => boolean {
  if (!/nanoscope/i.test(tree.text)) return () => false;
  const lines = new Lines(tree.text);
  /** By line: the rules that are silent there; null for all. */
  const silent = new Map<number, ReadonlySet<string> | null>();
  let whole = false;
  for (const node of everyNode(tree.root)) {
    if (node.type !== 'comment') continue;
    const { line, character } = lines.at(node.from);
    const alone = tree.text.slice(node.from - character, node.from).trim() === '';
    const of = alone ? line + 1 : line;
    for (const [, kind, list] of textOf(tree, node).matchAll(comments)) {
      if (kind?.toLowerCase() === 'ignore-file') whole = true;
      const before = silent.get(of);
      const rules = list?.split(',').map((id) => id.trim());
      silent.set(of, rules === undefined || before === null ? null : new Set([...(before ?? []), ...rules]));
    }
  }
  return ({ rule, from, to }) => {
    if (whole) return true;
    const [first, last] = [lines.at(from).line, lines.at(to).line];
    for (let line = first; line <= last; line++) {
      const here = silent.get(line);
      if (here === null || here?.has(rule)) return true;
    }
    return false;
  };
}

/** The comment that silences a hazard, at the end of one of its lines; null where none of them can have a comment. */
export function silencing(tree: PythonTree, { rule, from, to }: Hazard): SourceEdit | null {
  const lines = new Lines(tree.text);
  const nodes = [...everyNode(tree.root)];
  for (let line = lines.at(to).line; line >= lines.at(from).line; line--) {
    const end = endOf(tree.text, lines.at(to).line === line ? to : lines.startOf(line));
    const own = nodes.find((node) => node.type === 'comment' && node.to === end);
    const list = own && /#\s*nanoscope:\s*ignore\s*\[[^\]]*(?=\][^#]*$)/i.exec(textOf(tree, own));
    if (own && list) {
      const at = own.from + list.index + list[0].length;
      return { from: at, to: at, text: `, ${rule}` };
    }
    // A text over several lines, or a line that goes on behind a backslash.
    const isOpen = nodes.some((node) => node.type === 'string' && node.from < end && end < node.to);
    if (!isOpen && tree.text[end - 1] !== '\\') return { from: end, to: end, text: `  # nanoscope: ignore[${rule}]` };
  }
  return null;
}

/** Where the line ends that a place is on. */
function endOf(text: string, place: number): number {
  const at = text.indexOf('\n', place);
  const end = at === -1 ? text.length : at;
  return text[end - 1] === '\r' ? end - 1 : end;
}
