import { useLayoutEffect, useRef } from 'preact/hooks';

import { t } from '../language/dictionary';
import { Icon, type IconName } from '../parts/icon';
import type { Entry, FrameEntry, Happening } from '../participant/participant';
import { cursorOf, prettyPrint, type Wire } from '../participant/wire';

const KINDS = {
  SERVER_TO_CLIENT: 'push',
  CLIENT_TO_SERVER: 'ask',
  CLIENT_TO_CLIENT: 'write',
} as const;
const ICONS: Readonly<Record<Happening, IconName>> = {
  cut: 'cut',
  mended: 'link',
  lost: 'cut',
  closed: 'close',
  foreignCursor: 'note',
  failed: 'close',
};
/** px within which a list counts as scrolled to its end. */
const NEAR = 40;

/** Every frame of one client, the latest at the end, which stays in view unless somebody has scrolled up. */
export function FrameList({
  entries,
  label,
}: {
  readonly entries: readonly Entry[];
  readonly label: string;
}) {
  const list = useRef<HTMLDivElement>(null);
  const atEnd = useRef(true);
  useLayoutEffect(() => {
    const box = list.current;
    if (box !== null && atEnd.current) box.scrollTop = box.scrollHeight;
  }, [entries]);
  return (
    <div
      class="frames"
      ref={list}
      tabIndex={0}
      role="region"
      aria-label={label}
      onScroll={({ currentTarget: box }) => {
        atEnd.current = box.scrollHeight - box.scrollTop - box.clientHeight < NEAR;
      }}
    >
      <ol>
        {entries.map((entry) => (
          <li key={entry.id}>
            {entry.kind === 'frame' ? <FrameRow entry={entry} /> : <HappeningRow {...entry} />}
          </li>
        ))}
      </ol>
    </div>
  );
}

function HappeningRow({
  what,
  sentence = '',
}: {
  readonly what: Happening;
  readonly sentence?: string;
}) {
  return (
    <p class={`happening ${what}`}>
      <Icon name={ICONS[what]} />
      {t(`happening.${what}`, { sentence })}
    </p>
  );
}

function FrameRow({ entry }: { readonly entry: FrameEntry }) {
  const { direction, wire, latency, missed } = entry;
  const cursor = cursorOf(wire);
  return (
    <details class={`frame ${direction} ${kindOf(wire)}`}>
      <summary>
        <Icon name={direction} />
        <span class="unseen">{t(`frame.${direction}`)}</span>
        <span class="frame-name">{nameOf(wire)}</span>
        {missed && <span class="chip">{t('frame.missed')}</span>}
        <span class="frame-what">{summaryOf(wire)}</span>
        {latency !== undefined && !missed && (
          <span class="frame-latency" title={t('frame.latency')}>
            {latency < 9.5 ? latency.toFixed(1) : Math.round(latency)} ms
          </span>
        )}
        {cursor !== undefined && (
          <span class="frame-cursor" title={t('frame.cursor', { cursor })}>
            #{cursor.replace(/-.*/, '')}
          </span>
        )}
      </summary>
      <pre tabIndex={0}>{prettyPrint(wire)}</pre>
    </details>
  );
}

/** Names the colour of a row. */
function kindOf(wire: Wire): string {
  if (wire.kind === 'body') return KINDS[wire.body.messageType];
  return wire.frame.op === 'gap' || wire.frame.op === 'rejected' ? wire.frame.op : 'control';
}

function nameOf(wire: Wire): string {
  return wire.kind === 'body' ? wire.body.businessType : wire.frame.op;
}

/** The gist of a frame in one line. */
function summaryOf(wire: Wire): string {
  if (wire.kind === 'body') return JSON.stringify(wire.body.content ?? null);
  const { frame } = wire;
  switch (frame.op) {
    case 'welcome':
      return t(frame.resumed ? 'frame.resumed' : 'frame.fresh', { name: frame.uniqueId });
    case 'gap':
      return t(`frame.gap.${frame.reason}`);
    case 'rejected':
      return `${frame.code} ${frame.message}`;
    case 'bye':
      return `${String(frame.code)} ${frame.reason}`;
    default:
      return '';
  }
}
