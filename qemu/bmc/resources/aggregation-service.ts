import { collection, type JsonObject, link } from '../../redfish/json.ts';
import { done, notFound } from '../../redfish/outcome.ts';
import { CONFIGURE_MANAGER } from '../../redfish/privileges.ts';
import { act, resource } from '../../redfish/route-kinds.ts';
import type { Route } from '../../redfish/route-table.ts';
import type { Satellite } from '../aggregation.ts';

const SERVICE = '/redfish/v1/AggregationService';
const SOURCES = `${SERVICE}/AggregationSources`;

/** Which other BMCs this one fronts. Sources can be taken away, as in bmcweb; what they are is set at start. */
export function aggregationRoutes(satellites: Record<string, Satellite>): Route[] {
	const show = (prefix: string): JsonObject | undefined =>
		Object.hasOwn(satellites, prefix)
			? {
					'@odata.id': `${SOURCES}/${prefix}`,
					'@odata.type': '#AggregationSource.v1_3_1.AggregationSource',
					Id: prefix,
					Name: prefix,
					HostName: satellites[prefix]?.url ?? '',
					Password: null,
				}
			: undefined;
	return [
		...resource(SERVICE, () => ({
			'@odata.id': SERVICE,
			'@odata.type': '#AggregationService.v1_0_1.AggregationService',
			Id: 'AggregationService',
			Name: 'Aggregation Service',
			Description: 'Aggregation Service',
			ServiceEnabled: true,
			AggregationSources: link(SOURCES),
		})),
		...resource(SOURCES, () =>
			collection(
				SOURCES,
				'AggregationSourceCollection',
				'Aggregation Source Collection',
				Object.keys(satellites),
			),
		),
		...resource(`${SOURCES}/{}`, call => show(call.params[0] ?? ''), { type: 'AggregationSource' }),
		act('DELETE', `${SOURCES}/{}`, CONFIGURE_MANAGER, call => {
			const prefix = call.params[0] ?? '';
			if (!show(prefix)) return notFound('AggregationSource', prefix);
			delete satellites[prefix];
			return done();
		}),
	];
}
