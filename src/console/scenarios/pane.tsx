import type { ComponentChildren } from 'preact';

import { t } from '../language/dictionary';
import type { Key } from '../language/en';
import { Icon, type IconName } from '../parts/icon';

/** A little screen: what somebody in the story looks at. */
export function Pane({
  title,
  icon,
  who,
  children,
}: {
  readonly title: Key;
  readonly icon: IconName;
  /** The uniqueId that the client has. */
  readonly who?: string | undefined;
  readonly children: ComponentChildren;
}) {
  return (
    <article class="pane" aria-label={t(title)}>
      <header>
        <Icon name={icon} />
        <h3>{t(title)}</h3>
        {who !== undefined && <span class="who">{who}</span>}
      </header>
      <div class="pane-body">{children}</div>
    </article>
  );
}
