import { signal } from '@preact/signals';

import { t } from '../language/dictionary';
import type { Key } from '../language/en';
import { suffix } from '../participant/stopwatch';
import { Pane } from './pane';
import type { Scenario } from './scenario';
import type { Story } from './story';

const HUB = 3;
const BACKEND = 4;

type News = 'CHARGING' | 'FULL' | 'FAULT';
type Status = News | 'FREE';

/** Who watches which ports. */
const WATCHERS: readonly { readonly title: Key; readonly ports: readonly string[] }[] = [
  { title: 'lane.driverA', ports: ['A1'] },
  { title: 'lane.driverB', ports: ['B2'] },
  { title: 'lane.operator', ports: ['A1', 'B2'] },
];
const EVENTS: readonly { readonly port: string; readonly status: News }[] = [
  { port: 'A1', status: 'CHARGING' },
  { port: 'B2', status: 'CHARGING' },
  { port: 'A1', status: 'FULL' },
  { port: 'B2', status: 'FAULT' },
];

interface Watcher {
  readonly statuses: Readonly<Record<string, Status>>;
  readonly received: number;
}

const NOTHING: Watcher = { statuses: {}, received: 0 };
const watchers = signal<readonly Watcher[]>(WATCHERS.map(() => NOTHING));

function Panes() {
  return (
    <>
      {WATCHERS.map(({ title, ports }, i) => {
        const { statuses, received } = watchers.value[i] ?? NOTHING;
        return (
          <Pane key={title} title={title} icon="plug">
            <ul class="ports">
              {ports.map((port) => {
                const status = statuses[port] ?? 'FREE';
                return (
                  <li key={port} class={`port ${status}`}>
                    <strong>{port}</strong>
                    <span>{t(`charging.${status}`)}</span>
                  </li>
                );
              })}
            </ul>
            <p class="hint">{t('charging.received', { count: received })}</p>
          </Pane>
        );
      })}
    </>
  );
}

async function act(story: Story): Promise<void> {
  watchers.value = WATCHERS.map(() => NOTHING);
  const run = suffix();
  const station = `station:${run}`;
  const tagsOf = [[`port:A1.${run}`], [`port:B2.${run}`], [station]];
  for (const [i, tags] of tagsOf.entries()) {
    const watcher = await story.join(i, {
      uniqueId: `watcher-${String(i + 1)}-${run}`,
      clientType: 'APP',
      tags,
      businesses: ['charging'],
    });
    watcher.onMessage = ({ content }) => {
      take(i, content as { port: string; status: Status });
    };
  }
  for (const content of EVENTS) {
    await story.pause(900);
    story.remark(BACKEND, `charging.step.${content.status}`, { port: content.port });
    await story.push(BACKEND, {
      sendType: 'MULTICAST',
      messageType: 'SERVER_TO_CLIENT',
      businessType: 'charging.status',
      tags: [`port:${content.port}.${run}`, station],
      businesses: ['charging'],
      content,
    });
  }
  await story.pause(400);
}

function take(index: number, { port, status }: { port: string; status: Status }): void {
  watchers.value = watchers.value.map((watcher, i) =>
    i === index
      ? { statuses: { ...watcher.statuses, [port]: status }, received: watcher.received + 1 }
      : watcher,
  );
}

export const charging: Scenario = {
  name: 'charging',
  icon: 'plug',
  lanes: ['lane.driverA', 'lane.driverB', 'lane.operator', 'lane.wirepost', 'lane.backend'],
  hub: HUB,
  Panes,
  act,
};
