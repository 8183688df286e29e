import autocannon from 'autocannon';
import type { LoadOptions, LoadReport } from '../harness/http-side.ts';
import { serve } from '../harness/serve.ts';

// One round of load, then the report. A process of its own, so that it takes no time from what it measures.
await serve(async (options: LoadOptions) => {
	const times: number[] = [];
	const result = await new Promise<autocannon.Result>((resolve, reject) => {
		const instance = autocannon(
			{
				url: options.url,
				headers: { ...options.headers },
				connections: options.connections,
				duration: options.seconds,
				...(options.ca === undefined ? {} : { tlsOptions: { ca: options.ca } }),
			},
			(error: Error | null, outcome) => (error ? reject(error) : resolve(outcome)),
		);
		// autocannon's own percentiles are whole milliseconds.
		instance.on('response', (_client, _status, _bytes, milliseconds) => times.push(milliseconds));
	});
	const sorted = Float64Array.from(times).sort();
	const percentile = (share: number) => sorted[Math.ceil(sorted.length * share) - 1] ?? Number.NaN;
	const report: LoadReport = {
		requests: times.length,
		seconds: result.duration,
		p50: percentile(0.5),
		p99: percentile(0.99),
		failures: result.non2xx + result.errors + result.timeouts,
	};
	return { ready: report, close: async () => {} };
});
