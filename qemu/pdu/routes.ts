import type { Clock } from '../../common/clock.ts';
import { sessionRoutes } from '../bmc/resources/sessions.ts';
import type { Account } from '../redfish/accounts.ts';
import { collection, type JsonObject, link } from '../redfish/json.ts';
import { done, notFound, type Outcome } from '../redfish/outcome.ts';
import { CONFIGURE_COMPONENTS, OPEN } from '../redfish/privileges.ts';
import { oneOf } from '../redfish/request-body.ts';
import { act, resource } from '../redfish/route-kinds.ts';
import type { Call, Route } from '../redfish/route-table.ts';
import type { Sessions } from '../redfish/sessions.ts';
import type { Outlet } from './outlet.ts';

const ROOT = '/redfish/v1';
const PDUS = `${ROOT}/PowerEquipment/RackPDUs`;
const PDU = `${PDUS}/1`;
const OUTLETS = `${PDU}/Outlets`;

export interface PduHost {
	readonly clock: Clock;
	readonly sessions: Sessions;
	readonly failedLoginDelayMs: number;
	readonly outlets: readonly Outlet[];
	findAccount(name: string): Account | undefined;
	touch(): void;
	isOn(outlet: Outlet): boolean;
	watts(outlet: Outlet): number;
	switchOutlet(outlet: Outlet, action: 'On' | 'Off' | 'PowerCycle'): void;
}

/** The PDU's own Redfish (DSP0268: PowerEquipment, PowerDistribution, Outlet). */
export function pduRoutes(host: PduHost): Route[] {
	const isPdu = (call: Call) => call.params[0] === '1';
	const find = (call: Call) =>
		isPdu(call) ? host.outlets.find(outlet => outlet.id === call.params[1]) : undefined;
	return [
		...resource('/redfish', () => ({ v1: `${ROOT}/` }), { requirement: OPEN }),
		...resource(ROOT, serviceRoot, { requirement: OPEN, schema: 'ServiceRoot' }),
		...sessionRoutes(host),
		...resource(`${ROOT}/PowerEquipment`, () => ({
			'@odata.id': `${ROOT}/PowerEquipment`,
			'@odata.type': '#PowerEquipment.v1_2_1.PowerEquipment',
			Id: 'PowerEquipment',
			Name: 'Power Equipment',
			RackPDUs: link(PDUS),
			Status: { Health: 'OK', State: 'Enabled' },
		})),
		...resource(PDUS, () => collection(PDUS, 'PowerDistributionCollection', 'Rack PDU Collection', ['1'])),
		...resource(`${PDUS}/{}`, call => (isPdu(call) ? distribution(host) : undefined), {
			type: 'PowerDistribution',
			volatile: true,
		}),
		...resource(
			`${PDUS}/{}/Outlets`,
			call =>
				isPdu(call)
					? collection(
							OUTLETS,
							'OutletCollection',
							'Outlet Collection',
							host.outlets.map(outlet => outlet.id),
						)
					: undefined,
			{ type: 'PowerDistribution' },
		),
		...resource(
			`${PDUS}/{}/Outlets/{}`,
			call => {
				const outlet = find(call);
				return outlet && showOutlet(host, outlet);
			},
			{ type: 'Outlet', volatile: true },
		),
		act('POST', `${PDUS}/{}/Outlets/{}/Actions/Outlet.PowerControl`, CONFIGURE_COMPONENTS, call =>
			controlPower(host, call, find(call)),
		),
	];
}

function serviceRoot(): JsonObject {
	return {
		'@odata.id': ROOT,
		'@odata.type': '#ServiceRoot.v1_15_0.ServiceRoot',
		Id: 'RootService',
		Name: 'Rack PDU',
		RedfishVersion: '1.17.0',
		PowerEquipment: link(`${ROOT}/PowerEquipment`),
		SessionService: link(`${ROOT}/SessionService`),
		Links: { Sessions: link(`${ROOT}/SessionService/Sessions`) },
	};
}

function distribution(host: PduHost): JsonObject {
	return {
		'@odata.id': PDU,
		'@odata.type': '#PowerDistribution.v1_3_2.PowerDistribution',
		Id: '1',
		Name: 'Rack PDU 1',
		EquipmentType: 'RackPDU',
		Manufacturer: 'Bimetal',
		Model: `PDU-${host.outlets.length}`,
		Outlets: link(OUTLETS),
		Status: { Health: 'OK', State: 'Enabled' },
	};
}

function showOutlet(host: PduHost, outlet: Outlet): JsonObject {
	const uri = `${OUTLETS}/${outlet.id}`;
	return {
		'@odata.id': uri,
		'@odata.type': '#Outlet.v1_4_3.Outlet',
		Id: outlet.id,
		Name: outlet.name,
		PowerState: host.isOn(outlet) ? 'On' : 'Off',
		PowerEnabled: host.isOn(outlet),
		PowerWatts: { Reading: host.watts(outlet) },
		VoltageType: 'AC',
		NominalVoltage: 'AC230V',
		Status: { Health: 'OK', State: 'Enabled' },
		Actions: {
			'#Outlet.PowerControl': {
				target: `${uri}/Actions/Outlet.PowerControl`,
				'PowerState@Redfish.AllowableValues': ['On', 'Off', 'PowerCycle'],
			},
		},
	};
}

function controlPower(host: PduHost, call: Call, outlet: Outlet | undefined): Outcome {
	if (!outlet) return notFound('Outlet', call.params[1] ?? '');
	const read = call.values({ PowerState: oneOf('On', 'Off', 'PowerCycle') }, ['PowerState']);
	if (!read.ok) return read.outcome;
	host.switchOutlet(outlet, read.value.get('PowerState') as 'On' | 'Off' | 'PowerCycle');
	return done();
}
