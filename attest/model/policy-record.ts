import { z } from 'zod';
import { defineCollection } from '../../common/store/store.ts';
import { hilName, moment, sha256 } from './names.ts';

const record = z.strictObject({
	project: hilName,
	name: z.string(),
	/** Of its text: what is kept under that is never changed. */
	digest: sha256,
	setAt: moment,
	setBy: z.string(),
});
/** What a project's policy is now, by its name. */
export type PolicyRecord = z.output<typeof record>;
export const policies = defineCollection('policies', record, {
	project: document => document.project,
	digest: document => document.digest,
});
export const policyId = (project: string, name: string): string => JSON.stringify([project, name]);
