import { computed, signal } from '@preact/signals';
import { useEffect } from 'preact/hooks';

import { gateway } from './access/access';
import { KeyForm } from './access/key-form';
import { LANGUAGES, language, type Language, setLanguage, t } from './language/dictionary';
import { latest, trouble } from './look/figures';
import { LookView } from './look/look-view';
import { Announcer } from './parts/announcer';
import { Logo } from './parts/icon';
import { ScenariosView } from './scenarios/scenarios-view';
import { TryView } from './try/try-view';

const VIEWS = { try: TryView, scenarios: ScenariosView, look: LookView } as const;
type ViewName = keyof typeof VIEWS;

const hash = signal(location.hash);
addEventListener('hashchange', () => {
  hash.value = location.hash;
  scrollTo(0, 0);
});
setLanguage(language.value);

const current = computed<ViewName>(() => {
  const [name = ''] = hash.value.slice(1).split('/');
  return Object.hasOwn(VIEWS, name) ? (name as ViewName) : 'try';
});

function LanguageChoice() {
  return (
    <label class="language">
      <span class="unseen">{t('app.language')}</span>
      <select
        value={language.value}
        onChange={(event) => {
          setLanguage(event.currentTarget.value as Language);
        }}
      >
        {Object.entries(LANGUAGES).map(([tag, name]) => (
          <option key={tag} value={tag} selected={tag === language.value}>
            {name}
          </option>
        ))}
      </select>
    </label>
  );
}

/** Whether the node's figures arrive. */
function NodeState() {
  if (trouble.value === 'forbidden' || gateway.value === undefined) return null;
  const good = trouble.value === undefined && latest.value !== undefined;
  return (
    <span class={good ? 'pill good' : 'pill waiting'}>
      {good ? t('app.nodeUp', { connections: latest.value?.connections ?? 0 }) : t('app.nodeAway')}
    </span>
  );
}

function Navigation() {
  return (
    <nav aria-label={t('app.views')}>
      {(Object.keys(VIEWS) as ViewName[]).map((name) => (
        <a
          key={name}
          href={`#${name}`}
          class="tab"
          {...(name === current.value && { 'aria-current': 'page' as const })}
        >
          {t(`app.${name}`)}
        </a>
      ))}
    </nav>
  );
}

export function App() {
  const signedIn = gateway.value !== undefined;
  useEffect(() => {
    // The form that had the focus is gone.
    if (signedIn) document.querySelector<HTMLElement>('#main')?.focus({ preventScroll: true });
  }, [signedIn]);
  const View = VIEWS[current.value];
  return (
    <>
      <a class="skip" href="#main" onClick={toMain}>
        {t('app.skip')}
      </a>
      <header class="top">
        <span class="brand">
          <Logo />
          Wirepost
        </span>
        {signedIn && <Navigation />}
        <span class="top-end">
          <NodeState />
          <LanguageChoice />
        </span>
      </header>
      <main id="main" tabIndex={-1}>
        {signedIn ? <View /> : <KeyForm />}
      </main>
      <Announcer />
    </>
  );
}

/** Not by the address, which names the view. */
function toMain(event: Event): void {
  event.preventDefault();
  document.querySelector<HTMLElement>('#main')?.focus();
}
