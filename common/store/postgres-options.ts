import { existsSync } from 'node:fs';
import { z } from 'zod';
import { existingFile, secretFile } from '../config/values.ts';

const isNear = (host: string): boolean =>
	host.startsWith('/') || /^(127\.\d+\.\d+\.\d+|::1|localhost)$/.test(host);

/** Where a service's tables are, as site files say it. Paths count from the site file's folder. */
export const postgresSchema = (folder: string) =>
	z
		.strictObject({
			/** A name or address, or the folder of the server's UNIX socket. */
			host: z.string().min(1).default('/run/postgresql'),
			port: z.int().min(1).max(65535).default(5432),
			database: z.string().min(1),
			user: z.string().min(1),
			/** Not needed where the server knows the user by the UNIX socket (peer). */
			password: secretFile(folder).optional(),
			/** Who certifies the server: it is spoken to over TLS then, and not otherwise. */
			ca: existingFile(folder).optional(),
			/** The schema with the tables, which is made when it is not there: one for each service. */
			schema: z.string().regex(/^[a-z_][a-z0-9_]{0,62}$/, 'expected small letters, digits and underscores'),
		})
		.superRefine(({ host, ca }, context) => {
			if (ca === undefined && !isNear(host)) {
				const message = 'all that is stored would cross the network: give ca as well';
				context.addIssue({ code: 'custom', path: ['host'], message });
			}
			if (host.startsWith('/') && !existsSync(host)) {
				context.addIssue({ code: 'custom', path: ['host'], message: `there is no folder ${host}` });
			}
		});

export interface PostgresOptions extends z.output<ReturnType<typeof postgresSchema>> {
	/** Milliseconds for a connection, a statement, or another's transaction to end; half a minute when absent. */
	readonly patience?: number;
}

/** How errors name it: nothing in it is secret. */
export const nameOf = ({ host, database, schema }: PostgresOptions): string =>
	`PostgreSQL ${host}, ${database}.${schema}`;
