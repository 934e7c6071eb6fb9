import type { Finding } from './checker';
import type { Entry, Received } from './history';
import type { Index, Operation } from './history-index';

/** What every client's application got, against what was accepted for it. */
export function checkDelivery(index: Index): Finding[] {
  const findings: Finding[] = index.unequalCopies.map((detail) => ({
    problem: 'unequal-copies',
    detail,
  }));
  for (const client of index.clients) {
    const got = index.received.get(client) ?? [];
    const seen = new Set<string>();
    for (const one of got) {
      if (seen.has(one.op)) findings.push({ problem: 'duplicate', detail: nameOf(client, one) });
      seen.add(one.op);
      findings.push(...checkOne(index, client, one));
    }
    findings.push(...lostTo(index, client, seen));
  }
  return findings;
}

function checkOne({ operations }: Index, client: string, one: Received): Finding[] {
  const operation = operations.get(one.op);
  const detail = nameOf(client, one);
  if (operation === undefined) return [{ problem: 'phantom', detail }];
  const { invoke, completions } = operation;
  const findings: Finding[] = [];
  if (completions[0]?.kind === 'fail') findings.push({ problem: 'refused-but-delivered', detail });
  if (!invoke.audience.includes(client)) findings.push({ problem: 'misrouted', detail });
  if (invoke.meaning !== undefined && invoke.meaning !== one.meaning)
    findings.push({ problem: 'altered', detail });
  if (invoke.from !== one.from)
    findings.push({ problem: 'forged-sender', detail: `${detail} from ${one.from ?? 'nobody'}` });
  return findings;
}

function lostTo(index: Index, client: string, seen: ReadonlySet<string>): Finding[] {
  const joined = index.joined.get(client) ?? Infinity;
  const findings: Finding[] = [];
  for (const operation of index.operations.values()) {
    const { invoke, completions } = operation;
    if (seen.has(invoke.op) || completions[0]?.kind !== 'ok') continue;
    if (!invoke.audience.includes(client) || invoke.at < joined) continue;
    if (isInGap(index, client, operation)) continue;
    findings.push({ problem: 'lost', detail: `${invoke.op} (${invoke.channel}) to ${client}` });
  }
  return findings;
}

/**
 * A gap that the client was told of covers a message only in its place: nothing that is certainly later came before
 * the gap, nothing that is certainly earlier came after it.
 */
function isInGap({ gaps, received, operations }: Index, client: string, lost: Operation): boolean {
  const accepted = lost.completions[0]?.at ?? Infinity;
  const from = lost.invoke.at;
  return (gaps.get(client) ?? []).some((gap) =>
    (received.get(client) ?? []).every((one: Received & Entry) => {
      const other = operations.get(one.op);
      if (other === undefined) return true;
      const [completion] = other.completions;
      return one.at < gap.at
        ? other.invoke.at <= accepted
        : completion === undefined || completion.kind !== 'ok' || completion.at >= from;
    }),
  );
}

function nameOf(client: string, { op, cursor }: Received): string {
  return `${op} to ${client} at ${cursor}`;
}
