import { collection, type JsonObject } from '../../redfish/json.ts';
import { resource } from '../../redfish/route-kinds.ts';
import type { Route } from '../../redfish/route-table.ts';
import type { Device } from '../device.ts';
import type { Reading } from '../host.ts';

const SENSORS = '/redfish/v1/Chassis/chassis/Sensors';

export function sensorRoutes(device: Device): Route[] {
	return [
		...resource(
			'/redfish/v1/Chassis/{}/Sensors',
			call =>
				call.params[0] === 'chassis'
					? collection(
							SENSORS,
							'SensorCollection',
							'Sensors',
							Object.keys(device.host.readings()),
							'Collection of Sensors for this Chassis',
						)
					: undefined,
			{ type: 'Chassis' },
		),
		...resource(
			'/redfish/v1/Chassis/{}/Sensors/{}',
			call => {
				const [chassis, id = ''] = call.params;
				const all = device.host.readings();
				const reading = Object.hasOwn(all, id) ? all[id] : undefined;
				return chassis === 'chassis' && reading ? showSensor(id, reading) : undefined;
			},
			{ type: 'Sensor' },
		),
	];
}

function showSensor(id: string, reading: Reading): JsonObject {
	return {
		'@odata.id': `${SENSORS}/${id}`,
		'@odata.type': '#Sensor.v1_11_1.Sensor',
		Id: id,
		Name: reading.name,
		Reading: reading.value,
		ReadingRangeMax: reading.critical * 2,
		ReadingRangeMin: 0,
		ReadingType: reading.type,
		ReadingUnits: reading.units,
		...(reading.type === 'Rotational' ? { SpeedRPM: reading.value } : {}),
		Status: { Health: 'OK', State: 'Enabled' },
		Thresholds: {
			LowerCritical: { Reading: 0 },
			UpperCritical: { Reading: reading.critical },
		},
	};
}
