import type { Clock } from '../../common/clock.ts';
import { BimetalError } from '../../common/errors/bimetal-error.ts';
import type { Answer, ProxyClient, RequestView } from '../../proxy/client.ts';
import type { CliContext } from '../context.ts';
import { progressLine } from '../progress.ts';
import { visible } from '../visible.ts';

/** Seconds between polls when the answer does not say, and the most that is waited whatever it says. */
const DEFAULT_RETRY = 2;
const LONGEST_RETRY = 60;
/** So many polls in a row may fail to reach the proxy: it may be restarting, and the request is on its disk. */
const PATIENCE = 5;

/** The TaskMonitor of a 202 (DSP0266, asynchronous operations) as a plain path; undefined without a Location. */
export function monitorOf(answer: Answer): string | undefined {
	const location = answer.headers.location;
	if (!location || !URL.canParse(location, 'https://proxy.invalid')) return undefined;
	const { pathname, search } = new URL(location, 'https://proxy.invalid');
	return pathname.replace(/^\/bmc\/[^/]+(?=\/redfish)/, '') + search;
}

/** Polls a TaskMonitor until it gives the final answer; throws `Interrupted` when the user has enough. */
export async function follow(
	context: CliContext,
	task: {
		client: ProxyClient;
		bmc: string;
		monitor: string;
		answer: Answer;
		pending: RequestView | undefined;
	},
): Promise<Answer> {
	const { client, bmc, monitor } = task;
	const signal = context.interruption();
	const progress = progressLine(context);
	let { answer, pending } = task;
	let failures = 0;
	try {
		for (;;) {
			progress.show(pending ? stateText(pending) : 'the BMC works on it');
			await sleep(context.clock, retryAfter(answer, context.clock), signal);
			try {
				answer = await client.redfish({ bmc, method: 'GET', path: monitor });
				if (answer.status !== 202) return answer;
				if (pending) pending = await client.request(pending.id);
				failures = 0;
			} catch (error) {
				const away = error instanceof BimetalError && ['ProxyUnreachable', 'NoAnswer'].includes(error.code);
				if (!away || ++failures >= PATIENCE) throw error;
			}
		}
	} finally {
		progress.end();
	}
}

function stateText(pending: RequestView): string {
	return pending.state === 'waiting' ? `waiting for ${visible(pending.needsText)}` : pending.state;
}

/** Milliseconds until the next poll: Retry-After in seconds or as a date (RFC 9110 §10.2.3). */
export function retryAfter(answer: Answer, clock: Clock): number {
	const value = answer.headers['retry-after'];
	const seconds =
		value === undefined
			? DEFAULT_RETRY
			: /^\d+$/.test(value)
				? Number(value)
				: (Date.parse(value) - clock.now()) / 1000;
	return Math.min(Math.max(Number.isFinite(seconds) ? seconds : DEFAULT_RETRY, 0.1), LONGEST_RETRY) * 1000;
}

export function sleep(clock: Clock, ms: number, signal: AbortSignal): Promise<void> {
	return new Promise((resolve, reject) => {
		const interrupted = () => {
			cancel();
			reject(new BimetalError('Interrupted', 'interrupted'));
		};
		const cancel = clock.after(ms, () => {
			signal.removeEventListener('abort', interrupted);
			resolve();
		});
		if (signal.aborted) interrupted();
		else signal.addEventListener('abort', interrupted, { once: true });
	});
}
