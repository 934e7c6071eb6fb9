import { verify } from './spin';

/** A wrong design, and the property that it breaks. */
type Wrong = readonly [variant: string, broken: string];

const RESUME: readonly Wrong[] = [
  ['ATTACH_BEFORE_REPLAY', 'skipped'],
  ['REPLAY_BEFORE_ATTACH', 'skipped'],
  ['CURSOR_AHEAD', 'skipped'],
  ['TRIM_WITHOUT_GAP', 'skipped'],
  ['NEWER_TOKEN', 'skipped'],
  ['LOCAL_DEDUPE', 'duplicated'],
  ['LAGGING_SERVES', 'duplicated'],
  ['UNREADY_SERVES', 'duplicated'],
];

const CLAIM: readonly Wrong[] = [
  ['CLAIM_WITHOUT_LOG', 'twoWinners'],
  ['CONFIRM_DECIDES', 'twoWinners'],
  ['WINDOW_OF_TOKEN', 'twoWinners'],
];

describe('the model of resume', () => {
  it('skips nothing, repeats nothing and decides alike at all nodes, in every run', async () => {
    const result = await verify('resume.pml');
    // No cursor is ever taken for one of another log.
    const never = ['wire!OTHER_LOG,received,position'];
    expect(result).toMatchObject({ error: undefined, complete: true });
    expect([...new Set(result.unreached)]).toEqual(never);
    expect(result.states).toBeGreaterThan(1e6);
  });

  it.each(RESUME)('finds out %s: something is %s', async (variant, broken) => {
    const { error } = await verify('resume.pml', { variant });
    expect(error).toMatch(new RegExp(`^assertion violated +!\\(${broken}\\)$`));
  });
});

describe('the limit of the model of resume', () => {
  it('is a node that starts to read between two copies of a message: it takes the second for new', async () => {
    const { error } = await verify('resume.pml', { variant: 'START_BETWEEN_COPIES' });
    expect(error).toMatch(/^assertion violated +!\(disagreed\)$/);
  });
});

describe('the model of a claim', () => {
  it('has one winner at most, the same at all nodes, in every run', async () => {
    const result = await verify('claim.pml');
    expect(result).toMatchObject({ error: undefined, complete: true, unreached: [] });
    expect(result.states).toBeGreaterThan(1e6);
  });

  it('has a winner in the end, unless somebody gave up', async () => {
    const result = await verify('claim.pml', { property: 'oneWins' });
    expect(result).toMatchObject({ error: undefined, complete: true });
  });

  it.each(CLAIM)('finds out %s: there are %s', async (variant, broken) => {
    const { error } = await verify('claim.pml', { variant });
    expect(error).toMatch(new RegExp(`^assertion violated +!\\(${broken}\\)$`));
  });

  it('finds out OWN_CLAIM_REFUSED: nobody wins', async () => {
    const { error } = await verify('claim.pml', {
      variant: 'OWN_CLAIM_REFUSED',
      property: 'oneWins',
    });
    expect(error).toBe('acceptance cycle');
  });
});
