/** The closed lists of the report: every mechanism has a file of its own and a rule in it, and nothing else has. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { birthRules } from '../../../../src/core/diagnose/births/index';
import { nanInInput } from '../../../../src/core/diagnose/births/nanInInput';
import { crossingRules } from '../../../../src/core/diagnose/crossings/index';
import { mechanisms } from '../../../../src/core/guide/index';
import { birthMechanisms, crossingMechanisms, silentMechanisms } from '../../../../src/core/report';

const folder = (name: string): string => join(import.meta.dirname, '../../../../src/core/diagnose', name);
/** `score-overflow` → `scoreOverflow.ts`. */
const fileOf = (id: string): string => `${id.replaceAll(/-([a-z])/g, (_, letter: string) => letter.toUpperCase())}.ts`;

describe.each([
  ['births', birthMechanisms],
  ['crossings', crossingMechanisms],
  ['silent', silentMechanisms],
] as const)('%s', (name, ids) => {
  const files = readdirSync(folder(name)).filter((file) => file.endsWith('.ts'));
  const all: readonly string[] = ids;

  it.each(all)('%s has a file that knows its id', (id) => {
    expect(files).toContain(fileOf(id));
    const text = readFileSync(join(folder(name), fileOf(id)), 'utf8');
    // `unknown` is what is left: it has no precondition of its own.
    if (id !== 'unknown') expect(text).toContain(`'${id}'`);
    // One file, one mechanism: another's id in it would be another's rule.
    const rules = [...text.matchAll(/^ {2}id: '([a-z-]+)'/gm)].map((match) => match[1]);
    expect(rules.filter((rule) => rule !== id)).toEqual([]);
  });

  it.each(all)('%s has an entry in the field guide', (id) => {
    expect(mechanisms.map((entry) => entry.id)).toContain(id);
  });
});

describe('rules', () => {
  it('of births are the list, but for what no rule can tell: an input without a node, and what is left', () => {
    const ids = [...birthRules.map(({ id }) => id), nanInInput.id, 'unknown'];
    expect([...ids].sort()).toEqual([...birthMechanisms].sort());
  });

  it('of crossings are the list, each with a place where it can be', () => {
    expect(crossingRules.map(({ id }) => id).sort()).toEqual([...crossingMechanisms].sort());
    expect(crossingRules.filter((rule) => !('inAttention' in rule || 'at' in rule))).toEqual([]);
  });
});
