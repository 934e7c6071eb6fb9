import { CloseCode } from '../../src/protocol/close-codes';
import { checkDelivery } from './check-delivery';
import { checkGaps } from './check-gaps';
import { checkOrder } from './check-order';
import type { Closed, Entry, Excuse, NemesisMark } from './history';
import { indexOf, type Index } from './history-index';

/** Everything that can be wrong with a history. */
export type Problem =
  /** Accepted, and a client of its audience did not get it. */
  | 'lost'
  /** Received, and nobody sent it. */
  | 'phantom'
  /** Refused for certain, and received all the same. */
  | 'refused-but-delivered'
  /** Refused for good, although there is nothing wrong with it. */
  | 'wrongly-refused'
  /** Received with another text, business type or way than it was sent with. */
  | 'altered'
  /** The application got it twice. */
  | 'duplicate'
  /** It came twice over the wire with different bodies. */
  | 'unequal-copies'
  /** Accepted before another was sent, and received after it. */
  | 'order'
  /** Received by a client that it was not for. */
  | 'misrouted'
  /** Received with another sender than the authenticated one. */
  | 'forged-sender'
  /** No completion, or no answer within the deadline. */
  | 'hung'
  | 'completed-twice'
  /** The server closed with a code that is not in the table. */
  | 'close-code'
  /** The server refused a handshake that was in order. */
  | 'handshake'
  /** A single-use token opened two connections. */
  | 'token-twice'
  /** A client was told of a gap and nothing had made one. */
  | 'gap'
  /** A gap that covers what the client has, or leaves open what it has not. */
  | 'gap-bounds'
  /** A probe after everything was healed did not reach its client. */
  | 'probe-missing'
  /** Queues still held messages at the end. */
  | 'left-over'
  | 'crashed'
  | 'too-few-accepted'
  | 'fault-did-not-happen';

export interface Finding {
  readonly problem: Problem;
  readonly detail: string;
}

/** What is no problem but worth a number. */
export interface Counts {
  readonly accepted: number;
  readonly refused: number;
  readonly unknown: number;
  /** Unknown to the sender, and received. */
  readonly recovered: number;
  readonly received: number;
  readonly wireDuplicates: number;
  readonly reconnects: number;
  readonly gaps: number;
}

export interface Verdict {
  readonly valid: boolean;
  readonly findings: readonly Finding[];
  readonly counts: Counts;
}

export interface Expectation {
  /** Accepted operations below which a run proves nothing. */
  readonly accepted: number;
  /** Names of the faults that must have happened. */
  readonly faults: readonly string[];
}

/** 1001 is the WebSocket server's own; the rest are ours. */
const CLOSE_CODES: ReadonlySet<number> = new Set([1001, ...Object.values(CloseCode)]);
/** HTTP statuses of a handshake that say that the client is wrong. */
const CLIENT_ERRORS = { from: 400, to: 499 };
/** ms after the end of a fault in which it still excuses: a heartbeat that was missed during it, say. */
const AFTERMATH = 30_000;

/** Judges a history. A pure function: nothing but the entries and what was expected of them. */
export function check(entries: readonly Entry[], expectation: Expectation): Verdict {
  const index = indexOf(entries);
  const findings = [
    ...checkDelivery(index),
    ...checkOrder(index),
    ...checkGaps(index),
    ...checkOperations(index),
    ...checkConnections(index),
    ...checkTokens(index),
    ...checkEnd(index),
    ...checkMeaning(index, expectation),
  ];
  return { valid: findings.length === 0, findings, counts: countsOf(index) };
}

function checkOperations({ entries, operations }: Index): Finding[] {
  const findings: Finding[] = [];
  for (const { invoke, completions } of operations.values()) {
    const [first] = completions;
    if (completions.length > 1) findings.push({ problem: 'completed-twice', detail: invoke.op });
    if (first?.final === true)
      findings.push({ problem: 'wrongly-refused', detail: `${invoke.op}: ${first.reason ?? ''}` });
    if (first === undefined) findings.push({ problem: 'hung', detail: `${invoke.op}: no answer` });
    else if (first.silent === true && !isExcused(entries, 'silence', first.at))
      findings.push({ problem: 'hung', detail: `${invoke.op}: ${first.reason ?? 'silent'}` });
  }
  return findings;
}

function checkConnections({ entries }: Index): Finding[] {
  return entries.flatMap((entry) => {
    const finding = checkEvent(entries, entry);
    return finding === undefined ? [] : [finding];
  });
}

function checkEvent(entries: readonly Entry[], entry: Entry): Finding | undefined {
  switch (entry.kind) {
    case 'closed':
      return checkClose(entries, entry);
    case 'refused': {
      const isTheClients = entry.status >= CLIENT_ERRORS.from && entry.status <= CLIENT_ERRORS.to;
      const detail = `${entry.client}: ${String(entry.status)}`;
      return isTheClients ? { problem: 'handshake', detail } : undefined;
    }
    case 'gap': {
      const detail = `${entry.client}: ${entry.from} to ${entry.to}, ${entry.reason}`;
      return isExcused(entries, 'gap', entry.at) ? undefined : { problem: 'gap', detail };
    }
    case 'exit': {
      const detail = `${entry.gateway} ended with ${String(entry.status)}`;
      return entry.expected ? undefined : { problem: 'crashed', detail };
    }
    default:
      return undefined;
  }
}

function checkClose(entries: readonly Entry[], entry: Closed & Entry): Finding | undefined {
  if (entry.by === 'client' || CLOSE_CODES.has(entry.code)) return undefined;
  if (entry.code === 1006 && isExcused(entries, 'abnormal-close', entry.at, entry.gateway))
    return undefined;
  const detail = `${entry.client} at ${entry.gateway}: ${String(entry.code)}`;
  return { problem: 'close-code', detail };
}

function checkTokens({ entries }: Index): Finding[] {
  const used = new Set<string>();
  return entries.flatMap((entry) => {
    if (entry.kind !== 'admitted') return [];
    const isAgain = used.has(entry.token);
    used.add(entry.token);
    return isAgain ? [{ problem: 'token-twice' as const, detail: entry.gateway }] : [];
  });
}

/** After the end every client, and not only the service, must prove to be alive. */
function checkEnd({ entries, operations, received, clients }: Index): Finding[] {
  const end = entries.find((entry) => entry.kind === 'quiesced');
  if (end === undefined) return [{ problem: 'probe-missing', detail: 'the run did not quiesce' }];
  const findings: Finding[] = [];
  if (end.left !== '')
    findings.push({ problem: 'left-over', detail: `messages in queues: ${end.left}` });
  for (const client of clients) {
    const isReached = [...operations.values()].some(
      ({ invoke }) =>
        invoke.channel === 'probe' &&
        invoke.at >= end.at &&
        invoke.audience.includes(client) &&
        received.get(client)?.some(({ op }) => op === invoke.op) === true,
    );
    if (!isReached) findings.push({ problem: 'probe-missing', detail: client });
  }
  return findings;
}

function checkMeaning(index: Index, { accepted, faults }: Expectation): Finding[] {
  const findings: Finding[] = [];
  const count = countsOf(index).accepted;
  if (count < accepted)
    findings.push({
      problem: 'too-few-accepted',
      detail: `${String(count)} of ${String(accepted)}`,
    });
  const marks = index.entries.filter((entry) => entry.kind === 'nemesis');
  for (const name of faults) {
    const isFelt = (['start', 'felt', 'stop'] as const).every((phase) =>
      marks.some((mark) => mark.name === name && mark.phase === phase),
    );
    if (!isFelt) findings.push({ problem: 'fault-did-not-happen', detail: name });
  }
  return findings;
}

function countsOf({ entries, operations, received, wireDuplicates }: Index): Counts {
  const ended = (kind: 'ok' | 'fail' | 'info'): number =>
    [...operations.values()].filter(({ completions }) => completions[0]?.kind === kind).length;
  const shown = new Set([...received.values()].flat().map(({ op }) => op));
  const recovered = [...operations.values()].filter(
    ({ invoke, completions }) => completions[0]?.kind === 'info' && shown.has(invoke.op),
  );
  const number = (is: (entry: Entry) => boolean): number => entries.filter(is).length;
  return {
    accepted: ended('ok'),
    refused: ended('fail'),
    unknown: ended('info'),
    recovered: recovered.length,
    received: [...received.values()].reduce((sum, { length }) => sum + length, 0),
    wireDuplicates,
    reconnects: number((entry) => entry.kind === 'connected' && entry.resumed),
    gaps: number((entry) => entry.kind === 'gap'),
  };
}

/** Whether a fault that allows it, at this gateway where it is of one, was on at that time, or had just been. */
function isExcused(
  entries: readonly Entry[],
  excuse: Excuse,
  at: number,
  gateway?: string,
): boolean {
  const marks = entries.filter(
    (entry): entry is NemesisMark & Entry =>
      entry.kind === 'nemesis' &&
      entry.allows.includes(excuse) &&
      (gateway === undefined || entry.gateway === undefined || entry.gateway === gateway),
  );
  return marks.some((start) => {
    if (start.phase !== 'start' || start.at > at) return false;
    const stop = marks.find(
      ({ name, phase, at: end }) => phase === 'stop' && name === start.name && end >= start.at,
    );
    return at <= (stop?.at ?? Infinity) + AFTERMATH;
  });
}
