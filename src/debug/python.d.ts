/** Python files come as their text; the bundler and the test runner see to it. */
declare module '*.py' {
  const text: string;
  export default text;
}
