import { collectDefaultMetrics, Registry } from 'prom-client';

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
