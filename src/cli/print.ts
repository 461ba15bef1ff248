/** Results and messages for people, with their colours: a file of its own in the build, loaded by who has to say something. */
export { formatDiagnostic } from '../report/diagnostics.ts';
export { formatMap, formatSummary } from '../report/linkMap.ts';
export { formatMapJson } from '../report/mapJson.ts';
export { formatShrinkage } from '../report/shrinkage.ts';
export { PLAIN } from '../report/style.ts';
export { styleFor } from './style.ts';
