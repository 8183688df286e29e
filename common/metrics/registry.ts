import { AggregatorRegistry, collectDefaultMetrics, Registry } from 'prom-client';

/**
 * A service's metrics. `process: true` adds those of the process itself (memory, event loop, garbage
 * collection): one registry of each process should, since each that does measures them anew.
 */
export function createRegistry(options: { service: string; process?: boolean }): Registry {
	const registry = new Registry();
	registry.setDefaultLabels({ service: options.service });
	if (options.process === true) collectDefaultMetrics({ register: registry });
	return registry;
}

/** A registry's metrics with those of other processes of the service, as their getMetricsAsJSON gives them. */
export function aggregateMetrics(
	own: Registry,
	others: () => Promise<readonly (readonly object[])[]>,
): Pick<Registry, 'metrics' | 'contentType'> {
	return {
		contentType: own.contentType,
		async metrics() {
			const all = [await own.getMetricsAsJSON(), ...(await others())];
			return AggregatorRegistry.aggregate(all as object[]).metrics();
		},
	};
}
