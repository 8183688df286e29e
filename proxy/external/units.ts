import type { ReservedSource } from '../claims/reservations.ts';
import type { ExternalSource } from './external-source.ts';

/** The units that the site file declares, by path as policies write it: `External.PDU.Outlets.Power` → `W`. */
export function unitsOf(
	sources: Readonly<Record<string, Pick<ExternalSource, 'fields' | 'under'>>>,
): ReadonlyMap<string, string> {
	const units = new Map<string, string>();
	for (const [source, { fields, under }] of Object.entries(sources)) {
		for (const [field, rule] of Object.entries(fields)) {
			if (rule.from !== 'path' || rule.unit === undefined) continue;
			units.set(['External', source, ...(under === undefined ? [] : [under]), field].join('.'), rule.unit);
		}
	}
	return units;
}

/** Of which sources something is reserved, and how. */
export function reservedOf(
	sources: Readonly<Record<string, Pick<ExternalSource, 'fields' | 'under' | 'reservations'>>>,
): Readonly<Record<string, ReservedSource>> {
	const reserved: Record<string, ReservedSource> = {};
	for (const [name, { fields, under, reservations: rules }] of Object.entries(sources)) {
		if (!rules) continue;
		const field = fields[rules.field];
		reserved[name] = { rules, under, unit: field?.from === 'path' ? field.unit : undefined };
	}
	return reserved;
}
