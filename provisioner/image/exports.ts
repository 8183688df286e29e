import type { Actor } from '../authorize/actor.ts';
import { provisionerErrors } from '../errors.ts';

/** Places for those who export images: each may take a copy of an image in the storage until its last byte is sent. */
export interface Exports {
	/** A place, for whoever of `actor`'s projects the image is exported to; the result gives it back. @throws TooManyExports */
	begin(actor: Actor, imageOf: string): () => void;
}

/** Seconds until it is worth while to ask again. */
const retryAfterSeconds = 10;

/** So many at once for one project, and for all together: one alone never has all of them. */
export function createExports(most = { ofProject: 2, ofAll: 4 }): Exports {
	const underWay = new Map<string, number>();
	let all = 0;
	return {
		begin(actor, imageOf) {
			// Who is of no project (an administrator) stands for himself; no project is called `user …`.
			const [first = `user ${actor.name}`] = [...actor.projects].sort();
			const who = actor.projects.has(imageOf) ? imageOf : first;
			const own = underWay.get(who) ?? 0;
			if (own >= most.ofProject || all >= most.ofAll) {
				const [count, of] = own >= most.ofProject ? [own, who] : [all, 'this site'];
				throw provisionerErrors.TooManyExports(
					`${count} exports of ${of} are under way, and no more are done at once: try again when one has ended.`,
					{ retryAfterSeconds },
				);
			}
			underWay.set(who, own + 1);
			all++;
			let isOver = false;
			return () => {
				if (isOver) return;
				isOver = true;
				all--;
				const left = (underWay.get(who) ?? 1) - 1;
				if (left > 0) underWay.set(who, left);
				else underWay.delete(who);
			};
		},
	};
}
