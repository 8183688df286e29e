import { z } from 'zod';
import { defineCollection } from '../../common/store/store.ts';
import { secondOf } from './admission.ts';
import { moment } from './names.ts';

const usedNonce = z.strictObject({ until: moment });
/** Nonces that a TPM has answered, by themselves in hexadecimal: kept for as long as they would count. */
export const usedNonces = defineCollection('used-nonces', usedNonce, { due: ({ until }) => secondOf(until) });
