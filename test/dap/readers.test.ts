/** Which session is read how; an adapter that nobody knows by name is asked what it speaks. */
import vm from 'node:vm';
import { describe, expect, it } from 'vitest';
import type { Adapter } from '../../src/app/live/ports';
import { JavascriptReader } from '../../src/debug/javascriptReader';
import { PythonReader } from '../../src/debug/pythonReader';
import { guardFor, readerFor } from '../../src/debug/readers';
import { Debuggee } from './support';

const frame = { frameId: 3 };

/** An adapter that evaluates as told. */
function adapter(answer: (expression: string) => string): Adapter & { readonly asked: string[] } {
  const asked: string[] = [];
  return {
    asked,
    names: async () => Promise.resolve([]),
    evaluate: async ({ expression, frameId }) => {
      expect(frameId).toBe(3);
      asked.push(expression);
      return Promise.resolve({ result: answer(expression), type: null });
    },
  };
}
const refuses = adapter(() => {
  throw new Error('syntax');
});

describe('the reader of a session', () => {
  it.each([
    ['python', PythonReader],
    ['debugpy', PythonReader],
    ['pwa-node', JavascriptReader],
    ['pwa-chrome', JavascriptReader],
    ['pwa-extensionHost', JavascriptReader],
  ])('of type %s is known by name, and nothing is asked', async (type, reader) => {
    expect(await readerFor(type, refuses, frame)).toBeInstanceOf(reader);
    expect(refuses.asked).toEqual([]);
  });

  it('of a type that is not known is what the adapter speaks', async () => {
    // What Node makes of the question, by Node itself.
    const node = adapter((expression) => String(vm.runInNewContext(expression)));
    expect(await readerFor('new-engine', node, frame)).toBeInstanceOf(JavascriptReader);
    // As Ruby, PHP or Dart would say, and a language in which it means nothing.
    expect(
      await readerFor(
        'ruby',
        adapter(() => 'false'),
        frame,
      ),
    ).toBeNull();
    const gdb = adapter(() => {
      throw new Error('syntax');
    });
    expect(await readerFor('cppdbg', gdb, frame)).toBeNull();
    expect(gdb.asked).toHaveLength(1);
    expect(guardFor('cppdbg', gdb.evaluate)).toBeNull();
  });

  it('of a Python debugger under another name reads its tensors', async () => {
    const program = await Debuggee.start('decoder.py');
    try {
      const here = await program.frame();
      const own: Adapter = { evaluate: program.evaluate, names: async () => Promise.resolve([]) };
      const reader = await readerFor('my-own-python', own, here);
      const scope = await reader?.scope(here, { budgetMs: 2000 });
      expect(scope?.tensors.find(({ path }) => path === 'probs')?.counts?.nan).toBe(2100);
    } finally {
      await program.end();
    }
  });
});
