import type { DoorsView } from '../api/schemas.ts';
import type { DoorsReport } from './watch-doors.ts';

/** How a BMC's doors are shown to operators. */
export function viewDoors({ state, open, reason, checkedAt }: DoorsReport): DoorsView {
	return {
		doors: state,
		openDoors: open.map(({ name }) => name),
		doorsReason: reason,
		doorsCheckedAt: checkedAt === null ? null : new Date(checkedAt).toISOString(),
	};
}
