import type { Request } from 'express';
import type { Route } from '../../common/http/app.ts';
import { httpErrors } from '../../common/http/errors.ts';
import { parse } from '../../common/http/parse.ts';
import type { PublishedLog } from '../audit/published-log.ts';
import * as schemas from './audit-schemas.ts';
import { operatorRoute } from './operator-route.ts';

/** `/p2c/v1/audit`: what every operator of every party may follow of the log. */
export function createAuditRoutes(log: PublishedLog): Route[] {
	const route = (path: string, answer: (request: Request) => unknown): Route =>
		operatorRoute('GET', `/audit${path}`, answer);
	return [
		route('/key', () => ({ verifier: log.verifier })),
		route('/checkpoint', () => ({ checkpoint: log.checkpoint() })),
		route('/checkpoints', async request => {
			const { after, limit } = parse(schemas.pageQuery, request.query, 'query');
			return { checkpoints: await log.checkpoints(after, limit) };
		}),
		route('/records', async request => {
			const { after, limit } = parse(schemas.pageQuery, request.query, 'query');
			const records = await log.records(after, limit);
			const last = after + records.length;
			return { records, next: last < log.size() ? last : null };
		}),
		route('/proof/inclusion', async request => {
			const { seq, size = log.size() } = parse(schemas.inclusionQuery, request.query, 'query');
			const path = await log.inclusion(seq, size);
			if (!path) throw notSigned(log, `no record ${seq} among the first ${size}`);
			return { seq, size, path: path.map(base64) };
		}),
		route('/proof/consistency', async request => {
			const { from, to = log.size() } = parse(schemas.consistencyQuery, request.query, 'query');
			const proof = await log.consistency(from, to);
			if (!proof) throw notSigned(log, `no proof from ${from} records to ${to}`);
			return { from, to, proof: proof.map(base64) };
		}),
	];
}

const base64 = (hash: Uint8Array): string => Buffer.from(hash).toString('base64');

const notSigned = (log: PublishedLog, what: string) =>
	httpErrors.NotFound(`there is ${what}; ${log.size()} records are signed so far`);
