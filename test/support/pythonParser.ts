/** The parser of Python, from the packages that the bundler takes it from. */
import { createRequire } from 'node:module';
import { loadPython, type ParserFiles, type PythonParser } from '../../src/runtime/python/parser';

const { resolve } = createRequire(import.meta.url);

export const parserFiles: ParserFiles = {
  core: resolve('web-tree-sitter/web-tree-sitter.wasm'),
  grammar: resolve('tree-sitter-python/tree-sitter-python.wasm'),
};

export const pythonParser = (sliceMs?: number): Promise<PythonParser> => loadPython(parserFiles, sliceMs);
