import { z } from 'zod';
import { type Server, serverName } from './server.ts';

const value = z.union([z.string().max(256), z.number(), z.boolean()]);
const property = z.string().min(1).max(64);
const condition = z.discriminatedUnion('op', [
	z.strictObject({ property, op: z.enum(['==', '!=']), value }),
	z.strictObject({ property, op: z.enum(['<', '<=', '>', '>=']), value: z.number() }),
	z.strictObject({ property, op: z.literal('in'), value: z.array(value).min(1).max(100) }),
]);
export type Condition = z.output<typeof condition>;

/** Servers: exactly these, or all whose properties are so. */
export const choice = z.union([
	z.strictObject({ names: z.array(serverName).min(1).max(10_000) }),
	z.strictObject({ where: z.array(condition).max(32) }),
]);
export type Choice = z.output<typeof choice>;

/** Whether a server is as all the conditions say. What a server does not tell of itself meets no condition, not even `!=`. */
export const isChosen = (name: string, server: Pick<Server, 'properties'>, wanted: Choice): boolean =>
	'names' in wanted ? wanted.names.includes(name) : wanted.where.every(each => holds(server, each));

function holds({ properties }: Pick<Server, 'properties'>, wanted: Condition): boolean {
	if (!Object.hasOwn(properties, wanted.property)) return false;
	const has = properties[wanted.property];
	switch (wanted.op) {
		case '==':
			return has === wanted.value;
		case '!=':
			return has !== wanted.value;
		case 'in':
			return wanted.value.some(each => each === has);
	}
	// Numbers compare with numbers only: '9' is not below 10 as text is.
	if (typeof has !== 'number') return false;
	switch (wanted.op) {
		case '<':
			return has < wanted.value;
		case '<=':
			return has <= wanted.value;
		case '>':
			return has > wanted.value;
		case '>=':
			return has >= wanted.value;
	}
}
