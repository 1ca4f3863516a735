/**
 * Comments that silence: `# nanoscope: ignore` or `# nanoscope: ignore[rule, …]` at the end of a line, or alone on the
 * line above; `# nanoscope: ignore-file` anywhere.
 */
import type { Hazard } from './findings';
import { everyNode, Lines, textOf, type PythonTree } from './syntax';

const comment = /#\s*nanoscope:\s*(ignore-file|ignore)\s*(?:\[([^\]]*)\])?/i;

export function silences(tree: PythonTree): (hazard: Hazard) => boolean {
  if (!/nanoscope/i.test(tree.text)) return () => false;
  const lines = new Lines(tree.text);
  /** By line: the rules that are silent there; null for all. */
  const silent = new Map<number, ReadonlySet<string> | null>();
  let whole = false;
  for (const node of everyNode(tree.root)) {
    const [, kind, list] = (node.type === 'comment' ? comment.exec(textOf(tree, node)) : null) ?? [];
    if (kind === undefined) continue;
    if (kind.toLowerCase() === 'ignore-file') whole = true;
    const { line, character } = lines.at(node.from);
    const alone = tree.text.slice(node.from - character, node.from).trim() === '';
    silent.set(alone ? line + 1 : line, list === undefined ? null : new Set(list.split(',').map((id) => id.trim())));
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
