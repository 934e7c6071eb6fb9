export const milk = 1;
