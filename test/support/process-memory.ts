import { readFileSync } from 'node:fs';

/** Bytes of memory that a process holds now. */
export function residentOf(pid: number): number {
  return read(pid, 'VmRSS');
}

/** The most that it has held so far. */
export function peakOf(pid: number): number {
  return read(pid, 'VmHWM');
}

function read(pid: number, field: string): number {
  const status = readFileSync(`/proc/${String(pid)}/status`, 'utf8');
  const kib = new RegExp(`^${field}:\\s+(\\d+) kB$`, 'm').exec(status)?.[1];
  if (kib === undefined) throw new Error(`process ${String(pid)} tells no ${field}`);
  return Number(kib) * 1024;
}
