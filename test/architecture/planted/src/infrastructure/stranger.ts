import { z } from 'zod';

export const STRANGER = z;
