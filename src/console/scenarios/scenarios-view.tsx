import { signal } from '@preact/signals';

import { gateway } from '../access/access';
import type { Gateway } from '../access/gateway';
import { t } from '../language/dictionary';
import { announce } from '../parts/announcer';
import { Icon } from '../parts/icon';
import { charging } from './charging';
import { display } from './display';
import { login } from './login';
import { payment } from './payment';
import { slowReport } from './report';
import type { Scenario, ScenarioName } from './scenario';
import { Sequence } from './sequence';
import { Story } from './story';

const SCENARIOS: readonly Scenario[] = [login, payment, charging, display, slowReport];

const chosen = signal<ScenarioName>('login');
const stories = signal<Readonly<Partial<Record<ScenarioName, Story>>>>({});

/** Tells a scenario's story from the start. */
function run({ name, hub, act }: Scenario, source: Gateway): void {
  stories.value[name]?.end();
  const story = new Story(source, hub);
  stories.value = { ...stories.value, [name]: story };
  void story.play(act).then(() => {
    const state = story.state.value;
    if (state === 'done' || state === 'failed')
      announce({ key: `story.${state}`, values: { name: t(`scenario.${name}`) } });
  });
}

/** Five uses of the service, each with one click and drawn as it happens. */
export function ScenariosView() {
  const scenario = SCENARIOS.find(({ name }) => name === chosen.value) ?? login;
  return (
    <div class="scenarios">
      <h1 class="unseen">{t('app.scenarios')}</h1>
      <ul class="scenario-list">
        {SCENARIOS.map(({ name, icon }) => (
          <li key={name}>
            <button
              class="scenario-choice"
              aria-pressed={name === chosen.value}
              onClick={() => {
                chosen.value = name;
              }}
            >
              <Icon name={icon} />
              <span>{t(`scenario.${name}`)}</span>
            </button>
          </li>
        ))}
      </ul>
      <ScenarioStage scenario={scenario} />
    </div>
  );
}

function ScenarioStage({ scenario }: { readonly scenario: Scenario }) {
  const { name, lanes, hub, Panes } = scenario;
  const source = gateway.value;
  const story = stories.value[name];
  const state = story?.state.value;
  return (
    <section class="card stage" aria-labelledby="scenario-title" data-scenario={name}>
      <header class="stage-head">
        <div>
          <h2 id="scenario-title">{t(`scenario.${name}`)}</h2>
          <p>{t(`scenario.${name}.about`)}</p>
        </div>
        <button
          class="button primary"
          aria-disabled={source === undefined || state === 'running'}
          onClick={() => {
            if (source !== undefined && state !== 'running') run(scenario, source);
          }}
        >
          <Icon name="play" />
          {t(story === undefined ? 'story.run' : 'story.again')}
        </button>
      </header>
      {state === 'failed' && (
        <p class="fault" role="alert">
          {t('story.fault', { sentence: story?.fault.value ?? '' })}
        </p>
      )}
      <div class="panes">
        <Panes />
      </div>
      <Sequence lanes={lanes} hub={hub} steps={story?.steps.value ?? []} />
      <p class="legend">
        <span class="legend-line frame">{t('story.frame')}</span>
        <span class="legend-line call">{t('story.call')}</span>
        <span class="legend-line own">{t('story.own')}</span>
        {state === 'done' && (
          <span class="pill good" data-story="done">
            {t('story.over')}
          </span>
        )}
      </p>
    </section>
  );
}
