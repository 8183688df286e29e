// The process in which large pools are cleared by hand: see hand-clearing.ts. What it is sent comes from that module alone.
import { curveBound } from './bound.ts';
import { awardGreedily } from './greedy.ts';
import type { HandAnswer, HandMessage } from './hand-clearing.ts';
import { PackedPool, packAwards } from './packed-pool.ts';

let packed = new PackedPool();

process.on('message', (message: HandMessage) => {
	if (message.type !== 'clear') {
		packed.take(message);
		return;
	}
	const pool = packed.pool();
	packed = new PackedPool();
	const answer: HandAnswer = {
		awards: packAwards(pool, awardGreedily(pool)),
		bound: curveBound(pool),
	};
	process.send?.(answer);
});
// Whoever asked is gone.
process.on('disconnect', () => process.exit(0));
