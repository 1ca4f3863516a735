/** Parsing in slices: nobody waits for a long text, and what is left midway leaves nothing behind. */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { expect, it } from 'vitest';
import { ended, type PythonTree } from '../../../src/core/python/syntax';
import { pythonParser } from '../../support/pythonParser';

const source = readFileSync(path.join(import.meta.dirname, '../../fixtures/python/hazards/masks.py'), 'utf8').repeat(4);
/** Another file altogether: all of it is a string. */
const quoted = `"""${source}`;

/** Kinds and places of all nodes. */
const shapeOf = (tree: PythonTree): string => {
  const lines: string[] = [];
  const add = (node: PythonTree['root'], depth: number): void => {
    lines.push(`${' '.repeat(depth)}${node.type} ${String(node.from)}-${String(node.to)}`);
    for (const child of node.children) add(child, depth + 1);
  };
  add(tree.root, 0);
  return lines.join('\n');
};

const whole = async (text: string): Promise<string> => {
  const parser = await pythonParser(Infinity);
  const shape = shapeOf(parser.parse(text));
  parser.dispose();
  return shape;
};

it('gives the same tree as parsing at once', async () => {
  const parser = await pythonParser(0);
  let pauses = 0;
  const steps = parser.parsing(source);
  let step = steps.next();
  for (; step.done !== true; step = steps.next()) pauses += 1;
  expect(pauses).toBeGreaterThan(20);
  expect(shapeOf(step.value)).toBe(await whole(source));
  expect(shapeOf(ended(parser.parsing(quoted)))).toBe(await whole(quoted));
  parser.dispose();
});

it('goes on with a newer text where an older one was left midway', async () => {
  const parser = await pythonParser(0);
  ended(parser.parsing(source));
  const left = parser.parsing(quoted);
  left.next();
  left.next();
  left.return(undefined as never);
  const newer = source.replaceAll('softmax', 'log_softmax');
  expect(shapeOf(ended(parser.parsing(newer)))).toBe(await whole(newer));
  parser.dispose();
});

it('may be closed while it pauses', async () => {
  const parser = await pythonParser(0);
  const steps = parser.parsing(source);
  steps.next();
  parser.dispose();
  expect(() => steps.return(undefined as never)).not.toThrow();
});
