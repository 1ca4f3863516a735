/** Python's syntax, by tree-sitter: a parser and its grammar, both WebAssembly, read from files beside the bundle. */
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { Edit, Language, Parser, type Point, type Tree } from 'web-tree-sitter';
import type { IncrementalPython } from '../../app/source/ports';
import { NanoscopeError } from '../../core/errors';
import { ended, Lines, readingTree, type PythonTree } from '../../core/python/syntax';

/** Where the WebAssembly lies: of tree-sitter itself, and of Python's grammar. */
export interface ParserFiles {
  readonly core: string;
  readonly grammar: string;
}

/** As the bundler lays them out. @param folder of the bundles */
export const bundledParser = (folder: string): ParserFiles => ({
  core: path.join(folder, 'python', 'web-tree-sitter.wasm'),
  grammar: path.join(folder, 'python', 'tree-sitter-python.wasm'),
});

/** A frame of the editor has 16 ms, and more than this waits for its turn. */
const usualSliceMs = 8;

let loading: Promise<Language> | null = null;

/**
 * Read once in a process.
 * @param sliceMs after which parsing pauses
 * @throws NanoscopeError where it cannot be read
 */
export async function loadPython(files: ParserFiles, sliceMs = usualSliceMs): Promise<PythonParser> {
  loading ??= load(files);
  try {
    return new PythonParser(await loading, sliceMs);
  } catch (error) {
    loading = null;
    throw new NanoscopeError(
      'file-unreadable',
      `The parser for Python could not be loaded (${error instanceof Error ? error.message : String(error)}).`,
      'It is part of NaNoscope: install it again.',
    );
  }
}

async function load(files: ParserFiles): Promise<Language> {
  const [core, grammar] = await Promise.all([readFile(files.core), readFile(files.grammar)]);
  await Parser.init({ wasmBinary: core });
  return Language.load(new Uint8Array(grammar));
}

/** Parses one text after another; what is still right of the one before it is used again. */
export class PythonParser implements IncrementalPython {
  private readonly parser = new Parser();
  private last: { readonly tree: Tree; readonly text: string } | null = null;
  private disposed = false;

  constructor(
    language: Language,
    private readonly sliceMs: number,
  ) {
    this.parser.setLanguage(language);
  }

  /** A text that has nothing to do with the one before it. */
  parse(text: string): PythonTree {
    this.forget();
    return ended(this.parsing(text));
  }

  /** A later state of the same text. Pauses now and then; its last value is the tree. */
  *parsing(text: string): Generator<void, PythonTree> {
    const { last } = this;
    if (last) last.tree.edit(changeBetween(last.text, text));
    // Edited, it is the tree of no text: where this one is not finished, the next is parsed anew.
    this.last = null;
    let tree: Tree | null = null;
    try {
      tree = yield* this.inSlices(text, last?.tree ?? null);
    } finally {
      last?.tree.delete();
      if (!tree && !this.disposed) this.parser.reset();
    }
    if (!tree) throw new NanoscopeError('file-unreadable', 'This text could not be parsed.', 'Is it a Python file?');
    this.last = { tree, text };
    yield;
    const cursor = tree.walk();
    try {
      return yield* readingTree(cursor, text);
    } finally {
      cursor.delete();
    }
  }

  dispose(): void {
    this.disposed = true;
    this.forget();
    this.parser.delete();
  }

  /**
   * Null where it cannot be parsed. A parse that was paused goes on where it stopped, as long as nothing else is parsed;
   * what is no Python may be mended in another way than without the pause.
   */
  private *inSlices(text: string, before: Tree | null): Generator<void, Tree | null> {
    for (;;) {
      const end = performance.now() + this.sliceMs;
      const state = { paused: false };
      const progressCallback = (): boolean => (state.paused = performance.now() > end);
      const tree = this.parser.parse(text, before, { progressCallback });
      if (tree || !state.paused) return tree;
      yield;
    }
  }

  private forget(): void {
    this.last?.tree.delete();
    this.last = null;
  }
}

/** All that differs, as one change. */
function changeBetween(before: string, after: string): Edit {
  const shorter = Math.min(before.length, after.length);
  let same = 0;
  while (same < shorter && before[same] === after[same]) same++;
  let tail = 0;
  while (tail < shorter - same && before[before.length - 1 - tail] === after[after.length - 1 - tail]) tail++;
  const [old, now] = [new Lines(before), new Lines(after)];
  const point = (lines: Lines, offset: number): Point => {
    const { line, character } = lines.at(offset);
    return { row: line, column: character };
  };
  const [oldEnd, newEnd] = [before.length - tail, after.length - tail];
  return new Edit({
    startIndex: same,
    oldEndIndex: oldEnd,
    newEndIndex: newEnd,
    startPosition: point(old, same),
    oldEndPosition: point(old, oldEnd),
    newEndPosition: point(now, newEnd),
  });
}
