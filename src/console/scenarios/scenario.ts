import type { ComponentChild } from 'preact';

import type { Key } from '../language/en';
import type { IconName } from '../parts/icon';
import type { Story } from './story';

export type ScenarioName = 'login' | 'payment' | 'charging' | 'display' | 'report';

/** A story that can be told with one click. */
export interface Scenario {
  readonly name: ScenarioName;
  readonly icon: IconName;
  /** Who takes part, from left to right. */
  readonly lanes: readonly Key[];
  /** The lane of the service. */
  readonly hub: number;
  /** What the people in it see. */
  readonly Panes: () => ComponentChild;
  readonly act: (story: Story) => Promise<void>;
}
