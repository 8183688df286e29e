import { Histogram, type Registry } from 'prom-client';

export interface ObservedRequest {
	readonly method: string;
	/** The route's pattern, from a fixed set: never a path with ids in it. */
	readonly route: string;
	readonly status: string;
	/** From the first byte of the head until the answer was over, in milliseconds. */
	readonly ms: number;
}

const METHODS = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']);

/** Counts and times requests in `registry` under `bimetal_http_request_seconds`; the returned function records one. */
export function requestMetrics(registry: Registry): (request: ObservedRequest) => void {
	const name = 'bimetal_http_request_seconds';
	const known = registry.getSingleMetric(name);
	const histogram =
		(known as Histogram<'method' | 'route' | 'status'> | undefined) ??
		new Histogram({
			name,
			help: 'HTTP requests by method, route and status; duration in seconds',
			labelNames: ['method', 'route', 'status'] as const,
			buckets: [0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3, 10],
			registers: [registry],
		});
	return ({ method, route, status, ms }) => {
		// Clients choose the method: one label for all that are not known bounds the number of series.
		histogram.observe({ method: METHODS.has(method) ? method : 'other', route, status }, ms / 1000);
	};
}
