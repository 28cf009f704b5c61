import { startDaemon } from '../daemon';
import { type Figure, median } from '../figure';
import { withDirectory } from '../workload';

export const ready: Figure = {
  name: 'ready after start',
  unit: 's',
  bound: { at: 'most', value: 1.5 },
  why: 'from starting the daemon on an empty data directory until /readyz answers 200; median of 5',
  async measure() {
    const times: number[] = [];
    for (let n = 0; n < 5; n += 1) {
      times.push(
        await withDirectory(async (directory) => {
          const daemon = await startDaemon(directory);
          await daemon.stop();
          return daemon.secondsToReady;
        }),
      );
    }
    return median(times);
  },
};
