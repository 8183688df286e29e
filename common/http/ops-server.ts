import { createServer, type Server } from 'node:http';
import type { Response } from 'express';
import type { Registry } from 'prom-client';
import { type Clock, systemClock } from '../clock.ts';
import { scrubText } from '../log/secrets.ts';
import { createApp } from './app.ts';

/** Throws, or rejects, with the reason when the service cannot do its work. `signal` ends a check that takes too long. */
export type Check = (signal: AbortSignal) => unknown;

export interface CheckResult {
	readonly ok: boolean;
	/** Why not. */
	readonly reason?: string;
}

export interface OpsDeps {
	readonly registry: Pick<Registry, 'metrics' | 'contentType'>;
	/** By name, for instance `store`, `broker`, `policies`. */
	readonly checks: Readonly<Record<string, Check>>;
	/** Milliseconds that one check may take; 2,000 when absent. */
	readonly checkTimeout?: number;
	readonly clock?: Clock;
}

/**
 * What operations look at, for a loopback port of its own: `/healthz` (the process answers), `/readyz` (every
 * check passes, else 503 with the reasons) and `/metrics` (Prometheus text).
 */
export function createOpsServer(deps: OpsDeps): Server {
	const app = createApp({
		routes: [
			{ method: 'GET', path: '/healthz', handle: (_request, response) => response.json({ alive: true }) },
			{
				method: 'GET',
				path: '/readyz',
				handle: async (_request, response) => {
					const checks = await runChecks(deps);
					const ready = Object.values(checks).every(check => check.ok);
					response.status(ready ? 200 : 503).json({ ready, checks });
				},
			},
			{
				method: 'GET',
				path: '/metrics',
				handle: (_request, response) => sendMetrics(deps.registry, response),
			},
		],
	});
	return createServer(app);
}

async function sendMetrics(registry: OpsDeps['registry'], response: Response): Promise<void> {
	const text = await registry.metrics();
	response.set('Content-Type', registry.contentType).end(text);
}

/** Runs all checks at once, each within its time. */
export async function runChecks(
	deps: Pick<OpsDeps, 'checks' | 'checkTimeout' | 'clock'>,
): Promise<Record<string, CheckResult>> {
	const { checks, checkTimeout = 2000, clock = systemClock } = deps;
	const results = await Promise.all(
		Object.entries(checks).map(
			async ([name, check]) => [name, await runCheck(check, checkTimeout, clock)] as const,
		),
	);
	return Object.fromEntries(results);
}

async function runCheck(check: Check, timeout: number, clock: Clock): Promise<CheckResult> {
	const abort = new AbortController();
	let cancel: () => void = () => undefined;
	const late = new Promise<CheckResult>(resolve => {
		cancel = clock.after(timeout, () => {
			resolve({ ok: false, reason: `no result within ${timeout} ms` });
			abort.abort();
		});
	});
	const done = (async (): Promise<CheckResult> => {
		try {
			await check(abort.signal);
			return { ok: true };
		} catch (error) {
			return { ok: false, reason: scrubText(error instanceof Error ? error.message : String(error)) };
		}
	})();
	const result = await Promise.race([done, late]);
	cancel();
	return result;
}
