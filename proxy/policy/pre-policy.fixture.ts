import type { JsonValue } from '../canonicalise/canonical-request.ts';
import type { ExternalValue, Facts } from './facts.ts';
import type { PrePolicy, PreResult } from './policy-set.ts';
import { compilePrePolicy } from './pre-policy.ts';

export const where = { file: 'hso/power.yaml', line: 2, column: 12 };
const fresh = (value: JsonValue): ExternalValue => ({ status: 'fresh', value, asOf: 0 });

export function compile(source: string): PrePolicy {
	const result = compilePrePolicy(source, where, ['Servers', 'PDU', 'Old', 'Empty']);
	if (!result.ok) throw new Error(`${result.problem.offset}: ${result.problem.message}`);
	return result.value;
}

export function facts(up = 8, change: Partial<Facts> = {}): Facts {
	return {
		Request: {
			Method: 'POST',
			Path: '/redfish/v1/Systems/system/Actions/ComputerSystem.Reset',
			Operation: 'Power on, off, reboot $system',
			Bmc: 'node1',
			Rack: 'rack1',
			Party: 'HSO',
			Operator: 'hso-operator',
			Body: { ResetType: 'ForceRestart' },
		},
		Resource: {
			PowerState: 'Off',
			MemorySummary: { TotalSystemMemoryGiB: 64 },
			AssetTag: null,
			'Odd-Name': 1,
			Members: [{ Sizes: [1, 2] }, { Sizes: [3] }],
			Mixed: [1, 'x', true],
			List: [3, 1, 2],
		},
		External: {
			Servers: fresh(
				Array.from({ length: 8 }, (_, i) => ({ Name: `node${i + 1}`, State: i < up ? 'Up' : 'Down' })),
			),
			PDU: fresh({ Outlets: Array.from({ length: 8 }, (_, i) => ({ Id: String(i + 1), Power: 110 })) }),
			Old: { status: 'unavailable', reason: 'its last value is 90 s old, and may be 30 s' },
			Empty: fresh([]),
		},
		...change,
	};
}

export function evaluate(source: string, given = facts()): PreResult {
	return compile(source).evaluate(given);
}
