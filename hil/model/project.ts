import { z } from 'zod';
import { defineCollection } from '../../common/store/store.ts';
import { label } from './label.ts';

const most = z.int().min(0).nullable();
const project = z.strictObject({
	label,
	/** How many it may have; null: as many as there are. */
	quota: z.strictObject({ nodes: most, networks: most }),
});
export const projects = defineCollection('projects', project);

const user = z.strictObject({
	label,
	isAdmin: z.boolean(),
	/** scrypt, see common/identity/passwords.ts. */
	password: z.string(),
	projects: z.array(label),
});
export type User = z.output<typeof user>;
export const users = defineCollection('users', user, {
	project: document => document.projects,
	admin: document => (document.isAdmin ? 'yes' : undefined),
});
