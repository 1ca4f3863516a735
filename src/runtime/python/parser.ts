/** Python's syntax, by tree-sitter: a parser and its grammar, both WebAssembly, read from files beside the bundle. */
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { Language, Parser, type Tree } from 'web-tree-sitter';
import { readTree, type PythonTree } from '../../core/python/syntax';
import { NanoscopeError } from '../../core/errors';

/** A change of a text: offsets in UTF-16 units, before and after. */
export interface TextEdit {
  readonly from: number;
  readonly oldTo: number;
  readonly newTo: number;
}

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

let loading: Promise<Language> | null = null;

/** Read once in a process. @throws NanoscopeError where it cannot be read */
export async function loadPython(files: ParserFiles): Promise<PythonParser> {
  loading ??= load(files);
  try {
    return new PythonParser(await loading);
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

/** Parses one text after another, each with what is still right of the one before it. */
export class PythonParser {
  private readonly parser = new Parser();
  private tree: Tree | null = null;

  constructor(language: Language) {
    this.parser.setLanguage(language);
  }

  /** @param edits what changed since the last text; null where nothing of it may be used again */
  parse(text: string, edits: readonly TextEdit[] | null = null): PythonTree {
    const before = edits ? this.tree : null;
    const tree = this.parser.parse(text, before);
    this.tree?.delete();
    this.tree = tree;
    if (!tree) throw new NanoscopeError('file-unreadable', 'This text could not be parsed.', 'Is it a Python file?');
    const cursor = tree.walk();
    try {
      return readTree(cursor, text);
    } finally {
      cursor.delete();
    }
  }

  dispose(): void {
    this.tree?.delete();
    this.tree = null;
    this.parser.delete();
  }
}
