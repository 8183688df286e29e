import { z } from 'zod';
import { provisionerErrors } from '../../errors.ts';
import type { VolumeId } from '../storage.ts';
import type { CephPrograms } from './ceph-programs.ts';

const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** Of `rbd ls -l`, `rbd du` and `ceph df`, as JSON. Images of others have other names. */
const listSchema = z.array(
	z.looseObject({
		image: z.string(),
		snapshot: z.string().optional(),
		parent: z.looseObject({ image: z.string() }).optional(),
	}),
);
const usedSchema = z.looseObject({
	images: z.array(
		z.looseObject({ name: z.string(), snapshot: z.string().optional(), used_size: z.int().min(0) }),
	),
});
const spaceSchema = z.looseObject({
	pools: z.array(z.looseObject({ name: z.string(), stats: z.looseObject({ max_avail: z.number().min(0) }) })),
});

/** Every volume of a pool, with the bytes of its objects; and the bytes that the pool still takes, copies taken into account. */
export async function readRbdUsage(
	ceph: CephPrograms,
	pool: string,
): Promise<{
	readonly volumes: ReadonlyMap<VolumeId, { readonly own: number; readonly parent: VolumeId | null }>;
	readonly free: number;
}> {
	const [listed, used, space] = await Promise.all([
		ceph.ask(listSchema, 'rbd', ['ls', '-l', pool], { isLong: true }),
		ceph.ask(usedSchema, 'rbd', ['du', '--pool', pool], { isLong: true }),
		ceph.ask(spaceSchema, 'ceph', ['df']),
	]);
	const volumes = new Map<VolumeId, { own: number; parent: VolumeId | null }>();
	for (const { image, snapshot, parent } of listed) {
		if (snapshot !== undefined || !uuid.test(image)) continue;
		const parts = used.images.filter(({ name }) => name === image);
		// Of an image nothing was written since its snapshot, which has it all.
		const whole = parts.find(part => part.snapshot === image);
		volumes.set(image, {
			own: whole?.used_size ?? parts.reduce((sum, { used_size }) => sum + used_size, 0),
			parent: parent?.image ?? null,
		});
	}
	const found = space.pools.find(({ name }) => name === pool);
	if (!found) throw provisionerErrors.StorageFault(`ceph df does not tell of pool ${pool}`);
	return { volumes, free: found.stats.max_avail };
}
