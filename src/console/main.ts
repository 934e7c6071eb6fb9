import { h, render } from 'preact';

import { App } from './app';

const root = document.querySelector('#console');
if (root !== null) render(h(App, {}), root);
