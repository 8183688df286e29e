import autocannon from 'autocannon';
import type { LoadOptions, LoadReport } from '../harness/http-side.ts';
import { serve } from '../harness/serve.ts';

// One round of load, then the report. A process of its own, so that it takes no time from what it measures.
await serve(async (options: LoadOptions) => {
	const times: number[] = [];
	const ends: number[] = [];
	const end = performance.now() + options.seconds * 1000;
	const result = await new Promise<autocannon.Result>((resolve, reject) => {
		const instance = autocannon(
			{
				url: options.url,
				headers: { ...options.headers },
				connections: options.connections,
				amount: 1e9,
				timeout: 30,
				...(options.ca === undefined ? {} : { tlsOptions: { ca: options.ca } }),
			},
			(error: Error | null, outcome) => (error ? reject(error) : resolve(outcome)),
		);
		instance.on('response', (client, _status, _bytes, milliseconds) => {
			const now = performance.now();
			// autocannon's own percentiles are whole milliseconds.
			times.push(milliseconds);
			ends.push(now);
			// A connection ends between two requests, where autocannon's `duration` cuts it off: http-proxy 1.18.1
			// never lets go of the one to the BMC when its client leaves in the middle of a large answer.
			if (now >= end) (client as unknown as { responseMax: number }).responseMax = 1;
		});
	});
	const sorted = Float64Array.from(times).sort();
	const percentile = (share: number) => sorted[Math.ceil(sorted.length * share) - 1] ?? Number.NaN;
	// Without the first and the last tenth, when connections are made and ended.
	const [from, to] = [Math.floor(ends.length * 0.1), Math.floor(ends.length * 0.9)];
	const report: LoadReport = {
		requests: times.length,
		rate: ((to - from) / ((ends[to] ?? Number.NaN) - (ends[from] ?? Number.NaN))) * 1000,
		p50: percentile(0.5),
		p99: percentile(0.99),
		failures: result.non2xx + result.errors + result.timeouts,
	};
	return { ready: report, close: async () => {} };
});
