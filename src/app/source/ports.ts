/** What linting needs from the world. */
import type { PythonTree } from '../../core/python/syntax';

export interface PythonSyntax {
  /** Broken source gives a tree as well, with what could be read. */
  parse(text: string): PythonTree;
}

/** The parser of one file that is edited. */
export interface IncrementalPython extends PythonSyntax {
  /** The next state of the text. Pauses now and then; its last value is the tree. */
  parsing(text: string): Generator<void, PythonTree>;
  dispose(): void;
}

export interface SourceFiles {
  /** Python files at and below a path, sorted; a file that is named is taken whatever it is called. @throws NanoscopeError */
  find(path: string, signal: AbortSignal): Promise<readonly string[]>;
  /** @throws NanoscopeError */
  read(file: string): Promise<Uint8Array>;
}
