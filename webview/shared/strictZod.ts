/**
 * Must be imported before any module that builds a schema. The page's policy forbids compiling text to code; zod
 * tries once when the first schema is made, and each try leaves a policy violation in the log.
 */
import * as z from 'zod';

z.config({ jitless: true });
