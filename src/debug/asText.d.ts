/** What runs inside a debugged program comes as text; the bundler and the test runner see to it. */
declare module '*.py' {
  const text: string;
  export default text;
}
declare module '*?expression' {
  const text: string;
  export default text;
}
