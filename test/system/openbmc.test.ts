// A real OpenBMC in QEMU with the proxy in front, as `bimetal qemu openbmc --proxy` makes it, where somebody has given
// an image: BIMETAL_OPENBMC_IMAGE=FILE, or ../shared/openbmc/*.static.mtd. BIMETAL_OPENBMC_MACHINE names its board where
// the image does not tell, BIMETAL_OPENBMC_TIMEOUT says how long it may boot (15m).
import { z } from 'zod';
import { findOpenbmcImage } from '../some-bmc/openbmc-image.ts';
import { startBoardSite } from '../some-bmc/start-board-site.ts';
import { testSomeBmc } from '../some-bmc/suite.ts';
import { testWithImage } from '../some-bmc/test-with-image.ts';

const image = findOpenbmcImage(process.env);
const env = z
	.object({
		BIMETAL_OPENBMC_MACHINE: z.string().optional(),
		BIMETAL_OPENBMC_TIMEOUT: z.string().default('15m'),
	})
	.parse(process.env);

testSomeBmc(testWithImage(image), () =>
	startBoardSite([
		...['--image', image ?? '', '--timeout', env.BIMETAL_OPENBMC_TIMEOUT],
		...(env.BIMETAL_OPENBMC_MACHINE ? ['--machine', env.BIMETAL_OPENBMC_MACHINE] : []),
	]),
);
