import { LogClaims } from '../../../src/application/log/log-claims';
import { LogFollower } from '../../../src/application/log/log-follower';
import { LogProbe } from '../../../src/application/log/log-probe';
import { LogReader, LogWriter, type NewEntry } from '../../../src/application/ports/message-log';
import type { VerifiedToken } from '../../../src/application/ports/token-service';
import { EndedSessions } from '../../../src/application/session/ended-sessions';
import { AdmitClient } from '../../../src/application/session/admit-client';
import { Partitions } from '../../../src/domain/routing/partitions';
import { DEFAULT_GRANTS } from '../../../src/domain/routing/send-permission';
import { JwtTokenService } from '../../../src/infrastructure/security/jwt-token-service';
import { silence } from '../../contract/quiet-logger';
import { BARE_FRAMES } from '../../support/bare-frames';
import { FakeClock } from '../../support/fake-clock';
import { RecordingMetrics } from '../../support/recording-metrics';

silence();

class IdleReader extends LogReader {
  override start(): Promise<void> {
    return Promise.resolve();
  }

  override isAtEnd(): Promise<boolean> {
    return Promise.resolve(true);
  }

  override restart(): void {
    throw new Error('nobody restarts it');
  }

  override stop(): Promise<void> {
    return Promise.resolve();
  }
}

/** A log of which a node reads at once what it writes. */
class Log extends LogWriter {
  override blocked = false;
  /** Offset of the entry that comes next. */
  next = 0;
  readonly clock = new FakeClock();
  readonly follower = new LogFollower(
    { maxAge: 60_000, maxBytes: 1e7 },
    1000,
    BARE_FRAMES,
    this.clock,
    new RecordingMetrics(),
  );

  override append(entry: NewEntry): Promise<void> {
    const time = this.clock.now();
    const at = { offset: this.next++, timestamp: time, time };
    if (entry.kind === 'claims' || entry.kind === 'probe') this.follower.entry({ ...entry, ...at });
    return Promise.resolve();
  }

  /** Retention has taken what lay between the node and `next`. */
  lose(next: number): void {
    this.follower.lost(next - 1);
    this.next = next;
  }
}

describe('a token for one connection', () => {
  let log: Log;
  let admit: AdmitClient;
  let tokens: JwtTokenService;
  let ended: EndedSessions;
  beforeEach(async () => {
    log = new Log();
    const { clock, follower } = log;
    tokens = new JwtTokenService(['s'.repeat(32)], clock);
    const claims = new LogClaims(log, follower, clock, 5000);
    const probe = new LogProbe(log, new IdleReader(), follower, clock, 5000);
    ended = new EndedSessions({ writer: log, reader: new IdleReader() }, clock);
    admit = new AdmitClient(tokens, claims, probe, Partitions.NONE, ended, clock);
    await probe.probe();
  });

  function aToken(id: string): VerifiedToken {
    const token = tokens.issue({
      identity: { uniqueId: 'u1', clientType: 'H5' },
      tags: [],
      businesses: [],
      grants: DEFAULT_GRANTS,
      partition: undefined,
      began: undefined,
      cursor: log.follower.applied?.toString() ?? '',
      use: 'connect',
      id,
      expiresAt: log.clock.now() + 60_000,
      issuedAt: log.clock.now(),
      sessionTtl: 60_000,
    });
    return admit.verify(token);
  }

  async function outcome(token: VerifiedToken): Promise<string> {
    try {
      await admit.execute(token, undefined);
      return 'admitted';
    } catch (error) {
      return (error as { code: string }).code;
    }
  }

  it('opens one', async () => {
    const token = aToken('t1');
    expect(await outcome(token)).toBe('admitted');
    expect(await outcome(token)).toBe('TOKEN_USED');
  });

  it('opens none when the session is ended while the log is asked', async () => {
    const now = log.clock.now();
    const pending = outcome(aToken('t1'));
    const of = { uniqueId: 'u1', clientType: '', before: now };
    const at = { offset: 1, timestamp: now, time: now };
    ended.entry({ kind: 'revocation', ...of, replaced: false, ...at });
    expect(await pending).toBe('SESSION_ENDED');
    ended.entry({ kind: 'revocation', ...of, replaced: true, ...at, offset: 2 });
    expect(await outcome(aToken('t3'))).toBe('SESSION_REPLACED');
    log.clock.advance(1);
    expect(await outcome(aToken('t2'))).toBe('admitted');
  });

  it('opens none when its use may be among what the log has lost', async () => {
    const [used, unread] = [aToken('t1'), aToken('t2')];
    expect(await outcome(used)).toBe('admitted');
    log.lose(100);
    expect(await outcome(unread)).toBe('TOKEN_EXPIRED');
    expect(await outcome(used)).toBe('TOKEN_USED');
    expect(await outcome(aToken('t3'))).toBe('admitted');
  });
});
