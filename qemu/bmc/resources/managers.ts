import { collection, type JsonObject, link } from '../../redfish/json.ts';
import { done, failed, notFound, success } from '../../redfish/outcome.ts';
import { CONFIGURE_MANAGER } from '../../redfish/privileges.ts';
import { flag, matching, object, type Shape, text } from '../../redfish/request-body.ts';
import { act, resource } from '../../redfish/route-kinds.ts';
import type { Call, Route } from '../../redfish/route-table.ts';
import { changeSettings, type Device, setting, timestamp, withSettings } from '../device.ts';
import { resetInfo } from './systems.ts';

const ALL = '/redfish/v1/Managers';
const M = `${ALL}/{}`;
export const MANAGER = `${ALL}/bmc`;
const RESET_TYPES = ['GracefulRestart', 'ForceRestart'];

export function isManager(call: Call): boolean {
	return call.params[0] === 'bmc';
}

const CHANGEABLE: Shape = {
	DateTime: matching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)$/),
	LocationIndicatorActive: flag,
	ServiceIdentification: text,
	Links: { ActiveSoftwareImage: { '@odata.id': text } },
	Oem: { OpenBmc: { Fan: object } },
};

export function managerRoutes(device: Device): Route[] {
	return [
		...resource(ALL, () => collection(ALL, 'ManagerCollection', 'Manager Collection', ['bmc'])),
		...resource(M, call => (isManager(call) ? showManager(device) : undefined), {
			type: 'Manager',
			volatile: true,
			unannounced: true,
		}),
		act('PATCH', M, CONFIGURE_MANAGER, call => {
			if (!isManager(call)) return notFound('Manager', call.params[0] ?? '');
			const read = call.values(CHANGEABLE);
			if (!read.ok) return read.outcome;
			const values = new Map(read.value);
			const dateTime = values.get('DateTime');
			values.delete('DateTime');
			if (dateTime !== undefined) {
				const wanted = Date.parse(String(dateTime));
				if (Number.isNaN(wanted)) {
					return failed(400, 'PropertyValueFormatError', JSON.stringify(dateTime), 'DateTime');
				}
				// The hands are moved, not stopped: what is kept is the difference to our own clock.
				values.set('clockOffset', wanted - device.clock.now());
			}
			changeSettings(device, MANAGER, values);
			return done();
		}),
		...resource(
			`${M}/ResetActionInfo`,
			call => (isManager(call) ? resetInfo(MANAGER, RESET_TYPES) : undefined),
			{
				type: 'Manager',
			},
		),
		act('POST', `${M}/Actions/Manager.Reset`, CONFIGURE_MANAGER, call => {
			if (!isManager(call)) return notFound('Manager', call.params[0] ?? '');
			const read = call.values({ ResetType: text }, ['ResetType']);
			if (!read.ok) return read.outcome;
			const type = String(read.value.get('ResetType'));
			if (!RESET_TYPES.includes(type)) return failed(400, 'ActionParameterNotSupported', type, 'ResetType');
			device.state.managerResets++;
			device.report({
				severity: 'OK',
				messageId: 'OpenBMC.0.5.BMCRestarted',
				message: `The BMC was restarted (${type}).`,
				args: [type],
			});
			device.restarted();
			return success();
		}),
		act('POST', `${M}/Actions/Manager.ResetToDefaults`, CONFIGURE_MANAGER, call => {
			if (!isManager(call)) return notFound('Manager', call.params[0] ?? '');
			const read = call.values({ ResetType: text, ResetToDefaultsType: text });
			if (!read.ok) return read.outcome;
			const type = read.value.get('ResetType') ?? read.value.get('ResetToDefaultsType');
			if (type === undefined) return failed(400, 'PropertyMissing', 'ResetType');
			if (type !== 'ResetAll') return failed(400, 'ActionParameterNotSupported', String(type), 'ResetType');
			device.resetToDefaults();
			return success();
		}),
		...resource(
			`${M}/ManagerDiagnosticData`,
			call =>
				isManager(call)
					? {
							'@odata.id': `${MANAGER}/ManagerDiagnosticData`,
							'@odata.type': '#ManagerDiagnosticData.v1_2_0.ManagerDiagnosticData',
							Id: 'ManagerDiagnosticData',
							Name: 'Manager Diagnostic Data',
							ServiceRootUptimeSeconds: Math.floor((device.clock.now() - device.startedAt) / 1000),
						}
					: undefined,
			{ type: 'Manager', volatile: true },
		),
	];
}

function showManager(device: Device): JsonObject {
	const { identity } = device;
	const offset = Number(setting(device, MANAGER, 'clockOffset') ?? 0);
	const shown = withSettings(device, {
		'@odata.id': MANAGER,
		'@odata.type': '#Manager.v1_15_0.Manager',
		Id: 'bmc',
		Name: 'OpenBmc Manager',
		Description: 'Baseboard Management Controller',
		ManagerType: 'BMC',
		Manufacturer: identity.manufacturer,
		Model: 'AST2600',
		PartNumber: 'AST2600-BMC',
		SparePartNumber: '',
		SerialNumber: `${identity.serial}-BMC`,
		ServiceEntryPointUUID: identity.uuid,
		ServiceIdentification: '',
		UUID: identity.uuid,
		FirmwareVersion: device.state.firmware.bmc_active ?? '',
		PowerState: 'On',
		Status: { Health: 'OK', State: 'Enabled' },
		DateTime: timestamp(device.clock.now() + offset),
		DateTimeLocalOffset: '+00:00',
		TimeZoneName: 'UTC',
		LastResetTime: timestamp(device.startedAt),
		LocationIndicatorActive: false,
		EthernetInterfaces: link(`${MANAGER}/EthernetInterfaces`),
		LogServices: link(`${MANAGER}/LogServices`),
		ManagerDiagnosticData: link(`${MANAGER}/ManagerDiagnosticData`),
		NetworkProtocol: link(`${MANAGER}/NetworkProtocol`),
		Links: {
			ActiveSoftwareImage: link('/redfish/v1/UpdateService/FirmwareInventory/bmc_active'),
			ManagerForChassis: [link('/redfish/v1/Chassis/chassis')],
			'ManagerForChassis@odata.count': 1,
			ManagerForServers: [link('/redfish/v1/Systems/system')],
			'ManagerForServers@odata.count': 1,
		},
		Oem: {
			OpenBmc: {
				'@odata.id': `${MANAGER}#/Oem/OpenBmc`,
				'@odata.type': '#OpenBMCManager.v1_1_0.Manager',
				Certificates: link(`${MANAGER}/Truststore/Certificates`),
			},
		},
		Actions: {
			'#Manager.Reset': {
				target: `${MANAGER}/Actions/Manager.Reset`,
				'@Redfish.ActionInfo': `${MANAGER}/ResetActionInfo`,
			},
			'#Manager.ResetToDefaults': {
				target: `${MANAGER}/Actions/Manager.ResetToDefaults`,
				'ResetType@Redfish.AllowableValues': ['ResetAll'],
			},
		},
	});
	delete shown.clockOffset;
	return shown;
}
