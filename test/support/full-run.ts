/** True in the whole fault suite, which writes a report: it breaks more, and for longer, than `npm test` has time for. */
export const isFullRun = process.env['FAULT_REPORT'] !== undefined;
