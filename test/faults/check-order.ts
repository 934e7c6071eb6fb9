import type { Finding } from './checker';
import type { Index, Operation } from './history-index';

/**
 * Per sender and recipient: what was accepted before another was sent is received before it. Operations that ran at
 * the same time have no order, nor have those whose acceptance nobody knows.
 */
export function checkOrder({ received, operations }: Index): Finding[] {
  const findings: Finding[] = [];
  for (const [client, got] of received) {
    const ordered = got
      .map(({ op }) => operations.get(op))
      .filter((one) => one?.invoke.ordered === true);
    findings.push(...breachesOf(client, ordered as readonly Operation[]));
  }
  return findings;
}

function breachesOf(client: string, got: readonly Operation[]): Finding[] {
  const findings: Finding[] = [];
  /** Of each sender, what was begun last of all that has come so far. */
  const latest = new Map<string, Operation>();
  for (const operation of got) {
    const { op, sender, at } = operation.invoke;
    const before = latest.get(sender);
    const [completion] = operation.completions;
    const begun = before?.invoke.at ?? -Infinity;
    if (completion?.kind === 'ok' && completion.at < begun) {
      const detail = `${client}: ${op} after ${before?.invoke.op ?? ''}`;
      findings.push({ problem: 'order', detail });
    }
    if (at > begun) latest.set(sender, operation);
  }
  return findings;
}
