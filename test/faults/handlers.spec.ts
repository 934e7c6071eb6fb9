import { Program } from '../contract/rabbitmq-fixture';
import { eventually } from '../support/eventually';
import { RabbitMqNode } from '../support/rabbitmq-node';
import { buildGateway } from './build';
import { directed, judged, type Run } from './fault-run';
import type { Nemesis } from './nemesis';
import type { Operation } from './operation';

/** Messages of each kind. */
const EACH = 15;
/** What handlers of each kind come to: the reason of the dead letter, none for those that work in the end. */
const FATES = {
  'fault.throws': /never works \(attempt 3 of 3\)/,
  'fault.breaks': /cannot read it/,
  'fault.hangs': /no result within 200 ms \(attempt 2 of 2\)/,
  'fault.after-effect': undefined,
} as const;

describe('handlers that throw, hang and fail half way', () => {
  let broker: RabbitMqNode;
  let program: Program;
  beforeAll(async () => {
    broker = await RabbitMqNode.start();
    program = await Program.connect(broker.url);
  }, 120_000);
  afterAll(async () => {
    await program.close();
    await broker.stop();
  }, 60_000);

  it('cost nobody else anything, and every message ends as a reply or as a dead letter, once', async () => {
    const asked = new Map<string, RegExp | undefined>();
    const work = directed({
      around: 200,
      nemesis: (run) => failingHandlers(run, asked),
      during: async ({ system }) => {
        const replied = [...asked].filter(([, reason]) => reason === undefined);
        await eventually(
          async () => {
            expect(await program.deadLetters(system.prefix)).toHaveLength(4 * EACH);
            for (const [op] of replied)
              expect(system.clients.some(({ got }) => got.has(op))).toBe(true);
          },
          { within: 20_000 },
        );
      },
      afterwards: async ({ system }) => {
        const dead = await program.deadLetters(system.prefix);
        const expected = [...asked].filter(([, reason]) => reason !== undefined);
        for (const [op, reason] of expected) {
          const letters = dead.filter(({ messageId }) => messageId === op);
          expect(letters).toHaveLength(1);
          expect(letters[0]?.reason).toMatch(reason ?? /^$/);
        }
        expect(dead).toHaveLength(expected.length);
      },
    });
    const setting = { row: 'handlers that fail, poison', seed: 1, broker, main: buildGateway() };
    await judged({ ...setting, minimum: 400 }, work);
  }, 120_000);

  /** Asks every kind of handler, and publishes what is no message at all. */
  function failingHandlers(run: Run, asked: Map<string, RegExp | undefined>): Nemesis {
    const { system, load, generator, random } = run;
    const nothing = (): Promise<void> => Promise.resolve();
    return {
      name: 'handlers fail',
      allows: [],
      start: async () => {
        const sent = Object.entries(FATES).flatMap(([type, reason]) =>
          Array.from({ length: EACH }, () => {
            const sender = random.pick(system.clients).identity;
            const question = generator.question(sender, 'upstream', type);
            asked.set(question.op, reason);
            return load.run(reason === undefined ? question : unanswered(question));
          }),
        );
        for (let i = 0; i < EACH; i += 1) {
          const messageId = `poison-${String(i)}`;
          asked.set(messageId, /BAD_JSON|TOO_DEEP|BAD_FIELD/);
          const content = Buffer.from(POISON[i % POISON.length] ?? '');
          program.channel.publish(`${system.prefix}.upstream`, 'qrcode.refresh', content, {
            messageId,
          });
        }
        await Promise.all(sent);
        return `${String(asked.size)} messages to handlers that fail`;
      },
      stop: nothing,
      heal: nothing,
    };
  }
});

const POISON = ['', 'not JSON', '[]', '{"sendType":7}', `${'['.repeat(5000)}${']'.repeat(5000)}`];

function unanswered(question: Operation): Operation {
  return { ...question, audience: [] };
}
