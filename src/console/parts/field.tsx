import type { ComponentChildren } from 'preact';

/** A label above its control. */
export function Field({
  label,
  hint,
  wide,
  children,
}: {
  readonly label: string;
  readonly hint?: string;
  readonly wide?: boolean;
  readonly children: ComponentChildren;
}) {
  return (
    <label class={wide === true ? 'field wide' : 'field'}>
      <span class="field-label">{label}</span>
      {children}
      {hint !== undefined && <span class="hint">{hint}</span>}
    </label>
  );
}

/** A line of text that is kept in a signal or the like. */
export function TextField({
  label,
  value,
  set,
  hint,
  list,
  wide,
}: {
  readonly label: string;
  readonly value: string;
  readonly set: (value: string) => void;
  readonly hint?: string;
  /** Id of a datalist. */
  readonly list?: string;
  readonly wide?: boolean;
}) {
  return (
    <Field label={label} {...(hint !== undefined && { hint })} {...(wide === true && { wide })}>
      <input
        type="text"
        autocomplete="off"
        autocapitalize="off"
        spellcheck={false}
        value={value}
        {...(list !== undefined && { list })}
        onInput={(event) => {
          set(event.currentTarget.value);
        }}
      />
    </Field>
  );
}

/** One of a few, as radio buttons that look like one row of buttons. */
export function Choice<T extends string>({
  label,
  name,
  options,
  value,
  set,
}: {
  readonly label: string;
  readonly name: string;
  readonly options: readonly { readonly value: T; readonly text: string }[];
  readonly value: T;
  readonly set: (value: T) => void;
}) {
  return (
    <fieldset class="choice">
      <legend class="field-label">{label}</legend>
      <div class="choice-row">
        {options.map((option) => (
          <label key={option.value} class="choice-option">
            <input
              type="radio"
              name={name}
              checked={option.value === value}
              onChange={() => {
                set(option.value);
              }}
            />
            <span>{option.text}</span>
          </label>
        ))}
      </div>
    </fieldset>
  );
}
