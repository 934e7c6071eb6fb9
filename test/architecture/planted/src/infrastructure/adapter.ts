import '../interface/page';

export const fill = 1;
