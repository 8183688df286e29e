import { z } from 'zod';
import { duration } from '../../common/config/values.ts';
import { compilePrePolicy } from '../policy/pre-policy.ts';
import { fieldName } from './fields.ts';

/** The longest time for which something may be held that no sensor shows; milliseconds. */
const longest = 3_600_000;

const when = z.string().superRefine((text, context) => {
	const result = compilePrePolicy(text, { file: '', line: 1, column: 1 }, []);
	if (!result.ok) context.addIssue({ code: 'custom', message: result.problem.message });
	else if (result.value.needs.resource || result.value.needs.time) {
		context.addIssue({ code: 'custom', message: 'a reservation depends on Request.… alone' });
	}
});

const rule = z
	.strictObject({
		/** Rows of the authorization table. */
		operation: z
			.union([z.string().min(1), z.array(z.string().min(1)).min(1)])
			.transform(given => [given].flat()),
		/** A condition over `Request.…`; what it cannot decide is reserved for. */
		when: when.optional(),
		/** What comes on top of the present reading. */
		add: z.number().positive().optional(),
		/** What the reading will be at least. */
		draw: z.number().positive().optional(),
		/** It ends when the sensor shows it, and after this time in any case. */
		atMost: duration.refine(ms => ms >= 1000 && ms <= longest, 'expected 1s to 1h'),
	})
	.refine(each => (each.add === undefined) !== (each.draw === undefined), 'expected either add or draw');

/**
 * What operations will add to a quantity before a sensor shows it:
 *
 * ```yaml
 * reservations:
 *   field: Power
 *   row: Id
 *   rowOf: {node1: "1", node2: "2"}
 *   operations:
 *     - { operation: "Power on, off, reboot $system", when: Request.Body.ResetType != "ForceOff", draw: 135, atMost: 60s }
 * ```
 */
export const reservationRules = z
	.strictObject({
		/** The number that operations add to. */
		field: fieldName,
		/** The field that tells rows apart. Without it reservations stand beside the rows, until their time is over. */
		row: fieldName.optional(),
		/** The row of each BMC; one that is not named here is in the row of its own name. */
		rowOf: z.record(z.string(), z.string()).default({}),
		operations: z.array(rule).min(1),
	})
	.superRefine((rules, context) => {
		for (const [i, each] of rules.operations.entries()) {
			if (each.draw !== undefined && rules.row === undefined) {
				const message = 'what is drawn in all takes a row; without one, write add';
				context.addIssue({ code: 'custom', message, path: ['operations', i, 'draw'] });
			}
		}
	});

export type ReservationRules = z.output<typeof reservationRules>;
